//! One item of a rule list → [`Rule`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use fluo_time::Nanos;

use super::aggregation::Aggregation;
use super::inhibit::Inhibits;
use super::trace::By;
use super::{
    Report, across, aggregation, condition, earlier, groups, inhibit, limits, selector, shape, slo, sql,
    templates, timing, trace, trace_text,
};
use crate::condition::Condition;
use crate::decisive;
use crate::diagnostic::Code;
use crate::expr::{EarlierCall, LimitScope, NO_LIMITS};
use crate::keys::{CONVENTIONS, SAMPLINGS, SEVERITIES, Shape, Table};
use crate::limits::Limit;
use crate::objective::Urgency;
use crate::rule::{
    Aggregate, Conventions, EvidenceKeys, GroupKey, Kin, Realert, Rule, Sampling, Selector, Severity, Source,
    Subject, grid_step,
};
use crate::tables::Tables;
use crate::template::{self, Names};
use crate::trace::{MAX_TRACE_DURATION, SETTLE, StepCount, TraceRule};
use crate::yaml::{Entry, Node, Yaml};

/// A rule's item, read.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Its name, where it has one, or the names of the rules that an objective stands for; and where they stand.
    pub(crate) names: Vec<(String, Range<usize>)>,
    /// The rule, unless something is wrong with it; of an objective, the rules that it stands for.
    pub(crate) rules: Vec<Rule>,
    /// The entries of `inhibit`.
    pub(crate) inhibits: Vec<Inhibits>,
}

