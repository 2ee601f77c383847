//! Beside main: waits for the kubelet, then reports what main's launcher or the cluster says of its
//! end.

use std::time::Duration;

use serde_json::json;

use crate::api_server::{ApiServer, Cluster, main_pod};
use crate::openmetadata::{Fault, OpenMetadata};
use crate::{Ended, Handler, diagnosis, stored};

/// Started beside a main that left this in its exit code file, and ended by the kubelet.
fn beside(handler: Handler, exit_code: Option<&str>) -> Ended {
    let file = match exit_code {
        Some(code) => handler.file("exit-code", code),
        None => handler.file("exit-code", "").with_extension("none"),
    };
    let handler = handler
        .argument("--sidecar")
        .without("pipelineStatus")
        .variable("OMPIPE_EXIT_CODE_FILE", file.to_str().unwrap());
    let mut handler = handler.start();
    // Long enough that one which does not wait would be done.
    std::thread::sleep(Duration::from_millis(400));
    assert!(handler.is_running());
    handler.terminate();
    handler.end()
}

fn ended_with(terminated: serde_json::Value) -> Cluster {
    let labels = json!({"job-name": "om-job-orders-4a9c6f2e"});
    Cluster { pods: vec![main_pod("own", labels, terminated)], ..Cluster::default() }
}

#[test]
fn it_reports_nothing_before_main_has_ended_and_then_its_exit_code() {
    for (code, state) in [("0\n", "success"), ("1\n", "failed"), ("143\n", "failed")] {
        let openmetadata = OpenMetadata::start("127.0.0.1");
        beside(Handler::of(&openmetadata), Some(code)).says(0, &["waiting until main has ended"]);
        assert_eq!(stored(&openmetadata)["pipelineState"], state);
        assert_eq!(openmetadata.requests().len(), 2);
    }
}

#[test]
fn of_a_main_that_left_no_exit_code_it_is_what_the_cluster_says_once_it_knows() {
    for (terminated, state, error) in [
        (json!({"exitCode": 0}), "success", ""),
        (json!({"exitCode": 137, "reason": "OOMKilled"}), "failed", "memory"),
    ] {
        let openmetadata = OpenMetadata::start("127.0.0.1");
        let cluster = ApiServer::start(Cluster { lags: 4, ..ended_with(terminated) });
        beside(Handler::of(&openmetadata).within(&cluster), None).says(0, &[]);
        let status = stored(&openmetadata);
        assert_eq!(status["pipelineState"], state);
        if state == "failed" {
            assert!(diagnosis(&status)["error"].as_str().unwrap().contains(error), "{status}");
        }
    }
}

#[test]
fn of_a_main_of_which_nobody_knows_it_is_failure() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    beside(Handler::of(&openmetadata), None).says(0, &["not seen: the pod"]);
    assert_eq!(stored(&openmetadata)["pipelineState"], "failed");
}

#[test]
fn it_looks_at_its_own_pod_among_the_attempts_of_a_run() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let mut cluster = ended_with(json!({"exitCode": 3}));
    let mut newer = cluster.pods[0].clone();
    newer["metadata"]["name"] = json!("newer");
    newer["metadata"]["creationTimestamp"] = json!("2026-11-29T07:00:00Z");
    newer["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = json!(4);
    cluster.pods.push(newer);
    let cluster = ApiServer::start(cluster);
    beside(Handler::of(&openmetadata).within(&cluster).variable("POD_NAME", "own"), Some("3"))
        .says(0, &[]);
    assert_eq!(
        diagnosis(&stored(&openmetadata))["error"],
        "container main ended with exit code 3: a code of the program's own"
    );
}

#[test]
fn of_a_pod_that_is_being_deleted_it_keeps_the_time() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail_always(Fault::Answer(503, "", ""));
    let mut cluster = ended_with(json!({"exitCode": 143}));
    // Long ago: the kubelet may kill it at any moment.
    cluster.pods[0]["metadata"]["deletionTimestamp"] = json!("2026-11-29T06:00:00Z");
    let cluster = ApiServer::start(cluster);
    let ended = beside(Handler::of(&openmetadata).within(&cluster), Some("143"));
    ended.says(2, &["failed to report the run to OpenMetadata"]);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn what_is_wrong_with_its_settings_it_says_at_once_and_does_not_end_before_main() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let ended = beside(Handler::of(&openmetadata).variable("config", "[]"), Some("0"));
    ended.says(1, &["waiting until main has ended"]);
    let (before, after) = ended.log.split_once("waiting until").unwrap();
    assert!(before.contains("is no workflow") && after.contains("is no workflow"), "{}", ended.log);
}
