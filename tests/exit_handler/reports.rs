//! What is reported of which end, where all goes well.

use serde_json::json;

use crate::api_server::{ApiServer, Cluster, main_pod};
use crate::openmetadata::{Fault, OpenMetadata, TOKEN};
use crate::{Handler, PIPELINE, RUN, diagnosis, schema, stored};

/// A cluster in which the run's main pod was killed for memory.
fn out_of_memory() -> Cluster {
    let labels = json!({"job-name": "om-job-orders-4a9c6f2e"});
    let killed =
        json!({"exitCode": 137, "reason": "OOMKilled", "startedAt": "2026-11-29T06:00:02Z"});
    Cluster {
        pods: vec![main_pod("om-job-orders-4a9c6f2e-x7", labels, killed)],
        events: vec![json!({
            "metadata": {"name": "e"}, "involvedObject": {}, "lastTimestamp": "2026-11-29T06:00:03Z",
            "type": "Normal", "reason": "Pulled", "message": "image is there",
        })],
        log: format!("reading with {TOKEN}\nlast words\n"),
        ..Cluster::default()
    }
}

#[test]
fn a_failed_run_is_reported_with_the_state_the_events_and_the_log_of_its_pod() {
    let (openmetadata, cluster) =
        (OpenMetadata::start("127.0.0.1"), ApiServer::start(out_of_memory()));
    let ended = Handler::of(&openmetadata).within(&cluster).run();
    ended.says(0, &["found the main pod"]);
    assert_eq!(ended.out, format!("{PIPELINE}: failed reported, run id {RUN}\n"));
    let status = stored(&openmetadata);
    assert_eq!(status["pipelineState"], "failed");
    assert_eq!(status["runId"], RUN);
    // 2026-11-29T06:00:02Z, when main started.
    assert_eq!(
        (&status["startDate"], &status["timestamp"]),
        (&json!(1_795_932_002_000_i64), &json!(1_795_932_002_000_i64))
    );
    assert!(status["endDate"].as_i64() > status["startDate"].as_i64());
    let failure = diagnosis(&status);
    assert!(failure["error"].as_str().unwrap().contains("memory"), "{failure}");
    let text = failure["stackTrace"].as_str().unwrap();
    for part in
        ["node-7", "OOMKilled", "exitCode 137", "Normal Pulled: image is there", "last words"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("reading with •••") && !text.contains(TOKEN), "{text}");
}

#[test]
fn a_run_that_ended_well_is_reported_without_a_word_to_the_cluster() {
    let (openmetadata, cluster) =
        (OpenMetadata::start("127.0.0.1"), ApiServer::start(out_of_memory()));
    let handler = Handler::of(&openmetadata).within(&cluster);
    handler.variable("pipelineStatus", "Succeeded").run().says(0, &[]);
    let status = stored(&openmetadata);
    assert_eq!((&status["pipelineState"], status.get("status")), (&json!("success"), None));
    assert_eq!(cluster.asked(), [""; 0]);
}

#[test]
fn what_the_run_itself_has_reported_stays() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let source =
        json!({"name": "Mysql", "records": 117, "warnings": 2, "errors": 0, "filtered": 4});
    let reported = json!({"runId": RUN, "pipelineState": "running", "startDate": 1, "timestamp": 1, "status": [source]});
    openmetadata.store(PIPELINE, reported);
    let cluster = ApiServer::start(out_of_memory());
    Handler::of(&openmetadata).within(&cluster).run().says(0, &[]);
    let status = stored(&openmetadata);
    assert_eq!(status["status"][0], source);
    assert_eq!(status["status"].as_array().unwrap().len(), 2);
    assert_eq!((&status["startDate"], &status["pipelineState"]), (&json!(1), &json!("failed")));
}

#[test]
fn reported_twice_the_status_is_the_same() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    for outcome in ["Failed", "Succeeded"] {
        let cluster = ApiServer::start(out_of_memory());
        let report = || {
            let handler = Handler::of(&openmetadata).within(&cluster);
            handler.variable("pipelineStatus", outcome).run().says(0, &[]);
            stored(&openmetadata)
        };
        let first = report();
        assert_eq!(report(), first);
    }
}

#[test]
fn of_a_run_that_ended_well_in_part_the_part_stays() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let reported = json!({"runId": RUN, "pipelineState": "partialSuccess", "startDate": 1, "timestamp": 1, "endDate": 9});
    openmetadata.store(PIPELINE, reported.clone());
    Handler::of(&openmetadata).variable("pipelineStatus", "Succeeded").run().says(0, &[]);
    assert_eq!(stored(&openmetadata), reported);
}

