//! ompipe renders small pipeline definitions to the Kubernetes objects that run OpenMetadata
//! ingestion, and sees to them in a cluster.
//!
//! ```text
//! files ─ project ─▶ yaml ─▶ definition ─▶ environment ─▶ validate ─▶ model ─▶ render ─▶ manifest ─▶ yaml ─▶ output
//!                     └──────────────────── diagnostic ◀────────────────────────┘
//! ```
//!
//! [`workspace`] goes that way for a whole project, [`compile`] for one pipeline. What else looks at
//! a project builds on them: [`language`] for editors, [`function`] for kustomize, [`difference`],
//! [`calendar`], [`spread`] and [`graph`] for people. [`import`] makes a project of what there is
//! already; [`controller`] is the operator. ARCHITECTURE.md has the map and the invariants.

pub mod calendar;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod compile;
#[cfg(feature = "cluster")]
pub mod controller;
#[cfg(feature = "cluster")]
pub mod crd;
pub mod definition;
pub mod diagnostic;
pub mod difference;
pub mod environment;
#[cfg(feature = "cluster")]
pub mod exit_handler;
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
