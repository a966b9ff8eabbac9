//! Alerts that are related, because spans that show them are of the same traces: what begins is put to what fires.
//!
//! ```text
//! alerts that are told for the first time ─┐
//! alerts that fire, and were told before ──┴─ shared traces ─▶ groups ─ how deep spans lie ─▶ places ─▶ who is named
//! ```
//!
//! An alert keeps the key and the place that it was first told with. The order of rules and of groups does not matter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::rule::Rule;

use super::announce::{Mutes, labels};
use super::inhibition::Inhibition;
use super::state::{Alert, Grouping, RuleState};
use super::tell::Due;
use crate::fingerprint::Fingerprint;
use crate::notification::{Event, Id, Related, Together};
use crate::sample::{Sample, SampledSpan, SpanId, TraceId};

/// The most alerts that a notification names as related.
const NAMED: usize = 20;

/// So many traces of each alert are asked for.
const TRACES: usize = 4;

/// The most traces that are asked for in one evaluation.
const MOST_TRACES: usize = 256;

/// The place of a span in its trace, by the spans that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The span above it of which the parent is not known. Levels are compared only below the same one.
    pub top: SpanId,
    /// The number of spans above it.
    pub above: u32,
}

/// The depths of spans in their traces.
pub type Levels = BTreeMap<(TraceId, SpanId), Level>;

/// Returns whether nobody was told of an alert, and it is to be told.
fn begins(alert: &Alert) -> bool {
    let is_first = matches!(alert.owed, Some(Event::Firing | Event::FiredLate));
    is_first && alert.grouping.is_none() && !alert.passed_on
}

/// Returns the spans of which it matters how deep they lie: of traces that several alerts have which are told for the first
/// time now.
pub fn sought(
    states: &[(&str, &mut RuleState)],
    rules: &BTreeMap<String, Arc<Rule>>,
    mutes: Mutes<'_>,
) -> Vec<SampledSpan> {
    let inhibition = Inhibition::new(states, rules);
    let mut samples: Vec<Sample> = Vec::new();
    for (name, state) in states {
        let inhibitors = inhibition.of(name);
        for group in state.groups.values().filter(|group| inhibitors.of(&group.group).is_none()) {
            let is_told = |alert: &&Alert| begins(alert) && (mutes.silenced)(&labels(alert)).is_none();
            let new = group.alerts.iter().filter(is_told);
            samples.extend(new.map(|alert| alert.traces(&group.segments)));
        }
    }
    let mut sharing: BTreeMap<TraceId, usize> = BTreeMap::new();
    for span in samples.iter().flat_map(Sample::spans) {
        *sharing.entry(span.trace).or_default() += 1;
    }
    let mut traces: BTreeSet<TraceId> = BTreeSet::new();
    for sample in &samples {
        // Those that most of the others have, too.
        let mut shared: Vec<_> = sample
            .spans()
            .filter_map(|span| {
                sharing.get(&span.trace).filter(|number| **number > 1).map(|number| (number, span.trace))
            })
            .collect();
        shared.sort_by_key(|(number, _)| Reverse(**number));
        traces.extend(shared.iter().take(TRACES).map(|(_, trace)| *trace));
    }
    let asked: BTreeSet<TraceId> = traces.into_iter().take(MOST_TRACES).collect();
    let spans = samples.iter().flat_map(Sample::spans).filter(|span| asked.contains(&span.trace));
    let spans: BTreeSet<SampledSpan> = spans.copied().collect();
    spans.into_iter().collect()
}

/// An alert among others to which it may be related.
struct Node {
    id: Id,
    /// The grouping in which it was told before.
    grouping: Option<Grouping>,
    starts_at: i64,
    rule: String,
    fingerprint: Fingerprint,
    sample: Sample,
}

impl Node {
    /// The order of alerts of which nothing else is known.
    fn by_start(&self) -> (i64, &str, Fingerprint, Id) {
        (self.starts_at, &self.rule, self.fingerprint, self.id)
    }
}

/// Gives every alert that is told for the first time its place among those that it is related to, and names these in what
/// is told. `told`: by state.
pub(super) fn relate(states: &mut [(&str, &mut RuleState)], told: &mut [Vec<Due>], levels: &Levels) {
    if told.iter().all(Vec::is_empty) {
        return;
    }
    let begun: BTreeSet<Id> = told.iter().flatten().map(|due| due.line.id).collect();
    let nodes = nodes(states, &begun);
    let groupings = groupings(&nodes, levels);
    for alert in alerts(states) {
        if let Some(grouping) = groupings.get(&alert.told.id).filter(|_| !alert.passed_on) {
            alert.grouping = Some(*grouping);
        }
    }
    name(states, told);
}

