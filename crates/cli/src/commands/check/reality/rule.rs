//! A rule against what is known: its spans or steps, then what is measured and grouped of them.

use std::collections::BTreeSet;

use fluo_rules::diagnostic::{Code, Finding};
use fluo_rules::expr::ExprKind;
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::limits::RowKey;
use fluo_rules::rule::{Rule, Subject};
use fluo_rules::trace::{Forbidden, TraceRule};
use fluo_suggest::FewValues;

use super::differs::{
    Selected, did_you_mean, finding, listed, may_be_number, near, of_rule, selection, term_differs,
};
use super::known::Known;
use super::matching::Spans;
use super::terms::{Role, of_expr, of_field};

/// Most groups of a table that are told.
const MOST_GROUPS: usize = 10;

/// The findings about a rule that differs from what is known.
pub(super) fn differences(rule: &Rule, known: &Known<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let selected = match &rule.subject {
        Subject::Spans(selector) => selection(rule, selector, known, &mut findings),
        Subject::Traces(trace) => steps(rule, trace, known, &mut findings),
        Subject::Sql(_) => return findings,
    };
    values(rule, known, &selected, &mut findings);
    groups(rule, known, &selected, &mut findings);
    table(rule, known, &mut findings);
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.place.bytes.start, finding.code, finding.message.clone());
        key(one).cmp(&key(other))
    });
    findings.dedup();
    findings
}

/// Holds the steps of a rule about traces against what is known. Returns the occasions.
fn steps<'a>(rule: &Rule, trace: &TraceRule, known: &Known<'a>, findings: &mut Vec<Finding>) -> Selected<'a> {
    let whens: Vec<usize> = trace.when.iter().flat_map(|when| when.needed()).copied().collect();
    let mut occasions = Selected { spans: Vec::new(), is_here: false, is_wrong: false };
    for step in whens.iter().filter_map(|at| trace.steps.get(*at)) {
        let own = selection(rule, &step.selector, known, findings);
        occasions.is_here |= own.is_here && !own.spans.is_empty();
        occasions.spans.extend(own.spans);
        occasions.is_wrong |= own.is_wrong;
    }
    let forbidden: BTreeSet<usize> = trace
        .never
        .iter()
        .flat_map(|never| match never {
            Forbidden::Step(step) => vec![*step],
            Forbidden::Sequence(sequence) => sequence.steps.clone(),
        })
        .collect();
    let demanded: BTreeSet<usize> = trace
        .always
        .iter()
        .copied()
        .chain(trace.sequence.iter().flat_map(|sequence| sequence.steps.iter().copied()))
        .collect();
    for (at, step) in trace.steps.iter().enumerate().filter(|(at, _)| !whens.contains(at)) {
        let mut own = Vec::new();
        let selected = selection(rule, &step.selector, known, &mut own);
        // What must not be there need not be: only what is near to something else was meant otherwise.
        if forbidden.contains(&at) {
            own.retain(|finding| {
                finding.hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean"))
            });
        }
        let is_told = !own.is_empty();
        findings.extend(own);
        let asks_in_vain = demanded.contains(&at) && selected.spans.is_empty() && !is_told;
        if asks_in_vain && !occasions.spans.is_empty() && !occasions.is_wrong {
            let message = format!(
                "no span is {}: every occasion breaks the rule",
                fluo_rules::words::selector(&step.selector)
            );
            let hint = "look at the step's service, name and attributes";
            findings.push(of_rule(rule, Code::AlwaysFires, message, hint));
        }
    }
    if trace.when.is_none() {
        let all = known.operations.iter();
        let conventions = rule.conventions;
        occasions.spans = all.map(|(operation, profile)| Spans { operation, profile, conventions }).collect();
    }
    occasions
}

/// The fields that aggregates read.
fn values(rule: &Rule, known: &Known<'_>, selected: &Selected<'_>, findings: &mut Vec<Finding>) {
    for aggregate in &rule.aggregates {
        for field in aggregate.function.fields() {
            let is_wrong = fields(rule, field, known, selected, findings);
            let Some(of) = aggregate.function.measure().filter(|_| !is_wrong) else { continue };
            if matches!(&of.kind, ExprKind::Field(own) if own == field) {
                findings.extend(never_number(rule, field, selected));
            }
        }
        for term in aggregate.filter.iter().flat_map(|filter| of_expr(filter, Role::Other)) {
            findings.extend(term_differs(rule, &term, false, &[], known));
        }
    }
}

/// The keys that groups are made by.
fn groups(rule: &Rule, known: &Known<'_>, selected: &Selected<'_>, findings: &mut Vec<Finding>) {
    let steps = rule.trace().into_iter().flat_map(|trace| trace.steps.iter().flat_map(|step| &step.by));
    for key in rule.group_by.iter().chain(steps).chain(&rule.top) {
        fields(rule, &key.field, known, selected, findings);
    }
}

