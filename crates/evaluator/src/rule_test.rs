//! Runs rule tests: spans that are written down, through the same evaluations as live ones.
//!
//! A test's spans become data files in memory, which arrive when the test says; evaluations follow each other by the
//! minute until nothing can change any more. Then every expectation is held against what came out.

mod severity;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use fluo_alerts::life_cycle::Phase;
use fluo_alerts::life_cycle::transition::Status;
use fluo_alerts::notification::Event;
use fluo_alerts::template::NO_VALUE;
use fluo_alerts::value::{Value, human_duration};
use fluo_alerts::violation::Violation;
use fluo_engine::EngineError;
use fluo_rules::diagnostic::Place;
use fluo_rules::matcher::Number;
use fluo_rules::rule::{Rule, Severity};
use fluo_rules::test_file::{
    Expectation, Expected, Kind, Literal, Pipeline, State, Status as SpanStatus, Test, TestSpan,
};
use fluo_spans::layout::Layout;
use fluo_spans::span::{Attributes, Event as SpanEvent, InstrumentationScope, Link, Resource, Span};
use fluo_spans::text;
use fluo_store::names::Content;
use fluo_store::{DataFile, Packing, Root, StoreError, write_spans};
use fluo_time::{Nanos, moment};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use severity::Severities;

use crate::arrivals::{Live, Scheduled};
use crate::evaluate::Evaluator;
use crate::replay::{Replayed, latest, replay, schedule};
use crate::rule_set::RuleSet;
use crate::settings::Settings;
use crate::span_data::SpanData;

/// Evaluations are this far apart.
const EVERY: i64 = Nanos::MINUTE.0;

/// The most evaluations of one test: a week by the minute.
const MOST_EVALUATIONS: i64 = 7 * 24 * 60;

/// A span, and when it arrives.
pub type Arriving = (Span, i64);

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// Its place.
    pub place: Place,
    /// The mismatches; none where it passed.
    pub failures: Vec<Mismatch>,
}

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The place of the expectation; none where something was not expected.
    pub place: Option<Place>,
    /// The message: what is not as expected, in a line.
    pub message: String,
    /// The text of what was expected.
    pub expected: String,
    /// The text of what is so instead.
    pub actual: String,
}

/// The reasons why a test could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RuleTestError {
    /// Occurs when its files cannot be held.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when a rule cannot be judged up to the moment of an expectation.
    #[error("a rule could not be judged again up to the moment of an expectation")]
    Engine(#[from] EngineError),
    /// Occurs when it spans more time than a test may.
    #[error("the test goes on for {days} days, and tests may for 7: set `until`, or move the spans together")]
    TooLong {
        /// The number of days.
        days: i64,
    },
}

/// The spans of a test's templates.
pub fn spans_of(test: &Test) -> Vec<Arriving> {
    test.spans().map(|span| (to_span(&span), span.arrives_ns)).collect()
}

