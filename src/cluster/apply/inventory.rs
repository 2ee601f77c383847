//! What a project has in a cluster, as an ApplySet: KEP-3659, which `kubectl apply --prune
//! --applyset` follows too.
//!
//! In: the project and its environment; what a cluster has of the parent. Out: the [`ApplySet`]'s
//! identity, the parent as it is to be, and which objects are left over. The parent is a ConfigMap
//! in the project's namespace. Its annotations say of which kinds and in which namespaces there may
//! be members, and are always more than what there is: they are widened before a member is
//! written, and narrowed after the last one is gone. It does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::desired::Identity;
use crate::model::labels;

/// The parent's label, with the id of its set.
pub const ID: &str = "applyset.kubernetes.io/id";
/// A member's label, with the id of its set.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// The parent's annotation with the tool that writes it: `ompipe/v0.1.0`.
pub const TOOLING: &str = "applyset.kubernetes.io/tooling";
/// The parent's annotation with the kinds of the members, as `Kind.group`.
pub const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
/// The parent's annotation with the namespaces of members beside its own.
pub const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";

/// What the parents of all projects are called before their own name.
const PREFIX: &str = "ompipe";

/// Kinds that are never deleted, whatever labels they bear: with them goes what is in them.
const NEVER_PRUNED: [&str; 2] = ["Namespace", "CustomResourceDefinition"];

/// The kinds that pods of several projects may share in a namespace.
const SHARED: [&str; 3] = ["ServiceAccount", "Role", "RoleBinding"];

/// The set of a project's objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplySet {
    /// The parent's name.
    pub name: String,
    /// The parent's namespace.
    pub namespace: String,
    /// What the members' label says.
    pub id: String,
}

/// A kind of members.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKind {
    /// The API group; empty for the core.
    pub group: String,
    /// `CronJob`.
    pub kind: String,
}

/// Where members may be: the kinds and the namespaces that a parent names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// The kinds.
    pub kinds: BTreeSet<GroupKind>,
    /// The namespaces, the parent's own included.
    pub namespaces: BTreeSet<String>,
}

impl ApplySet {
    /// That of a project in an environment.
    pub fn of(project: &str, environment: Option<&str>, namespace: &str) -> Self {
        let parts = [Some(project), environment].into_iter().flatten();
        let name = match parts.clone().all(is_plain) {
            true => parts.fold(PREFIX.to_owned(), |name, part| format!("{name}.{part}")),
            // Another project must not have the same set, whatever the names hold.
            false => {
                let whole = parts.collect::<Vec<_>>().join("\0");
                let hash = Sha256::digest(whole.as_bytes());
                let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                format!("{PREFIX}--{hash}")
            }
        };
        let id = id(&name, namespace, "ConfigMap", "");
        Self { name, namespace: namespace.to_owned(), id }
    }

    /// The parent as it is to be, for these contents.
    pub fn parent(&self, contents: &Contents, version: &str) -> Value {
        let mut kinds: Vec<String> = contents.kinds.iter().map(GroupKind::shown).collect();
        kinds.sort();
        let others = contents.namespaces.iter().filter(|name| **name != self.namespace);
        let others: Vec<&str> = others.map(String::as_str).collect();
        let mut annotations = Map::new();
        annotations.insert(TOOLING.to_owned(), format!("ompipe/v{version}").into());
        annotations.insert(GROUP_KINDS.to_owned(), kinds.join(",").into());
        annotations.insert(NAMESPACES.to_owned(), others.join(",").into());
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {ID: self.id, labels::MANAGED_BY: "ompipe"},
                "annotations": annotations,
            },
        })
    }

    /// What a parent in the cluster says where members may be.
    pub fn contents(&self, parent: &Value) -> Contents {
        let annotation = |name: &str| {
            let annotations = parent.pointer("/metadata/annotations");
            annotations.and_then(|all| all.get(name)).and_then(Value::as_str).unwrap_or_default()
        };
        let words =
            |name| annotation(name).split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut namespaces: BTreeSet<String> = words(NAMESPACES).map(str::to_owned).collect();
        namespaces.insert(self.namespace.clone());
        Contents { kinds: words(GROUP_KINDS).map(GroupKind::parse).collect(), namespaces }
    }

    /// Who else keeps a parent of this name; `None` when it is ours, or nobody's yet.
    pub fn foreign_keeper(&self, parent: &Value) -> Option<String> {
        let metadata = parent.get("metadata")?;
        let text = |of: &str, name: &str| metadata.get(of)?.get(name)?.as_str();
        match (text("labels", ID), text("annotations", TOOLING)) {
            (Some(id), _) if id != self.id => Some(format!("the ApplySet {id}")),
            (_, Some(tool)) if tool.split('/').next() != Some(PREFIX) => Some(tool.to_owned()),
            (Some(_), _) => None,
            (None, _) => Some("something that is no ApplySet".to_owned()),
        }
    }
}

