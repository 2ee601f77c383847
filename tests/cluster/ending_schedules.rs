//! `ompipe suspend` and `ompipe resume`: what they hold against, what they give up again, and that
//! no missed time is made up for.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use libtest_mimic::Trial;
use ompipe::crd::{CronOMJob, OMJob};
use serde_json::json;

use crate::crd;
use crate::ending::{OPERATED, SELDOM, SIDECAR, project};
use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("suspend_holds_against_an_apply_until_resume", toggled),
        test("resume_holds_against_what_git_has_disabled", disabled),
        test("resume_does_not_make_up_for_what_was_missed", missed),
        test("suspend_changes_nothing_when_one_pipeline_is_unknown", unknown),
    ]
}

/// The CronJob and the CronOMJob of the projects here.
const CRONS: [(&str, &str, &str); 2] = [
    ("native", "cronjob/om-cronjob-native", SIDECAR),
    ("operated", "cronomjob/om-cronomjob-operated", OPERATED),
];

/// Writes both pipelines; `more` are lines of their `spec`.
fn write(project: &Project, schedule: &str, parameters: &str, more: &str) {
    for (pipeline, _, way) in CRONS {
        let kubernetes = format!("  kubernetes: {{{way}{parameters}}}{more}");
        project.pipeline(pipeline, schedule, &kubernetes);
    }
}

/// A schedule's `spec.suspend`, who owns it, and its version.
struct Seen {
    suspend: bool,
    owners: Vec<String>,
    version: String,
}

/// Both schedules.
async fn seen(namespace: &Namespace) -> [Seen; 2] {
    let native = namespace.api::<CronJob>().get("om-cronjob-native").await.unwrap();
    let operated = namespace.api::<CronOMJob>().get("om-cronomjob-operated").await.unwrap();
    [
        Seen::of(&native.metadata, native.spec.suspend),
        Seen::of(&operated.metadata, operated.spec.suspend),
    ]
}

impl Seen {
    fn of(meta: &kube::api::ObjectMeta, suspend: Option<bool>) -> Self {
        let fields = meta.managed_fields.iter().flatten();
        let owners = fields.filter(|one| {
            let fields = one.fields_v1.as_ref();
            fields.is_some_and(|fields| !fields.0["f:spec"]["f:suspend"].is_null())
        });
        Self {
            suspend: suspend.unwrap_or_default(),
            owners: owners.filter_map(|one| one.manager.clone()).collect(),
            version: meta.resource_version.clone().unwrap(),
        }
    }
}

async fn toggled(namespace: &Namespace) {
    crd::installed(namespace).await;
    let project = project(namespace, "{}").await;
    write(&project, SELDOM, "", "");
    project.run(&["apply"]).with_status(0);

    let said = project.run(&["suspend", "native", "operated"]).with_status(0);
    for (_, cron, _) in CRONS {
        assert!(said.stdout.contains(&format!("{cron} suspended")), "{}", said.stdout);
    }
    let suspended = seen(namespace).await;
    for one in &suspended {
        assert!(one.suspend);
        assert_eq!(one.owners, ["ompipe-suspend"]);
    }
    let again = project.run(&["suspend", "native", "operated"]).with_status(0);
    assert_eq!(again.stdout.matches("is suspended already").count(), 2, "{}", again.stdout);
    for (before, after) in suspended.iter().zip(seen(namespace).await) {
        assert_eq!(before.version, after.version);
    }

    // Git says that it runs: that is said, and not done.
    let conflict = project.run(&["apply"]).with_status(1);
    let message = "`spec.suspend` is set otherwise by ompipe-suspend";
    assert_eq!(conflict.stderr.matches(message).count(), 2, "{}", conflict.stderr);
    assert!(seen(namespace).await.iter().all(|one| one.suspend));

    let name = namespace.name.as_str();
    let said = project.run(&["resume", "-n", name, "native", "operated"]).with_status(0);
    for (_, cron, _) in CRONS {
        assert!(said.stdout.contains(&format!("{cron} resumed")), "{}", said.stdout);
    }
    for one in seen(namespace).await {
        assert!(!one.suspend);
        assert!(!one.owners.contains(&"ompipe-suspend".to_owned()), "{:?}", one.owners);
    }
    let again = project.run(&["resume", "native", "operated"]).with_status(0);
    assert_eq!(again.stdout.matches("is not suspended").count(), 2, "{}", again.stdout);
    // And what applies it finds no trace of all this.
    project.run(&["apply"]).with_status(0);
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");

    // Whoever says so takes it.
    let json = project.run(&["suspend", "native", "--format", "json"]).with_status(0).json();
    assert_eq!(json["schedules"][0]["changed"], true, "{json}");
    assert_eq!(json["schedules"][0]["name"], "om-cronjob-native");
    project.run(&["apply", "--force-conflicts"]).with_status(0);
    let [native, _] = seen(namespace).await;
    assert!(!native.suspend);
    assert_eq!(native.owners, ["ompipe"]);
}

