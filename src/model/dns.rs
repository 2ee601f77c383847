//! Names of Kubernetes objects: DNS-1123 labels and subdomains, as the API server checks them.
//!
//! In: a name as written. Out: [`Namespace`], [`ServiceAccountName`], [`SecretName`],
//! [`SecretKey`], or the character at fault.

use std::ops::Range;

use compact_str::CompactString;

use super::newtype::text_newtype;
use super::refusal::Refusal;

/// The longest DNS-1123 label (RFC 1123), which namespaces and label values share.
pub(crate) const LABEL_MAX: usize = 63;
/// The longest DNS-1123 subdomain: the name of most objects.
pub(crate) const SUBDOMAIN_MAX: usize = 253;

/// A namespace: a DNS-1123 label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Namespace(CompactString);
text_newtype!(Namespace);

/// The name of a ServiceAccount: a DNS-1123 subdomain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServiceAccountName(CompactString);
text_newtype!(ServiceAccountName);

/// The name of a Secret: a DNS-1123 subdomain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecretName(CompactString);
text_newtype!(SecretName);

/// A key of a Secret's or ConfigMap's data: letters, digits, `-`, `_` and `.`, at most 253
/// characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecretKey(CompactString);
text_newtype!(SecretKey);

impl Namespace {
    /// Reads a namespace.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_label(text).map(|()| Self(text.into()))
    }
}

impl ServiceAccountName {
    /// Reads the name of a ServiceAccount.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_subdomain(text).map(|()| Self(text.into()))
    }
}

impl SecretName {
    /// Reads the name of a Secret.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_subdomain(text).map(|()| Self(text.into()))
    }
}

impl SecretKey {
    /// Reads a key of a Secret's data.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new(0..0, "it is empty"));
        }
        if let Some((range, found)) =
            bad_character(text, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err(Refusal::new(
                range,
                format!("a key of a Secret holds letters, digits, `-`, `_` and `.`, not {found}"),
            ));
        }
        if text.len() > SUBDOMAIN_MAX {
            return Err(too_long(text, "a key of a Secret", SUBDOMAIN_MAX));
        }
        // The kubelet writes keys as file names, so that the API server refuses these two.
        if text == "." || text.starts_with("..") {
            return Err(Refusal::whole(text, "a key must not be `.` or start with `..`"));
        }
        Ok(Self(text.into()))
    }
}

/// Checks a DNS-1123 label: lower-case letters, digits and `-`, at most 63, a letter or digit at
/// both ends.
pub(crate) fn check_label(text: &str) -> Result<(), Refusal> {
    const WHAT: &str = "a DNS label";
    if text.len() > LABEL_MAX {
        return Err(too_long(text, WHAT, LABEL_MAX));
    }
    check_label_characters(text, WHAT)
}

/// Checks a DNS-1123 subdomain: labels joined by dots, at most 253 characters in all.
pub(crate) fn check_subdomain(text: &str) -> Result<(), Refusal> {
    const WHAT: &str = "a DNS name";
    if text.len() > SUBDOMAIN_MAX {
        return Err(too_long(text, WHAT, SUBDOMAIN_MAX));
    }
    let mut start = 0;
    for part in text.split('.') {
        check_label_characters(part, WHAT).map_err(|refusal| refusal.shifted(start))?;
        start += part.len() + 1;
    }
    Ok(())
}

fn check_label_characters(text: &str, what: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(
            0..0,
            format!("{what} must not be empty or have an empty part between dots"),
        ));
    }
    if let Some((range, found)) =
        bad_character(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        let refusal = Refusal::new(
            range,
            format!("{what} holds lower-case letters, digits and `-`, not {found}"),
        );
        let lower = text.to_ascii_lowercase();
        if lower != text && check_label_characters(&lower, what).is_ok() {
            return Err(refusal.with_help(format!("write `{lower}`")));
        }
        return Err(refusal);
    }
    for end in [0, text.len() - 1] {
        if text.as_bytes()[end] == b'-' {
            return Err(Refusal::new(
                end..end + 1,
                format!("{what} starts and ends with a letter or digit, not with `-`"),
            ));
        }
    }
    Ok(())
}

pub(super) fn too_long(text: &str, what: &str, most: usize) -> Refusal {
    Refusal::whole(
        text,
        format!("{what} has at most {most} characters, and this has {}", text.len()),
    )
}

/// The first character that is not allowed, and how to speak of it.
pub(super) fn bad_character(
    text: &str,
    allowed: impl Fn(char) -> bool,
) -> Option<(Range<usize>, String)> {
    let (at, found) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let shown = match found {
        ' ' => "a space".to_owned(),
        '`' => "a backtick".to_owned(),
        found if found.is_control() => format!("the control character U+{:04X}", found as u32),
        found => format!("`{found}`"),
    };
    Some((at..at + found.len_utf8(), shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_dns_label() {
        assert_eq!(Namespace::parse("om-prod-2").unwrap().as_str(), "om-prod-2");
        for (text, range) in
            [("Om", 0..1), ("a_b", 1..2), ("-a", 0..1), ("a-", 1..2), ("a.b", 1..2), ("", 0..0)]
        {
            assert_eq!(Namespace::parse(text).unwrap_err().range, range, "{text}");
        }
        assert!(Namespace::parse(&"a".repeat(63)).is_ok());
        assert!(Namespace::parse(&"a".repeat(64)).is_err());
    }

    #[test]
    fn a_service_account_may_hold_dots_but_no_empty_part() {
        assert!(ServiceAccountName::parse("team.ingestion").is_ok());
        assert_eq!(ServiceAccountName::parse("team..ingestion").unwrap_err().range, 5..5);
        assert_eq!(ServiceAccountName::parse("team.in_gestion").unwrap_err().range, 7..8);
        assert!(ServiceAccountName::parse(&"a".repeat(254)).is_err());
    }

    #[test]
    fn a_name_in_upper_case_is_offered_in_lower_case() {
        let refusal = Namespace::parse("OpenMetadata").unwrap_err();
        assert_eq!(refusal.help.as_deref(), Some("write `openmetadata`"));
    }

    #[test]
    fn a_secret_key_is_any_file_name_without_slashes() {
        for good in ["password", "jdbc.url", "_X-1", ".pgpass"] {
            assert!(SecretKey::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "..", "..data", ".", "a b"] {
            assert!(SecretKey::parse(bad).is_err(), "{bad}");
        }
    }
}
