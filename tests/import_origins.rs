//! Imports what others keep of pipelines: exports of OpenMetadata's server, objects that its
//! Kubernetes client made in a cluster, DAGs. What belongs here: the way from such files to a project that
//! validates, what it renders to, and the report of what did not come along. The files in
//! `tests/import/` are written for this, in the form of the real ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ompipe::diagnostic::Diagnostics;
use ompipe::tree::SourceId;
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(path: &str) -> PathBuf {
    root().join("tests/import").join(path)
}

fn ompipe(arguments: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).args(paths).env_clear().output().unwrap()
}

/// A project that was imported, with the report of it.
struct Imported {
    folder: TempDir,
    report: String,
}

impl Imported {
    fn of(paths: &[&str]) -> Self {
        let paths: Vec<PathBuf> = paths.iter().map(|path| fixture(path)).collect();
        Self::of_paths(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    fn of_paths(paths: &[&Path]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("imported");
        let output = ompipe(&["import", "-o", project.to_str().unwrap()], paths);
        let report = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{report}");
        Self { folder, report }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("imported")
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.project().join(path)).unwrap()
    }

    /// What `ompipe validate` says of it: nothing is wrong, or what is.
    fn validate(&self) -> String {
        let output = ompipe(&["validate", "--strict"], &[&self.project()]);
        format!(
            "{}{}",
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap()
        )
    }

    fn says(&self, part: &str) -> bool {
        self.report.contains(part)
    }
}

const SERVER: &str = "server";

#[test]
fn an_export_of_the_server_becomes_a_project_that_validates() {
    let imported = Imported::of(&[SERVER]);
    assert!(imported.says("imported 10 pipelines and 2 services"), "{}", imported.report);
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
    let metadata = imported.text("pipelines/orders-db-metadata-kd3x.yaml");
    for line in [
        "  service: orders_db\n",
        "  schedule: 0 2 * * *\n",
        "  timeZone: UTC\n",
        "  description: Tables of the shop, every night.\n",
        "    ingestionPipelineFQN: orders_db.orders_db_metadata_kD3x\n",
    ] {
        assert!(metadata.contains(line), "{line}: {metadata}");
    }
    assert!(imported.text("pipelines/orders-db-lineage-c3d4.yaml").contains("  enabled: false\n"));
    assert!(imported.text("ompipe.yaml").contains("    backoffLimit: 0\n"), "all but one say it");
    let usage = imported.text("pipelines/orders-db-usage-a1b2.yaml");
    assert!(usage.contains("  kubernetes:\n    backoffLimit: 2\n"), "{usage}");
}

#[test]
fn what_an_export_masks_or_encrypts_is_a_secret_to_create() {
    let imported = Imported::of(&[SERVER]);
    let service = imported.text("services/orders-db.yaml");
    for key in ["password", "caCertificate"] {
        assert!(service.contains(&format!("name: orders-db\n{}key: {key}\n", " ".repeat(12))));
    }
    assert!(imported.says("openmetadata-bot\n    jwtToken: "), "{}", imported.report);
    assert!(imported.says("(masked or encrypted: ask who knows it)"));
    let place = "databaseServices.json: orders_db: connection.config.authType.password (masked";
    assert!(imported.says(place), "as the export has it: {}", imported.report);
    let everything = format!("{service}{}", imported.report);
    assert!(!everything.contains("****") && !everything.contains("fernet"), "{everything}");
}

#[test]
fn what_has_no_counterpart_is_reported_by_name_and_pipeline() {
    let imported = Imported::of(&[SERVER]);
    for note in [
        "  all pipelines: airflowConfig.startDate is left out",
        "\"reports.bi\".reports_metadata: airflowConfig.email is left out",
        "orders_db.orders_db_metadata_kD3x: owners is left out",
        "orders_db.orders_db_metadata_kD3x: displayName is left out",
        "OpenMetadata.AutoTagger: applicationType is left out",
        "orders_db.orders_db_old: it is deleted in OpenMetadata",
        "orders_db.orders_db_classify_g7H8: it has no schedule",
        "archive: no pipeline ingests from it",
    ] {
        assert!(imported.says(note), "{note}: {}", imported.report);
    }
    assert!(!imported.says("retryDelay"), "nobody chose it: {}", imported.report);
}

#[test]
fn pages_are_one_export_and_a_missing_one_is_told() {
    let both = Imported::of(&["server/pipelines-1.json", "server/pipelines-2.json"]);
    assert!(!both.says("other pages"), "{}", both.report);
    let reversed = Imported::of(&["server/pipelines-2.json", "server/pipelines-1.json"]);
    assert_eq!(both.report, reversed.report);
    let one = Imported::of(&["server/pipelines-1.json"]);
    let told = "the server has 11 pipelines, and the export holds 5: get the other pages too";
    assert!(one.says(told), "{}", one.report);
}

#[test]
fn without_the_export_of_services_only_their_connectors_are_left_to_write() {
    let imported = Imported::of(&["server/pipelines-1.json"]);
    assert!(imported.says("services/orders-db.yaml: `type` is empty"), "{}", imported.report);
    let found = imported.validate();
    assert!(found.contains("services/orders-db.yaml:") && found.contains("1 error"), "{found}");
    let path = imported.project().join("services/orders-db.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("connection:"), "OpenMetadata's own record is used: {text}");
    fs::write(path, text.replace("type: ''", "type: postgres")).unwrap();
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
}

#[test]
fn a_single_entity_and_a_bare_list_are_read_like_a_page() {
    let page: Value =
        serde_json::from_str(&fs::read_to_string(fixture("server/pipelines-1.json")).unwrap())
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (single, list) = (folder.path().join("single.json"), folder.path().join("list.json"));
    fs::write(&single, page["data"][0].to_string()).unwrap();
    fs::write(&list, json!([page["data"][0], page["data"][1]]).to_string()).unwrap();
    let imported = Imported::of_paths(&[&single, &list]);
    assert!(
        imported.says("imported 2 pipelines and 1 service\n"),
        "alike is one: {}",
        imported.report
    );
}

#[test]
fn a_file_of_openmetadatas_airflow_brings_its_server_and_its_token_is_lifted() {
    let page: Value =
        serde_json::from_str(&fs::read_to_string(fixture("server/pipelines-1.json")).unwrap())
            .unwrap();
    let mut entity = page["data"][0].clone();
    entity["openMetadataServerConnection"] = json!({
        "clusterName": "openmetadata", "type": "OpenMetadata", "hostPort": "http://server:8585/api",
        "authProvider": "openmetadata", "securityConfig": {"jwtToken": "a-token-in-plain-text"},
        "sslConfig": null,
    });
    entity["domains"] = Value::Null;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders_db_metadata_kD3x.json");
    fs::write(&file, entity.to_string()).unwrap();
    let imported = Imported::of_paths(&[&file, &fixture("server/databaseServices.json")]);
    let project = imported.text("ompipe.yaml");
    assert!(project.contains("hostPort: http://server:8585/api"), "{project}");
    assert!(!project.contains("null") && !project.contains("plain-text"), "{project}");
    assert!(
        imported
            .says("kD3x.json: orders_db.orders_db_metadata_kD3x: openMetadataServerConnection.")
    );
    assert!(!imported.says("plain-text") && !imported.says("the export does not say how"));
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
}

const CLUSTER: &str = "cluster";

#[test]
fn the_objects_of_a_cluster_become_a_project_that_validates() {
    let imported = Imported::of(&[CLUSTER]);
    assert!(imported.says("imported 4 pipelines and 1 service\n"), "{}", imported.report);
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
    let project = imported.text("ompipe.yaml");
    for line in [
        "    ingestionImage: docker.getcollate.io/openmetadata/ingestion:1.13.6\n",
        "    - registry\n",
        "      workload: ingestion\n",
    ] {
        assert!(project.contains(line), "all pods have it: {line}: {project}");
    }
    let lineage = imported.text("pipelines/orders-db-lineage-c3d4.yaml");
    for line in [
        "  schedule: 0 5 * * 0\n",
        "  timeZone: Europe/Berlin\n",
        "  enabled: false\n",
        "    backoffLimit: 0\n",
        "      priorityClassName: batch\n",
        "        volumeMounts:\n",
    ] {
        assert!(lineage.contains(line), "{line}: {lineage}");
    }
    let usage = imported.text("pipelines/orders-db-usage-a1b2.yaml");
    assert!(usage.contains("    useOMJobOperator: true\n"), "{usage}");
    for note in [
        "orders-db-profiler-e5f6: it has no schedule",
        "its annotation `team` is left out",
        "spec.jobTemplate.spec.podFailurePolicy is left out",
        "ompipe adds what the CronOMJob leaves out: activeDeadlineSeconds: 7200, backoffLimit: 3",
        "1 ConfigMap, 1 Job, 1 Pod, 1 Secret: not of a pipeline's definition, passed over",
    ] {
        assert!(imported.says(note), "{note}: {}", imported.report);
    }
}

#[test]
fn no_secret_of_a_cluster_is_written_or_reported() {
    let imported = Imported::of(&[CLUSTER]);
    let texts =
        files(&imported.project()).into_iter().map(|path| fs::read_to_string(path).unwrap());
    let everything: String = texts.chain([imported.report.clone()]).collect();
    for secret in ["shop-Passw0rd-plain", "token-in-plain-text", "eyJraWQi", "bm90aGluZy"] {
        assert!(!everything.contains(secret), "{secret}");
    }
    for key in ["WAREHOUSE_TOKEN: ", "jwtToken: ", "password: "] {
        assert!(imported.says(&format!("\n    {key}")), "{key}: {}", imported.report);
    }
}

#[test]
fn the_same_objects_on_standard_input_and_in_any_order_give_the_same_project() {
    let paths = ["cluster/cronjobs.yaml", "cluster/cronomjobs.json"];
    let (one, other) = (Imported::of(&paths), Imported::of(&[paths[1], paths[0]]));
    assert_eq!(one.report, other.report);
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("imported");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(["import", "-", "-o"]).arg(&project).arg(fixture(paths[1]));
    let input = fs::File::open(fixture(paths[0])).unwrap();
    assert!(command.stdin(input).output().unwrap().status.success());
    for path in files(&one.project()) {
        let name = path.strip_prefix(one.project()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::read_to_string(project.join(name)).unwrap(), text, "{}", name.display());
        assert_eq!(fs::read_to_string(other.project().join(name)).unwrap(), text);
    }
}

/// What an imported object is rendered with otherwise than it was, by a part of the way to it. It is
/// the list of `docs/import.md`; all else has to be equal.
const DIFFERENCES: [&str; 32] = [
    // The API server's and kubectl's own.
    "/status/",
    "/metadata/creationTimestamp",
    "/metadata/generation",
    "/metadata/managedFields/",
    "/metadata/resourceVersion",
    "/metadata/uid",
    "/metadata/annotations/kubectl.kubernetes.io/",
    "/dnsPolicy",
    "/schedulerName",
    "/serviceAccount",
    "/terminationMessagePath",
    "/terminationMessagePolicy",
    // Secrets as references, and the launcher that puts them in place.
    "/jwtToken",
    "/password",
    "/data/launcher.py",
    "/command/",
    "/env/OMPIPE_",
    "/env/WAREHOUSE_TOKEN/value",
    // The run and its exit handler.
    "/env/jobName/",
    "/env/namespace/",
    "/env/pipelineRunId/",
    "/env/pipelineStatus/",
    "/exitHandlerSpec/env/pipelineType/",
    "/lifecycle/preStop/",
    "/annotations/pipelines.openmetadata.org/config-hash",
    // Pods as ompipe hardens them.
    "/seccompProfile/type",
    "/containers/main/securityContext/runAsUser",
    // What OpenMetadata's values by themselves are.
    "/config/enableStreamableLogs",
    "/config/workflowConfig/",
    // What the report says.
    "/metadata/annotations/team",
    "/spec/jobTemplate/spec/podFailurePolicy/",
    "/exitHandlerSpec/imagePullSecrets/",
];

/// The same, of CronOMJobs alone, which OpenMetadata's have no field for.
const DIFFERENCES_OF_CRON_OM_JOBS: [&str; 5] = [
    "/metadata/annotations/prometheus.io/scrape",
    "/omJobSpec/activeDeadlineSeconds",
    "/omJobSpec/backoffLimit",
    "/spec/concurrencyPolicy",
    "/mainPodSpec/terminationGracePeriodSeconds",
];

#[test]
fn an_imported_object_is_rendered_as_it_was_but_for_what_the_documentation_lists() {
    let imported = Imported::of(&[CLUSTER]);
    let rendered = imported.folder.path().join("rendered");
    let output = ompipe(&["render", "-o", rendered.to_str().unwrap()], &[&imported.project()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = objects(&files(&rendered));
    let before = objects(&[fixture("cluster/cronjobs.yaml"), fixture("cluster/cronomjobs.json")]);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut compared = 0;
    for (identity, before) in &before {
        let Some(now) = now.get(identity) else { continue };
        compared += 1;
        for way in before.keys().chain(now.keys()).filter(|way| before.get(*way) != now.get(*way)) {
            let known = DIFFERENCES.iter().chain(&DIFFERENCES_OF_CRON_OM_JOBS);
            let mut known = known.filter(|part| way.contains(*part)).peekable();
            let (was, is) = (before.get(way), now.get(way));
            assert!(known.peek().is_some(), "{identity} {way}: {was:?} became {is:?}");
            seen.extend(known);
        }
    }
    assert_eq!(compared, 7, "four ConfigMaps, two CronJobs, one CronOMJob");
    for part in DIFFERENCES.iter().chain(&DIFFERENCES_OF_CRON_OM_JOBS) {
        assert!(seen.contains(part), "{part} is no difference any more");
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path())),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// The leaves of objects by their ways, by the objects' kinds and names.
fn objects(files: &[PathBuf]) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut objects = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end != "lock")) {
        for document in documents(&fs::read_to_string(file).unwrap()) {
            let items = match document["items"].as_array() {
                Some(items) => items.clone(),
                None => vec![document],
            };
            for mut object in items {
                let identity = format!("{} {}", object["kind"], object["metadata"]["name"]);
                if let Some(config) = object["data"]["config"].as_str().map(documents) {
                    object["data"]["config"] = config[0].clone();
                }
                let mut leaves = BTreeMap::new();
                flatten(&object, String::new(), &mut leaves);
                objects.insert(identity, leaves);
            }
        }
    }
    objects
}

fn documents(text: &str) -> Vec<Value> {
    let mut found = Diagnostics::default();
    let nodes = yaml::read(SourceId::NONE, text, Dialect::PyYaml, &mut found);
    assert!(found.is_empty(), "{found:?}");
    nodes.iter().map(Value::from).collect()
}

/// The leaves under a value; items with a name go by that.
fn flatten(value: &Value, way: String, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                flatten(value, format!("{way}/{key}"), leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                let name = item["name"].as_str().map_or(position.to_string(), str::to_owned);
                flatten(item, format!("{way}/{name}"), leaves);
            }
        }
        leaf => {
            leaves.insert(way, leaf.clone());
        }
    }
}

