//! The difference of two texts as a unified diff, without their secrets.
//!
//! In: what a file holds, and what it is to hold. Out: text in the form of `diff -u` and Git. Of a
//! Kubernetes Secret nothing is shown. It does no I/O.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex_lite::Regex;
use similar::TextDiff;

use crate::diagnostic::redact;

/// With more lines than this of each side that the other does not have, the shortest way from one
/// to the other is not looked for, which would take a time that grows with their square.
const MOST_LINES: usize = 3_000;

/// Lines shown around a change, as `diff -u` and Git have them.
const CONTEXT: usize = 3;

/// A Secret's `kind`, however YAML or JSON may write it.
static SECRET: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\bkind["']?\s*:\s*["']?Secret\b"#).ok());

/// The diff that makes the old text of a file the new one. `None` is a file that is not there.
pub(super) fn unified(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    unified_between(["a", "b"], path, old, new)
}

/// The same, with names for the two sides.
pub fn unified_between(
    sides: [&str; 2],
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> String {
    if [old, new].into_iter().flatten().any(is_secret) {
        return not_shown(sides, path, "a Secret is not shown");
    }
    let shown = |text: Option<&str>| redact::value(&[], text.unwrap_or_default()).into_owned();
    let (old_shown, new_shown) = (shown(old), shown(new));
    if old_shown == new_shown && old.is_some() == new.is_some() {
        return not_shown(sides, path, "secrets are not shown");
    }
    let shown = |side: Option<&str>, shown| side.map(|_| shown);
    unified_of_masked(sides, path, shown(old, &*old_shown), shown(new, &*new_shown))
}

/// The same of texts that hold no secret, only marks in their place.
pub fn unified_of_masked(
    sides: [&str; 2],
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> String {
    let name = |side: &str, text: Option<&str>| match text {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (old_name, new_name) = (name(sides[0], old), name(sides[1], new));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if have_little_in_common(old, new) {
        return replaced(&old_name, old, &new_name, new);
    }
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&old_name, &new_name)
        .to_string()
}

/// As Git says it of binary files.
fn not_shown([old, new]: [&str; 2], path: &str, why: &str) -> String {
    format!("Files {old}/{path} and {new}/{path} differ: {why}\n")
}

fn is_secret(text: &str) -> bool {
    // Without the pattern every file would be one.
    text.contains("Secret") && SECRET.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

fn have_little_in_common(old: &str, new: &str) -> bool {
    if old.lines().count().min(new.lines().count()) <= MOST_LINES {
        return false;
    }
    let mut lines: HashMap<&str, i64> = HashMap::new();
    old.lines().for_each(|line| *lines.entry(line).or_default() -= 1);
    new.lines().for_each(|line| *lines.entry(line).or_default() += 1);
    let alone = |of: fn(i64) -> i64| lines.values().map(|count| of(*count).max(0)).sum::<i64>();
    let least = alone(|count| -count).min(alone(|count| count));
    usize::try_from(least).is_ok_and(|least| least > MOST_LINES)
}

/// All lines of one side, then all of the other.
fn replaced(old_name: &str, old: &str, new_name: &str, new: &str) -> String {
    let (old_lines, new_lines) = (old.lines().count(), new.lines().count());
    let mut diff = format!("--- {old_name}\n+++ {new_name}\n@@ -1,{old_lines} +1,{new_lines} @@\n");
    for (sign, text) in [('-', old), ('+', new)] {
        for line in text.lines() {
            diff.push(sign);
            diff.push_str(line);
            diff.push('\n');
        }
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let old = "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\n";
        let new = "a: 1\nb: 1\nc: 1\nd: 1\ne: 2\n";
        assert_eq!(
            unified("p/x.yaml", Some(old), Some(new)),
            "--- a/p/x.yaml\n+++ b/p/x.yaml\n@@ -2,4 +2,4 @@\n b: 1\n c: 1\n d: 1\n-e: 1\n+e: 2\n"
        );
    }

    #[test]
    fn a_file_that_is_on_one_side_only_is_all_new_or_gone() {
        assert_eq!(
            unified("x.yaml", None, Some("a: 1\n")),
            "--- /dev/null\n+++ b/x.yaml\n@@ -0,0 +1 @@\n+a: 1\n"
        );
        assert_eq!(
            unified("x.yaml", Some("a: 1\n"), None),
            "--- a/x.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-a: 1\n"
        );
    }

    #[test]
    fn no_secret_is_shown_of_either_side() {
        for (old, new) in [
            ("kind: Secret\ndata: {a: hunter2}\n", "kind: Secret\ndata: {a: hunter3}\n"),
            ("{\"kind\" : \"Secret\", \"data\": {\"a\": \"hunter2\"}}", "kind: ConfigMap\n"),
            ("kind: ConfigMap\n", "a: b\n---\nkind:   'Secret'\nstringData: {a: hunter2}\n"),
            ("  password: hunter2\nx: 1\n", "  password: hunter3\nx: 1\n"),
            ("  password: hunter2\nx: 1\n", "x: 2\n"),
            ("url: postgres://me:hunter2@db/x\n", "url: postgres://me:hunter3@db/x\n"),
        ] {
            for (old, new) in [(old, Some(new)), (new, Some(old)), (old, None), (new, None)] {
                let diff = unified("x.yaml", Some(old), new);
                assert!(!diff.contains("hunter") && !diff.is_empty(), "{diff}");
            }
        }
    }

    #[test]
    fn texts_with_little_in_common_are_replaced_at_once() {
        let text =
            |letter: char| (0..4_000).map(|n| format!("- {letter}{n}\n")).collect::<String>();
        let diff = unified("x.yaml", Some(&text('a')), Some(&text('b')));
        assert!(diff.starts_with("--- a/x.yaml\n+++ b/x.yaml\n@@ -1,4000 +1,4000 @@\n-- a0\n"));
        assert_eq!(diff.lines().count(), 3 + 8_000);
        // A few lines, as many as there may be, are found.
        let long = text('a');
        let changed = long.replace("- a777\n", "").replace("- a3999\n", "- b\n");
        let diff = unified("x.yaml", Some(&long), Some(&changed));
        assert_eq!(diff.lines().filter(|line| line.starts_with(['-', '+'])).count(), 2 + 3);
    }
}
