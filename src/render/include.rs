//! Which template includes which, and whether that ends.
//!
//! In: the includes of each template. Out: findings at the includes that name nothing, lead back to
//! where they began, or go too deep. It evaluates nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::tree::Span;

/// How deeply templates may include each other; the built-in ones go three deep.
const MAX_DEPTH: usize = 32;

/// The includes of each template, by its name: what is included, and where that is written.
pub(super) type Includes<'a> = BTreeMap<&'a str, Vec<(&'a str, Span)>>;

/// Finds the includes that cannot be followed to an end.
pub(super) fn check(includes: &Includes<'_>, found: &mut Diagnostics) {
    let mut ends = true;
    for (start, of_start) in includes {
        for (name, span) in of_start {
            if !includes.contains_key(name) {
                found.push(unknown(name, *span, includes));
            }
        }
        ends &= find_circles(start, includes, found);
    }
    if ends {
        find_depth(includes, found);
    }
}

fn unknown(name: &str, span: Span, includes: &Includes<'_>) -> Diagnostic {
    let message = format!("there is no template `{name}`");
    let finding = Diagnostic::error(&code::TEMPLATE_INCLUDE, span, message);
    finding.with_optional_help(did_you_mean(name, includes.keys().copied()))
}

/// Whether no way leads from a template back to it. Reported where the shortest ways close; what
/// else lies on a circle reports its own.
fn find_circles(start: &str, includes: &Includes<'_>, found: &mut Diagnostics) -> bool {
    let mut came_from = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    let mut ends = true;
    while let Some(name) = next.pop_front() {
        for (included, span) in includes.get(name).into_iter().flatten() {
            if *included == start {
                ends = false;
                found.push(circle(start, name, &came_from, *span));
            } else if !came_from.contains_key(included) {
                came_from.insert(*included, name);
                next.push_back(included);
            }
        }
    }
    ends
}

fn circle(start: &str, last: &str, came_from: &BTreeMap<&str, &str>, span: Span) -> Diagnostic {
    let mut way = vec![start];
    let mut name = last;
    while name != start {
        way.push(name);
        name = came_from.get(name).copied().unwrap_or(start);
    }
    way.push(start);
    way.reverse();
    Diagnostic::error(&code::TEMPLATE_INCLUDE, span, "a template includes itself")
        .with_label("leads back to where it began")
        .with_note(format!("the way round: {}", way.join(" → ")))
}

/// Finds templates from which includes lead deeper than [`MAX_DEPTH`], of those the ones that
/// begin.
fn find_depth(includes: &Includes<'_>, found: &mut Diagnostics) {
    let mut deep = includes.keys().copied().collect::<BTreeSet<_>>();
    for _ in 0..=MAX_DEPTH {
        let leads_on = |name: &&str| includes[name].iter().any(|(to, _)| deep.contains(to));
        deep = deep.iter().copied().filter(leads_on).collect();
    }
    let within = deep
        .iter()
        .flat_map(|name| &includes[name])
        .map(|(name, _)| *name)
        .collect::<BTreeSet<_>>();
    for name in deep.difference(&within) {
        if let Some((_, span)) = includes[name].first() {
            found.push(
                Diagnostic::error(
                    &code::TEMPLATE_INCLUDE,
                    *span,
                    format!("templates include each other deeper than {MAX_DEPTH} levels"),
                )
                .with_label("begins here")
                .with_help("include fewer templates that include others"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(includes: &[(&str, &[&str])]) -> Vec<String> {
        let includes = includes
            .iter()
            .map(|(name, of)| (*name, of.iter().map(|of| (*of, Span::NONE)).collect()))
            .collect();
        let mut found = Diagnostics::default();
        check(&includes, &mut found);
        let message = |finding: &Diagnostic| {
            let Diagnostic { message, notes, .. } = finding;
            format!("{message} {}", notes.join(" "))
        };
        found.iter().map(message).collect()
    }

    #[test]
    fn a_circle_is_found_from_each_template_on_it_and_from_no_other() {
        assert_eq!(
            messages(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]),
            [
                "a template includes itself the way round: b → c → b",
                "a template includes itself the way round: c → b → c",
            ]
        );
        assert_eq!(messages(&[("a", &["a"])]), ["a template includes itself the way round: a → a"]);
    }

    #[test]
    fn templates_that_all_include_each_other_are_told_in_no_more_findings_than_includes() {
        let names = (0..40).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let all = names.iter().map(String::as_str).collect::<Vec<_>>();
        let includes = all.iter().map(|name| (*name, all.as_slice()));
        assert_eq!(messages(&includes.collect::<Vec<_>>()).len(), 40 * 40);
    }

    #[test]
    fn a_chain_may_be_long_but_not_endless() {
        let names = (0..3000).map(|n| format!("t{n:04}")).collect::<Vec<_>>();
        let chain = |length: usize| {
            let links = names[..length]
                .windows(2)
                .map(|two| (two[0].as_str(), vec![(two[1].as_str(), Span::NONE)]));
            let mut includes = links.collect::<Includes<'_>>();
            includes.insert(&names[length - 1], Vec::new());
            let mut found = Diagnostics::default();
            check(&includes, &mut found);
            found.iter().count()
        };
        assert_eq!(chain(MAX_DEPTH), 0);
        assert_eq!(chain(MAX_DEPTH + 1), 0);
        assert_eq!(chain(MAX_DEPTH + 2), 1);
        assert_eq!(chain(3000), 1);
    }
}
