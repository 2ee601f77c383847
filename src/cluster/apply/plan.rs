//! What is to be done to a cluster.
//!
//! In: what is wanted, what is there, and how far the command may go. Out: a [`Plan`]: per object
//! what happens to it, what is deleted, and how the inventory is written before and after. It does
//! no I/O, and nothing here looks at the clock.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::desired::{Desired, Identity, Wanted};
use super::inventory::{Bounds, Contents, Leftover, Pruning, pruning};
use super::refusal::Refusal;
use crate::model::labels;

/// What is known of an object in the cluster.
#[derive(Clone, Debug, Default)]
pub enum Live {
    /// We may not look.
    #[default]
    Unknown,
    /// It is not there.
    Absent,
    /// It is there.
    Present(Present),
}

/// An object that is there.
#[derive(Clone, Debug)]
pub struct Present {
    /// Its version.
    pub resource_version: String,
    /// Whether to apply ours would change nothing.
    pub is_unchanged: bool,
    /// Whether its deletion has begun.
    pub is_deleting: bool,
    /// The set that it is a member of.
    pub part_of: Option<String>,
    /// All of it, where it is to be changed.
    pub object: Option<Box<Value>>,
}

/// What a cluster has.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Of each wanted object.
    pub live: Vec<Live>,
    /// The parent of the set.
    pub parent: Option<Value>,
    /// The members that are not wanted, if they were looked for.
    pub leftovers: Vec<Leftover>,
    /// How many members were seen that are not wanted, whether or not they were looked for.
    pub unwanted: usize,
    /// Namespaces with schedules that are no members.
    pub shared: BTreeSet<String>,
}

/// How far the command may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// Fields that others have set may be taken over.
    pub force: bool,
    /// What is no longer wanted may be deleted.
    pub prune: bool,
    /// Secrets were rendered, with their values.
    pub with_values: bool,
}

/// What happens to an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is as it should be.
    Keep,
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is sent, and the server says which of these it was.
    Send,
    /// It must not be touched.
    Refuse(Refusal),
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// To each wanted object.
    pub actions: Vec<Action>,
    /// The order of it.
    pub chains: Chains,
    /// What is deleted, and what is left.
    pub pruning: Pruning,
    /// Where members may be while it is done; none: the parent says so already.
    pub widened: Option<Contents>,
    /// Where members may be when all is done; none: the parent says so already.
    pub narrowed: Option<Contents>,
}

/// The numbers of the wanted objects in the order in which they are sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chains {
    /// What pipelines share: those of one step at once, step after step.
    pub shared: Vec<Vec<usize>>,
    /// What belongs to a pipeline: one after the other, the pipelines at once.
    pub pipelines: Vec<Vec<usize>>,
}

impl Chains {
    fn of(wanted: &Wanted) -> Self {
        let mut numbers: Vec<usize> = (0..wanted.objects.len()).collect();
        numbers.sort_by_key(|at| wanted.objects[*at].order);
        let mut chains = Self::default();
        let mut of_pipeline: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut last = None;
        for at in numbers {
            let object = &wanted.objects[at];
            match &object.pipeline {
                Some(pipeline) => {
                    let namespace = object.identity.namespace.as_str();
                    of_pipeline.entry((namespace, pipeline)).or_default().push(at);
                }
                None if last.replace(object.order) == Some(object.order) => {
                    if let Some(step) = chains.shared.last_mut() {
                        step.push(at);
                    }
                }
                None => chains.shared.push(vec![at]),
            }
        }
        chains.pipelines = of_pipeline.into_values().collect();
        chains
    }
}

