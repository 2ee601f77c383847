//! Schemas in, bundles out: from a jar, a folder or one file, and from what is none of them.

use std::fs;
use std::io::Write;

use ompipe::spec::import::{Error, import};

use super::{crate_root, pydantic_schema, small_schema, spec_jar};

fn zip_of(files: &[(&str, Vec<u8>)]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    let mut writer = zip::ZipWriter::new(file.as_file_mut());
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    file
}

/// The small schema as a jar.
fn small_jar(manifest: &str) -> tempfile::NamedTempFile {
    let mut files = vec![("META-INF/MANIFEST.MF", manifest.as_bytes().to_vec())];
    let names = [
        "metadataIngestion/workflow.json",
        "metadataIngestion/databaseServiceMetadataPipeline.json",
        "entity/services/connections/database/mysqlConnection.json",
        "entity/services/connections/serviceConnection.json",
        "type/basic.json",
    ];
    let inner: Vec<String> = names.iter().map(|name| format!("json/schema/{name}")).collect();
    for (name, inner) in names.iter().zip(&inner) {
        files.push((inner, fs::read(small_schema().join(name)).unwrap()));
    }
    zip_of(&files)
}

#[test]
fn a_checkout_and_a_jar_of_the_same_files_give_the_same_bundle() {
    let folder = import(&small_schema(), Some("1.2.3")).unwrap();
    let jar = import(small_jar("Implementation-Version: 1.2.3\r\n").path(), None).unwrap();
    assert_eq!(jar.version, "1.2.3");
    assert_eq!(folder.text, jar.text);
    assert!(folder.connectors.contains("Mysql"));
    assert!(!folder.text.contains("javaType") && !folder.text.contains("description"));
}

#[test]
fn the_folder_above_the_schemas_will_do_as_well() {
    let above = import(&crate_root().join("tests/spec"), Some("1.2.3")).unwrap();
    assert_eq!(above.text, import(&small_schema(), Some("1.2.3")).unwrap().text);
}

#[test]
fn a_version_that_nothing_states_is_asked_for() {
    assert!(matches!(import(&small_schema(), None), Err(Error::NoVersion { .. })));
    assert!(matches!(import(&small_schema(), Some("../1.2")), Err(Error::BadVersion { .. })));
}

#[test]
fn an_archive_that_swells_beyond_any_schema_is_refused() {
    let zeros = vec![b' '; 65 << 20];
    let bomb = zip_of(&[("json/schema/metadataIngestion/workflow.json", zeros)]);
    assert!(bomb.as_file().metadata().unwrap().len() < 1 << 20);
    assert!(matches!(import(bomb.path(), Some("1.0")), Err(Error::TooLarge { .. })));
}

#[test]
fn what_is_no_schema_is_refused_with_a_reason() {
    let text = |text: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        import(file.path(), Some("1.0")).unwrap_err().to_string()
    };
    assert!(text(b"source: mysql").contains("not JSON"));
    assert!(text(b"[]").contains("not a JSON Schema"));
    assert!(text(b"{\"type\": \"object\"}").contains("no source"));
    assert!(text(b"PK\x03\x04 broken").contains("archive"));
    assert!(text(&[0xff, 0xfe]).contains("UTF-8"));
    assert!(text("[".repeat(100_000).as_bytes()).contains("recursion limit"));
    let other = zip_of(&[("README.md", b"nothing".to_vec())]);
    assert!(matches!(import(other.path(), Some("1.0")), Err(Error::NoWorkflow { .. })));
}

#[test]
fn the_schemas_of_real_versions_are_imported_with_all_their_connectors() {
    if let Some(path) = pydantic_schema() {
        let imported = import(&path, None).unwrap();
        assert_eq!(imported.version, "1.13.6.3");
        assert_eq!(imported.connectors.len(), 132);
    }
    if let Some(path) = spec_jar() {
        let imported = import(&path, None).unwrap();
        assert_eq!(imported.version, "1.4.0");
        assert_eq!(imported.connectors.len(), 85);
    }
}
