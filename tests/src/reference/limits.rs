//! Limits by group, from the rule language's section 5: rows are tried in order, and the first that is for the group is its.

use fluo_rules::limits::{LimitRow, RowKey};
use fluo_rules::rule::Rule;

use super::datum::Datum;
use super::terms::Group;

/// The row of a group.
fn row<'a>(rule: &'a Rule, group: &Group) -> Option<&'a LimitRow> {
    let is_for = |row: &&LimitRow| {
        row.keys.iter().zip(group).all(|(key, value)| match key {
            RowKey::Any => true,
            RowKey::Is(stated) => stated == value,
        })
    };
    rule.limits.as_ref()?.rows().iter().find(is_for)
}

/// Returns whether a group is judged: a rule without limits judges all.
pub(super) fn is_judged(rule: &Rule, group: &Group) -> bool {
    rule.limits.is_none() || row(rule, group).is_some()
}

/// The limit of that name (`limit.slow`) of a group.
pub(super) fn of_group(rule: &Rule, group: &Group, name: &str) -> Option<Datum> {
    let names = rule.limits.as_ref()?.names();
    let place = names.iter().position(|limit| limit.name == name)?;
    row(rule, group)?.values[place].as_ref().map(Datum::constant)
}

/// The names of the rule's limits.
pub(super) fn names(rule: &Rule) -> Vec<&str> {
    rule.limits.iter().flat_map(|limits| limits.names()).map(|limit| limit.name.as_str()).collect()
}
