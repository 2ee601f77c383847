//! A cluster that does not answer, or forbids, costs the diagnosis and not the report.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use crate::api_server::{ApiServer, Cluster, main_pod};
use crate::openmetadata::OpenMetadata;
use crate::{Handler, diagnosis, stored};

fn one_pod() -> Cluster {
    let labels = json!({"job-name": "om-job-orders-4a9c6f2e"});
    Cluster { pods: vec![main_pod("a", labels, json!({"exitCode": 3}))], ..Cluster::default() }
}

/// What is told where the reason should be.
fn without(handler: Handler, openmetadata: &OpenMetadata) -> String {
    let ended = handler.argument("--deadline=12").run();
    ended.says(0, &["not seen: the pod"]);
    assert!(ended.took < Duration::from_secs(12), "{:?}", ended.took);
    let failure = diagnosis(&stored(openmetadata));
    failure["stackTrace"].as_str().unwrap().to_owned()
}

#[test]
fn a_cluster_that_forbids_is_told_in_its_place() {
    for code in [401, 403] {
        let openmetadata = OpenMetadata::start("127.0.0.1");
        let cluster = ApiServer::start(Cluster { refuses: Some(code), ..one_pod() });
        let told = without(Handler::of(&openmetadata).within(&cluster), &openmetadata);
        assert!(
            told.starts_with("Not seen: the pod: ") && told.contains("pods is forbidden"),
            "{told}"
        );
    }
}

#[test]
fn a_cluster_that_is_down_or_slow_or_fails_takes_a_third_of_the_time_at_most() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let mut gone = ApiServer::start(Cluster::default());
    gone.url = format!("http://{down}");
    let slow = ApiServer::start(Cluster { takes: Duration::from_secs(60), ..one_pod() });
    let failing = ApiServer::start(Cluster { refuses: Some(500), ..one_pod() });
    for cluster in [gone, slow, failing] {
        let told = without(Handler::of(&openmetadata).within(&cluster), &openmetadata);
        assert!(told.contains("Not seen: the pod: the API server took longer than"), "{told}");
    }
}

#[test]
fn no_cluster_at_all_is_told_too() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let told = without(Handler::of(&openmetadata), &openmetadata);
    assert!(told.contains("failed to find a cluster"), "{told}");
}

#[test]
fn a_pod_that_is_gone_is_told_and_takes_nothing_away_that_was_seen_before() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let gone = ApiServer::start(Cluster::default());
    let told = without(Handler::of(&openmetadata).within(&gone), &openmetadata);
    assert!(told.contains("there is none with the labels job-name="), "{told}");

    let there = ApiServer::start(one_pod());
    Handler::of(&openmetadata).within(&there).run().says(0, &[]);
    let seen = diagnosis(&stored(&openmetadata));
    assert_eq!(seen["error"], "container main ended with exit code 3: a code of the program's own");
    Handler::of(&openmetadata).within(&gone).run().says(0, &[]);
    assert_eq!(diagnosis(&stored(&openmetadata)), seen);
}
