//! ompipe renders small pipeline definitions to the Kubernetes objects that run OpenMetadata
//! ingestion.
#![warn(missing_docs)]

pub mod calendar;
pub mod compile;
#[cfg(feature = "controller")]
pub mod controller;
pub mod definition;
pub mod diagnostic;
pub mod difference;
pub mod environment;
pub mod function;
pub mod graph;
pub mod import;
#[cfg(feature = "lsp")]
pub mod language;
pub mod manifest;
pub mod model;
pub mod output;
pub mod project;
pub mod render;
pub mod schema;
pub mod source;
pub mod spec;
pub mod spread;
pub mod survey;
pub mod tree;
pub mod validate;
pub mod workspace;
pub mod yaml;
