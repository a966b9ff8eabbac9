//! `inhibit` of one rule. What can be said of all rules together is in [`crate::inhibition`].

use std::ops::Range;

use super::{Report, shape};
use crate::diagnostic::Code;
use crate::keys::Table;
use crate::rule::Inhibit;
use crate::yaml::{Entry, Node, Yaml};

/// An entry, read.
#[derive(Debug)]
pub(crate) struct Inhibits {
    pub(crate) inhibit: Inhibit,
    /// The bytes at which it stands.
    pub(crate) at: Range<usize>,
    /// Those of the keys of its `equal`.
    pub(crate) equal: Vec<Range<usize>>,
}

/// The entries of a rule's `inhibit`. `own` are the names of the rule, or of those that an objective stands for.
pub(super) fn inhibits(report: &mut Report, node: &Node, own: &[String]) -> Vec<Inhibits> {
    let Some(entry) = node.get("inhibit") else { return Vec::new() };
    let items = shape::items(report, entry).unwrap_or_default();
    let inhibits = items.iter().filter_map(|item| {
        let inhibit = inhibit(report, entry, item, own)?;
        let at = item.get("rule").map_or(&item.at, |rule| &rule.value.at).clone();
        let equal = item.get("equal").map_or(&Yaml::Null, |equal| &equal.value.value);
        let Yaml::List(keys) = equal else { return Some(Inhibits { inhibit, at, equal: Vec::new() }) };
        Some(Inhibits { inhibit, at, equal: keys.iter().map(|key| key.at.clone()).collect() })
    });
    inhibits.collect()
}

/// A rule's name, or `{rule: NAME, equal: [KEY, …]}`.
fn inhibit(report: &mut Report, entry: &Entry, item: &Node, own: &[String]) -> Option<Inhibit> {
    let inhibit = match &item.value {
        Yaml::Map(entries) => {
            shape::known_keys(report, entries, Table::Inhibit, "an entry of `inhibit`");
            shape::required_keys(report, item, Table::Inhibit, "an entry of `inhibit`");
            let rule = shape::some_text(report, item.get("rule")?)?;
            let equal = match item.get("equal") {
                Some(equal) => Some(shape::texts(report, equal)?),
                None => None,
            };
            Inhibit { rule, equal }
        }
        _ => Inhibit { rule: shape::item_text(report, item, &entry.key)?, equal: None },
    };
    if own.contains(&inhibit.rule) {
        report.at(Code::Conflict, item, "a rule cannot make itself redundant");
    }
    Some(inhibit)
}
