//! The sums of what a rule takes of its spans, by group and cell of time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use fluo_plan::RulePlan;
use fluo_time::TimeRange;
use hashbrown::{HashMap, HashSet};

use super::frame::{Frame, Memory};
use super::program::{InputProgram, Kind, RuleProgram};
use super::texts::{GroupId, Named, TextId, Texts};
use crate::error::EngineError;
use crate::inputs::Own;
use crate::rows::Group;
use crate::summary::{Summary, Weight};
use crate::truth::Truth;
use crate::work::Budget;

/// Cells of time: the `n`th holds the moments after `(n − 1) · size`, up to and with `n · size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cells {
    /// Nanoseconds.
    pub(crate) size: i64,
}

impl Cells {
    /// The cell that a moment lies in.
    pub(crate) fn of(self, moment: i64) -> i64 {
        moment.saturating_sub(1).div_euclid(self.size) + 1
    }

    /// The moments of a cell.
    pub(crate) fn range(self, cell: i64) -> TimeRange {
        let from = (cell - 1).saturating_mul(self.size).saturating_add(1);
        TimeRange { from, to: cell.saturating_mul(self.size) }
    }
}

/// The cells of the rows of a batch.
pub(crate) enum CellsOfRows {
    /// Stretches of rows of one cell: where each ends, and the cell.
    Stretches(Vec<(usize, i64)>),
    /// By row.
    Each(Vec<i64>),
}

impl CellsOfRows {
    /// More stretches than this cost more than to look at rows.
    const FEW: usize = 64;

    pub(crate) fn of(cells: Cells, ends: &[i64]) -> Self {
        let mut stretches: Vec<(usize, i64)> = Vec::new();
        let mut row = 0;
        while let Some(end) = ends.get(row) {
            if stretches.len() == Self::FEW {
                return Self::Each(ends.iter().map(|end| cells.of(*end)).collect());
            }
            let cell = cells.of(*end);
            let TimeRange { from, to } = cells.range(cell);
            let other = ends[row..].iter().position(|end| *end < from || *end > to);
            row = other.map_or(ends.len(), |other| row + other);
            stretches.push((row, cell));
        }
        Self::Stretches(stretches)
    }
}

/// The sums of one rule.
pub(crate) struct Sums {
    /// The aggregates that are summed up, by their places.
    aggregates: Vec<usize>,
    /// In place of aggregates: the first and the last end.
    ends: bool,
    empty: Vec<Summary>,
    places: HashMap<(GroupId, i64), usize>,
    /// As many for each place as there are aggregates.
    summaries: Vec<Summary>,
    groups: HashSet<GroupId>,
    /// Of their texts.
    group_bytes: usize,
    /// The most groups; none where there is but one.
    limit: Option<u32>,
    budget: Arc<Budget>,
}

/// The sums of all aggregates of a group in a cell.
pub(crate) type Summed = Arc<Vec<Summary>>;

/// Sums by group and cell.
pub(crate) type ByGroup = BTreeMap<Group, BTreeMap<i64, Summed>>;

/// The input of an aggregate in a batch.
enum Taken {
    /// It counts.
    Every,
    Nanos(ArrayRef),
    Numbers(ArrayRef),
    Texts(Named<TextId>),
}

impl Sums {
    /// Of some of a rule's aggregates.
    pub(crate) fn new(plan: &RulePlan, aggregates: Vec<usize>, budget: Arc<Budget>) -> Self {
        let all: Vec<_> = plan.aggregates().collect();
        let rule = plan.rule();
        Self {
            empty: aggregates.iter().map(|at| Summary::of_rule(rule, &all[*at].function)).collect(),
            aggregates,
            ends: false,
            places: HashMap::new(),
            summaries: Vec::new(),
            groups: HashSet::new(),
            group_bytes: 0,
            limit: (!rule.group_by.is_empty()).then_some(rule.group_limit),
            budget,
        }
    }

