//! `ompipe import`: what people have → a project that renders as it stands.
//!
//! In: workflow files as `metadata ingest -c` takes them, exports of OpenMetadata's server, objects
//! of a cluster and Airflow DAGs ([`read()`]). Out: the texts of a project ([`convert()`]), a [`Report`] of what its owner has to
//! do, and the files ([`write()`]). A rendered pipeline of the project holds the workflow as it
//! was; where that cannot be, the report says so. No secret value is written.
//!
//! Each `origin` makes `draft`s of what it recognises; all that follows knows drafts alone.

mod convert;
mod definitions;
mod draft;
mod kind;
mod layers;
mod lift;
mod names;
mod origin;
mod parameters;
mod read;
mod report;
mod secrets;
mod services;
mod variables;
mod write;

pub use convert::{Conversion, Options, OutputFile, convert};
pub use lift::{Secret, SecretKey};
pub use origin::{Found, Input};
pub use read::{ReadError, read};
pub use report::{Note, Report, Skipped};
pub use write::{WriteError, write};
