//! The record of an observed violation that people and programs get.

use std::collections::BTreeMap;

use fluo_alerts::fingerprint::{Fingerprint, fingerprint};
use fluo_alerts::life_cycle::{Observation, Segment};
use fluo_alerts::template::{Renderer, Subject, default_summary};
use fluo_alerts::violation::{Evidence, Top, Violation, declared};
use fluo_plan::keys_read;
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::{Conventions, EvidenceKeys, GroupKey, Rule};
use fluo_spans::semconv;
use fluo_spans::span::Span;

use crate::judge::Observed;

/// The record of a violation, and why its summary's template failed, if it did.
pub fn violation(rule: &Rule, observed: &Observed, renderer: &Renderer) -> (Violation, Option<String>) {
    let Identified { fingerprint, group } = identified(rule, &observed.group);
    let severity = observed.worst.severity.unwrap_or(rule.severity);
    let (labels, _) = renderer.labels(rule, severity, &group);
    let mut violation = Violation {
        rule: rule.name.clone(),
        severity,
        labels,
        fingerprint,
        group,
        condition: rule.condition.text.clone(),
        starts_at: observed.starts_at,
        ends_at: observed.ends_at,
        ongoing: observed.ongoing,
        window: rule.window,
        values: declared(rule, &observed.values),
        peak: declared(rule, &observed.peak),
        evidence: evidence(rule, &observed.evidence),
        top: top(rule, &observed.top),
        failed: observed.failed.clone(),
        summary: String::new(),
        partial: observed.partial,
    };
    let default = default_summary(rule, &violation, &observed.values);
    let subject = Subject::of_violation(&violation, &observed.latest, &observed.values, &observed.peak);
    let rendered = renderer.summary(&rule.annotations, &subject, default);
    violation.summary = rendered.text;
    (violation, rendered.failure)
}

/// The same as an observation, from which the life of alerts goes on.
pub fn observation(rule: &Rule, observed: Observed) -> Observation {
    let Identified { fingerprint, group } = identified(rule, &observed.group);
    let segment = Segment {
        first: observed.starts_at,
        last: observed.ends_at,
        peak_at: observed.peak_at,
        excess: observed.worst.excess,
        worst: observed.worst.severity,
        severity: observed.severity,
        kept: observed.kept,
        latest: if observed.ends_at == observed.peak_at { Vec::new() } else { observed.latest },
        values: observed.values,
        peak: observed.peak,
        top: top(rule, &observed.top),
        evidence: evidence(rule, &observed.evidence),
        traces: observed.traces,
        failed: observed.failed,
        origin: observed.origin,
        partial: observed.partial,
        seen_at: observed.seen_at,
        ..Segment::default()
    };
    Observation { fingerprint, group, segment }
}

/// Whose violation it is.
struct Identified {
    fingerprint: Fingerprint,
    /// Keys, and values as they may be shown.
    group: Vec<(String, Option<String>)>,
}

/// The fingerprint of a group. It is that of the true values: redacted groups stay apart.
pub(crate) fn fingerprint_of(rule: &Rule, values: &[Option<String>]) -> Fingerprint {
    let entries = rule.group_by.iter().zip(values);
    let key: Vec<(&str, Option<&str>)> =
        entries.map(|(entry, value)| (entry.key.as_str(), value.as_deref())).collect();
    fingerprint(&rule.name, &key)
}

/// Masks service and name of a span where one of some rules redacts them.
pub fn mask_names(rules: &[&Rule], service_name: &mut Option<String>, name: &mut String) {
    for rule in rules {
        if let Some(service_name) = service_name {
            mask(rule, Intrinsic::ServiceName, service_name);
        }
        mask(rule, Intrinsic::Name, name);
    }
}

/// Masks in a recorded violation what its rule redacts now, which it may not have done when the violation was recorded.
/// Returns whether anything was masked: then the summary is the default one, for the text may have said it.
pub fn redact(rule: &Rule, violation: &mut Violation) -> bool {
    if rule.redact.is_empty() {
        return false;
    }
    let mut masked = redact_group(rule, &mut violation.group);
    for span in &mut violation.evidence {
        masked |= span.service_name.as_mut().is_some_and(|name| mask(rule, Intrinsic::ServiceName, name));
        masked |= mask(rule, Intrinsic::Name, &mut span.name);
        masked |= span.status_message.as_mut().is_some_and(|text| mask(rule, Intrinsic::StatusMessage, text));
        let known = span.attributes.len();
        span.attributes.retain(|label, _| !is_redacted_label(rule, label));
        masked |= span.attributes.len() < known;
    }
    let known = violation.top.len();
    violation.top.retain(|top| !is_redacted_label(rule, &top.key));
    masked |= violation.top.len() < known;
    if masked {
        violation.summary = default_summary(rule, violation, &violation.values);
    }
    masked
}

/// Masks in a recorded group what its rule redacts now. Returns whether anything was masked.
pub fn redact_group(rule: &Rule, group: &mut [(String, Option<String>)]) -> bool {
    let mut masked = false;
    for (key, value) in group {
        if let Some(value) = value.as_mut().filter(|value| *value != REDACTED)
            && (is_redacted_label(rule, key) || is_redacted_column(rule, key))
        {
            REDACTED.clone_into(value);
            masked = true;
        }
    }
    masked
}

