//! What a patch applies to: a kind, a pattern for the name, a selector of labels.
//!
//! In: the target as written. Out: [`Target`], compiled once and asked for every definition and
//! object; or a finding.

use compact_str::CompactString;

use crate::definition::environments::TargetKind;
use crate::diagnostic::{Diagnostic, Diagnostics, code, nearest, suggestion};
use crate::tree::{Mapping, Node, Span, Value};

/// A compiled target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) kind: TargetKind,
    name: Option<Glob>,
    labels: Vec<Requirement>,
    places: Places,
}

/// Where the parts of a target are written.
#[derive(Debug)]
struct Places {
    kind: Span,
    name: Span,
    labels: Span,
}

impl Target {
    /// `None` for what the schema refuses, and for a selector that cannot be read, which is then
    /// among the findings.
    pub(super) fn of(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Self> {
        let kind = TargetKind::find(node.get("kind")?.as_str()?)?;
        let name = node.get("name").and_then(Node::as_str).map(Glob::of);
        let labels = match node.get("labels") {
            None => Vec::new(),
            Some(labels) => match requirements(labels) {
                Ok(requirements) => requirements,
                Err(why) => {
                    found.push(
                        Diagnostic::error(
                            &code::PATCH_SELECTOR,
                            labels.span,
                            format!("not a selector of labels: {why}"),
                        )
                        .with_route(format!("{route}.labels"))
                        .with_help(
                            "such as `team=finance`, `tier != test`, `team in (finance, sales)`, \
                             `team`, `!team`; several with commas between them",
                        ),
                    );
                    return None;
                }
            },
        };
        let place = |key| node.get(key).map_or(Span::NONE, |part| part.span);
        let places = Places { kind: place("kind"), name: place("name"), labels: place("labels") };
        Some(Self { kind, name, labels, places })
    }

    /// Whether it means a definition or object of its kind.
    pub(super) fn matches(&self, name: &str, labels: Option<&Mapping>) -> bool {
        self.name.as_ref().is_none_or(|glob| glob.matches(name))
            && self.labels.iter().all(|requirement| requirement.holds(labels))
    }

    /// That it matches nothing, among the names that there are of its kind: at the part that is to
    /// blame.
    pub(super) fn matches_nothing(&self, names: &[&str]) -> Diagnostic {
        let kind = self.kind.as_str();
        let error = |span, why: String| {
            let message = format!("the patch matches nothing: {why}");
            Diagnostic::error(&code::PATCH_MATCHES_NOTHING, span, message)
        };
        if names.is_empty() {
            let verb = if self.kind.definition().is_some() { "defined" } else { "rendered" };
            return error(self.places.kind, format!("no {kind} is {verb}"));
        }
        match &self.name {
            Some(glob) if !names.iter().any(|name| glob.matches(name)) => {
                let how = if glob.is_literal { "named" } else { "with a name like" };
                error(self.places.name, format!("there is no {kind} {how} `{}`", glob.pattern))
                    .with_optional_help(glob.meant(names).as_deref().map(suggestion))
            }
            _ => error(self.places.labels, format!("no {kind} of these names has such labels")),
        }
    }
}

/// A pattern in which `*` stands for any characters and `?` for one.
#[derive(Debug)]
struct Glob {
    pattern: CompactString,
    /// Without a wildcard, the pattern is the name.
    is_literal: bool,
}

impl Glob {
    fn of(pattern: &str) -> Self {
        Self { pattern: pattern.into(), is_literal: !pattern.contains(['*', '?']) }
    }

    fn matches(&self, name: &str) -> bool {
        if self.is_literal {
            return self.pattern == name;
        }
        // At a mismatch, the last `*` takes one character more: no recursion, and no more steps
        // than the product of the lengths.
        let (mut pattern, mut rest) = (self.pattern.chars(), name.chars());
        let mut retry = None;
        loop {
            let here = rest.clone();
            match (pattern.next(), rest.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    retry = Some((pattern.clone(), here.clone()));
                    rest = here;
                }
                (Some('?'), Some(_)) => {}
                (Some(one), Some(other)) if one == other => {}
                _ => {
                    let Some((after_star, mut from)) = retry.take() else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    retry = Some((after_star.clone(), from.clone()));
                    (pattern, rest) = (after_star, from);
                }
            }
        }
    }
}

impl Glob {
    /// The pattern that was meant: the nearest name, or what names begin with.
    fn meant(&self, names: &[&str]) -> Option<String> {
        if self.is_literal {
            return nearest(&self.pattern, names.iter().copied()).map(str::to_owned);
        }
        let start = self.pattern.strip_suffix('*').filter(|start| !start.contains(['*', '?']))?;
        // `snowflake-metadata` begins with `snowflake` and `snowflake-`.
        let dash = usize::from(start.ends_with('-'));
        let starts = names.iter().flat_map(|name| {
            name.match_indices('-').map(move |(at, _)| name.get(..at + dash).unwrap_or_default())
        });
        nearest(start, starts).map(|start| format!("{start}*"))
    }
}

/// What a label has to be.
#[derive(Debug)]
struct Requirement {
    key: CompactString,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exists,
    Missing,
    In(Vec<CompactString>),
    /// Met by a label that is not there, too, as in Kubernetes.
    NotIn(Vec<CompactString>),
}

