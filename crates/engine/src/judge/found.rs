//! One rule, and all that is found out of it from pass to pass.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use fluo_plan::RulePlan;
use fluo_spans::layout::Layout;
use fluo_time::TimeRange;
use fluo_time::range::{contain, joined};

use super::grid::{self, Grid};
use super::{Asked, sliding};
use crate::episodes::{Episode, Holding, Joining, episodes};
use crate::error::EngineError;
use crate::panes::{Hours, Known, OfRule, Windows, by_cell, is_stored};
use crate::pass::{ByGroup, Cells, Want, What};
use crate::rows::{Group, Rows, within};

/// The most cells of a rule that are looked for one by one. Of a look at a longer past nothing is kept.
const MOST_CELLS: i64 = 20_000;

/// All that was found out of a rule.
pub(super) struct Found<'a> {
    pub(super) asked: &'a Asked<'a>,
    /// The times in which the spans ended that are summed up.
    reads: Vec<TimeRange>,
    pub(super) windows: Windows,
    panes: Option<OfRule<'a>>,
    /// The cells among those times that are kept.
    cells: Vec<i64>,
    /// The hours that their cells are joined to.
    hours: Vec<i64>,
    /// By stretch: the moments at which it holds.
    pub(super) stretches: Vec<Stretch>,
    pub(super) rows: Option<Rows>,
}

/// All that was found out of a stretch.
pub(super) struct Stretch {
    pub(super) moments: TimeRange,
    pub(super) groups: Vec<Group>,
    pub(super) episodes: Vec<Episode>,
    /// Of exact rules, where it may hold.
    candidates: Vec<TimeRange>,
}

