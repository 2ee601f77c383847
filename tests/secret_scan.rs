//! No value of a secret appears anywhere: values are planted where people put them, in every example
//! and every invalid one, and all that the verbs write in any format is searched for them.
//!
//! A verb that is not in the table here fails: say how it meets definitions, or why it meets none.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use ompipe::spec::secret_fields::is_secret_name;
use rayon::prelude::*;
use tempfile::TempDir;

/// What every planted value begins with.
const PLANTED: &str = "Pl4nted-";

/// How a verb meets definitions.
enum Meets {
    /// By these command lines, in a project's folder; `{pipeline}` is one of its pipelines, `{out}`
    /// a new folder, `{values}` a file of Secrets, `{other}` a file that is read as something else.
    Reads(&'static [&'static str]),
    /// Not at all, for this reason.
    No(&'static str),
}

const VERBS: &[(&str, Meets)] = &[
    ("init", Meets::No("it writes a new project, and reads none")),
    ("validate", Meets::Reads(&["validate", "validate --strict --color always", "validate -q"])),
    (
        "render",
        Meets::Reads(&[
            "render",
            "render --strict --threads 2",
            "render --run",
            "render -l {pipeline}",
            "render -o {out}",
            "render -o {out} --check",
            "render --include-secrets {other}",
            "render --automation {other}",
            "render --application {other}",
        ]),
    ),
    ("explain", Meets::Reads(&["explain {pipeline}", "explain {pipeline} password"])),
    ("schema", Meets::No("it prints what is built in")),
    ("spec", Meets::No("it reads OpenMetadata's schema, which holds no values")),
    ("import", Meets::Reads(&["import {other} -o {out}", "import . -o {out}"])),
    ("schedule", Meets::Reads(&["schedule", "schedule --html {out}"])),
    ("fn", Meets::Reads(&["fn < {list}"])),
    ("lsp", Meets::No("it speaks a protocol; tests/language_server looks at all that it says")),
    ("watch", Meets::Reads(&["watch", "watch -o {out}"])),
    ("graph", Meets::Reads(&["graph", "graph --of {pipeline}"])),
    ("diff-env", Meets::Reads(&["diff-env staging prod", "diff-env one other {pipeline}"])),
    ("secrets", Meets::Reads(&["secrets list", "secrets list -l {pipeline}"])),
    (
        "apply",
        Meets::No(
            "what it sends is what `render` shows; tests/cluster/diff.rs looks at what it says",
        ),
    ),
    (
        "diff",
        Meets::No("it needs a cluster; tests/cluster/diff.rs looks at what it says of Secrets"),
    ),
    ("run", Meets::No("what it sends is what `render --run` shows; tests/cluster runs it")),
    ("status", Meets::No("it shows schedules, states and times, and reads no workflow")),
    ("kill", Meets::No("it names runs; tests/cluster runs it")),
    ("suspend", Meets::No("it names schedules; tests/cluster runs it")),
    ("resume", Meets::No("it names schedules; tests/cluster runs it")),
    ("delete", Meets::No("it names objects, and reads the metadata of Secrets alone")),
    ("history", Meets::No("it shows states and times of runs, and reads no workflow")),
    ("logs", Meets::Reads(&["logs {pipeline}"])),
    ("diagnose", Meets::Reads(&["diagnose {pipeline}", "diagnose"])),
    (
        "doctor",
        Meets::Reads(&[
            "doctor --kubeconfig /nowhere",
            "doctor --verbs status --kubeconfig /nowhere",
        ]),
    ),
    ("rbac", Meets::Reads(&["rbac", "rbac --list", "rbac --subject user:ada"])),
    ("controller", Meets::No("it reads no definitions; tests/operator looks at its log")),
    (
        "exit-handler",
        Meets::No("it reads no definitions; tests/exit_handler looks at all that it says"),
    ),
    ("crd", Meets::No("it prints what is built in")),
    ("completions", Meets::No("it prints what is built in")),
    ("man", Meets::No("it prints what is built in")),
];

