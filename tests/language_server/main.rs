//! The language server at its edge: the real binary, driven over standard input and output as an
//! editor does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::fs;

use client::{Client, uri};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_ompipe");

const PROJECT: &str = "kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
  kubernetes:
    ingestionImage: docker.getcollate.io/openmetadata/ingestion:1.13.6
    exitHandler: sidecar
    backoffLimit: 2
";

const SERVICE: &str = "kind: ServiceConnection
metadata: {name: snowflake-prod}
spec:
  type: snowflake
  connection:
    config:
      type: Snowflake
      username: ingest
      password: {secretKeyRef: {name: snowflake, key: password}}
      account: acme.eu-central-1
";

const PIPELINE: &str = "kind: IngestionPipeline
metadata: {name: nightly}
spec:
  service: snowflake-prod
  type: metadata
  schedule: \"0 3 * * *\"
  workflow:
    source: {sourceConfig: {config: {type: DatabaseMetadata}}}
  kubernetes: {backoffLimit: 1}
";

impl Client {
    /// Waits for diagnostics of a file, open or not, that are as wanted.
    fn diagnostics_until(&mut self, uri: &str, is_wanted: impl Fn(&[Json]) -> bool) {
        if self.published.get(uri).is_some_and(|(_, found)| is_wanted(found)) {
            return;
        }
        self.until(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && is_wanted(message["params"]["diagnostics"].as_array().unwrap())
        });
    }

    /// Waits until the server has asked for something to be registered.
    fn until_registered(&mut self, method: &str) {
        if !self.registered.iter().any(|one| one == method) {
            self.until(|message| message["method"] == "client/registerCapability");
        }
        assert_eq!(self.registered, [method]);
    }

    /// Closes the server's standard input, as a client does that dies.
    fn die(&mut self) {
        self.stdin = None;
    }
}

/// A project of three files.
fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in
        [("ompipe.yaml", PROJECT), ("service.yaml", SERVICE), ("pipeline.yaml", PIPELINE)]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn of(folder: &TempDir, name: &str) -> String {
    uri(&folder.path().join(name))
}

fn codes(found: &[Json]) -> Vec<&str> {
    found.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

fn whole(text: &str) -> Json {
    json!([{"text": text}])
}

fn labels(items: &Json) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

fn end(mut client: Client) {
    client.request("shutdown", Json::Null);
    client.notify("exit", Json::Null);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn findings_come_as_one_types_in_every_file_that_a_change_reaches_and_go_when_it_is_mended() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let (service, pipeline) = (of(&folder, "service.yaml"), of(&folder, "pipeline.yaml"));
    client.open(&service, 1, SERVICE);
    assert_eq!(client.diagnostics(&service, 1), [] as [Json; 0]);

    // A part of a line, in a text that nobody saved; the pipeline is not even open.
    let range = json!({"start": {"line": 1, "character": 26}, "end": {"line": 1, "character": 30}});
    client.change(&service, 2, json!([{"range": range, "text": "dev"}]));
    assert_eq!(client.diagnostics(&service, 2), [] as [Json; 0]);
    client.diagnostics_until(&pipeline, |found| codes(found) == ["OMP0702"]);
    let finding = client.published[&pipeline].1[0].clone();
    assert_eq!(finding["range"]["start"], json!({"line": 3, "character": 11}));
    assert_eq!((&finding["severity"], &finding["source"]), (&json!(1), &json!("ompipe")));

    client.change(&service, 3, whole(SERVICE));
    assert_eq!(client.diagnostics(&service, 3), [] as [Json; 0]);
    client.diagnostics_until(&pipeline, <[Json]>::is_empty);
    end(client);
}

#[test]
fn findings_are_those_of_validate_and_their_columns_count_as_agreed() {
    let folder = project();
    let text = PIPELINE.replace("{backoffLimit: 1}", "{imagePullSecrets: \"🦀\", backofLimit: 1}");
    fs::write(folder.path().join("pipeline.yaml"), &text).unwrap();
    let output = std::process::Command::new(BINARY)
        .args(["validate", "--format", "json"])
        .arg(folder.path())
        .output()
        .unwrap();
    let expected: Json = serde_json::from_slice(&output.stdout).unwrap();
    let expected = expected["findings"].as_array().unwrap();
    for (encoding, column) in [("utf-8", 41), ("utf-16", 39), ("utf-32", 38)] {
        let offered = json!({"general": {"positionEncodings": [encoding]}});
        let mut client = Client::of(BINARY, folder.path(), offered);
        let pipeline = of(&folder, "pipeline.yaml");
        client.open(&pipeline, 7, &text);
        let found = client.diagnostics(&pipeline, 7);
        let unknown = found.iter().find(|one| one["code"] == "OMP0202").unwrap();
        assert_eq!(unknown["range"]["start"], json!({"line": 8, "character": column}));
        let mut all = codes(&found);
        let mut of_validate =
            expected.iter().map(|one| one["code"].as_str().unwrap()).collect::<Vec<_>>();
        all.sort_unstable();
        of_validate.sort_unstable();
        assert_eq!(all, of_validate);
        end(client);
    }
}

#[test]
fn an_edit_between_the_halves_of_an_emoji_and_after_it_hits_the_text_as_meant() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    let text = PIPELINE.replace("metadata: {name: nightly}", "metadata: {name: nightly} # 🦀 x");
    client.open(&pipeline, 1, &text);
    let at = |from: u32, to: u32| json!({"start": {"line": 1, "character": from}, "end": {"line": 1, "character": to}});
    // The crab is two units; what follows it becomes a new line with a key that nobody knows.
    let changes = json!([{"range": at(30, 32), "text": "\nunheard: 1"}]);
    client.change(&pipeline, 2, changes);
    let found = client.diagnostics(&pipeline, 2);
    assert_eq!(codes(&found), ["OMP0202"]);
    assert_eq!(found[0]["range"]["start"], json!({"line": 2, "character": 0}));
    end(client);
}

