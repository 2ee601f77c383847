//! Rendered files as a Helm chart: the same objects, with the namespace and the image that most of
//! them have as values.
//!
//! In: a [`FileSet`] and the project's name. Out: a [`FileSet`] that is a chart. With the values
//! that it comes with it gives the same objects again: what Helm would take for its own braces is
//! escaped. Whatever else may differ stays in the definitions, whose environments say how.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::{File, FileSet};
use crate::tree::{Mapping, Node, Value};
use crate::yaml;

/// The file that makes a folder a chart.
const CHART: &str = "Chart.yaml";

/// A chart must have a version; `helm package --version` gives it another.
const VERSION: &str = "0.1.0";

/// What becomes a value: the fields of these names, and variables of these names in pods.
const VALUES: [&str; 2] = ["namespace", "image"];

impl FileSet {
    /// Whether Helm reads the folder, rather than kustomize.
    pub(super) fn is_chart(&self) -> bool {
        self.files().iter().any(|file| file.path == CHART)
    }

    /// These files as a chart.
    #[must_use]
    pub fn into_chart(self, project: &str) -> Self {
        let mut files = self.files;
        // An encrypted file is none of ours, and stays as it is.
        let objects = files.iter().map(|file| yaml::read_canonical(&file.text));
        let mut objects: Vec<Option<Vec<Node>>> = objects.collect();
        let mut values = Mapping::new();
        let mut marks = Vec::new();
        for name in VALUES {
            let mut counts: BTreeMap<CompactString, usize> = BTreeMap::new();
            for object in objects.iter_mut().flatten().flatten() {
                visit(object, name, &mut |text| *counts.entry(text.clone()).or_default() += 1);
            }
            // The first by name of those that are there equally often.
            let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
            let Some((most, _)) = most else { continue };
            let mark = mark(name, &files);
            for object in objects.iter_mut().flatten().flatten() {
                visit(object, name, &mut |text| {
                    if *text == most {
                        *text = mark.as_str().into();
                    }
                });
            }
            values.insert(name, Node::new(most));
            marks.push((mark, name));
        }
        for (file, objects) in files.iter_mut().zip(&objects) {
            if let Some(objects) = objects {
                file.text.clear();
                yaml::write_documents(objects, &mut file.text);
            }
            let mut text = file.text.replace("{{", "{{ \"{{\" }}");
            for (mark, name) in &marks {
                text = text.replace(mark, &format!("{{{{ .Values.{name} | quote }}}}"));
            }
            file.text = text;
            file.path = format!("templates/{}", file.path);
        }
        let mut chart = Mapping::new();
        chart.insert("apiVersion", Node::new("v2"));
        chart.insert("name", Node::new(chart_name(project)));
        let description = format!("Ingestion pipelines of {project}, rendered by ompipe");
        chart.insert("description", Node::new(description));
        chart.insert("type", Node::new("application"));
        chart.insert("version", Node::new(VERSION));
        for (path, content) in [(CHART, chart), ("values.yaml", values)] {
            let mut text = String::new();
            yaml::write(&Node::new(content), &mut text);
            files.push(File::of_folder(path, text));
        }
        Self { files }
    }
}

/// Calls a function with each text that a value may take the place of.
fn visit(node: &mut Node, name: &str, then: &mut dyn FnMut(&mut CompactString)) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| visit(item, name, then)),
        Value::Mapping(mapping) => {
            let is_variable = mapping.get("name").and_then(Node::as_str) == Some(name);
            for entry in mapping.iter_mut() {
                let is_meant = entry.key == name || (entry.key == "value" && is_variable);
                match &mut entry.value.value {
                    // The keys of a ConfigMap are whatever people call things.
                    _ if ["data", "stringData"].contains(&entry.key.as_str()) => {}
                    Value::String(text) if is_meant => then(text),
                    _ => visit(&mut entry.value, name, then),
                }
            }
        }
        _ => {}
    }
}

/// A word that stands in none of the files, and that YAML needs no quotes for.
fn mark(name: &str, files: &[File]) -> String {
    let mut mark = format!("value-of-{name}");
    while files.iter().any(|file| file.text.contains(&mark)) {
        mark.push('-');
        mark.push_str(name);
    }
    mark
}

/// The project's name as Helm takes it: lower-case letters, digits and dashes.
fn chart_name(project: &str) -> String {
    let name: String = project
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "pipelines".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::Sources;
    use crate::tree::Span;

    const JOB: &str = "kind: CronJob\nmetadata:\n  name: NAME\n  namespace: data\nspec:\n  containers:\n  - \
                       name: main\n    image: ingestion:1\n    env:\n    - name: namespace\n      value: \
                       data\n    - name: where\n      value: data\n";
    const CONFIG: &str = "kind: ConfigMap\nmetadata:\n  name: c\n  namespace: other\ndata:\n  \
                          namespace: other\n  config: |\n    a: {{ b }} and {{{ c\n    value-of-image: 1\n";
    const SEALED: &str = "# sealed\nkind:   SealedSecret\nspec: {namespace: data, x: '{{'}\n";

    fn chart(project: &str) -> BTreeMap<String, String> {
        let files = [
            ("a/job.yaml", JOB.replace("NAME", "a")),
            ("b/job.yaml", JOB.replace("NAME", "b")),
            ("c.yaml", CONFIG.to_owned()),
            ("encrypted/s.yaml", SEALED.to_owned()),
        ];
        let objects = files.into_iter().map(|(path, text)| (path.to_owned(), 0, Span::NONE, text));
        let set = FileSet::new(objects, &Sources::default(), None, &mut Diagnostics::default());
        let files = set.into_chart(project).files;
        files.into_iter().map(|file| (file.path, file.text)).collect()
    }

    #[test]
    fn the_namespace_and_image_of_most_are_values_and_those_of_others_stay() {
        let files = chart("analytics");
        assert_eq!(files["values.yaml"], "namespace: data\nimage: ingestion:1\n");
        let job = &files["templates/a/job.yaml"];
        let namespace = "{{ .Values.namespace | quote }}";
        let expected = JOB
            .replace("NAME", "a")
            .replace("namespace: data", &format!("namespace: {namespace}"))
            .replace("image: ingestion:1", "image: {{ .Values.image | quote }}")
            .replacen("value: data", &format!("value: {namespace}"), 1);
        assert_eq!(*job, expected);
        assert!(files["templates/c.yaml"].contains("  namespace: other\ndata:\n"));
    }

    #[test]
    fn braces_of_others_are_no_expressions_of_helm() {
        let text = &chart("analytics")["templates/c.yaml"];
        assert!(text.contains("a: {{ \"{{\" }} b }} and {{ \"{{\" }}{ c\n"), "{text}");
        assert!(text.contains("value-of-image: 1"), "{text}");
    }

    #[test]
    fn an_encrypted_file_is_not_written_anew() {
        let expected = SEALED.replace("{{", "{{ \"{{\" }}");
        assert_eq!(chart("analytics")["templates/encrypted/s.yaml"], expected);
    }

    #[test]
    fn a_chart_has_a_name_that_helm_takes() {
        assert!(chart("Data & Analytics")["Chart.yaml"].contains("\nname: data---analytics\n"));
        assert!(chart("…")["Chart.yaml"].contains("\nname: pipelines\n"));
    }
}