#[test]
fn a_dag_with_a_workflow_in_a_text_becomes_a_scheduled_pipeline() {
    let imported = Imported::of(&["airflow"]);
    assert!(imported.says("imported 1 pipeline and 1 service\n"), "{}", imported.report);
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
    let pipeline = imported.text("pipelines/orders-metadata.yaml");
    for line in [
        "  schedule: 0 2 * * *\n",
        "  timeZone: Europe/Zurich\n",
        "  description: Tables of the orders database\n",
        "  service: orders\n",
    ] {
        assert!(pipeline.contains(line), "{line}: {pipeline}");
    }
    for note in [
        "orders_dag.py:10: its DAG's `default_args` is left out",
        "orders_dag.py:10: line 38 changes the workflow when it runs",
        "computed_dag.py: its text is put together when it runs (an f-string",
        "dict_dag.py: its workflow is no text",
        "generated_dag.py: OpenMetadata generated it",
    ] {
        assert!(imported.says(note), "{note}: {}", imported.report);
    }
    assert!(!imported.says("other.py"), "it has nothing to do with ingestion");
    let texts =
        files(&imported.project()).into_iter().map(|path| fs::read_to_string(path).unwrap());
    let everything: String = texts.chain([imported.report]).collect();
    assert!(!everything.contains("-plain"), "no secret is written or reported");
}