impl<'a> Found<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, known: Option<Known<'a>>) -> Result<Self, EngineError> {
        let plan = asked.plan;
        // A rule that cannot be planned is told of, and ends no other.
        plan.projection(&Layout::builtin())?;
        for stretch in &asked.stretches {
            check_moments(plan, *stretch)?;
        }
        let stretch = |moments: &TimeRange| Stretch {
            moments: *moments,
            groups: Vec::new(),
            episodes: Vec::new(),
            candidates: Vec::new(),
        };
        let mut found = Self {
            asked,
            reads: Vec::new(),
            windows: Windows::new(cells(plan)),
            panes: known.zip(asked.hash).map(|(known, hash)| OfRule {
                known,
                hash,
                window: plan.rule().window.0,
            }),
            cells: Vec::new(),
            hours: Vec::new(),
            stretches: asked.stretches.iter().map(stretch).collect(),
            rows: None,
        };
        let needed = joined(asked.stretches.iter().filter_map(|moments| found.needed(*moments)));
        found.reads = found.unknown(needed);
        Ok(found)
    }

    /// A rule of which nothing is looked for.
    pub(super) fn of_nothing(asked: &'a Asked<'a>) -> Result<Self, EngineError> {
        let nothing = Self {
            asked,
            reads: Vec::new(),
            windows: Windows::new(cells(asked.plan)),
            panes: None,
            cells: Vec::new(),
            hours: Vec::new(),
            stretches: Vec::new(),
            rows: None,
        };
        asked.plan.projection(&Layout::builtin())?;
        Ok(nothing)
    }

    /// Returns the times whose sums windows are made of that end within `moments`; none where there is no such window.
    fn needed(&self, moments: TimeRange) -> Option<TimeRange> {
        let (plan, cells) = (self.asked.plan, self.windows.cells);
        if !plan.judging().is_exact() {
            return Some(reads(plan, grid::within(plan, moments)?));
        }
        let TimeRange { from, to } = reads(plan, moments);
        // From the beginning of a cell, where the cell may be known.
        let from = if self.panes.is_some() { cells.range(cells.of(from)).from } else { from };
        Some(TimeRange { from, to })
    }

    /// Takes what is known of these times, and returns the times that are left.
    fn unknown(&mut self, needed: Vec<TimeRange>) -> Vec<TimeRange> {
        let (plan, cells) = (self.asked.plan, self.windows.cells);
        if needed.is_empty() {
            // No window ends within the stretches: of the hours before them nothing is to be found out.
            self.panes = None;
            return needed;
        }
        let number = |range: &TimeRange| cells.of(range.to).saturating_sub(cells.of(range.from));
        let number = needed.iter().map(number).fold(0, i64::saturating_add);
        let first = self.asked.stretches.iter().map(|stretch| stretch.from).min();
        let last = self.asked.stretches.iter().map(|stretch| stretch.to).max();
        let (Some(panes), Some((from, to))) = (self.panes.filter(|_| number <= MOST_CELLS), first.zip(last))
        else {
            self.panes = None;
            return needed;
        };
        let hours = Hours::in_all(TimeRange { from, to }, plan.rule().window.0, cells);
        self.hours = panes.fill(Hours::CELLS, hours.iter(), &mut self.windows.hours);
        let is_joined = |cell: i64| {
            let moment = cells.range(cell).to;
            hours.contain(moment) && self.hours.binary_search(&Hours::CELLS.of(moment)).is_err()
        };
        // A cell that is needed in part is read each time.
        let whole = |cell: &i64| {
            let range = cells.range(*cell);
            contain(&needed, range.from) && contain(&needed, range.to)
        };
        let of_range = |range: &TimeRange| cells.of(range.from)..=cells.of(range.to);
        let mut all: Vec<i64> = needed.iter().flat_map(of_range).filter(|cell| !is_joined(*cell)).collect();
        all.dedup();
        let (whole, parts): (Vec<i64>, Vec<i64>) = all.into_iter().partition(whole);
        self.cells = panes.fill(cells, whole.into_iter(), &mut self.windows.sums);
        let parts = parts.into_iter().flat_map(|cell| {
            let TimeRange { from, to } = cells.range(cell);
            let part = |range: &TimeRange| TimeRange { from: range.from.max(from), to: range.to.min(to) };
            needed.iter().map(part).filter(|part| part.from <= part.to).collect::<Vec<_>>()
        });
        joined(self.cells.iter().map(|cell| cells.range(*cell)).chain(parts))
    }

    /// Returns the hours of cells that are not known, where panes of the rule are stored.
    pub(super) fn unknown_hours(&self) -> impl Iterator<Item = i64> {
        let cells = if is_stored(self.asked.plan.rule().window.0) { self.cells.as_slice() } else { &[] };
        cells.iter().map(|cell| Hours::CELLS.of(self.windows.cells.range(*cell).to))
    }

    /// Returns the want of the first pass.
    pub(super) fn sums(&self) -> Option<Want<'a>> {
        let plan = self.asked.plan;
        let exact = plan.judging().is_exact();
        let aggregates =
            if exact { sliding::deciding(plan) } else { (0..plan.aggregates().count()).collect() };
        let what = What::Sums { cells: self.windows.cells, aggregates };
        (!self.reads.is_empty()).then(|| Want { plan, ranges: self.reads.clone(), what, once: !exact })
    }

    /// Takes in the sums: of a grid rule, all is known of its moments then.
    pub(super) fn summed(&mut self, sums: ByGroup) -> Result<(), EngineError> {
        let plan = self.asked.plan;
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
        if !self.stretches.is_empty() {
            check_groups(plan, &self.windows)?;
        }
        for stretch in &mut self.stretches {
            if plan.judging().is_exact() {
                let found = sliding::candidates(plan, &self.windows, stretch.moments, &self.asked.before);
                stretch.candidates = joined(found);
            } else {
                let before = &self.asked.before;
                let (groups, held) = Grid::new(plan, &self.windows).holding(stretch.moments, before);
                stretch.groups = groups;
                stretch.episodes = self.asked.joined(held);
            }
        }
        Ok(())
    }

    /// Returns the want of the second pass: rows of windows of which something may be told.
    pub(super) fn rows(&self) -> Option<Want<'a>> {
        let plan = self.asked.plan;
        let rule = plan.rule();
        let windows = self.stretches.iter().flat_map(|stretch| {
            let shown = stretch.episodes.iter().flat_map(|episode| {
                let evidence = (rule.evidence_limit > 0).then_some(episode.starts_at);
                let top = (!rule.top.is_empty()).then_some(episode.peak_at);
                // What is told of traces is told by their rows.
                let traces = rule.trace().map(|_| episode.told_moments());
                let moments = evidence.into_iter().chain(top).chain(traces.into_iter().flatten());
                moments.map(|moment| TimeRange { from: moment, to: moment })
            });
            let judged = stretch.candidates.iter();
            shown
                .map(|moments| reads(plan, moments))
                .chain(judged.map(|moments| reads_with_instant_before(plan, *moments)))
                .collect::<Vec<_>>()
        });
        let ranges = joined(windows);
        (!ranges.is_empty()).then_some(Want { plan, ranges, what: What::Rows, once: true })
    }

    /// Takes in the rows: of an exact rule, all is known of its moments then.
    pub(super) fn judged(&mut self, batches: &[RecordBatch]) -> Result<(), EngineError> {
        let plan = self.asked.plan;
        let Some(first) = batches.first() else { return Ok(()) };
        let batch = concat_batches(&first.schema(), batches)?;
        let mut rows = Rows::new(&batch, plan.rule().group_by.len())?;
        if plan.judging().is_exact() {
            for stretch in &mut self.stretches {
                let before = &self.asked.before;
                let held = sliding::moments(plan, &rows, (stretch.moments, &stretch.candidates), before)?;
                stretch.groups.clone_from(&rows.groups);
                stretch.episodes = self.asked.joined(held);
            }
            // Of most rows nothing is told.
            let told =
                self.stretches.iter().flat_map(|stretch| &stretch.episodes).flat_map(Episode::told_moments);
            let told = joined(told.map(|moment| reads(plan, TimeRange { from: moment, to: moment })));
            rows = Rows::new(&within(&rows.batch, &told)?, plan.rule().group_by.len())?;
        }
        self.rows = Some(rows);
        Ok(())
    }
}