/// Reads a rule: `own` as written, `node` with defaults merged in.
pub(crate) fn rule(report: &mut Report, own: &Node, node: &Node, tables: &Tables<'_>) -> Checked {
    let errors = report.errors();
    let range = own.extent();
    shape::known_keys(report, own.entries().unwrap_or_default(), Table::Rule, "the rule");

    let name_entry = node.get("name");
    let name = name_entry.and_then(|entry| rule_name(report, entry));
    if name_entry.is_none() {
        missing(report, node, "name", "every rule needs a `name`");
    }
    let slo_entry = node.get("slo").cloned();
    let without_others;
    let node = match &slo_entry {
        Some(entry) => {
            slo::refuse_others(report, own, entry);
            name_entry
                .iter()
                .zip(&name)
                .for_each(|(at, name)| slo::check_name(report, at, name, MAX_NAME_BYTES));
            without_others = slo::without_others(node);
            &without_others
        }
        None => node,
    };
    let Subjects { kind, group_by, limits } = subjects(report, node, tables);
    let slo = slo_entry.as_ref().map(|entry| {
        if let Kind::Traces(_) = kind {
            let message = "`slo` stands beside `span`: an objective is about spans";
            report.add(Code::Conflict, entry.key_at.clone(), message);
        }
        slo::slo(report, entry)
    });
    let aggregates =
        |report: &mut Report| node.get("aggregation").map(|entry| aggregation::aggregation(report, entry));
    let given = match &kind {
        Kind::Sql(read) => {
            sql::refuse_others(report, own);
            Some(read.aggregation())
        }
        Kind::Traces(_) => report.without_kin(trace::OF_TRACES, aggregates),
        Kind::Spans(_) | Kind::Other => aggregates(report),
    };
    let aggregation = match &slo {
        Some(slo) => slo::aggregation(slo.as_ref()),
        None => given.unwrap_or_else(|| kind.usual_aggregation()),
    };
    let kin = kin(report, node, &kind, &aggregation, group_by.as_deref());
    if let (Kind::Traces(_), Some(entry)) = (&kind, own.get("sampling")) {
        let message =
            "`sampling` is about spans: of a trace, parts may be missing, which no number makes up for";
        report.add(Code::Conflict, entry.key_at.clone(), message);
    }
    if let Some(why) = kind.has_no_end().filter(|_| kin.is_none()) {
        ["settle", "max_trace_duration"].into_iter().filter_map(|key| own.get(key)).for_each(|entry| {
            let problem = report.add(Code::Conflict, entry.key_at.clone(), format!("`{}` {why}", entry.key));
            if matches!(kind, Kind::Spans(_) | Kind::Sql(_)) {
                problem.hint("windows wait for late spans as `eval_delay` says");
            }
        });
    }
    if let Some(entry) = node.get("condition") {
        condition::refuse_severity(report, own, entry);
    }
    let condition = match (node.get("condition"), &kind) {
        (Some(entry), Kind::Spans(_) | Kind::Sql(_)) => {
            condition::condition(report, node, entry, &aggregation)
        }
        // Its condition says which traces break it.
        (Some(_), Kind::Traces(_)) if is_text(node) => condition::any_trace(report, node, &aggregation),
        (Some(entry), Kind::Traces(read)) => {
            let given = node.get("aggregation").map(|_| &aggregation);
            condition::of_traces(report, node, entry, given, &read.counts)
        }
        (None, Kind::Traces(_)) if node.get("aggregation").is_none() => {
            condition::any_trace(report, node, &aggregation)
        }
        (None, Kind::Spans(_)) if slo.is_some() => {
            slo.iter().flatten().map(|slo| slo.condition(Urgency::Page)).next()
        }
        (None, Kind::Sql(_)) => condition::any_row(report, node, &aggregation),
        (None, Kind::Spans(_) | Kind::Traces(_)) => {
            missing(report, node, "condition", "the rule has no `condition`");
            None
        }
        // What the names in it mean depends on the kind of rule.
        (_, Kind::Other) => None,
    };
    let calls = condition.as_ref().map(Condition::earlier);
    report.set_limits(NO_LIMITS.clone());
    // People see the values of an objective, and not what these are made of.
    let unseen = Aggregation { aggregates: Vec::new(), ..aggregation };
    let seen = if slo.is_some() { &unseen } else { &aggregation };
    let names = Names {
        limits: limits.names(),
        ..names(node, seen, kind.counts(), calls.as_deref(), group_by.as_deref())
    };
    let values = Values::read(report, node, &names);
    let expect = match (node.get("expect"), &group_by) {
        (Some(entry), Some(keys)) if !matches!(kind, Kind::Sql(_)) => groups::expect(report, entry, keys),
        _ => Some(Vec::new()),
    };
    if let (Some(entry), Some(groups)) = (node.get("expect"), &expect) {
        groups::check_limit(report, entry, groups.len(), values.group_limit);
        if let Some(limits) = limits.read() {
            limits.warn_of_groups(report, entry, groups);
        }
    }
    if let Some(every) = values.every {
        node.get("every")
            .into_iter()
            .for_each(|entry| timing::warn_of_gaps(report, entry, every, values.window));
    }
    if let (Some(entry), Some(condition), Some([_, ..]), Some([])) =
        (node.get("condition"), &condition, group_by.as_deref(), expect.as_deref())
        && !matches!(kind, Kind::Sql(_))
    {
        condition::warn_of_vanishing_groups(report, entry, condition, &aggregation.aggregates);
    }
    match (&kind, &condition, &group_by, &expect) {
        (Kind::Sql(_), Some(condition), ..) => {
            earlier::refuse_of_query(report, node, condition);
            sql::refuse_moments(report, node, condition, &aggregation);
        }
        (_, Some(condition), Some(group_by), Some(expect)) => {
            let standing = group_by.is_empty() || !expect.is_empty();
            earlier::check(report, node, condition, values.windows(standing));
        }
        _ => {}
    }
    let own_names: Vec<String> = match (&name, &slo) {
        (Some(name), Some(_)) => Urgency::ALL.map(|urgency| urgency.name_of(name)).to_vec(),
        (name, _) => name.iter().cloned().collect(),
    };
    let inhibits = inhibit::inhibits(report, node, &own_names);
    let (subject, condition) = kind.subject(report, node, condition);
    if let (Some(limits), Some(subject), Some(condition)) = (limits.read(), &subject, &condition) {
        let texts: Vec<&String> = values.annotations.values().collect();
        let is_used = |limit: &Limit| {
            subject.limits().chain(condition.limits()).chain(aggregation.limits()).any(|used| used == limit)
                || texts.iter().any(|text| template::may_name_limit(text, limit.key()))
        };
        limits.warn_of_unused(report, is_used);
    }

    let sound = report.errors() == errors && !own.incomplete;
    let named_at = name_entry.map_or(0..0, |entry| entry.value.at.clone());
    let names = own_names.into_iter().map(|name| (name, named_at.clone())).collect();
    let rule = match (sound, name, subject, group_by, expect, condition) {
        (true, Some(name), Some(subject), Some(group_by), Some(expect), Some(condition)) => {
            let place = report.place(name_entry.map_or(range.start, |entry| entry.key_at.start)..range.end);
            let source = Source {
                file: Arc::clone(report.file()),
                line: place.start.line,
                text: report.text(),
                range,
                hash: {
                    let keys: Vec<&str> = group_by.iter().map(|key| key.key.as_str()).collect();
                    let limits = limits.read().map(|read| read.limits.node(&keys));
                    decisive::hash(node, limits, &report.text())
                },
            };
            Some(Rule {
                name,
                description: values.description,
                severity: condition.highest().severity.unwrap_or(values.severity),
                enabled: values.enabled,
                labels: values.labels,
                annotations: values.annotations,
                conventions: values.conventions,
                sampling: if matches!(subject, Subject::Spans(_)) {
                    values.sampling
                } else {
                    Sampling::Stored
                },
                subject,
                window: values.window,
                every: values.every,
                group_by,
                group_limit: values.group_limit,
                limits: limits.read().map(|read| Arc::clone(&read.limits)),
                expect,
                lookback: values.lookback,
                aggregates: aggregation.aggregates,
                evidence_limit: aggregation.evidence_limit,
                evidence: values.evidence,
                top: values.top,
                condition,
                hold_for: values.hold_for,
                keep_firing_for: values.keep_firing_for,
                realert: values.realert,
                inhibit: inhibits.iter().map(|entry| entry.inhibit.clone()).collect(),
                notification_limit: values.notification_limit,
                redact: values.redact,
                eval_delay: values.eval_delay,
                allowed_lateness: values.allowed_lateness,
                kin,
                source,
            })
        }
        _ => None,
    };
    let rules = match (rule, slo) {
        (Some(rule), Some(Some(slo))) => slo.rules(&rule),
        (rule, _) => rule.into_iter().collect(),
    };
    Checked { names, rules, inhibits }
}

