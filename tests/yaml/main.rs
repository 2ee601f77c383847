//! The YAML reader and writer against the readers that their texts meet: PyYAML and Go's
//! sigs.k8s.io/yaml.
//!
//! What belongs here: properties that hold for any tree or any text, and comparisons with the real
//! readers. Cases with a known answer stand beside the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod agreement;
mod readers;
mod robustness;
mod roundtrip;
mod saphyr;
mod scalars;
mod strategies;
