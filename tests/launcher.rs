//! Secrets by way `env`, for real: the rendered containers' commands and environments are run as a
//! kubelet would, with Python, PyYAML and the shell of this machine, and scripts in place of the
//! ingestion image's that print what they would run.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ompipe::compile::{Object, Options};
use ompipe::diagnostic::Diagnostics;
use ompipe::model::EntityKind;
use ompipe::project::{Input, Project};
use ompipe::render::Mode;
use ompipe::source::Sources;
use ompipe::tree::Node;
use ompipe::workspace::{compile, compile_entity};
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

const PROJECT: &str = r#"
kind: IngestionProject
metadata: {name: secrets}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
---
kind: IngestionPipeline
metadata: {name: warehouse}
spec:
  type: metadata
  schedule: "@daily"
  workflow:
    source:
      type: postgres
      serviceName: warehouse
      serviceConnection:
        config:
          type: Postgres
          username: "on"
          authType: {password: {secretKeyRef: {name: warehouse, key: password}}}
          hostPort: db:5432
          connectionOptions: {first: {secretKeyRef: {name: warehouse, key: password}}, "0123": "1e3", list: [{secretKeyRef: {name: warehouse.other, key: key_1}}, 1.5, true]}
          sslConfig: {caCertificate: "secret:/prod/ca"}
      sourceConfig: {config: {type: DatabaseMetadata, threads: 4}}
  kubernetes: PARAMETERS
"#;

/// Prints what it was started with; ends with the code that it is asked for.
const SCRIPT: &str = r#"
import json, os, sys, yaml
print(json.dumps({
    "argv": sys.argv,
    "name": __name__,
    "config": yaml.safe_load(os.environ["config"]),
    "status": os.environ.get("pipelineStatus"),
    "type": os.environ.get("pipelineType"),
}))
sys.exit(int(os.environ.get("TEST_EXIT", "0")))
"#;

/// What the test's module prints: its configuration, which is to be the same by either reader.
const MODULE: &str = r#"
import json, os, sys, yaml
config = json.loads(os.environ["config"])
assert config == yaml.safe_load(os.environ["config"])
print(json.dumps({"argv": sys.argv[1:], "name": __name__, "config": config}))
sys.exit(int(os.environ.get("TEST_EXIT", "0")))
"#;

fn read(text: &str, parameters: &str) -> Project {
    let bytes = text.replace("PARAMETERS", parameters).into_bytes();
    Project::read(vec![Input::Text { name: "-".to_owned(), bytes }]).unwrap()
}

fn options(mode: Mode) -> Options {
    Options {
        mode,
        environment: None,
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects: true,
    }
}

/// The rendered objects, by kind.
fn rendered(parameters: &str) -> BTreeMap<String, Value> {
    let Project { mut definitions, mut sources, mut found, .. } = read(PROJECT, parameters);
    let options = options(Mode::Scheduled);
    let objects = compile(&mut definitions, options, &mut sources, &mut found);
    by_kind(objects, found)
}

/// Those of the run of an entity.
fn rendered_entity(kind: EntityKind, entity: Value, parameters: &str) -> BTreeMap<String, Value> {
    let text = PROJECT.replacen("spec:\n", "spec:\n  kubernetes: PARAMETERS\n", 1);
    let Project { mut definitions, mut sources, mut found, .. } = read(&text, parameters);
    let (entity, options) = ((kind, Node::from(entity)), options(Mode::Run(None)));
    let objects = compile_entity(entity, &mut definitions, options, &mut sources, &mut found);
    by_kind(objects, found)
}

fn by_kind(objects: Vec<Object>, found: Diagnostics) -> BTreeMap<String, Value> {
    assert!(!found.has_errors(), "{:?}", found.into_sorted());
    let mut by_kind = BTreeMap::new();
    for object in objects {
        let source = Sources::default().add("rendered", object.text.clone());
        let documents =
            yaml::read(source, &object.text, Dialect::Definition, &mut Default::default());
        let value = Value::from(&documents[0]);
        by_kind.insert(value["kind"].as_str().unwrap().to_owned(), value);
    }
    by_kind
}

