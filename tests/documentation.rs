//! The documentation against what it describes: its links, the table of parameters and the
//! variables of templates.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variables that hold others; what the rest of them hold is free or the same as elsewhere.
const WITH_FIELDS: [&str; 6] = ["pipeline", "names", "config", "env", "command", "exitHandler"];

/// The parameters that templates see in another shape, as `env` and `podAnnotations`, or not at
/// all.
const NOT_IN_TEMPLATES: [&str; 7] = [
    "enableFailureDiagnostics",
    "extraEnvVars",
    "inCluster",
    "kubeConfigContent",
    "kubeContext",
    "kubeconfigPath",
    "podAnnotations",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The cells of the table below a heading, row by row, without the row of its names.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split_once(&format!("\n{heading}\n")).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|-"))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_link_of_the_documentation_leads_to_a_file() {
    let mut pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(PathBuf::from).to_vec();
    for folder in ["docs", "docs/operator"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
        pages.extend(names.filter(|page| page.extension().is_some_and(|kind| kind == "md")));
    }
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let file = root().join(page.parent().unwrap()).join(target);
            if !target.contains("://") && !file.exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_table_of_parameters_has_each_parameter_with_its_default() {
    let schema: serde_json::Value =
        serde_json::from_str(&read("schemas/IngestionProject.json")).unwrap();
    let properties = schema["definitions"]["Parameters"]["properties"].as_object().unwrap();
    let text = read("docs/definitions.md");
    let rows = table(&text, "## Parameters");

    let listed: BTreeSet<_> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(listed, properties.keys().map(String::as_str).collect());

    for row in &rows {
        for name in quoted(&row[0]) {
            let default = match properties[name].get("default") {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(value) if value.is_number() || value == true => value.to_string(),
                _ => continue,
            };
            assert!(quoted(&row[1]).contains(&default.as_str()), "{name}: {default}");
        }
    }
}

#[test]
fn the_variables_of_templates_are_those_that_are_documented() {
    let text = read("docs/templates.md");
    let mut documented = BTreeSet::new();
    for row in table(&text, "## Variables") {
        let mut group = "";
        for name in quoted(&row[0]) {
            match name.strip_prefix('.') {
                Some(field) => documented.insert(format!("{group}.{field}")),
                None => {
                    group = name.split('.').next().unwrap();
                    documented.insert(name.to_owned())
                }
            };
        }
    }
    assert!(documented.remove("kubernetes.*"));

    let mut defined = known("");
    for group in WITH_FIELDS {
        defined.remove(group);
        defined.extend(known(&format!("{group}.")));
    }
    defined.remove("kubernetes");
    assert_eq!(documented, defined);
}

#[test]
fn templates_know_every_parameter_by_its_name() {
    let schema: serde_json::Value =
        serde_json::from_str(&read("schemas/IngestionProject.json")).unwrap();
    let properties = schema["definitions"]["Parameters"]["properties"].as_object().unwrap();
    let parameters: BTreeSet<_> = properties
        .keys()
        .filter(|name| !NOT_IN_TEMPLATES.contains(&name.as_str()))
        .map(|name| format!("kubernetes.{name}"))
        .collect();
    assert_eq!(known("kubernetes."), parameters);
}

/// The names that a template knows below a prefix, from what the error about an unknown one lists.
fn known(prefix: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["ompipe.yaml", "snowflake.yaml"] {
        fs::copy(root().join("examples/quickstart").join(file), folder.path().join(file)).unwrap();
    }
    fs::create_dir(folder.path().join("templates")).unwrap();
    let template = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{x: \"{{{{ {prefix}zzzzzz }}}}\"}}\n"
    );
    fs::write(folder.path().join("templates/configmap.yaml"), template).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["render", "--run"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.lines().find_map(|line| line.split_once("known here: "));
    assert!(line.is_some(), "{text}");
    quoted(line.unwrap().1).into_iter().map(str::to_owned).collect()
}

/// `ompipe rbac --list` of a project that renders every kind.
#[cfg(feature = "cluster")]
fn rights() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["rbac", "--list", "-n", "any"])
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(feature = "cluster")]
#[test]
fn the_rights_of_each_verb_are_those_that_are_documented() {
    let mut verbs: Vec<(String, Vec<String>)> = Vec::new();
    for line in rights().lines() {
        match line.strip_prefix("  ") {
            None => verbs.push((line.to_owned(), Vec::new())),
            Some(right) => verbs.last_mut().unwrap().1.push(right.to_owned()),
        }
    }
    let rows = table(&read("docs/access.md"), "### Rights of the verbs");
    let documented: Vec<(String, Vec<String>)> = rows
        .iter()
        .map(|row| {
            let rights = quoted(&row[1]).into_iter().map(str::to_owned).collect();
            (quoted(&row[0])[0].to_owned(), rights)
        })
        .collect();
    assert_eq!(documented, verbs);
}
