//! A state, and what evaluations found → the page that is kept beside the state.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::{Alert, Phase};
use fluo_alerts::reading::gauge::Track;
use fluo_alerts::reading::{Reading, bare_readings, readings};
use fluo_alerts::template::NO_VALUE;
use fluo_alerts::trouble::Subject;
use fluo_alerts::value::{Value, human_duration};
use fluo_alerts::violation::Violation;
use fluo_engine::record;
use fluo_report::Page;
use fluo_report::model::{self, Episode, Fact, Origin, Owed, Standing, Trace, Trouble};
use fluo_rules::rule::Rule;
use fluo_time::{Nanos, TimeRange, moment};

use super::history::{History, KEPT};
use super::{rules, trace};
use crate::pending::{Pending, pending};
use crate::report::Report;
use crate::rule_set::RuleSet;
use crate::state::{Loss, State};
use crate::status::{Related, firing};

/// The time of which charts show values.
const CHARTED: i64 = 2 * Nanos::HOUR.0;
/// The least time that charts and timeline show.
const LEAST: i64 = 15 * Nanos::MINUTE.0;

/// Returns the page of a state that an evaluation left.
pub(super) fn page(state: &State, rules: &RuleSet, report: &Report, history: &History) -> Page {
    let at = state.eval_time;
    let episodes = episodes(state, rules, history);
    let first_value =
        history.rules.values().filter_map(|past| past.track.points.first()).map(|mark| mark.at).min();
    let first_violation = episodes.iter().map(|episode| episode.violation.starts_at).min();
    let from = |first: Option<i64>, most: i64| {
        first.unwrap_or(at).clamp(at.saturating_sub(most), at.saturating_sub(LEAST))
    };
    let shows = TimeRange { from: from(first_value, CHARTED), to: at };
    Page {
        origin: Origin::Kept,
        at,
        shows,
        timeline: TimeRange { from: from(first_violation, KEPT), to: at },
        rules: all_rules(state, rules, report, history, shows),
        owed: owed(state),
        troubles: state.troubles.open().map(trouble).collect(),
        evaluation: evaluation(state, report),
        data: data(state, report),
        missing: missing(state),
        traces: traces(&episodes, rules, history),
        episodes,
    }
}

/// A page without the times that pass where nothing changes: of two pages with one content, the second need not be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    page: Page,
    set_aside: u64,
    mended: u64,
    too_late: u64,
}

/// Returns the content of the page of a state.
pub(super) fn content(page: &Page, state: &State) -> Content {
    let nothing = TimeRange { from: 0, to: 0 };
    let mut page = Page {
        at: 0,
        shows: nothing,
        timeline: nothing,
        evaluation: Vec::new(),
        data: Vec::new(),
        ..page.clone()
    };
    for rule in &mut page.rules {
        rule.judged_to = None;
        if let Some(track) = &mut rule.track {
            let last = track.points.pop();
            track.points.clear();
            track.points.extend(last);
            track.points.iter_mut().chain(&mut track.groups).for_each(|mark| mark.at = 0);
        }
    }
    let counts = &state.pipeline.set_aside.counts;
    Content {
        page,
        set_aside: counts.set_aside_total(),
        mended: counts.mended_spans,
        too_late: state.pipeline.too_late.spans,
    }
}

/// Returns the traces of violations: whole where they were read, else the spans that the violations carry.
fn traces(episodes: &[Episode], rules: &RuleSet, history: &History) -> BTreeMap<String, Trace> {
    let mut traces = trace::of_evidence(episodes.iter().flat_map(|episode| &episode.violation.evidence));
    for (id, trace) in &mut traces {
        if let Some(whole) = history.traces.get(id) {
            whole.clone_into(trace);
        }
    }
    trace::mask(&mut traces, episodes, |name| rules.rule(name));
    traces
}

