//! What a pipeline is made of once it is checked: types that cannot hold a wrong value.
//!
//! In: texts and numbers of a definition. Out: newtypes, each built only by its own `parse`, with
//! the source of its rule. Nothing here does I/O or knows a clock.

pub(crate) mod dns;
mod entity;
pub(crate) mod environment;
mod image;
mod label;
pub mod labels;
mod names;
mod newtype;
mod parameters;
mod pipeline;
mod placement;
mod quantity;
mod refusal;
mod resources;
pub mod schedule;
pub mod secret_reference;
mod secret_way;
mod time_zone;

pub use dns::{Namespace, SecretKey, SecretName, ServiceAccountName};
pub use entity::EntityKind;
pub use environment::{EnvName, EnvValue, EnvVariable};
pub use image::ImageReference;
pub use label::{LabelKey, LabelValue};
pub use names::{ObjectNames, PipelineName, ServiceName, entity_run, fully_qualified_name};
pub use parameters::Parameters;
pub use pipeline::{Pipeline, Places, Work};
pub use placement::{Annotations, Effect, NodeSelector, Operator, Toleration};
pub use quantity::Quantity;
pub use refusal::Refusal;
pub use resources::Resources;
pub use schedule::Schedule;
pub use secret_way::{ExternalStore, RemoteRef, SecretWay};
pub use time_zone::TimeZone;
