//! Which verbs will not work, for want of which rights.
//!
//! In: what an account may do in a namespace, by Kubernetes' own review of its rules, and the verbs
//! that are to work. Out: findings, and before them the rights that are to be asked for one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Finding, Topic};
use crate::cluster::rights::{self, Kinds, Right, Verb};

/// A rule as the API server lists it for an account; `*` stands for all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Allowed {
    /// API groups.
    pub(super) groups: Vec<String>,
    /// Resources with their subresources.
    pub(super) resources: Vec<String>,
    /// Verbs.
    pub(super) actions: Vec<String>,
    /// The names of the objects; none: all.
    pub(super) names: Vec<String>,
}

impl Allowed {
    fn covers(&self, right: &Right) -> bool {
        let any = |list: &[String], one: &str| list.iter().any(|item| item == "*" || item == one);
        let subresource = right.resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
        let resource = any(&self.resources, right.resource)
            || subresource.is_some_and(|sub| self.resources.contains(&sub));
        self.names.is_empty()
            && any(&self.groups, right.group)
            && resource
            && any(&self.actions, right.action)
    }
}

/// The rights of the verbs that no rule gives.
pub(super) fn not_listed(allowed: &[Allowed], verbs: &[Verb], kinds: &Kinds) -> BTreeSet<Right> {
    let rights = verbs.iter().flat_map(|verb| rights::of(*verb, kinds));
    rights.filter(|right| !allowed.iter().any(|rule| rule.covers(right))).collect()
}

/// What the missing rights keep from working. What `doctor` itself may not look at is only told:
/// it says so again at each of them.
pub(super) fn conclude(
    namespace: &str,
    missing: &BTreeSet<Right>,
    verbs: &[Verb],
    kinds: &Kinds,
) -> Vec<Finding> {
    // Verbs that lack the same rights are one finding.
    let mut lacking: BTreeMap<Vec<Right>, Vec<Verb>> = BTreeMap::new();
    for verb in verbs {
        let lacks = rights::of(*verb, kinds).intersection(missing).copied().collect::<Vec<_>>();
        if !lacks.is_empty() {
            lacking.entry(lacks).or_default().push(*verb);
        }
    }
    let mut found: Vec<(Verb, Finding)> = Vec::new();
    for (rights, verbs) in lacking {
        let Some(first) = verbs.first().copied() else { continue };
        let names = verbs.iter().map(|verb| shown(*verb)).collect::<Vec<_>>().join(", ");
        let of = verbs.iter().map(|verb| verb.as_str()).collect::<Vec<_>>().join(",");
        let lacks = rights.iter().map(Right::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{names} will not work; missing: {lacks}");
        let finding = if verbs == [Verb::Doctor] {
            Finding::warning(
                Topic::Rights,
                format!("`doctor` cannot look at all; missing: {lacks}"),
            )
        } else {
            Finding::problem(Topic::Rights, message)
        };
        let remedy = format!(
            "`ompipe rbac -n {namespace} --verbs {of}` prints a Role with them, for whoever may grant it."
        );
        found.push((first, finding.within(namespace).with_remedy(remedy)));
    }
    if found.is_empty() {
        let count = verbs.iter().flat_map(|verb| rights::of(*verb, kinds)).collect::<BTreeSet<_>>();
        let message = format!("all {} that the verbs need are there", count.len());
        return vec![Finding::fine(Topic::Rights, message).within(namespace)];
    }
    found.sort_by_key(|(verb, _)| *verb);
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn shown(verb: Verb) -> String {
    match verb {
        Verb::Prune => "`apply --prune`".to_owned(),
        Verb::Secrets => "`secrets list --cluster`".to_owned(),
        verb => format!("`{}`", verb.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::doctor::report::Outcome;

    fn allowed(groups: &[&str], resources: &[&str], actions: &[&str]) -> Allowed {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let names = Vec::new();
        Allowed {
            groups: owned(groups),
            resources: owned(resources),
            actions: owned(actions),
            names,
        }
    }

    fn right(group: &'static str, resource: &'static str, action: &'static str) -> Right {
        Right { group, resource, action }
    }

    #[test]
    fn a_rule_covers_what_it_names_and_what_its_stars_stand_for() {
        let log = right("", "pods/log", "get");
        assert!(allowed(&["*"], &["*"], &["*"]).covers(&log));
        assert!(allowed(&[""], &["*/log"], &["get"]).covers(&log));
        assert!(allowed(&[""], &["pods", "pods/log"], &["get"]).covers(&log));
        assert!(!allowed(&[""], &["pods"], &["get"]).covers(&log));
        assert!(!allowed(&["batch"], &["*"], &["get"]).covers(&log));
        let mut one = allowed(&[""], &["pods/log"], &["get"]);
        one.names.push("only-this".to_owned());
        assert!(!one.covers(&log));
    }

    #[test]
    fn an_administrator_lacks_nothing() {
        let all = [allowed(&["*"], &["*"], &["*"])];
        let (verbs, kinds) = (Verb::all().collect::<Vec<_>>(), Kinds::all());
        let missing = not_listed(&all, &verbs, &kinds);
        let found = conclude("n", &missing, &verbs, &kinds);
        assert_eq!(found.iter().map(|one| one.outcome).collect::<Vec<_>>(), [Outcome::Fine]);
    }

    #[test]
    fn what_a_reader_may_not_do_is_told_verb_by_verb() {
        let reader = [allowed(&["*"], &["*"], &["get", "list", "watch"])];
        let (verbs, kinds) = ([Verb::Status, Verb::Suspend], Kinds::all());
        let missing = not_listed(&reader, &verbs, &kinds);
        let found = conclude("n", &missing, &verbs, &kinds);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].outcome, Outcome::Problem);
        assert!(found[0].message.starts_with("`suspend` will not work"), "{found:?}");
        assert!(found[0].message.contains("patch cronjobs.batch"), "{found:?}");
    }
}
