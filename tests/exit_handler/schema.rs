//! OpenMetadata's published schema of a pipeline status, from the jar of its schema files: that of
//! `$OMPIPE_SPEC_JAR`, or in Maven's own folder.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::LazyLock;

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::{Value, json};

/// Where the schema files say that they are.
const BASE: &str = "https://open-metadata.org/schema/";

/// What a status is made of. Other definitions of the same files refer to files that the jar lacks.
const OF_A_STATUS: [&str; 5] =
    ["pipelineStatus", "timestamp", "ingestionStatus", "stepSummary", "stackTraceError"];

static STATUS: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let jar = jar()?;
    let status =
        "entity/services/ingestionPipelines/ingestionPipeline.json#/definitions/pipelineStatus";
    let schema = json!({"$ref": format!("{BASE}{status}")});
    Some(jsonschema::options().with_retriever(Jar(jar)).build(&schema).unwrap())
});

/// What is wrong with a status by the published schema; `None` also where that is not there.
pub(crate) fn errors(status: &Value) -> Option<String> {
    let errors: Vec<String> =
        STATUS.as_ref()?.iter_errors(status).map(|error| error.to_string()).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// The jar, if it is there. In CI it must be.
pub(crate) fn jar() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let inner =
        ".m2/repository/org/open-metadata/openmetadata-spec/1.4.0/openmetadata-spec-1.4.0.jar";
    let jar = std::env::var_os("OMPIPE_SPEC_JAR").map_or(home.join(inner), PathBuf::from);
    if !jar.exists() {
        assert!(std::env::var_os("CI").is_none(), "OMPIPE_SPEC_JAR is needed where CI is set");
        return None;
    }
    Some(jar)
}

struct Jar(PathBuf);

impl Retrieve for Jar {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let path = uri.as_str().strip_prefix(BASE).ok_or_else(|| format!("{uri} is elsewhere"))?;
        let mut archive = zip::ZipArchive::new(File::open(&self.0)?)?;
        let file = archive.by_name(&format!("json/schema/{path}"))?;
        let mut schema: Value = serde_json::from_reader(file)?;
        let mut definitions = schema["definitions"].take();
        definitions.as_object_mut().unwrap().retain(|name, _| OF_A_STATUS.contains(&name.as_str()));
        Ok(json!({"$schema": schema["$schema"], "definitions": definitions}))
    }
}
