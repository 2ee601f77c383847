//! Rendered CronJobs and the real CronJob controller: when they fire, with which run id, and what
//! becomes of a slot that nobody was there to see.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::namespace::{Namespace, test, test_alone};
use crate::rendered::{
    PASSWORD, SIDECAR, condition, quick_start, quick_start_objects, ran_once, secrets,
};

const PRE_STOP: &str = "exitHandler: preStop";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        // Upstream's faults 2 and 13.
        test("a_cron_job_fires_at_its_minute_with_a_new_run_id_each_time", fires_again),
        test_alone("a_slot_that_nobody_saw_is_not_caught_up", async |namespace, servers| {
            let slot = next_minute(Duration::from_secs(5));
            let schedule = slot.strftime("%M %H * * *").to_string();
            let utc = |parameters: &str| {
                let mut cron_job = rendered_cron_job(namespace, parameters);
                cron_job["spec"]["schedule"] = json!(schedule);
                cron_job["spec"]["timeZone"] = json!("Etc/UTC");
                cron_job
            };
            secrets(namespace).await;
            for object in quick_start_objects(namespace, PRE_STOP, &[]) {
                if object["kind"] != "CronJob" {
                    namespace.apply(object).await;
                }
            }
            let named = |name: &str, mut object: Value| {
                object["metadata"]["name"] = json!(name);
                object
            };
            // Left at OpenMetadata's default.
            let default = utc(PRE_STOP);
            assert_eq!(default["spec"]["startingDeadlineSeconds"], 60);
            namespace.apply(named("missed", default.clone())).await;
            let mut suspended = named("suspended", default);
            suspended["spec"]["suspend"] = json!(true);
            namespace.apply(suspended).await;
            // The one that shows that the controller has looked: it asked for an hour.
            let patient = utc(&format!("{PRE_STOP}\n    startingDeadlineSeconds: 3600"));
            namespace.apply(named("patient", patient)).await;

            servers.kill("kube-controller-manager");
            // The default's deadline, and a second for clocks that are rounded.
            sleep(until(slot) + Duration::from_secs(62)).await;
            let resumed = Patch::Merge(json!({"spec": {"suspend": false}}));
            let cron_jobs = namespace.api::<CronJob>();
            cron_jobs.patch("suspended", &PatchParams::default(), &resumed).await.unwrap();
            servers.start("kube-controller-manager");

            namespace
                .until("the patient one to be caught up", async || {
                    (!jobs_of(namespace, "patient").await.is_empty()).then_some(())
                })
                .await;
            // Whatever the controller would start of the others it starts in the same round.
            sleep(Duration::from_secs(3)).await;
            assert_eq!(jobs_of(namespace, "missed").await.len(), 0);
            assert_eq!(jobs_of(namespace, "suspended").await.len(), 0);
            assert_eq!(jobs_of(namespace, "patient").await.len(), 1);
        }),
    ]
}

async fn fires_again(namespace: &Namespace) {
    let before = Timestamp::now();
    quick_start(namespace, SIDECAR, &[]).await;
    // What is rendered for OpenMetadata's default of 0, and what Kubernetes makes of 0 itself.
    let mut never = rendered_cron_job(namespace, SIDECAR);
    assert_eq!(never["spec"]["startingDeadlineSeconds"], 60);
    never["metadata"]["name"] = json!("never");
    never["spec"]["startingDeadlineSeconds"] = json!(0);
    namespace.apply(never).await;

    let fired = namespace
        .until("two Jobs to end", async || {
            let jobs = jobs_of(namespace, "om-cronjob-snowflake-metadata").await;
            let ended = jobs.iter().all(|job| condition(job, "Complete").is_some());
            (jobs.len() == 2 && ended).then_some(jobs)
        })
        .await;
    let mut ids = BTreeSet::new();
    for job in &fired {
        let [main, exit] = ran_once(namespace, &job.metadata, "Succeeded");
        assert_eq!(main.run, job.metadata.uid);
        assert_eq!(main.pod, exit.pod);
        let password: String =
            Sha256::digest(PASSWORD).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(main.password.as_ref(), Some(&password), "the Secret's value has to arrive");
        ids.insert(main.run.unwrap());
        // A Job is made at its minute, and says for which.
        let slot = job.annotations()["batch.kubernetes.io/cronjob-scheduled-timestamp"].clone();
        let slot: Timestamp = slot.parse().unwrap();
        assert_eq!(slot.as_second() % 60, 0);
        let late = job.creation_timestamp().unwrap().0.as_second() - slot.as_second();
        assert!((0..30).contains(&late), "created {late} s after {slot}");
        assert!(slot > before);
    }
    assert_eq!(ids.len(), 2, "every run has an id of its own: {ids:?}");
    assert_eq!(jobs_of(namespace, "never").await.len(), 0, "Kubernetes never fires with 0");
}

/// The CronJob that the quick start renders to with these parameters.
fn rendered_cron_job(namespace: &Namespace, parameters: &str) -> Value {
    let objects = quick_start_objects(namespace, parameters, &[]);
    objects.into_iter().find(|object| object["kind"] == "CronJob").unwrap()
}

async fn jobs_of(namespace: &Namespace, cron_job: &str) -> Vec<Job> {
    let jobs = namespace.api::<Job>().list(&ListParams::default()).await.unwrap();
    let owned = |job: &Job| job.owner_references().iter().any(|owner| owner.name == cron_job);
    jobs.items.into_iter().filter(owned).collect()
}

/// The first full minute that is at least so far away.
fn next_minute(away: Duration) -> Timestamp {
    let at = Timestamp::now() + away;
    at.round(jiff::TimestampRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Ceil))
        .unwrap()
}

fn until(time: Timestamp) -> Duration {
    time.duration_since(Timestamp::now()).unsigned_abs()
}