#[test]
fn completion_and_hover_answer_in_a_text_that_does_not_parse() {
    let folder = project();
    let snippets =
        json!({"textDocument": {"completion": {"completionItem": {"snippetSupport": true}}}});
    let mut client = Client::of(BINARY, folder.path(), snippets);
    let pipeline = of(&folder, "pipeline.yaml");
    let text = PIPELINE.replace("  type: metadata\n", "  ty\n").replace("snowflake-prod", "");
    client.open(&pipeline, 1, &text);
    client.diagnostics(&pipeline, 1);
    let items = client.ask("textDocument/completion", &pipeline, 4, 4);
    assert!(labels(&items).contains(&"type"), "{items}");
    let items = client.ask("textDocument/completion", &pipeline, 3, 11);
    assert_eq!(labels(&items), ["snowflake-prod"]);
    let edit = &items[0]["textEdit"];
    assert_eq!(edit["range"]["start"], json!({"line": 3, "character": 11}));
    let hover = client.ask("textDocument/hover", &pipeline, 8, 20);
    let words = hover["contents"]["value"].as_str().unwrap();
    assert!(words.starts_with("**backoffLimit** `integer`"), "{words}");
    assert!(words.contains("- project, ompipe.yaml:11: `2`"), "{words}");
    end(client);
}

#[test]
fn one_goes_to_the_service_to_the_layer_below_and_back_to_all_that_use_it() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    client.open(&pipeline, 1, PIPELINE);
    client.diagnostics(&pipeline, 1);
    let places = client.ask("textDocument/definition", &pipeline, 3, 14);
    assert_eq!(places[0]["uri"], of(&folder, "service.yaml"));
    assert_eq!(places[0]["range"]["start"], json!({"line": 1, "character": 17}));
    let places = client.ask("textDocument/definition", &pipeline, 8, 20);
    assert_eq!(places[0]["uri"], of(&folder, "ompipe.yaml"));
    assert_eq!(places[0]["range"]["start"]["line"], 10);
    let places = client.ask("textDocument/references", &pipeline, 3, 14);
    assert_eq!(places.as_array().unwrap().len(), 2);
    let symbols = client.ask("textDocument/documentSymbol", &pipeline, 0, 0);
    assert_eq!(symbols[0]["name"], "nightly");
    let lenses = client.ask("textDocument/codeLens", &pipeline, 0, 0);
    assert_eq!(lenses[0]["command"]["command"], "ompipe.preview");
    end(client);
}

#[test]
fn a_preview_shows_what_the_text_as_typed_is_rendered_to_and_leads_back() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    client.open(&pipeline, 1, PIPELINE);
    let typed = PIPELINE.replace("0 3 * * *", "7 3 * * *");
    let typed = format!("{typed}  podTemplate: {{spec: {{priorityClassName: batch}}}}\n");
    client.change(&pipeline, 2, whole(&typed));
    let shown = client.ask("ompipe/preview", &pipeline, 4, 3);
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("kind: CronJob") && text.contains("schedule: 7 3 * * *"), "{text}");
    assert_eq!(shown["pipeline"], "nightly");
    let address = shown["uri"].as_str().unwrap().to_owned();
    let again = client.request("workspace/textDocumentContent", json!({"uri": address}));
    assert_eq!(again["text"], text);
    let command = json!({"command": "ompipe.preview", "arguments": [pipeline, "nightly"]});
    assert_eq!(client.request("workspace/executeCommand", command), shown);

    // What a line of the definition set leads to that line, what a template made to the pipeline.
    for (word, expected) in [("priorityClassName", 9), ("schedule: 7", 5), ("apiVersion: batch", 1)]
    {
        let line = text.lines().position(|line| line.contains(word)).unwrap();
        let place = client.ask("textDocument/definition", &address, line, 4);
        assert_eq!(place["uri"], pipeline, "{word}");
        assert_eq!(place["range"]["start"]["line"], expected, "{word}");
    }

    client.change(&pipeline, 3, whole(&PIPELINE.replace("0 3 * * *", "99 3 * * *")));
    let shown = client.ask("ompipe/preview", &pipeline, 4, 3);
    assert_eq!(shown["text"], "# nightly has errors: nothing is rendered from it.\n");
    end(client);
}

