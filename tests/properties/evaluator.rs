//! The evaluator against the reference: whatever the order and the delay in which files arrive, how often they do, and
//! when it is evaluated, what is recorded in the end is what the reference finds in all spans at once.

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::life_cycle::transition::Status;
use fluo_alerts::notification::Event;
use fluo_alerts::violation::Violation;
use fluo_evaluator::arrivals::{Live, Scheduled};
use fluo_evaluator::replay::{Replayed, latest, replay};
use fluo_evaluator::rule_set::Known;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Evaluator, RuleSet, Settings};
use fluo_plan::RulePlan;
use fluo_rules::rule::Rule;
use fluo_spans::identity::dedupe;
use fluo_spans::span::Span;
use fluo_store::{Content, Packing, Root, write_spans};
use fluo_tests::generate::traces::across;
use fluo_tests::generate::{self, Case, arrival};
use fluo_tests::reference::{self, Episode, Range};
use fluo_time::Nanos;
use object_store::path::Path;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block_on;
use crate::engine::{layouts, same_values, with_givens};

const SECOND: i64 = Nanos::SECOND.0;

/// Spans may be so late.
const LATENESS: i64 = 480 * SECOND;

/// Evaluations are at most so far apart: a file is late when the first of them sees it.
const LONGEST_STEP: i64 = 200 * SECOND;

/// The arrivals of files, and the evaluations.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    /// The delay of each file after its last span, as a part of what is allowed.
    delays: Vec<f64>,
    /// Distances of evaluations; the last goes on for ever.
    steps: Vec<i64>,
}

pub(crate) fn course() -> impl Strategy<Value = Course> {
    let step = prop_oneof![Just(60 * SECOND), Just(5 * SECOND), SECOND..LONGEST_STEP];
    (vec(prop_oneof![2 => Just(0.0), 3 => 0.0..1.0_f64], 10), vec(step, 1..4))
        .prop_map(|(delays, steps)| Course { delays, steps })
}

/// Evaluates rules, together, as files arrive. Returns what is told, and the range in which each rule was judged.
pub(crate) async fn evaluated(
    rules: &[Rule],
    files: &[Vec<Span>],
    course: &Course,
) -> (Replayed, Vec<Range>) {
    let root = Root::in_memory().unwrap();
    let folder = Path::from("spans");
    let all: Vec<Span> = files.iter().flatten().cloned().collect();
    let layouts = layouts(&all);
    let settings = Settings { allowed_lateness: Nanos(LATENESS), always_alive: true, ..Settings::default() };
    let delay = settings.eval_delay.0;
    let mut arrival: BTreeMap<String, i64> = BTreeMap::new();
    for (number, spans) in files.iter().enumerate() {
        let spans = spans.clone();
        let ends = spans.iter().map(|span| span.end_ns);
        let (Some(first), Some(last)) = (ends.clone().min(), ends.max()) else { continue };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "any moment in between"
        )]
        let late = ((first + delay + LATENESS - LONGEST_STEP - last).max(0) as f64
            * course.delays[number % course.delays.len()]) as i64;
        let content = Content::of(&[u8::try_from(number).unwrap()]);
        let layout = &layouts[number % layouts.len()];
        let store = root.store.as_ref();
        // What is read does not depend on it.
        let packing = if number % 2 == 0 { Packing::Small } else { Packing::Quick };
        let written = write_spans(store, &folder, spans, content, 0, layout, packing).await.unwrap();
        arrival.extend(written.into_iter().map(|file| (file.location.to_string(), last + late)));
    }
    let ends = all.iter().map(|span| span.end_ns);
    let (first, last) = (ends.clone().min().unwrap_or(0), ends.max().unwrap_or(0));
    let begin = first - 30 * SECOND;
    // A moment late is late: the last evaluation that can see a file is the first one after it.
    let end = arrival.values().copied().max().unwrap_or(last) + LONGEST_STEP;
    let mut times = vec![begin];
    let mut steps = course.steps.iter().copied().chain(std::iter::repeat(60 * SECOND));
    while times.last().is_some_and(|time| *time < end) {
        times.push(times[times.len() - 1] + steps.next().unwrap());
    }
    let live = Live { store: Arc::clone(&root.store), spans: folder };
    let data = SpanData::new(root);
    let evaluator = Evaluator::new(settings, data);
    let known = |rule: &Rule| (rule.name.clone(), Known::new(rule.clone(), rule.source.hash.clone()));
    let set = RuleSet { rules: rules.iter().map(known).collect(), whole: true, ..RuleSet::default() };
    let arrivals = Scheduled { live, arrival };
    let last = times[times.len() - 1];
    let replayed = replay(&evaluator, &set, &arrivals, times).await.unwrap();
    let range = |rule: &Rule| {
        let exact = RulePlan::new(Arc::new(rule.clone())).unwrap().judging().is_exact();
        let waits = rule.waits().0;
        let to = if exact { last } else { last - rule.eval_delay.map_or(delay, |delay| delay.0) - waits };
        Range { from: Some(begin - delay - waits + 1), to: Some(to) }
    };
    (replayed, rules.iter().map(range).collect())
}