/// Plans it.
pub fn plan(wanted: &Wanted, observed: &Observed, rights: Rights) -> Plan {
    let ours = wanted.set.as_ref().map(|set| set.id.as_str());
    let action = |live: &Live| match live {
        Live::Unknown => Action::Send,
        Live::Absent => Action::Create,
        Live::Present(present) if present.is_deleting => Action::Refuse(Refusal::Deleting),
        Live::Present(Present { is_unchanged: true, .. }) => Action::Keep,
        Live::Present(Present { part_of: Some(set), .. })
            if ours != Some(set.as_str()) && !rights.force && ours.is_some() =>
        {
            Action::Refuse(Refusal::OfAnotherSet(set.clone()))
        }
        Live::Present(_) => Action::Change,
    };
    let actions = observed.live.iter().map(action).collect();
    let prunes = rights.prune && wanted.is_whole;
    let leftovers = if prunes { observed.leftovers.clone() } else { Vec::new() };
    let pipeline = |object: &Desired| {
        Some((object.identity.namespace.clone(), object.label(labels::PIPELINE)?.to_owned()))
    };
    let bounds = Bounds {
        shared: observed.shared.clone(),
        pipelines: wanted.objects.iter().filter_map(pipeline).collect(),
        with_values: rights.with_values,
        force: rights.force,
    };
    let pruning = pruning(leftovers, &bounds);
    let (mut widened, mut narrowed) = (None, None);
    if let Some(set) = &wanted.set {
        let mut own = Contents::of(wanted.objects.iter().map(|object| &object.identity));
        own.namespaces.insert(set.namespace.clone());
        let known = observed.parent.as_ref().map(|parent| set.contents(parent));
        let wide = known.as_ref().map_or_else(|| own.clone(), |known| known.and(&own));
        if prunes {
            let left = pruning.leave.iter().map(|(leftover, _)| &leftover.identity);
            let narrow = own.and(&Contents::of(left));
            narrowed = Some(narrow).filter(|narrow| *narrow != wide);
        }
        widened = Some(wide).filter(|wide| known.as_ref() != Some(wide));
    }
    Plan { actions, chains: Chains::of(wanted), pruning, widened, narrowed }
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.actions.iter().all(|action| *action == Action::Keep) && self.pruning.delete.is_empty()
    }

    /// Whether something would be written to an object.
    pub fn writes(&self, at: usize) -> bool {
        matches!(self.actions.get(at), Some(Action::Create | Action::Change | Action::Send))
    }

    /// The objects that are to be deleted.
    pub fn deletes(&self) -> impl Iterator<Item = &Identity> {
        self.pruning.delete.iter().map(|leftover| &leftover.identity)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::apply::inventory::ApplySet;
    use crate::tree::Span;

    fn object(kind: &str, name: &str, pipeline: Option<&str>) -> Desired {
        Desired {
            identity: Identity {
                group: String::new(),
                kind: kind.to_owned(),
                namespace: "n".to_owned(),
                name: name.to_owned(),
            },
            version: "v1".to_owned(),
            order: crate::manifest::apply_order(kind),
            pipeline: pipeline.map(str::to_owned),
            span: Span::NONE,
            value: json!({}),
        }
    }

    fn wanted() -> Wanted {
        Wanted {
            objects: vec![
                object("CronJob", "cron-b", Some("b")),
                object("ConfigMap", "config-b", Some("b")),
                object("Role", "account", None),
                object("CronJob", "cron-a", Some("a")),
                object("ServiceAccount", "account", None),
                object("ServiceAccount", "other", None),
                object("Secret", "secret-a", Some("a")),
                object("ConfigMap", "config-a", Some("a")),
            ],
            set: Some(ApplySet::of("analytics", None, "n")),
            is_whole: true,
            ..Wanted::default()
        }
    }

    #[test]
    fn shared_objects_come_first_and_a_pipelines_schedule_last() {
        let wanted = wanted();
        let chains = Chains::of(&wanted);
        let names = |chains: &[Vec<usize>]| {
            let name = |at: &usize| wanted.objects[*at].identity.name.clone();
            chains.iter().map(|chain| chain.iter().map(name).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(names(&chains.shared), [vec!["account", "other"], vec!["account"]]);
        assert_eq!(
            names(&chains.pipelines),
            [vec!["secret-a", "config-a", "cron-a"], vec!["config-b", "cron-b"]]
        );
    }

    fn present(is_unchanged: bool, part_of: Option<&str>) -> Live {
        Live::Present(Present {
            resource_version: "1".to_owned(),
            is_unchanged,
            is_deleting: false,
            part_of: part_of.map(str::to_owned),
            object: None,
        })
    }

    fn only(live: Live, rights: Rights) -> Action {
        let wanted = Wanted { objects: wanted().objects.split_off(7), ..wanted() };
        let observed = Observed { live: vec![live], ..Observed::default() };
        plan(&wanted, &observed, rights).actions.remove(0)
    }

    #[test]
    fn what_is_as_it_should_be_is_kept_and_what_nobody_may_see_is_sent() {
        let none = Rights::default();
        assert_eq!(only(present(true, None), none), Action::Keep);
        assert_eq!(only(present(false, None), none), Action::Change);
        assert_eq!(only(Live::Absent, none), Action::Create);
        assert_eq!(only(Live::Unknown, none), Action::Send);
    }

    #[test]
    fn another_projects_object_is_taken_only_by_force() {
        let live = || present(false, Some("applyset-other-v1"));
        assert!(matches!(
            only(live(), Rights::default()),
            Action::Refuse(Refusal::OfAnotherSet(_))
        ));
        let force = Rights { force: true, ..Rights::default() };
        assert_eq!(only(live(), force), Action::Change);
        let Live::Present(mut deleting) = live() else { panic!() };
        deleting.is_deleting = true;
        assert_eq!(only(Live::Present(deleting), force), Action::Refuse(Refusal::Deleting));
    }

    fn leftover() -> Leftover {
        Leftover {
            identity: Identity { group: "x.y".to_owned(), ..object("Old", "old", None).identity },
            version: "v1".to_owned(),
            pipeline: None,
            uid: String::new(),
            others: Vec::new(),
        }
    }

    fn observed(wanted: &Wanted, contents: Option<&Contents>) -> Observed {
        let set = wanted.set.as_ref().unwrap();
        Observed {
            live: wanted.objects.iter().map(|_| present(true, Some(&set.id))).collect(),
            parent: contents.map(|contents| set.parent(contents, "1")),
            leftovers: vec![leftover()],
            ..Observed::default()
        }
    }

    #[test]
    fn the_inventory_is_widened_before_and_narrowed_after_and_else_left_alone() {
        let wanted = wanted();
        let own = Contents::of(wanted.objects.iter().map(|object| &object.identity));
        let wide = own.and(&Contents::of([&leftover().identity]));
        let prune = Rights { prune: true, ..Rights::default() };
        let keep = Rights::default();

        let first = plan(&wanted, &observed(&wanted, None), keep);
        assert_eq!((first.widened, first.narrowed), (Some(own.clone()), None));
        let again = plan(&wanted, &observed(&wanted, Some(&own)), keep);
        assert_eq!((again.widened, again.narrowed), (None, None));
        let left_over = plan(&wanted, &observed(&wanted, Some(&wide)), keep);
        assert_eq!((left_over.widened, left_over.narrowed), (None, None));
        assert!(left_over.pruning.delete.is_empty());
        let pruned = plan(&wanted, &observed(&wanted, Some(&wide)), prune);
        assert_eq!((pruned.widened, pruned.narrowed), (None, Some(own)));
        assert_eq!(pruned.pruning.delete, [leftover()]);
    }

    #[test]
    fn a_part_of_the_project_prunes_nothing() {
        let part = Wanted { is_whole: false, ..wanted() };
        let prune = Rights { prune: true, force: true, ..Rights::default() };
        let plan = plan(&part, &observed(&part, None), prune);
        assert!(plan.is_empty() && plan.narrowed.is_none());
    }
}
