//! Silences: those beside the rules, and those that were set at run time.

use std::collections::BTreeMap;

use bytes::Bytes;
use fluo_rules::silence::Silence;
use fluo_store::{Root, StoreError, Version};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// Where the silences of the run time lie below the root of the store.
pub const LOCATION: &str = "state/silences.json";

/// Name and version of that object's format.
pub const SCHEMA: &str = "fluo.silences/v1";

/// Silences that are in force together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Silences(pub Vec<Silence>);

impl Silences {
    /// The silence that covers an alert with these labels at a moment, by its id or its comment.
    pub fn covering(&self, labels: &BTreeMap<String, String>, at: i64) -> Option<String> {
        let silence = self.0.iter().find(|silence| silence.active(at) && silence.matches(labels))?;
        Some(silence.id().unwrap_or_else(|| silence.comment()).to_owned())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    silences: Vec<Silence>,
}

/// Why the silences of the run time cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SilencesError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when they were changed by hand into something else.
    #[error("`{LOCATION}` cannot be read")]
    Json(#[from] serde_json::Error),
    /// Occurs when they are of another version.
    #[error("`{LOCATION}` is of format `{0}`, and this version of fluo reads `{SCHEMA}`")]
    Schema(String),
}

/// Reads the silences of the run time, and the version to replace them by.
pub async fn read(root: &Root) -> Result<(Vec<Silence>, Option<Version>), SilencesError> {
    let Some((bytes, version)) = root.versioned.read(&root.at(&Path::from(LOCATION))).await? else {
        return Ok((Vec::new(), None));
    };
    let stored: Stored = serde_json::from_slice(&bytes)?;
    if stored.schema != SCHEMA {
        return Err(SilencesError::Schema(stored.schema));
    }
    Ok((stored.silences, Some(version)))
}

/// The bytes of the object that holds silences.
pub fn encode(silences: Vec<Silence>) -> Result<Bytes, SilencesError> {
    let stored = Stored { schema: SCHEMA.to_owned(), silences };
    Ok(serde_json::to_vec_pretty(&stored)?.into())
}
