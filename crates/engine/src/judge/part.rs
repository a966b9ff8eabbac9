//! The sums of a rule over some times: those that are known, those that are read, and what is kept of both.

use std::collections::BTreeSet;

use fluo_time::TimeRange;
use fluo_time::range::{contain, joined};

use crate::panes::{Hours, OfRule, Windows, by_cell};
use crate::pass::{ByGroup, Cells};

/// The most cells of a rule that are looked for one by one. Of a look at a longer past nothing is kept.
const MOST_CELLS: usize = 20_000;

/// Sums over some times.
pub(super) struct Part<'a> {
    pub(super) windows: Windows,
    panes: Option<OfRule<'a>>,
    /// The times in which the spans ended that are read.
    pub(super) reads: Vec<TimeRange>,
    /// The cells among those times that are kept.
    cells: Vec<i64>,
    /// The hours that cells are joined to.
    hours: Vec<i64>,
    /// More is unknown than is read at once.
    pub(super) behind: bool,
}

impl<'a> Part<'a> {
    /// Of nothing yet.
    pub(super) fn new(cells: Cells, panes: Option<OfRule<'a>>) -> Self {
        Self {
            windows: Windows::new(cells),
            panes,
            reads: Vec::new(),
            cells: Vec::new(),
            hours: Vec::new(),
            behind: false,
        }
    }

    /// Returns whether something may be known already.
    pub(super) fn has_panes(&self) -> bool {
        self.panes.is_some()
    }

    /// Takes what is known of the times that are needed, and finds out what is left to be read: of what is not known, so
    /// many nanoseconds at most, the latest. The cells of `hours`, which are in order, are joined.
    pub(super) fn look(&mut self, needed: Vec<TimeRange>, hours: &[i64], most: Option<i64>) {
        let cells = self.windows.cells;
        let Some(panes) = self.panes.filter(|_| !needed.is_empty()) else {
            // Where no window ends, nothing is to be found out of the hours before it.
            self.panes = None;
            self.reads = needed;
            return;
        };
        let unknown: BTreeSet<i64> =
            panes.fill(Hours::CELLS, hours.iter().copied(), &mut self.windows.hours).into_iter().collect();
        let hour_of = |cell: i64| Hours::CELLS.of(cells.range(cell).to);
        let is_joined = |cell: i64| hours.binary_search(&hour_of(cell)).is_ok();
        let of_range = |range: &TimeRange| cells.of(range.from)..=cells.of(range.to);
        let all = || needed.iter().flat_map(of_range);
        if all().filter(|cell| !is_joined(*cell)).take(MOST_CELLS + 1).count() > MOST_CELLS {
            self.windows = Windows::new(cells);
            self.panes = None;
            self.reads = needed;
            return;
        }
        let is_known = |cell: i64| is_joined(cell) && !unknown.contains(&hour_of(cell));
        let mut all: Vec<i64> = all().filter(|cell| !is_known(*cell)).collect();
        all.dedup();
        // A cell that is needed in part is read each time.
        let whole = |cell: &i64| {
            let range = cells.range(*cell);
            contain(&needed, range.from) && contain(&needed, range.to)
        };
        let (whole, parts): (Vec<i64>, Vec<i64>) = all.into_iter().partition(whole);
        self.cells = panes.fill(cells, whole.into_iter(), &mut self.windows.sums);
        self.hours = unknown.into_iter().collect();
        if let Some(most) = most {
            self.leave_earlier(usize::try_from((most / cells.size).max(1)).unwrap_or(usize::MAX));
        }
        let parts = parts.into_iter().flat_map(|cell| {
            let TimeRange { from, to } = cells.range(cell);
            let part = |range: &TimeRange| TimeRange { from: range.from.max(from), to: range.to.min(to) };
            needed.iter().map(part).filter(|part| part.from <= part.to).collect::<Vec<_>>()
        });
        self.reads = joined(self.cells.iter().map(|cell| cells.range(*cell)).chain(parts));
    }

    /// Leaves all unknown cells but so many of the latest to the next look.
    fn leave_earlier(&mut self, most: usize) {
        let Some(left) = self.cells.len().checked_sub(most).filter(|left| *left > 0) else { return };
        self.behind = true;
        let last = self.cells.drain(..left).next_back();
        // Hours of which a cell is left are not known either.
        let cells = self.windows.cells;
        let last = last.map(|cell| Hours::CELLS.of(cells.range(cell).to));
        self.hours.retain(|hour| last.is_none_or(|last| *hour > last));
    }

    /// The hours of cells that are not known, where panes are stored.
    pub(super) fn unknown_hours(&self) -> impl Iterator<Item = i64> {
        let cells = if self.panes.is_some_and(|panes| panes.stored) { self.cells.as_slice() } else { &[] };
        cells.iter().map(|cell| Hours::CELLS.of(self.windows.cells.range(*cell).to))
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, sums: ByGroup) {
        if let Some(panes) = self.panes {
            let mut found = by_cell(&sums);
            for cell in &self.cells {
                panes.keep(self.windows.cells, *cell, found.remove(cell).unwrap_or_default());
            }
        }
        self.windows.sums.extend(sums);
        for hour in &self.hours {
            let joined = self.windows.join(*hour);
            if let Some(panes) = self.panes {
                panes.keep(Hours::CELLS, *hour, joined);
            }
        }
    }
}
