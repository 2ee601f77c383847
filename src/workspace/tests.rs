//! Whatever the edits, a workspace comes to what a fresh one does.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::{Diagnostic, code, json};
use crate::render::Mode;
use crate::tree::Span;

const PROJECT: &str = "
kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
";
/// An environment, of which a patch names another service, one may match nothing, and one changes
/// what is rendered.
const ENVIRONMENTS: &str = "
  environments:
    prod:
      kubernetes: {backoffLimit: 1}
      patches:
        - target: {kind: IngestionPipeline, name: orders}
          allowNoMatch: true
          merge: {spec: {service: stock}}
        - target: {kind: IngestionPipeline, name: sales*}
          merge: {spec: {kubernetes: {namespace: three}}}
        - target: {kind: ServiceConnection, name: stock}
          merge: {spec: {connection: {config: {database: patched}}}}
        - target: {kind: CronJob}
          allowNoMatch: true
          json: [{op: add, path: /metadata/annotations, value: {patched: 'true'}}]
        - target: {kind: Role}
          allowNoMatch: true
          merge: {metadata: {labels: {patched: 'true'}}}
";
const SERVICE: &str = "
kind: ServiceConnection
metadata: {name: SERVICE}
spec: {type: postgres, connection: {config: {type: Postgres, authType: {password: SECRET}}}}
";
const PIPELINE: &str = "
kind: IngestionPipeline
metadata: {name: NAME}
spec:
  service: SERVICE
  type: metadata
  schedule: \"0 3 * * *\"
  workflow: {source: {sourceConfig: {config: {type: DatabaseMetadata}}}}
  kubernetes: {namespace: NAMESPACE}
";
const SEALED: &str = "
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: db}
spec: {encryptedData: {p: VALUE}}
";
const TEMPLATE: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ names.configMap }}', namespace: '{{ kubernetes.namespace }}'}
data: {config: '{{ config.text }}', own: 'yes'}
";

fn options() -> Options {
    Options {
        mode: Mode::Scheduled,
        environment: None,
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects: true,
    }
}

fn pipeline(name: &str, service: &str, namespace: &str) -> String {
    let text = PIPELINE.replace("NAMESPACE", namespace);
    text.replace("NAME", name).replace("SERVICE", service)
}

fn service(name: &str, secret: &str) -> String {
    SERVICE.replace("SERVICE", name).replace("SECRET", secret)
}

/// All inputs, to make a fresh workspace of.
#[derive(Clone, Default)]
struct Inputs {
    files: BTreeMap<&'static str, Option<String>>,
    templates: Vec<(String, String, String)>,
    environment: Option<String>,
}

impl Inputs {
    fn fresh(&self) -> Workspace {
        let environment = self.environment.clone();
        let mut workspace = Workspace::new(Options { environment, ..options() });
        for (name, text) in &self.files {
            workspace.put(name, false, content(text.as_deref()));
        }
        workspace.set_templates(self.templates.clone());
        workspace.compile();
        workspace
    }
}

fn content(text: Option<&str>) -> Content {
    let unreadable =
        || Box::new(Diagnostic::error(&code::PROJECT_FILE, Span::NONE, "it cannot be read"));
    text.map(|text| text.as_bytes().to_vec()).ok_or_else(unreadable)
}

