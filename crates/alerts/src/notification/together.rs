//! Alerts that are told together, because they are related.

use std::collections::BTreeMap;

use fluo_rules::rule::Severity;
use serde::{Deserialize, Serialize};

use super::{Event, Id};
use crate::wire;

/// The alerts to which one is related: spans that show them are of the same traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// The same in every notification about any of them.
    pub key: Id,
    /// The alert's place among all of them. Of those of which the same is told by one evaluation, the first heads the
    /// message: its spans lie deepest.
    pub place: u64,
    /// The number of the others of which the same is told by the same evaluation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub told: u64,
    /// The number of those that fire besides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub firing: u64,
    /// The others, as many as are listed: first those of which the same is told, in the order of their places, then those
    /// that fire besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Related>,
}

impl Together {
    /// The others of which the same is told, and that go before it; as many as are listed.
    pub fn before(&self) -> impl Iterator<Item = &Related> {
        self.alerts.iter().filter(|other| other.event.is_some() && other.place < self.place)
    }

    /// The number of the others that are not listed.
    pub fn more(&self) -> u64 {
        self.told.saturating_add(self.firing).saturating_sub(self.alerts.len() as u64)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An alert to which another is related.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// The episode's id.
    pub id: Id,
    /// Its place among all of them.
    pub place: u64,
    /// Its rule.
    pub rule: String,
    /// Its severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// The severities that people were told before, the least severe first; only of rules with levels.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "wire::severities")]
    pub told_as: Vec<Severity>,
    /// The rule's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// Names and values as people read them.
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, String)>,
    /// The first moment at which its condition held; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// The event that the same evaluation tells of it, if that is the same; none where it fires besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}
