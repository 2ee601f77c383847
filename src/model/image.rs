//! References to container images, by the grammar that container runtimes share
//! (`docker.io/distribution/reference`).
//!
//! In: the text. Out: an [`ImageReference`], or the part that is wrong. What a registry holds is
//! never asked.

use compact_str::CompactString;

use super::dns::bad_character;
use super::newtype::text_newtype;
use super::refusal::Refusal;

/// The longest name, registry and path together.
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// An image: `registry:port/path:tag@digest`, of which only the path is needed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ImageReference(CompactString);
text_newtype!(ImageReference);

impl ImageReference {
    /// Reads a reference.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new(0..0, "it is empty"));
        }
        if let Some((range, found)) = bad_character(text, |c| !c.is_whitespace() && !c.is_control())
        {
            return Err(Refusal::new(range, format!("an image reference must not hold {found}")));
        }
        if let Some(scheme) = text.find("://") {
            return Err(Refusal::new(0..scheme + 3, "an image reference has no scheme")
                .with_help("leave it out"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash starts the tag; one before it, the registry's port.
        let last_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last_slash..].find(':') {
            Some(at) => (&rest[..last_slash + at], Some(&rest[last_slash + at + 1..])),
            None => (rest, None),
        };
        check_name(name)?;
        if let Some(tag) = tag {
            check_tag(tag).map_err(|refusal| refusal.shifted(name.len() + 1))?;
        }
        if let Some(digest) = digest {
            check_digest(digest).map_err(|refusal| refusal.shifted(rest.len() + 1))?;
        }
        Ok(Self(text.into()))
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.len() > NAME_MAX {
        return Err(Refusal::whole(
            name,
            format!("an image's name has at most {NAME_MAX} characters"),
        ));
    }
    let mut start = 0;
    let mut path = name;
    // The part before the first slash is a registry if it cannot be a path.
    if let Some((first, rest)) = name.split_once('/')
        && (first.contains(['.', ':', '['])
            || first == "localhost"
            || first.bytes().any(|b| b.is_ascii_uppercase()))
    {
        check_registry(first)?;
        start = first.len() + 1;
        path = rest;
    }
    for component in path.split('/') {
        check_component(component).map_err(|refusal| refusal.shifted(start))?;
        start += component.len() + 1;
    }
    Ok(())
}

fn check_registry(registry: &str) -> Result<(), Refusal> {
    let (host, port) = match registry.rfind(':') {
        Some(at) if !registry.ends_with(']') => (&registry[..at], Some(&registry[at + 1..])),
        _ => (registry, None),
    };
    if let Some(port) = port
        && (port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(Refusal::new(host.len() + 1..registry.len(), "a registry's port is a number"));
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
            return Err(Refusal::whole(host, "this is no IPv6 address"));
        }
        return Ok(());
    }
    let mut start = 0;
    for part in host.split('.') {
        let fine = !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-');
        if !fine {
            return Err(Refusal::new(
                start..start + part.len(),
                "a registry's host holds letters, digits, `-` and single dots",
            ));
        }
        start += part.len() + 1;
    }
    Ok(())
}

