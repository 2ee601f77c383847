//! An examination: what keeps, or will keep, a project's verbs and runs from working in a cluster.
//!
//! In: a cluster, and the namespaces to look at with what a project needs in each. Out: [`Finding`]s.
//! Each check is a pure function in a file of its own; `ask` looks at the cluster for them. Nothing
//! is changed in it, and what may not be looked at is said to be so, never that it is missing.

mod applied;
mod ask;
mod namespace;
mod nodes;
mod operator;
mod pods;
mod quota;
mod report;
mod rights;
mod secrets;
mod server;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use futures::join;
use jiff::Timestamp;

pub use report::{Finding, Look, Outcome, Topic};
pub use wanted::{Container, Pod, Toleration, Wanted, wanted};

use self::report::Topic::{Accounts, Applied, Nodes, PodSecurity, Secrets};
use super::connection::Cluster;
use super::error::Error;
use super::rights::{Kinds, Verb};

/// What is to be examined.
#[derive(Debug)]
pub struct Question {
    /// The namespaces, each with what a project needs there; without one less is looked at.
    pub namespaces: BTreeMap<String, Option<Wanted>>,
    /// The verbs that are to work.
    pub verbs: Vec<Verb>,
    /// The namespace and the name of the operator's Lease.
    pub lease: (String, String),
}

/// Examines a cluster. An error: it cannot be asked at all.
pub async fn examine(cluster: &Cluster, question: &Question) -> Result<Vec<Finding>, Error> {
    let mut found = server::conclude(&ask::server(cluster).await?, &question.sidecars());
    found.push(match ask::who(cluster).await? {
        Some(who) => Finding::fine(Topic::Credentials, format!("you are {who}")),
        None => Finding::new(
            Topic::Credentials,
            Outcome::Unknown,
            "could not look at who you are: the API server is too old to say",
        ),
    });
    found.extend(operator_of(cluster, question).await);
    found.extend(nodes_for(cluster, question).await);
    for (name, wanted) in &question.namespaces {
        found.extend(within(cluster, question, name, wanted.as_ref()).await?);
    }
    found.sort_by_key(|finding| finding.topic);
    Ok(found)
}

impl Question {
    /// The pipelines whose pods have a sidecar.
    fn sidecars(&self) -> Vec<String> {
        let pods = self.pods().filter(|pod| pod.has_sidecar);
        pods.flat_map(|pod| pod.pipelines.clone()).collect()
    }

    fn pods(&self) -> impl Iterator<Item = &wanted::Pod> {
        self.namespaces.values().flatten().flat_map(|wanted| &wanted.pods)
    }

    fn has_project(&self) -> bool {
        self.namespaces.values().any(Option::is_some)
    }

    fn uses_operator(&self) -> bool {
        let mut kinds = self.namespaces.values().flatten().flat_map(|wanted| &wanted.kinds);
        kinds.any(|kind| kind == "CronOMJob" || kind == "OMJob")
    }
}

async fn operator_of(cluster: &Cluster, question: &Question) -> Vec<Finding> {
    let (namespace, name) = &question.lease;
    let kinds = ask::operator_kinds(cluster).await;
    let is_needed = question.uses_operator();
    let mut found = kinds.concluded(Topic::Operator, "the operator's kinds", |kinds| {
        operator::kinds(kinds, is_needed)
    });
    // Whoever uses no OMJob needs no operator; whoever has no project at hand may.
    let may_be_used =
        !question.has_project() && matches!(&kinds, Look::Seen(kinds) if kinds.omjobs);
    if is_needed || may_be_used {
        let (lease, deployments) =
            join!(ask::lease(cluster, namespace, name), ask::operators(cluster));
        let place = format!("{name} in {namespace}");
        found.extend(operator::alive(&lease, &deployments, Timestamp::now(), &place));
    }
    found
}

async fn nodes_for(cluster: &Cluster, question: &Question) -> Vec<Finding> {
    let nodes = ask::nodes(cluster).await;
    let pods: Vec<_> = question.pods().cloned().collect();
    if !question.has_project() {
        return vec![left_out(Nodes)];
    }
    nodes.concluded(Nodes, "the nodes", |nodes| nodes::conclude(nodes, &pods))
}

