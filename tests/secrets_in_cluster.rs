//! `secrets list --cluster`, against an API server in this process that has some of the Secrets.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// The value of each Secret here, in base64: `Pl4nted-1`.
const VALUE: &str = "UGw0bnRlZC0x";

/// Serves Secrets, each a name with its keys, on an address that it gives.
fn api_server(secrets: &'static [(&'static str, &'static [&'static str])]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(&stream.unwrap(), secrets));
        }
    });
    format!("http://{address}")
}

fn answer(stream: &TcpStream, secrets: &[(&str, &[&str])]) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        lines.by_ref().find(|line| line.is_empty());
        let path = request.split(' ').nth(1).unwrap_or_default();
        let name = path.strip_prefix("/api/v1/namespaces/openmetadata-pipelines/secrets/");
        let secret = secrets.iter().find(|(known, _)| Some(*known) == name);
        let (status, body) = match secret {
            Some((name, keys)) => {
                let data: Vec<_> = keys.iter().map(|key| format!("\"{key}\":\"{VALUE}\"")).collect();
                let data = data.join(",");
                let object = format!(
                    r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{name}"}},"data":{{{data}}}}}"#
                );
                ("200 OK", object)
            }
            None => (
                "404 Not Found",
                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not found"}"#
                    .to_owned(),
            ),
        };
        let mut stream = stream;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// The list of an example, with a cluster that has these.
fn list(server: &str, format: &str) -> Output {
    let place = tempfile::tempdir().unwrap();
    let kubeconfig = place.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    );
    fs::write(&kubeconfig, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["secrets", "list", "--cluster", "--kubeconfig"])
        .arg(&kubeconfig)
        .args(["--format", format])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/encrypted"))
        .env_clear()
        .output()
        .unwrap()
}

#[test]
fn what_is_missing_in_the_cluster_is_said_and_is_an_exit_status() {
    let server = api_server(&[("crm", &["user"])]);
    let output = list(&server, "text");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let row = |key: &str| text.lines().find(|line| line.contains(key)).unwrap().to_owned();
    assert!(row("  user  ").contains("  yes  "), "{text}");
    assert!(row("  password  ").contains("  no key  "), "{text}");
    assert!(row("  token  ").contains("  no  "), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&list(&server, "json").stdout).unwrap();
    let present: Vec<_> =
        json["secrets"].as_array().unwrap().iter().map(|one| &one["inCluster"]).collect();
    assert_eq!(present, [false, true, false]);
}

#[test]
fn with_all_of_them_all_is_well_and_no_value_is_shown() {
    let server = api_server(&[("crm", &["user", "password"]), ("openmetadata-bot", &["token"])]);
    for format in ["text", "json"] {
        let output = list(&server, format);
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).unwrap();
        assert_eq!(output.status.code(), Some(0), "{all}");
        assert!(!all.contains(VALUE) && !all.contains("Pl4nted"), "{all}");
    }
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_of_the_tool() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = list(&server, "text");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("failed to look at the Secret"));
}
