//! What belongs to a pipeline in a cluster, and what only looks so.
//!
//! In: the metadata of objects that bear the pipeline's label, or one of its names. Out:
//! [`Belongings`]. It decides by values alone.

use super::kind::Kind;
use super::run::Run;
use super::schedule::Cron;
use crate::cluster::Pipeline;
use crate::cluster::observed::Meta;
use crate::model::labels;

/// Everything that belongs to a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Belongings {
    /// Its CronJob and CronOMJob: whichever there are.
    pub crons: Vec<Cron>,
    /// Its runs, past and active.
    pub runs: Vec<Run>,
    /// Pods that no run of it controls any more: Java's server leaves such behind.
    pub orphans: Vec<Thing>,
    /// Its ExternalSecret, ConfigMaps and Secret, in the order in which they go.
    pub others: Vec<Thing>,
    /// What bears one of its names, but belongs to somebody else.
    pub stays: Vec<Stays>,
}

/// An object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Thing {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// An object that is let be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stays {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why, as in "it has …".
    pub why: &'static str,
}

impl Belongings {
    /// Whether there is nothing to delete.
    pub fn is_empty(&self) -> bool {
        self.crons.is_empty()
            && self.runs.is_empty()
            && self.orphans.is_empty()
            && self.others.is_empty()
    }

    /// The objects that are deleted, in that order.
    pub fn things(&self) -> Vec<Thing> {
        let thing = |kind, name: &str, uid: &str| Thing {
            kind,
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let crons = self.crons.iter().map(|cron| thing(cron.kind, &cron.name, &cron.uid));
        let runs = self.runs.iter().map(|run| thing(run.kind.into(), &run.name, &run.uid));
        let rest = self.orphans.iter().chain(&self.others).cloned();
        crons.chain(runs).chain(rest).collect()
    }
}

/// The names that a pipeline's objects have.
pub(super) fn names(pipeline: &Pipeline) -> [(Kind, &str); 5] {
    let names = &pipeline.names;
    [
        (Kind::CronJob, names.cron_job.as_str()),
        (Kind::CronOMJob, names.cron_om_job.as_str()),
        (Kind::ExternalSecret, names.secret.as_str()),
        (Kind::ConfigMap, names.config_map.as_str()),
        (Kind::Secret, names.secret.as_str()),
    ]
}

/// Whether an object with the pipeline's label is one of its own. A Secret has to have the name that
/// the pipeline's has: others are people's.
pub(super) fn is_own(kind: Kind, meta: &Meta, pipeline: &Pipeline) -> bool {
    bears_labels(meta, pipeline)
        && match kind {
            Kind::Secret | Kind::ExternalSecret => {
                meta.name == pipeline.names.secret || meta.label(labels::RUN_ID).is_some()
            }
            Kind::ConfigMap => {
                meta.name == pipeline.names.config_map || meta.label(labels::RUN_ID).is_some()
            }
            _ => true,
        }
}

/// Why an object that has one of the pipeline's names is not its own; `None`: it is.
pub(super) fn why_it_stays(kind: Kind, meta: &Meta, pipeline: &Pipeline) -> Option<&'static str> {
    if is_own(kind, meta, pipeline) {
        return None;
    }
    Some(match meta.label(labels::PIPELINE) {
        Some(label) if label != pipeline.names.label.as_str() => "its label names another pipeline",
        _ => "it does not have the labels of a pipeline's objects",
    })
}

fn bears_labels(meta: &Meta, pipeline: &Pipeline) -> bool {
    meta.label(labels::PIPELINE) == Some(pipeline.names.label.as_str())
        && meta.label(labels::NAME) == Some(labels::OPENMETADATA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PipelineName;

    fn pipeline(name: &str) -> Pipeline {
        Pipeline::new("ns", PipelineName::parse(name).unwrap())
    }

    fn meta(name: &str, labels: &[(&str, &str)]) -> Meta {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Meta { name: name.to_owned(), labels: labels.collect(), ..Meta::default() }
    }

    const OWN: [(&str, &str); 2] =
        [("app.kubernetes.io/name", "openmetadata"), ("app.kubernetes.io/pipeline", "orders")];

    #[test]
    fn what_bears_the_labels_is_the_pipelines_own() {
        let orders = pipeline("orders");
        assert!(is_own(Kind::ConfigMap, &meta("om-config-orders", &OWN), &orders));
        assert!(is_own(Kind::Job, &meta("om-job-orders-1", &OWN), &orders));
        assert!(!is_own(Kind::ConfigMap, &meta("om-config-orders", &[]), &orders));
        assert!(!is_own(Kind::ConfigMap, &meta("om-config-orders", &OWN[1..]), &orders));
        let similar = pipeline("orders2");
        assert!(!is_own(Kind::Job, &meta("om-job-orders-1", &OWN), &similar));
    }

    #[test]
    fn a_secret_or_config_map_of_another_name_is_somebodys() {
        let orders = pipeline("orders");
        assert!(!is_own(Kind::Secret, &meta("snowflake", &OWN), &orders));
        assert!(!is_own(Kind::ConfigMap, &meta("notes", &OWN), &orders));
        let of_run = [OWN.as_slice(), &[("app.kubernetes.io/run-id", "r")]].concat();
        assert!(is_own(Kind::ConfigMap, &meta("om-job-orders-1", &of_run), &orders));
    }

    #[test]
    fn what_has_a_name_and_not_the_labels_stays_and_says_why() {
        let orders = pipeline("orders");
        let by_hand = meta("om-config-orders", &[]);
        let why = why_it_stays(Kind::ConfigMap, &by_hand, &orders).unwrap();
        assert!(why.contains("labels"), "{why}");
        assert_eq!(why_it_stays(Kind::ConfigMap, &meta("om-config-orders", &OWN), &orders), None);
    }
}
