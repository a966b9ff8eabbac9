//! The only place that changes a rule's state: `(state, what was observed, times) → (state, records, what is owed)`.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::rule::{Rule, Severity};
use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain::{Chain, Lengths, chains};
use super::identity::{Found, Known, matches};
use super::segment::{Run, Segment, highest, replace, runs, sample, settle};
use super::state::{Alert, Course, GroupState, Phase, RuleState, Tracked};
use crate::fingerprint::Fingerprint;
use crate::notification::{Event, Id, Told};
use crate::sample::Sample;
use crate::template::{Renderer, Subject, default_summary};
use crate::violation::{Violation, declared};

/// The reason of an alert's end whose group was not seen for `lookback`.
const FORGOTTEN: &str = "forgotten";

/// The times of an evaluation, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The evaluation's logical time.
    pub eval_time: i64,
    /// Windows that end at or before it are taken to be complete.
    pub watermark: i64,
    /// Some file has arrived after every moment before this one: what is missing there is missing.
    pub alive_to: i64,
}

/// The facts that a transition needs to know of its rule.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// SHA-256 of its text.
    pub hash: &'a str,
    /// Largest distance of holding moments of one violation, in nanoseconds.
    pub gap: i64,
    /// Distance of the moments that are judged, from the epoch on; none where they are the ends of spans.
    pub step: Option<i64>,
    /// Late spans change nothing before this moment.
    pub horizon: i64,
    /// Moments after this one are judged by this text.
    pub since: i64,
    /// Of a text that was edited: the last moment that it judges.
    pub until: Option<i64>,
    /// Event times of which spans may be missing, because a file could not be read or is gone.
    pub damaged: &'a [TimeRange],
    /// The moments whose windows reach there: nothing that was found at them is disproved.
    pub holed: &'a [TimeRange],
    /// The time after a violation in which it may be found and not be late: a trace is judged some time after its end.
    pub patience: i64,
    /// Renders the texts for people.
    pub renderer: &'a Renderer,
}

/// The observation of one group in one stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The fingerprint of rule and group.
    pub fingerprint: Fingerprint,
    /// Keys as the rule writes them, and values as they may be shown.
    pub group: Vec<(String, Option<String>)>,
    /// The holding moments.
    pub segment: Segment,
}

/// The status that a record gives its violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is so.
    Valid,
    /// It is not: late spans took it back.
    Withdrawn,
    /// It is part of another, which has a record of its own.
    Merged,
}

impl Status {
    /// As in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Withdrawn => "withdrawn",
            Self::Merged => "merged",
        }
    }
}

/// A violation as it is stored. Of records with the same id, the one with the highest revision counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// The episode's id.
    pub id: Id,
    /// 1 for the first record.
    pub revision: u32,
    /// The status: whether it still stands.
    pub status: Status,
    /// SHA-256 of the rule's text.
    pub rule_hash: String,
    /// The violation.
    pub violation: Violation,
}

/// The result of a transition.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The state after it.
    pub state: RuleState,
    /// Violations that are new or have changed, by start, then group.
    pub records: Vec<ViolationRecord>,
    /// Alerts that began to fire: what is told of them may be completed (with the files of their windows) before it is
    /// committed, and not afterwards.
    pub fired: Vec<(Fingerprint, Id)>,
}

/// Replaces what was known of the judged stretches by what was observed there, and moves every alert on.
///
/// `judged_to`: how far moments have now been judged.
pub fn transition(
    state: RuleState,
    facts: &Facts<'_>,
    judged: &[TimeRange],
    observations: Vec<Observation>,
    judged_to: i64,
    times: Times,
) -> Change {
    let mut change = Change { state, records: Vec::new(), fired: Vec::new() };
    let mut found: BTreeMap<Fingerprint, GroupState> = BTreeMap::new();
    for Observation { fingerprint, group, segment } in observations {
        let of_group =
            found.entry(fingerprint).or_insert_with(|| GroupState { group, ..GroupState::default() });
        of_group.segments.push(segment);
    }
    let fingerprints: BTreeSet<Fingerprint> =
        change.state.groups.keys().chain(found.keys()).copied().collect();
    let mut groups = std::mem::take(&mut change.state.groups);
    for fingerprint in fingerprints {
        let seen = found.remove(&fingerprint).unwrap_or_default();
        let mut group = groups
            .remove(&fingerprint)
            .unwrap_or_else(|| GroupState { group: seen.group, ..GroupState::default() });
        replace(&mut group.segments, judged, facts.holed, seen.segments);
        let mut step =
            Step { facts, fingerprint, times, records: &mut change.records, fired: &mut change.fired };
        step.violations(&mut group);
        step.alerts(&mut group);
        step.forget(&mut group);
        if !group.is_empty() {
            change.state.groups.insert(fingerprint, group);
        }
    }
    change
        .records
        .sort_by(|left, right| left.violation.in_order(&right.violation).then(left.id.cmp(&right.id)));
    change.state.judged_to = change.state.judged_to.max(judged_to);
    change
}

