//! A bundle in memory.
//!
//! In: the text that [`import`](super::import) wrote. Out: OpenMetadata's schema of one version, ready to check. It
//! reads no file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The largest bundle; that of 1.13.6.3 has 0.25 MB.
const MAX_BYTES: usize = 32 << 20;

/// Why a text is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, or without the parts that a bundle has.
    #[error(
        "the bundle of OpenMetadata's schema cannot be read: {0}; make it anew with `ompipe spec import`"
    )]
    NotBundle(#[from] serde_json::Error),
    /// Larger than a schema can be.
    #[error("the bundle of OpenMetadata's schema is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
}

/// OpenMetadata's schema of the workflow in one version.
#[derive(Debug)]
pub struct Bundle {
    version: String,
}

/// What a bundle says beside the schema itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    open_metadata_version: String,
    #[expect(dead_code, reason = "read by the checks, which follow")]
    connectors: BTreeMap<String, Vec<String>>,
    #[expect(dead_code, reason = "read by the checks, which follow")]
    source_configs: BTreeMap<String, Vec<String>>,
}

impl Bundle {
    /// Reads a bundle.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        if text.len() > MAX_BYTES {
            return Err(BundleError::TooLarge);
        }
        let Written {
            open_metadata_version: version,
            ..
        } = serde_json::from_str(text)?;
        Ok(Self { version })
    }

    /// OpenMetadata's version, `1.13.6.3`.
    pub fn version(&self) -> &str {
        &self.version
    }
}
