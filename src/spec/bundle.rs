//! A bundle in memory.
//!
//! In: the text that [`import`](super::import) wrote, then effective workflows. Out: what in them
//! does not agree with OpenMetadata's schema of that version, and which of their leaves are secret.
//! It reads no file.

use serde_json::Value;

use super::secrets::WorkflowSecrets;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::secret_reference::stands_for_secret;
use crate::schema::{Schema, Words};
use crate::tree::Node;

/// The largest bundle; that of 1.13.6.3 has 0.25 MB.
const MAX_BYTES: usize = 32 << 20;

/// Where a workflow's configuration may be of many classes, which `type` tells apart.
const TYPED: [[&str; 3]; 2] =
    [["source", "serviceConnection", "config"], ["source", "sourceConfig", "config"]];

/// What an application's file has, or an entity, and no workflow.
const NO_WORKFLOW: [&str; 2] = ["sourcePythonClass", "openMetadataServerConnection"];

/// Where these have what a workflow has elsewhere.
const PARTS: [(&[&str], &[&str]); 3] = [
    (&["workflowConfig"], &["workflowConfig"]),
    (&["openMetadataServerConnection"], &["workflowConfig", "openMetadataServerConfig"]),
    (&["request", "connection"], &["source", "serviceConnection"]),
];

/// Why a text is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not JSON.
    #[error(
        "the bundle of OpenMetadata's schema is not JSON: {0}; make it anew with `ompipe spec import`"
    )]
    NotJson(#[from] serde_json::Error),
    /// Some other JSON.
    #[error(
        "it has no `openMetadataVersion`: it is no bundle of OpenMetadata's schema, which `ompipe spec import` makes"
    )]
    NotBundle,
    /// Larger than a schema can be.
    #[error("the bundle of OpenMetadata's schema is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    /// A schema that cannot be checked against.
    #[error(transparent)]
    Schema(#[from] crate::schema::Error),
}

/// OpenMetadata's schema of the workflow in one version.
#[derive(Debug)]
pub struct Bundle {
    version: String,
    schema: Schema,
    words: Words,
}

impl Bundle {
    /// Reads a bundle.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        if text.len() > MAX_BYTES {
            return Err(BundleError::TooLarge);
        }
        let bundle: Value = serde_json::from_str(text)?;
        let version = bundle["openMetadataVersion"].as_str().ok_or(BundleError::NotBundle)?;
        Ok(Self {
            version: version.to_owned(),
            schema: Schema::from_json(&bundle)?,
            words: words(version),
        })
    }

    /// OpenMetadata's version, `1.13.6.3`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Checks an effective workflow: the connection and the source config against exactly the
    /// classes that their `type` names, all else against the workflow's own schema.
    pub fn check_workflow(&self, workflow: &Node, found: &mut Diagnostics) {
        let Some(parts) = self.parts(workflow) else {
            let mut own = Diagnostics::default();
            self.schema.check(self.schema.root(), workflow, &self.words, &mut own);
            if !own.has_errors() {
                self.warn_of_missing_types(workflow, &mut own);
            }
            found.append(own);
            return;
        };
        for (id, part) in parts {
            self.schema.check(id, part, &self.words, found);
        }
    }

    /// The secret fields of a workflow, for the rule that none is written literally.
    pub fn secret_fields<'n>(&self, workflow: &'n Node) -> WorkflowSecrets<'n> {
        WorkflowSecrets::of(workflow, self)
    }

    /// Calls a function with each leaf of a workflow that is secret: `format: password` in the
    /// schema.
    pub fn secrets<'n>(&self, workflow: &'n Node, secret: &mut dyn FnMut(&'n Node)) {
        match self.parts(workflow) {
            None => self.schema.secrets(self.schema.root(), workflow, &self.words, secret),
            Some(parts) => {
                for (id, part) in parts {
                    self.schema.secrets(id, part, &self.words, secret);
                }
            }
        }
    }

    /// The parts of an application's file, or of an entity that is run once, that are a workflow's
    /// too; `None` for a workflow. What else an application takes is its own to say, in a schema
    /// that only its class knows.
    fn parts<'n>(&self, workflow: &'n Node) -> Option<Vec<(crate::schema::TypeId, &'n Node)>> {
        let has = |key: &&str| workflow.get(key).is_some();
        if has(&"source") || !NO_WORKFLOW.iter().any(has) {
            return None;
        }
        let parts = PARTS.iter().filter_map(|(route, of_workflow)| {
            let part = workflow.at_route(route)?;
            let property = |id, step: &&str| self.schema.property(id, step);
            Some((of_workflow.iter().try_fold(self.schema.root(), property)?, part))
        });
        Some(parts.collect())
    }

    fn warn_of_missing_types(&self, workflow: &Node, found: &mut Diagnostics) {
        for route in TYPED {
            let Some(config) = workflow.at_route(&route) else {
                continue;
            };
            let first = config.as_mapping().and_then(|entries| entries.iter().next());
            let (Some(first), None) = (first, config.get("type")) else {
                continue;
            };
            let text = format!("`{}` does not say its `type`", route.join("."));
            found.push(
                Diagnostic::warning(&code::SPEC_NO_TYPE, first.key_span, text)
                    .with_route(route.join("."))
                    .with_note(format!(
                        "OpenMetadata {} takes a class that happens to fit",
                        self.version
                    ))
                    .with_help("add `type`"),
            );
        }
    }
}

fn words(version: &str) -> Words {
    Words {
        unknown_field: &code::SPEC_UNKNOWN_FIELD,
        wrong_type: &code::SPEC_TYPE,
        missing_field: &code::SPEC_MISSING_FIELD,
        wrong_value: &code::SPEC_VALUE,
        out_of_range: &code::SPEC_RANGE,
        wrong_form: Some(&code::SPEC_FORMAT),
        schema_of: format!("OpenMetadata {version}"),
        names: true,
        converts: true,
        stands_for_scalar: stands_for_secret,
    }
}
