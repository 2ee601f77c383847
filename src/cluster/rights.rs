//! What each verb may have to ask of the API server, as RBAC knows it.
//!
//! In: verbs, and what kinds a project renders. Out: [`Right`]s, and the fewest rules of a Role that
//! give just those. It is the one list of them: `ompipe rbac` prints it, `ompipe doctor` holds it
//! against what an account may do, and a test takes each right away in a real cluster.

use std::collections::{BTreeMap, BTreeSet};

/// A verb of ompipe that talks to a cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verb {
    /// `ompipe apply`.
    Apply,
    /// `ompipe apply --prune`, beyond what `apply` takes.
    Prune,
    /// `ompipe diff`.
    Diff,
    /// `ompipe run`, with `--wait` and `--follow`.
    Run,
    /// `ompipe status`.
    Status,
    /// `ompipe history`.
    History,
    /// `ompipe logs`.
    Logs,
    /// `ompipe diagnose`.
    Diagnose,
    /// `ompipe kill`.
    Kill,
    /// `ompipe suspend`.
    Suspend,
    /// `ompipe resume`.
    Resume,
    /// `ompipe delete`.
    Delete,
    /// `ompipe secrets list --cluster`.
    Secrets,
    /// `ompipe doctor`.
    Doctor,
}

/// Each verb with its name on the command line.
const NAMES: [(Verb, &str); 14] = [
    (Verb::Apply, "apply"),
    (Verb::Prune, "prune"),
    (Verb::Diff, "diff"),
    (Verb::Run, "run"),
    (Verb::Status, "status"),
    (Verb::History, "history"),
    (Verb::Logs, "logs"),
    (Verb::Diagnose, "diagnose"),
    (Verb::Kill, "kill"),
    (Verb::Suspend, "suspend"),
    (Verb::Resume, "resume"),
    (Verb::Delete, "delete"),
    (Verb::Secrets, "secrets"),
    (Verb::Doctor, "doctor"),
];

impl Verb {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(verb, _)| *verb)
    }

    /// Its name on the command line; `prune` is `apply --prune`.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(verb, _)| *verb == self).map_or("", |(_, name)| name)
    }

    /// The verb of a name.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(verb, _)| *verb)
    }
}

/// A right in a namespace: to do something with all objects of a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Right {
    /// The API group; `""` is the core group.
    pub group: &'static str,
    /// The resource, with its subresource: `pods`, `pods/log`.
    pub resource: &'static str,
    /// Kubernetes' verb: `get`, `list`, `create`.
    pub action: &'static str,
}

impl std::fmt::Display for Right {
    /// `list cronjobs.batch`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { group, resource, action } = self;
        match *group {
            "" => write!(f, "{action} {resource}"),
            group => write!(f, "{action} {resource}.{group}"),
        }
    }
}

/// A rule of a Role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rule {
    /// The API group.
    pub group: &'static str,
    /// The resources, in order.
    pub resources: Vec<&'static str>,
    /// What may be done with them, in order.
    pub actions: Vec<&'static str>,
}

const CORE: &str = "";
const BATCH: &str = "batch";
const OPERATOR: &str = "pipelines.openmetadata.org";
const RBAC: &str = "rbac.authorization.k8s.io";
const EXTERNAL_SECRETS: &str = "external-secrets.io";

/// What a project has in a cluster, as far as rights depend on it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kinds(BTreeSet<&'static str>);

/// The kinds that are rendered, with their group and resource.
const RENDERED: [(&str, &str, &str); 10] = [
    ("ConfigMap", CORE, "configmaps"),
    ("CronJob", BATCH, "cronjobs"),
    ("CronOMJob", OPERATOR, "cronomjobs"),
    ("ExternalSecret", EXTERNAL_SECRETS, "externalsecrets"),
    ("Job", BATCH, "jobs"),
    ("OMJob", OPERATOR, "omjobs"),
    ("Role", RBAC, "roles"),
    ("RoleBinding", RBAC, "rolebindings"),
    ("Secret", CORE, "secrets"),
    ("ServiceAccount", CORE, "serviceaccounts"),
];

impl Kinds {
    /// Those that a project renders. A run is one of the kind that its schedule makes.
    pub fn of<'k>(rendered: impl IntoIterator<Item = &'k str>) -> Self {
        let mut kinds = BTreeSet::new();
        for kind in rendered {
            kinds.extend(RENDERED.iter().map(|(known, ..)| *known).filter(|known| *known == kind));
            kinds.extend(match kind {
                "CronJob" => &["Job"][..],
                // An automation is a Job, also where pipelines are the operator's.
                "CronOMJob" => &["Job", "OMJob"],
                _ => &[],
            });
        }
        Self(kinds)
    }

    /// All that any project may render, for those who have none at hand.
    pub fn all() -> Self {
        Self::of(RENDERED.iter().map(|(kind, ..)| *kind))
    }

    fn have(&self, resource: &str) -> bool {
        let resource = resource.split('/').next().unwrap_or_default();
        let mut kinds = RENDERED.iter().filter(|(_, _, known)| *known == resource);
        kinds.any(|(kind, ..)| self.0.contains(kind))
    }

    /// Group and resource of each kind that `apply` sends: runs are none of them.
    fn applied(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let kinds = RENDERED.iter().filter(|(kind, ..)| self.0.contains(kind));
        let kinds = kinds.filter(|(kind, ..)| !["Job", "OMJob"].contains(kind));
        kinds.map(|(_, group, resource)| (*group, *resource))
    }
}