/// Lower-case letters and digits, with single `.` or `_`, `__` or any number of `-` between them.
fn check_component(component: &str) -> Result<(), Refusal> {
    if component.is_empty() {
        return Err(Refusal::new(0..0, "an image's path must not have an empty part"));
    }
    if let Some(at) = component.find(|c: char| c.is_ascii_uppercase()) {
        return Err(Refusal::new(at..at + 1, "an image's path holds no upper-case letters")
            .with_help("only the registry's host and the tag may have them"));
    }
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some((range, found)) = bad_character(component, |c| alphanumeric(c) || "._-".contains(c))
    {
        return Err(Refusal::new(range, format!("an image's path must not hold {found}")));
    }
    let mut at = 0;
    for separator in component.split(alphanumeric) {
        let inner = at > 0 && at + separator.len() < component.len();
        let fine = match separator {
            "" => true,
            "." | "_" | "__" => inner,
            dashes => inner && dashes.bytes().all(|b| b == b'-'),
        };
        if !fine {
            return Err(Refusal::new(
                at..at + separator.len(),
                "parts of an image's path start and end with a letter or digit, with one of `.`, `_`, `__` or hyphens between",
            ));
        }
        at += separator.len() + 1;
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<(), Refusal> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if tag.is_empty() {
        return Err(Refusal::new(0..0, "the tag is empty"));
    }
    if let Some((range, found)) = bad_character(tag, |c| word(c) || c == '.' || c == '-') {
        return Err(Refusal::new(range, format!("a tag must not hold {found}")));
    }
    if !tag.starts_with(word) {
        return Err(Refusal::new(0..1, "a tag starts with a letter, a digit or `_`"));
    }
    if tag.len() > TAG_MAX {
        return Err(Refusal::whole(tag, format!("a tag has at most {TAG_MAX} characters")));
    }
    Ok(())
}

fn check_digest(digest: &str) -> Result<(), Refusal> {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err(Refusal::whole(digest, "a digest is an algorithm and a hash: `sha256:…`"));
    };
    let wanted = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => {
            return Err(Refusal::new(
                0..algorithm.len(),
                "a digest is made by sha256, sha384 or sha512",
            ));
        }
    };
    let start = algorithm.len() + 1;
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if let Some((range, _)) = bad_character(hex, digit) {
        let reason = "a digest's hash is written in the digits 0-9 and a-f";
        return Err(Refusal::new(range, reason).shifted(start));
    }
    if hex.len() != wanted {
        return Err(Refusal::new(
            start..digest.len(),
            format!("a hash by {algorithm} has {wanted} digits, and this has {}", hex.len()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_registry_a_port_a_tag_and_a_digest_may_be_given() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for good in [
            "ingestion",
            "openmetadata/ingestion:1.13.6",
            "docker.getcollate.io/openmetadata/ingestion:latest",
            "registry.example.com:5000/team/om-ingestion__x:v1_2",
            "localhost/ingestion",
            "[::1]:5000/ingestion",
            "a.b/c--d/e.f_g:T",
            &format!("ingestion@{digest}"),
            &format!("registry:5000/ingestion:1.0@{digest}"),
        ] {
            assert_eq!(ImageReference::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_wrong_part_is_marked() {
        for (bad, marked) in [
            ("openmetadata/Ingestion:1", "I"),
            ("openmetadata/ingestion:1.0 ", " "),
            ("https://docker.io/openmetadata/ingestion", "https://"),
            ("docker.io/open..metadata/ingestion", ".."),
            ("docker.io/-openmetadata", "-"),
            ("docker.io:port/ingestion", "port"),
            ("ingestion:.1", "."),
            ("ingestion:a$b", "$"),
            ("ingestion@sha256:abc", "abc"),
            ("ingestion@sha256", "sha256"),
            ("ingestion@md5:0123456789abcdef0123456789abcdef", "md5"),
            ("ingestion:1:2", ":"),
            ("exa_mple.com/ingestion", "exa_mple"),
            ("docker.io/ingestion:{{tag}}", "{"),
        ] {
            let refusal = ImageReference::parse(bad).unwrap_err();
            assert_eq!(&bad[refusal.range.clone()], marked, "{bad}: {}", refusal.reason);
        }
        for bad in ["", "ingestion:", "/ingestion", "a//b", "a/"] {
            assert!(ImageReference::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_upper_case_path_is_refused_with_the_reason() {
        let refusal = ImageReference::parse("openmetadata/Ingestion").unwrap_err();
        assert!(refusal.reason.contains("upper-case"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[-a-zA-Z0-9._:/@\\[\\]]{0,40}|\\PC{0,12}") {
            if let Err(refusal) = ImageReference::parse(&text) {
                prop_assert!(text.get(refusal.range).is_some());
            }
        }
    }
}
