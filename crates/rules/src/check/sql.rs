//! `sql:` → [`SqlRule`], with the values and groups that its rows are.

use std::ops::Range;
use std::sync::Arc;

use super::aggregation::{Aggregation, DEFAULT_EVIDENCE};
use super::{Report, shape};
use crate::condition::Condition;
use crate::diagnostic::{Code, Finding};
use crate::expr::Problem;
use crate::expr::nearest::nearest;
use crate::field::{Field, Scope};
use crate::rule::{Aggregate, AggregateFunction, GroupKey, Rule, Source};
use crate::sql::{Column, Role, SqlRule, Unit, bytes, read};
use crate::yaml::{self, Entry, Node, Yaml};

/// A rule that is a query, read.
#[derive(Debug)]
pub(super) struct Read {
    /// The query; none where it could not be read.
    pub(super) rule: Option<SqlRule>,
}

/// Keys that say what a query says itself, or that need spans of a selection.
const OTHERS: [(&str, &str); 6] = [
    ("aggregation", "the query computes its values itself"),
    ("expect", "the rows of the query are the groups that there are"),
    ("limits", "a limit of a group can stand in the query: `CASE WHEN route = '/pay' THEN 3 ELSE 10 END`"),
    ("lookback", "it belongs to functions over earlier windows, and a query has none"),
    ("sampling", "the query counts the rows that are stored"),
    ("top", "a query selects no spans whose values could be counted"),
];

/// The value of `sql:` of a rule, `node`.
pub(super) fn sql(report: &mut Report, node: &Node, entry: &Entry) -> Read {
    let Some(text) = shape::some_text(report, entry) else { return Read { rule: None } };
    let group_by = node.get("group_by").map(|entry| shape::texts(report, entry).unwrap_or_default());
    let place = |report: &mut Report, problem: Problem| report.problem(&entry.value, &text, problem);
    match read(&text, group_by.as_deref()) {
        Ok((rule, doubts)) => {
            for doubt in doubts {
                place(report, doubt);
            }
            let known = group_by.is_none_or(|keys| groups(report, node, &rule, &keys));
            Read { rule: known.then_some(rule) }
        }
        Err(problems) => {
            for problem in problems {
                place(report, problem);
            }
            Read { rule: None }
        }
    }
}

/// Returns the planner's complaint about the query of a rule that was loaded. `place`: lines and columns of the query's
/// text, from 1; none where it is about the whole.
pub(crate) fn refusal(rule: &Rule, message: &str, place: Option<Range<(u64, u64)>>) -> Finding {
    let Source { file, text, range, .. } = &rule.source;
    let mut report = Report::new(Arc::clone(file), Arc::clone(text));
    let message = format!("the query cannot be planned: {message}");
    let query = rule.sql().map_or("", |query| query.text.as_str());
    let part = place.map_or(0..query.len(), |place| bytes(query, place));
    let documents = yaml::read(text).unwrap_or_default();
    let roots: Vec<Node> = documents.into_iter().map(|document| yaml::resolve(document, text).0).collect();
    let items = roots.iter().flat_map(|root| {
        let list = root.get("rules").map_or(root, |entry| &entry.value);
        if let Yaml::List(items) = &list.value { items.as_slice() } else { &[] }
    });
    let own = items.filter(|item| item.extent().start == range.start).find_map(|item| item.get("sql"));
    let of_defaults = || roots.iter().find_map(|root| root.get("defaults")?.value.get("sql"));
    match own.or_else(of_defaults) {
        Some(entry) => report.within(Code::SqlRefused, &entry.value, query, &part, message),
        None => report.add(Code::SqlRefused, range.start..range.start, message),
    };
    report.into_findings().remove(0)
}

/// Returns whether every key of `group_by` is a column of the rows.
fn groups(report: &mut Report, node: &Node, rule: &SqlRule, keys: &[String]) -> bool {
    let Some(entry) = node.get("group_by") else { return true };
    let mut sound = true;
    for (at, key) in keys.iter().enumerate() {
        let item = match &entry.value.value {
            Yaml::List(items) => items.get(at),
            _ => None,
        };
        let item = item.unwrap_or(&entry.value);
        if keys[..at].contains(key) {
            report.at(Code::Conflict, item, format!("`{key}` is a group key already"));
            sound = false;
        } else if rule.column(key).is_none() {
            let names = rule.columns.iter().map(|column| column.name.as_str());
            let near = nearest(key, names.clone());
            let message = format!("the rows of the query have no column `{key}`");
            let finding = report.at(Code::UnknownName, item, message);
            if near.is_some() {
                finding.did_you_mean(near);
            } else {
                finding.hint(format!("they have {}", names.collect::<Vec<_>>().join(", ")));
            }
            sound = false;
        }
    }
    sound
}

/// Refuses keys of the rule's own, `own`, that do not go with a query.
pub(super) fn refuse_others(report: &mut Report, own: &Node) {
    for (key, why) in OTHERS {
        if let Some(entry) = own.get(key) {
            report.add(
                Code::Conflict,
                entry.key_at.clone(),
                format!("`{key}` does not go with `sql`: {why}"),
            );
        }
    }
    if let Some(entry) = own.get("semantic_conventions") {
        report
            .add(Code::Conflict, entry.key_at.clone(), "`semantic_conventions` does not go with `sql`")
            .hint("a query reads keys as they are stored: `coalesce(attributes['new.name'], attributes['old.name'])`");
    }
}

/// Refuses moments in the conditions of a rule, `node`: they are told, and nothing of the language can be compared with
/// them.
pub(super) fn refuse_moments(
    report: &mut Report,
    node: &Node,
    condition: &Condition,
    aggregation: &Aggregation,
) {
    let is_moment = |name: &&str| {
        let of = |aggregate: &Aggregate| {
            aggregate.name == *name && aggregate.function == AggregateFunction::Column(Unit::Moment)
        };
        aggregation.aggregates.iter().any(of)
    };
    let Some(entry) = node.get("condition").or_else(|| node.get("resolve_condition")) else { return };
    if let Some(name) = condition.aggregates().into_iter().find(is_moment) {
        let message = format!("`{name}` is a moment: it is told, and not compared");
        report
            .value(Code::TypeMismatch, entry, message)
            .hint("compare a duration that the query computes: `$window_end - max(end_time) AS silent_for`");
    }
}

impl Read {
    /// The values of its rows, as what a condition may name.
    pub(super) fn aggregation(&self) -> Aggregation {
        let value = |column: &Column| Aggregate {
            name: column.name.clone(),
            function: AggregateFunction::Column(column.unit),
            filter: None,
        };
        Aggregation {
            aggregates: self.rule.iter().flat_map(SqlRule::values).map(value).collect(),
            broken: self.rule.is_none(),
            evidence_limit: DEFAULT_EVIDENCE,
        }
    }

    /// The columns that are the group, in the order of `group_by`, which a rule, `node`, may have, or else of the query.
    pub(super) fn group_by(&self, report: &mut Report, node: &Node) -> Option<Vec<GroupKey>> {
        let rule = self.rule.as_ref()?;
        let key = |column: &Column| {
            let read = column.reads.first().cloned();
            let field = read.unwrap_or_else(|| Field::attribute(Scope::Either, column.name.as_str()));
            GroupKey { key: column.name.clone(), field }
        };
        let Some(entry) = node.get("group_by") else {
            return Some(rule.columns.iter().filter(|column| column.role == Role::Group).map(key).collect());
        };
        let keys = shape::texts(report, entry)?;
        Some(keys.iter().filter_map(|name| rule.column(name)).map(key).collect())
    }
}