/// Reads `defaults` for what can be wrong in them by themselves. What depends on the rest of a rule is found
/// in the rules. Says whether they can be relied on: where not, no rule of the file means what is written.
pub(crate) fn defaults(report: &mut Report, node: &Node) -> bool {
    let errors = report.errors();
    // Those of the rules.
    report.set_limits(LimitScope::Unknown);
    for entry in node.entries().unwrap_or_default() {
        if entry.key == "name" {
            let message = "`name` is a rule's own, and cannot be a default";
            report.add(Code::Conflict, entry.key_at.clone(), message);
        } else if Table::Defaults.key(&entry.key).is_none() {
            shape::unknown_key(report, entry, Table::Defaults, "`defaults`");
        }
    }
    if let Some(entry) = node.get("trace") {
        trace::trace(report, entry, trace::Timing { settle: SETTLE, max_duration: MAX_TRACE_DURATION });
    }
    if let Some(entry) = node.get("span") {
        selector::selector(report, entry);
    }
    if let Some(entry) = node.get("slo") {
        slo::slo(report, entry);
    }
    if let Some(entry) = node.get("sql") {
        sql::sql(report, node, entry);
    }
    if let Some(entry) = node.get("aggregation") {
        aggregation::aggregation(report, entry);
    }
    if let Some(entry) = node.get("group_by") {
        groups::group_by(report, entry);
    }
    report.set_limits(NO_LIMITS.clone());
    // What its templates may name depends on the rule.
    Values::read(report, node, &Names::default());
    report.errors() == errors && !node.incomplete
}

/// A name is printed in subjects, chat messages and file names.
fn rule_name(report: &mut Report, entry: &Entry) -> Option<String> {
    let name = shape::some_text(report, entry)?;
    let wrong = if name.chars().any(char::is_control) {
        "has a control character or line break in it"
    } else if name.trim() != name {
        "begins or ends with white space"
    } else if name.len() > MAX_NAME_BYTES {
        "is longer than 200 bytes"
    } else {
        return Some(name);
    };
    report.value(Code::BadName, entry, format!("the rule's name {wrong}"));
    None
}

/// Longest name of a rule, in bytes.
const MAX_NAME_BYTES: usize = 200;