fn to_span(span: &TestSpan<'_>) -> Span {
    let template = span.template;
    let attributes = |pairs: &[(String, Literal)]| {
        Attributes::new(
            pairs.iter().map(|(key, value)| (key.clone(), text::canonical(to_value(value)))).collect(),
        )
    };
    Span {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_id,
        trace_state: template.trace_state.clone(),
        flags: 1,
        name: template.name.clone(),
        kind: match template.kind {
            Kind::Unspecified => fluo_spans::span::Kind::Unspecified,
            Kind::Internal => fluo_spans::span::Kind::Internal,
            Kind::Server => fluo_spans::span::Kind::Server,
            Kind::Client => fluo_spans::span::Kind::Client,
            Kind::Producer => fluo_spans::span::Kind::Producer,
            Kind::Consumer => fluo_spans::span::Kind::Consumer,
        },
        status: match template.status {
            SpanStatus::Unset => fluo_spans::span::Status::Unset,
            SpanStatus::Ok => fluo_spans::span::Status::Ok,
            SpanStatus::Error => fluo_spans::span::Status::Error,
        },
        status_message: template.status_message.clone(),
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        attributes: attributes(&template.attributes),
        resource: Arc::new(Resource {
            service_name: template.service_name.clone(),
            attributes: attributes(&template.resource),
        }),
        scope: Arc::new(InstrumentationScope {
            name: template.scope_name.clone(),
            version: template.scope_version.clone(),
            attributes: attributes(&template.scope),
        }),
        events: template
            .events
            .iter()
            .map(|event| SpanEvent {
                time_ns: event.at.map_or(span.end_ns, |at| span.start_ns.saturating_add(at.0)),
                name: event.name.clone(),
                attributes: attributes(&event.attributes),
            })
            .collect(),
        links: std::iter::zip(&template.links, span.links.iter())
            .map(|(link, (trace_id, span_id))| Link {
                trace_id: trace_id.unwrap_or(span.trace_id),
                span_id: *span_id,
                trace_state: String::new(),
                attributes: attributes(&link.attributes),
            })
            .collect(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}

fn to_value(literal: &Literal) -> text::Value<'_> {
    match literal {
        Literal::Text(text) => text::Value::String(text.as_str().into()),
        Literal::Bool(bool) => text::Value::Boolean(*bool),
        Literal::Int(int) => text::Value::Integer((*int).into()),
        Literal::Float(float) => text::Value::Double(*float),
        Literal::List(list) => text::Value::Array(list.iter().map(to_value).collect()),
        Literal::Map(map) => {
            text::Value::Map(map.iter().map(|(key, value)| (key.as_str().into(), to_value(value))).collect())
        }
    }
}

/// Runs a test of `rules` over its spans, those of its templates and those that the caller read from its files.
pub async fn run(
    test: &Test,
    rules: &RuleSet,
    spans: Vec<Arriving>,
    settings: &Settings,
) -> Result<Verdict, RuleTestError> {
    let stored = Stored::of(&spans).await?;
    let (replayed, times) = evaluate_stored(test, rules, &spans, &stored, settings).await?;
    let begin = times.first().copied().unwrap_or(test.start);
    let mut failures = Vec::new();
    for expectation in &test.expect {
        let Some(known) = rules.rules.get(&expectation.rule) else { continue };
        let severities = match expectation.severity {
            Some(_) => Some(Severities::at(known, &stored, begin, expectation.at).await?),
            None => None,
        };
        failures.extend(unmet(expectation, &known.rule, &replayed, severities.as_ref()));
    }
    failures.extend(unexpected(test, rules, &replayed));
    for report in &replayed.reports {
        for rule in &report.failed_rules {
            let message = format!("`{rule}` could not be judged");
            let told = replayed.notifications.iter().find(|told| told.rule.as_ref() == Some(rule));
            let actual = told.and_then(|told| told.reason.clone()).unwrap_or_default();
            let mismatch = Mismatch { place: None, message, expected: "judged".to_owned(), actual };
            if !failures.contains(&mismatch) {
                failures.push(mismatch);
            }
        }
    }
    Ok(Verdict { name: test.name.clone(), place: test.place.clone(), failures })
}

/// The evaluations of a test, and their times.
pub async fn evaluate(
    test: &Test,
    rules: &RuleSet,
    spans: Vec<Arriving>,
    settings: &Settings,
) -> Result<(Replayed, Vec<i64>), RuleTestError> {
    let stored = Stored::of(&spans).await?;
    evaluate_stored(test, rules, &spans, &stored, settings).await
}

/// The spans of a test, in files, and when each arrives.
struct Stored {
    root: Root,
    folder: Path,
    files: Vec<DataFile>,
    arrival: BTreeMap<String, i64>,
}

impl Stored {
    /// Writes spans into files: those that arrive in the same tick come in one.
    async fn of(spans: &[Arriving]) -> Result<Self, RuleTestError> {
        let root = Root::in_memory()?;
        let folder = Path::from("spans");
        let mut spans = spans.to_vec();
        spans.sort_by_key(|(span, arrives)| (*arrives, span.end_ns, span.trace_id, span.span_id));
        let mut by_arrival: BTreeMap<i64, Vec<Span>> = BTreeMap::new();
        for (span, arrives) in spans {
            let tick = arrives
                .div_euclid(EVERY)
                .saturating_add(i64::from(arrives.rem_euclid(EVERY) > 0))
                .saturating_mul(EVERY);
            by_arrival.entry(tick).or_default().push(span);
        }
        let mut stored = Self { root, folder, files: Vec::new(), arrival: BTreeMap::new() };
        for (at, spans) in by_arrival {
            let content = Content::of(at.to_string().as_bytes());
            let (store, layout) = (stored.root.store.as_ref(), Layout::builtin());
            let at_ms = at / 1_000_000;
            let written =
                write_spans(store, &stored.folder, spans, content, at_ms, &layout, Packing::Quick).await?;
            stored.arrival.extend(written.iter().map(|file| (file.location.to_string(), at)));
            for file in &written {
                let failed = |source| {
                    let location = file.location.clone();
                    StoreError::Request { action: "look up", location, source }
                };
                stored.files.push(DataFile::of(store.head(&file.location).await.map_err(failed)?));
            }
        }
        Ok(stored)
    }
}

async fn evaluate_stored(
    test: &Test,
    rules: &RuleSet,
    spans: &[Arriving],
    stored: &Stored,
    settings: &Settings,
) -> Result<(Replayed, Vec<i64>), RuleTestError> {
    let times = times(test, rules, spans, settings)?;
    let settings = Settings { always_alive: test.pipeline == Pipeline::Alive, ..settings.clone() };
    let live = Live { store: Arc::clone(&stored.root.store), spans: stored.folder.clone() };
    let data = SpanData::new(stored.root.clone());
    let evaluator = Evaluator::new(settings, data);
    let arrivals = Scheduled { live, arrival: stored.arrival.clone() };
    let replayed = replay(&evaluator, rules, &arrivals, times.iter().copied()).await?;
    Ok((replayed, times))
}

/// Returns the times at which a test is evaluated: by the minute from its start until everything has arrived and settled.
fn times(
    test: &Test,
    rules: &RuleSet,
    spans: &[Arriving],
    settings: &Settings,
) -> Result<Vec<i64>, RuleTestError> {
    let first_end = spans.iter().map(|(span, _)| span.end_ns).min().unwrap_or(test.start);
    let begin = test.start.min(first_end).saturating_sub(1);
    let settled = rules.rules.values().map(|known| {
        let rule = &known.rule;
        let delay = rule.eval_delay.unwrap_or(settings.eval_delay).0;
        // Over at the last moment plus the gap, and told at the next evaluation behind the watermark.
        let of_trace = rule.trace().map_or(0, |trace| trace.max_duration.0) + rule.waits().0;
        rule.window.0.saturating_mul(2)
            + rule.hold_for.0
            + rule.keep_firing_for.0
            + delay
            + of_trace
            + 2 * EVERY
    });
    let settled = settled.max().unwrap_or_default();
    let last = spans.iter().map(|(span, arrives)| span.end_ns.max(*arrives)).max().unwrap_or(test.start);
    let expected = test.expect.iter().map(|expectation| expectation.at).max().unwrap_or(last);
    let end = test.until.unwrap_or_else(|| last.max(expected).saturating_add(settled));
    if end.saturating_sub(begin) / EVERY > MOST_EVALUATIONS {
        return Err(RuleTestError::TooLong { days: end.saturating_sub(begin) / Nanos::DAY.0 });
    }
    Ok(schedule(begin, end, EVERY).collect())
}

/// An alert or a violation, as it is known at a moment.
#[derive(Debug, Clone)]
struct Known {
    state: State,
    group: Vec<(String, Option<String>)>,
    violation: Option<Violation>,
    summary: Option<String>,
    events: Vec<(Event, Option<String>)>,
}

/// Returns the alerts and violations that are known of a rule's groups at a moment, once everything has arrived.
fn known_at(rule: &Rule, at: i64, replayed: &Replayed) -> Vec<Known> {
    let mut known: BTreeMap<Vec<(String, Option<String>)>, Known> = BTreeMap::new();
    let mut put = |group: &[(String, Option<String>)], new: Known| {
        let rank = |state: State| match state {
            State::Firing => 3,
            State::Pending => 2,
            State::Resolved => 1,
            State::Inactive => 0,
        };
        let slot = known.entry(group.to_vec()).or_insert_with(|| new.clone());
        if rank(new.state) >= rank(slot.state) {
            *slot = new;
        }
    };
    let events = |id| -> Vec<(Event, Option<String>)> {
        let mine = |told: &&fluo_alerts::notification::Notification| {
            told.alert.as_ref().is_some_and(|alert| alert.id == id)
        };
        replayed.notifications.iter().filter(mine).map(|told| (told.event, told.reason.clone())).collect()
    };
    let latest = latest(&replayed.records);
    for record in latest.iter().filter(|record| record.status == Status::Valid) {
        let violation = &record.violation;
        let open = violation.starts_at <= at && at <= violation.ends_at;
        if violation.rule == rule.name && rule.hold_for.0 > 0 && open {
            let state = State::Pending;
            let pending = Known {
                state,
                group: violation.group.clone(),
                violation: Some(violation.clone()),
                summary: None,
                events: Vec::new(),
            };
            put(&violation.group, pending);
        }
    }
    for ((name, id), past) in &replayed.alerts {
        let alert = &past.alert;
        if *name != rule.name || alert.phase == Phase::Merged {
            continue;
        }
        let fired_at = alert.held_since.unwrap_or(alert.starts_at).saturating_add(rule.hold_for.0);
        let state = match (alert.phase, alert.told.resolved_at) {
            (Phase::Withdrawn, _) => State::Inactive,
            (_, Some(over)) if at >= over => State::Resolved,
            _ if at >= fired_at => State::Firing,
            _ => continue,
        };
        // As it is recorded now that everything has arrived, or as it was told where it was taken back.
        let recorded = latest.iter().filter(|record| record.violation.fingerprint == past.fingerprint);
        let violation = recorded
            .filter(|record| {
                record.status == Status::Valid && record.violation.starts_at <= at.max(alert.starts_at)
            })
            .filter(|record| record.violation.starts_at >= alert.starts_at)
            .map(|record| record.violation.clone())
            .next_back()
            .unwrap_or_else(|| alert.told.violation.clone());
        put(
            &past.group,
            Known {
                state,
                group: past.group.clone(),
                violation: Some(violation),
                // As it was when it fired.
                summary: Some(alert.told.violation.summary.clone()),
                events: events(*id),
            },
        );
    }
    known.into_values().collect()
}

/// Returns why an expectation is not met; none where it is.
fn unmet(
    expectation: &Expectation,
    rule: &Rule,
    replayed: &Replayed,
    severities: Option<&Severities>,
) -> Option<Mismatch> {
    let known = known_at(rule, expectation.at, replayed);
    let of_group = |known: &&Known| {
        expectation
            .group
            .iter()
            .all(|wanted| known.group.iter().any(|(key, value)| *key == wanted.key && *value == wanted.value))
    };
    let candidates: Vec<&Known> = known.iter().filter(of_group).collect();
    let met = if expectation.state == State::Inactive {
        candidates.iter().all(|known| known.state == State::Inactive && has_told(expectation, known))
            && (expectation.event.is_none() || !candidates.is_empty())
    } else {
        candidates.iter().any(|known| {
            let wanted = expectation.severity.as_ref().map(|(severity, _)| *severity);
            meets(expectation, known) && wanted == severities.map(|severities| severities.of(&known.group))
        })
    };
    if met {
        return None;
    }
    let described = |known: &Known| {
        let severity = severities.filter(|_| known.state != State::Inactive);
        described(known, expectation, severity.map(|severities| severities.of(&known.group)))
    };
    let actual = if candidates.is_empty() {
        let others: Vec<String> = known.iter().map(described).collect();
        if others.is_empty() {
            "inactive".to_owned()
        } else {
            format!("inactive; of other groups: {}", others.join("; "))
        }
    } else {
        candidates.iter().map(|known| described(known)).collect::<Vec<_>>().join("; ")
    };
    let message = format!("`{}` at {} is not as expected", expectation.rule, moment::format(expectation.at));
    Some(Mismatch { place: Some(expectation.place.clone()), message, expected: wanted(expectation), actual })
}

fn meets(expectation: &Expectation, known: &Known) -> bool {
    known.state == expectation.state
        && has_told(expectation, known)
        && expectation.summary.as_ref().is_none_or(|summary| known.summary.as_ref() == Some(summary))
        && expectation.values.iter().all(|wanted| {
            let values = known.violation.iter().flat_map(|violation| &violation.values);
            values.clone().any(|(name, value)| *name == wanted.key && is_equal(*value, wanted.value))
        })
}

fn has_told(expectation: &Expectation, known: &Known) -> bool {
    let Some(event) = expectation.event else { return true };
    known.events.iter().any(|(told, reason)| {
        told.as_str() == event && (expectation.reason.is_none() || *reason == expectation.reason)
    })
}

#[expect(clippy::cast_precision_loss, reason = "within the tolerance")]
fn is_equal(value: Value, expected: Expected) -> bool {
    let close = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(other.abs());
    match (value, expected) {
        (Value::None, Expected::Missing) => true,
        (Value::Int(int) | Value::Duration(int), Expected::Duration(nanos)) => int == i128::from(nanos.0),
        (Value::Float(float), Expected::Duration(nanos)) => close(float, nanos.0 as f64),
        (Value::Int(int) | Value::Duration(int), Expected::Number(Number::Int(wanted))) => {
            int == i128::from(wanted)
        }
        (Value::Int(int) | Value::Duration(int), Expected::Number(Number::Float(wanted))) => {
            close(int as f64, wanted)
        }
        (Value::Float(float), Expected::Number(Number::Int(wanted))) => close(float, wanted as f64),
        (Value::Float(float), Expected::Number(Number::Float(wanted))) => close(float, wanted),
        (Value::None | Value::Moment(_), _) | (_, Expected::Missing) => false,
    }
}

/// Alerts of rules that the test does not name.
///
/// An alert about the absence of spans is no surprise: before and after its own spans, a test is silent.
fn unexpected(test: &Test, rules: &RuleSet, replayed: &Replayed) -> Vec<Mismatch> {
    let named = |rule: &str| test.expect.iter().any(|expectation| expectation.rule == rule);
    let is_absence = |rule: &str, violation: &Violation| {
        // What a query shows, it says itself.
        let keeps = |rule: &Rule| rule.evidence_limit > 0 && rule.sql().is_none();
        let keeps_evidence = rules.rules.get(rule).is_some_and(|known| keeps(&known.rule));
        keeps_evidence && violation.evidence.is_empty()
    };
    let mut failures = Vec::new();
    for ((rule, _), past) in &replayed.alerts {
        if named(rule) || is_absence(rule, &past.alert.told.violation) {
            continue;
        }
        failures.push(Mismatch {
            place: None,
            message: format!("`{rule}` has an alert, and the test does not name it"),
            expected: "no alert".to_owned(),
            actual: format!(
                "{} since {}",
                past.alert.told.violation.summary,
                moment::format(past.alert.starts_at)
            ),
        });
    }
    failures
}

fn wanted(expectation: &Expectation) -> String {
    let mut text = expectation.state.as_str().to_owned();
    if let Some((severity, _)) = expectation.severity {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ", {severity}");
    }
    let group: Vec<String> = expectation
        .group
        .iter()
        .map(|entry| format!("{}={}", entry.key, entry.value.as_deref().unwrap_or(NO_VALUE)))
        .collect();
    let values: Vec<String> = expectation
        .values
        .iter()
        .map(|entry| {
            let value = match entry.value {
                Expected::Number(Number::Int(int)) => int.to_string(),
                Expected::Number(Number::Float(float)) => float.to_string(),
                Expected::Duration(nanos) => human_duration(nanos.0.into()),
                Expected::Missing => "no value".to_owned(),
            };
            format!("{} = {value}", entry.key)
        })
        .collect();
    join(&mut text, &group);
    join(&mut text, &values);
    if let Some(event) = expectation.event {
        let _ = write!(text, ", told `{event}`");
    }
    if let Some(reason) = &expectation.reason {
        let _ = write!(text, " because of `{reason}`");
    }
    if let Some(summary) = &expectation.summary {
        let _ = write!(text, ", `{summary}`");
    }
    text
}

