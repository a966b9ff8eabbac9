//! An event of an alert → its notification: how it stands, the rule's texts as they read now, title and text.

use std::collections::BTreeMap;

use fluo_rules::rule::{Rule, Severity};
use fluo_rules::trace::words::demand as demand_in_words;

use super::state::{Alert, Course, Phase};
use super::transition::Times;
use crate::escape::plain;
use crate::notification::{Event, Id, Notification, Now, SCHEMA, SummaryLine, Told};
use crate::reading::{bare_readings, readings, shown};
use crate::template::{Renderer, SUMMARY, Subject};
use crate::value::Value;
use crate::violation::declared;
use crate::words;

/// An event of an alert that is told now.
pub(super) struct Due {
    pub(super) notification: Notification,
    pub(super) excess: Option<f64>,
    pub(super) line: SummaryLine,
}

/// Returns the notification of an alert's event, in the words of now.
pub(super) fn tell(
    alert: &mut Alert,
    group: &[(String, Option<String>)],
    (event, severity): (Event, Severity),
    rule: Option<&Rule>,
    renderer: &Renderer,
    times: Times,
) -> Due {
    let count = alert.counts.entry(event).or_default();
    let id = Id::of_notification(&alert.told.id.to_string(), event, *count);
    *count += 1;
    let course = alert.course();
    let mut notes = Vec::new();
    let mut labels = alert.told.violation.labels.clone();
    if let Some(rule) = rule {
        // Of a rule that is not there any more, the texts stay as they were told last.
        let told = (event, severity);
        alert.told.annotations = annotations(alert, &course, told, rule, renderer, times, &mut notes);
        let (of_now, failures) = renderer.labels(rule, severity, &alert.told.violation.group);
        notes.extend(failures);
        if rule.condition.has_levels() {
            labels = of_now;
        }
    }
    let untold = if event == Event::Resolved { std::mem::take(&mut alert.untold) } else { Vec::new() };
    let now = Now { untold, notes, ..now(alert, course, event, rule) };
    let violation = &alert.told.violation;
    let summary = alert.told.annotations.get(SUMMARY).cloned();
    let summary = summary.unwrap_or_else(|| words::line(event, &alert.told, &now));
    let told = Told { now: Some(now), ..alert.told.clone() };
    let values = told.compared(event);
    let mut notification = Notification {
        schema: SCHEMA.to_owned(),
        id,
        event,
        at: times.eval_time,
        severity,
        title: String::new(),
        text: String::new(),
        rule: Some(violation.rule.clone()),
        labels,
        reason: alert.reason.clone().or_else(|| (alert.phase == Phase::Merged).then(|| "merged".to_owned())),
        alert: Some(told),
        summary: None,
        together: None,
        alarm: None,
        trouble: None,
    };
    notification.title = format!("{}: {}", notification.heading(), plain(&summary));
    notification.text = words::text(&notification);
    let line = SummaryLine {
        id: alert.told.id,
        group: group.to_vec(),
        values,
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
    };
    Due { notification, excess: alert.excess, line }
}

/// The rule's annotations as they read now; one that cannot be rendered is left out, and said why.
fn annotations(
    alert: &Alert,
    course: &Course,
    (event, severity): (Event, Severity),
    rule: &Rule,
    renderer: &Renderer,
    times: Times,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let subject = Subject {
        violation: &alert.told.violation,
        state: event.as_str(),
        severity,
        at: course.at,
        value: &course.values,
        first: &course.first,
        peak: &course.peak,
        top: &course.top,
        started_at: alert.starts_at,
        until: alert.told.resolved_at.unwrap_or(times.eval_time),
    };
    let mut texts = BTreeMap::new();
    for (name, text) in renderer.annotations(&rule.annotations, &subject) {
        match text {
            Ok(text) => {
                texts.insert(name, text);
            }
            Err(reason) => {
                notes.push(format!("the annotation {} could not be rendered: {reason}", plain(&name)));
            }
        }
    }
    texts
}

/// A demand of a rule about traces: `always[0]: a span with name = "check"`.
fn in_words(rule: Option<&Rule>, name: &str) -> String {
    let trace = rule.and_then(Rule::trace);
    let found = trace.and_then(|trace| {
        let (at, demand) = trace.demands().enumerate().find(|(at, _)| trace.demand_name(*at) == name)?;
        Some(format!("{}: {}", trace.demand_name(at), demand_in_words(trace, demand)))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// Returns the alert's present state for messages.
fn now(alert: &Alert, course: Course, event: Event, rule: Option<&Rule>) -> Now {
    let (values, peak) = (&course.values, &course.peak);
    // What is over says what was wrong at its worst: at its last moment a lower level may have held, or none.
    let at = |rule: &Rule| {
        let differs = rule.condition.has_levels() || rule.condition.resolve.is_some();
        if event.is_closed() && differs { peak } else { values }
    };
    let of_rule = rule.map(|rule| readings(rule, at(rule), values, peak));
    let of_rule = of_rule.filter(|readings| !readings.is_empty());
    let named = |values: &[(String, Value)]| match rule {
        Some(rule) => declared(rule, values),
        None => values.to_vec(),
    };
    Now {
        starts_at: alert.starts_at,
        at: course.at,
        severity: course.severity,
        told_as: alert.told_as(),
        resolve_condition: rule.and_then(|rule| rule.condition.resolve.as_ref()).map(|end| end.text.clone()),
        values: named(values),
        shown: shown(rule, &named(values)),
        peak_at: course.peak_at,
        peak: named(peak),
        description: rule.and_then(|rule| rule.description.clone()),
        readings: of_rule.unwrap_or_else(|| bare_readings(values, peak)),
        failed: alert.told.violation.failed.iter().map(|name| in_words(rule, name)).collect(),
        top: course.top,
        untold: Vec::new(),
        notes: Vec::new(),
    }
}