/// The id of the set with this parent.
pub fn id(name: &str, namespace: &str, kind: &str, group: &str) -> String {
    let hash = Sha256::digest([name, namespace, kind, group].join(".").as_bytes());
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(hash))
}

impl GroupKind {
    /// The kind of an object.
    pub fn of(identity: &Identity) -> Self {
        Self { group: identity.group.clone(), kind: identity.kind.clone() }
    }

    fn parse(text: &str) -> Self {
        let (kind, group) = text.split_once('.').unwrap_or((text, ""));
        Self { group: group.to_owned(), kind: kind.to_owned() }
    }

    fn shown(&self) -> String {
        match self.group.as_str() {
            "" => self.kind.clone(),
            group => format!("{}.{group}", self.kind),
        }
    }
}

impl Contents {
    /// Where these objects are.
    pub fn of<'o>(objects: impl IntoIterator<Item = &'o Identity>) -> Self {
        let mut contents = Self::default();
        for identity in objects {
            contents.kinds.insert(GroupKind::of(identity));
            contents.namespaces.insert(identity.namespace.clone());
        }
        contents
    }

    /// Those of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            kinds: self.kinds.union(&other.kinds).cloned().collect(),
            namespaces: self.namespaces.union(&other.namespaces).cloned().collect(),
        }
    }
}

/// A member of the set that the definitions no longer give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leftover {
    /// Which.
    pub identity: Identity,
    /// The version of its kind, without the group.
    pub version: String,
    /// The value of its pipeline label.
    pub pipeline: Option<String>,
    /// Which of all that ever had this name.
    pub uid: String,
    /// Who beside us has set fields of it.
    pub others: Vec<String>,
}

/// Why a leftover stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stays {
    /// These have set fields of it.
    SetBy(Vec<String>),
    /// It belongs to a pipeline of which another object stays.
    With(Identity),
    /// Pipelines of others in its namespace may run as it.
    Shared,
    /// It is a Secret of a pipeline that is still there, and is rendered only with its values.
    WithoutValues,
    /// Its kind is never deleted.
    Kind,
}

/// What to do with leftovers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pruning {
    /// To be deleted, in this order: schedules before what they read.
    pub delete: Vec<Leftover>,
    /// To be left, and why.
    pub leave: Vec<(Leftover, Stays)>,
}

/// What decides whether a leftover goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    /// Namespaces with schedules of other projects, or of nobody's.
    pub shared: BTreeSet<String>,
    /// The pipelines that are there, by namespace and the value of their label.
    pub pipelines: BTreeSet<(String, String)>,
    /// Whether Secrets were rendered, with their values.
    pub with_values: bool,
    /// Whether to delete what others have set fields of, too.
    pub force: bool,
}

