//! Ranges of time, put together.

use fluo_plan::TimeRange;

/// Ranges joined where they touch, in order.
pub(crate) fn joined(ranges: impl IntoIterator<Item = TimeRange>) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = ranges.into_iter().collect();
    ranges.sort_unstable_by_key(|range| (range.from, range.to));
    let mut joined: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

/// Returns whether a moment lies in one of the ranges, which are in order and apart.
pub(crate) fn contain(ranges: &[TimeRange], moment: i64) -> bool {
    meets(ranges, TimeRange { from: moment, to: moment })
}

/// Returns whether a range has a moment in common with one of the ranges, which are in order and apart.
pub(crate) fn meets(ranges: &[TimeRange], range: TimeRange) -> bool {
    let after = ranges.partition_point(|known| known.to < range.from);
    ranges.get(after).is_some_and(|known| known.from <= range.to)
}
