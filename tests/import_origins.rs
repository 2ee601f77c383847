//! Imports what others keep of pipelines: exports of OpenMetadata's server. What belongs here: the
//! way from such files to a project that validates, and the report of what did not come along. The
//! files in `tests/import/` are written for this, in the form of the real ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        std::fs::read_to_string(self.project().join(path)).unwrap()
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
    assert!(imported.says("(masked or encrypted there: ask who knows it)"));
    let everything = format!("{service}{}", imported.report);
    assert!(!everything.contains("****") && !everything.contains("fernet"), "{everything}");
}

#[test]
fn what_has_no_counterpart_is_reported_by_name_and_pipeline() {
    let imported = Imported::of(&[SERVER]);
    for note in [
        "10 times: airflowConfig.startDate is left out",
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
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("connection:"), "OpenMetadata's own record is used: {text}");
    std::fs::write(path, text.replace("type: ''", "type: postgres")).unwrap();
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
}

#[test]
fn a_single_entity_and_a_bare_list_are_read_like_a_page() {
    let page: Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("server/pipelines-1.json")).unwrap())
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (single, list) = (folder.path().join("single.json"), folder.path().join("list.json"));
    std::fs::write(&single, page["data"][0].to_string()).unwrap();
    std::fs::write(&list, json!([page["data"][0], page["data"][1]]).to_string()).unwrap();
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
        serde_json::from_str(&std::fs::read_to_string(fixture("server/pipelines-1.json")).unwrap())
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
    std::fs::write(&file, entity.to_string()).unwrap();
    let imported = Imported::of_paths(&[&file, &fixture("server/databaseServices.json")]);
    let project = imported.text("ompipe.yaml");
    assert!(project.contains("hostPort: http://server:8585/api"), "{project}");
    assert!(!project.contains("null") && !project.contains("plain-text"), "{project}");
    assert!(imported.says("kD3x.json: orders_db.orders_db_metadata_kD3x: workflowConfig."));
    assert!(!imported.says("plain-text") && !imported.says("the export does not say how"));
    assert!(imported.validate().contains("nothing is wrong"), "{}", imported.validate());
}
