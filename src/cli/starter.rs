//! What a new project holds for editors: the schema, where its files name it.

use ompipe::definition::schema_files;

/// Where the schema lies, from the project's folder.
pub(crate) const SCHEMA: &str = ".ompipe/schema.json";

/// The schema of a definition of any kind.
pub(crate) fn schema() -> String {
    let files = schema_files();
    files
        .into_iter()
        .find(|file| file.name == "ompipe.json")
        .map(|file| file.text)
        .unwrap_or_default()
}