/// The first two are formats of results too, the others of findings alone.
const FORMATS: [&str; 5] = ["text", "json", "sarif", "github", "junit"];

/// Findings are written alike by every verb: all of their formats are looked at with one.
fn formats(line: &str) -> &'static [&'static str] {
    if line == "validate" { &FORMATS } else { &FORMATS[..2] }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The verbs that the command line knows.
fn verbs() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let commands = help.split_once("\nCommands:\n").unwrap().1.split("\n\n").next().unwrap();
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_verb_is_looked_at() {
    let known: BTreeSet<String> = VERBS.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    let unknown: Vec<String> = verbs().difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "how do {unknown:?} meet definitions? Say so in {}", file!());
    for (verb, meets) in VERBS {
        match meets {
            Meets::No(reason) => assert!(!reason.is_empty(), "{verb}"),
            Meets::Reads(lines) => assert!(lines.iter().all(|line| line.starts_with(verb))),
        }
    }
}

/// A copy of a project with values in it.
struct Planted {
    name: String,
    folder: TempDir,
    values: usize,
}

/// Copies a folder; `change` makes a file's text what it is to be.
fn copy(from: &Path, to: &Path, change: &mut impl FnMut(&str, String) -> String) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            copy(&path, &target, change);
        } else if let Ok(text) = fs::read_to_string(&path) {
            fs::write(target, change(name, text)).unwrap();
        }
    }
}

/// Puts a value of its own in the place of every reference at a field that holds a secret, and of
/// every literal that is there already.
fn plant(text: &str, count: &mut usize) -> String {
    let mut planted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(at) = rest.find(": ") {
            let (before, after) = rest.split_at(at + 2);
            planted.push_str(before);
            let key = before[..before.len() - 2].rsplit([' ', '{', ',', '"', '\'']).next().unwrap();
            rest = after;
            let reference = "{secretKeyRef: {";
            if !is_secret_name(key) || after.starts_with("secret:/") {
                continue;
            }
            if after.starts_with(reference) {
                rest = &after[after.find("}}").map_or(after.len(), |end| end + 2)..];
            } else if after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                rest = &after[after.find(['\n', ',', '}']).unwrap_or(after.len())..];
            } else {
                continue;
            }
            *count += 1;
            planted.push_str(&format!("{PLANTED}{count}"));
        }
        planted.push_str(rest);
    }
    planted
}

fn projects(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut projects: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    projects.retain(|path| path.file_name().unwrap() != "invalid");
    projects.sort();
    projects
}

/// A project with literal secrets in it.
fn with_literals(project: &Path) -> Planted {
    let folder = tempfile::tempdir().unwrap();
    let mut values = 0;
    copy(project, folder.path(), &mut |name, text| {
        if name.ends_with(".yaml") { plant(&text, &mut values) } else { text }
    });
    let name = project.file_name().unwrap().to_str().unwrap().to_owned();
    Planted { name, folder, values }
}

/// The name of a pipeline in a project's files.
fn pipeline(folder: &Path) -> String {
    let mut names = Vec::new();
    copy(folder, tempfile::tempdir().unwrap().path(), &mut |_, text| {
        let after = text.split("kind: IngestionPipeline\n").skip(1);
        let named = after.filter_map(|text| text.split("name: ").nth(1)?.split(['\n', '}']).next());
        names.extend(named.map(|name| name.trim_matches('"').to_owned()));
        text
    });
    names.sort();
    names.first().cloned().unwrap_or_else(|| "none".to_owned())
}