fn alerts<'a>(states: &'a mut [(&str, &mut RuleState)]) -> impl Iterator<Item = &'a mut Alert> {
    states.iter_mut().flat_map(|(_, state)| state.groups.values_mut()).flat_map(|group| &mut group.alerts)
}

/// The alerts that are told for the first time, and those that fire and were told before.
fn nodes(states: &[(&str, &mut RuleState)], told: &BTreeSet<Id>) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (rule, state) in states {
        for (fingerprint, group) in &state.groups {
            for alert in group.alerts.iter().filter(|alert| alert.known && !alert.passed_on) {
                let is_new =
                    alert.grouping.is_none() && told.contains(&alert.told.id) && alert.is_first_word();
                if !is_new && !alert.is_firing() {
                    continue;
                }
                let before = alert.grouping.unwrap_or(Grouping { key: alert.told.id, place: 0 });
                nodes.push(Node {
                    id: alert.told.id,
                    grouping: (!is_new).then_some(before),
                    starts_at: alert.starts_at,
                    rule: (*rule).to_owned(),
                    fingerprint: *fingerprint,
                    sample: alert.traces(&group.segments),
                });
            }
        }
    }
    nodes
}

/// The places of the alerts that are told for the first time.
fn groupings(nodes: &[Node], levels: &Levels) -> BTreeMap<Id, Grouping> {
    let mut given = BTreeMap::new();
    for of_group in related(nodes) {
        let (before, new): (Vec<&Node>, Vec<&Node>) =
            of_group.into_iter().partition(|node| node.grouping.is_some());
        let new = deepest_first(&new, levels);
        let Some(head) = new.first() else { continue };
        let earliest = before.iter().min_by_key(|node| node.by_start());
        let key = earliest.and_then(|node| node.grouping).map_or(head.id, |grouping| grouping.key);
        let of_key = before.iter().filter_map(|node| node.grouping).filter(|grouping| grouping.key == key);
        let first = of_key.map(|grouping| grouping.place.saturating_add(1)).max().unwrap_or(0);
        given.extend(new.iter().zip(first..).map(|(node, place)| (node.id, Grouping { key, place })));
    }
    given
}

/// The groups of alerts that are related, directly or by way of others. Alerts that were told before are related as they
/// were told to be.
fn related(nodes: &[Node]) -> Vec<Vec<&Node>> {
    let mut parts = Parts((0..nodes.len()).collect());
    let mut of_key: BTreeMap<Id, usize> = BTreeMap::new();
    for (at, grouping) in nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.grouping?))) {
        parts.join(*of_key.entry(grouping.key).or_insert(at), at);
    }
    let mut new: BTreeMap<TraceId, usize> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.grouping.is_none()) {
        for span in node.sample.spans() {
            parts.join(*new.entry(span.trace).or_insert(at), at);
        }
    }
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.grouping.is_some()) {
        for other in node.sample.spans().filter_map(|span| new.get(&span.trace)) {
            parts.join(*other, at);
        }
    }
    let mut groups: BTreeMap<usize, Vec<&Node>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        groups.entry(parts.of(at)).or_default().push(node);
    }
    groups.into_values().collect()
}

/// Parts of a whole that are joined one by one.
struct Parts(Vec<usize>);

impl Parts {
    /// The part that something belongs to.
    fn of(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        let (first, second) = (one.min(other), one.max(other));
        self.0[second] = first;
    }
}

/// Orders alerts: the one whose spans lie deepest first. Of two, that is the one whose spans lie deeper in more of the
/// traces that they share; of all, the one below which the fewest others lie, then the one that lies below the most.
fn deepest_first<'a>(nodes: &[&'a Node], levels: &Levels) -> Vec<&'a Node> {
    let mut by_trace: BTreeMap<TraceId, Vec<(usize, Level)>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for span in node.sample.spans() {
            if let Some(level) = levels.get(&(span.trace, span.span)) {
                by_trace.entry(span.trace).or_default().push((at, *level));
            }
        }
    }
    // By pair: in how many more traces the first lies deeper.
    let mut deeper: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for of_trace in by_trace.values() {
        for (at, (one, level)) in of_trace.iter().enumerate() {
            for (other, of_other) in of_trace[at + 1..].iter().filter(|(_, other)| other.top == level.top) {
                *deeper.entry((*one, *other)).or_default() +=
                    i64::from(level.above > of_other.above) - i64::from(level.above < of_other.above);
            }
        }
    }
    let mut below = vec![0_u64; nodes.len()];
    let mut above = vec![0_u64; nodes.len()];
    for ((one, other), deeper) in deeper {
        let (lower, upper) = if deeper > 0 { (one, other) } else { (other, one) };
        if deeper != 0 {
            below[upper] += 1;
            above[lower] += 1;
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|at| (below[*at], Reverse(above[*at]), nodes[*at].by_start()));
    order.into_iter().map(|at| nodes[at]).collect()
}

