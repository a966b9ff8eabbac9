//! The subject of a rule: spans, traces or a query; with the groups of its rows, and their limits.

use super::aggregation::Aggregation;
use super::trace::By;
use super::values::duration;
use super::{Report, across, condition, groups, limits, selector, shape, sql, trace, trace_text};
use crate::condition::Condition;
use crate::diagnostic::Code;
use crate::expr::{LimitScope, NO_LIMITS};
use crate::rule::{Aggregate, GroupKey, Kin, Selector, Subject};
use crate::tables::Tables;
use crate::trace::{MAX_TRACE_DURATION, SETTLE, StepCount, TraceRule};
use crate::yaml::{Entry, Node, Yaml};

/// The kind of a rule.
pub(super) enum Kind {
    /// `span:`, if it could be read.
    Spans(Option<Selector>),
    /// `trace:`.
    Traces(Box<trace::Read>),
    /// `sql:`.
    Sql(Box<sql::Read>),
    /// One that is refused, or none.
    Other,
}

impl Kind {
    /// The aggregation of a rule that does not say.
    pub(super) fn usual_aggregation(&self) -> Aggregation {
        match self {
            Self::Traces(_) => Aggregation::of_traces(),
            Self::Spans(_) | Self::Sql(_) | Self::Other => Aggregation::absent(),
        }
    }

    /// The spans that belong together.
    fn by(&self) -> &By {
        match self {
            Self::Traces(read) => &read.by,
            Self::Spans(_) | Self::Sql(_) | Self::Other => &By::Trace,
        }
    }

    /// Returns the reason why the rule does not wait for the end of a trace; none where it does.
    pub(super) fn has_no_end(&self) -> Option<&'static str> {
        match self {
            Self::Spans(_) | Self::Sql(_) => Some(
                "belongs to rules about traces, and to those that ask for the parents or children of spans",
            ),
            Self::Traces(read) if read.by.is_across() => {
                Some("is about one trace, and `by` is about spans of any")
            }
            Self::Traces(_) | Self::Other => None,
        }
    }

    /// The numbers of spans of one trace, by name.
    pub(super) fn counts(&self) -> &[Aggregate] {
        match self {
            Self::Traces(read) => &read.counts,
            Self::Spans(_) | Self::Sql(_) | Self::Other => &[],
        }
    }

    /// Returns the rule's subject and its condition. A condition over counts is that of its traces.
    pub(super) fn subject(
        self,
        report: &mut Report,
        node: &Node,
        condition: Option<Condition>,
    ) -> (Option<Subject>, Option<Condition>) {
        let mut trace: TraceRule = match self {
            Self::Spans(selector) => return (selector.map(Subject::Spans), condition),
            Self::Sql(read) => return (read.rule.map(Box::new).map(Subject::Sql), condition),
            Self::Traces(read) => match read.rule {
                Some(rule) => rule,
                None => return (None, condition),
            },
            Self::Other => return (None, condition),
        };
        let Some(condition) = condition else { return (None, None) };
        let is_of_trace = |name: &&str| trace.counts.iter().any(|count| count.name == *name);
        let condition = if condition.lowest.condition.expr.aggregates().iter().any(is_of_trace) {
            if trace.condition.is_some() {
                let (place, inner) =
                    (node.get("condition"), node.get("trace").and_then(|trace| trace.value.get("condition")));
                if let (Some(outer), Some(inner)) = (place, inner) {
                    let message = "the rule has two conditions over counts";
                    let other = report.place(inner.key_at.clone());
                    report.add(Code::Conflict, outer.key_at.clone(), message).also(other, "the other one");
                }
            }
            trace.condition = Some(condition.lowest.condition);
            Condition { resolve: condition.resolve, ..condition::some_trace() }
        } else {
            condition
        };
        if trace.demands().next().is_none() {
            let place = node.get("trace").map_or(0..0, |entry| entry.key_at.clone());
            let message =
                "the rule demands nothing: no `always`, `never`, `sequence` or condition over counts";
            report
                .add(Code::NoDemand, place, message)
                .hint("say what must be there: `always: [{name: payment.fraud_check}]`");
            return (None, None);
        }
        (Some(Subject::Traces(Box::new(trace))), Some(condition))
    }
}

/// The subjects of a rule: its rows, their groups, and the limits of these.
pub(super) struct Subjects {
    pub(super) kind: Kind,
    pub(super) group_by: Option<Vec<GroupKey>>,
    pub(super) limits: limits::OfRule,
}

/// The reason why steps cannot ask for limits by group.
const OF_STEPS: &str = "a step is looked for before it is known of which group its trace is";

