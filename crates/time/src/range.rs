//! Ranges of time, one and several.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// All moments from one to another, both included, in nanoseconds since the epoch. It is empty where the last lies before
/// the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeRange {
    /// First.
    pub from: i64,
    /// Last.
    pub to: i64,
}

impl TimeRange {
    /// Returns whether a moment lies in it.
    pub fn contains(self, moment: i64) -> bool {
        (self.from..=self.to).contains(&moment)
    }

    /// Returns whether it has a moment in common with another.
    pub fn meets(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

impl From<RangeInclusive<i64>> for TimeRange {
    fn from(range: RangeInclusive<i64>) -> Self {
        let (from, to) = range.into_inner();
        Self { from, to }
    }
}

/// Returns the moments of all ranges as ranges in order, which do not touch each other.
pub fn joined(ranges: impl IntoIterator<Item = TimeRange>) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = ranges.into_iter().filter(|range| range.from <= range.to).collect();
    ranges.sort_unstable();
    let mut joined: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

/// Returns the parts of some ranges that lie in none of others; both are in order, and so is the result.
pub fn without(ranges: &[TimeRange], others: &[TimeRange]) -> Vec<TimeRange> {
    let mut left = Vec::with_capacity(ranges.len());
    for &range in ranges {
        let mut from = Some(range.from);
        for other in others.iter().filter(|other| other.meets(range)) {
            left.extend(
                from.filter(|&from| from < other.from).map(|from| TimeRange { from, to: other.from - 1 }),
            );
            from = other.to.checked_add(1);
        }
        left.extend(from.filter(|&from| from <= range.to).map(|from| TimeRange { from, ..range }));
    }
    left
}

/// Returns whether a moment lies in one of the ranges, which are in order and apart.
pub fn contain(ranges: &[TimeRange], moment: i64) -> bool {
    meet(ranges, TimeRange { from: moment, to: moment })
}

/// Returns whether a range has a moment in common with one of the ranges, which are in order and apart.
pub fn meet(ranges: &[TimeRange], range: TimeRange) -> bool {
    let after = ranges.partition_point(|known| known.to < range.from);
    ranges.get(after).is_some_and(|known| known.from <= range.to)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const fn range(from: i64, to: i64) -> TimeRange {
        TimeRange { from, to }
    }

    #[test]
    fn ranges_join_where_they_touch() {
        let all = [range(5, 9), range(3, 1), range(0, 4), range(11, 12)];
        assert_eq!(joined(all), [range(0, 9), range(11, 12)]);
        assert_eq!(joined([range(1, i64::MAX), range(i64::MIN, 0)]), [range(i64::MIN, i64::MAX)]);
    }

    #[test]
    fn ranges_without_others() {
        let others = [range(0, 2), range(4, 4), range(8, i64::MAX)];
        assert_eq!(without(&[range(1, 9)], &others), [range(3, 3), range(5, 7)]);
        assert_eq!(without(&[range(1, 2), range(5, 6)], &others), [range(5, 6)]);
    }

    fn ranges() -> impl Strategy<Value = Vec<TimeRange>> {
        vec((0..40_i64, -2..8_i64).prop_map(|(from, length)| range(from, from + length)), 0..6)
    }

    proptest! {
        #[test]
        fn several_ranges_hold_the_moments_of_each(some in ranges(), others in ranges(), asked in (0..40_i64, 0..8_i64)) {
            let (all, taken) = (joined(some.clone()), joined(others.clone()));
            let left = without(&all, &taken);
            let in_any = |ranges: &[TimeRange], moment| ranges.iter().any(|range| range.contains(moment));
            for moment in -1..50 {
                prop_assert_eq!(contain(&all, moment), in_any(&some, moment));
                prop_assert_eq!(contain(&left, moment), in_any(&some, moment) && !in_any(&others, moment));
            }
            prop_assert!(all.windows(2).all(|pair| pair[0].to + 1 < pair[1].from), "{:?} are apart", all);
            let asked = range(asked.0, asked.0 + asked.1);
            prop_assert_eq!(meet(&all, asked), all.iter().any(|range| range.meets(asked)));
        }
    }
}