/// The violations of a rule that stand in the end, by start and group.
pub(crate) fn found_of(rule: &Rule, replayed: &Replayed) -> Vec<ViolationRecord> {
    let stands =
        |record: &ViolationRecord| record.status == Status::Valid && record.violation.rule == rule.name;
    let mut found: Vec<ViolationRecord> = latest(&replayed.records).into_iter().filter(stands).collect();
    let by_group = |record: &ViolationRecord| -> (i64, Vec<Option<String>>) {
        (record.violation.starts_at, record.violation.group.iter().map(|(_, value)| value.clone()).collect())
    };
    found.sort_by_key(by_group);
    found
}

fn same(rule: &Rule, expected: &Episode, record: &ViolationRecord) -> bool {
    let violation = &record.violation;
    let group: Vec<Option<String>> = violation.group.iter().map(|(_, value)| value.clone()).collect();
    let evidence: Vec<_> = violation
        .evidence
        .iter()
        .map(|span| (span.trace_id.clone(), span.span_id.clone(), span.end_time))
        .collect();
    let expected_evidence: Vec<_> = expected
        .evidence
        .iter()
        .map(|(trace, span, end)| (hex::encode(trace), hex::encode(span), *end))
        .collect();
    (rule.redact.is_empty() && group == expected.group || !rule.redact.is_empty())
        && violation.starts_at == expected.starts_at
        && violation.ends_at == expected.ends_at
        && violation.severity == expected.worst.unwrap_or(rule.severity)
        && violation.ongoing == expected.ongoing
        && same_values(&expected.values, &violation.values)
        && same_values(&expected.peak, &violation.peak)
        && evidence == expected_evidence
}

/// Returns what is compared of a violation.
fn short(violation: &Violation) -> String {
    let Violation { group, starts_at, ends_at, ongoing, values, peak, evidence, .. } = violation;
    let evidence: Vec<_> =
        evidence.iter().map(|span| (&span.trace_id, &span.span_id, span.end_time)).collect();
    format!("{group:?} {starts_at}..{ends_at} {ongoing} {values:?} {peak:?} {evidence:?}")
}

fn check(case: &Case, files: &[Vec<Span>], course: &Course) -> Result<(), TestCaseError> {
    let rule = Rule { group_limit: 10_000, eval_delay: None, allowed_lateness: None, ..case.rule.clone() };
    let (replayed, ranges) = block_on(evaluated(std::slice::from_ref(&rule), files, course));
    let range = ranges[0];
    let failed: Vec<&String> = replayed.reports.iter().flat_map(|report| &report.failed_rules).collect();
    prop_assert!(failed.is_empty(), "{:?}", replayed.notifications.first());
    // Of copies in one file, ingest keeps one.
    let stored: Vec<Span> = files.iter().flat_map(|file| dedupe(file.clone()).spans).collect();
    let expected = with_givens(|givens| reference::evaluate(&rule, &stored, range, givens)).unwrap();
    let found = found_of(&rule, &replayed);
    let agree = expected.len() == found.len()
        && expected.iter().zip(&found).all(|(expected, found)| same(&rule, expected, found));
    let expected: Vec<&Episode> =
        expected.iter().filter(|expected| !found.iter().any(|found| same(&rule, expected, found))).collect();
    let found: Vec<_> = found.iter().map(|record| &record.violation).map(short).collect();
    prop_assert!(agree, "missing {expected:?}\namong {found:#?}");
    told_in_order(&replayed)
}

/// Of every alert: it fires before all else, never fires twice in a row, and what is told of it never changes.
fn told_in_order(replayed: &Replayed) -> Result<(), TestCaseError> {
    let mut last = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for notification in &replayed.notifications {
        let Some(alert) = &notification.alert else { continue };
        prop_assert!(ids.insert(notification.id), "an id is used once: {notification:?}");
        let (event, before) =
            (notification.event, last.insert(alert.id, (notification.event, alert.violation.clone())));
        match before {
            None => prop_assert!(matches!(event, Event::Firing | Event::FiredLate), "{event} first"),
            Some((before, violation)) => {
                prop_assert_eq!(&violation, &alert.violation);
                let follows = match event {
                    Event::Escalated | Event::Renotify | Event::Resolved => before.is_open(),
                    Event::Withdrawn => before != Event::Withdrawn,
                    Event::Reopened => before.is_closed(),
                    Event::FiredLate => before == Event::Withdrawn,
                    _ => false,
                };
                prop_assert!(follows, "{event} after {before}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        // Each case is some dozen evaluations.
        cases: ProptestConfig::default().cases / 8,
        ..ProptestConfig::default()
    })]

    #[test]
    fn arrival_order_and_delays_change_nothing(
        (case, files) in arrival::delivered(generate::case()),
        course in course(),
    ) {
        check(&case, &files, &course)?;
    }

    #[test]
    fn arrival_order_and_delays_change_nothing_across_traces(
        (case, files) in arrival::delivered(across::case()),
        course in course(),
    ) {
        check(&case, &files, &course)?;
    }

    #[test]
    fn parents_and_children_count_whenever_they_arrive(
        (case, files) in arrival::delivered(generate::kin::case()),
        course in course(),
    ) {
        check(&case, &files, &course)?;
    }
}
