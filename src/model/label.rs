//! Labels and annotations: keys and values as the API server checks them.
//!
//! In: a key or value as written. Out: [`LabelKey`], [`LabelValue`], or the character at fault.
//! Annotations have the keys of labels and any text as value.

use compact_str::CompactString;

use super::dns::{LABEL_MAX, bad_character, check_subdomain, too_long};
use super::newtype::text_newtype;
use super::refusal::Refusal;

/// The key of a label, annotation or node selector: `name` or `prefix.of/name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LabelKey(CompactString);
text_newtype!(LabelKey);

/// The value of a label or node selector; may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LabelValue(CompactString);
text_newtype!(LabelValue);

impl LabelKey {
    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Whether a text is a key.
    pub fn check(text: &str) -> Result<(), Refusal> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        let mut name_start = 0;
        if let Some(prefix) = prefix {
            if prefix.is_empty() {
                return Err(Refusal::new(
                    0..1,
                    "the part before `/` is a DNS name and must not be empty",
                ));
            }
            check_subdomain(prefix)?;
            name_start = prefix.len() + 1;
        }
        if name.is_empty() {
            return Err(Refusal::new(0..text.len(), "a label's key must have a name"));
        }
        check_characters(name, "the name of a label's key")
            .map_err(|refusal| refusal.shifted(name_start))
    }
}

impl LabelValue {
    /// The empty value.
    pub fn empty() -> Self {
        Self(CompactString::const_new(""))
    }

    /// Reads a value.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Whether a text is a value.
    pub fn check(text: &str) -> Result<(), Refusal> {
        if text.is_empty() {
            return Ok(());
        }
        check_characters(text, "a label's value")
    }
}

/// Letters, digits, `-`, `_` and `.`, at most 63, a letter or digit at both ends.
fn check_characters(text: &str, what: &str) -> Result<(), Refusal> {
    if let Some((range, found)) =
        bad_character(text, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(Refusal::new(
            range,
            format!("{what} holds letters, digits, `-`, `_` and `.`, not {found}"),
        ));
    }
    if text.len() > LABEL_MAX {
        return Err(too_long(text, what, LABEL_MAX));
    }
    for end in [0, text.len() - 1] {
        if !text.as_bytes()[end].is_ascii_alphanumeric() {
            return Err(Refusal::new(
                end..end + 1,
                format!("{what} starts and ends with a letter or digit"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_have_a_prefix_that_is_a_dns_name() {
        for good in ["zone", "app.kubernetes.io/name", "A_b.c-d", "x/1"] {
            assert_eq!(LabelKey::parse(good).unwrap().as_str(), good);
        }
        for (bad, range) in [
            ("", 0..0),
            ("/name", 0..1),
            ("a/", 0..2),
            ("a/b/c", 3..4),
            ("App.io/name", 0..1),
            ("app.io/-name", 7..8),
            ("zone us", 4..5),
        ] {
            assert_eq!(LabelKey::parse(bad).unwrap_err().range, range, "{bad}");
        }
    }

    #[test]
    fn a_value_is_at_most_63_characters_and_may_be_empty() {
        for good in ["", "a", "us-west1-a", "A_b.c", &"x".repeat(63)] {
            assert!(LabelValue::parse(good).is_ok(), "{good}");
        }
        for (bad, range) in
            [("a b", 1..2), (".a", 0..1), ("a-", 1..2), ("a/b", 1..2), (&*"x".repeat(64), 0..64)]
        {
            assert_eq!(LabelValue::parse(bad).unwrap_err().range, range, "{bad}");
        }
    }
}
