//! The values of secrets that an exit handler knows, so that it can keep them out of what it says.
//!
//! In: values. Out: texts without them. It prints nothing, and cannot be printed.

use std::borrow::Cow;
use std::fmt;

use crate::diagnostic::redact::MARK;

/// Shorter ones are not looked for: they would match parts of ordinary words.
const SHORTEST: usize = 4;

/// Values that are never shown.
#[derive(Clone, Default)]
pub(super) struct SecretValues(Vec<String>);

impl SecretValues {
    /// Adds one, and each of its lines: a log shows a key of several lines line by line.
    pub(super) fn add(&mut self, value: &str) {
        let lines = value.lines().filter(|line| *line != value);
        for text in std::iter::once(value).chain(lines) {
            let text = text.trim();
            if text.len() >= SHORTEST && !self.0.iter().any(|known| known == text) {
                self.0.push(text.to_owned());
            }
        }
        // The longest first, for one may be part of another.
        self.0.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// A text without them.
    pub(super) fn hidden_in<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for value in &self.0 {
            if shown.contains(value.as_str()) {
                shown = Cow::Owned(shown.replace(value.as_str(), MARK));
            }
        }
        shown
    }
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValues({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hidden_wherever_it_stands_and_the_longer_one_first() {
        let mut secrets = SecretValues::default();
        secrets.add("hunter2");
        secrets.add("hunter22");
        secrets.add("on");
        assert_eq!(secrets.hidden_in("a hunter22, hunter2 on"), "a •••, ••• on");
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn the_lines_of_a_key_are_hidden_one_by_one() {
        let mut secrets = SecretValues::default();
        secrets.add("-----BEGIN KEY-----\nMIIEvQIB\n");
        assert_eq!(secrets.hidden_in("12:00 MIIEvQIB"), "12:00 •••");
    }
}
