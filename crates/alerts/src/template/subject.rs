//! The subject of a template, and the variables that a template sees of it.

use std::collections::BTreeMap;

use fluo_rules::limits::PREFIX;
use fluo_rules::rule::{Rule, Severity};
use fluo_time::moment;
use minijinja::context;
use minijinja::value::Value as Any;

use crate::escape::plain;
use crate::value::Value;
use crate::violation::{Evidence, Top, Violation};

/// The text of a group value that is missing.
pub const NO_VALUE: &str = "(none)";

/// The state that a violation's summary speaks of: a violation is what makes an alert fire.
const FIRING: &str = "firing";

/// The subject of a template.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The violation, with its values and evidence as they were at first.
    pub violation: &'a Violation,
    /// The event that is told: `firing`, `resolved` …
    pub state: &'a str,
    /// The severity.
    pub severity: Severity,
    /// The newest moment at which the condition held; nanoseconds since the epoch.
    pub at: i64,
    /// The values then.
    pub value: &'a [(String, Value)],
    /// The values at its first moment.
    pub first: &'a [(String, Value)],
    /// The values when it was exceeded most.
    pub peak: &'a [(String, Value)],
    /// The commonest values then.
    pub top: &'a [Top],
    /// Since when it has been firing.
    pub started_at: i64,
    /// Until when it has been: now, or when it was over.
    pub until: i64,
}

impl<'a> Subject<'a> {
    /// Of a violation by itself, with these values of its last, first and highest moment.
    pub fn of_violation(
        violation: &'a Violation,
        value: &'a [(String, Value)],
        first: &'a [(String, Value)],
        peak: &'a [(String, Value)],
    ) -> Self {
        Self {
            violation,
            state: FIRING,
            severity: violation.severity,
            at: violation.ends_at,
            value,
            first,
            peak,
            top: &violation.top,
            started_at: violation.starts_at,
            until: violation.ends_at,
        }
    }

    /// Returns the variables of a template; the names are [`fluo_rules::template::VARIABLES`] (`trace_url` is a
    /// function).
    pub(super) fn variables(&self, runbook_url: Option<&str>) -> Any {
        let violation = self.violation;
        context! {
            rule => plain(&violation.rule),
            severity => self.severity.as_str(),
            labels => texts(violation.labels.iter().map(|(key, value)| (key, value.as_str()))),
            group => group(&violation.group),
            value => numbers(self.value),
            first => numbers(self.first),
            peak => numbers(self.peak),
            limit => limits(self.value),
            condition => plain(&violation.condition),
            state => plain(self.state),
            window => context! {
                start => moment::format(self.at.saturating_sub(violation.window.0)),
                end => moment::format(self.at),
            },
            started_at => moment::format(self.started_at),
            firing_for => self.until.saturating_sub(self.started_at),
            evidence => violation.evidence.iter().map(evidence).collect::<Vec<_>>(),
            top => self.top.iter().map(top).collect::<Vec<_>>(),
            runbook_url => runbook_url.map_or_else(String::new, |url| plain(url).into_owned()),
        }
    }
}

/// Returns the variables that labels of a rule see in a group.
pub(super) fn of_labels(rule: &Rule, severity: Severity, of: &[(String, Option<String>)]) -> Any {
    context! { rule => plain(&rule.name), severity => severity.as_str(), group => group(of) }
}

/// Group values by key; `(none)` where there is none.
fn group(group: &[(String, Option<String>)]) -> Any {
    texts(group.iter().map(|(key, value)| (key, value.as_deref().unwrap_or(NO_VALUE))))
}

fn numbers(values: &[(String, Value)]) -> Any {
    values.iter().map(|(name, value)| (name.clone(), number(*value))).collect::<BTreeMap<_, _>>().into()
}

/// The limits of the group, which are the same at every moment.
fn limits(values: &[(String, Value)]) -> Any {
    let limits =
        values.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), *value)));
    numbers(&limits.collect::<Vec<_>>())
}

fn top(top: &Top) -> Any {
    let values = top.values.iter().map(|value| {
        context! {
            value => value.value.as_deref().map_or(NO_VALUE.into(), plain),
            spans => value.spans,
            share => value.share(top),
        }
    });
    context! { key => plain(&top.key), spans => top.spans, values => values.collect::<Vec<_>>() }
}

fn texts<'a>(pairs: impl Iterator<Item = (&'a String, &'a str)>) -> Any {
    pairs.map(|(key, value)| (key.clone(), plain(value).into_owned())).collect::<BTreeMap<_, _>>().into()
}

fn number(value: Value) -> Any {
    match value {
        Value::Int(int) | Value::Duration(int) => Any::from(int),
        Value::Float(float) if float.is_finite() => Any::from(float),
        Value::Moment(ns) => Any::from(moment::format(ns)),
        Value::Float(_) | Value::None => Any::from(()),
    }
}

fn evidence(span: &Evidence) -> Any {
    context! {
        trace_id => plain(&span.trace_id),
        span_id => plain(&span.span_id),
        service_name => span.service_name.as_deref().map_or(NO_VALUE.into(), plain),
        name => plain(&span.name),
        end_time => moment::format(span.end_time),
        duration_ns => span.duration_ns,
        status => span.status.as_deref().unwrap_or_default(),
        status_message => span.status_message.as_deref().map_or("".into(), plain),
        attributes => texts(span.attributes.iter().map(|(key, value)| (key, value.as_str()))),
    }
}