/// The state of a rule that was edited: what its former text found stays with that text, moments after `from` are the new
/// one's, and alerts that fire go on under it.
///
/// Returns the state of the former text and that of the new one.
pub fn rule_changed(
    mut former: RuleState,
    rule: &Rule,
    hash: &str,
    from: i64,
    times: Times,
) -> (RuleState, RuleState) {
    let mut state = RuleState::new(hash.to_owned(), from);
    pass_on(&mut former, &mut state, rule, times);
    (former, state)
}

/// Passes the alerts that fire under a former text on to the present one, whose rule is `rule`. Those of groups that cannot
/// come again under its `group_by` are resolved. Who waits for `for` begins anew.
pub fn pass_on(former: &mut RuleState, state: &mut RuleState, rule: &Rule, times: Times) {
    let keys: Vec<&str> = rule.group_by.iter().map(|entry| entry.key.as_str()).collect();
    for (fingerprint, group) in &mut former.groups {
        if group.alerts.iter().all(|alert| !alert.is_firing()) {
            continue;
        }
        let exists = group.group.iter().map(|(key, _)| key.as_str()).eq(keys.iter().copied());
        if !exists {
            close(group, "rule_changed", times);
            continue;
        }
        let next = state
            .groups
            .entry(*fingerprint)
            .or_insert_with(|| GroupState { group: group.group.clone(), ..GroupState::default() });
        for alert in group.alerts.iter_mut().filter(|alert| alert.is_firing()) {
            next.segments.push(base_of(alert, &group.segments));
            next.alerts.push(alert.clone());
            alert.passed_on = true;
            alert.owed = None;
        }
        next.segments.sort_by_key(|segment| (segment.first, segment.last));
    }
}

/// Closes all alerts of a rule that is not there any more.
pub fn rule_removed(mut state: RuleState, times: Times) -> RuleState {
    for group in state.groups.values_mut() {
        group.segments.clear();
        close(group, "rule_removed", times);
    }
    state
}

fn close(group: &mut GroupState, reason: &str, times: Times) {
    for alert in group.alerts.iter_mut().filter(|alert| alert.is_firing()) {
        alert.resolve(times.watermark.max(alert.ends_at), times);
        alert.reason = Some(reason.to_owned());
    }
}

/// A firing alert as one segment that nothing replaces.
fn base_of(alert: &Alert, segments: &[Segment]) -> Segment {
    let within: Vec<Segment> = segments
        .iter()
        .filter(|segment| (alert.starts_at..=alert.ends_at).contains(&segment.first))
        .cloned()
        .collect();
    let peak = highest(&within);
    let told = &alert.told.violation;
    let course = alert.course();
    Segment {
        first: alert.starts_at,
        last: alert.ends_at,
        peak_at: peak.map_or(alert.starts_at, |segment| segment.peak_at),
        excess: peak.map_or(alert.excess, |segment| segment.excess),
        worst: peak.map_or(course.severity, |segment| segment.worst),
        severity: course.severity,
        kept: false,
        values: course.first,
        peak: peak.map_or(course.peak, |segment| segment.peak.clone()),
        latest: course.values,
        top: peak.map_or(course.top, |segment| segment.top.clone()),
        evidence: told.evidence.clone(),
        failed: told.failed.clone(),
        origin: alert.origin.clone(),
        traces: sample(&within),
        partial: told.partial,
        seen_at: None,
        settled: true,
        inherited: true,
        fired: true,
    }
}

impl GroupState {
    fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.violations.is_empty() && self.alerts.is_empty()
    }
}

