//! The record of an evaluation, and the numbers that it says of itself.

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::log::Level;
use fluo_alerts::notification::Notification;
use fluo_alerts::wire;
use fluo_store::DataFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pending::pending;
use crate::rule_set::RuleSet;
use crate::state::State;

/// Name and version of the record's format.
pub const SCHEMA: &str = "fluo.evaluation/v1";

/// The record of an evaluation: one line of `evaluations/`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Its logical time; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub eval_time: i64,
    /// Its generation.
    pub generation: u64,
    /// The time at which it ran, by the clock; none in a replay.
    #[serde(with = "wire::optional_moment")]
    pub evaluated_at: Option<i64>,
    /// Its duration in nanoseconds; none in a replay.
    pub eval_duration_ns: Option<i64>,
    /// Rules that were judged.
    pub rules: u64,
    /// Rules that could not be judged.
    pub failed_rules: Vec<String>,
    /// Rules for which there was no time: the next evaluation goes on with what they have yet to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postponed_rules: Vec<String>,
    /// Stretches of time that were looked at, over all rules.
    pub stretches: u64,
    /// Files in the partitions in which files still arrive.
    pub files_listed: u64,
    /// Files that rules read, each counted once.
    #[serde(default)]
    pub files_read: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes_in_files: u64,
    /// Their spans, as far as their names say.
    #[serde(default)]
    pub spans_in_files: u64,
    /// Spans, as far as names say, of new files that reach back behind the watermark before: what rules without times
    /// of their own had judged there was judged again.
    #[serde(default)]
    pub spans_in_late_files: u64,
    /// The number of spans that ingest could not place, as new files say.
    #[serde(default)]
    pub spans_set_aside: u64,
    /// Spans of new files of which ingest mended something.
    #[serde(default)]
    pub spans_mended: u64,
    /// Files that it saw for the first time: the order of arrival, for a replay.
    pub new_files: Vec<String>,
    /// The reason for which panes could not be kept beside the state, or kept ones not be used: more was read instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panes_error: Option<String>,
    /// The reason for which the page beside the state could not be written after an earlier evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_error: Option<String>,
    /// Files that could not be read, found by it.
    pub damaged_files: Vec<String>,
    /// Violations that are new or have changed.
    pub violations: u64,
    /// Alerts that do not fire yet after it, because their condition has not held for long enough.
    #[serde(default)]
    pub pending: u64,
    /// Alerts that fire after it.
    pub firing: u64,
    /// Notifications that it told.
    pub notifications: u64,
}

impl Report {
    /// Returns the log line of the evaluation: level, message, fields.
    pub fn line(&self) -> (Level, &'static str, Value) {
        (Level::Info, "evaluated", json!({"evaluation": self}))
    }

    /// Counts a file that was read.
    pub(crate) fn read(&mut self, file: &DataFile) {
        self.files_read += 1;
        self.bytes_in_files += file.size;
        self.spans_in_files += spans(file);
    }

    /// Counts a new file that is late.
    pub(crate) fn late(&mut self, file: &DataFile) {
        self.spans_in_late_files += spans(file);
    }

    /// Counts what came out.
    pub(crate) fn count(
        &mut self,
        state: &State,
        rules: &RuleSet,
        records: &[ViolationRecord],
        told: &[Notification],
    ) {
        SCHEMA.clone_into(&mut self.schema);
        self.generation = state.generation;
        self.violations = records.len() as u64;
        self.notifications = told.len() as u64;
        self.pending = pending(state, rules).count() as u64;
        self.firing = state.rules.values().map(|rule| rule.firing().count() as u64).sum();
    }
}

/// Returns the number of spans in a file, as far as its name says.
fn spans(file: &DataFile) -> u64 {
    file.name.as_ref().map_or(0, |name| name.rows)
}