#[test]
fn a_slip_of_the_pen_has_a_quick_fix() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    client.open(&pipeline, 1, &PIPELINE.replace("schedule:", "shedule:"));
    let found = client.diagnostics(&pipeline, 1);
    assert_eq!(codes(&found), ["OMP0202"]);
    let params = json!({
        "textDocument": {"uri": pipeline}, "range": found[0]["range"],
        "context": {"diagnostics": []},
    });
    let actions = client.request("textDocument/codeAction", params);
    assert_eq!(actions[0]["title"], "Write `schedule`");
    let edit = &actions[0]["edit"]["changes"][&pipeline][0];
    assert_eq!((&edit["newText"], &edit["range"]), (&json!("schedule"), &found[0]["range"]));
    end(client);
}

#[test]
fn projects_are_seen_in_the_environment_that_the_settings_name() {
    let folder = project();
    let text = format!("{PROJECT}  environments: {{prod: {{kubernetes: {{backoffLimit: 7}}}}}}\n");
    fs::write(folder.path().join("ompipe.yaml"), &text).unwrap();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    client.open(&pipeline, 1, &PIPELINE.replace("{backoffLimit: 1}", "{}"));
    let mut limit = |environment: Json| {
        let settings = json!({"settings": {"ompipe": {"environment": environment}}});
        client.notify("workspace/didChangeConfiguration", settings);
        let shown = client.ask("ompipe/preview", &pipeline, 4, 3);
        let text = shown["text"].as_str().unwrap();
        let line = text.lines().find(|line| line.contains("backoffLimit")).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(limit(Json::Null), "backoffLimit: 2");
    assert_eq!(limit(json!("prod")), "backoffLimit: 7");
    let settings = json!({"settings": {"ompipe": {"environment": "nowhere"}}});
    client.notify("workspace/didChangeConfiguration", settings);
    client.diagnostics_until(&of(&folder, "ompipe.yaml"), |found| found.len() == 1);
    end(client);
}

#[test]
fn files_that_change_on_the_disk_are_read_again() {
    let folder = project();
    let watched = json!({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}});
    let mut client = Client::of(BINARY, folder.path(), watched);
    let (service, pipeline) = (of(&folder, "service.yaml"), of(&folder, "pipeline.yaml"));
    client.open(&pipeline, 1, PIPELINE);
    assert_eq!(client.diagnostics(&pipeline, 1), [] as [Json; 0]);
    client.until_registered("workspace/didChangeWatchedFiles");

    let event = |uri: &str, kind: u8| json!({"changes": [{"uri": uri, "type": kind}]});
    fs::remove_file(folder.path().join("service.yaml")).unwrap();
    client.notify("workspace/didChangeWatchedFiles", event(&service, 3));
    client.diagnostics_until(&pipeline, |found| codes(found) == ["OMP0702"]);
    fs::write(folder.path().join("service.yaml"), SERVICE).unwrap();
    client.notify("workspace/didChangeWatchedFiles", event(&service, 1));
    client.diagnostics_until(&pipeline, <[Json]>::is_empty);

    // An editor may make a file and open it before anybody tells of it.
    fs::rename(folder.path().join("service.yaml"), folder.path().join("moved.yaml")).unwrap();
    client.notify("workspace/didChangeWatchedFiles", event(&service, 3));
    client.diagnostics_until(&pipeline, |found| codes(found) == ["OMP0702"]);
    let moved = of(&folder, "moved.yaml");
    client.open(&moved, 1, SERVICE);
    client.notify("workspace/didChangeWatchedFiles", event(&moved, 1));
    client.diagnostics_until(&pipeline, <[Json]>::is_empty);

    // A project file that comes later, in a folder further down, takes its files over.
    fs::create_dir(folder.path().join("own")).unwrap();
    let other = of(&folder, "own/other.yaml");
    client.open(&other, 1, &PIPELINE.replace("nightly", "other"));
    assert_eq!(client.diagnostics(&other, 1), [] as [Json; 0]);
    fs::write(folder.path().join("own/ompipe.yaml"), PROJECT).unwrap();
    client.notify("workspace/didChangeWatchedFiles", event(&of(&folder, "own/ompipe.yaml"), 1));
    client.diagnostics_until(&other, |found| codes(found) == ["OMP0702"]);
    end(client);
}