impl Alert {
    /// It does not fire any more since `at`. Who knows that it fired is told; of one that began in this evaluation, that it
    /// fired and is over.
    fn resolve(&mut self, at: i64, times: Times) {
        let is_new = self.told_at == times.eval_time;
        self.phase = Phase::Resolved;
        self.told.resolved_at = Some(at);
        self.owed = match self.owed {
            Some(Event::Firing) if is_new => Some(Event::FiredLate),
            // Nobody was told that it was open again: they know it to be over.
            Some(Event::Reopened) => None,
            _ => self.known.then_some(Event::Resolved),
        };
    }

    /// It is one with another, which goes on under its own id and says all there is to say. Who knows that this one fired,
    /// and does not know that it is over, is told that it is.
    fn merge(&mut self, times: Times) {
        if self.is_firing() {
            self.resolve(times.watermark.max(self.ends_at), times);
        }
        self.phase = Phase::Merged;
        self.owed = self.owed.filter(|event| matches!(event, Event::Resolved | Event::Withdrawn));
    }
}

/// One group's step.
struct Step<'a> {
    facts: &'a Facts<'a>,
    fingerprint: Fingerprint,
    times: Times,
    records: &'a mut Vec<ViolationRecord>,
    fired: &'a mut Vec<(Fingerprint, Id)>,
}