fn missing(report: &mut Report, node: &Node, key: &str, message: &str) {
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

/// The kind of a rule.
enum Kind {
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
    fn usual_aggregation(&self) -> Aggregation {
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
    fn has_no_end(&self) -> Option<&'static str> {
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
    fn counts(&self) -> &[Aggregate] {
        match self {
            Self::Traces(read) => &read.counts,
            Self::Spans(_) | Self::Sql(_) | Self::Other => &[],
        }
    }

    /// Returns the rule's subject and its condition. A condition over counts is that of its traces.
    fn subject(
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
struct Subjects {
    kind: Kind,
    group_by: Option<Vec<GroupKey>>,
    limits: limits::OfRule,
}

/// The reason why steps cannot ask for limits by group.
const OF_STEPS: &str = "a step is looked for before it is known of which group its trace is";

fn subjects(report: &mut Report, node: &Node, tables: &Tables<'_>) -> Subjects {
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
fn kin(
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
fn is_text(node: &Node) -> bool {
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

/// Returns the names that the rule's templates may use. A mistake is told where it stands, not where it is named.
fn names<'a>(
    node: &'a Node,
    aggregation: &'a Aggregation,
    counts: &'a [Aggregate],
    calls: Option<&[&'a EarlierCall]>,
    group_by: Option<&'a [GroupKey]>,
) -> Names<'a> {
    let aggregates = || {
        let declared = aggregation.aggregates.iter().chain(counts).map(|aggregate| aggregate.name.as_str());
        declared.chain(calls.into_iter().flatten().map(|call| call.name.as_str())).collect()
    };
    let labels = match node.get("labels") {
        Some(labels) => labels.value.entries(),
        None => Some([].as_slice()),
    };
    Names {
        aggregates: (!aggregation.broken).then(aggregates),
        labels: labels.map(|labels| labels.iter().map(|label| label.key.as_str()).collect()),
        group: group_by.map(|keys| keys.iter().map(|key| key.key.as_str()).collect()),
        any_call: calls.is_none(),
        of_label: false,
        limits: None,
    }
}

/// The keys that stand for themselves, with their defaults.
struct Values {
    description: Option<String>,
    severity: Severity,
    enabled: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    conventions: Conventions,
    sampling: Sampling,
    window: Nanos,
    every: Option<Nanos>,
    group_limit: u32,
    lookback: Nanos,
    hold_for: Nanos,
    keep_firing_for: Nanos,
    realert: Realert,
    notification_limit: u32,
    evidence: EvidenceKeys,
    top: Vec<GroupKey>,
    redact: Vec<String>,
    eval_delay: Option<Nanos>,
    allowed_lateness: Option<Nanos>,
}

impl Values {
    /// The windows of the rule.
    fn windows(&self, standing: bool) -> earlier::Windows {
        let step = grid_step(self.every, self.window);
        earlier::Windows { window: self.window, step, lookback: self.lookback, standing }
    }

    /// Reads the values. Where one cannot be read, its default takes the place: the rule is given up anyway.
    fn read(report: &mut Report, node: &Node, names: &Names<'_>) -> Self {
        let mut duration = |key| duration(report, node, key);
        let window = duration("window").unwrap_or(Nanos::MINUTE);
        let every = duration("every");
        let lookback = duration("lookback").unwrap_or(Nanos(7 * Nanos::DAY.0));
        let hold_for = duration("for").unwrap_or_default();
        let keep_firing_for = duration("keep_firing_for").unwrap_or_default();
        let eval_delay = duration("eval_delay");
        let allowed_lateness = duration("allowed_lateness");
        Self {
            description: node.get("description").and_then(|entry| shape::text(report, entry)),
            severity: severity(report, node),
            enabled: node.get("enabled").and_then(|entry| shape::boolean(report, entry)).unwrap_or(true),
            labels: node
                .get("labels")
                .and_then(|entry| templates::templates(report, entry, &names.of_label()))
                .unwrap_or_default(),
            annotations: node
                .get("annotations")
                .and_then(|entry| templates::templates(report, entry, names))
                .unwrap_or_default(),
            conventions: conventions(report, node),
            sampling: sampling(report, node),
            window,
            every,
            group_limit: integer(report, node, "group_limit").unwrap_or(10_000),
            lookback,
            hold_for,
            keep_firing_for,
            realert: node
                .get("realert")
                .and_then(|entry| timing::realert(report, entry))
                .unwrap_or(timing::DEFAULT_REALERT),
            notification_limit: integer(report, node, "notification_limit").unwrap_or(50),
            evidence: node
                .get("evidence")
                .and_then(|entry| groups::evidence(report, entry))
                .unwrap_or_default(),
            top: node.get("top").and_then(|entry| groups::top(report, entry)).unwrap_or_default(),
            redact: node.get("redact").and_then(|entry| shape::texts(report, entry)).unwrap_or_default(),
            eval_delay,
            allowed_lateness,
        }
    }
}

fn duration(report: &mut Report, node: &Node, key: &str) -> Option<Nanos> {
    let entry = node.get(key)?;
    match Table::Rule.key(key).map(|key| key.shape) {
        Some(Shape::Duration { zero: true }) => shape::duration(report, entry),
        _ => shape::positive_duration(report, entry),
    }
}

fn integer(report: &mut Report, node: &Node, key: &str) -> Option<u32> {
    let entry = node.get(key)?;
    match Table::Rule.key(key).map(|key| key.shape) {
        Some(Shape::Integer { min, max }) => shape::integer(report, entry, min, max),
        _ => None,
    }
}

fn severity(report: &mut Report, node: &Node) -> Severity {
    let word = node.get("severity").and_then(|entry| shape::word(report, entry, SEVERITIES));
    match word {
        Some("info") => Severity::Info,
        Some("critical") => Severity::Critical,
        _ => Severity::Warning,
    }
}

fn conventions(report: &mut Report, node: &Node) -> Conventions {
    let word = node.get("semantic_conventions").and_then(|entry| shape::word(report, entry, CONVENTIONS));
    if word == Some("exact") { Conventions::Exact } else { Conventions::Renamed }
}

fn sampling(report: &mut Report, node: &Node) -> Sampling {
    let word = node.get("sampling").and_then(|entry| shape::word(report, entry, SAMPLINGS));
    if word == Some("adjusted") { Sampling::Adjusted } else { Sampling::Stored }
}