/// Decides what is deleted.
pub fn pruning(leftovers: Vec<Leftover>, bounds: &Bounds) -> Pruning {
    let is_of_pipeline = |leftover: &Leftover| {
        let pipeline = leftover.pipeline.clone();
        pipeline.is_some_and(|pipeline| {
            bounds.pipelines.contains(&(leftover.identity.namespace.clone(), pipeline))
        })
    };
    let own = |leftover: &Leftover| {
        let Identity { kind, namespace, .. } = &leftover.identity;
        if NEVER_PRUNED.contains(&kind.as_str()) {
            Some(Stays::Kind)
        } else if !leftover.others.is_empty() && !bounds.force {
            Some(Stays::SetBy(leftover.others.clone()))
        } else if is_shared(kind) && bounds.shared.contains(namespace) {
            Some(Stays::Shared)
        } else if kind == "Secret" && !bounds.with_values && is_of_pipeline(leftover) {
            Some(Stays::WithoutValues)
        } else {
            None
        }
    };
    let reasons: Vec<Option<Stays>> = leftovers.iter().map(own).collect();
    // A pipeline without its ConfigMap would be worse than one too many.
    let pipeline = |leftover: &Leftover| {
        Some((leftover.identity.namespace.clone(), leftover.pipeline.clone()?))
    };
    let mut staying: BTreeMap<(String, String), Identity> = BTreeMap::new();
    for (leftover, reason) in leftovers.iter().zip(&reasons) {
        if let (Some(of), Some(Stays::SetBy(_))) = (pipeline(leftover), reason) {
            staying.entry(of).or_insert_with(|| leftover.identity.clone());
        }
    }
    let mut pruning = Pruning::default();
    for (leftover, reason) in leftovers.into_iter().zip(reasons) {
        let with = || staying.get(&pipeline(&leftover)?).cloned().map(Stays::With);
        match reason.or_else(with) {
            Some(why) => pruning.leave.push((leftover, why)),
            None => pruning.delete.push(leftover),
        }
    }
    pruning.delete.sort_by_key(|leftover| {
        let order = crate::manifest::apply_order(&leftover.identity.kind);
        (std::cmp::Reverse(order), leftover.identity.clone())
    });
    pruning
}

/// Whether pods of several projects may need the same object of this kind.
pub fn is_shared(kind: &str) -> bool {
    SHARED.contains(&kind)
}

