//! How pipelines are, each in a few words.
//!
//! In: schedules and runs of a namespace, and the time. Out: an [`Overview`] of each pipeline. It
//! decides by values alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::run::Run;
use super::schedule::Cron;
use crate::cluster::Pipeline;

/// How a pipeline is.
#[derive(Clone, PartialEq, Debug)]
pub struct Overview {
    /// Its namespace.
    pub namespace: String,
    /// Its name; of a namespace whose definitions nobody has read, its label. Of an automation or
    /// application, how its runs are named.
    pub pipeline: String,
    /// Its schedule: CronJob or CronOMJob, or by mistake both.
    pub crons: Vec<Cron>,
    /// Its newest run.
    pub last: Option<Run>,
    /// The runs that have not ended, the newest first.
    pub active: Vec<Run>,
    /// How many runs there are.
    pub runs: usize,
    /// When it runs next, by its schedule.
    pub next: Option<Timestamp>,
}

impl Overview {
    /// Whether a schedule of it is there that would fire and is suspended.
    pub fn is_suspended(&self) -> bool {
        self.crons.iter().any(|cron| cron.is_suspended && cron.ever_fires())
    }

    /// Whether it runs by hand alone: it is there, and no time ever comes.
    pub fn is_by_hand(&self) -> bool {
        !self.crons.is_empty() && !self.crons.iter().any(Cron::ever_fires)
    }
}

/// How pipelines of one namespace are: those that are named, or all that have left a trace there.
/// The runs come newest first.
pub fn overview(
    namespace: &str,
    named: Option<&[&Pipeline]>,
    crons: Vec<Cron>,
    runs: Vec<Run>,
    now: Timestamp,
) -> Vec<Overview> {
    let mut all: BTreeMap<String, Overview> = BTreeMap::new();
    let new = |name: &str| Overview {
        namespace: namespace.to_owned(),
        pipeline: name.to_owned(),
        crons: Vec::new(),
        last: None,
        active: Vec::new(),
        runs: 0,
        next: None,
    };
    for pipeline in named.unwrap_or_default() {
        let label = pipeline.names.label.as_str();
        all.insert(label.to_owned(), new(pipeline.name.as_str()));
    }
    let mut of = |label: &str, change: &mut dyn FnMut(&mut Overview)| match all.get_mut(label) {
        Some(one) => change(one),
        None if named.is_none() => {
            change(all.entry(label.to_owned()).or_insert_with(|| new(label)));
        }
        None => {}
    };
    for cron in crons {
        of(&cron.pipeline, &mut |one| {
            one.next = one.next.into_iter().chain(cron.next(now)).min();
            one.crons.push(cron.clone());
        });
    }
    for run in runs {
        of(run.subject(), &mut |one| {
            one.runs += 1;
            if !run.state.has_ended() {
                one.active.push(run.clone());
            }
            if one.last.is_none() {
                one.last = Some(run.clone());
            }
        });
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::runs::{Kind, of_job};
    use crate::model::PipelineName;

    fn run(pipeline: &str, name: &str, status: serde_json::Value) -> Run {
        let job = json!({"metadata": {"name": name, "uid": name,
            "labels": {"app.kubernetes.io/pipeline": pipeline}}, "status": status});
        of_job(&serde_json::from_value(job).unwrap(), None)
    }

    fn cron(pipeline: &str, suspend: bool) -> Cron {
        let object = json!({
            "metadata": {"name": "c", "labels": {"app.kubernetes.io/pipeline": pipeline}},
            "spec": {"schedule": "0 3 * * *", "suspend": suspend},
        });
        Cron::of(Kind::CronJob, serde_json::from_value(object).unwrap())
    }

    fn now() -> Timestamp {
        "2026-07-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_pipelines_newest_run_is_its_last_and_those_that_have_not_ended_are_active() {
        let complete = json!({"conditions": [{"type": "Complete", "status": "True"}]});
        let runs = vec![
            run("orders", "new", json!({"active": 1})),
            run("orders", "old", complete),
            run("users", "other", json!({})),
        ];
        let all = overview("ns", None, vec![cron("orders", false)], runs, now());
        assert_eq!(all.len(), 2);
        let orders = &all[0];
        assert_eq!(orders.last.as_ref().unwrap().name, "new");
        assert_eq!((orders.active.len(), orders.runs), (1, 2));
        assert_eq!(orders.next, Some("2026-07-01T03:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_named_pipeline_is_told_of_though_nothing_of_it_is_there_and_no_other_is() {
        let pipeline = Pipeline::new("ns", PipelineName::parse("a b").unwrap());
        let runs = vec![run("users", "other", json!({}))];
        let all = overview("ns", Some(&[&pipeline]), Vec::new(), runs, now());
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.pipeline.as_str(), one.runs, one.last.is_none()), ("a b", 0, true));
    }

    #[test]
    fn a_suspended_pipeline_has_no_next_time() {
        let all = overview("ns", None, vec![cron("orders", true)], Vec::new(), now());
        assert!(all[0].is_suspended());
        assert_eq!(all[0].next, None);
    }
}
