//! Holds the source tree to ARCHITECTURE.md: the core does no I/O, data flows one way, every module
//! says what it is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The parts that may meet the world outside; a folder ends with `/`. Everything else in `src/` is
/// pure.
const SHELL: [&str; 58] = [
    "cli.rs",
    "cli/",
    "cluster/apply/execute.rs",
    "cluster/apply/observe.rs",
    "cluster/apply/send.rs",
    "cluster/apply/wait.rs",
    "cluster/connection.rs",
    "cluster/diff/mod.rs",
    "cluster/diagnose/gather.rs",
    "cluster/credentials.rs",
    "cluster/doctor/ask.rs",
    "cluster/doctor/mod.rs",
    "cluster/error.rs",
    "cluster/logs/stream.rs",
    "cluster/kubeconfig.rs",
    "cluster/list.rs",
    "cluster/mod.rs",
    "cluster/object.rs",
    "cluster/observe.rs",
    // Of the network, addresses alone.
    "cluster/proxy.rs",
    "cluster/retry.rs",
    "cluster/runs/changes.rs",
    "cluster/runs/delete.rs",
    "cluster/runs/kill.rs",
    "cluster/runs/list.rs",
    // Of the client, the type of rendered objects alone.
    "cluster/runs/plan.rs",
    "cluster/runs/request.rs",
    "cluster/runs/start.rs",
    "cluster/runs/suspend.rs",
    "cluster/runs/wait.rs",
    "controller/act.rs",
    "controller/act_on_pods.rs",
    "controller/cache.rs",
    "controller/clock.rs",
    "controller/cron/act.rs",
    "controller/cron/observe.rs",
    "controller/events.rs",
    "controller/http.rs",
    "controller/lease.rs",
    "controller/metrics.rs",
    "controller/objects.rs",
    "controller/operator.rs",
    "controller/queue.rs",
    "controller/reconcile.rs",
    "controller/requests.rs",
    "controller/watch.rs",
    // Types alone; a client's derive makes them resources.
    "crd/",
    "exit_handler/deadline.rs",
    "exit_handler/handler.rs",
    "exit_handler/observe.rs",
    "exit_handler/openmetadata.rs",
    "import/mod.rs",
    "import/read.rs",
    "import/write.rs",
    "main.rs",
    "output/",
    "project/",
    "spec/import.rs",
];

/// The modules in the order in which data flows: each may use itself and those before it.
const LAYERS: [&str; 29] = [
    "tree",
    "source",
    "diagnostic",
    "yaml",
    "schema",
    "definition",
    "model",
    "spec",
    "manifest",
    "environment",
    "validate",
    "render",
    "survey",
    "calendar",
    "spread",
    "graph",
    "project",
    "output",
    "import",
    "compile",
    "workspace",
    "language",
    "difference",
    "function",
    "crd",
    "controller",
    "cluster",
    "exit_handler",
    "cli",
];

/// Beyond this many lines a file has more than one concept, as a rule.
const MOST_LINES: usize = 500;

/// What brings the world in: files, environment, processes, network, threads, clocks, async, a
/// cluster's client, the terminal.
const IMPURE: [&str; 9] = [
    r"\bstd::(fs|env|process|net|thread|time)\b",
    r"\bstd::\{[^;]*\b(fs|env|process|net|thread|time)\b",
    r"\bio::(stdin|stdout|stderr)\b",
    r"\b(Instant|SystemTime|Timestamp|Zoned)::now\b",
    r"\b(kube|k8s_openapi|tokio|reqwest|hyper|futures|async_std)::",
    r"\basync\b",
    r"\.await\b",
    r"\.(exists|is_file|is_dir|canonicalize|read_dir|metadata|read_link)\(\)",
    r"\bRandomState\b|\brand::|\bnew_v[147]\(|\bnow_v7\(",
];

struct File {
    /// From `src/`, `/` between the parts.
    path: String,
    text: String,
}

impl File {
    /// What is compiled into the product: no comments, no tests.
    fn code(&self) -> String {
        let product = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = |line: &str| !line.trim_start().starts_with("//");
        product.lines().filter(|line| code(line)).collect::<Vec<_>>().join("\n")
    }

    fn is_in(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| match part.strip_suffix('/') {
            Some(_) => self.path.starts_with(part),
            None => self.path == *part,
        })
    }

    fn module(&self) -> &str {
        let end = self.path.find(['/', '.']).unwrap_or(self.path.len());
        &self.path[..end]
    }
}

/// The Rust files below a folder of the crate.
fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let file = |path: PathBuf| File {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"),
    };
    paths.into_iter().map(file).collect()
}

