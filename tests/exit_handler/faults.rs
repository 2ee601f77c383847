//! Every failure of OpenMetadata: what passes is outlasted, what does not is told, and the time that
//! there is is kept.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::openmetadata::{Fault, OpenMetadata};
use crate::{Handler, PIPELINE, RUN, diagnosis, stored};

/// Reported in the end, though these requests failed first.
fn outlasted(faults: Vec<Fault>) -> Vec<String> {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail(faults.clone());
    let ended = Handler::of(&openmetadata).argument("--deadline=20").run();
    ended.says(0, &["OpenMetadata did not take the status"]);
    assert_eq!(stored(&openmetadata)["pipelineState"], "failed", "{faults:?}");
    openmetadata.requests().into_iter().map(|request| request.method).collect()
}

#[test]
fn failures_of_the_server_are_outlasted_whichever_request_they_meet() {
    for status in [408, 429, 500, 502, 503, 504] {
        let fault = || Fault::Answer(status, "", r#"{"code":500,"message":"no database"}"#);
        assert_eq!(outlasted(vec![fault(), fault()]), ["GET", "GET", "GET", "PUT"], "{status}");
        assert_eq!(outlasted(vec![Fault::None, fault()]), ["GET", "PUT", "GET", "PUT"], "{status}");
    }
}

#[test]
fn cut_connections_are_outlasted_before_and_within_the_answer() {
    assert_eq!(outlasted(vec![Fault::CutBefore, Fault::CutBefore]).len(), 4);
    assert_eq!(outlasted(vec![Fault::CutWithin]), ["GET", "GET", "PUT"]);
    assert_eq!(outlasted(vec![Fault::None, Fault::CutBefore]).len(), 4);
    // The status is stored already, and stays the same.
    assert_eq!(outlasted(vec![Fault::None, Fault::CutWithin]), ["GET", "PUT", "GET", "PUT"]);
}

#[test]
fn a_moment_of_401_403_or_404_is_outlasted_as_a_server_gives_them_that_starts() {
    for status in [401, 403, 404] {
        outlasted(vec![Fault::Answer(status, "", "")]);
    }
}

#[test]
fn pages_in_place_of_the_api_are_outlasted_for_a_moment() {
    outlasted(vec![Fault::Answer(200, "", "<html>starting</html>")]);
}

#[test]
fn who_changes_the_status_at_the_same_time_loses_nothing() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let sink = json!({"name": "OpenMetadata", "records": 9});
    let meanwhile = json!({"runId": RUN, "pipelineState": "running", "startDate": 1, "timestamp": 1, "status": [sink]});
    openmetadata.fail([Fault::None, Fault::Conflict(meanwhile)]);
    Handler::of(&openmetadata).run().says(0, &["it answers 409"]);
    let status = stored(&openmetadata);
    assert_eq!((&status["status"][0], &status["pipelineState"]), (&sink, &json!("failed")));
    diagnosis(&status);
}

#[test]
fn a_server_that_is_slow_is_waited_for() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail([Fault::Slow(Duration::from_secs(3)), Fault::Slow(Duration::from_secs(3))]);
    let ended = Handler::of(&openmetadata).argument("--deadline=20").run();
    ended.says(0, &[]);
    assert!(ended.took > Duration::from_secs(6), "{:?}", ended.took);
    assert_eq!(openmetadata.requests().len(), 2);
}

#[test]
fn a_request_that_hangs_does_not_take_all_of_the_time() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail([Fault::Silent]);
    let ended = Handler::of(&openmetadata).argument("--deadline=6").run();
    ended.says(0, &["it does not answer in time"]);
    stored(&openmetadata);
}

#[test]
fn a_server_that_comes_up_in_time_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = json!({
        "hostPort": format!("http://{address}/api"),
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": {"secretEnv": "OMPIPE_SECRET_BOT_TOKEN"}},
    });
    let other = OpenMetadata::start("127.0.0.1");
    let handler = Handler::of(&other).server(config).argument("--deadline=20").start();
    std::thread::sleep(Duration::from_millis(1500));
    let openmetadata = OpenMetadata::on(TcpListener::bind(address).unwrap());
    handler.end().says(0, &["it cannot be reached"]);
    stored(&openmetadata);
}

