//! What the operator counts and measures, for Prometheus: upstream's names, and ours.
//!
//! In: what happens. Out: the text format. No label holds a value of a user's, so that the number
//! of series does not grow with the number of OMJobs.

use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::omjob::Stage;
use crate::crd::Phase;

type Labels = Vec<(&'static str, String)>;

/// The metrics.
pub(super) struct Metrics {
    registry: Registry,
    reconciliations: Family<Labels, Counter>,
    reconcile_seconds: Histogram,
    durations: Family<Stages, Histogram>,
    pods_created: Family<Labels, Counter>,
    transitions: Family<Labels, Counter>,
    requests: Family<Labels, Counter>,
    exit_handler_lag: Histogram,
    cron_start_lag: Histogram,
    events_dropped: Counter,
    waiting: Gauge,
    running: Gauge,
    held: Gauge,
    leads: Gauge,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Stages {
    phase: &'static str,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 20));
        let metrics = Self {
            registry: Registry::default(),
            reconciliations: Family::default(),
            reconcile_seconds: seconds(),
            // A second to more than a day.
            durations: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(1.0, 2.0, 18))
            }),
            pods_created: Family::default(),
            transitions: Family::default(),
            requests: Family::default(),
            exit_handler_lag: seconds(),
            cron_start_lag: seconds(),
            events_dropped: Counter::default(),
            waiting: Gauge::default(),
            running: Gauge::default(),
            held: Gauge::default(),
            leads: Gauge::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let all = &mut self.registry;
        all.register(
            "omjob_reconciliations",
            "Passes over OMJobs and CronOMJobs",
            self.reconciliations.clone(),
        );
        all.register("omjob_duration_seconds", "How long a stage took", self.durations.clone());
        all.register("omjob_pods_created", "Pods created", self.pods_created.clone());
        all.register(
            "omjob_status_transitions",
            "Changes of an OMJob's phase",
            self.transitions.clone(),
        );
        all.register(
            "ompipe_reconcile_seconds",
            "How long a pass took",
            self.reconcile_seconds.clone(),
        );
        all.register(
            "ompipe_api_requests",
            "Requests to the API server, watches apart",
            self.requests.clone(),
        );
        all.register(
            "ompipe_exit_handler_lag_seconds",
            "From the main container's end to the creation of the exit handler's pod",
            self.exit_handler_lag.clone(),
        );
        all.register(
            "ompipe_cron_start_lag_seconds",
            "From a time of a CronOMJob's schedule to the creation of its OMJob",
            self.cron_start_lag.clone(),
        );
        all.register(
            "ompipe_events_dropped",
            "Events that were not written because too many waited",
            self.events_dropped.clone(),
        );
        all.register("ompipe_queue_waiting", "Keys that are due", self.waiting.clone());
        all.register("ompipe_queue_running", "Keys that are worked on", self.running.clone());
        all.register(
            "ompipe_finalizers_held",
            "OMJobs and pods that have the operator's finalizer",
            self.held.clone(),
        );
        all.register("ompipe_leader", "Whether this replica leads", self.leads.clone());
        self
    }

    pub(super) fn reconciled(&self, fine: bool, took: SignedDuration) {
        let status = if fine { "success" } else { "error" };
        self.reconciliations.get_or_create(&vec![("status", status.to_owned())]).inc();
        self.reconcile_seconds.observe(took.as_secs_f64().max(0.0));
    }

    pub(super) fn stage_took(&self, stage: Stage, seconds: f64) {
        self.durations.get_or_create(&Stages { phase: stage_name(stage) }).observe(seconds);
    }

    pub(super) fn pod_created(&self, stage: Stage) {
        self.pods_created.get_or_create(&vec![("type", stage_name(stage).to_owned())]).inc();
    }

    pub(super) fn transition(&self, from: Phase, to: Phase) {
        let labels =
            vec![("from_phase", from.as_str().to_owned()), ("to_phase", to.as_str().to_owned())];
        self.transitions.get_or_create(&labels).inc();
    }

    /// A request was answered, or was not.
    pub(super) fn request(&self, verb: &str, resource: &'static str, error: Option<&kube::Error>) {
        let code = match error {
            None => "2xx".to_owned(),
            Some(kube::Error::Api(status)) => status.code.to_string(),
            Some(_) => "none".to_owned(),
        };
        let labels =
            vec![("verb", verb.to_owned()), ("resource", resource.to_owned()), ("code", code)];
        self.requests.get_or_create(&labels).inc();
    }

    pub(super) fn exit_handler_lag(&self, seconds: f64) {
        self.exit_handler_lag.observe(seconds);
    }

    pub(super) fn cron_start_lag(&self, seconds: f64) {
        self.cron_start_lag.observe(seconds.max(0.0));
    }

    pub(super) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// All of them, and the gauges as they are now.
    pub(super) fn text(&self, waiting: usize, running: usize, held: usize, leads: bool) -> String {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.waiting.set(count(waiting));
        self.running.set(count(running));
        self.held.set(count(held));
        self.leads.set(i64::from(leads));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Main => "main",
        Stage::ExitHandler => "exit_handler",
    }
}
