//! The sums that a rule's windows are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use fluo_time::TimeRange;

use crate::pass::{ByGroup, Cells, Summed};
use crate::rows::Group;
use crate::summary::Summary;

/// Sums by group: of cells, and of hours that lie in every window as a whole.
#[derive(Debug)]
pub(crate) struct Windows {
    pub(crate) cells: Cells,
    pub(crate) sums: Sums,
    /// Hours whose cells are not among the sums.
    pub(crate) hours: Sums,
}

/// Sums by group and cell.
#[derive(Debug, Default)]
pub(crate) struct Sums(pub(crate) ByGroup);

/// Some hours in a row, as cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hours {
    first: i64,
    last: i64,
}

impl Hours {
    /// Hours as cells.
    pub(crate) const CELLS: Cells = Cells { size: 3_600_000_000_000 };

    /// The hours that lie as a whole in each window that ends within `moments`, and before the first of those. There are
    /// none where cells are no parts of an hour.
    pub(crate) fn in_all(moments: TimeRange, window: i64, cells: Cells) -> Self {
        if Self::CELLS.size % cells.size != 0 {
            return Self { first: 1, last: 0 };
        }
        let from = moments.to.saturating_sub(window).saturating_add(1);
        Self {
            first: Self::CELLS.of(from.saturating_add(Self::CELLS.size - 1)),
            last: Self::CELLS.of(moments.from.saturating_sub(Self::CELLS.size)),
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = i64> {
        self.first..=self.last
    }

    /// Returns whether a moment lies in one of them.
    pub(crate) fn contain(self, moment: i64) -> bool {
        (self.first..=self.last).contains(&Self::CELLS.of(moment))
    }

    /// The cells of an hour.
    pub(crate) fn cells_of(hour: i64, cells: Cells) -> RangeInclusive<i64> {
        let range = Self::CELLS.range(hour);
        cells.of(range.from)..=cells.of(range.to)
    }
}

impl Sums {
    /// Adds those of a cell.
    pub(crate) fn add(&mut self, cell: i64, sums: &BTreeMap<Group, Summed>) {
        for (group, summed) in sums {
            self.of(group).insert(cell, Arc::clone(summed));
        }
    }

    /// Adds those of other cells.
    pub(crate) fn extend(&mut self, sums: ByGroup) {
        for (group, cells) in sums {
            self.of(&group).extend(cells);
        }
    }

    fn of(&mut self, group: &Group) -> &mut BTreeMap<i64, Summed> {
        self.0.entry(group.clone()).or_default()
    }
}

/// Returns sums by cell and group.
pub(crate) fn by_cell(sums: &ByGroup) -> BTreeMap<i64, BTreeMap<Group, Summed>> {
    let mut by_cell: BTreeMap<i64, BTreeMap<Group, Summed>> = BTreeMap::new();
    for (group, cells) in sums {
        for (cell, summed) in cells {
            by_cell.entry(*cell).or_default().insert(group.clone(), Arc::clone(summed));
        }
    }
    by_cell
}

impl Windows {
    /// Without any span.
    pub(crate) fn new(cells: Cells) -> Self {
        Self { cells, sums: Sums::default(), hours: Sums::default() }
    }

    /// The groups with spans in any cell or hour.
    pub(crate) fn groups(&self) -> BTreeSet<&Group> {
        self.sums.0.keys().chain(self.hours.0.keys()).collect()
    }

    /// The cells with spans of a group, without those of hours.
    pub(crate) fn cells_with(&self, group: &Group) -> impl Iterator<Item = i64> {
        self.sums.0.get(group).into_iter().flat_map(|cells| cells.keys().copied())
    }

    /// Returns whether an hour has spans of a group: then all windows have.
    pub(crate) fn is_in_all(&self, group: &Group) -> bool {
        self.hours.0.contains_key(group)
    }

    /// Adds all that a group has in some cells to `sums`.
    pub(crate) fn add_to(&self, sums: &mut [Summary], group: &Group, cells: RangeInclusive<i64>) {
        if let Some(of_group) = self.sums.0.get(group) {
            of_group.range(cells.clone()).for_each(|(_, more)| add(sums, more));
        }
        for (&hour, more) in self.hours.0.get(group).into_iter().flatten() {
            let of_hour = Hours::cells_of(hour, self.cells);
            if cells.start() <= of_hour.start() && of_hour.end() <= cells.end() {
                add(sums, more);
            }
        }
    }

    /// Joins the cells of an hour, and returns its sums.
    pub(crate) fn join(&mut self, hour: i64) -> BTreeMap<Group, Summed> {
        let of_hour = Hours::cells_of(hour, self.cells);
        let mut joined: BTreeMap<Group, Summed> = BTreeMap::new();
        for (group, cells) in &mut self.sums.0 {
            let mut of_group = cells.split_off(of_hour.start());
            cells.append(&mut of_group.split_off(&(of_hour.end() + 1)));
            let sums = of_group.into_values().reduce(|mut sums, more| {
                add(Arc::make_mut(&mut sums).as_mut_slice(), &more);
                sums
            });
            joined.extend(sums.map(|sums| (group.clone(), sums)));
        }
        self.sums.0.retain(|_, cells| !cells.is_empty());
        self.hours.add(hour, &joined);
        joined
    }
}

fn add(sums: &mut [Summary], more: &[Summary]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| sum.merge(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = Hours::CELLS.size;
    const MINUTE: i64 = HOUR / 60;

    #[test]
    fn hours_of_all_windows_lie_in_each_as_a_whole_and_before_its_end() {
        let minutes = Cells { size: MINUTE };
        // Scenario, first and last moment in minutes, window in minutes, size of cells, hours.
        for (scenario, first, last, window, cells, expected) in [
            ("an hour exactly", 121, 121, 61, minutes, vec![2]),
            ("its end is the moment", 120, 120, 60, minutes, vec![]),
            ("it begins before the window", 150, 150, 89, minutes, vec![]),
            ("it begins with the window", 150, 150, 90, minutes, vec![2]),
            ("not in the last window", 121, 122, 61, minutes, vec![]),
            ("three days", 4_400, 4_400, 4_320, minutes, (3..=73).collect()),
            ("cells that an hour is not made of", 4_400, 4_400, 4_320, Cells { size: 7 * MINUTE }, vec![]),
        ] {
            let moments = TimeRange { from: first * MINUTE, to: last * MINUTE };
            let hours = Hours::in_all(moments, window * MINUTE, cells);
            assert_eq!(hours.iter().collect::<Vec<_>>(), expected, "{scenario}");
            for hour in expected {
                let TimeRange { from, to } = Hours::CELLS.range(hour);
                assert!(to < moments.from && from > moments.to - window * MINUTE, "{scenario}");
                assert!(hours.contain(from) && hours.contain(to), "{scenario}");
            }
        }
    }

    #[test]
    fn a_window_of_joined_hours_has_what_its_cells_had() {
        let group = vec![Some("g".to_owned())];
        let mut windows = Windows::new(Cells { size: 20 * MINUTE });
        for cell in 1..=12_i64 {
            let sums = Arc::new(vec![Summary::Count(1 << cell)]);
            windows.sums.add(cell, &BTreeMap::from([(group.clone(), sums)]));
        }
        let sum = |windows: &Windows, cells| {
            let mut sums = [Summary::Count(0)];
            windows.add_to(&mut sums, &group, cells);
            sums
        };
        let before: Vec<_> = (1..=4).map(|first| sum(&windows, first..=11)).collect();
        let joined = windows.join(3);
        assert_eq!(joined[&group].as_slice(), [Summary::Count((1 << 7) + (1 << 8) + (1 << 9))]);
        assert_eq!(windows.cells_with(&group).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 10, 11, 12]);
        assert!(windows.is_in_all(&group) && windows.groups().contains(&group));
        let after: Vec<_> = (1..=4).map(|first| sum(&windows, first..=11)).collect();
        assert_eq!(after, before);
    }
}
