//! Counts by reason: of what was set aside, of what was mended.

use std::collections::BTreeMap;

/// A closed set of reasons, each with a text that users see (`fluo ingest --format json`, logs, the metadata of data
/// files). Texts never change; a new case gets a new reason.
pub trait Reasoned: Copy + Ord {
    /// The stable text under which it is counted.
    fn as_str(self) -> &'static str;
}

/// Counts, by reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts<R>(BTreeMap<R, u64>);

impl<R> Default for Counts<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Reasoned> Counts<R> {
    /// Counts `count` more; none is not an entry.
    pub fn add(&mut self, reason: R, count: u64) {
        if count > 0 {
            let total = self.0.entry(reason).or_default();
            *total = total.saturating_add(count);
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            self.add(reason, count);
        }
    }

    /// Returns the count of `reason`.
    pub fn get(&self, reason: R) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// By reason, in a fixed order; every count is above zero.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (R, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// The counts under the reasons' texts, as users see them.
    pub fn by_text(&self) -> BTreeMap<&'static str, u64> {
        self.iter().map(|(reason, count)| (reason.as_str(), count)).collect()
    }

    /// `2 × missing trace id, 1 × missing end time`
    pub fn in_words(&self) -> String {
        let parts: Vec<String> =
            self.iter().map(|(reason, count)| format!("{count} × {}", reason.as_str())).collect();
        parts.join(", ")
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |total, count| total.saturating_add(*count))
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set_aside::Reason;

    #[test]
    fn counts_add_up_and_zero_is_no_entry() {
        let mut counts = Counts::default();
        counts.add(Reason::MissingEnd, 0);
        assert!(counts.is_empty());
        counts.add(Reason::MissingEnd, 2);
        let mut more = Counts::default();
        more.add(Reason::MissingEnd, 1);
        more.add(Reason::MissingTraceId, 4);
        counts.merge(&more);
        assert_eq!(counts.in_words(), "4 × missing trace id, 3 × missing end time");
        assert_eq!(counts.by_text(), [("missing end time", 3), ("missing trace id", 4)].into());
        assert_eq!((counts.total(), counts.get(Reason::MissingEnd)), (7, 3));
    }
}