/// The files that are compiled for tests alone: those declared behind `#[cfg(test)]`, and what lies
/// below them.
fn test_files(files: &[File]) -> Vec<String> {
    let declared =
        Regex::new(r#"#\[cfg\(test\)\]\n(?:#\[path = "([a-z_]+)\.rs"\]\n)?mod ([a-z_]+);"#)
            .unwrap();
    let mut names = Vec::new();
    for file in files {
        for found in declared.captures_iter(&file.text) {
            let folder = match found.get(1) {
                // A `#[path]` is read from the folder of the file itself.
                Some(_) => parent(&file.path).to_owned(),
                None => own_folder(&file.path),
            };
            let name = found.get(1).or(found.get(2)).unwrap().as_str();
            names.push(format!("{folder}{name}.rs"));
        }
    }
    names
}

fn parent(path: &str) -> &str {
    &path[..path.rfind('/').map_or(0, |at| at + 1)]
}

/// The folder that a file's submodules lie in.
fn own_folder(path: &str) -> String {
    match path.strip_suffix("mod.rs").or(path.strip_suffix("lib.rs")) {
        Some(folder) => folder.to_owned(),
        None => format!("{}/", path.strip_suffix(".rs").unwrap_or(path)),
    }
}

/// The first thing in a code that is not pure.
fn impurity(code: &str) -> Option<String> {
    IMPURE.iter().find_map(|pattern| {
        let found = Regex::new(pattern).unwrap().find(code)?;
        Some(found.as_str().to_owned())
    })
}

/// The modules of the crate that a code names.
fn uses(code: &str) -> Vec<String> {
    let named = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let grouped = Regex::new(r"\bcrate::\{").unwrap();
    assert!(!grouped.is_match(code), "`use crate::{{…}}` hides from this test what is used");
    named.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_core_knows_no_files_environment_clock_network_or_async() {
    let files = files("src");
    let tests = test_files(&files);
    let mut checked = 0;
    for file in files.iter().filter(|file| !file.is_in(&SHELL) && !tests.contains(&file.path)) {
        if let Some(found) = impurity(&file.code()) {
            panic!("src/{} is to be pure and has `{found}`", file.path);
        }
        checked += 1;
    }
    assert!(checked > 100, "only {checked} files were looked at");
}

#[test]
fn every_exception_from_purity_is_still_there() {
    let files = files("src");
    for part in SHELL {
        assert!(files.iter().any(|file| file.is_in(&[part])), "src/{part} is gone");
    }
}

#[test]
fn an_impure_line_is_found() {
    for line in [
        "let text = std::fs::read_to_string(path)?;",
        "use std::{collections::HashMap, env};",
        "let now = Instant::now();",
        "async fn apply() {}",
        "let client = kube::Client::try_default();",
        "if path.exists() {}",
        "let id = Uuid::new_v4();",
    ] {
        assert!(impurity(line).is_some(), "{line}");
    }
    for line in [
        "let text = env!(\"CARGO_PKG_VERSION\");",
        "use std::io;",
        "fn write(out: &mut impl io::Write) {}",
        "fn environment(timezone: &str) {}",
    ] {
        assert_eq!(impurity(line), None, "{line}");
    }
    let file = File {
        path: "tree.rs".to_owned(),
        text: "//! std::fs\n#[cfg(test)]\nmod tests {\nstd::env\n}\n".to_owned(),
    };
    assert_eq!(impurity(&file.code()), None);
}

#[test]
fn data_flows_one_way() {
    let files = files("src");
    let tests = test_files(&files);
    for file in files.iter().filter(|file| !tests.contains(&file.path)) {
        if ["lib.rs", "main.rs"].contains(&file.path.as_str()) {
            continue;
        }
        let place = |module: &str| LAYERS.iter().position(|layer| *layer == module);
        let own = place(file.module())
            .unwrap_or_else(|| panic!("src/{} has no place among the layers", file.path));
        for used in uses(&file.code()) {
            // The binary's `crate::cli` aside, what is no layer is an item of the crate's root.
            let Some(used_at) = place(&used) else { continue };
            assert!(used_at <= own, "src/{} uses `{used}`, which comes after it", file.path);
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        for file in files(folder) {
            assert!(file.text.starts_with("//! "), "{folder}/{} has no `//!`", file.path);
        }
    }
}

#[test]
fn no_file_grows_beyond_one_concept() {
    for folder in ["src", "tests", "benches"] {
        for file in files(folder) {
            let lines = file.text.lines().count();
            assert!(lines <= MOST_LINES, "{folder}/{} has {lines} lines", file.path);
        }
    }
}

#[test]
fn every_module_is_on_the_map() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"));
    let map = map.unwrap();
    for module in LAYERS {
        assert!(
            map.contains(&format!("[`{module}`](src/{module}")),
            "ARCHITECTURE.md has no {module}"
        );
    }
}
