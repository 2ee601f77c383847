//! The logs of runs: streamed as they are, or in pages as OpenMetadata has them.
//!
//! In: a pod. Out: the bytes of its log, each once, in constant memory. [`place`] knows how far a log was
//! read, [`readiness`] whether there is one yet, [`chunk`] cuts it into pages, [`task`] names them;
//! all four are pure. [`stream`] asks the cluster.

mod chunk;
mod place;
mod readiness;
mod stream;
mod task;

pub use chunk::{CHUNK_BYTES, Chunks, Page, TooFar, no_log};
pub use place::{Found, Pass, Place};
pub use readiness::{Readiness, readiness};
pub use stream::{End, Failure, Note, Wanted, stream};
pub use task::{task_key, task_key_of_label};
