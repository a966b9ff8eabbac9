//! Spans and rules for the scenarios, built by hand and independently of the rule loader.

use std::sync::Arc;

use fluo_rules::condition::Condition;
use fluo_rules::expr::{Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Number, Test, Value};
use fluo_rules::rule::{
    Aggregate, AggregateFunction, Conventions, EvidenceKeys, GroupKey, Realert, Rule, Sampling, Selector,
    Severity, Source, Subject,
};
use fluo_spans::span::{Attributes, Event, Kind, Resource, Span, Status};
use fluo_time::Nanos;

use crate::reference::{
    Episode, Givens, HoldingMoment, Overflow, Range, RefValue, evaluate, holding_moments,
};
use crate::span::{attributes, blank};

/// One second.
pub(super) const SECOND: i64 = 1_000_000_000;

/// 2026-11-22T11:04:00Z: the beginning of a clock minute.
pub(super) const MINUTE_START: i64 = 1_795_345_440 * SECOND;

/// A failed login that ended `end_ns` after [`MINUTE_START`]; its id is made of `id`.
pub(super) fn failure(id: u8, end_ns: i64) -> Span {
    Span {
        trace_id: [id; 16],
        span_id: [id; 8],
        name: "auth_user".to_owned(),
        kind: Kind::Server,
        status: Status::Error,
        start_ns: MINUTE_START + end_ns - 12_000_000,
        end_ns: MINUTE_START + end_ns,
        attributes: attributes(&[("http.status_code", "401"), ("error.type", "AuthenticationError")]),
        resource: Arc::new(Resource {
            service_name: Some("auth-service".to_owned()),
            attributes: Attributes::default(),
        }),
        ..blank()
    }
}

/// Failed logins at these nanoseconds after [`MINUTE_START`], with ids 1, 2, …
pub(super) fn failures(ends: &[i64]) -> Vec<Span> {
    ends.iter().zip(1..).map(|(end, id)| failure(id, *end)).collect()
}

/// A failed login with these attributes instead.
pub(super) fn with(id: u8, end_ns: i64, pairs: &[(&str, &str)]) -> Span {
    Span { attributes: attributes(pairs), ..failure(id, end_ns) }
}

pub(super) fn event(name: &str, pairs: &[(&str, &str)]) -> Event {
    Event { time_ns: MINUTE_START, name: name.to_owned(), attributes: attributes(pairs) }
}

/// The rule that everything grew from: more than five failed logins in a minute.
pub(super) fn auth_failures() -> Rule {
    Rule {
        name: "AuthFailuresRule".to_owned(),
        description: None,
        severity: Severity::Warning,
        enabled: true,
        labels: [].into(),
        annotations: [].into(),
        conventions: Conventions::Renamed,
        subject: Subject::Spans(Selector::All(vec![
            Selector::Match(Field::Intrinsic(Intrinsic::ServiceName), equals("auth-service")),
            Selector::Match(span_attribute("http.status_code"), equals("401")),
            Selector::Match(span_attribute("error.type"), equals("AuthenticationError")),
        ])),
        window: Nanos::MINUTE,
        every: None,
        group_by: Vec::new(),
        group_limit: 10_000,
        expect: Vec::new(),
        lookback: Nanos(7 * Nanos::DAY.0),
        aggregates: vec![Aggregate::implied_count()],
        evidence_limit: 10,
        evidence: EvidenceKeys::default(),
        top: Vec::new(),
        condition: condition(more_than(aggregate("count"), 5)),
        hold_for: Nanos(0),
        keep_firing_for: Nanos(0),
        realert: Realert { every: Nanos(4 * Nanos::HOUR.0), backoff: 1.0, max: Nanos(4 * Nanos::HOUR.0) },
        inhibit: Vec::new(),
        notification_limit: 50,
        redact: Vec::new(),
        eval_delay: None,
        allowed_lateness: None,
        limits: None,
        sampling: Sampling::Stored,
        kin: None,
        source: Source {
            file: "auth.yml".into(),
            line: 1,
            text: "".into(),
            range: 0..0,
            hash: String::new(),
        },
    }
}

/// A rule about every span.
pub(super) fn any_span(aggregates: Vec<Aggregate>, expr: Expr) -> Rule {
    let subject = Subject::Spans(Selector::All(Vec::new()));
    Rule { subject, aggregates, condition: condition(expr), ..auth_failures() }
}

pub(super) fn equals(text: &str) -> Matcher {
    Matcher { tests: vec![Test::Eq(Value::Text(text.to_owned()))] }
}