#[test]
fn a_rendered_file_that_was_looked_at_is_not_the_projects() {
    let folder = project();
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {b: c}\n";
    fs::create_dir(folder.path().join("rendered")).unwrap();
    fs::write(folder.path().join("rendered/kustomization.yaml"), "resources: []\n").unwrap();
    fs::write(folder.path().join("rendered/secret-a.yaml"), secret).unwrap();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let (pipeline, rendered) =
        (of(&folder, "pipeline.yaml"), of(&folder, "rendered/secret-a.yaml"));
    client.open(&rendered, 1, secret);
    assert_eq!(client.diagnostics(&rendered, 1), [] as [Json; 0]);
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": rendered}}));
    client.open(&pipeline, 1, PIPELINE);
    assert_eq!(client.diagnostics(&pipeline, 1), [] as [Json; 0]);
    assert_eq!(client.published[&rendered].1, [] as [Json; 0]);
    end(client);
}

#[test]
fn a_file_without_a_project_stands_for_itself_and_foreign_ones_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let (alone, foreign) = (of(&folder, "alone.yaml"), of(&folder, "compose.yaml"));
    client.open(&alone, 1, PIPELINE);
    assert_eq!(codes(&client.diagnostics(&alone, 1)), ["OMP0702"]);
    client.open(&foreign, 1, "services: {web: {image: nginx}}\nyes: no\n");
    assert_eq!(client.diagnostics(&foreign, 1), [] as [Json; 0]);
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": alone}}));
    client.diagnostics_until(&alone, <[Json]>::is_empty);
    end(client);
}

#[test]
fn no_secret_leaves_the_server() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let service = of(&folder, "service.yaml");
    let text =
        SERVICE.replace("{secretKeyRef: {name: snowflake, key: password}}", "hunter2-secret");
    client.open(&service, 1, &text);
    assert_eq!(codes(&client.diagnostics(&service, 1)), ["OMP0501"]);
    for (line, words) in text.lines().enumerate() {
        for column in 0..words.len() {
            for method in ["textDocument/hover", "textDocument/completion"] {
                client.ask(method, &service, line, column);
            }
        }
    }
    assert!(!client.log.contains("hunter2"), "{}", client.log);
    end(client);
}

#[test]
fn a_method_or_parameter_that_nobody_knows_is_an_error_and_the_next_message_is_answered() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let answer = client.answer("textDocument/unheardOf", json!({}));
    assert_eq!(answer["error"]["code"], -32601);
    let answer = client.answer("textDocument/hover", json!({"position": 7}));
    assert_eq!(answer["error"]["code"], -32602);
    client.notify("textDocument/didChange", json!({"textDocument": {"uri": "file:///x"}}));
    client.notify("unheardOf", json!([1]));
    let nowhere = json!({"textDocument": {"uri": "file:///nowhere.yaml"}, "position": {"line": 9, "character": 9}});
    assert_eq!(client.request("textDocument/hover", nowhere), Json::Null);
    end(client);
}

#[test]
fn what_is_no_json_ends_the_session_with_an_error() {
    let folder = project();
    for body in ["{\"method\"", "\u{1F980}", "7", "{\"what\": 1}"] {
        let mut client = Client::of(BINARY, folder.path(), json!({}));
        client.write(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        client.until(|message| message["id"].is_null() && message["error"].is_object());
        assert_eq!(client.wait().code(), Some(1), "{body}");
    }
}

#[test]
fn it_ends_with_its_client_and_says_how() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    client.notify("exit", Json::Null);
    assert_eq!(client.wait().code(), Some(1));
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    client.die();
    assert_eq!(client.wait().code(), Some(1));
    let mut client = Client::start(BINARY);
    let answer = client.answer("textDocument/hover", json!({}));
    assert_eq!(answer["error"]["code"], -32002);
    client.die();
    assert_eq!(client.wait().code(), Some(1));
}

#[test]
fn a_burst_of_keys_ends_with_the_findings_of_the_last() {
    let folder = project();
    let mut client = Client::of(BINARY, folder.path(), json!({}));
    let pipeline = of(&folder, "pipeline.yaml");
    client.open(&pipeline, 1, PIPELINE);
    for version in 2..200 {
        let half = &PIPELINE[..PIPELINE.len() * version / 200];
        client.change(&pipeline, i64::try_from(version).unwrap(), whole(half));
    }
    client.change(&pipeline, 200, whole(PIPELINE));
    assert_eq!(client.diagnostics(&pipeline, 200), [] as [Json; 0]);
    end(client);
}