/// Masks a text where its field is redacted. Returns whether it was not masked before.
fn mask(rule: &Rule, field: Intrinsic, text: &mut String) -> bool {
    let masks = text != REDACTED && is_redacted(rule, &Field::Intrinsic(field));
    if masks {
        REDACTED.clone_into(text);
    }
    masks
}

/// Returns whether `redact` names the field that a record has under a label: as a rule writes it, with its scope or without.
fn is_redacted_label(rule: &Rule, label: &str) -> bool {
    let keys = rule.group_by.iter().chain(&rule.top).chain(&rule.evidence.keys);
    let mut of_rule = keys.filter(|key| key.key == label).map(|key| &key.field);
    let scopes = ["span.", "resource.", "scope.", "event.", "link.", "parent."];
    let bare = scopes.iter().filter_map(|scope| label.strip_prefix(scope)).chain([label]);
    rule.redact.iter().any(|redacted| redacted == label)
        || of_rule.any(|field| is_redacted(rule, field))
        || bare.map(|key| Field::attribute(Scope::Either, key)).any(|field| is_redacted(rule, &field))
}

/// The keys of a group, and its values as they may be shown.
pub(crate) fn shown_group(rule: &Rule, values: &[Option<String>]) -> Vec<(String, Option<String>)> {
    let entries = rule.group_by.iter().zip(values);
    entries
        .map(|(entry, value)| {
            let redacted = is_redacted(rule, &entry.field) || is_redacted_column(rule, &entry.key);
            (entry.key.clone(), value.clone().map(|value| if redacted { REDACTED.to_owned() } else { value }))
        })
        .collect()
}

fn identified(rule: &Rule, values: &[Option<String>]) -> Identified {
    Identified { fingerprint: fingerprint_of(rule, values), group: shown_group(rule, values) }
}

/// Returns the commonest values that may be told: those of the keys that `redact` does not name.
fn top(rule: &Rule, top: &[Top]) -> Vec<Top> {
    let shown = |key: &&GroupKey| !is_redacted(rule, &key.field);
    let keys = rule.top.iter().filter(shown);
    keys.filter_map(|key| top.iter().find(|top| top.key == key.key).cloned()).collect()
}

fn evidence(rule: &Rule, spans: &[Span]) -> Vec<Evidence> {
    let read = keys_read(rule);
    spans.iter().map(|span| one_span(rule, &read, span)).collect()
}

/// A span, with only those of its attributes that the rule reads or asks for, and the usual ones.
fn one_span(rule: &Rule, read: &[Field], span: &Span) -> Evidence {
    let mut attributes = BTreeMap::new();
    let mut add = |label: String, field: &Field, value: Option<String>| {
        if let Some(value) = value.filter(|_| !is_redacted(rule, field)) {
            attributes.entry(label).or_insert(value);
        }
    };
    for field in read {
        if let Field::Attribute { scope, key } = field {
            let value = lookup(span, *scope, key, rule.conventions).map(str::to_owned);
            add(label(*scope, key), field, value);
        }
    }
    for GroupKey { field, .. } in &rule.evidence.keys {
        match field {
            Field::Attribute { scope, key } => {
                add(label(*scope, key), field, anywhere(span, *scope, key, rule.conventions));
            }
            Field::Intrinsic(intrinsic) => add(intrinsic.as_str().to_owned(), field, own(span, *intrinsic)),
            // A span does not have it.
            Field::Parent(_) => {}
        }
    }
    if !rule.evidence.only {
        for key in EvidenceKeys::USUAL {
            let spellings = spellings(key, rule.conventions);
            let bare = |named: &String| -> String {
                let scoped = ["event.", "resource."].iter().find_map(|scope| named.strip_prefix(scope));
                scoped.unwrap_or(named).to_owned()
            };
            // Under the name that the rule has for it, it is there already.
            let is_named = attributes.keys().any(|named| spellings.contains(&bare(named)));
            let field = Field::attribute(Scope::Either, key);
            let value = anywhere(span, Scope::Either, key, rule.conventions);
            if let Some(value) = value.filter(|_| !is_named && !is_redacted(rule, &field)) {
                attributes.insert(key.to_owned(), value);
            }
        }
    }
    Evidence {
        trace_id: hex::encode(span.trace_id),
        span_id: hex::encode(span.span_id),
        service_name: span
            .resource
            .service_name
            .clone()
            .map(|name| shown(rule, &Field::Intrinsic(Intrinsic::ServiceName), name)),
        name: shown(rule, &Field::Intrinsic(Intrinsic::Name), span.name.clone()),
        end_time: span.end_ns,
        duration_ns: span.end_ns - span.start_ns,
        status: Some(span.status.as_str().to_owned()),
        status_message: Some(&span.status_message)
            .filter(|message| !message.is_empty())
            .map(|message| shown(rule, &Field::Intrinsic(Intrinsic::StatusMessage), message.clone())),
        attributes,
    }
}