impl Step<'_> {
    fn lengths(&self) -> Lengths {
        let rule = self.facts.rule;
        Lengths { gap: self.facts.gap, hold_for: rule.hold_for.0, keep_firing_for: rule.keep_firing_for.0 }
    }

    /// Records what is new or changed.
    fn violations(&mut self, group: &mut GroupState) {
        let own: Vec<Segment> = group.segments.iter().filter(|segment| !segment.inherited).cloned().collect();
        let runs = runs(&own, self.facts.gap);
        let known: Vec<Known> = group
            .violations
            .iter()
            .map(|tracked| Known {
                first_start: tracked.first_start,
                starts_at: tracked.starts_at,
                ends_at: tracked.ends_at,
                rank: u8::from(tracked.live),
                origin: tracked.origin.as_deref(),
            })
            .collect();
        let found = |run: &Run| Found { first: run.first, last: run.last, origin: origin(run, &own) };
        let found: Vec<Found<'_>> = runs.iter().map(found).collect();
        let matches = matches(&known, &found, self.facts.gap);
        let mut gone = Vec::new();
        for (at, tracked) in group.violations.iter_mut().enumerate() {
            let is_heir = matches.found[at].is_some_and(|run| matches.known[run] == Some(at));
            if is_heir || !tracked.live {
                continue;
            }
            tracked.live = false;
            tracked.revision += 1;
            let status = if matches.found[at].is_some() { Status::Merged } else { Status::Withdrawn };
            gone.push((tracked.clone(), status));
        }
        for (tracked, status) in gone {
            let violation = self.bare(&group.group, None, tracked.starts_at, tracked.ends_at);
            self.record(&tracked, status, violation);
        }
        for (run, heir) in runs.iter().zip(&matches.known) {
            let violation = self.violation(&group.group, &own[run.from..run.to], run);
            let digest = digest(&violation, self.facts.rule.condition.has_levels());
            let at = heir.unwrap_or_else(|| {
                group.violations.push(Tracked {
                    id: Id::of_episode(&self.fingerprint, run.first),
                    first_start: run.first,
                    starts_at: run.first,
                    ends_at: run.last,
                    revision: 0,
                    live: true,
                    digest: Id::default(),
                    origin: None,
                });
                group.violations.len() - 1
            });
            let tracked = &mut group.violations[at];
            tracked.origin = origin(run, &own).map(str::to_owned);
            if tracked.live && tracked.revision > 0 && tracked.digest == digest {
                continue;
            }
            tracked.revision += 1;
            tracked.live = true;
            (tracked.starts_at, tracked.ends_at, tracked.digest) = (run.first, run.last, digest);
            let tracked = tracked.clone();
            self.record(&tracked, Status::Valid, violation);
        }
    }

    fn record(&mut self, tracked: &Tracked, status: Status, violation: Violation) {
        self.records.push(ViolationRecord {
            id: tracked.id,
            revision: tracked.revision,
            status,
            rule_hash: self.facts.hash.to_owned(),
            violation,
        });
    }

    /// A violation with its times and nothing else.
    fn bare(
        &self,
        group: &[(String, Option<String>)],
        severity: Option<Severity>,
        starts_at: i64,
        ends_at: i64,
    ) -> Violation {
        let rule = self.facts.rule;
        let severity = severity.unwrap_or(rule.severity);
        Violation {
            rule: rule.name.clone(),
            severity,
            labels: self.facts.renderer.labels(rule, severity, group).0,
            fingerprint: self.fingerprint,
            group: group.to_vec(),
            condition: rule.condition.text.clone(),
            starts_at,
            ends_at,
            ongoing: false,
            window: rule.window,
            values: Vec::new(),
            peak: Vec::new(),
            evidence: Vec::new(),
            top: Vec::new(),
            failed: Vec::new(),
            summary: String::new(),
            partial: false,
        }
    }

    fn violation(&self, group: &[(String, Option<String>)], segments: &[Segment], run: &Run) -> Violation {
        let worst = segments.iter().filter_map(|segment| segment.worst).max();
        let mut violation = self.bare(group, worst, run.first, run.last);
        violation.ongoing = self.times.watermark < run.last.saturating_add(self.facts.gap);
        violation.partial = segments.iter().any(|segment| segment.partial);
        let course = course(segments);
        violation.values = declared(self.facts.rule, &course.first);
        violation.peak = declared(self.facts.rule, &course.peak);
        violation.top.clone_from(&course.top);
        if let Some(first) = segments.first() {
            violation.evidence.clone_from(&first.evidence);
            violation.failed.clone_from(&first.failed);
        }
        let default = default_summary(self.facts.rule, &violation, &course.first);
        let subject = Subject::of_violation(&violation, &course.values, &course.first, &course.peak);
        let annotations = &self.facts.rule.annotations;
        violation.summary = self.facts.renderer.summary(annotations, &subject, default).text;
        violation
    }

    /// Moves alerts on: fires, resolves, takes back, opens again.
    fn alerts(&mut self, group: &mut GroupState) {
        let chains = chains(&group.segments, self.lengths());
        let known: Vec<Known> = group
            .alerts
            .iter()
            .map(|alert| Known {
                first_start: alert.first_start,
                starts_at: alert.starts_at,
                ends_at: alert.ends_at,
                rank: match alert.phase {
                    Phase::Firing => 2,
                    Phase::Resolved => 1,
                    Phase::Withdrawn | Phase::Merged => 0,
                },
                origin: alert.origin.as_deref(),
            })
            .collect();
        let found: Vec<Found<'_>> = chains
            .iter()
            .map(|chain| {
                let origin = origin(&chain.run, &group.segments);
                Found { first: chain.first, last: chain.last, origin }
            })
            .collect();
        let matches = matches(&known, &found, self.facts.gap);
        for (at, alert) in group.alerts.iter_mut().enumerate() {
            if alert.passed_on || alert.reason.is_some() {
                // What becomes of it is told elsewhere, or was told for good.
                continue;
            }
            match matches.found[at] {
                Some(chain) if matches.known[chain] == Some(at) => {
                    self.go_on(alert, &chains[chain], &group.segments);
                }
                Some(_) => alert.merge(self.times),
                None => take_back(alert),
            }
        }
        for (chain, known) in chains.iter().zip(&matches.known) {
            if known.is_none() {
                let alert = self.fire(group, chain);
                self.fired.push((self.fingerprint, alert.told.id));
                group.alerts.push(alert);
            }
        }
    }

    fn go_on(&self, alert: &mut Alert, chain: &Chain, segments: &[Segment]) {
        (alert.starts_at, alert.ends_at, alert.excess) = (chain.first, chain.last, chain.worst.excess);
        alert.origin = origin(&chain.run, segments).map(str::to_owned);
        if let Some(since) = chain.held_since {
            alert.held_since = (since != chain.first).then_some(since);
        }
        let first = alert.course().first;
        // A start that was stored without its values keeps those that it had.
        let found = course(&segments[chain.run.from..chain.to]);
        alert.course = Some(if found.first.is_empty() { Course { first, ..found } } else { found });
        let over = self.over(chain, segments);
        match (alert.phase, over) {
            // It fires on, or is over as it was.
            (Phase::Firing, None) | (Phase::Resolved | Phase::Merged, Some(_)) => {}
            (Phase::Firing, Some(at)) => {
                // It may have moved to before the start that people were told.
                alert.resolve(at.max(alert.told.violation.starts_at), self.times);
                if self.is_forgotten(chain, segments) {
                    alert.reason = Some(FORGOTTEN.to_owned());
                }
            }
            (Phase::Resolved | Phase::Withdrawn | Phase::Merged, None) => {
                let event = if alert.known { Event::Reopened } else { Event::Firing };
                alert.phase = Phase::Firing;
                alert.told.resolved_at = None;
                // What was resolved and not yet told to be is simply still firing.
                alert.owed = if alert.owed == Some(Event::Resolved) { None } else { Some(event) };
            }
            (Phase::Withdrawn, Some(at)) => {
                alert.phase = Phase::Resolved;
                alert.told.resolved_at = Some(at);
                alert.owed = Some(Event::FiredLate);
            }
        }
    }

    /// Returns whether it is over because its group was not seen for so long that it does not count as there any more.
    fn is_forgotten(&self, chain: &Chain, segments: &[Segment]) -> bool {
        let last = segments[chain.run.from..chain.to].last();
        let seen_at = last.and_then(|last| Some((last.last, last.seen_at?)));
        seen_at.zip(self.facts.step).is_some_and(|((last, seen_at), step)| {
            last.saturating_add(step).saturating_sub(seen_at) >= self.facts.rule.lookback.0
        })
    }

    /// Returns the moment at which the alert of a chain was over, where that can be said: behind the watermark, with
    /// spans that arrived later, and with none missing in the window that shows it.
    fn over(&self, chain: &Chain, segments: &[Segment]) -> Option<i64> {
        let lengths = self.lengths();
        // What an earlier text found is over by moments of this one only.
        let earliest = self.judged(self.facts.since.saturating_add(self.facts.gap));
        let first = lengths.over(chain.last);
        let mut at = self.whole(first.max(earliest));
        if at != first {
            // It is put off, and may hold again by then: within a gap of a moment at which it holds, nothing shows that it
            // does not.
            for run in runs(segments, lengths.gap).iter().filter(|run| run.first > chain.last) {
                if (run.first..run.last.saturating_add(lengths.gap)).contains(&at) {
                    at = self.whole(lengths.over(run.last));
                }
            }
        }
        // What follows the last moment that a former text judges is not its to say.
        let known = self.facts.until.is_none_or(|until| at <= until);
        (known && at <= self.times.watermark && at < self.times.alive_to).then_some(at)
    }

    /// The first moment, from `moment` on, that is judged: only there something is shown.
    fn judged(&self, moment: i64) -> i64 {
        match self.facts.step {
            Some(step) => moment.saturating_add(step - 1).div_euclid(step).saturating_mul(step),
            None => moment,
        }
    }

    /// The first judged moment, from `moment` on, of whose window no spans are missing; `moment` itself where none are.
    fn whole(&self, moment: i64) -> i64 {
        let window = self.facts.rule.window.0;
        // Damaged stretches are in order: one pass finds it.
        self.facts.damaged.iter().fold(moment, |at, damaged| {
            let read = TimeRange { from: at.saturating_sub(window).saturating_add(1), to: at };
            if damaged.meets(read) { self.judged(damaged.to.saturating_add(window)) } else { at }
        })
    }

    fn fire(&self, group: &GroupState, chain: &Chain) -> Alert {
        let Run { from, to, .. } = chain.run;
        let violation = self.violation(&group.group, &group.segments[from..to], &chain.run);
        let course = course(&group.segments[from..chain.to]);
        let mut traces = BTreeSet::new();
        let trace_urls = violation
            .evidence
            .iter()
            .filter(|span| traces.insert(&span.trace_id))
            .filter_map(|span| self.facts.renderer.trace_url(&span.trace_id))
            .collect();
        // What could not be known before is told as it is, and is over with the next evaluation.
        let is_late = |at: &i64| at.saturating_add(self.facts.patience) <= self.times.watermark;
        let over = self.over(chain, &group.segments).filter(is_late);
        Alert {
            first_start: chain.first,
            starts_at: chain.first,
            ends_at: chain.last,
            origin: origin(&chain.run, &group.segments).map(str::to_owned),
            phase: if over.is_some() { Phase::Resolved } else { Phase::Firing },
            excess: chain.worst.excess,
            held_since: chain.held_since.filter(|since| *since != chain.first),
            severities: None,
            known: false,
            owed: Some(if over.is_some() { Event::FiredLate } else { Event::Firing }),
            reason: None,
            counts: BTreeMap::new(),
            told_at: self.times.eval_time,
            remind_after: self.facts.rule.realert.every.0,
            passed_on: false,
            untold: Vec::new(),
            muted_by: None,
            grouping: None,
            course: Some(course),
            told: Told {
                id: Id::of_episode(&self.fingerprint, chain.first),
                resolved_at: over,
                values: violation.values.iter().map(|(name, value)| (name.clone(), value.human())).collect(),
                now: None,
                annotations: BTreeMap::new(),
                trace_urls,
                rule_hash: self.facts.hash.to_owned(),
                files: Vec::new(),
                violation,
            },
        }
    }

    /// Drops what nothing needs any more.
    fn forget(&self, group: &mut GroupState) {
        let lengths = self.lengths();
        let horizon = self.facts.horizon;
        settle(&mut group.segments, lengths.gap, horizon, |run, segments| {
            lengths.is_long_enough(run, segments)
        });
        let ended = |last: i64| lengths.over(last) < horizon;
        group.alerts.retain(|alert| alert.is_firing() || alert.owed.is_some() || !ended(alert.ends_at));
        let alerts: Vec<(i64, i64)> = group
            .alerts
            .iter()
            .filter(|alert| matches!(alert.phase, Phase::Firing | Phase::Resolved))
            .map(|alert| (alert.starts_at, alert.ends_at))
            .collect();
        let mut kept = Vec::with_capacity(group.segments.len());
        for run in runs(&group.segments, lengths.gap) {
            // An alert stays what it is as long as all of its runs are there.
            let needed = alerts.iter().any(|(first, last)| run.first <= *last && *first <= run.last);
            if ended(run.last) && !needed {
                continue;
            }
            let of_run = &group.segments[run.from..run.to];
            for (at, segment) in of_run.iter().enumerate() {
                let mut segment = segment.clone();
                // All that is looked for among other alerts' is what they had last.
                segment.traces = if at + 1 == of_run.len() { sample(of_run) } else { Sample::default() };
                if at > 0 {
                    // Only what a run starts with is shown.
                    segment.values.clear();
                    segment.evidence.clear();
                    segment.failed.clear();
                    segment.origin = None;
                }
                kept.push(segment);
            }
        }
        group.segments = kept;
        let segments = &group.segments;
        group.violations.retain(|tracked| {
            !ended(tracked.ends_at)
                || segments
                    .iter()
                    .any(|segment| segment.first <= tracked.ends_at && tracked.starts_at <= segment.last)
        });
    }
}

