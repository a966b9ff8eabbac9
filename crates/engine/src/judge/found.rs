//! One rule, and all that is found out of it from pass to pass.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use fluo_plan::{Behind, RulePlan};
use fluo_spans::layout::Layout;
use fluo_time::TimeRange;
use fluo_time::range::joined;

use super::deciding::Deciding;
use super::earlier::{Past, Store};
use super::grid::{self, Grid};
use super::near::Near;
use super::part::Part;
use super::{Asked, seen, sliding};
use crate::episodes::{Episode, Holding, Joining, episodes};
use crate::error::EngineError;
use crate::panes::{Hours, Known, OfRule, is_stored};
use crate::pass::{ByGroup, Cells, Got, Want, What};
use crate::rows::{Group, Rows, within};

/// All that was found out of a rule.
pub(super) struct Found<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) sums: Part<'a>,
    /// The cells of time in which groups were seen; none where that does not matter.
    pub(super) seen: Option<Part<'a>>,
    /// The facts about the store that its spans do not say.
    pub(super) store: Store,
    /// By stretch: the moments at which it holds.
    pub(super) stretches: Vec<Stretch>,
    pub(super) rows: Option<Rows>,
    /// Its values, where they are told.
    pub(super) near: Option<Near<'a>>,
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
        let of_rule = |seen| {
            let stored = seen || is_stored(plan.reach_of_sums());
            // The spans around a cell decide about its sums, too: those of rules that ask for kin are made each time.
            let known = known.filter(|_| plan.rule().kin.is_none());
            known.zip(asked.hash).map(|(known, hash)| OfRule { known, hash, seen, stored })
        };
        let mut found = Self {
            asked,
            sums: Part::new(cells(plan), of_rule(false)),
            seen: plan.seen_behind().map(|_| Part::new(seen::cells(plan), of_rule(true))),
            store: Store::default(),
            stretches: Vec::new(),
            rows: None,
            near: asked.near.map(|step| Near::new(plan, step)),
        };
        // Between two moments of the grid nothing is judged.
        let judged = asked.stretches.iter().filter_map(|it| Some((stretch(it), found.grid_moments(*it)?)));
        let (judged, stretches): (Vec<Stretch>, Vec<TimeRange>) = judged.unzip();
        found.stretches = judged;
        let needed = joined(stretches.iter().flat_map(|moments| found.needed(*moments)));
        let hours = all(&asked.stretches)
            .map(|all| Hours::uncut(all, plan.behind(), plan.edges(), found.sums.windows.cells))
            .unwrap_or_default();
        found.sums.look(needed, &hours, asked.most);
        if let Some(seen) = &mut found.seen {
            seen::look(seen, plan, &stretches, asked.most);
        }
        Ok(found)
    }

    /// A rule of which nothing is looked for.
    pub(super) fn of_nothing(asked: &'a Asked<'a>) -> Result<Self, EngineError> {
        asked.plan.projection(&Layout::builtin())?;
        Ok(Self {
            asked,
            sums: Part::new(cells(asked.plan), None),
            seen: None,
            store: Store::default(),
            stretches: Vec::new(),
            rows: None,
            near: None,
        })
    }

    /// Returns the moments of a stretch that are judged; none where there is none.
    fn grid_moments(&self, moments: TimeRange) -> Option<TimeRange> {
        let plan = self.asked.plan;
        if plan.judging().is_exact() { Some(moments) } else { grid::within(plan, moments) }
    }

    /// Returns the times whose sums windows are made of that belong to `moments`.
    fn needed(&self, moments: TimeRange) -> Vec<TimeRange> {
        let (plan, cells) = (self.asked.plan, self.sums.windows.cells);
        let of_stretch = |behind: &Behind| {
            let from = moments.from.saturating_sub(behind.begin).saturating_add(1);
            // Of exact rules from the beginning of a cell, where the cell may be known.
            let whole = plan.judging().is_exact() && self.sums.has_panes();
            let from = if whole { cells.range(cells.of(from)).from } else { from };
            TimeRange { from, to: moments.to.saturating_sub(behind.end) }
        };
        plan.behind().iter().map(of_stretch).collect()
    }

    /// Returns the hours of cells that are not known, where panes of the rule are stored.
    pub(super) fn unknown_hours(&self) -> impl Iterator<Item = i64> {
        self.sums.unknown_hours().chain(self.seen.iter().flat_map(Part::unknown_hours))
    }

    /// Returns the wants of the first pass: sums, and when groups were seen.
    pub(super) fn sums(&self) -> Vec<Want<'a>> {
        let plan = self.asked.plan;
        let exact = plan.judging().is_exact();
        let aggregates = if exact {
            Deciding::of(plan).places().collect()
        } else {
            (0..plan.aggregates().count()).collect()
        };
        let what = What::Sums { cells: self.sums.windows.cells, aggregates };
        let sums = Want { plan, ranges: self.sums.reads.clone(), what, once: !exact };
        let seen = self.seen.as_ref().map(|seen| {
            let what = What::Seen { cells: seen.windows.cells };
            Want { plan, ranges: seen.reads.clone(), what, once: true }
        });
        [sums].into_iter().chain(seen).filter(|want| !want.ranges.is_empty()).collect()
    }

    /// Takes in what these wants got: of a grid rule, all is known of its moments then.
    pub(super) fn summed(&mut self, got: Vec<Got>) -> Result<(), EngineError> {
        let plan = self.asked.plan;
        let mut got = got.into_iter();
        let mut behind = false;
        for part in [&mut self.sums].into_iter().chain(&mut self.seen) {
            // A part that reads nothing wanted nothing.
            let sums = if part.reads.is_empty() { None } else { got.next() };
            part.take(if let Some(Got::Sums(sums)) = sums { sums } else { ByGroup::new() });
            behind |= part.behind;
        }
        if behind {
            return Err(EngineError::Behind);
        }
        if !self.stretches.is_empty() {
            self.check_groups()?;
        }
        let mut stretches = std::mem::take(&mut self.stretches);
        let mut near = self.near.take();
        for stretch in &mut stretches {
            if plan.judging().is_exact() {
                let before = &self.asked.before;
                let found = sliding::candidates(plan, &self.sums.windows, stretch.moments, before);
                stretch.candidates = joined(found);
                if let Some(near) = &mut near {
                    near.of_cells(&self.sums.windows, stretch.moments);
                }
            } else {
                let (groups, held) = self.grid().holding(stretch.moments, &self.asked.before, near.as_mut());
                stretch.groups = groups;
                stretch.episodes = self.asked.joined(held);
            }
        }
        self.stretches = stretches;
        self.near = near;
        Ok(())
    }

    /// The rule's moments; of a grid rule.
    pub(super) fn grid(&self) -> Grid<'_> {
        let seen = self.seen.as_ref().map(|seen| &seen.windows);
        Grid::new(Past { plan: self.asked.plan, sums: &self.sums.windows, seen, store: &self.store })
    }

    /// Groups that were found, and those that are expected, count against the limit.
    fn check_groups(&self) -> Result<(), EngineError> {
        let (plan, rule) = (self.asked.plan, self.asked.plan.rule());
        let mut groups = self.sums.windows.groups();
        groups.extend(self.seen.iter().flat_map(|seen| seen.windows.groups()));
        let expected = plan.standing_groups().into_iter().filter(|group| !groups.contains(group)).count();
        if !rule.group_by.is_empty() && groups.len() + expected > rule.group_limit as usize {
            return Err(EngineError::GroupOverflow { limit: rule.group_limit });
        }
        Ok(())
    }

    /// Returns the want of the second pass: rows of windows of which something may be told.
    pub(super) fn rows(&self) -> Vec<Want<'a>> {
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
        if ranges.is_empty() { Vec::new() } else { vec![Want { plan, ranges, what: What::Rows, once: true }] }
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
    pub(super) fn joined(&self, held: Vec<Holding>) -> Vec<Episode> {
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

/// From the first moment of some stretches to the last.
fn all(stretches: &[TimeRange]) -> Option<TimeRange> {
    let from = stretches.iter().map(|stretch| stretch.from).min()?;
    let to = stretches.iter().map(|stretch| stretch.to).max()?;
    Some(TimeRange { from, to })
}

/// A grid of more moments than this in one evaluation would fill the memory before it told anything.
const MOST_MOMENTS: i64 = 10_000_000;

/// A month by the minute lies below; more windows over one span would cost more than all else.
const MOST_WINDOWS: i64 = 50_000;

/// Refuses a grid that is too fine for the range, by the groups that exist at every moment.
pub(super) fn check_moments(plan: &RulePlan, moments: TimeRange) -> Result<(), EngineError> {
    if plan.judging().is_exact() {
        return Ok(());
    }
    let step = plan.rule().grid_step().0;
    if plan.rule().window.0 / step > MOST_WINDOWS {
        return Err(EngineError::TooManyWindows { limit: MOST_WINDOWS });
    }
    let standing = i64::try_from(plan.standing_groups().len().max(1)).unwrap_or(i64::MAX);
    let moments = moments.to.saturating_sub(moments.from) / step;
    if moments.saturating_mul(standing) > MOST_MOMENTS {
        return Err(EngineError::TooManyMoments { limit: MOST_MOMENTS });
    }
    Ok(())
}