fn described(known: &Known, expectation: &Expectation, severity: Option<Severity>) -> String {
    let mut text = known.state.as_str().to_owned();
    if let Some(severity) = severity {
        let _ = write!(text, ", {severity}");
    }
    let group: Vec<String> = known
        .group
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or(NO_VALUE)))
        .collect();
    join(&mut text, &group);
    if let Some(violation) = &known.violation {
        let values: Vec<String> =
            violation.values.iter().map(|(name, value)| format!("{name} = {}", value.human())).collect();
        join(&mut text, &values);
        let _ = write!(
            text,
            ", from {} to {}",
            moment::format(violation.starts_at),
            moment::format(violation.ends_at)
        );
    }
    if expectation.event.is_some() {
        let events: Vec<&str> = known.events.iter().map(|(event, _)| event.as_str()).collect();
        let _ = write!(
            text,
            ", told {}",
            if events.is_empty() { "nothing".to_owned() } else { events.join(", ") }
        );
    }
    if let (Some(_), Some(summary)) = (&expectation.summary, &known.summary) {
        let _ = write!(text, ", `{summary}`");
    }
    text
}

fn join(text: &mut String, parts: &[String]) {
    if !parts.is_empty() {
        let _ = write!(text, ", {}", parts.join(", "));
    }
}
