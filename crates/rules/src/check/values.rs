//! The keys of a rule that stand for themselves.

use std::collections::BTreeMap;

use fluo_time::Nanos;

use super::{Report, earlier, groups, shape, templates, timing};
use crate::keys::{CONVENTIONS, SAMPLINGS, SEVERITIES, Shape, Table};
use crate::rule::{Conventions, EvidenceKeys, GroupKey, Realert, Sampling, Severity, grid_step};
use crate::template::Names;
use crate::yaml::Node;

/// The keys that stand for themselves, with their defaults.
pub(super) struct Values {
    pub(super) description: Option<String>,
    pub(super) severity: Severity,
    pub(super) enabled: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) conventions: Conventions,
    pub(super) sampling: Sampling,
    pub(super) window: Nanos,
    pub(super) every: Option<Nanos>,
    pub(super) group_limit: u32,
    pub(super) lookback: Nanos,
    pub(super) hold_for: Nanos,
    pub(super) keep_firing_for: Nanos,
    pub(super) realert: Realert,
    pub(super) notification_limit: u32,
    pub(super) evidence: EvidenceKeys,
    pub(super) top: Vec<GroupKey>,
    pub(super) redact: Vec<String>,
    pub(super) eval_delay: Option<Nanos>,
    pub(super) allowed_lateness: Option<Nanos>,
}

impl Values {
    /// The windows of the rule.
    pub(super) fn windows(&self, standing: bool) -> earlier::Windows {
        let step = grid_step(self.every, self.window);
        earlier::Windows { window: self.window, step, lookback: self.lookback, standing }
    }

    /// Reads the values. Where one cannot be read, its default takes the place: the rule is given up anyway.
    pub(super) fn read(report: &mut Report, node: &Node, names: &Names<'_>) -> Self {
        let mut duration = |key| duration(report, node, key);
        let window = duration("window").unwrap_or(Nanos::MINUTE);
        let every = duration("every");
        let lookback = duration("lookback").unwrap_or(Nanos(7 * Nanos::DAY.0));
        let hold_for = duration("for").unwrap_or_default();
        let keep_firing_for = duration("keep_firing_for").unwrap_or_default();
        let eval_delay = duration("eval_delay");
        let allowed_lateness = duration("allowed_lateness");
        Self {
            description: node.get("description").and_then(|entry| shape::text(report, entry)),
            severity: severity(report, node),
            enabled: node.get("enabled").and_then(|entry| shape::boolean(report, entry)).unwrap_or(true),
            labels: node
                .get("labels")
                .and_then(|entry| templates::templates(report, entry, &names.of_label()))
                .unwrap_or_default(),
            annotations: node
                .get("annotations")
                .and_then(|entry| templates::templates(report, entry, names))
                .unwrap_or_default(),
            conventions: conventions(report, node),
            sampling: sampling(report, node),
            window,
            every,
            group_limit: integer(report, node, "group_limit").unwrap_or(10_000),
            lookback,
            hold_for,
            keep_firing_for,
            realert: node
                .get("realert")
                .and_then(|entry| timing::realert(report, entry))
                .unwrap_or(timing::DEFAULT_REALERT),
            notification_limit: integer(report, node, "notification_limit").unwrap_or(50),
            evidence: node
                .get("evidence")
                .and_then(|entry| groups::evidence(report, entry))
                .unwrap_or_default(),
            top: node.get("top").and_then(|entry| groups::top(report, entry)).unwrap_or_default(),
            redact: node.get("redact").and_then(|entry| shape::texts(report, entry)).unwrap_or_default(),
            eval_delay,
            allowed_lateness,
        }
    }
}

/// The duration that a key of a rule has, where it has one.
pub(super) fn duration(report: &mut Report, node: &Node, key: &str) -> Option<Nanos> {
    let entry = node.get(key)?;
    match Table::Rule.key(key).map(|key| key.shape) {
        Some(Shape::Duration { zero: true }) => shape::duration(report, entry),
        _ => shape::positive_duration(report, entry),
    }
}

fn integer(report: &mut Report, node: &Node, key: &str) -> Option<u32> {
    let entry = node.get(key)?;
    match Table::Rule.key(key).map(|key| key.shape) {
        Some(Shape::Integer { min, max }) => shape::integer(report, entry, min, max),
        _ => None,
    }
}

fn severity(report: &mut Report, node: &Node) -> Severity {
    let word = node.get("severity").and_then(|entry| shape::word(report, entry, SEVERITIES));
    match word {
        Some("info") => Severity::Info,
        Some("critical") => Severity::Critical,
        _ => Severity::Warning,
    }
}

fn conventions(report: &mut Report, node: &Node) -> Conventions {
    let word = node.get("semantic_conventions").and_then(|entry| shape::word(report, entry, CONVENTIONS));
    if word == Some("exact") { Conventions::Exact } else { Conventions::Renamed }
}

fn sampling(report: &mut Report, node: &Node) -> Sampling {
    let word = node.get("sampling").and_then(|entry| shape::word(report, entry, SAMPLINGS));
    if word == Some("adjusted") { Sampling::Adjusted } else { Sampling::Stored }
}
