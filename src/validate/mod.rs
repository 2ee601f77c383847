//! Definitions to pipelines: merged, checked, and nothing raw left.

pub mod rules;