/// Everything that a command line writes: output, messages, files.
fn everything(project: &Path, line: &str, format: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let (line, input) = line.split_once(" < ").unwrap_or((line, ""));
    let other = project.join("ompipe.yaml");
    let words = line.split(' ').map(|word| {
        word.replace("{pipeline}", &pipeline(project))
            .replace("{out}", out.to_str().unwrap())
            .replace("{values}", project.join(".values.yaml").to_str().unwrap())
            .replace("{other}", other.to_str().unwrap())
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(words).current_dir(project).env_clear();
    if !line.starts_with("watch") {
        command.args(["--format", format]);
    }
    command.stdin(match input {
        "{list}" => {
            let path = place.path().join("list");
            fs::write(&path, resource_list(project)).unwrap();
            Stdio::from(fs::File::open(path).unwrap())
        }
        _ => Stdio::null(),
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output =
        if line.starts_with("watch") { until_found(command) } else { command.output().unwrap() };
    // Findings, an error of the tool, or fine: but no crash, and no wrong usage of this table's.
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let status = output.status.code();
    assert!(line.starts_with("watch") || status.is_some_and(|code| code <= 2), "{line}: {error}");
    assert!(!error.contains("Usage:"), "{line}: {error}");
    let mut all = String::from_utf8_lossy(&output.stdout).into_owned();
    if line == "fn" && !output.status.success() {
        // A function that fails hands the items back as it got them; results are what it says.
        all = all.split_once("\nresults:\n").unwrap().1.to_owned();
    }
    all.push_str(&error);
    let mut left = vec![out];
    while let Some(path) = left.pop() {
        all.push_str(&path.to_string_lossy());
        if path.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.exists() {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    all
}

/// What a watch writes until it has told what is wrong: its second event.
fn until_found(mut command: Command) -> Output {
    let mut child = command.args(["--format", "json"]).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    for _ in 0..2 {
        events.read_line(&mut stdout).unwrap();
    }
    assert!(stdout.contains(r#""event":"findings""#), "{stdout}");
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    Output { stdout: stdout.into_bytes(), ..output }
}

/// The definitions of a project as what kustomize and kpt hand to a function.
fn resource_list(project: &Path) -> String {
    let mut items = String::new();
    copy(project, tempfile::tempdir().unwrap().path(), &mut |name, text| {
        let definitions = name.ends_with(".yaml") && text.contains("kind: Ingestion");
        for document in text.split("\n---\n").filter(|_| definitions) {
            let lines = document.lines().filter(|line| !line.starts_with('#'));
            items.extend(
                lines.enumerate().map(|(number, line)| {
                    format!("{} {line}\n", if number == 0 { "-" } else { " " })
                }),
            );
        }
        text
    });
    format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}")
}

fn require_none(all: &str, of: &str) {
    for form in [PLANTED.to_owned(), base64::engine::general_purpose::STANDARD.encode(PLANTED)] {
        // Without the last group of characters, which depend on what follows.
        let form = form.trim_end_matches('=');
        if let Some(at) = all.find(&form[..form.len() - 2]) {
            let start = all[..at].char_indices().rev().nth(300).map_or(0, |(at, _)| at);
            panic!("{of} shows a secret:\n{}", &all[start..]);
        }
    }
}

fn lines() -> impl Iterator<Item = &'static str> {
    VERBS
        .iter()
        .flat_map(|(_, meets)| match meets {
            Meets::Reads(lines) => *lines,
            Meets::No(_) => &[],
        })
        .copied()
}

/// Whether the binary knows the verb of a line: some are there with a feature alone.
fn known(line: &str, verbs: &BTreeSet<String>) -> bool {
    verbs.contains(line.split(' ').next().unwrap())
}

#[test]
fn no_verb_shows_a_literal_secret_of_an_example() {
    let verbs = verbs();
    let planted: Vec<Planted> =
        projects("examples").iter().map(|path| with_literals(path)).collect();
    assert!(planted.iter().map(|one| one.values).sum::<usize>() > 20, "too few were planted");
    let work: Vec<(&Planted, &str, &str)> = planted
        .iter()
        .filter(|one| one.values > 0)
        .flat_map(|one| lines().filter(|line| known(line, &verbs)).map(move |line| (one, line)))
        .flat_map(|(one, line)| formats(line).iter().map(move |format| (one, line, *format)))
        .collect();
    work.par_iter().for_each(|(one, line, format)| {
        let all = everything(one.folder.path(), line, format);
        require_none(&all, &format!("`ompipe {line} --format {format}` in examples/{}", one.name));
    });
}

#[test]
fn nothing_that_is_wrong_beside_a_secret_shows_it() {
    let planted: Vec<Planted> =
        projects("examples/invalid").iter().map(|path| with_literals(path)).collect();
    assert!(planted.iter().filter(|one| one.values > 1).count() > 60, "too few were planted");
    let work: Vec<(&Planted, &str, &str)> = planted
        .iter()
        .flat_map(|one| {
            ["validate", "render -o {out}", "explain {pipeline}"].map(|line| (one, line))
        })
        .flat_map(|(one, line)| formats(line).iter().map(move |format| (one, line, *format)))
        .collect();
    work.par_iter().for_each(|(one, line, format)| {
        let all = everything(one.folder.path(), line, format);
        require_none(&all, &format!("`ompipe {line} --format {format}` in invalid/{}", one.name));
    });
}

/// A project whose local values are planted, by each way, with a definition that is wrong or not.
fn with_values(way: &str, change: (&str, &str)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/local-secrets"), folder.path(), &mut |name, text| match name {
        ".values.yaml" => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{PLANTED}1"));
            text.replace("ZHVtbXktcGFzc3dvcmQ=", &encoded)
                .replace("dummy: ", &format!("{PLANTED}2: "))
        }
        "ompipe.yaml" => text.replace(
            "{way: secret}",
            &format!("{{way: {way}, externalSecret: {{storeRef: {{name: vault}}}}}}"),
        ),
        _ => text.replace(change.0, change.1),
    });
    folder
}

#[test]
fn local_values_are_in_the_secrets_that_are_asked_for_and_nowhere_else() {
    for (way, change) in [
        ("env", ("", "")),
        ("externalSecret", ("", "")),
        ("secret", ("0 2 * * *", "0 25 * * *")),
        ("secret", ("name: crm, key: password", "name: crm, key: passwort")),
        ("secret", ("database: crm", "database: 'a\tb'")),
    ] {
        let project = with_values(way, change);
        for line in ["render --include-secrets {values}", "render --run --include-secrets {values}"]
        {
            for format in FORMATS {
                let all = everything(project.path(), line, format);
                require_none(&without_secrets(&all), &format!("{way} {line} {format}"));
            }
        }
    }
    let project = with_values("secret", ("", ""));
    let all = everything(project.path(), "render --include-secrets {values}", "text");
    assert!(without_secrets(&all).len() < all.len(), "the Secret itself is rendered: {all}");
    let all = everything(project.path(), "render -o {out} --include-secrets {values}", "text");
    require_none(&without_secrets(&all), "the folder");
}

/// What is written, without the Secrets in it.
fn without_secrets(all: &str) -> String {
    let others = all.split("apiVersion: ").filter(|text| !text.starts_with("v1\nkind: Secret\n"));
    others.collect()
}

#[test]
fn a_secret_that_is_not_encrypted_is_found_and_not_shown() {
    let verbs = verbs();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{PLANTED}1"));
    for secret in [
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData: {{b: {PLANTED}2}}\n"
        ),
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, data: {{b: {encoded}}}}}\n"
        ),
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {{name: a}}\n  \
             stringData: {{plain: {PLANTED}3}}\n"
        ),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  one: 'ENC[AES256_GCM,data:x]'\n  \
             two: {PLANTED}4\nsops: {{mac: 'ENC[x]'}}\n"
        ),
    ] {
        let project = with_values("env", ("", ""));
        fs::write(project.path().join("plain.yaml"), &secret).unwrap();
        for line in lines().filter(|line| known(line, &verbs) && !line.starts_with("import")) {
            for format in formats(line) {
                let all = everything(project.path(), line, format);
                require_none(&all, &format!("{line} {format}: {secret}"));
                if line == "validate" {
                    assert!(all.contains("OMP0506"), "{all}");
                }
            }
        }
    }
}