/// A place to run containers in: the image's working folder, and a `python` as the image has it.
struct Image {
    folder: tempfile::TempDir,
}

impl Image {
    /// `None`, with a word why, where Python or PyYAML is missing; in CI that is a failure.
    fn new() -> Option<Self> {
        let found = Command::new("python3")
            .args(["-c", "import sys, yaml; print(sys.executable)"])
            .output();
        let Some(python) = found.ok().filter(|output| output.status.success()) else {
            assert!(std::env::var_os("CI").is_none(), "CI needs python3 with PyYAML");
            println!("skipped: python3 with PyYAML is missing");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        // A wrapper, not a link: a link would lose the environment that PyYAML is installed in.
        let python = String::from_utf8(python.stdout).unwrap();
        let wrapper = format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.trim());
        write_executable(&bin.join("python"), &wrapper);
        for name in ["main.py", "exit_handler.py", "run_automation.py"] {
            std::fs::write(folder.path().join(name), SCRIPT).unwrap();
        }
        let package = folder.path().join("metadata/applications");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("runner.py"), MODULE).unwrap();
        Some(Self { folder })
    }

    fn exit_code_file(&self) -> PathBuf {
        self.folder.path().join("exit-code")
    }

    /// The command as the kubelet starts it: with this environment and no other.
    fn command(&self, command: &Value, environment: &[(String, String)]) -> Command {
        let words = command.as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        let words = words.collect::<Vec<_>>();
        let path = format!("{}/bin:/usr/bin:/bin", self.folder.path().display());
        let program = match words[0] {
            "python" => self.folder.path().join("bin/python"),
            other => PathBuf::from(other),
        };
        let mut process = Command::new(program);
        process.args(&words[1..]).current_dir(self.folder.path()).env_clear().env("PATH", path);
        process.envs(environment.iter().map(|(name, value)| (name, value)));
        process.env("OMPIPE_EXIT_CODE_FILE", self.exit_code_file());
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        process
    }
}

fn write_executable(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o755).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A container's environment, from the ConfigMap and from secrets that only this test knows.
fn environment(
    container: &Value,
    config_map: &Value,
    secrets: &BTreeMap<(&str, &str), String>,
) -> Vec<(String, String)> {
    let resolve = |variable: &Value| {
        if let Some(value) = variable["value"].as_str() {
            return value.to_owned();
        }
        let source = &variable["valueFrom"];
        let text = |node: &Value, key: &str| node[key].as_str().unwrap().to_owned();
        if let Some(reference) = source.get("configMapKeyRef") {
            assert_eq!(reference["name"], config_map["metadata"]["name"]);
            return text(&config_map["data"], &text(reference, "key"));
        }
        if let Some(reference) = source.get("secretKeyRef") {
            let (name, key) = (text(reference, "name"), text(reference, "key"));
            return secrets[&(name.as_str(), key.as_str())].clone();
        }
        assert!(source.get("fieldRef").is_some(), "{variable}");
        "from-the-pod".to_owned()
    };
    let variables = container["env"].as_array().unwrap().iter();
    variables
        .map(|variable| (variable["name"].as_str().unwrap().to_owned(), resolve(variable)))
        .collect()
}

fn secrets(password: &str) -> BTreeMap<(&'static str, &'static str), String> {
    BTreeMap::from([
        (("warehouse", "password"), password.to_owned()),
        (("warehouse.other", "key_1"), "the other".to_owned()),
        (("openmetadata-bot", "token"), "eyJ.tok.en".to_owned()),
    ])
}

/// The workflow as it is meant to run.
fn workflow(password: &str) -> Value {
    json!({
        "source": {
            "type": "postgres",
            "serviceName": "warehouse",
            "serviceConnection": {"config": {
                "type": "Postgres",
                "username": "on",
                "authType": {"password": password},
                "hostPort": "db:5432",
                "connectionOptions": {"first": password, "0123": "1e3", "list": ["the other", 1.5, true]},
                "sslConfig": {"caCertificate": "secret:/prod/ca"},
            }},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", "threads": 4}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {"openMetadataServerConfig": {
            "hostPort": "http://openmetadata:8585/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": "eyJ.tok.en"},
        }},
        "ingestionPipelineFQN": "warehouse.warehouse",
    })
}