/// What some verbs do with some resources: verbs, group, resources, actions.
type Line = (&'static [Verb], &'static str, &'static [&'static str], &'static [&'static str]);

/// What the verbs ask for beyond the objects that `apply` sends: verbs, group, resources, actions.
/// Runs and schedules are looked for under both kinds, whichever a project renders.
const TABLE: &[Line] = &[
    (LOOK_FOR_RUNS, BATCH, &["jobs"], &["list"]),
    (LOOK_FOR_RUNS, OPERATOR, &["omjobs"], &["list"]),
    (LOOK_FOR_RUNS, CORE, &["pods"], &["list"]),
    (LOOK_FOR_SCHEDULES, BATCH, &["cronjobs"], &["list"]),
    (LOOK_FOR_SCHEDULES, OPERATOR, &["cronomjobs"], &["list"]),
    (&[Verb::Status], BATCH, &["cronjobs"], &["watch"]),
    (&[Verb::Status], OPERATOR, &["cronomjobs"], &["watch"]),
    (&[Verb::Status, Verb::Run], BATCH, &["jobs"], &["watch"]),
    (&[Verb::Status, Verb::Run], OPERATOR, &["omjobs"], &["watch"]),
    (&[Verb::Status, Verb::Run], CORE, &["pods"], &["watch"]),
    // What a run has of its own it creates, and then has it belong to the run: who has an object
    // go with another must be able to delete it.
    (&[Verb::Run], CORE, &["configmaps"], &["create", "delete", "get", "patch"]),
    (&[Verb::Run], EXTERNAL_SECRETS, &["externalsecrets"], &["create", "delete", "get", "patch"]),
    (&[Verb::Run], BATCH, &["jobs"], &["create", "get"]),
    (&[Verb::Run], OPERATOR, &["omjobs"], &["create", "get"]),
    (&[Verb::Run, Verb::Logs], CORE, &["pods"], &["get"]),
    (&[Verb::Run, Verb::Logs, Verb::Diagnose], CORE, &["pods/log"], &["get"]),
    (&[Verb::Logs, Verb::Diagnose], BATCH, &["jobs"], &["get"]),
    (&[Verb::Logs, Verb::Diagnose], OPERATOR, &["omjobs"], &["get"]),
    (&[Verb::Logs, Verb::Diagnose], CORE, &["events"], &["list"]),
    (&[Verb::Kill, Verb::Delete], BATCH, &["jobs"], &["delete", "get"]),
    (&[Verb::Kill, Verb::Delete], OPERATOR, &["omjobs"], &["delete", "get"]),
    (&[Verb::Suspend, Verb::Resume], BATCH, &["cronjobs"], &["patch"]),
    (&[Verb::Suspend, Verb::Resume], OPERATOR, &["cronomjobs"], &["patch"]),
    (&[Verb::Resume], BATCH, &["cronjobs/status"], &["patch"]),
    (&[Verb::Resume], OPERATOR, &["cronomjobs/status"], &["patch"]),
    (&[Verb::Delete], CORE, &["configmaps", "secrets"], &["get", "list"]),
    (&[Verb::Delete], CORE, &["pods"], &["delete", "get"]),
    (&[Verb::Delete], EXTERNAL_SECRETS, &["externalsecrets"], &["get", "list"]),
    (&[Verb::Secrets], CORE, &["secrets"], &["get"]),
    (&[Verb::Doctor], CORE, &["namespaces", "secrets", "serviceaccounts"], &["get"]),
    (&[Verb::Doctor], CORE, &["configmaps"], &["get", "list"]),
    (&[Verb::Doctor], CORE, &["events", "limitranges", "pods", "resourcequotas"], &["list"]),
];

/// The verbs that look for runs and their pods.
const LOOK_FOR_RUNS: &[Verb] =
    &[Verb::Run, Verb::Status, Verb::History, Verb::Logs, Verb::Diagnose, Verb::Kill, Verb::Delete];

/// The verbs that look for schedules.
const LOOK_FOR_SCHEDULES: &[Verb] = &[Verb::Status, Verb::Suspend, Verb::Resume, Verb::Delete];

/// Whether a verb does this only where a project has the kind.
fn needs_kind(verb: Verb, resource: &str, action: &str) -> bool {
    match (verb, action) {
        // A run is of the kind that is rendered.
        (Verb::Run, _) => OF_KINDS.contains(&resource),
        // To list is to see whether there is any.
        (_, "list" | "watch") => false,
        (Verb::Delete, _) if resource == "secrets" => true,
        _ => OF_KINDS.contains(&resource),
    }
}

/// Resources of which single objects are asked for only where a project has that kind.
const OF_KINDS: [&str; 7] = [
    "cronjobs",
    "cronjobs/status",
    "cronomjobs",
    "cronomjobs/status",
    "externalsecrets",
    "jobs",
    "omjobs",
];