/// Returns the name of an attribute in evidence.
fn label(scope: Scope, key: &str) -> String {
    match scope {
        Scope::Span | Scope::Either => key.to_owned(),
        Scope::Resource | Scope::Scope | Scope::Event | Scope::Link => format!("{}.{key}", scope.as_str()),
    }
}

/// The text in the place of a redacted value.
const REDACTED: &str = "(redacted)";

fn shown(rule: &Rule, field: &Field, value: String) -> String {
    if is_redacted(rule, field) { REDACTED.to_owned() } else { value }
}

/// Returns whether `redact` names the field, or across traces another that carries the same values.
fn is_redacted(rule: &Rule, field: &Field) -> bool {
    if let Field::Parent(of_parent) = field {
        return is_redacted(rule, of_parent)
            || rule.redact.iter().any(|redacted| *redacted == field.to_string());
    }
    let by =
        rule.trace().into_iter().flat_map(|trace| trace.by.iter().enumerate().map(move |by| (trace, by)));
    let of_steps = by.filter_map(|(trace, (at, key))| {
        let own = trace.steps.iter().map(|step| &step.by[at].field);
        let all: Vec<&Field> = own.chain([&key.field]).collect();
        all.iter().any(|known| is_of_one_name(known, field)).then_some(all)
    });
    is_named(rule, field) || of_steps.flatten().any(|other| is_named(rule, other))
}

/// Returns whether `redact` names a column of a query's rows, or a field that its values are made of.
fn is_redacted_column(rule: &Rule, name: &str) -> bool {
    let Some(column) = rule.sql().and_then(|sql| sql.column(name)) else { return false };
    rule.redact.iter().any(|redacted| redacted == name)
        || column.reads.iter().any(|field| is_redacted(rule, field))
}

fn is_of_one_name(one: &Field, other: &Field) -> bool {
    match (one, other) {
        (Field::Attribute { key: one, .. }, Field::Attribute { key: other, .. }) => one == other,
        _ => one == other,
    }
}

/// Returns whether `redact` names the field, under any of its spellings.
fn is_named(rule: &Rule, field: &Field) -> bool {
    rule.redact.iter().any(|redacted| match field {
        Field::Attribute { key, .. } => semconv::spellings(redacted).contains(key),
        Field::Intrinsic(Intrinsic::ServiceName) => redacted == "service_name" || redacted == "service.name",
        Field::Intrinsic(intrinsic) => redacted == intrinsic.as_str(),
        Field::Parent(_) => false,
    })
}

/// An attribute's value, for which an unscoped name is looked for in the events too: that is where exceptions are.
fn anywhere(span: &Span, scope: Scope, key: &str, conventions: Conventions) -> Option<String> {
    let found = lookup(span, scope, key, conventions);
    let in_events = || lookup(span, Scope::Event, key, conventions).filter(|_| scope == Scope::Either);
    found.or_else(in_events).map(str::to_owned)
}

/// The value of a field of the span's own; none of those that evidence always carries.
fn own(span: &Span, intrinsic: Intrinsic) -> Option<String> {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    match intrinsic {
        Intrinsic::Kind => some(span.kind.as_str()),
        Intrinsic::Root => some(if span.parent_span_id.is_none() { "true" } else { "false" }),
        Intrinsic::ScopeName => some(&span.scope.name),
        Intrinsic::ScopeVersion => some(&span.scope.version),
        Intrinsic::EventName => span.events.first().and_then(|event| some(&event.name)),
        Intrinsic::LinkTraceId => span.links.first().map(|link| hex::encode(link.trace_id)),
        Intrinsic::LinkSpanId => span.links.first().map(|link| hex::encode(link.span_id)),
        Intrinsic::Name
        | Intrinsic::Status
        | Intrinsic::StatusMessage
        | Intrinsic::Duration
        | Intrinsic::SelfTime
        | Intrinsic::TraceId
        | Intrinsic::SpanId
        | Intrinsic::ServiceName => None,
    }
}

fn spellings(key: &str, conventions: Conventions) -> Vec<String> {
    match conventions {
        Conventions::Exact => vec![key.to_owned()],
        Conventions::Renamed => semconv::spellings(key),
    }
}

/// The value that the rule sees under `key`: of events and links, the first that has one.
fn lookup<'a>(span: &'a Span, scope: Scope, key: &str, conventions: Conventions) -> Option<&'a str> {
    let spellings = match scope {
        Scope::Scope | Scope::Link => vec![key.to_owned()],
        _ => spellings(key, conventions),
    };
    let mut scopes = match scope {
        Scope::Span => vec![&span.attributes],
        Scope::Resource => vec![&span.resource.attributes],
        Scope::Either => vec![&span.attributes, &span.resource.attributes],
        Scope::Scope => vec![&span.scope.attributes],
        Scope::Event => span.events.iter().map(|event| &event.attributes).collect(),
        Scope::Link => span.links.iter().map(|link| &link.attributes).collect(),
    }
    .into_iter();
    scopes.find_map(|attributes| spellings.iter().find_map(|key| attributes.get(key)))
}

#[cfg(test)]
mod tests;