#[test]
fn a_pod_is_found_by_its_job_its_omjob_or_its_run() {
    const OMJOB: &str = "omjob.pipelines.openmetadata.org/name";
    const TYPE: &str = "omjob.pipelines.openmetadata.org/pod-type";
    for labels in [
        json!({"job-name": "om-job-orders-4a9c6f2e"}),
        json!({OMJOB: "om-job-orders-4a9c6f2e", TYPE: "main"}),
        json!({OMJOB: "om-job-orders-4a9c6f2e"}),
        json!({"app.kubernetes.io/run-id": RUN}),
    ] {
        let mut cluster = out_of_memory();
        let exit = json!({OMJOB: "om-job-orders-4a9c6f2e", TYPE: "exit-handler", "app.kubernetes.io/run-id": RUN});
        let ended = json!({"exitCode": 3, "reason": "Error"});
        cluster.pods =
            vec![main_pod("a-exit", exit, json!({})), main_pod("the-main", labels.clone(), ended)];
        let (openmetadata, cluster) = (OpenMetadata::start("127.0.0.1"), ApiServer::start(cluster));
        Handler::of(&openmetadata).within(&cluster).run().says(0, &["the-main"]);
        assert_eq!(
            diagnosis(&stored(&openmetadata))["error"],
            "container main ended with exit code 3: a code of the program's own",
            "{labels}"
        );
    }
}

#[test]
fn without_a_word_about_the_end_it_is_what_the_cluster_says() {
    for (code, state) in [(0, "success"), (3, "failed")] {
        let mut cluster = out_of_memory();
        cluster.pods[0]["status"]["containerStatuses"][0]["state"]["terminated"] =
            json!({"exitCode": code});
        let (openmetadata, cluster) = (OpenMetadata::start("127.0.0.1"), ApiServer::start(cluster));
        Handler::of(&openmetadata).within(&cluster).without("pipelineStatus").run().says(0, &[]);
        assert_eq!(stored(&openmetadata)["pipelineState"], state);
    }
}

#[test]
fn a_log_of_long_lines_is_told_from_its_end_and_not_beyond_measure() {
    let mut cluster = out_of_memory();
    let lines: Vec<String> =
        (0..400).map(|number| format!("{number:08} {}", "x".repeat(20_000))).collect();
    cluster.log = lines.join("\n");
    let (openmetadata, cluster) = (OpenMetadata::start("127.0.0.1"), ApiServer::start(cluster));
    Handler::of(&openmetadata).within(&cluster).run().says(0, &[]);
    let failure = diagnosis(&stored(&openmetadata));
    let text = failure["stackTrace"].as_str().unwrap();
    assert!(text.len() < 300_000 && text.contains("earlier lines are left out"), "{}", text.len());
    assert!(text.contains("\n00000399 xxx") && !text.contains("\n00000100 "));
}

#[test]
fn programs_get_a_document() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let ended = Handler::of(&openmetadata).argument("--format=json").run();
    let document: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        document,
        json!({"reported": true, "pipeline": PIPELINE, "runId": RUN, "pipelineState": "failed", "diagnosed": false})
    );
}

#[test]
fn a_workflow_that_is_no_pipeline_of_openmetadatas_is_nothing_to_report() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let ended = Handler::of(&openmetadata).variable("config", "source: {}").run();
    ended.says(0, &["nothing is reported"]);
    assert!(openmetadata.requests().is_empty());
}

#[test]
fn the_token_is_sent_as_openmetadatas_own_client_sends_it() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let handler = Handler::of(&openmetadata);
    let token = handler.file("token", &format!("{TOKEN}\n"));
    let config = json!({
        "hostPort": openmetadata.host_port(),
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": token},
        "extraHeaders": {"Proxy-Authorization": "%(Authorization)s", "X-Team": "shop"},
    });
    handler.server(config).run().says(0, &[]);
    stored(&openmetadata);
    for request in openmetadata.requests() {
        assert_eq!(request.headers["proxy-authorization"], request.headers["authorization"]);
        assert_eq!(request.headers["x-team"], "shop");
    }
}

#[test]
fn without_authentication_none_is_sent() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail([Fault::Answer(204, "", ""), Fault::Answer(201, "", "{}")]);
    let config = json!({"hostPort": openmetadata.host_port()});
    Handler::of(&openmetadata).server(config).run().says(0, &[]);
    assert!(
        openmetadata
            .requests()
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
}

#[test]
fn the_schema_that_requests_are_held_against_is_the_published_one() {
    if schema::jar().is_none() {
        println!(
            "skipped: the jar of OpenMetadata's schema files is not there; set OMPIPE_SPEC_JAR"
        );
        return;
    }
    let good = json!({"runId": RUN, "pipelineState": "failed", "startDate": 1, "status": [{"name": "Pod Diagnostics"}]});
    assert_eq!(schema::errors(&good), None);
    for wrong in [
        json!({"pipelineState": "Failed"}),
        json!({"startDate": "2026-11-29"}),
        json!({"endDate": null}),
        json!({"status": [{"records": 1}]}),
        json!({"status": [{"name": "a", "failures": [{"name": "a"}]}]}),
        json!({"unheard": 1}),
    ] {
        assert!(schema::errors(&wrong).is_some(), "{wrong}");
    }
}
