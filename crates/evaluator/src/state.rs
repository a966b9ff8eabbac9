//! What is remembered between evaluations: one object, replaced only by conditional writes (I3).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use bytes::Bytes;
use fluo_alerts::life_cycle::state::ErrorState;
use fluo_alerts::life_cycle::{RuleState, Stretch, ViolationRecord};
use fluo_alerts::notification::Notification;
use serde::{Deserialize, Serialize};

/// Name and version of the format.
pub const SCHEMA: &str = "fluo.state/v1";

/// Where it lies below the root of the store.
pub const LOCATION: &str = "state/evaluator.json.zst";

/// The largest state that is read back, in bytes: far above any real one, and below what a function has.
const MAX_BYTES: u64 = 1 << 30;

/// The state of an evaluator.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: String,
    /// Evaluations that were committed.
    pub generation: u64,
    /// How often it was written: no two states have the same bytes.
    pub writes: u64,
    /// Of whoever wrote it: tells whether a write whose outcome is unknown was one's own.
    pub nonce: String,
    /// The last evaluation's time; nanoseconds since the epoch.
    pub eval_time: i64,
    /// Data files that have been seen, of the partitions in which files still arrive.
    pub seen: BTreeSet<String>,
    /// What is known of the stream of files.
    pub pipeline: Pipeline,
    /// Data files that could not be read.
    pub damaged: Vec<Damaged>,
    /// By the rule's name.
    pub rules: BTreeMap<String, RuleState>,
    /// The last good text of every rule file, by its name.
    pub rule_files: BTreeMap<String, String>,
    /// Rule files that do not load.
    pub file_errors: BTreeMap<String, ErrorState>,
    /// What is still to be delivered.
    pub outbox: Vec<Queued>,
    /// Sinks that refuse, by name.
    #[serde(default)]
    pub sinks: BTreeMap<String, Refusals>,
    /// What is still to be written.
    pub unwritten: Vec<Unwritten>,
}

/// What every version says of itself.
#[derive(Deserialize)]
struct Format {
    schema: String,
}

/// What is known of the stream of files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pipeline {
    /// The last evaluation that saw a file for the first time.
    pub arrived_at: i64,
    /// Some file has arrived after every moment before this.
    pub alive_to: i64,
    /// End of the newest span that is known.
    pub newest_end: i64,
    /// Whether people were told that nothing arrives.
    pub stale: bool,
    /// How often they were.
    pub stale_told: u64,
}

/// A data file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// Its place below the root of the store.
    pub name: String,
    /// When its spans ended, as far as is known.
    pub ends: Stretch,
    /// Why.
    pub reason: String,
}

/// A notification that is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// What is sent.
    pub notification: Notification,
    /// The sinks that have not taken it yet, by name.
    pub pending: BTreeMap<String, Attempt>,
    /// It waits for the end of a catch-up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// What is known of deliveries to one sink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// How often it failed.
    pub failed: u32,
    /// Not before this time is it tried again; nanoseconds since the epoch.
    pub not_before: i64,
    /// Who is sending it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

/// How a sink has refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refusals {
    /// Attempts that failed since the last one that did not.
    pub in_a_row: u32,
    /// How often people were told.
    pub told: u64,
}

/// Who sends something, and until when nobody else does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The sender's nonce.
    pub by: String,
    /// Nanoseconds since the epoch.
    pub until: i64,
}

/// Records of a committed evaluation that have yet to be written outside the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unwritten {
    /// The evaluation's time.
    pub eval_time: i64,
    /// Its generation.
    pub generation: u64,
    /// Violations that are new or have changed.
    pub violations: Vec<ViolationRecord>,
    /// The evaluation's own record, one line of JSON.
    pub evaluation: String,
    /// Texts of rules that were used for the first time, by hash.
    pub rule_texts: BTreeMap<String, String>,
}

/// Why a state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Occurs when it is not compressed as it was written.
    #[error("the state is damaged: it does not decompress")]
    Compression(#[source] std::io::Error),
    /// Occurs when it is of another version, or was changed by hand.
    #[error("the state is not one that this version of fluo can read")]
    Json(#[source] serde_json::Error),
    /// Occurs when it names another format.
    #[error("the state is of format `{0}`, and this version of fluo reads `{SCHEMA}`")]
    Schema(String),
}

impl State {
    /// As it is stored.
    pub fn encode(&self) -> Result<Bytes, StateError> {
        let json = serde_json::to_vec(self).map_err(StateError::Json)?;
        Ok(zstd::encode_all(&json[..], 3).map_err(StateError::Compression)?.into())
    }

    /// Reads it back.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut json = Vec::new();
        zstd::Decoder::new(bytes)
            .and_then(|decoder| decoder.take(MAX_BYTES).read_to_end(&mut json))
            .map_err(StateError::Compression)?;
        // First what it says it is: another version may have any shape.
        let Format { schema } = serde_json::from_slice(&json).map_err(StateError::Json)?;
        if schema != SCHEMA {
            return Err(StateError::Schema(schema));
        }
        serde_json::from_slice(&json).map_err(StateError::Json)
    }

    /// Before any evaluation.
    pub fn new() -> Self {
        Self { schema: SCHEMA.to_owned(), ..Self::default() }
    }

    /// Whether no evaluation has been committed yet.
    pub fn is_new(&self) -> bool {
        self.generation == 0
    }
}
