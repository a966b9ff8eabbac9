//! The times at which groups were seen: of each group and cell of time, the ends of its first and its last span.
//!
//! Of a stretch that is no shorter than a cell, at most one end lies in each cell. So the first and the last end in a cell
//! say exactly whether a span ended within the stretch, wherever it cuts the cell.

use fluo_plan::RulePlan;
use fluo_time::{Nanos, TimeRange};

use super::part::Part;
use crate::panes::{Hours, Windows};
use crate::pass::{Cells, Summed};
use crate::rows::Group;
use crate::summary::Summary;

/// The cells by which it is known when groups were seen.
pub(super) fn cells(plan: &RulePlan) -> Cells {
    Cells { size: plan.rule().lookback.0.clamp(1, Nanos::MINUTE.0) }
}

/// Looks for what must be known of the past of moments.
pub(super) fn look(part: &mut Part<'_>, plan: &RulePlan, stretches: &[TimeRange], most: Option<i64>) {
    let Some(behind) = plan.seen_behind() else { return };
    let cells = part.windows.cells;
    let hours_count = plan.rule().lookback.0 >= Hours::CELLS.size && Hours::CELLS.size % cells.size == 0;
    let whole = if hours_count { Hours::CELLS } else { cells };
    let needed = stretches.iter().map(|stretch| {
        let from = stretch.from.saturating_sub(behind).saturating_add(1);
        // From the beginning of a cell, where the cell may be known.
        let from = if part.has_panes() { whole.range(whole.of(from)).from } else { from };
        TimeRange { from, to: stretch.to }
    });
    let needed = fluo_time::range::joined(needed);
    let hours = needed.first().zip(stretches.first()).filter(|_| hours_count).map(|(needed, first)| {
        // Late spans come to the last hour now and then: it is not joined yet.
        let last = Hours::CELLS.of(first.from.saturating_sub(2 * Hours::CELLS.size));
        (Hours::CELLS.of(needed.from)..=last).collect::<Vec<_>>()
    });
    part.look(needed, &hours.unwrap_or_default(), most);
}

/// Returns whether a span of a group ended after `after`, and at or before `to`. These are no less apart than a cell is
/// long.
pub(super) fn is_seen(windows: &Windows, group: &Group, after: i64, to: i64) -> bool {
    around(windows, group, after, to).any(|(first, last)| last > after && first <= to)
}

/// Returns the end of the last span of a group after `after`, and at or before `to`, as far as it is known; none where
/// there is none.
pub(super) fn last_seen(windows: &Windows, group: &Group, after: i64, to: i64) -> Option<i64> {
    let last = |(first, last): (i64, i64)| [last, first].into_iter().find(|end| after < *end && *end <= to);
    around(windows, group, after, to).filter_map(last).max()
}

/// The first and the last end in the cells that a stretch of time lies in.
fn around(windows: &Windows, group: &Group, after: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
    let moments = TimeRange { from: after.saturating_add(1), to };
    windows.around(group, moments).filter_map(ends)
}

fn ends(summed: &Summed) -> Option<(i64, i64)> {
    match summed.as_slice() {
        [
            Summary::NanosBound { of: Some(first), largest: false },
            Summary::NanosBound { of: Some(last), largest: true },
        ] => Some((*first, *last)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    const HOUR: i64 = Hours::CELLS.size;
    const MINUTE: i64 = HOUR / 60;

    #[test]
    fn a_stretch_is_cut_out_of_its_cells() {
        let group: Group = vec![Some("g".to_owned())];
        let mut windows = Windows::new(Cells { size: MINUTE });
        let bound = |largest, of| Summary::NanosBound { largest, of: Some(of) };
        let mut add = |cell, first, last| {
            let sums = Arc::new(vec![bound(false, first), bound(true, last)]);
            windows.sums.add(cell, &BTreeMap::from([(group.clone(), sums)]));
        };
        // Two spans in the last minute of the first hour, and one in the third hour.
        add(60, 59 * MINUTE + 10, 59 * MINUTE + 20);
        add(130, 130 * MINUTE, 130 * MINUTE);
        windows.join(1);
        for (scenario, after, to, expected) in [
            ("from between the two", 59 * MINUTE + 15, 2 * HOUR, Some(59 * MINUTE + 20)),
            ("from the second on", 59 * MINUTE + 20, 2 * HOUR, None),
            ("up to between the two", -HOUR, 59 * MINUTE + 15, Some(59 * MINUTE + 10)),
            ("up to the first", -HOUR, 59 * MINUTE + 10, Some(59 * MINUTE + 10)),
            ("up to before the first", -HOUR, 59 * MINUTE + 9, None),
            ("up to the one in the third hour", 59 * MINUTE + 15, 130 * MINUTE, Some(130 * MINUTE)),
            ("between them", 61 * MINUTE, 130 * MINUTE - 1, None),
            ("behind them", 130 * MINUTE, 200 * MINUTE, None),
        ] {
            assert_eq!(last_seen(&windows, &group, after, to), expected, "{scenario}");
            assert_eq!(is_seen(&windows, &group, after, to), expected.is_some(), "{scenario}");
        }
        assert!(!is_seen(&windows, &vec![None], -HOUR, 200 * MINUTE));
    }
}