    /// Of the ends of a rule's spans, the first and the last.
    pub(crate) fn of_ends(plan: &RulePlan, budget: Arc<Budget>) -> Self {
        let end = |largest| Summary::NanosBound { largest, of: None };
        Self { empty: vec![end(false), end(true)], ends: true, ..Self::new(plan, Vec::new(), budget) }
    }

    /// Adds the rows of a batch that are selected.
    pub(crate) fn add(
        &mut self,
        frame: &mut Frame<'_>,
        rule: &RuleProgram,
        selected: &Truth,
        cells: &CellsOfRows,
    ) -> Result<(), EngineError> {
        let groups = frame.group(rule.grouping)?;
        let (before, known) = (self.summaries.len(), self.groups.len());
        // The places of rows are looked up once for all aggregates, unless stretches of rows have one.
        let weights = rule.weight.map(|weight| frame.array(weight)).transpose()?;
        let weights = weights.as_ref().map(AsArray::as_primitive::<Float64Type>);
        let by_row = match (cells, &groups) {
            (CellsOfRows::Stretches(_), Named::One(_)) if !self.ends && weights.is_none() => None,
            _ => Some(self.places_of(frame.rows(), selected, &groups, cells)?),
        };
        let mut grown = 0;
        if self.ends {
            let ends = frame.ends()?;
            for &(row, place) in by_row.iter().flatten() {
                for end in &mut self.summaries[place..place + 2] {
                    grown += end.add_nanos(ends[row]);
                }
            }
        }
        for (offset, at) in self.aggregates.clone().into_iter().enumerate() {
            let InputProgram { filter, value } = &rule.inputs[at];
            let among = frame.all(filter, selected.clone())?;
            let taken = match value {
                None => Taken::Every,
                Some((Kind::Nanos, expression)) => Taken::Nanos(frame.array(*expression)?),
                Some((Kind::Number, expression)) => Taken::Numbers(frame.array(*expression)?),
                Some((Kind::Text, expression)) => Taken::Texts(frame.text(*expression)?),
            };
            if let Some(by_row) = &by_row {
                let among = by_row.iter().filter(|(row, _)| among.is(*row)).copied();
                grown += match weights {
                    None => self.feed(offset, &taken, frame.texts(), among),
                    Some(weights) => self.feed_standing(offset, &taken, frame.texts(), weights, among),
                };
            } else if let (CellsOfRows::Stretches(stretches), Named::One(group)) = (cells, &groups) {
                let mut start = 0;
                for &(end, cell) in stretches {
                    if selected.count(start, end) > 0 {
                        let place = self.place(*group, cell)?;
                        if let Taken::Every = taken {
                            self.summaries[place + offset].add_count(among.count(start, end) as u64);
                        } else {
                            let rows = among.rows(start, end).into_iter().map(|row| (row, place));
                            grown += self.feed(offset, &taken, frame.texts(), rows);
                        }
                    }
                    start = end;
                }
            }
        }
        grown += (self.summaries.len() - before) * (size_of::<Summary>() + PLACE);
        if self.groups.len() > known {
            let all: usize = self.groups.iter().map(|group| frame.group_bytes(*group)).sum();
            grown += all - std::mem::replace(&mut self.group_bytes, all);
        }
        self.budget.grow(grown)
    }

    /// Each selected row with the place of its sums.
    fn places_of(
        &mut self,
        rows: usize,
        selected: &Truth,
        groups: &Named<GroupId>,
        cells: &CellsOfRows,
    ) -> Result<Vec<(usize, usize)>, EngineError> {
        let mut places = Vec::with_capacity(selected.count(0, rows));
        let mut stretch = 0;
        let mut last: Option<((GroupId, i64), usize)> = None;
        for row in selected.rows(0, rows) {
            let cell = match cells {
                CellsOfRows::Each(cells) => cells[row],
                CellsOfRows::Stretches(stretches) => {
                    while stretches[stretch].0 <= row {
                        stretch += 1;
                    }
                    stretches[stretch].1
                }
            };
            let key = (groups.of(row), cell);
            let place = match last {
                Some((known, place)) if known == key => place,
                _ => self.place(key.0, key.1)?,
            };
            last = Some((key, place));
            places.push((row, place));
        }
        Ok(places)
    }