/// A field that is read of selected spans. Returns whether something is wrong with it.
fn fields(
    rule: &Rule,
    field: &Field,
    known: &Known<'_>,
    selected: &Selected<'_>,
    findings: &mut Vec<Finding>,
) -> bool {
    let before = findings.len();
    for term in of_field(field) {
        findings.extend(term_differs(rule, &term, selected.is_here, &[], known));
    }
    if let Field::Attribute { scope, key } = field
        && findings.len() == before
        && selected.is_here
        && known.has(*scope, key, rule.conventions)
        && !selected.spans.is_empty()
        && selected.spans.iter().all(|spans| spans.attributes(*scope, key).is_empty())
    {
        let message = format!("no span that the rule is about has `{key}`; others have");
        let hint = "look at which spans carry it";
        findings.push(finding(rule, Code::AbsentAttribute, key, message, hint.to_owned()));
    }
    findings.len() > before
}

/// An aggregate of numbers over what never is one.
fn never_number(rule: &Rule, field: &Field, selected: &Selected<'_>) -> Option<Finding> {
    let Field::Attribute { scope, key } = field else { return None };
    let mut all = FewValues::default();
    for (_, values) in selected.spans.iter().flat_map(|spans| spans.attributes(*scope, key)) {
        all.merge(values);
    }
    let FewValues::Few(few) = &all else { return None };
    let example = few.keys().next()?;
    (!may_be_number(&all)).then(|| {
        let message = format!("`{key}` never is a number, so that what is measured of it has no value");
        finding(rule, Code::NeverNumber, key, message, format!("a value of it is `{example}`"))
    })
}

/// The groups of `limits` and of `expect`.
fn table(rule: &Rule, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let mut told = 0;
    let rows = rule.limits.iter().flat_map(|limits| limits.rows()).map(|row| {
        row.keys
            .iter()
            .map(|key| match key {
                RowKey::Is(Some(text)) => Some(text.as_str()),
                RowKey::Is(None) | RowKey::Any => None,
            })
            .collect::<Vec<_>>()
    });
    let expected = rule.expect.iter().map(|group| group.iter().map(Option::as_deref).collect::<Vec<_>>());
    for group in rows.chain(expected) {
        if let Some(finding) = group_differs(rule, &group, known) {
            told += 1;
            if told <= MOST_GROUPS {
                findings.push(finding);
            }
        }
    }
    if told > MOST_GROUPS {
        let message = format!("{} more groups of `limits` or `expect` do not occur", told - MOST_GROUPS);
        findings.push(of_rule(rule, Code::AbsentGroup, message, "remove what is no longer there"));
    }
}

/// The finding about a group of which no span is.
fn group_differs(rule: &Rule, group: &[Option<&str>], known: &Known<'_>) -> Option<Finding> {
    let stated = || rule.group_by.iter().zip(group).filter_map(|(key, value)| Some((key, (*value)?)));
    for (key, value) in stated() {
        let field = match &key.field {
            Field::Parent(field) => field,
            field => field,
        };
        let values: BTreeSet<&str> = match field {
            Field::Intrinsic(Intrinsic::ServiceName) => known.services.clone(),
            Field::Intrinsic(Intrinsic::Name) => known.names.clone(),
            Field::Attribute { scope, key } => match known.values(*scope, key, rule.conventions) {
                FewValues::Few(few) if few.contains_key(value) => continue,
                FewValues::Few(few) => {
                    let values: BTreeSet<&str> = few.keys().map(String::as_str).collect();
                    return Some(absent(rule, &key.clone(), value, &values));
                }
                FewValues::Many => continue,
            },
            _ => continue,
        };
        if !values.contains(value) {
            return Some(absent(rule, &key.key, value, &values));
        }
    }
    let text = |wanted: Intrinsic| {
        stated().find(|(key, _)| key.field == Field::Intrinsic(wanted)).map(|(_, value)| value)
    };
    let (service, name, kind) = (text(Intrinsic::ServiceName), text(Intrinsic::Name), text(Intrinsic::Kind));
    let occurs = known.operations.iter().any(|(operation, _)| {
        service.is_none_or(|service| operation.service.as_deref() == Some(service))
            && name.is_none_or(|name| operation.name == name)
            && kind.is_none_or(|kind| operation.kind == kind)
    });
    (!occurs).then(|| {
        let all: Vec<&str> = [service, name, kind].into_iter().flatten().collect();
        let word = name.or(service).or(kind).unwrap_or_default();
        let hint =
            name.map_or_else(String::new, |name| listed("such spans are of", &known.services_with(name)));
        finding(rule, Code::AbsentGroup, word, format!("no span is of the group {}", all.join(", ")), hint)
    })
}

fn absent(rule: &Rule, key: &str, value: &str, values: &BTreeSet<&str>) -> Finding {
    let hint = near(value, values).map_or_else(|| listed("it is", values), did_you_mean);
    finding(rule, Code::AbsentGroup, value, format!("`{key}` never is `{value}`"), hint)
}
