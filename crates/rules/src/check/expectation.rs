//! One entry of a test's `expect` → [`Expectation`].

use fluo_time::Nanos;

use super::{Report, groups, moment, shape};
use crate::diagnostic::Code;
use crate::keys::{EVENTS, SEVERITIES, STATES, Table};
use crate::rule::Severity;
use crate::test_file::{Expectation, Expected, Placed, State};
use crate::yaml::{Entry, Node, Yaml};

/// Reads an expectation of a test that starts at `start`.
pub(super) fn expectation(report: &mut Report, item: &Node, start: i64) -> Option<Expectation> {
    let errors = report.errors();
    shape::item_map(report, item, Table::Expectation, "an expectation")?;
    let rule_entry = item.get("rule");
    let rule = rule_entry.and_then(|entry| shape::some_text(report, entry));
    let at = item.get("at").and_then(|entry| moment::moment(report, entry, start));
    let state = item.get("state").and_then(|entry| shape::word(report, entry, STATES));
    let state = State::ALL.into_iter().find(|known| state == Some(known.as_str()));
    let group = item.get("group").and_then(|entry| group(report, entry));
    let values = match (item.get("value"), item.get("values")) {
        (Some(first), Some(second)) => {
            let place = report.place(first.key_at.clone());
            report
                .add(Code::Conflict, second.key_at.clone(), "`value` and `values` are the same")
                .also(place, "the other one");
            None
        }
        (one, other) => one.or(other).and_then(|entry| values(report, entry)),
    };
    if let (Some(State::Inactive), Some(entry)) = (state, item.get("value").or(item.get("values"))) {
        let message = "an alert that there is not has no values";
        report.add(Code::Conflict, entry.key_at.clone(), message);
    }
    let severity = item.get("severity").and_then(|entry| {
        let word = shape::word(report, entry, SEVERITIES)?;
        let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == word)?;
        Some((severity, report.place(entry.value.extent())))
    });
    if let (Some(State::Inactive), Some(entry)) = (state, item.get("severity")) {
        let message = "an alert that there is not has no severity";
        report.add(Code::Conflict, entry.key_at.clone(), message);
    }
    let event = item.get("event").and_then(|entry| shape::word(report, entry, EVENTS));
    let reason = item.get("reason").and_then(|entry| shape::text(report, entry));
    let summary = item.get("summary").and_then(|entry| shape::text(report, entry));
    if report.errors() > errors || item.incomplete {
        return None;
    }
    Some(Expectation {
        rule: rule?,
        at: at?,
        state: state?,
        group: group.unwrap_or_default(),
        values: values.unwrap_or_default(),
        severity,
        event,
        reason,
        summary,
        rule_place: report.place(rule_entry?.value.extent()),
        place: report.place(item.extent()),
    })
}

fn group(report: &mut Report, entry: &Entry) -> Option<Vec<Placed<Option<String>>>> {
    let entries = shape::map(report, entry, "a mapping of group key to value")?;
    let keys: Vec<_> = entries
        .iter()
        .map(|inner| {
            let value = groups::value(report, &inner.value).ok()?;
            Some(Placed { key: inner.key.clone(), value, place: report.place(inner.key_at.clone()) })
        })
        .collect();
    keys.into_iter().collect()
}

fn values(report: &mut Report, entry: &Entry) -> Option<Vec<Placed<Expected>>> {
    let entries = shape::map(report, entry, "a mapping of aggregate to value")?;
    let values: Vec<_> = entries
        .iter()
        .map(|inner| {
            let value = expected(report, inner)?;
            Some(Placed { key: inner.key.clone(), value, place: report.place(inner.key_at.clone()) })
        })
        .collect();
    values.into_iter().collect()
}

fn expected(report: &mut Report, entry: &Entry) -> Option<Expected> {
    match &entry.value.value {
        Yaml::Null => Some(Expected::Missing),
        Yaml::Number(number) => Some(Expected::Number(*number)),
        Yaml::Text(text) => match Nanos::parse(text) {
            Ok(value) => Some(Expected::Duration(value)),
            Err(error) => {
                let message = format!("`{}` is neither a number nor a duration: {error}", entry.key);
                report.value(Code::BadDuration, entry, message).hint(&error);
                None
            }
        },
        Yaml::Unusable(why) => {
            report.value(Code::BadNumber, entry, format!("`{}` cannot be used: {why}", entry.key));
            None
        }
        Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => {
            shape::wrong_type(report, entry, "a number, a duration or `null`");
            None
        }
    }
}