    /// The place of the sums of a group in a cell.
    fn place(&mut self, group: GroupId, cell: i64) -> Result<usize, EngineError> {
        if let Some(known) = self.places.get(&(group, cell)) {
            return Ok(*known);
        }
        if self.groups.insert(group)
            && let Some(limit) = self.limit
            && self.groups.len() > limit as usize
        {
            return Err(EngineError::GroupOverflow { limit });
        }
        let place = self.summaries.len();
        self.places.insert((group, cell), place);
        self.summaries.extend(self.empty.iter().cloned());
        Ok(place)
    }

    /// Adds what an aggregate takes of rows to the sums at their places. Returns how many bytes they grew by.
    fn feed(
        &mut self,
        offset: usize,
        taken: &Taken,
        texts: &Texts,
        rows: impl Iterator<Item = (usize, usize)>,
    ) -> usize {
        let summaries = &mut self.summaries;
        match taken {
            Taken::Every => {
                rows.for_each(|(_, place)| summaries[place + offset].add_count(1));
                0
            }
            Taken::Nanos(array) => {
                let nanos = array.as_primitive::<Int64Type>();
                let valid = rows.filter(|(row, _)| nanos.is_valid(*row));
                valid.map(|(row, place)| summaries[place + offset].add_nanos(nanos.value(row))).sum()
            }
            Taken::Numbers(array) => {
                let numbers = array.as_primitive::<Float64Type>();
                let valid = rows.filter(|(row, _)| numbers.is_valid(*row));
                valid.map(|(row, place)| summaries[place + offset].add_number(numbers.value(row))).sum()
            }
            Taken::Texts(ids) => {
                let with_text = rows.filter_map(|(row, place)| Some((texts.text(ids.of(row))?, place)));
                with_text.map(|(text, place)| summaries[place + offset].add_text(text)).sum()
            }
        }
    }

    /// The same of spans that stand for as many as the weights say.
    fn feed_standing(
        &mut self,
        offset: usize,
        taken: &Taken,
        texts: &Texts,
        weights: &Float64Array,
        rows: impl Iterator<Item = (usize, usize)>,
    ) -> usize {
        let own = |row: usize| match taken {
            Taken::Every => Some(Own::Counted),
            Taken::Nanos(array) => {
                let nanos = array.as_primitive::<Int64Type>();
                nanos.is_valid(row).then(|| Own::Nanos(nanos.value(row)))
            }
            Taken::Numbers(array) => {
                let numbers = array.as_primitive::<Float64Type>();
                numbers.is_valid(row).then(|| Own::Number(numbers.value(row)))
            }
            Taken::Texts(ids) => texts.text(ids.of(row)).map(Own::Text),
        };
        let mut grown = 0;
        for (row, place) in rows {
            if let Some(own) = own(row) {
                let weight = Weight::of(weights.value(row));
                grown += self.summaries[place + offset].add_standing(own, weight);
            }
        }
        grown
    }

    /// Adds the sums to those of other threads.
    pub(crate) fn into(mut self, memory: &Memory, all: &mut ByGroup) {
        let mut groups: HashMap<GroupId, Group> = HashMap::new();
        let stride = self.empty.len();
        for ((group, cell), place) in self.places {
            let group = groups.entry(group).or_insert_with(|| memory.groups.texts(group, &memory.texts));
            let more = self.summaries[place..place + stride].iter_mut();
            let more = more.map(|sum| std::mem::replace(sum, Summary::Count(0)));
            let cells = match all.get_mut(group) {
                Some(cells) => cells,
                None => all.entry(group.clone()).or_default(),
            };
            match cells.entry(cell) {
                Entry::Vacant(entry) => {
                    entry.insert(Arc::new(more.collect()));
                }
                Entry::Occupied(mut entry) => {
                    Arc::make_mut(entry.get_mut())
                        .iter_mut()
                        .zip(more)
                        .for_each(|(sum, more)| sum.merge(&more));
                }
            }
        }
    }
}

/// About what a place takes besides its sums, in bytes.
const PLACE: usize = 64;