impl Asked<'_> {
    fn joined(&self, held: Vec<Holding>) -> Vec<Episode> {
        // What is recorded is told by its length alone; what lives on waits for what holds.
        let kept_apart = self.cell.is_some() && self.plan.rule().hold_for.0 > 0;
        episodes(held, Joining { gap: self.plan.gap().0, cell: self.cell, kept_apart })
    }
}

/// Returns the times in which the spans ended that lie in windows that end within `moments`.
fn reads(plan: &RulePlan, moments: TimeRange) -> TimeRange {
    TimeRange { from: moments.from.saturating_sub(plan.rule().window.0).saturating_add(1), to: moments.to }
}

/// Returns the same, and those in windows that end in the instant before, where an exact rule asks what went on till then.
/// Only rows are read by it: what is summed up counts against the limit of groups.
fn reads_with_instant_before(plan: &RulePlan, moments: TimeRange) -> TimeRange {
    let asks = plan.judging().is_exact() && plan.rule().condition.resolve.is_some();
    let from = moments.from.saturating_sub(i64::from(asks));
    reads(plan, TimeRange { from, to: moments.to })
}

/// The cells that a rule's spans are summed up by.
fn cells(plan: &RulePlan) -> Cells {
    if plan.judging().is_exact() { sliding::cells(plan) } else { Cells { size: plan.pane() } }
}

/// Groups that were found, and those that are expected, count against the limit.
fn check_groups(plan: &RulePlan, windows: &Windows) -> Result<(), EngineError> {
    let (rule, found) = (plan.rule(), windows.groups());
    let expected = rule.expect.iter().filter(|group| !found.contains(group)).count();
    if !rule.group_by.is_empty() && found.len() + expected > rule.group_limit as usize {
        return Err(EngineError::GroupOverflow { limit: rule.group_limit });
    }
    Ok(())
}

/// A grid of more moments than this in one evaluation would fill the memory before it told anything.
const MOST_MOMENTS: i64 = 10_000_000;

/// A month by the minute lies below; more windows over one span would cost more than all else.
const MOST_WINDOWS: i64 = 50_000;

/// Refuses a grid that is too fine for the range, by the groups that exist at every moment.
fn check_moments(plan: &RulePlan, moments: TimeRange) -> Result<(), EngineError> {
    if plan.judging().is_exact() {
        return Ok(());
    }
    let step = plan.rule().grid_step().0;
    if plan.rule().window.0 / step > MOST_WINDOWS {
        return Err(EngineError::TooManyWindows { limit: MOST_WINDOWS });
    }
    let standing = i64::try_from(plan.rule().expect.len().max(1)).unwrap_or(i64::MAX);
    let moments = moments.to.saturating_sub(moments.from) / step;
    if moments.saturating_mul(standing) > MOST_MOMENTS {
        return Err(EngineError::TooManyMoments { limit: MOST_MOMENTS });
    }
    Ok(())
}
