//! The state that is remembered between evaluations: one object, replaced only by conditional writes (I3).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use bytes::Bytes;
use fluo_alerts::life_cycle::{RuleState, ViolationRecord};
use fluo_alerts::notification::Notification;
use fluo_alerts::trouble::Troubles;
use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};

mod former;
mod set_aside;

pub use set_aside::SetAside;

/// Name and version of the format.
pub const SCHEMA: &str = "fluo.state/v1";

/// The place of the state, below the root of the store.
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
    /// The number of times that it was written: no two states have the same bytes.
    pub writes: u64,
    /// The nonce of its writer: it tells whether a write whose outcome is unknown was one's own.
    pub nonce: String,
    /// The last evaluation's time; nanoseconds since the epoch.
    pub eval_time: i64,
    /// Data files that have been seen, of the partitions in which files still arrive.
    pub seen: BTreeSet<String>,
    /// The stream of files, as far as it is known.
    pub pipeline: Pipeline,
    /// Data files whose spans are missing for good: they are damaged, or gone.
    pub damaged: Vec<Damaged>,
    /// Data files that could not be read at the last evaluation, and are asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// The states of rules, by the rule's name.
    pub rules: BTreeMap<String, RuleState>,
    /// The former texts of rules that were edited, with what they found and late spans may still change; oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former: BTreeMap<String, Vec<Former>>,
    /// The moments up to which rules had been judged that were removed a short time ago, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<String, i64>,
    /// The last good text of every rule file, by its name.
    pub rule_files: BTreeMap<String, String>,
    /// The troubles of fluo itself.
    #[serde(default)]
    pub troubles: Troubles,
    /// The reason why the page beside the state could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_error: Option<String>,
    /// The notifications that are still to be delivered.
    pub outbox: Vec<Queued>,
    /// The refusals of sinks since they last took something, by name.
    #[serde(default)]
    pub sinks: BTreeMap<String, Refusals>,
    /// The records that are still to be written.
    pub unwritten: Vec<Unwritten>,
}

/// A text of a rule that was edited, and what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Former {
    /// The rule as a file of its own; none where it was not known any more.
    pub text: Option<String>,
    /// The last moment that it judges; nanoseconds since the epoch.
    pub until: i64,
    /// The distance behind an evaluation's time within which late spans still change what it found.
    pub reach: i64,
    /// The time that it waits beyond that for spans that are still to come.
    #[serde(default)]
    pub waits: i64,
    /// The state of what it found.
    pub state: RuleState,
}

/// The keys that say the format of any version.
#[derive(Deserialize)]
struct Format {
    schema: String,
    /// There since troubles are one thing.
    troubles: Option<serde::de::IgnoredAny>,
}

/// The stream of files, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pipeline {
    /// The first evaluation.
    #[serde(default)]
    pub began_at: i64,
    /// The last evaluation that saw a file for the first time; 0 before any file came.
    pub arrived_at: i64,
    /// Some file has arrived after every moment before this.
    pub alive_to: i64,
    /// End of the newest span that is known.
    pub newest_end: i64,
    /// End of the first span of the store; none where nothing has come, or nobody has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_end: Option<i64>,
    /// Spans that came too late for any judgement.
    #[serde(default)]
    pub too_late: TooLate,
    /// Spans that ingest could not place or had to mend.
    #[serde(default)]
    pub set_aside: SetAside,
    /// Files of which ingest's counts are not known yet, because they could not be read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub uncounted: BTreeSet<String>,
    /// The times at which partitions were looked at last, by their hours: those in which files arrive, and those in
    /// which they no longer do in time.
    #[serde(default)]
    pub looked_at: BTreeMap<i64, i64>,
}

/// Spans that came too late, since the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TooLate {
    /// Their number.
    pub spans: u64,
    /// The number of their files.
    pub files: u64,
    /// True if not all spans of these files came too late.
    pub at_most: bool,
    /// The time by which the first of them ended before the earliest moment that is still judged, in nanoseconds.
    pub by: i64,
    /// The evaluation that saw the last of them.
    pub last: i64,
}

/// A data file whose spans are missing for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// Its place below the root of the store.
    pub name: String,
    /// The range in which its spans ended, as far as is known.
    pub ends: TimeRange,
    /// The reason.
    pub reason: String,
    /// The way in which it was lost.
    #[serde(default, skip_serializing_if = "Loss::is_damage")]
    pub loss: Loss,
    /// The bytes that were found to be damaged, by the store's tag: other bytes at this place are another file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// The way in which a data file's spans were lost for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It is there, and its bytes cannot be right.
    #[default]
    Damaged,
    /// It was, and somebody took it away: nothing is left to be done.
    Removed,
    /// It was sound, and is not there any more.
    Gone,
}

impl Loss {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    fn is_damage(&self) -> bool {
        *self == Self::Damaged
    }
}

/// A data file that cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Its place below the root of the store.
    pub name: String,
    /// The range in which its spans ended, as far as is known.
    pub ends: TimeRange,
    /// The error in place of its bytes.
    pub reason: String,
}

/// A notification that is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The notification that is sent.
    pub notification: Notification,
    /// The sinks that have not taken it yet, by name.
    pub pending: BTreeMap<String, Attempt>,
    /// It waits for the end of a catch-up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// The deliveries of a notification to one sink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// The number of times that it failed.
    pub failed: u32,
    /// The time before which it is not tried again; nanoseconds since the epoch.
    pub not_before: i64,
    /// The lease of whoever is sending it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

/// The refusals of a sink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refusals {
    /// Attempts that failed since the last one that did not.
    pub in_a_row: u32,
    /// Notifications that were given up since then.
    #[serde(default)]
    pub given_up: u64,
}

/// The sender of something, and the time until which nobody else sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The sender's nonce.
    pub by: String,
    /// Its end; nanoseconds since the epoch.
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

/// The reasons why a state could not be read.
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
    /// The states of rules and of their former texts, by the rule's name.
    pub(crate) fn all_rules(&mut self) -> Vec<(&str, &mut RuleState)> {
        let former = self
            .former
            .iter_mut()
            .flat_map(|(name, texts)| texts.iter_mut().map(move |former| (name.as_str(), &mut former.state)));
        let present = self.rules.iter_mut().map(|(name, state)| (name.as_str(), state));
        former.chain(present).collect()
    }

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
        let Format { schema, troubles } = serde_json::from_slice(&json).map_err(StateError::Json)?;
        if schema != SCHEMA {
            return Err(StateError::Schema(schema));
        }
        let mut state: Self = serde_json::from_slice(&json).map_err(StateError::Json)?;
        if troubles.is_none() {
            state.troubles = former::troubles(&json).map_err(StateError::Json)?;
        }
        Ok(state)
    }

    /// Before any evaluation.
    pub fn new() -> Self {
        Self { schema: SCHEMA.to_owned(), ..Self::default() }
    }

    /// Returns whether no evaluation has been committed yet.
    pub fn is_new(&self) -> bool {
        self.generation == 0
    }
}
