//! The lines of notifications: what every sink falls back on, and what a person reads first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::escape::plain;
use crate::life_cycle::Alert;
use crate::notification::{Event, Summary, SummaryLine};
use crate::template::{NO_VALUE, SUMMARY};
use crate::time;
use crate::value::human_duration;

/// Spans of the evidence that a text names.
const SPANS_NAMED: usize = 3;

/// Times are shown to the second, and so is how long something lasted.
const SECOND: i64 = 1_000_000_000;

fn word(event: Event) -> &'static str {
    match event {
        Event::Firing => "Firing",
        Event::Renotify => "Still firing",
        Event::Resolved => "Resolved",
        Event::FiredLate => "Fired, seen late and over",
        Event::Withdrawn => "Taken back",
        Event::Reopened => "Firing again",
        Event::Summary => "Several alerts",
        // Troubles of fluo's own and alarms have titles of their own.
        _ => event.as_str(),
    }
}

/// One line: what happened, and to what.
pub(crate) fn title(event: Event, what: &str) -> String {
    format!("{}: {}", word(event), plain(what))
}

/// A few lines about an alert.
pub(crate) fn text(event: Event, alert: &Alert, at: i64) -> String {
    let told = &alert.told;
    let violation = &told.violation;
    let mut text = plain(&violation.summary).into_owned();
    let seconds = |ns: i64| i128::from(ns.div_euclid(SECOND)) * i128::from(SECOND);
    let lasted = |to: i64| human_duration(seconds(to) - seconds(alert.starts_at));
    // Writing to a `String` cannot fail.
    let _ = match (event, told.resolved_at) {
        (Event::Withdrawn, _) => {
            write!(text, "\nSpans that arrived late show that this was not so: there is nothing left of it.")
        }
        (_, Some(over)) => write!(
            text,
            "\nfrom {} to {} ({})",
            time::human(alert.starts_at),
            time::human(over),
            lasted(over)
        ),
        (_, None) => write!(text, "\nsince {} ({})", time::human(alert.starts_at), lasted(at)),
    };
    if let Some(reason) = &alert.reason {
        let _ = write!(text, "\nreason: {}", plain(reason));
    }
    for (index, span) in violation.evidence.iter().take(SPANS_NAMED).enumerate() {
        let service = span.service_name.as_deref().map_or(NO_VALUE.into(), plain);
        let _ = write!(text, "\n{service} {} trace {}", plain(&span.name), plain(&span.trace_id));
        if let (0, Some(url)) = (index, told.trace_urls.first()) {
            let _ = write!(text, " {url}");
        }
    }
    let rest = violation.evidence.len().saturating_sub(SPANS_NAMED);
    if rest > 0 {
        let _ = write!(text, "\nand {rest} more spans");
    }
    for (name, annotation) in told.annotations.iter().filter(|(name, _)| *name != SUMMARY) {
        let _ = write!(text, "\n{}: {}", plain(name), plain(annotation));
    }
    if violation.partial {
        text.push_str("\nSome data of the window could not be read: the values are lower bounds at best.");
    }
    text
}

/// `AuthFailuresRule: 120 alerts (118 firing, 2 resolved)`
pub(crate) fn summary_title(rule: &str, by_event: &BTreeMap<Event, usize>) -> String {
    let all: usize = by_event.values().sum();
    let parts: Vec<String> = by_event
        .iter()
        .map(|(event, count)| format!("{count} {}", event.as_str().replace('_', " ")))
        .collect();
    title(Event::Summary, &format!("{rule}: {all} ({})", parts.join(", ")))
}

/// The same, and the largest of them.
pub(crate) fn summary_text(rule: &str, by_event: &BTreeMap<Event, usize>, summary: &Summary) -> String {
    let mut text = summary_title(rule, by_event);
    for line in &summary.largest {
        text.push('\n');
        text.push_str(&line_text(line));
    }
    let rest = summary.alerts.saturating_sub(summary.largest.len() as u64);
    if rest > 0 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\nand {rest} more");
    }
    text
}

/// `cloud.region=eu: count = 41, from 11:04 to 11:06`
fn line_text(line: &SummaryLine) -> String {
    let group: Vec<String> = line
        .group
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), value.as_deref().map_or(NO_VALUE.into(), plain)))
        .collect();
    let values: Vec<String> = line.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let (from, to) = (time::human(line.starts_at), time::human(line.ends_at));
    let what = [group.join(", "), values.join(", ")];
    let what: Vec<&str> = what.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    format!("{}, from {from} to {to}", what.join(": "))
}