#[test]
fn a_server_that_is_down_or_silent_to_the_end_is_status_2_in_time() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = OpenMetadata::start("127.0.0.1");
    silent.fail_always(Fault::Silent);
    for (host_port, why) in [
        (format!("http://{down}/api"), "it cannot be reached"),
        (silent.host_port(), "it does not answer in time"),
    ] {
        let config = json!({"hostPort": host_port});
        let ended = Handler::of(&silent).server(config).argument("--deadline=4").run();
        ended.says(2, &["Error: failed to report the run to OpenMetadata within", why, "Hint: "]);
        let seconds = ended.took.as_secs_f64();
        assert!((2.0..6.0).contains(&seconds), "{seconds}");
    }
}

#[test]
fn a_server_that_fails_to_the_end_is_status_2_with_its_own_words() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail_always(Fault::Answer(
        503,
        "retry-after: 1\r\n",
        r#"{"code":503,"message":"migrating"}"#,
    ));
    let ended = Handler::of(&openmetadata).argument("--deadline=4").run();
    ended.says(2, &["it answers 503: migrating", "attempts"]);
    let count = openmetadata.requests().len();
    assert!((2..=4).contains(&count), "left alone for a second each time: {count}");
}

#[test]
fn a_refusal_that_lasts_is_status_1_soon_with_the_remedy() {
    for (fault, parts) in [
        (
            Fault::Answer(401, "", r#"{"code":401,"message":"Expired token!"}"#),
            ["it answers 401: Expired token!", "Hint: The token is wrong"],
        ),
        (
            Fault::Answer(403, "", r#"{"code":403,"message":"not allowed"}"#),
            ["it answers 403", "EditIngestionPipelineStatus"],
        ),
        (
            Fault::Answer(404, "", r#"{"code":404,"message":"no such pipeline"}"#),
            ["it answers 404: no such pipeline", "Create the ingestion pipeline"],
        ),
        (Fault::Answer(200, "", "<html>OpenMetadata</html>"), ["no pipeline status", "/api"]),
    ] {
        let openmetadata = OpenMetadata::start("127.0.0.1");
        openmetadata.fail_always(fault);
        let ended = Handler::of(&openmetadata).run();
        ended.says(1, &parts);
        assert_eq!(openmetadata.requests().len(), 3);
        assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
    }
}

#[test]
fn what_no_attempt_can_change_is_status_1_at_once() {
    for (fault, part) in [
        (
            Fault::Answer(302, "location: https://elsewhere.example/\r\n", ""),
            "redirections are not followed",
        ),
        (
            Fault::Answer(400, "", r#"{"code":400,"message":"Unrecognized field"}"#),
            "it answers 400: Unrecognized field",
        ),
    ] {
        let openmetadata = OpenMetadata::start("127.0.0.1");
        openmetadata.fail_always(fault);
        Handler::of(&openmetadata).run().says(1, &[part]);
        assert_eq!(openmetadata.requests().len(), 1);
    }
}

#[test]
fn what_the_workflow_does_not_say_is_status_1_without_a_request() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    let with = |config: Value| Handler::of(&openmetadata).server(config);
    let host_port = openmetadata.host_port();
    let token = |token: &str| json!({"hostPort": host_port, "authProvider": "openmetadata", "securityConfig": {"jwtToken": token}});
    with(token("secret:/prod/openmetadata")).run().says(1, &["secret manager", "secretKeyRef"]);
    with(token("")).run().says(1, &["no token"]);
    with(token("/run/no/such/file")).run().says(1, &["failed to read the file"]);
    with(json!({"hostPort": "openmetadata:8585"})).run().says(1, &["hostPort"]);
    let handler = || Handler::of(&openmetadata);
    handler().without("config").run().says(1, &["`config` is not set"]);
    handler().without("OMPIPE_SECRET_DB_PASSWORD").run().says(1, &["OMPIPE_SECRET_DB_PASSWORD"]);
    assert!(openmetadata.requests().is_empty());
}

#[test]
fn a_secret_that_the_server_repeats_is_not_logged() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail_always(Fault::Answer(
        400,
        "",
        r#"{"message":"what is eyJ.bots-own.token?"}"#,
    ));
    Handler::of(&openmetadata).run().says(1, &["what is •••?"]);
}

#[test]
fn told_to_end_at_work_it_keeps_at_it_for_what_is_left() {
    let openmetadata = OpenMetadata::start("127.0.0.1");
    openmetadata.fail((0..4).map(|_| Fault::Answer(503, "", "")));
    let handler = Handler::of(&openmetadata).argument("--deadline=900").start();
    openmetadata.await_requests(1);
    handler.terminate();
    let ended = handler.end();
    ended.says(0, &["told to end: 25 s are left at most"]);
    assert!(openmetadata.status(PIPELINE, RUN).is_some());
}