fn findings(workspace: &Workspace) -> String {
    let mut out = Vec::new();
    json::write(&workspace.findings(), workspace.sources(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn has_errors(workspace: &Workspace) -> bool {
    let mut found = Diagnostics::default();
    workspace.findings().into_iter().for_each(|finding| found.push(finding));
    found.has_errors()
}

/// The output files: what they hold, and the file of the first object's definition.
fn files(workspace: &Workspace) -> BTreeMap<String, (String, String)> {
    let mut files = BTreeMap::new();
    let mut objects = workspace.objects();
    objects.sort_by_key(|object| object.order);
    for Object { file, text, span, order: _ } in objects {
        let source = || workspace.sources().get(span.source).map(|source| source.name.clone());
        let (held, _) = files
            .entry(file.clone())
            .or_insert_with(|| (String::new(), source().unwrap_or_default()));
        held.push_str(text);
    }
    files
}

/// Applies changes, each of which is one.
fn apply(changes: Changes, workspace: &Workspace, files: &mut BTreeMap<String, (String, String)>) {
    let mut written: BTreeMap<String, (String, String)> = BTreeMap::new();
    for Object { file, text, span, .. } in changes.written {
        let source = workspace.sources().get(span.source).map(|source| source.name.clone());
        written
            .entry(file)
            .or_insert((String::new(), source.unwrap_or_default()))
            .0
            .push_str(&text);
    }
    for (path, now) in written {
        let former = files.insert(path, now.clone());
        assert_ne!(former, Some(now), "what did not change is not written");
    }
    for path in changes.removed {
        assert!(files.remove(&path).is_some(), "{path} was never there");
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Put(&'static str, String),
    Unreadable(&'static str),
    TakeAway(&'static str),
    Templates(Option<&'static str>),
    Environment(Option<&'static str>),
    Compile,
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = prop::sample::select(vec![
        "ompipe.yaml",
        "services.yaml",
        "services/a.yaml",
        "pipelines/a.yaml",
        "pipelines/b.yaml",
        "pipelines.yaml",
    ]);
    let names = prop::sample::select(vec!["orders", "sales", "Sales_EU", "sales-eu"]);
    let services = prop::sample::select(vec!["shop", "stock", "shopp"]);
    let secrets = prop::sample::select(vec!["{secretKeyRef: {name: db, key: p}}", "hunter2"]);
    let namespaces = prop::sample::select(vec!["one", "two", "No DNS"]);
    let document = prop_oneof![
        1 => Just(PROJECT.to_owned()),
        1 => Just(format!("{}{ENVIRONMENTS}", PROJECT.trim_end())),
        1 => Just(PROJECT.replace("securityConfig", "verifySSL: no-ssl\n    securityConfig")),
        4 => (services.clone(), secrets).prop_map(|(name, secret)| service(name, secret)),
        8 => (names, services.clone(), namespaces)
            .prop_map(|(name, service, namespace)| pipeline(name, service, namespace)),
        1 => services.prop_map(|name| service(name, "x").replace("type: postgres", "typ: postgres")),
        1 => Just("kind: ServiceConnection\nmetadata: {}\n".to_owned()),
        1 => Just(pipeline("orders", "shop", "one").replace("type: metadata", "type: metdata")),
        1 => Just("apiVersion: v1\nkind: Secret\n".to_owned()),
        1 => Just("kind: [\n".to_owned()),
        1 => Just(SEALED.to_owned()),
    ];
    let text = prop::collection::vec(document, 0..4).prop_map(|all| all.join("---\n"));
    prop_oneof![
        10 => (file.clone(), text).prop_map(|(file, text)| Edit::Put(file, text)),
        1 => (file.clone(), prop::sample::select(vec!["AgA", "AgB"]))
            .prop_map(|(file, value)| Edit::Put(file, SEALED.replace("VALUE", value))),
        1 => file.clone().prop_map(Edit::Unreadable),
        3 => file.prop_map(Edit::TakeAway),
        1 => prop::sample::select(vec![None, Some(TEMPLATE), Some("a: '{{ b'\n")])
            .prop_map(Edit::Templates),
        2 => prop::sample::select(vec![None, Some("prod"), Some("prod"), Some("prd")])
            .prop_map(Edit::Environment),
        8 => Just(Edit::Compile),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_sequence_of_edits_comes_to_what_a_fresh_compilation_does(
        edits in prop::collection::vec(edit(), 1..24),
    ) {
        let mut inputs = Inputs::default();
        inputs.files.insert("ompipe.yaml", Some(format!("{}{ENVIRONMENTS}", PROJECT.trim_end())));
        inputs.files.insert("services.yaml", Some(service("shop", "{secretKeyRef: {name: a, key: b}}")));
        inputs.files.insert("pipelines/a.yaml", Some(pipeline("orders", "shop", "one")));
        let mut workspace = inputs.fresh();
        prop_assert_eq!(findings(&workspace), findings(&inputs.fresh()));
        prop_assert_eq!(workspace.changes(), None);
        let mut written = files(&inputs.fresh());
        for edit in edits.into_iter().chain([Edit::Compile]) {
            match edit {
                Edit::Put(file, text) => {
                    workspace.put(file, false, content(Some(&text)));
                    inputs.files.insert(file, Some(text));
                }
                Edit::Unreadable(file) => {
                    workspace.put(file, false, content(None));
                    inputs.files.insert(file, None);
                }
                Edit::TakeAway(file) => {
                    workspace.take_away(file);
                    inputs.files.remove(file);
                }
                Edit::Templates(text) => {
                    let own = |text: &str| {
                        ("configmap.yaml".to_owned(), "templates/configmap.yaml".to_owned(), text.to_owned())
                    };
                    inputs.templates = text.map(own).into_iter().collect();
                    workspace.set_templates(inputs.templates.clone());
                }
                Edit::Environment(name) => {
                    inputs.environment = name.map(str::to_owned);
                    workspace.set_environment(inputs.environment.clone());
                }
                Edit::Compile => {
                    workspace.compile();
                    let fresh = inputs.fresh();
                    prop_assert_eq!(findings(&workspace), findings(&fresh));
                    if has_errors(&fresh) {
                        continue;
                    }
                    let changes = workspace.changes().unwrap();
                    apply(changes, &workspace, &mut written);
                    prop_assert_eq!(&written, &files(&fresh));
                }
            }
        }
        let fresh = inputs.fresh();
        prop_assert_eq!(files(&workspace), files(&fresh));
    }
}

fn edited(edit: impl FnOnce(&mut Workspace)) -> usize {
    let mut inputs = Inputs::default();
    let secret = "{secretKeyRef: {name: db, key: p}}";
    inputs.files.insert("ompipe.yaml", Some(PROJECT.to_owned()));
    inputs.files.insert("shop.yaml", Some(service("shop", secret)));
    inputs.files.insert("stock.yaml", Some(service("stock", secret)));
    for (file, name, service) in
        [("a.yaml", "a", "shop"), ("b.yaml", "b", "shop"), ("c.yaml", "c", "stock")]
    {
        inputs.files.insert(file, Some(pipeline(name, service, "one")));
    }
    let mut workspace = inputs.fresh();
    assert_eq!(workspace.findings(), []);
    edit(&mut workspace);
    workspace.compile()
}

#[test]
fn only_what_a_change_reaches_is_compiled_again() {
    let secret = "{secretKeyRef: {name: other, key: p}}";
    let put = |file: &'static str, text: String| {
        move |workspace: &mut Workspace| workspace.put(file, false, content(Some(&text)))
    };
    assert_eq!(edited(|_| {}), 0);
    assert_eq!(edited(put("a.yaml", pipeline("a", "stock", "two"))), 1);
    assert_eq!(edited(put("shop.yaml", service("shop", secret))), 2);
    assert_eq!(edited(put("other.yaml", service("other", secret))), 0);
    assert_eq!(edited(put("ompipe.yaml", PROJECT.to_owned())), 3);
    assert_eq!(edited(|workspace| workspace.take_away("stock.yaml")), 1);
    assert_eq!(edited(|workspace| workspace.set_templates(Vec::new())), 3);
}

#[test]
fn a_files_number_stays_with_it_and_is_given_on_when_it_is_gone() {
    let mut workspace = Workspace::new(options());
    workspace.put("a.yaml", false, content(Some(PROJECT)));
    workspace.compile();
    let number = workspace.source("a.yaml").unwrap();
    workspace.take_away("a.yaml");
    workspace.put("a.yaml", false, content(Some("kind: X\n")));
    workspace.compile();
    assert_eq!(workspace.source("a.yaml"), Some(number));
    assert_eq!(workspace.findings()[0].span.source, number);
    workspace.take_away("a.yaml");
    workspace.compile();
    assert_eq!((workspace.source("a.yaml"), workspace.findings().len()), (None, 0));
    workspace.put("b.yaml", false, content(Some(PROJECT)));
    assert_eq!(workspace.source("b.yaml"), Some(number));
}

#[test]
fn the_values_of_a_pipeline_and_its_objects_are_those_of_its_text_now() {
    let mut workspace = Workspace::new(options());
    workspace.put("ompipe.yaml", false, content(Some(PROJECT)));
    workspace.put("a.yaml", false, content(Some(&pipeline("a", "shop", "one"))));
    workspace.put(
        "shop.yaml",
        false,
        content(Some(&service("shop", "{secretKeyRef: {name: a, key: b}}"))),
    );
    workspace.compile();
    assert_eq!(workspace.objects_of("a").len(), 2);
    workspace.put("a.yaml", false, content(Some(&pipeline("a", "shop", "two"))));
    workspace.compile();
    let layers = workspace.explain("a").unwrap();
    let values = &layers.last().unwrap().effective;
    let namespace = values.at_route(&["kubernetes", "namespace"]).unwrap();
    assert_eq!(namespace.as_str(), Some("two"));
    assert_eq!(Some(namespace.span.source), workspace.source("a.yaml"));
    assert!(workspace.objects_of("a")[0].text.contains("namespace: two"));
    assert!(workspace.explain("b").is_none());
}

#[test]
fn a_pipeline_that_moves_by_way_of_a_duplicate_is_a_change_of_its_source_alone() {
    let mut inputs = Inputs::default();
    inputs.files.insert("ompipe.yaml", Some(PROJECT.to_owned()));
    inputs.files.insert("shop.yaml", Some(service("shop", "{secretKeyRef: {name: db, key: p}}")));
    inputs.files.insert("a.yaml", Some(pipeline("a", "shop", "one")));
    let mut workspace = inputs.fresh();
    assert_eq!(workspace.changes(), None);
    let mut put = |file, text: Option<&str>| {
        match text {
            Some(text) => workspace.put(file, false, content(Some(text))),
            None => workspace.take_away(file),
        }
        workspace.compile();
        has_errors(&workspace)
    };
    let text = pipeline("a", "shop", "one");
    assert!(put("b.yaml", Some(&text)));
    assert!(!put("b.yaml", None));
    assert!(put("b.yaml", Some(&text)));
    assert!(!put("a.yaml", None));
    let changes = workspace.changes().unwrap();
    assert_eq!((changes.written.len(), changes.removed.len()), (2, 0));
    // Back and forth between two times is no change.
    workspace.put("b.yaml", false, content(Some(&pipeline("a", "shop", "two"))));
    workspace.compile();
    workspace.put("b.yaml", false, content(Some(&text)));
    workspace.compile();
    assert_eq!(workspace.changes(), Some(Changes::default()));
}
