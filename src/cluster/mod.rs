//! Pipelines in a cluster: applied, compared, run, followed, ended, examined.
//!
//! In: a [`Connection`], and what was rendered or the [`Pipeline`]s to look at. Out: values for the
//! command line to show. Everything that is decided is a pure function in a module of its own; the
//! requests are a thin shell around it. Nothing here writes to a terminal, and no token, no value
//! of a Secret is in what it returns, errors included. The operator is [`controller`](crate::controller)'s.

pub mod apply;
mod connection;
mod credentials;
mod declared;
pub mod diagnose;
pub mod diff;
pub mod doctor;
mod error;
mod kubeconfig;
mod list;
pub mod logs;
mod namespaces;
mod object;
mod observe;
pub mod observed;
mod pipeline;
mod proxy;
mod retry;
pub mod rights;
pub mod runs;

pub use connection::{Cluster, Connection, Credentials};
pub use declared::Declared;
pub use error::{Cause, Error, Why};
pub use object::{api_of, parsed};
pub use observe::main_pods;
pub use pipeline::Pipeline;
pub(crate) use retry::jittered;
pub use retry::{Patience, is_passing};

/// Who applies, in the objects' managed fields.
pub const FIELD_MANAGER: &str = "ompipe";