fn passwords() -> Vec<String> {
    let mut passwords = [
        "plain",
        "it's \"quoted\" and `ticked`",
        "line one\nline two\n\n  indented\n",
        "\n",
        "$(X) ${X} $X $$(X) {{ x }} %s",
        "key: value # no comment",
        "- a\n- b",
        "{a: [1, 2]}",
        "&anchor *alias !tag | > @ %",
        "  blanks around  ",
        "null",
        "on",
        "0123",
        "2024-01-01",
        "pässwörd £ € 日本語 😀 \u{85}\u{2028}\u{feff}\u{7f}",
        "\u{1}\u{1b}[31m\t\r",
        "---\nkey: value\n...",
        "secretEnv",
    ]
    .map(str::to_owned)
    .to_vec();
    passwords.push("ü\"'\n$".repeat(100 * 1024 / 6));
    passwords
}

fn printed(output: &Output) -> Value {
    let stdout = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(stdout.trim())
        .unwrap_or_else(|_| panic!("{stdout}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn pod(cron_job: &Value) -> &Value {
    &cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
}

#[test]
fn main_reads_every_password_as_it_is() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{}");
    let main = &pod(&objects["CronJob"])["containers"][0];
    for password in passwords() {
        let environment = environment(main, &objects["ConfigMap"], &secrets(&password));
        let output = image.command(&main["command"], &environment).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = printed(&output);
        assert_eq!(printed["config"], workflow(&password));
        assert_eq!(printed["argv"], json!(["main.py"]));
        assert_eq!(printed["name"], "__main__");
        assert_eq!(printed["type"], "metadata");
    }
}

#[test]
fn the_prestop_hook_reads_every_password_as_it_is() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{exitHandler: preStop}");
    let main = &pod(&objects["CronJob"])["containers"][0];
    let hook = &main["lifecycle"]["preStop"]["exec"]["command"];
    for password in passwords() {
        let environment = environment(main, &objects["ConfigMap"], &secrets(&password));
        let printed = printed(&image.command(hook, &environment).output().unwrap());
        assert_eq!(printed["config"], workflow(&password));
        assert_eq!(printed["argv"], json!(["exit_handler.py"]));
        assert_eq!(printed["status"], "Failed");
    }
}

#[test]
fn the_operators_two_pods_read_every_password_as_it_is() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{useOMJobOperator: true}");
    let spec = &objects["CronOMJob"]["spec"]["omJobSpec"];
    for (pod, script) in [("mainPodSpec", "main.py"), ("exitHandlerSpec", "exit_handler.py")] {
        for password in passwords() {
            let environment = environment(&spec[pod], &objects["ConfigMap"], &secrets(&password));
            let printed =
                printed(&image.command(&spec[pod]["command"], &environment).output().unwrap());
            assert_eq!(printed["config"], workflow(&password));
            assert_eq!(printed["argv"], json!([script]));
        }
    }
}

/// An entity with a secret, and as it is meant to run.
fn entity(password: &Value) -> Value {
    json!({
        "id": "d8afbfd4-f8da-4e0b-8b37-53a26a774d54",
        "name": "test",
        "workflowType": "TEST_CONNECTION",
        "request": {"connection": {"config": {"password": password, "list": [1.5, true, null, "on"]}}},
        "openMetadataServerConnection": {"hostPort": "http://openmetadata:8585/api"},
    })
}

