//! Compares what an alert told of its first moment with what comes out now.
//!
//! An alert comes back from wherever it was sent, and any JSON tool on the way may have put the members of its objects
//! into another order: JSON gives them none. So groups and values are first put into the rule's order, and compared
//! then; lists (evidence) are compared as they stand.

use fluo_alerts::escape::plain;
use fluo_alerts::notification::Told;
use fluo_alerts::violation::{Evidence, Violation};
use fluo_alerts::wire::Object;
use serde::Serialize;

use super::finding::{Finding, Kind, differs};

/// Returns what differs of an alert whose window was judged again.
pub(super) fn compare(told: &Told, again: &Violation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let was = &in_rule_order(&told.violation, again);
    let (told_group, group) = (group_of(was), group_of(again));
    if told_group != group {
        findings.push(differs(Kind::Told, "group", &told_group, &group));
    }
    let (was_values, values) = (json(&Object(&was.values)), json(&Object(&again.values)));
    if was_values != values {
        findings.push(differs(Kind::Values, "values", &was_values, &values));
    }
    let line = |(name, value): (&str, &str)| format!("{name} = {value}");
    let human: Vec<String> =
        ordered(&told.values, &again.values).iter().map(|(name, value)| line((name, value))).collect();
    let is: Vec<String> = again.values.iter().map(|(name, value)| line((name, &value.human()))).collect();
    if human != is {
        findings.push(differs(Kind::Values, "values for people", &human.join(", "), &is.join(", ")));
    }
    if was.evidence.len() != again.evidence.len() {
        let detail =
            format!("evidence: told {} spans, and there are {}", was.evidence.len(), again.evidence.len());
        findings.push(Finding { kind: Kind::Evidence, detail });
    }
    for (was, is) in was.evidence.iter().zip(&again.evidence) {
        let (was, is) = (json(&shown(was)), json(&shown(&as_told(was, is))));
        if was != is {
            findings.push(differs(Kind::Evidence, "evidence", &was, &is));
        }
    }
    findings
}

/// Returns `told` with its group and values in the order in which the rule, and so `again`, has them.
fn in_rule_order(told: &Violation, again: &Violation) -> Violation {
    Violation {
        group: ordered(&told.group, &again.group),
        values: ordered(&told.values, &again.values),
        ..told.clone()
    }
}

/// Returns `members` in the order of the same names in `like`; names that are not there come last, as they stood.
fn ordered<V: Clone, W>(members: &[(String, V)], like: &[(String, W)]) -> Vec<(String, V)> {
    let place = |name: &str| like.iter().position(|(other, _)| other == name).unwrap_or(like.len());
    let mut ordered = members.to_vec();
    ordered.sort_by_key(|(name, _)| place(name));
    ordered
}

/// As payloads have it: what is equal has equal bytes.
fn json(value: &impl Serialize) -> String {
    // Texts and finite numbers always have a JSON form; if they had not, nothing would equal the reason.
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

/// Returns `is` with no more than `was` could have: what was told before spans carried their status had neither that nor
/// the usual attributes.
fn as_told(was: &Evidence, is: &Evidence) -> Evidence {
    if was.status.is_some() {
        return is.clone();
    }
    let mut is = Evidence { status: None, status_message: None, ..is.clone() };
    is.attributes.retain(|key, _| was.attributes.contains_key(key));
    is
}

/// A span as sinks send it.
fn shown(span: &Evidence) -> Evidence {
    let text = |text: &String| plain(text).into_owned();
    Evidence {
        trace_id: text(&span.trace_id),
        span_id: text(&span.span_id),
        service_name: span.service_name.as_ref().map(text),
        name: text(&span.name),
        status_message: span.status_message.as_ref().map(text),
        attributes: span.attributes.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        ..span.clone()
    }
}

/// Returns a group as findings name it.
pub(super) fn group_of(violation: &Violation) -> String {
    let entries: Vec<String> = violation
        .group
        .iter()
        .map(|(key, value)| match value {
            Some(value) => format!("{}={}", plain(key), json(&plain(value))),
            None => format!("{} without a value", plain(key)),
        })
        .collect();
    if entries.is_empty() { "all spans".to_owned() } else { entries.join(", ") }
}