/// Reads what a rule, `node`, is about.
pub(super) fn subjects(report: &mut Report, node: &Node, tables: &Tables<'_>) -> Subjects {
    let group_by = |report: &mut Report| node.get("group_by").map(|entry| groups::group_by(report, entry));
    let limits = |report: &mut Report, keys: Option<&[GroupKey]>| {
        let limits = limits::OfRule::of(report, node, keys, tables);
        report.set_limits(limits.scope());
        limits
    };
    match rule_kinds(node).first().map(|kind| kind.key.as_str()) {
        Some("trace") => {}
        None if is_text(node) => {}
        Some("sql") => {
            let kind = rule_kind(report, node);
            let group_by = match &kind {
                Kind::Sql(read) => read.group_by(report, node),
                _ => None,
            };
            return Subjects { kind, group_by, limits: limits::OfRule::None };
        }
        _ => {
            let keys = group_by(report).unwrap_or_else(|| Some(Vec::new()));
            let limits = limits(report, keys.as_deref());
            return Subjects { kind: rule_kind(report, node), group_by: keys, limits };
        }
    }
    report.set_limits(LimitScope::Refused(OF_STEPS));
    let kind = rule_kind(report, node);
    report.set_limits(NO_LIMITS.clone());
    let group_by = match (report.without_kin(trace::OF_TRACES, group_by), kind.by()) {
        (Some(keys), By::Keys(by)) => {
            let entry = node.get("group_by").map(|entry| &entry.value.value);
            if let (Some(keys), Some(Yaml::List(items))) = (&keys, entry) {
                across::groups(report, by, keys, items);
            }
            keys
        }
        (None, By::Keys(by)) => Some(by.clone()),
        (None, By::Unread) => None,
        (keys, By::Trace | By::Unread) => keys.unwrap_or_else(|| Some(Vec::new())),
    };
    let limits = limits(report, group_by.as_deref());
    Subjects { kind, group_by, limits }
}

/// The times that decide about the parents and children of spans, of a rule that asks for them.
pub(super) fn kin(
    report: &mut Report,
    node: &Node,
    kind: &Kind,
    aggregation: &Aggregation,
    group_by: Option<&[GroupKey]>,
) -> Option<Kin> {
    let Kind::Spans(selector) = kind else { return None };
    let mut keys = group_by.into_iter().flatten();
    let asks = selector.as_ref().is_some_and(Selector::reads_kin)
        || aggregation.aggregates.iter().any(Aggregate::reads_kin)
        || keys.any(|key| key.field.is_of_kin());
    asks.then(|| Kin {
        settle: duration(report, node, "settle").unwrap_or(SETTLE),
        within: duration(report, node, "max_trace_duration").unwrap_or(MAX_TRACE_DURATION),
    })
}

/// The keys that say what a rule is about.
fn rule_kinds(node: &Node) -> Vec<&Entry> {
    ["span", "trace", "sql"].into_iter().filter_map(|key| node.get(key)).collect()
}

/// Returns whether the rule is a condition that speaks of traces by itself.
pub(super) fn is_text(node: &Node) -> bool {
    let condition = node.get("condition").map(|entry| &entry.value.value);
    let Some(Yaml::Text(text)) = condition else { return false };
    rule_kinds(node).is_empty() && trace_text::is_about_traces(text)
}

fn rule_kind(report: &mut Report, node: &Node) -> Kind {
    let kinds = rule_kinds(node);
    for second in kinds.iter().skip(1) {
        let message = format!("a rule is about `{}` or `{}`, not both", kinds[0].key, second.key);
        let place = report.place(kinds[0].key_at.clone());
        report.add(Code::Conflict, second.key_at.clone(), message).also(place, "the other one");
    }
    let timing = |report: &mut Report| {
        let settle = duration(report, node, "settle").unwrap_or(SETTLE);
        let max_duration = duration(report, node, "max_trace_duration").unwrap_or(MAX_TRACE_DURATION);
        trace::Timing { settle, max_duration }
    };
    if is_text(node)
        && let Some(entry) = node.get("condition")
    {
        let timing = timing(report);
        let text = shape::text(report, entry).unwrap_or_default();
        let rule = trace_text::rule(report, entry, &text, timing);
        let counts = rule.as_ref().map_or(&[][..], |rule| &rule.counts);
        let counts = counts.iter().map(StepCount::as_aggregate).collect();
        return Kind::Traces(Box::new(trace::Read { rule, counts, by: By::Trace }));
    }
    if kinds.is_empty() {
        missing(report, node, "span", "the rule has no `span`, no `trace` and no `sql`");
    }
    let mut read = kinds.into_iter().map(|entry| match entry.key.as_str() {
        "span" => Kind::Spans(selector::selector(report, entry)),
        "trace" => {
            let timing = timing(report);
            Kind::Traces(Box::new(trace::trace(report, entry, timing)))
        }
        _ => Kind::Sql(Box::new(sql::sql(report, node, entry))),
    });
    let first = read.next().unwrap_or(Kind::Other);
    // Two kinds are refused above; what is wrong in either is told.
    read.for_each(drop);
    first
}

/// Reports a key that a rule must have.
pub(super) fn missing(report: &mut Report, node: &Node, key: &str, message: &str) {
    // The first line stands for the rule: a rule underlined as a whole hides what is wrong.
    let start = node.extent().start;
    let first = node.entries().unwrap_or_default().iter().map(|entry| entry.key_at.clone());
    let place = first.filter(|at| at.start >= start).min_by_key(|at| at.start).unwrap_or(start..start);
    let hint = match key {
        "span" => "`span` says which spans the rule is about: `span: {service_name: auth-service}`",
        "condition" => "`condition` says what makes a window a violation: `condition: count > 5`",
        _ => "`name` is the rule's identity, such as `name: checkout-error-ratio`",
    };
    report.add(Code::MissingKey, place, message).hint(hint);
}