/// What is examined in a namespace.
async fn within(
    cluster: &Cluster,
    question: &Question,
    name: &str,
    wanted: Option<&Wanted>,
) -> Result<Vec<Finding>, Error> {
    let namespace = ask::namespace(cluster, name).await;
    let mut found = match &namespace {
        Look::Seen(seen) => namespace::conclude(name, seen.as_ref()),
        other => {
            other.concluded(Topic::Namespace, &format!("the namespace {name}"), |_| Vec::new())
        }
    };
    if matches!(namespace, Look::Seen(None)) {
        return Ok(found);
    }
    let kinds = match wanted {
        Some(wanted) => Kinds::of(wanted.kinds.iter().map(String::as_str)),
        None => Kinds::all(),
    };
    let verbs = question.verbs.as_slice();
    let allowed = ask::rules(cluster, name).await?;
    let not_listed = rights::not_listed(&allowed, verbs, &kinds);
    // Not every authorizer can list what it allows; each can say whether it allows one thing.
    let missing = ask::refused(cluster, name, not_listed).await?;
    found.extend(rights::conclude(name, &missing, verbs, &kinds));

    let (quotas, limits, waiting, warned) = join!(
        ask::quotas(cluster, name),
        ask::limits(cluster, name),
        ask::waiting(cluster, name),
        ask::warned(cluster, name),
    );
    let pods = wanted.map(|wanted| wanted.pods.as_slice()).unwrap_or_default();
    let ranges = match &limits {
        Look::Seen(limits) => limits.clone(),
        _ => Vec::new(),
    };
    found.extend(in_namespace(
        name,
        quotas.concluded(Topic::Quota, "the ResourceQuotas", |quotas| {
            quota::quotas(name, quotas, &ranges, pods)
        }),
    ));
    found.extend(in_namespace(
        name,
        limits
            .concluded(Topic::Quota, "the LimitRanges", |limits| quota::limits(name, limits, pods)),
    ));
    found.extend(in_namespace(
        name,
        waiting.concluded(Topic::Pods, "the pods", |waiting| {
            let warned = match &warned {
                Look::Seen(warned) => warned.as_slice(),
                _ => &[],
            };
            pods::conclude(name, waiting, warned)
        }),
    ));
    if !matches!(warned, Look::Seen(_)) {
        let told = warned.concluded(Topic::Pods, "the events", |_| Vec::new());
        found.extend(in_namespace(name, told));
    }
    let Some(wanted) = wanted else {
        found.extend([PodSecurity, Secrets, Accounts, Applied].map(left_out));
        return Ok(found);
    };
    if let Look::Seen(Some(namespace)) = &namespace {
        found.extend(namespace::pod_security(name, namespace, pods));
    }
    found.extend(of_project(cluster, name, wanted).await);
    Ok(found)
}

/// What only a project tells: which objects must be there.
async fn of_project(cluster: &Cluster, name: &str, wanted: &Wanted) -> Vec<Finding> {
    let secrets: BTreeSet<String> =
        wanted.secrets.iter().map(|secret| secret.name.to_string()).collect();
    let maps = wanted
        .required
        .iter()
        .filter(|(kind, map)| *kind == "ConfigMap" && !wanted.config_maps.contains_key(map));
    let maps: BTreeSet<String> = maps.map(|(_, map)| map.clone()).collect();
    let accounts: BTreeSet<String> = wanted.accounts.keys().cloned().collect();
    let (secrets, maps, accounts, applied) = join!(
        ask::secrets(cluster, name, secrets),
        ask::config_maps(cluster, name, maps),
        ask::accounts(cluster, name, accounts),
        ask::applied(cluster, name),
    );
    let mut found = secrets::conclude(name, wanted, &secrets);
    found.extend(secrets::config_maps(name, &maps));
    found.extend(secrets::accounts(name, wanted, &accounts));
    let applied = applied.concluded(Applied, "the ConfigMaps of the pipelines", |there| {
        applied::conclude(name, &wanted.config_maps, there)
    });
    found.extend(in_namespace(name, applied));
    found
}

fn in_namespace(name: &str, found: Vec<Finding>) -> impl Iterator<Item = Finding> {
    found.into_iter().map(move |finding| finding.within(name))
}

fn left_out(topic: Topic) -> Finding {
    Finding::new(topic, Outcome::LeftOut, "left out: no project is read with -n")
}
