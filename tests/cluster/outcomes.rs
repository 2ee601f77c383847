//! How a main pod ends by itself, and what the operator makes of it: one exit handler, told the
//! truth, whatever the end.

use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use libtest_mimic::Trial;
use ompipe::crd::{OMJob, OMJobStatus, Phase};
use serde_json::json;

use crate::namespace::test;
use crate::omjob::{Run, Stage};
use crate::operator::Operator;
use crate::pod_deletions::brief_grace;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("the_exit_handler_runs_once_after_every_end_of_main", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let good = Run::start(namespace, "success", json!({}), |_| ()).await;
            let bad = Run::start(namespace, "failure", json!({"main": {"exit": 3}}), |_| ()).await;
            let crash = json!({"main": {"crash": "segfault"}});
            let crash = Run::start(namespace, "crash", crash, |_| ()).await;
            let abort = json!({"main": {"crash": "abort"}});
            let abort = Run::start(namespace, "abort", abort, |_| ()).await;
            let memory = json!({"main": {"memory": true}});
            let memory = Run::start(namespace, "memory", memory, |spec| {
                spec["mainPodSpec"]["resources"]["limits"] = json!({"memory": "64Mi"});
            })
            .await;

            assert_eq!(good.ended(Phase::Succeeded).await.main_pod_exit_code, Some(0));
            good.reported("Succeeded");
            assert_eq!(bad.ended(Phase::Failed).await.main_pod_exit_code, Some(3));
            bad.reported("Failed");
            assert_eq!(crash.ended(Phase::Failed).await.main_pod_exit_code, Some(139));
            crash.reported("Failed");
            abort.ended(Phase::Failed).await;
            abort.reported("Failed");
            let status = memory.ended(Phase::Failed).await;
            assert_eq!(reason(&status), "OOMKilled");
            memory.reported("Failed");
        }),
        test("a_failed_exit_handler_is_told_apart_from_a_failed_main", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"exitHandler": {"exit": 5}});
            let ignored = Run::start(namespace, "ignored", asked.clone(), |_| ()).await;
            let counted = Run::start(namespace, "counted", asked, |spec| {
                spec["exitHandlerPolicy"] = json!("Fail");
            })
            .await;
            for (run, phase) in [(&ignored, Phase::Succeeded), (&counted, Phase::Failed)] {
                let status = run.ended(phase).await;
                assert_eq!(condition(&status, "ExitHandlerCompleted"), "ExitHandlerFailed");
                assert_eq!(run.lines(Stage::ExitHandler, "started").len(), 1);
            }
        }),
        test("a_deadline_stops_main_and_not_the_exit_handler", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"seconds": 3600}, "exitHandler": {"seconds": 4}});
            let running = Run::start(namespace, "running", asked.clone(), |spec| {
                spec["activeDeadlineSeconds"] = json!(3);
                spec["mainPodSpec"]["terminationGracePeriodSeconds"] = json!(1);
            })
            .await;
            let pending = Run::start(namespace, "pending", asked, |spec| {
                spec["activeDeadlineSeconds"] = json!(3);
                spec["mainPodSpec"]["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
            })
            .await;
            for run in [running, pending] {
                let status = run.ended(Phase::Failed).await;
                assert_eq!(reason(&status), "DeadlineExceeded");
                run.reported("Failed");
            }
        }),
        test("main_is_tried_again_alone_and_its_exit_handler_runs_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"exit": 1, "seconds": 1}});
            let run = Run::start(namespace, "again", asked, |spec| {
                spec["backoffLimit"] = json!(1);
            })
            .await;
            run.ended(Phase::Failed).await;
            run.reported("Failed");
            let of_main: Vec<String> = namespace
                .record()
                .into_iter()
                .filter(|line| line.script == "main")
                .map(|line| line.event)
                .collect();
            assert_eq!(of_main, ["started", "ended", "started", "ended"]);
        }),
        test("an_omjob_of_no_time_to_live_goes_after_its_exit_handler", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            let at_once = Run::start(namespace, "at-once", json!({}), |spec| {
                spec["ttlSecondsAfterFinished"] = json!(0);
            })
            .await;
            at_once.gone().await;
            at_once.reported("Succeeded");
            // Its time runs out while nobody looks.
            let unseen = Run::start(namespace, "unseen", json!({}), |spec| {
                spec["ttlSecondsAfterFinished"] = json!(5);
            })
            .await;
            unseen.ended(Phase::Succeeded).await;
            operator.kill();
            tokio::time::sleep(std::time::Duration::from_secs(6)).await;
            assert!(unseen.job().await.is_some(), "nobody was there to delete it");
            operator.restart();
            unseen.gone().await;
            unseen.reported("Succeeded");
            // Somebody wants it gone sooner.
            let changed = Run::start(namespace, "changed", json!({}), |spec| {
                spec["ttlSecondsAfterFinished"] = json!(3600);
            })
            .await;
            changed.ended(Phase::Succeeded).await;
            let sooner = Patch::Merge(json!({"spec": {"ttlSecondsAfterFinished": 0}}));
            let jobs = namespace.api::<OMJob>();
            jobs.patch(&changed.name, &PatchParams::default(), &sooner).await.unwrap();
            changed.gone().await;
            changed.reported("Succeeded");
        }),
        test("a_deadline_that_races_success_gives_one_verdict", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let mut runs = Vec::new();
            for tenths in 5..15 {
                let asked = json!({"main": {"seconds": f64::from(tenths) / 5.0}});
                let name = format!("race-{tenths}");
                let run = Run::start(namespace, &name, asked, |spec| {
                    brief_grace(spec);
                    spec["activeDeadlineSeconds"] = json!(3);
                })
                .await;
                runs.push(run);
            }
            for run in runs {
                let terminal = |status: &OMJobStatus| status.phase.is_some_and(Phase::is_terminal);
                let status = run.status("its end", terminal).await;
                run.reported(status.phase.unwrap().as_str());
            }
        }),
        test("pods_carry_what_the_ingestion_image_looks_for", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let run = Run::start(namespace, "labels", json!({}), |_| ()).await;
            run.ended(Phase::Succeeded).await;
            let main = run.pod(Stage::Main, "there", |_| true).await;
            let exit = run.pod(Stage::ExitHandler, "there", |_| true).await;
            assert_eq!(
                (main.name_any(), exit.name_any()),
                ("labels-main".into(), "labels-exit".into())
            );
            for pod in [main, exit] {
                assert_eq!(pod.labels()["omjob.pipelines.openmetadata.org/name"], "labels");
                assert_eq!(pod.labels()["app.kubernetes.io/run-id"], run.uid);
            }
        }),
    ]
}

/// Why main ended, in the operator's word.
pub(crate) fn reason(status: &OMJobStatus) -> &str {
    let outcome = status.main.as_ref().and_then(|main| main.outcome.as_ref());
    outcome.map_or("", |outcome| outcome.reason.as_str())
}

/// The reason of a condition.
pub(crate) fn condition<'status>(status: &'status OMJobStatus, kind: &str) -> &'status str {
    let found = status.conditions.iter().find(|condition| condition.kind == kind);
    found.map_or("", |condition| condition.reason.as_str())
}