pub(super) fn span_attribute(key: &str) -> Field {
    Field::attribute(Scope::Span, key)
}

pub(super) fn named(name: &str, function: AggregateFunction) -> Aggregate {
    Aggregate { name: name.to_owned(), function, filter: None }
}

pub(super) fn group_key(key: &str, field: Field) -> GroupKey {
    GroupKey { key: key.to_owned(), field }
}

pub(super) fn condition(expr: Expr) -> Condition {
    Condition::of("written by hand", expr)
}

pub(super) fn expr(kind: ExprKind) -> Expr {
    Expr { kind, at: 0..0 }
}

pub(super) fn aggregate(name: &str) -> Expr {
    expr(ExprKind::Aggregate(name.to_owned()))
}

pub(super) fn field(field: Field) -> Expr {
    expr(ExprKind::Field(field))
}

pub(super) fn int(int: i64) -> Expr {
    expr(ExprKind::Literal(Value::Number(Number::Int(int))))
}

pub(super) fn float(float: f64) -> Expr {
    expr(ExprKind::Literal(Value::Number(Number::Float(float))))
}

pub(super) fn text(text: &str) -> Expr {
    expr(ExprKind::Literal(Value::Text(text.to_owned())))
}

pub(super) fn duration(nanos: i64) -> Expr {
    expr(ExprKind::Literal(Value::Duration(Nanos(nanos))))
}

pub(super) fn compare(comparison: Comparison, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Compare(comparison, Box::new(left), Box::new(right)))
}

pub(super) fn more_than(left: Expr, right: i64) -> Expr {
    compare(Comparison::Gt, left, int(right))
}

pub(super) fn not(inner: Expr) -> Expr {
    expr(ExprKind::Not(Box::new(inner)))
}

/// A hash that only has to tell spans apart: the smaller first attribute value, padded.
fn hash(span: &Span) -> [u8; 32] {
    let mut hash = [0; 32];
    let text = span.attributes.iter().next().map_or("", |(_, value)| value);
    for (byte, of_text) in hash.iter_mut().zip(text.bytes()) {
        *byte = of_text;
    }
    hash
}

fn spellings(key: &str) -> Vec<String> {
    let family = ["http.response.status_code", "http.status_code"];
    let others = family.iter().filter(|name| family.contains(&key) && **name != key);
    std::iter::once(key).chain(others.copied()).map(str::to_owned).collect()
}

const GIVENS: Givens<'static> = Givens::new(&hash, &spellings);

/// Every violation over the whole of the data.
pub(super) fn violations(rule: &Rule, spans: &[Span]) -> Vec<Episode> {
    violations_in(rule, spans, None, None)
}

/// Every violation between nanoseconds after [`MINUTE_START`].
pub(super) fn violations_in(rule: &Rule, spans: &[Span], from: Option<i64>, to: Option<i64>) -> Vec<Episode> {
    evaluate(rule, spans, range(from, to), GIVENS).unwrap()
}

/// The result of a rule that may overflow.
pub(super) fn outcome(rule: &Rule, spans: &[Span]) -> Result<Vec<Episode>, Overflow> {
    evaluate(rule, spans, Range::default(), GIVENS)
}

/// The holding moments, in nanoseconds after [`MINUTE_START`].
pub(super) fn moments_in(rule: &Rule, spans: &[Span], from: Option<i64>, to: Option<i64>) -> Vec<i64> {
    let moments: Vec<HoldingMoment> = holding_moments(rule, spans, range(from, to), GIVENS).unwrap();
    moments.iter().map(|moment| moment.at - MINUTE_START).collect()
}

fn range(from: Option<i64>, to: Option<i64>) -> Range {
    Range { from: from.map(|from| MINUTE_START + from), to: to.map(|to| MINUTE_START + to) }
}

/// Returns whether `selector` finds `span`.
pub(super) fn finds(selector: Selector, conventions: Conventions, span: &Span) -> bool {
    let rule = Rule {
        subject: Subject::Spans(selector),
        conventions,
        ..any_span(vec![Aggregate::implied_count()], more_than(aggregate("count"), 0))
    };
    !violations(&rule, std::slice::from_ref(span)).is_empty()
}

/// The aggregate's value over the spans' common window.
pub(super) fn value_of(function: AggregateFunction, spans: &[Span]) -> RefValue {
    let rule = any_span(vec![named("x", function)], more_than(aggregate("count"), -1));
    let at = spans.iter().map(|span| span.end_ns).max().unwrap() - MINUTE_START;
    let episodes = violations_in(&rule, spans, Some(at), Some(at));
    episodes[0].values[0].1
}