/// Returns the violations of a state and of earlier evaluations.
pub(super) fn episodes(state: &State, rules: &RuleSet, history: &History) -> Vec<Episode> {
    let rule = |name: &str| rules.rule(name);
    let related = firing(state, |_| true).into_iter().filter_map(|it| Some((it.id, it.related_to?)));
    // By the episode's id: the alert that it was told together with.
    let heads: BTreeMap<String, Related> = related.collect();
    let mut episodes = Vec::new();
    // Of which group, from when to when: what is told by an alert is not told once more by its record.
    let mut told: Vec<(Fingerprint, i64, i64)> = Vec::new();
    for (name, of_rule) in &state.rules {
        for (fingerprint, alert) in of_rule.firing() {
            told.push((*fingerprint, alert.starts_at, alert.ends_at));
            let head = heads.get(&alert.told.id.to_string());
            let related_to = head.map(|head| named(rule(&head.rule), &head.rule, &head.group));
            episodes.push(Episode { related_to, ..of_alert(rule(name), alert) });
        }
    }
    let waiting: Vec<Pending> = pending(state, rules).collect();
    for record in history.valid() {
        let violation = &record.violation;
        let is_told = |(of, from, to): &(Fingerprint, i64, i64)| {
            *of == violation.fingerprint && violation.starts_at <= *to && *from <= violation.ends_at
        };
        if told.iter().any(is_told) {
            continue;
        }
        let soon = waiting.iter().find(|pending| {
            pending.rule == violation.rule
                && pending.group == violation.group
                && pending.since == violation.starts_at
        });
        let standing =
            soon.map_or(Standing::Over, |pending| Standing::Pending { fires_at: pending.fires_at });
        episodes.push(of_record(rule(&violation.rule), violation, standing));
    }
    episodes
}

fn named(rule: Option<&Rule>, name: &str, group: &[(String, Option<String>)]) -> String {
    let mut group = group.to_vec();
    rule.map(|rule| record::redact_group(rule, &mut group));
    let pair =
        |(key, value): &(String, Option<String>)| format!("{key}={}", value.as_deref().unwrap_or(NO_VALUE));
    let pairs: Vec<String> = group.iter().map(pair).collect();
    if pairs.is_empty() { name.to_owned() } else { format!("{name} [{}]", pairs.join(", ")) }
}

fn of_alert(rule: Option<&Rule>, alert: &Alert) -> Episode {
    let course = alert.course();
    let violation = Violation {
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
        top: if course.top.is_empty() { alert.told.violation.top.clone() } else { course.top.clone() },
        ..alert.told.violation.clone()
    };
    let (violation, masked) = redacted(rule, violation);
    // A link that was made of what is redacted now may say it.
    let runbook = alert.told.annotations.get("runbook_url").filter(|_| !masked);
    Episode {
        standing: if alert.phase == Phase::Firing { Standing::Firing } else { Standing::Over },
        severity: alert.severity(),
        readings: read(rule, &course.values, &course.peak),
        violation,
        muted_by: alert.muted_by.clone(),
        related_to: None,
        runbook: runbook.cloned(),
        trace_urls: alert.told.trace_urls.clone(),
    }
}

fn of_record(rule: Option<&Rule>, violation: &Violation, standing: Standing) -> Episode {
    Episode {
        standing,
        severity: violation.severity,
        readings: read(rule, &violation.values, &violation.peak),
        violation: redacted(rule, violation.clone()).0,
        muted_by: None,
        related_to: None,
        runbook: None,
        trace_urls: Vec::new(),
    }
}

/// Returns a recorded violation without what its rule redacts now, and whether anything was masked.
fn redacted(rule: Option<&Rule>, mut violation: Violation) -> (Violation, bool) {
    let masked = rule.is_some_and(|rule| record::redact(rule, &mut violation));
    (violation, masked)
}

fn read(rule: Option<&Rule>, values: &[(String, Value)], peak: &[(String, Value)]) -> Vec<Reading> {
    match rule {
        Some(rule) => readings(rule, peak, values, peak),
        None => bare_readings(values, peak),
    }
}

fn all_rules(
    state: &State,
    rules: &RuleSet,
    report: &Report,
    history: &History,
    shows: TimeRange,
) -> Vec<model::Rule> {
    let failed: BTreeSet<&str> = report.failed_rules.iter().map(String::as_str).collect();
    let of_rule = |(name, known): (&String, &crate::rule_set::Known)| {
        let trouble = state.troubles.of(&Subject::Rule(name.clone()));
        let error = trouble.map(|trouble| trouble.reason.clone());
        model::Rule {
            judged_to: state.rules.get(name).map(|of_rule| of_rule.judged_to),
            error: error.or_else(|| {
                failed.contains(name.as_str()).then(|| "the evaluation's log says why".to_owned())
            }),
            ..rules::rule(&known.rule, history.rules.get(name).map(|past| charted(&past.track, shows)))
        }
    };
    rules.rules.iter().map(of_rule).collect()
}

