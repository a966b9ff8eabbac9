//! Ranges of time, put together.

use fluo_plan::TimeRange;

/// The most ranges that a query is asked by.
const MOST: usize = 32;

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

/// The same, joined across the smallest distances until they are few enough for a query: more is read than is needed.
pub(crate) fn few(ranges: impl IntoIterator<Item = TimeRange>) -> Vec<TimeRange> {
    let joined = joined(ranges);
    if joined.len() <= MOST {
        return joined;
    }
    let mut distances: Vec<i64> = joined.windows(2).map(|pair| pair[1].from - pair[0].to).collect();
    distances.sort_unstable();
    let bridged = distances[distances.len() - MOST];
    let mut few: Vec<TimeRange> = Vec::new();
    for range in joined {
        match few.last_mut() {
            Some(last) if range.from - last.to <= bridged => last.to = range.to,
            _ => few.push(range),
        }
    }
    few
}

/// Returns whether a moment lies in one of the ranges, which are in order and apart.
pub(crate) fn contain(ranges: &[TimeRange], moment: i64) -> bool {
    let after = ranges.partition_point(|range| range.to < moment);
    ranges.get(after).is_some_and(|range| range.from <= moment)
}
