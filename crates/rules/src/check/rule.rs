//! One item of a rule list → [`Rule`].

use std::ops::Range;
use std::sync::Arc;

use super::aggregation::Aggregation;
use super::inhibit::Inhibits;
use super::subject::{Kind, Subjects, is_text, kin, missing, subjects};
use super::values::Values;
use super::{
    Report, aggregation, condition, earlier, groups, inhibit, selector, shape, slo, sql, timing, trace,
};
use crate::condition::Condition;
use crate::decisive;
use crate::diagnostic::Code;
use crate::expr::{EarlierCall, LimitScope, NO_LIMITS};
use crate::keys::Table;
use crate::limits::Limit;
use crate::objective::Urgency;
use crate::rule::{Aggregate, GroupKey, Rule, Sampling, Source, Subject};
use crate::tables::Tables;
use crate::template::{self, Names};
use crate::trace::{MAX_TRACE_DURATION, SETTLE};
use crate::yaml::{Entry, Node};

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
