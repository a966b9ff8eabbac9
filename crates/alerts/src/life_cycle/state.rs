//! The state of rules, which is remembered between evaluations.

use std::collections::BTreeMap;

use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};

use fluo_rules::rule::Severity;

use super::segment::Segment;
use crate::fingerprint::Fingerprint;
use crate::notification::{Event, Id, Told, Untold};
use crate::sample::Sample;
use crate::value::Value;
use crate::violation::Top;
use crate::wire;

/// The remembered state of one rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RuleState {
    /// SHA-256 of what decides of the rule.
    pub hash: String,
    /// Moments after this one are judged; nanoseconds since the epoch.
    pub from: i64,
    /// The moment up to which it has been judged.
    pub judged_to: i64,
    /// Moments up to there that are yet to be judged, or judged again: a file that they need could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<TimeRange>,
    /// The number of times in a row that it was among rules for which there was no time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u8,
    /// Its groups of which there is something to remember.
    pub groups: BTreeMap<Fingerprint, GroupState>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// The remembered state of one group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GroupState {
    /// Keys as the rule writes them, and values as they may be shown.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The moments at which the condition held, in order.
    pub segments: Vec<Segment>,
    /// The violations that were recorded and may still change.
    pub violations: Vec<Tracked>,
    /// The alerts that may still change.
    pub alerts: Vec<Alert>,
}

/// A violation that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Fingerprint and start as first committed.
    pub id: Id,
    /// The start as first committed.
    pub first_start: i64,
    /// Present first moment.
    pub starts_at: i64,
    /// Present last moment.
    pub ends_at: i64,
    /// The revision of the last record; 1 is the first.
    pub revision: u32,
    /// `true` where it is still there: not withdrawn, nor merged into another.
    pub live: bool,
    /// SHA-256 of the last record's violation: whether there is anything new to say.
    pub digest: Id,
    /// Of a rule about traces: the trace, or across traces the occasion, that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// The phase of an alert's life. Before `Firing` it is only in the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
    /// Late spans took it back.
    Withdrawn,
    /// Late spans showed that it is one with another.
    Merged,
}

/// The course of an alert: its values at the moments that messages speak of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Course {
    /// The newest judged moment at which the condition held; nanoseconds since the epoch.
    pub at: i64,
    /// Values then.
    #[serde(with = "wire::typed_values")]
    pub values: Vec<(String, Value)>,
    /// The severity then, by the highest level that held; none where the rule has one level.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_severity")]
    pub severity: Option<Severity>,
    /// Values at its start.
    #[serde(with = "wire::typed_values")]
    pub first: Vec<(String, Value)>,
    /// The moment that was worst: of the highest level, the one at which the first comparison exceeds its bound most.
    pub peak_at: i64,
    /// Values then.
    #[serde(with = "wire::typed_values")]
    pub peak: Vec<(String, Value)>,
    /// The commonest values then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
}

/// The severity that people were told of an alert, whose rule has levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldSeverities {
    /// The last time.
    #[serde(with = "wire::severity")]
    pub last: Severity,
    /// Every time, each once, the least severe first.
    #[serde(with = "wire::severities")]
    pub all: Vec<Severity>,
    /// Up to which moment they were told of it the last time; nanoseconds since the epoch.
    pub to: i64,
}

/// The place of an alert among those that it is related to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// The same for all of them, and for as long as each of them lives: the id of the first that people were told of.
    pub key: Id,
    /// Its place among them: those that were told earlier first, and of those that were told in one message the one whose
    /// spans lie deepest.
    pub place: u64,
}

/// An alert that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The start of its first violation as first committed.
    pub first_start: i64,
    /// Present first moment.
    pub starts_at: i64,
    /// Present last moment.
    pub ends_at: i64,
    /// Of a rule about traces: the trace, or across traces the occasion, that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The phase of its life.
    pub phase: Phase,
    /// The content of its messages: the alert's identity and first values never change once it fired.
    pub told: Told,
    /// Its course; none where it was stored before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// The excess over its bound at its worst: the order of summaries.
    pub excess: Option<f64>,
    /// The moment since which it held for `for`, where that is not its first moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<i64>,
    /// The severity that people were told; none where its rule has one level, or nobody was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severities: Option<ToldSeverities>,
    /// `true` where somebody was told that it fires.
    pub known: bool,
    /// The event that is still to be told, once nothing mutes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<Event>,
    /// The reason why it was closed, where it was not by its own condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of times that each event was told.
    pub counts: BTreeMap<Event, u64>,
    /// The `eval_time` at which people were told last that it fires.
    pub told_at: i64,
    /// Distance to the next reminder, in nanoseconds.
    pub remind_after: i64,
    /// It goes on under a later text of its rule, which has it as its own: nothing is told of it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_on: bool,
    /// The alerts among which it was told for the first time; none before that, and where it was stored before that was
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<Grouping>,
    /// Alerts that this one inhibited, and that were over before anybody was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Untold>,
    /// The silence or the rule that muted it at the last evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_by: Option<String>,
}