/// The trace or occasion that a run begins with, where it is of such.
fn origin<'a>(run: &Run, segments: &'a [Segment]) -> Option<&'a str> {
    segments.get(run.from)?.origin.as_deref()
}

/// The course of an alert or a violation of these segments, of which there is one at least.
fn course(segments: &[Segment]) -> Course {
    let (Some(first), Some(last), Some(highest)) = (segments.first(), segments.last(), highest(segments))
    else {
        return Course::default();
    };
    Course {
        at: last.last,
        values: last.latest().to_vec(),
        severity: last.severity,
        first: first.values.clone(),
        peak_at: highest.peak_at,
        peak: highest.peak.clone(),
        top: highest.top.clone(),
    }
}

fn take_back(alert: &mut Alert) {
    if matches!(alert.phase, Phase::Firing | Phase::Resolved) {
        alert.phase = Phase::Withdrawn;
        alert.owed = alert.known.then_some(Event::Withdrawn);
    }
}

/// SHA-256 of a violation's JSON, without what people may change at any time: another severity or summary alone is no
/// reason to record again what was found. Of a rule with `levels` the severity is found, too.
fn digest(violation: &Violation, levels: bool) -> Id {
    let mut violation = violation.clone();
    if !levels {
        violation.severity = Severity::default();
    }
    violation.labels.clear();
    violation.summary.clear();
    violation.top.clear();
    // A violation has only texts, numbers and maps of texts: writing it cannot fail, and if it did, the empty text
    // would only make one more revision.
    let text = serde_json::to_vec(&violation).unwrap_or_default();
    Id::from_bytes(Sha256::digest(text).into())
}
