//! Tests of taking ResourceLists apart and putting them together.

use super::*;
use crate::tree::Span;

const HEAD: &str = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n";
/// What ompipe's reader does not take, or would write otherwise.
const FOREIGN: &str = "\
- apiVersion: v1
  kind: ConfigMap # a comment
  metadata:
    name: 'other'
    annotations:
      config.kubernetes.io/index: '0'
  data: {mode: 0644, on: &a yes, text: *a}
";
const DEFINITION: &str = "\
- apiVersion: pipelines.openmetadata.org/v1alpha1
  kind: IngestionPipeline
  metadata:
    name: orders
";

fn read(text: &str) -> ResourceList {
    ResourceList::read(&format!("{HEAD}{text}")).unwrap()
}

fn object(file: &str, text: &str) -> Object {
    Object { file: file.to_owned(), order: 0, span: Span::NONE, text: text.to_owned() }
}

fn config_map(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  labels:\n    \
         app.kubernetes.io/managed-by: openmetadata\ndata:\n  config: |\n    a: 1\n\n    b: 2\n"
    )
}

#[test]
fn what_is_no_definition_goes_through_byte_for_byte_and_in_order() {
    let text = format!("items:\n{FOREIGN}{DEFINITION}{}", FOREIGN.replace("other", "last"));
    let list = read(&text);
    assert_eq!(list.definitions().len(), 1);
    assert_eq!(list.refused(&[]), format!("{HEAD}{text}"));
    let others = format!("{HEAD}items:\n{FOREIGN}{}", FOREIGN.replace("other", "last"));
    assert_eq!(list.rendered(&[], false, &[]), others);
}

#[test]
fn an_item_of_a_comment_alone_keeps_its_dash() {
    let text = "items:\n- # é\n- # c\n";
    assert_eq!(read(text).refused(&[]), format!("{HEAD}{text}"));
}

#[test]
fn an_indented_sequence_is_the_same_list() {
    let indented: String =
        FOREIGN.lines().chain(DEFINITION.lines()).map(|line| format!("  {line}\n")).collect();
    let list = read(&format!("items:\n  # the items\n{indented}functionConfig:\n  kind: A\n"));
    assert_eq!(list.refused(&[]), format!("{HEAD}items:\n{FOREIGN}{DEFINITION}"));
    assert_eq!(list.function_config.unwrap().kind(), Some("A"));
}

#[test]
fn json_is_a_list_too() {
    let list = read(
        "items: [{kind: IngestionPipeline, metadata: {name: a}}, {apiVersion: v1, kind: Pod}]\n\
                     functionConfig: {apiVersion: v1, kind: ConfigMap, data: {a: b}}\n",
    );
    assert_eq!(list.definitions().len(), 1);
    let items = "items:\n- kind: IngestionPipeline\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: Pod\n";
    assert_eq!(list.refused(&[]), format!("{HEAD}{items}"));
    assert_eq!(list.function_config.unwrap().kind(), Some("ConfigMap"));
}

#[test]
fn a_rendered_object_says_its_file_and_its_place_there_and_is_the_same_otherwise() {
    let list = read(&format!("items:\n{DEFINITION}"));
    let objects = [
        object("rbac.yaml", &config_map("a")),
        object("rbac.yaml", &config_map("b")),
        object("orders/configmap-c.yaml", &config_map("c")),
    ];
    let text = list.rendered(&objects, false, &[]);
    for (name, file, index) in
        [("a", "rbac.yaml", 0), ("b", "rbac.yaml", 1), ("c", "orders/configmap-c.yaml", 0)]
    {
        let annotations = format!(
            "  annotations:\n    internal.config.kubernetes.io/index: '{index}'\n    \
             internal.config.kubernetes.io/path: {file}\n"
        );
        let expected = config_map(name).replace("\ndata:\n", &format!("\n{annotations}data:\n"));
        let expected: String = expected
            .lines()
            .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
            .collect();
        assert!(text.contains(expected.trim_start()), "{expected}\nis not in\n{text}");
    }
}

#[test]
fn a_second_run_replaces_what_the_first_one_rendered_and_nothing_else() {
    let list = read(&format!("items:\n{FOREIGN}{DEFINITION}"));
    let objects = [
        object("orders/configmap-a.yaml", &config_map("a")),
        object("rbac.yaml", &config_map("other")),
    ];
    let once = list.rendered(&objects, true, &[]);
    assert_eq!(once.matches("name: other").count(), 1, "{once}");
    assert_eq!(once.matches("name: 'other'").count(), 1, "{once}");
    let twice = ResourceList::read(&once).unwrap().rendered(&objects, true, &[]);
    assert_eq!(twice, once);
}

#[test]
fn the_project_that_configures_a_function_is_a_definition_once() {
    let project = "kind: IngestionProject\n  metadata:\n    name: analytics\n  apiVersion: \
                   pipelines.openmetadata.org/v1alpha1\n";
    let config = format!("functionConfig:\n  {project}");
    assert_eq!(read(&format!("items: []\n{config}")).definitions().len(), 1);
    assert_eq!(read(&format!("{config}items:\n- {project}")).definitions().len(), 1);
    assert_eq!(read(&format!("{config}items:\n{DEFINITION}")).definitions().len(), 2);
}

#[test]
fn an_empty_list_stays_one() {
    assert_eq!(read("items: []\n").refused(&[]), format!("{HEAD}items: []\n"));
    assert_eq!(read("").refused(&[]), format!("{HEAD}items: []\n"));
    let results = [Node::new(Mapping::of([("message", Node::new("m"))]))];
    assert_eq!(read("").refused(&results), format!("{HEAD}items: []\nresults:\n- message: m\n"));
}

#[test]
fn what_is_no_resource_list_is_said_so() {
    for (text, expected) in [
        ("apiVersion: v1\nkind: List\nitems: []\n", "found List of v1"),
        ("", "found neither apiVersion nor kind"),
        (
            "apiVersion: config.kubernetes.io/v2\nkind: ResourceList\n",
            "found ResourceList of config.kubernetes.io/v2",
        ),
        ("- a\n", "line 1"),
        ("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n  a: 1\n", "line 4"),
    ] {
        let error = ResourceList::read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_encrypted_file_goes_into_the_list_as_it_is() {
    let text = "# sops\n---\n# one\napiVersion: v1\nkind:   Secret\ndata: {a: 'ENC[x]'}\nsops:\n  text: |\n    a\n\n    b\n---\n\
                apiVersion: v1\nkind: Secret # two\n";
    let list = read(&format!("items:\n{FOREIGN}"));
    let answer = list.rendered(&[object("encrypted/a.yaml", text)], false, &[]);
    let expected = "  # one\n- apiVersion: v1\n  kind:   Secret\n  data: {a: 'ENC[x]'}\n  sops:\n    text: |\n      a\n\n      \
                    b\n- apiVersion: v1\n  kind: Secret # two\n";
    let answer = answer.strip_prefix(&format!("{HEAD}items:\n{FOREIGN}")).unwrap();
    assert_eq!(answer.trim_start_matches('\n'), expected);
    let again = ResourceList::read(&format!("{HEAD}items:\n{answer}")).unwrap();
    assert_eq!(again.items.len(), 2);
}
