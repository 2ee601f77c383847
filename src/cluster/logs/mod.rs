//! The logs of runs: streamed as they are, or in pages as OpenMetadata has them.
//!
//! In: a run. Out: the bytes of its log, each once, in constant memory. [`source()`] says which pod has
//! it, [`readiness()`] whether there is one yet, [`Place`] how far it was read; [`Chunks`] cuts it into
//! pages, [`task_key`] names them. All of these are pure; [`stream()`] asks the cluster.

mod chunk;
mod place;
mod readiness;
mod source;
mod stream;
mod task;

pub use chunk::{CHUNK_BYTES, Chunks, Page, TooFar, no_log};
pub use place::{Found, Pass, Place};
pub use readiness::{Readiness, readiness};
pub use source::{EXIT_HANDLER_SIDECAR, Of, Source, source};
pub use stream::{End, Failure, Note, Output, Wanted, stream};
pub use task::{task_key, task_key_of_labels};