#[test]
fn automations_and_applications_read_every_password_as_it_is() {
    let Some(image) = Image::new() else { return };
    let reference = entity(&json!({"secretKeyRef": {"name": "warehouse", "key": "password"}}));
    let of_container = "/spec/template/spec/containers/0";
    for (kind, parameters, pod, argv) in [
        (EntityKind::Automation, "{}", of_container, json!(["run_automation.py"])),
        (EntityKind::Application, "{}", of_container, json!([])),
        (EntityKind::Application, "{useOMJobOperator: true}", "/spec/mainPodSpec", json!([])),
    ] {
        let objects = rendered_entity(kind, reference.clone(), parameters);
        let job = objects.get("Job").or(objects.get("OMJob")).unwrap();
        let main = job.pointer(pod).unwrap();
        for password in passwords() {
            let environment = environment(main, &objects["ConfigMap"], &secrets(&password));
            let output = image.command(&main["command"], &environment).output().unwrap();
            let printed = printed(&output);
            assert_eq!(printed["config"], entity(&json!(password)));
            assert_eq!((&printed["argv"], &printed["name"]), (&argv, &json!("__main__")));
        }
        let environment = environment(main, &objects["ConfigMap"], &secrets("p"));
        let mut failing = image.command(&main["command"], &environment);
        assert_eq!(failing.env("TEST_EXIT", "7").output().unwrap().status.code(), Some(7));
    }
}

#[test]
fn no_value_is_in_what_is_rendered() {
    for parameters in ["{}", "{exitHandler: sidecar}", "{useOMJobOperator: true}"] {
        for object in rendered(parameters).values() {
            let text = object.to_string();
            assert!(!text.contains("eyJ.tok.en") && !text.contains("the other"), "{text}");
        }
    }
}

#[test]
fn the_exit_code_of_main_is_that_of_the_container_and_reaches_the_sidecar() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{exitHandler: sidecar}");
    let pod = pod(&objects["CronJob"]);
    let (main, sidecar) = (&pod["containers"][0], &pod["initContainers"][0]);
    for (exit, status) in [("0", "Succeeded"), ("1", "Failed"), ("137", "Failed")] {
        let environment_of =
            |container| environment(container, &objects["ConfigMap"], &secrets("p"));
        let mut main_command = image.command(&main["command"], &environment_of(main));
        let ended = main_command.env("TEST_EXIT", exit).output().unwrap();
        assert_eq!(ended.status.code(), exit.parse().ok());
        let printed = end_sidecar(image.command(&sidecar["command"], &environment_of(sidecar)));
        assert_eq!(printed["status"], status, "main ended with {exit}");
        assert_eq!(printed["argv"], json!(["exit_handler.py"]));
        assert_eq!(printed["config"], workflow("p"));
    }
}

#[test]
fn a_main_that_was_killed_before_it_could_say_anything_counts_as_failed() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{exitHandler: sidecar}");
    let sidecar = &pod(&objects["CronJob"])["initContainers"][0];
    let environment = environment(sidecar, &objects["ConfigMap"], &secrets("p"));
    let printed = end_sidecar(image.command(&sidecar["command"], &environment));
    assert_eq!(printed["status"], "Failed");
}

#[test]
fn main_ends_on_sigterm_so_that_time_is_left_for_the_exit_handler() {
    let Some(image) = Image::new() else { return };
    let objects = rendered("{exitHandler: sidecar}");
    let main = &pod(&objects["CronJob"])["containers"][0];
    let script = "import time\nprint('started', flush=True)\ntime.sleep(60)\n";
    std::fs::write(image.folder.path().join("main.py"), script).unwrap();
    let environment = environment(main, &objects["ConfigMap"], &secrets("p"));
    let mut child = image.command(&main["command"], &environment).spawn().unwrap();
    await_line(&mut child);
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(std::fs::read_to_string(image.exit_code_file()).unwrap(), "143\n");
}

/// Starts a sidecar, ends it as the kubelet does, and gives what its exit handler printed.
fn end_sidecar(mut command: Command) -> Value {
    let child = command.spawn().unwrap();
    // The shell sets its trap first thing; nothing tells when it has.
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminate(&child);
    printed(&child.wait_with_output().unwrap())
}

fn await_line(child: &mut std::process::Child) {
    use std::io::BufRead as _;
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
}

fn terminate(child: &std::process::Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}