async fn disabled(namespace: &Namespace) {
    crd::installed(namespace).await;
    let project = project(namespace, "{}").await;
    write(&project, SELDOM, "", "\n  enabled: false");
    project.run(&["apply"]).with_status(0);
    let said = project.run(&["suspend", "native", "operated"]).with_status(0);
    assert_eq!(said.stdout.matches("is suspended already").count(), 2, "{}", said.stdout);

    project.run(&["resume", "native", "operated"]).with_status(0);
    assert!(seen(namespace).await.iter().all(|one| !one.suspend));
    let conflict = project.run(&["apply"]).with_status(1);
    let message = "`spec.suspend` is set otherwise by ompipe-suspend";
    assert_eq!(conflict.stderr.matches(message).count(), 2, "{}", conflict.stderr);
    assert!(seen(namespace).await.iter().all(|one| !one.suspend));

    // Back at what Git says, an apply has nothing against it.
    project.run(&["suspend", "native", "operated"]).with_status(0);
    assert!(seen(namespace).await.iter().all(|one| one.suspend));
    project.run(&["apply"]).with_status(0);
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
    assert!(seen(namespace).await.iter().all(|one| one.suspend));
}

async fn missed(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let project = project(namespace, "{}").await;
    write(&project, "* * * * *", ", startingDeadlineSeconds: 600", "\n  enabled: false");
    let control =
        format!("  kubernetes: {{{SIDECAR}, startingDeadlineSeconds: 600}}\n  enabled: false");
    project.pipeline("control", "* * * * *", &control);
    project.run(&["apply"]).with_status(0);
    let created = jiff::Timestamp::now().as_second();
    let slot = (created / 60 + 1) * 60;
    let now = || jiff::Timestamp::now().as_second();
    namespace.until("a time of the schedule", async || (now() > slot).then_some(())).await;

    let said = project.run(&["resume", "native", "operated"]).with_status(0);
    let resumed = now();
    assert_eq!(said.stderr.matches("is not made up for").count(), 2, "{}", said.stderr);
    // The controller does start a missed run of a schedule that is resumed by other means.
    let how = PatchParams::default();
    let patch = Patch::Merge(json!({"spec": {"suspend": false}}));
    namespace.api::<CronJob>().patch("om-cronjob-control", &how, &patch).await.unwrap();
    let first = |pipeline| async move {
        namespace
            .until(&format!("a run of {pipeline}"), async || {
                times(namespace, pipeline).await.into_iter().min()
            })
            .await
    };
    assert!(first("control").await <= resumed, "the missed run was not made up for");
    for (pipeline, _, _) in CRONS {
        let first = first(pipeline).await;
        assert!(first > resumed, "{pipeline}: {first} was made up for at {resumed}");
        assert!(first <= (resumed / 60 + 1) * 60, "{pipeline}: the next one was left out");
    }
}

/// The times of its schedule for which a pipeline has run, in seconds of the epoch: its Jobs' and
/// OMJobs'.
async fn times(namespace: &Namespace, pipeline: &str) -> Vec<i64> {
    let which = ListParams::default().labels(&format!("app.kubernetes.io/pipeline={pipeline}"));
    let jobs = namespace.api::<Job>().list(&which).await.unwrap();
    let scheduled = jobs.iter().map(|job| {
        let time = &job.annotations()["batch.kubernetes.io/cronjob-scheduled-timestamp"];
        time.parse::<jiff::Timestamp>().unwrap().as_second()
    });
    let omjobs: Api<OMJob> = namespace.api();
    let omjobs = omjobs.list(&which).await.unwrap();
    let named = omjobs.iter().map(|job| {
        let name = job.name_any();
        name.rsplit('-').next().unwrap().parse().unwrap()
    });
    scheduled.chain(named).collect()
}

async fn unknown(namespace: &Namespace) {
    crd::installed(namespace).await;
    let project = project(namespace, "{}").await;
    write(&project, SELDOM, "", "");
    project.run(&["apply"]).with_status(0);
    let name = namespace.name.as_str();
    let said = project.run(&["suspend", "-n", name, "native", "nothing"]).with_status(2);
    assert!(said.stderr.contains("no schedule of nothing"), "{}", said.stderr);
    assert!(said.stderr.contains("Hint:"), "{}", said.stderr);
    project.run(&["suspend", "-n", name]).with_status(2);
    assert!(seen(namespace).await.iter().all(|one| !one.suspend));
}
