//! The sums that a rule's windows are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use fluo_plan::Behind;
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

/// Hours as cells, and as what other cells are joined to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hours;

impl Hours {
    /// Hours as cells.
    pub(crate) const CELLS: Cells = Cells { size: 3_600_000_000_000 };

    /// The hours before `moments` in which no window begins or ends that belongs to one of these, and that lie in a
    /// stretch of the past that is summed up of each: in order. `edges` are the distances at which windows begin and end.
    /// There are none where cells are no parts of an hour.
    pub(crate) fn uncut(moments: TimeRange, behind: &[Behind], edges: &[i64], cells: Cells) -> Vec<i64> {
        if Self::CELLS.size % cells.size != 0 {
            return Vec::new();
        }
        let (first, last) = (moments.from, moments.to);
        let is_uncut = |hour: &i64| {
            let TimeRange { from, to } = Self::CELLS.range(*hour);
            let (from, to) = (from.saturating_sub(1), to);
            // An edge lies within where one of the moments, less its distance, does.
            let beyond = edges.partition_point(|edge| first.saturating_sub(*edge) >= to);
            edges.get(beyond).is_none_or(|edge| last.saturating_sub(*edge) <= from)
        };
        let of_stretch = |stretch: &Behind| {
            let from = last.saturating_sub(stretch.begin).saturating_add(1);
            let to = first.saturating_sub(stretch.end);
            let before = Self::CELLS.of(first.saturating_sub(Self::CELLS.size));
            let hours = Self::CELLS.of(from.saturating_add(Self::CELLS.size - 1))
                ..=to.div_euclid(Self::CELLS.size).min(before);
            hours.filter(is_uncut).collect::<Vec<_>>()
        };
        behind.iter().rev().flat_map(of_stretch).collect()
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

    /// The hours with spans of a group.
    pub(crate) fn hours_with(&self, group: &Group) -> impl Iterator<Item = i64> {
        self.hours.0.get(group).into_iter().flat_map(|hours| hours.keys().copied())
    }

    /// All that a group has in some cells, and in the hours among them.
    pub(crate) fn within(&self, group: &Group, cells: RangeInclusive<i64>) -> impl Iterator<Item = &Summed> {
        let first = self.cells.range(*cells.start()).from.saturating_sub(1);
        let last = self.cells.range(*cells.end()).to;
        let size = Hours::CELLS.size;
        let hours = first.saturating_add(size - 1).div_euclid(size) + 1..=last.div_euclid(size);
        of(&self.sums, group, cells).chain(of(&self.hours, group, hours)).map(|(_, summed)| summed)
    }

    /// All that a group has in the cells and hours that some moments lie in, the latest of either first.
    pub(crate) fn around(&self, group: &Group, moments: TimeRange) -> impl Iterator<Item = &Summed> {
        let TimeRange { from, to } = moments;
        let cells = of(&self.sums, group, self.cells.of(from)..=self.cells.of(to));
        let hours = of(&self.hours, group, Hours::CELLS.of(from)..=Hours::CELLS.of(to));
        cells.rev().chain(hours.rev()).map(|(_, summed)| summed)
    }

    /// Adds all that a group has in some cells to `sums`.
    pub(crate) fn add_to(&self, sums: &mut [Summary], group: &Group, cells: RangeInclusive<i64>) {
        self.within(group, cells).for_each(|more| add(sums, more));
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

/// The sums of a group in some cells.
fn of<'a>(
    sums: &'a Sums,
    group: &Group,
    cells: RangeInclusive<i64>,
) -> impl DoubleEndedIterator<Item = (&'a i64, &'a Summed)> {
    // A range of a map must not end before it begins.
    let of_group = sums.0.get(group).filter(|_| !cells.is_empty());
    of_group.into_iter().flat_map(move |of_group| of_group.range(cells.clone()))
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
    fn hours_that_no_window_cuts() {
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
            let (behind, edges) = ([Behind { begin: window * MINUTE, end: 0 }], [0, window * MINUTE]);
            assert_eq!(Hours::uncut(moments, &behind, &edges, cells), expected, "{scenario}");
            for hour in expected {
                let TimeRange { from, to } = Hours::CELLS.range(hour);
                assert!(to < moments.from && from > moments.to - window * MINUTE, "{scenario}");
            }
        }
    }

    #[test]
    fn hours_of_several_windows() {
        let minutes = Cells { size: MINUTE };
        // Scenario, first and last moment in minutes, stretches of the past in minutes, edges, hours.
        for (scenario, first, last, behind, edges, expected) in [
            (
                "a day before, not cut",
                3_000,
                3_000,
                vec![(5, 0), (1_565, 1_440)],
                vec![0, 5, 1_440, 1_565],
                vec![25, 26],
            ),
            (
                "a day before, cut",
                3_000,
                3_000,
                vec![(5, 0), (1_505, 1_440)],
                vec![0, 5, 1_440, 1_505],
                vec![26],
            ),
            ("long and short", 3_030, 3_030, vec![(360, 0)], vec![0, 60, 360], vec![46, 47, 48, 49]),
            ("cut by the short one", 3_001, 3_001, vec![(360, 0)], vec![0, 60, 360], vec![46, 47, 48, 49]),
            ("one after another", 3_001, 3_030, vec![(360, 0)], vec![0, 60, 360], vec![46, 47, 48, 49]),
            (
                "windows of an hour each",
                3_000,
                3_000,
                vec![(300, 0)],
                vec![0, 60, 120, 180, 240, 300],
                vec![46, 47, 48, 49],
            ),
            (
                "the same a minute later",
                3_001,
                3_001,
                vec![(300, 0)],
                vec![0, 60, 120, 180, 240, 300],
                vec![],
            ),
        ] {
            let moments = TimeRange { from: first * MINUTE, to: last * MINUTE };
            let behind: Vec<Behind> = behind
                .into_iter()
                .map(|(begin, end)| Behind { begin: begin * MINUTE, end: end * MINUTE })
                .collect();
            let edges: Vec<i64> = edges.into_iter().map(|edge: i64| edge * MINUTE).collect();
            assert_eq!(Hours::uncut(moments, &behind, &edges, minutes), expected, "{scenario}");
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
        assert_eq!(windows.hours_with(&group).collect::<Vec<_>>(), [3]);
        assert!(windows.groups().contains(&group));
        let after: Vec<_> = (1..=4).map(|first| sum(&windows, first..=11)).collect();
        assert_eq!(after, before);
    }
}
