//! Secrets out of what is shown: which bytes of a text may not be printed, found without parsing
//! it, because a text with a syntax error is shown too.
//!
//! In: a text and the spans that validation knows to be secret. Out: `Redactions`, and lines and
//! messages without them. It hides too much rather than too little: a hidden harmless word costs a
//! glance, a shown password a rotation.

mod scan;
mod shapes;

use std::borrow::Cow;
use std::ops::Range;

/// What is shown in place of a secret, whatever its length.
pub const MARK: &str = "•••";

/// Secrets shorter than this are not looked for in messages, where they would match parts of
/// ordinary words.
const SHORTEST_IN_MESSAGES: usize = 4;

/// The hidden bytes of one text.
#[derive(Debug, Default)]
pub(super) struct Redactions {
    /// In order, none touching another.
    ranges: Vec<Range<usize>>,
}

impl Redactions {
    /// Finds what looks like a secret in a text, and adds what is known to be one.
    pub(super) fn of(text: &str, known: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut ranges = scan::secrets(text);
        ranges.extend(known.into_iter().filter(|range| text.get(range.clone()).is_some()));
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self { ranges: merged }
    }

    /// The parts of a range that are hidden.
    pub(super) fn within(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
        let first = self.ranges.partition_point(|hidden| hidden.end <= range.start);
        self.ranges[first..]
            .iter()
            .take_while(move |hidden| hidden.start < range.end)
            .map(move |hidden| hidden.start.max(range.start)..hidden.end.min(range.end))
    }

    /// A message about a line, without the secrets of that line.
    pub(super) fn message(&self, message: &str, text: &str, line: Range<usize>) -> String {
        let mut shown = shape_of_secrets(message).into_owned();
        for hidden in self.within(line) {
            let secret = text.get(hidden).unwrap_or_default().trim();
            let bare = secret.trim_matches(['"', '\'']);
            for secret in [secret, bare] {
                if secret.len() >= SHORTEST_IN_MESSAGES && shown.contains(secret) {
                    shown = shown.replace(secret, MARK);
                }
            }
        }
        shown
    }
}

/// A message without what has the shape of a secret anywhere: tokens, keys and passwords in URLs.
pub(super) fn shape_of_secrets(message: &str) -> Cow<'_, str> {
    let mut hidden = shapes::shapes(message);
    if hidden.is_empty() {
        return Cow::Borrowed(message);
    }
    hidden.sort_by_key(|range| range.start);
    let mut shown = String::with_capacity(message.len());
    let mut at = 0;
    for range in hidden {
        if range.start >= at {
            shown.push_str(&message[at..range.start]);
            shown.push_str(MARK);
        }
        at = at.max(range.end);
    }
    shown.push_str(&message[at..]);
    Cow::Owned(shown)
}

/// A value at a route of keys as it may be shown: nothing of it where a key says that it is a
/// secret, and without what has the shape of one otherwise. What stands within a reference to a
/// secret is none.
pub fn value<'a>(route: &[&str], value: &'a str) -> Cow<'a, str> {
    let is_reference = route.iter().any(|key| is_reference_key(key));
    let is_secret = |key: &&str| is_secret_key(key) && !is_group_key(key);
    if !is_reference && route.iter().any(is_secret) {
        return if scan::is_harmless_value(value.as_bytes()) {
            Cow::Borrowed(value)
        } else {
            Cow::Borrowed(MARK)
        };
    }
    let redactions = Redactions::of(value, []);
    if redactions.ranges.is_empty() {
        return Cow::Borrowed(value);
    }
    let mut shown = String::with_capacity(value.len());
    let mut at = 0;
    for hidden in &redactions.ranges {
        shown.push_str(&value[at..hidden.start]);
        shown.push_str(MARK);
        at = hidden.end;
    }
    shown.push_str(&value[at..]);
    Cow::Owned(shown)
}

/// The lines of a log as they may be shown. A log is no document: a line that is not indented begins
/// anew, and is not hidden for what stands at the end of the line before it.
pub fn log(text: &str) -> String {
    let text = shape_of_secrets(text);
    let mut shown = String::with_capacity(text.len());
    let mut group = String::new();
    for line in text.split_inclusive('\n') {
        if !line.starts_with([' ', '\t']) && !group.is_empty() {
            shown.push_str(&value(&[], &group));
            group.clear();
        }
        group.push_str(line);
    }
    shown.push_str(&value(&[], &group));
    shown
}

/// The words that make a key's value a secret, wherever they stand in the key, without regard to
/// case and separators.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "token",
    "secret",
    "privatekey",
    "apikey",
    "accesskey",
    "accountkey",
    "sharedkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "clientkey",
    "consumerkey",
    "sslkey",
    "hostkey",
    "credential",
    "connectionstring",
    "connstr",
    "authorization",
    "bearer",
    "cookie",
    "jaasconfig",
    "stringdata",
    "keytab",
    "userinfo",
    "proxyauthentication",
    // OpenMetadata counts them as passwords.
    "certificate",
    "certvalue",
];

/// Whole keys that are secrets, too short to be looked for within others.
const WHOLE: &[&str] = &["pass", "pw", "pat", "sas", "sig", "jwt", "dsn"];

/// Endings of keys that name or locate a secret without holding it.
const HARMLESS_ENDINGS: &[&str] = &[
    "name", "ref", "url", "uri", "endpoint", "provider", "type", "expiry", "policy", "path", "file",
];

/// Whole keys that hold no secret in spite of a word in them.
const HARMLESS: &[&str] = &[
    "imagepullsecrets",
    "automountserviceaccounttoken",
    "maxtokens",
    "secretsmanagerloader",
    "externalsecret",
];

/// Whether the value of a key is to be hidden: `password`, `jwtToken`, `DB_PASSWORD`,
/// `private-key`.
pub fn is_secret_key(key: &str) -> bool {
    let mut letters = [0; scan::LONGEST_KEY];
    let mut length = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric).take(scan::LONGEST_KEY) {
        letters[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let key = &letters[..length];
    let is_one_of = |list: &[&str]| list.iter().any(|whole| whole.as_bytes() == key);
    let has_word =
        || (0..length).any(|at| WORDS.iter().any(|word| key[at..].starts_with(word.as_bytes())));
    is_one_of(WHOLE)
        || (has_word()
            && !is_one_of(HARMLESS)
            && !HARMLESS_ENDINGS.iter().any(|ending| key.ends_with(ending.as_bytes())))
}

/// Whether a mapping at a key is a group of settings, of which only those with secret keys of their
/// own are hidden.
fn is_group_key(key: &str) -> bool {
    matches!(key, "credentials" | "credential" | "secrets")
}

/// Whether a key leads to the place of a secret rather than to the secret; `secretKeyReff` is meant
/// as one too.
fn is_reference_key(key: &str) -> bool {
    key.starts_with("secretKey") || matches!(key, "valueFrom" | "secretRef" | "configMapKeyRef")
}

#[cfg(test)]
mod tests;