#[test]
fn a_dag_that_is_named_and_holds_no_text_is_an_error_that_says_why() {
    let file = fixture("airflow/computed_dag.py");
    let output = ompipe(&["import", "-o", "/nowhere"], &[&file]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("holds nothing to import: its text is put together"), "{message}");
}

#[test]
fn all_origins_are_imported_into_one_project_at_once() {
    let imported = Imported::of(&["workflows", "airflow", "cluster/cronjobs.yaml"]);
    assert!(imported.says("imported 9 pipelines"), "{}", imported.report);
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
    let both = [fixture("cluster"), fixture(SERVER)];
    let output = ompipe(&["import", "-o", "/nowhere"], &[&both[0], &both[1]]);
    let found = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "a pipeline that two origins tell otherwise: {found}"
    );
    assert!(found.contains("4 errors") && found.contains("OMP0721"), "{found}");
}

#[test]
fn pipelines_of_several_namespaces_keep_theirs() {
    let one = fixture("cluster/cronomjobs.json");
    let text = fs::read_to_string(&one).unwrap();
    let other = text.replace("openmetadata-pipelines", "elsewhere");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere.json");
    fs::write(&path, other.replace("orders_db_usage", "orders_db_other")).unwrap();
    let imported = Imported::of_paths(&[&one, &path]);
    assert!(imported.says("needs its Secrets: elsewhere, openmetadata-pipelines"));
    let first = imported.text("pipelines/orders-db-usage-a1b2.yaml");
    assert!(first.contains("    namespace: elsewhere\n"), "{first}");
    let second = imported.text("pipelines/openmetadata-pipelines-orders-db-usage-a1b2.yaml");
    assert!(!second.contains("namespace:"), "it is the default: {second}");
}