impl Requirement {
    fn holds(&self, labels: Option<&Mapping>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Node::as_str);
        match (&self.test, value) {
            (Test::Exists, value) => value.is_some(),
            (Test::Missing, value) => value.is_none(),
            (Test::In(values), value) => value.is_some_and(|value| contains(values, value)),
            (Test::NotIn(values), value) => value.is_none_or(|value| !contains(values, value)),
        }
    }
}

fn contains(values: &[CompactString], value: &str) -> bool {
    values.iter().any(|one| one == value)
}

/// A mapping, or Kubernetes' text.
fn requirements(node: &Node) -> Result<Vec<Requirement>, String> {
    if let Value::Mapping(mapping) = &node.value {
        let equal = mapping.iter().map(|entry| Requirement {
            key: entry.key.clone(),
            test: Test::In(vec![entry.value.as_str().unwrap_or_default().into()]),
        });
        return Ok(equal.collect());
    }
    let text = node.as_str().unwrap_or_default();
    let mut requirements = Vec::new();
    let mut rest = text;
    loop {
        // A comma within parentheses separates values.
        let mut depth = 0usize;
        let end = rest.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        let (part, more) = match end {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        requirements.push(requirement(part.trim())?);
        match more {
            Some(more) => rest = more,
            None => return Ok(requirements),
        }
    }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    if let Some((key, values)) = text.split_once('(') {
        let values =
            values.strip_suffix(')').ok_or_else(|| format!("`{text}` has an open parenthesis"))?;
        let values = values.split(',').map(|value| checked(value, "value"));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let mut words = key.split_whitespace();
        let (key, operator) = (words.next().unwrap_or_default(), words.next());
        let test = match (operator, words.next()) {
            (Some("in"), None) => Test::In(values),
            (Some("notin"), None) => Test::NotIn(values),
            _ => return Err(format!("`{text}` is neither `KEY in (…)` nor `KEY notin (…)`")),
        };
        return Ok(Requirement { key: checked(key, "key")?, test });
    }
    let (key, test) = if let Some((key, value)) = text.split_once("!=") {
        (key, Test::NotIn(vec![value_of(value)?]))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Test::In(vec![value_of(value)?]))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Test::Missing)
    } else {
        (text, Test::Exists)
    };
    Ok(Requirement { key: checked(key, "key")?, test })
}

/// A value may be empty: so may that of a label.
fn value_of(text: &str) -> Result<CompactString, String> {
    match text.trim() {
        "" => Ok(CompactString::default()),
        value => checked(value, "value"),
    }
}

fn checked(text: &str, what: &str) -> Result<CompactString, String> {
    let text = text.trim();
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if text.is_empty() {
        Err(format!("a {what} is missing"))
    } else if !text.chars().all(is_of_label) {
        Err(format!("`{text}` is no {what} of a label"))
    } else {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_pattern_means_the_whole_name() {
        for (pattern, name, expected) in [
            ("snowflake-*", "snowflake-metadata", true),
            ("snowflake-*", "snowflake-", true),
            ("snowflake-*", "my-snowflake-metadata", false),
            ("*-usage", "a-usage-usage", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("*", "", true),
        ] {
            assert_eq!(Glob::of(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_pattern_that_was_meant_is_suggested() {
        let names = ["snowflake-metadata", "snowflake-usage", "orders"];
        let meant = |pattern: &str| Glob::of(pattern).meant(&names);
        assert_eq!(meant("snowflak-*").as_deref(), Some("snowflake-*"));
        assert_eq!(meant("ordres").as_deref(), Some("orders"));
        assert_eq!(meant("tableau-*"), None);
        assert_eq!(meant("*-usge"), None);
    }

    fn selects(labels: serde_json::Value, of: serde_json::Value) -> Result<bool, String> {
        let of = Node::from(of);
        let requirements = requirements(&Node::from(labels))?;
        Ok(requirements.iter().all(|requirement| requirement.holds(of.as_mapping())))
    }

    #[test]
    fn labels_are_selected_as_kubectl_does() {
        let of = || json!({"team": "finance", "tier": "gold", "empty": ""});
        for (selector, expected) in [
            (json!({"team": "finance", "tier": "gold"}), true),
            (json!({"team": "finance", "tier": "silver"}), false),
            (json!("team=finance,tier!=silver"), true),
            (json!("team==finance"), true),
            (json!("team in (sales, finance), tier notin (silver)"), true),
            (json!("region notin (eu), region != us"), true),
            (json!("region"), false),
            (json!("!region,team"), true),
            (json!("empty="), true),
        ] {
            assert_eq!(selects(selector.clone(), of()), Ok(expected), "{selector}");
        }
        for wrong in ["", "team=a b", "team in (a", "team on (a)", "a,,b", "=a", "team in ()"] {
            assert!(selects(json!(wrong), of()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_agrees_with_the_regular_expression(
            pattern in "[ab*?]{0,8}", name in "[ab]{0,8}"
        ) {
            let expression = pattern.replace('*', ".*").replace('?', ".");
            let expression = regex_lite::Regex::new(&format!("^{expression}$")).unwrap();
            prop_assert_eq!(Glob::of(&pattern).matches(&name), expression.is_match(&name));
        }
    }
}