/// Whether a name is one that a dot may follow.
fn is_plain(name: &str) -> bool {
    let is_character =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = [name.bytes().next(), name.bytes().last()];
    name.len() <= 63
        && name.bytes().all(is_character)
        && ends.iter().all(|end| end.is_some_and(|byte| byte != b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_that_kubectl_computes() {
        // echo -n my-set.default.Secret. | openssl dgst -sha256 -binary | basenc --base64url
        assert_eq!(
            id("my-set", "default", "Secret", ""),
            "applyset-kdySOVBWs584aaOTmku9Ul1xDuN7LXBjs-R96jQcisk-v1"
        );
    }

    #[test]
    fn each_project_and_environment_has_a_set_of_its_own() {
        let names = [
            ApplySet::of("analytics", None, "n"),
            ApplySet::of("analytics", Some("prod"), "n"),
            ApplySet::of("analytics.prod", None, "n"),
            ApplySet::of("analytics-prod", None, "n"),
            ApplySet::of("Analytics", None, "n"),
            ApplySet::of("-", None, "n"),
        ];
        assert_eq!(names[1].name, "ompipe.analytics.prod");
        let mut all: Vec<_> = names.iter().map(|set| (&set.name, &set.id)).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), names.len());
        let elsewhere = ApplySet::of("analytics", None, "other");
        assert_ne!(elsewhere.id, names[0].id);
    }

    fn identity(kind: &str, name: &str) -> Identity {
        let group = if kind == "CronJob" { "batch" } else { "" };
        Identity {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: "n".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_parent_says_where_members_are_and_is_read_back() {
        let set = ApplySet::of("analytics", None, "home");
        let objects = [identity("CronJob", "a"), identity("ConfigMap", "a")];
        let contents = Contents::of(&objects);
        let parent = set.parent(&contents, "1.2.3");
        let annotations = &parent["metadata"]["annotations"];
        assert_eq!(annotations[GROUP_KINDS], "ConfigMap,CronJob.batch");
        assert_eq!(annotations[NAMESPACES], "n");
        assert_eq!(annotations[TOOLING], "ompipe/v1.2.3");
        let read = set.contents(&parent);
        assert_eq!(read.kinds, contents.kinds);
        assert!(read.namespaces.contains("n") && read.namespaces.contains("home"));
        assert_eq!(set.foreign_keeper(&parent), None);
    }

    #[test]
    fn a_parent_of_another_tool_or_no_parent_at_all_is_not_taken_over() {
        let set = ApplySet::of("analytics", None, "home");
        let mut parent = set.parent(&Contents::default(), "1");
        parent["metadata"]["annotations"][TOOLING] = "kubectl/v1.36".into();
        assert_eq!(set.foreign_keeper(&parent).as_deref(), Some("kubectl/v1.36"));
        assert!(set.foreign_keeper(&json!({"metadata": {"name": "ompipe.analytics"}})).is_some());
    }

    fn leftover(kind: &str, name: &str, pipeline: Option<&str>, others: &[&str]) -> Leftover {
        Leftover {
            identity: identity(kind, name),
            version: "v1".to_owned(),
            pipeline: pipeline.map(str::to_owned),
            uid: String::new(),
            others: others.iter().map(|other| (*other).to_owned()).collect(),
        }
    }

    fn force() -> Bounds {
        Bounds { force: true, ..Bounds::default() }
    }

    fn deleted(pruning: &Pruning) -> Vec<&str> {
        pruning.delete.iter().map(|one| one.identity.name.as_str()).collect()
    }

    #[test]
    fn a_schedule_is_deleted_before_what_it_reads() {
        let leftovers = vec![
            leftover("ServiceAccount", "account", None, &[]),
            leftover("ConfigMap", "config", Some("a"), &[]),
            leftover("CronJob", "cron", Some("a"), &[]),
        ];
        let pruning = pruning(leftovers, &Bounds::default());
        assert_eq!(deleted(&pruning), ["cron", "config", "account"]);
    }

    #[test]
    fn what_others_have_changed_stays_and_with_it_the_rest_of_its_pipeline() {
        let leftovers = || {
            vec![
                leftover("ConfigMap", "config-a", Some("a"), &[]),
                leftover("CronJob", "cron-a", Some("a"), &["kubectl-edit"]),
                leftover("ConfigMap", "config-b", Some("b"), &[]),
            ]
        };
        let pruned = pruning(leftovers(), &Bounds::default());
        assert_eq!(deleted(&pruned), ["config-b"]);
        let why: Vec<&Stays> = pruned.leave.iter().map(|(_, why)| why).collect();
        assert_eq!(
            why,
            [
                &Stays::With(identity("CronJob", "cron-a")),
                &Stays::SetBy(vec!["kubectl-edit".to_owned()])
            ]
        );
        assert_eq!(deleted(&pruning(leftovers(), &force())).len(), 3);
    }

    #[test]
    fn accounts_stay_while_others_pipelines_may_run_as_them() {
        let account = || vec![leftover("Role", "account", None, &[])];
        let shared = BTreeSet::from(["n".to_owned()]);
        let bounds = Bounds { shared, ..force() };
        assert_eq!(pruning(account(), &bounds).leave[0].1, Stays::Shared);
        assert_eq!(deleted(&pruning(account(), &Bounds::default())), ["account"]);
    }

    #[test]
    fn a_secret_of_a_pipeline_that_is_there_goes_only_where_secrets_were_rendered() {
        let secret = || vec![leftover("Secret", "om-secret-a", Some("a"), &[])];
        let pipelines = BTreeSet::from([("n".to_owned(), "a".to_owned())]);
        let there = Bounds { pipelines, ..Bounds::default() };
        assert_eq!(pruning(secret(), &there).leave[0].1, Stays::WithoutValues);
        let with_values = Bounds { with_values: true, ..there };
        assert_eq!(deleted(&pruning(secret(), &with_values)), ["om-secret-a"]);
        assert_eq!(deleted(&pruning(secret(), &Bounds::default())), ["om-secret-a"]);
    }

    #[test]
    fn namespaces_and_definitions_of_kinds_are_never_deleted() {
        for kind in NEVER_PRUNED {
            let pruning = pruning(vec![leftover(kind, "x", None, &[])], &force());
            assert_eq!(pruning.delete, []);
        }
    }
}