impl Alert {
    /// Returns its course: where that is not known, as it was told at first.
    pub fn course(&self) -> Course {
        self.course.clone().unwrap_or_else(|| {
            let told = &self.told.violation;
            Course {
                at: self.ends_at,
                values: told.values.clone(),
                severity: None,
                first: told.values.clone(),
                peak_at: told.starts_at,
                peak: told.peak.clone(),
                top: Vec::new(),
            }
        })
    }

    /// The values that were told of it, as they are now.
    pub fn standing(&self) -> Vec<(String, String)> {
        let Some(course) = &self.course else { return self.told.values.clone() };
        let now =
            |name: &str| course.values.iter().find(|(found, _)| found == name).map(|(_, now)| now.human());
        let told = self.told.values.iter();
        told.map(|(name, told)| (name.clone(), now(name).unwrap_or_else(|| told.clone()))).collect()
    }

    /// The severity now: by the highest level that held at the newest judged moment.
    pub fn severity(&self) -> Severity {
        let now = self.course.as_ref().and_then(|course| course.severity);
        now.unwrap_or(self.told.violation.severity)
    }

    /// The worst severity since people were last told of it, given the segments of its group.
    pub(super) fn worst_since_told(&self, segments: &[Segment]) -> Severity {
        let told_to = self.severities.as_ref().map_or(i64::MIN, |told| told.to);
        let is_new = |segment: &&Segment| {
            segment.peak_at > told_to && (self.starts_at..=self.ends_at).contains(&segment.first)
        };
        let worst = segments.iter().filter(is_new).filter_map(|segment| segment.worst).max();
        worst.map_or(self.severity(), |worst| worst.max(self.severity()))
    }

    /// The traces that show it, given the segments of its group.
    pub(super) fn traces(&self, segments: &[Segment]) -> Sample {
        let own = segments.iter().filter(|segment| (self.starts_at..=self.ends_at).contains(&segment.first));
        Sample::merged(own.map(|segment| &segment.traces))
    }

    /// The severity that people were told last.
    pub(super) fn told_severity(&self) -> Severity {
        self.severities.as_ref().map_or(self.told.violation.severity, |told| told.last)
    }

    /// The severities that people were told, each once, the least severe first; nothing of a rule without levels.
    pub(super) fn told_as(&self) -> Vec<Severity> {
        let has_levels = self.course.as_ref().is_some_and(|course| course.severity.is_some());
        match &self.severities {
            Some(told) => told.all.clone(),
            // It was told before its rule had levels.
            None if has_levels && self.known => vec![self.told.violation.severity],
            None => Vec::new(),
        }
    }

    /// Remembers how bad people are told that it is.
    pub(super) fn tell_severity(&mut self, severity: Severity) {
        let has_levels = self.course.as_ref().is_some_and(|course| course.severity.is_some());
        if !has_levels && self.severities.is_none() {
            return;
        }
        let mut all = self.told_as();
        all.push(severity);
        all.sort_unstable();
        all.dedup();
        self.severities = Some(ToldSeverities { last: severity, all, to: self.course().at });
    }

    /// Returns whether it fires.
    pub fn is_firing(&self) -> bool {
        self.phase == Phase::Firing && !self.passed_on
    }
}

impl RuleState {
    /// Of a rule that is judged for the first time: moments after `from`.
    pub fn new(hash: String, from: i64) -> Self {
        Self { hash, from, judged_to: from, ..Self::default() }
    }

    /// As after the evaluation at `at`, which had judged moments up to `judged`: only moments after these are judged.
    pub fn set_back(&mut self, at: i64, judged: i64) {
        self.judged_to = self.judged_to.min(judged);
        self.from = self.judged_to;
        for alert in self.groups.values_mut().flat_map(|group| &mut group.alerts) {
            alert.told_at = alert.told_at.min(at);
        }
    }

    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = (&Fingerprint, &Alert)> {
        self.groups.iter().flat_map(|(fingerprint, group)| {
            group.alerts.iter().filter(|alert| alert.is_firing()).map(move |alert| (fingerprint, alert))
        })
    }
}
