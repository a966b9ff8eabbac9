//! The commonest values of the keys that a rule asks for, among the rows of a window.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use fluo_alerts::escape::plain;
use fluo_alerts::violation::{Top, TopValue};
use fluo_rules::rule::Rule;

use crate::error::EngineError;
use crate::rows::row;

/// The largest number of values that are told of a key.
const TOLD: usize = 5;

/// The rule's `top` keys, with the column of their values.
pub(crate) struct Commonest<'a> {
    columns: Vec<(&'a str, StringArray)>,
}

impl<'a> Commonest<'a> {
    pub(crate) fn of(rule: &'a Rule, rows: &RecordBatch) -> Result<Self, EngineError> {
        let columns = rule.top.iter().enumerate().map(|(at, key)| {
            let name = row::top(at);
            let texts = rows.column_by_name(&name).and_then(|column| column.as_string_opt::<i32>());
            Ok((key.key.as_str(), texts.ok_or(EngineError::Column(name))?.clone()))
        });
        Ok(Self { columns: columns.collect::<Result<_, EngineError>>()? })
    }

    /// The commonest values in a window, the commonest first; of equals the first in the order of their bytes, and what
    /// has no value last.
    pub(crate) fn of_window(&self, window: &Range<usize>) -> Vec<Top> {
        let of_key = |(key, column): &(&str, StringArray)| {
            let mut counts: HashMap<Option<&str>, u64> = HashMap::new();
            for at in window.clone() {
                *counts.entry(column.is_valid(at).then(|| column.value(at))).or_default() += 1;
            }
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_unstable_by(|(one, ones), (other, others)| {
                others.cmp(ones).then(one.is_none().cmp(&other.is_none())).then(one.cmp(other))
            });
            let values = counts.into_iter().take(TOLD).map(|(value, spans)| TopValue {
                // It is kept as long as its alert: no longer than it is shown.
                value: value.map(|value| plain(value).into_owned()),
                spans,
            });
            Top { key: (*key).to_owned(), spans: window.len() as u64, values: values.collect() }
        };
        if window.is_empty() { Vec::new() } else { self.columns.iter().map(of_key).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluo_rules::{SourceFile, load};

    use super::*;

    #[test]
    fn the_five_commonest_values_of_a_window() {
        let text = "- {name: r, span: {}, condition: count > 5, top: [http.route]}";
        let rule = load(&[SourceFile::new("r.yml", text)]).rules.remove(0);
        // Outside the window, then eight values in it.
        let values =
            "x x b b b a a a f e d c c".split(' ').map(Some).chain([None, None, None, None, Some("x")]);
        let column: StringArray = values.collect();
        let batch = RecordBatch::try_from_iter([(row::top(0), Arc::new(column) as _)]).unwrap();
        let top = Commonest::of(&rule, &batch).unwrap().of_window(&(2..17));
        let told: Vec<_> = top[0].values.iter().map(|top| (top.value.as_deref(), top.spans)).collect();
        assert_eq!((top[0].key.as_str(), top[0].spans), ("http.route", 15));
        assert_eq!(told, [(None, 4), (Some("a"), 3), (Some("b"), 3), (Some("c"), 2), (Some("d"), 1)]);
    }
}
