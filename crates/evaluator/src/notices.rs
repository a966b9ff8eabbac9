//! What people are told about the evaluation itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_alerts::life_cycle::state::ErrorState;
use fluo_alerts::notification::{Event, Id, Notification, SCHEMA};
use fluo_alerts::time;
use fluo_rules::rule::Severity;

use crate::state::{Damaged, Pipeline, Refusals};

/// A notice: `subject` and `nth` make its id.
fn notice(event: Event, subject: &str, nth: u64, at: i64, title: String, text: &str) -> Notification {
    Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(subject, event, nth),
        event,
        at,
        severity: Severity::Warning,
        text: format!("{title}\n{}", plain(text)),
        title,
        rule: None,
        labels: BTreeMap::new(),
        reason: None,
        alert: None,
        summary: None,
        alarm: None,
    }
}

/// A rule could not be judged.
pub(crate) fn rule_error(rule: &str, error: &ErrorState, at: i64) -> Notification {
    let title = format!("Rule not judged: {}", plain(rule));
    let text = format!(
        "{}; since {}. Its alerts stay as they are, and the other rules go on. It is tried again; what is too much for \
         it twice is left out.",
        error.reason,
        time::human(error.since)
    );
    let subject = format!("{rule}\0{}", error.since);
    Notification {
        rule: Some(rule.to_owned()),
        reason: Some(plain(&error.reason).into_owned()),
        ..notice(Event::RuleError, &subject, error.told, at, title, &text)
    }
}

/// A rule file does not load.
pub(crate) fn rule_file_error(file: &str, error: &ErrorState, good: bool, at: i64) -> Notification {
    let title = format!("Rule file does not load: {}", plain(file));
    let goes_on =
        if good { "Its rules go on at their last good text." } else { "None of its rules is judged." };
    let text = format!("{}; since {}. {goes_on}", error.reason, time::human(error.since));
    let subject = format!("{file}\0{}", error.since);
    Notification {
        reason: Some(plain(&error.reason).into_owned()),
        ..notice(Event::RuleError, &subject, error.told, at, title, &text)
    }
}

/// A data file could not be read.
pub(crate) fn file_error(damaged: &Damaged, at: i64) -> Notification {
    let title = format!("File not read: {}", plain(&damaged.name));
    let text = format!(
        "{}. It is left out; what is told of its time (until {}) is partial.",
        damaged.reason,
        time::human(damaged.ends.to)
    );
    Notification {
        reason: Some(plain(&damaged.reason).into_owned()),
        ..notice(Event::FileError, &damaged.name, 0, at, title, &text)
    }
}

/// Nothing arrives.
pub(crate) fn pipeline_stale(pipeline: &Pipeline, at: i64) -> Notification {
    let since = time::human(pipeline.arrived_at);
    let title = format!("No spans arrive: the last file came at {since}");
    let text = "Alerts that fire stay as they are: nothing is resolved, and nothing is taken to be absent, until files \
                arrive again. Look at the collector, its exporter, and the ingest function.";
    notice(Event::PipelineStale, "pipeline", pipeline.stale_told, at, title, text)
}

/// Part of the past is not judged.
pub(crate) fn unjudged(from: i64, to: i64, at: i64) -> Notification {
    let (from, to) = (time::human(from), time::human(to));
    let title = format!("Past not judged: {from} to {to}");
    let text =
        "The evaluator did not run for longer than `max_catch_up`. `fluo eval` looks at what was left out.";
    notice(Event::Unjudged, &format!("{from}\0{to}"), 0, at, title, text)
}

/// A sink refuses.
pub(crate) fn sink_error(
    sink: &str,
    refusals: &Refusals,
    reason: &str,
    waiting: usize,
    at: i64,
) -> Notification {
    let mut title = format!("Not delivered to {}", plain(sink));
    if refusals.in_a_row > 1 {
        let _ = write!(title, ": {} times in a row", refusals.in_a_row); // a `String` takes everything
    }
    let text = format!("{reason}. {waiting} notifications wait for it; the other sinks go on.");
    Notification {
        reason: Some(plain(reason).into_owned()),
        ..notice(Event::SinkError, &format!("sink\0{sink}\0{at}"), refusals.told, at, title, &text)
    }
}