/// Returns the values of a rule that a chart of some times shows.
fn charted(track: &Track, shows: TimeRange) -> Track {
    let mut track = track.clone();
    track.points.retain(|mark| shows.contains(mark.at));
    track
}

fn owed(state: &State) -> Vec<Owed> {
    let of_rule = |(name, moments): (&String, &Vec<TimeRange>)| {
        let owed = moments.iter().map(|moments| Owed { rule: name.clone(), moments: *moments });
        owed.collect::<Vec<_>>()
    };
    state.rules.iter().map(|(name, of_rule)| (name, &of_rule.owed)).flat_map(of_rule).collect()
}

fn trouble(trouble: &fluo_alerts::trouble::Trouble) -> Trouble {
    Trouble {
        severity: trouble.severity,
        title: trouble.subject.to_string(),
        reason: trouble.reason.clone(),
        since: trouble.since,
    }
}

/// Returns how far evaluation is.
fn evaluation(state: &State, report: &Report) -> Vec<Fact> {
    let mut facts = vec![Fact::new("evaluated to", moment::human(state.eval_time))];
    facts.extend(report.evaluated_at.map(|at| {
        let behind = at.saturating_sub(state.eval_time).max(0);
        Fact::new(
            "behind",
            format!("{}: the evaluation began so long after its time", human_duration(behind.into())),
        )
    }));
    let slowest = state.rules.iter().min_by_key(|(name, of_rule)| (of_rule.judged_to, name.as_str()));
    facts.extend(slowest.map(|(name, of_rule)| {
        Fact::new("all rules judged to", format!("{} (last: {name})", moment::human(of_rule.judged_to)))
    }));
    facts.push(Fact::new("evaluations", state.generation.to_string()));
    facts.extend(
        (!report.postponed_rules.is_empty())
            .then(|| Fact::new("postponed", report.postponed_rules.join(", "))),
    );
    let refused = state
        .outbox
        .iter()
        .filter(|queued| queued.pending.values().any(|attempt| attempt.failed > 0))
        .count();
    facts.extend((refused > 0).then(|| Fact::new("not delivered yet", refused.to_string())));
    facts
}

/// Returns what is known of the spans.
fn data(state: &State, report: &Report) -> Vec<Fact> {
    let pipeline = &state.pipeline;
    let mut facts = Vec::new();
    facts.extend(
        (pipeline.arrived_at > 0).then(|| Fact::new("last new file", moment::human(pipeline.arrived_at))),
    );
    facts.extend(
        (pipeline.newest_end > 0).then(|| Fact::new("newest span ended", moment::human(pipeline.newest_end))),
    );
    facts.push(Fact::new(
        "read by the last evaluation",
        format!("{} spans in {} files", report.spans_in_files, report.files_read),
    ));
    let is_none = pipeline.set_aside.since == 0;
    let set_aside = if is_none { "none lately".to_owned() } else { pipeline.set_aside.to_string() };
    facts.push(Fact::new("set aside and mended", set_aside));
    facts.extend((report.spans_in_late_files > 0).then(|| {
        Fact::new(
            "late",
            format!(
                "{} spans at most reached back behind what had been judged, and were judged again",
                report.spans_in_late_files
            ),
        )
    }));
    let late = &pipeline.too_late;
    let spans =
        format!("{}{} spans of {} files", if late.at_most { "at most " } else { "" }, late.spans, late.files);
    facts.push(Fact::new(
        "too late",
        if late.spans == 0 {
            "none".to_owned()
        } else {
            format!("{spans}, the last at {}", moment::human(late.last))
        },
    ));
    facts
}

fn missing(state: &State) -> Vec<Fact> {
    let damaged = state.damaged.iter().map(|file| {
        let loss = match file.loss {
            Loss::Damaged => "damaged",
            Loss::Removed => "taken away",
            Loss::Gone => "gone",
        };
        Fact::new(file.name.clone(), format!("{loss}: {}", file.reason))
    });
    let unread = state
        .unread
        .iter()
        .map(|file| Fact::new(file.name.clone(), format!("not readable now: {}", file.reason)));
    damaged.chain(unread).collect()
}
