//! `ompipe import`: OpenMetadata's plain workflow files → a project that renders as it stands.
//!
//! In: files as `metadata ingest -c` takes them, read as PyYAML reads them ([`read()`]). Out: the
//! texts of a project ([`convert()`]), a [`Report`] of what its owner has to do, and the files
//! ([`write()`]). A rendered pipeline of the project holds the workflow as it was; where that
//! cannot be, the report says so. No secret value is written.

mod convert;
mod definitions;
mod kind;
mod layers;
mod lift;
mod names;
mod read;
mod report;
mod secrets;
mod services;
mod write;

pub use convert::{Conversion, Options, OutputFile, convert};
pub use lift::{Secret, SecretKey};
pub use read::{Input, Inputs, ReadError, read};
pub use report::{Note, Report, Skipped};
pub use write::{WriteError, write};
