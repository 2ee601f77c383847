//! The definition kinds as written: what people put into YAML files, as types with schemas.
//!
//! In: documents as nodes, from any number of files. Out: [`Definitions`], the typed definitions
//! that agree with the schema of their kind, each with its node; what does not agree is a finding.
//! What the values mean together (references, schedules, merged workflows) is decided by
//! `validate`.

mod as_node;
pub mod defaults;
pub mod deserialize;
mod encrypted;
pub mod environments;
mod free_form;
mod json_schema;
mod kinds;
pub mod parameters;
mod parse;
mod pipeline_type;
pub mod secrets;
pub mod written;

pub use as_node::AsNode;
pub use encrypted::{CIPHER, EncryptedFile, EncryptedSecret, Encryption, encrypted_file};
pub use json_schema::{SchemaFile, catalogue_files, in_catalogue, schema, schema_files};
pub use kinds::{
    Annotations, Definition, IngestionPipeline, IngestionPipelineSpec, IngestionProject,
    IngestionProjectSpec, Labels, Metadata, ServiceConnection, ServiceConnectionSpec,
};
pub use parse::{Broken, Definitions, is_foreign, parse, parse_as};
pub use pipeline_type::PipelineType;

/// The group and version that the kinds belong to.
pub const API_VERSION: &str = "pipelines.openmetadata.org/v1alpha1";

/// A kind of definition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// What all pipelines of a project have in common; one per project.
    IngestionProject,
    /// A service and how to reach it.
    ServiceConnection,
    /// A pipeline.
    IngestionPipeline,
}

impl Kind {
    /// All kinds, in the order in which they build on each other.
    pub const ALL: [Kind; 3] =
        [Self::IngestionProject, Self::ServiceConnection, Self::IngestionPipeline];

    /// The name, the value of `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IngestionProject => "IngestionProject",
            Self::ServiceConnection => "ServiceConnection",
            Self::IngestionPipeline => "IngestionPipeline",
        }
    }

    /// The kind of a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
