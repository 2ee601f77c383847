//! OpenMetadata's labels, on every object and pod of a pipeline, by which its objects are found
//! again.

/// What the object belongs to: [`OPENMETADATA`].
pub const NAME: &str = "app.kubernetes.io/name";
/// What it is part of: `ingestion`, `automation` or `application`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Who sees to it: [`OPENMETADATA`], on pods of the Java operator `omjob-operator`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The pipeline, by [`ObjectNames::label`](super::ObjectNames::label).
pub const PIPELINE: &str = "app.kubernetes.io/pipeline";
/// What the pipeline does, in lower case.
pub const PIPELINE_TYPE: &str = "app.kubernetes.io/pipeline-type";
/// The application that is run, by [`ObjectNames::label`](super::ObjectNames::label).
pub const APP_NAME: &str = "app.kubernetes.io/app-name";
/// The id of the run, on what belongs to a single one.
pub const RUN_ID: &str = "app.kubernetes.io/run-id";

/// The value of [`NAME`] and [`MANAGED_BY`].
pub const OPENMETADATA: &str = "openmetadata";