/// What `delete` leaves, since other pipelines have it too.
const SHARED: [&str; 3] = ["serviceaccounts", "roles", "rolebindings"];

/// What the exit handler of the pods reads. Who gives a right must have it.
const GIVEN_TO_PODS: [(&str, &str, &str); 4] = [
    (CORE, "pods", "get"),
    (CORE, "pods", "list"),
    (CORE, "pods/log", "get"),
    (CORE, "events", "list"),
];

/// The rights that a verb needs in each namespace of a project that renders such kinds.
pub fn of(verb: Verb, kinds: &Kinds) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let mut add = |group, resource, action| rights.insert(Right { group, resource, action });
    let applied: &[&str] = match verb {
        Verb::Apply => &["create", "get", "patch"],
        Verb::Prune => &["delete", "list"],
        Verb::Diff => &["create", "get", "patch"],
        Verb::Delete => &["delete"],
        _ => &[],
    };
    for (group, resource) in kinds.applied() {
        let is_left = verb == Verb::Delete && SHARED.contains(&resource);
        for action in applied.iter().filter(|_| !is_left) {
            add(group, resource, *action);
        }
    }
    if matches!(verb, Verb::Apply | Verb::Diff) && kinds.have("roles") {
        for (group, resource, action) in GIVEN_TO_PODS {
            add(group, resource, action);
        }
    }
    for (verbs, group, resources, actions) in TABLE {
        for resource in *resources {
            let actions = actions.iter().filter(|_| verbs.contains(&verb));
            let asked =
                |action: &&&str| kinds.have(resource) || !needs_kind(verb, resource, action);
            for action in actions.filter(asked) {
                add(*group, *resource, *action);
            }
        }
    }
    rights
}

/// The fewest rules that give these rights and no other, in order.
pub fn rules(rights: &BTreeSet<Right>) -> Vec<Rule> {
    let mut actions: BTreeMap<(&str, &str), Vec<&'static str>> = BTreeMap::new();
    for Right { group, resource, action } in rights {
        actions.entry((*group, *resource)).or_default().push(*action);
    }
    let mut alike: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), actions) in actions {
        alike.entry((group, actions)).or_default().push(resource);
    }
    let rules = alike.into_iter();
    let rules = rules.map(|((group, actions), resources)| Rule { group, resources, actions });
    let mut rules: Vec<Rule> = rules.collect();
    rules.sort();
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(group: &'static str, resource: &'static str, action: &'static str) -> Right {
        Right { group, resource, action }
    }

    #[test]
    fn rules_give_the_rights_and_no_other_and_are_the_fewest() {
        let rights = BTreeSet::from([
            right("", "pods", "list"),
            right("", "pods", "get"),
            right("", "configmaps", "get"),
            right("", "configmaps", "list"),
            right("", "events", "list"),
            right("batch", "jobs", "list"),
        ]);
        let rules = rules(&rights);
        let given = rules.iter().flat_map(|rule| {
            let resources = rule.resources.iter();
            resources.flat_map(|resource| {
                rule.actions.iter().map(|action| right(rule.group, resource, action))
            })
        });
        assert_eq!(given.collect::<BTreeSet<_>>(), rights);
        assert_eq!(rules.len(), 3, "{rules:?}");
        assert_eq!(rules[0].resources, ["configmaps", "pods"]);
    }

    #[test]
    fn a_project_without_the_operator_needs_no_right_to_change_its_kinds() {
        let kinds = Kinds::of(["ConfigMap", "CronJob", "ServiceAccount", "Role", "RoleBinding"]);
        let all = Verb::all().flat_map(|verb| of(verb, &kinds)).collect::<BTreeSet<_>>();
        let looks = |right: &Right| ["list", "watch"].contains(&right.action);
        assert!(all.iter().all(|right| right.group != OPERATOR || looks(right)), "{all:?}");
        assert!(all.contains(&right("batch", "jobs", "create")));
        assert!(!all.contains(&right("", "secrets", "create")));
    }

    #[test]
    fn verbs_that_look_change_nothing() {
        let looking =
            [Verb::Status, Verb::History, Verb::Logs, Verb::Diagnose, Verb::Secrets, Verb::Doctor];
        for verb in looking {
            for right in of(verb, &Kinds::all()) {
                assert!(["get", "list", "watch"].contains(&right.action), "{verb:?}: {right}");
            }
        }
    }

    #[test]
    fn who_applies_a_role_has_what_it_gives() {
        let template = include_str!("../../templates/role.yaml");
        let given = GIVEN_TO_PODS.map(|(_, resource, _)| resource);
        for resource in given {
            assert!(template.contains(resource), "{resource}");
        }
        let apply = of(Verb::Apply, &Kinds::all());
        assert!(apply.contains(&right("", "pods/log", "get")));
    }

    #[test]
    fn every_verb_has_a_name_by_which_it_is_found() {
        for verb in Verb::all() {
            assert_eq!(Verb::find(verb.as_str()), Some(verb));
        }
    }
}