/// Names in what is told the alerts that are related to it.
fn name(states: &[(&str, &mut RuleState)], told: &mut [Vec<Due>]) {
    let mut groupings: BTreeMap<Id, Grouping> = BTreeMap::new();
    let mut firing: BTreeMap<Id, Vec<Related>> = BTreeMap::new();
    for (_, state) in states {
        for alert in state.groups.values().flat_map(|group| &group.alerts).filter(|alert| !alert.passed_on) {
            let Some(grouping) = alert.grouping else { continue };
            groupings.insert(alert.told.id, grouping);
            if alert.is_firing() && alert.known && alert.muted_by.is_none() {
                let of_key = firing.entry(grouping.key).or_default();
                of_key.push(alert.related(grouping.place));
            }
        }
    }
    // By key and event: what the same is told of.
    let mut same: BTreeMap<(Id, Event), Vec<Related>> = BTreeMap::new();
    for due in told.iter().flatten() {
        if let Some(Grouping { key, place }) = groupings.get(&due.line.id) {
            same.entry((*key, due.notification.event)).or_default().push(due.related(*place));
        }
    }
    let in_order = |all: &mut Vec<Related>| all.sort_by_key(|one| (one.place, one.starts_at, one.id));
    firing.values_mut().for_each(in_order);
    same.values_mut().for_each(in_order);
    // With those that fire besides.
    let all = same.into_iter().map(|((key, event), mut all)| {
        let told: BTreeSet<Id> = all.iter().map(|one| one.id).collect();
        all.extend(firing.get(&key).into_iter().flatten().filter(|one| !told.contains(&one.id)).cloned());
        ((key, event), (told.len(), all))
    });
    let all: BTreeMap<_, _> = all.collect();
    for due in told.iter_mut().flatten() {
        let Some(Grouping { key, place }) = groupings.get(&due.line.id).copied() else { continue };
        let Some((told, all)) = all.get(&(key, due.notification.event)) else { continue };
        let others = all.iter().filter(|one| one.id != due.line.id);
        let alerts = others.take(NAMED).cloned().collect();
        let (told, firing) = (told.saturating_sub(1) as u64, (all.len() - told) as u64);
        due.notification.relate(Together { key, place, told, firing, alerts });
    }
}

/// Gives alerts a place of their own: what many of them are told by one message is told by no other.
pub(super) fn alone(states: &mut [(&str, &mut RuleState)], told: &[Due]) {
    let told: BTreeSet<Id> = told.iter().map(|due| due.line.id).collect();
    for alert in alerts(states).filter(|alert| told.contains(&alert.told.id) && alert.is_first_word()) {
        alert.grouping = Some(Grouping { key: alert.told.id, place: 0 });
    }
}

impl Alert {
    /// Returns whether what was just told of it is the first that was told.
    fn is_first_word(&self) -> bool {
        self.counts.values().sum::<u64>() == 1
    }

    /// As others name it: as it stands now.
    fn related(&self, place: u64) -> Related {
        let violation = &self.told.violation;
        Related {
            id: self.told.id,
            place,
            rule: violation.rule.clone(),
            severity: self.severity(),
            told_as: self.told_as(),
            labels: violation.labels.clone(),
            group: violation.group.clone(),
            values: self.standing(),
            starts_at: self.starts_at,
            event: None,
        }
    }
}

impl Due {
    /// As others name it that are told with it.
    fn related(&self, place: u64) -> Related {
        let now = self.notification.alert.iter().flat_map(|alert| &alert.now);
        Related {
            id: self.line.id,
            place,
            rule: self.notification.rule.clone().unwrap_or_default(),
            severity: self.notification.severity,
            told_as: now.flat_map(|now| now.told_as.clone()).collect(),
            labels: self.notification.labels.clone(),
            group: self.line.group.clone(),
            values: self.line.values.clone(),
            starts_at: self.line.starts_at,
            event: Some(self.notification.event),
        }
    }
}
