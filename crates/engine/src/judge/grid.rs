//! Grid rules: the values of windows that are made of panes, and of the windows before them.

use std::collections::BTreeSet;

use fluo_plan::RulePlan;
use fluo_time::TimeRange;

use super::earlier::Past;
use super::held::{Before, Held, last_before};
use super::near::Near;
use crate::episodes::Holding;
use crate::panes::Hours;
use crate::rows::Group;
use crate::summary::Values;

/// A grid rule, and the sums that its windows are made of.
pub(super) struct Grid<'a> {
    past: Past<'a>,
    /// The groups that are there whether or not they have spans.
    standing: BTreeSet<Group>,
}

/// The first and the last grid moment of a stretch; none where there is none.
pub(super) fn within(plan: &RulePlan, stretch: TimeRange) -> Option<TimeRange> {
    let step = plan.rule().grid_step().0;
    let (first, last) = ticks(step, stretch);
    (first <= last).then(|| TimeRange { from: first.saturating_mul(step), to: last.saturating_mul(step) })
}

/// The same as multiples of the step.
fn ticks(step: i64, stretch: TimeRange) -> (i64, i64) {
    let first = stretch.from.div_euclid(step) + i64::from(stretch.from.rem_euclid(step) > 0);
    (first, stretch.to.div_euclid(step))
}

impl<'a> Grid<'a> {
    pub(super) fn new(past: Past<'a>) -> Self {
        Self { past, standing: past.plan.standing_groups().into_iter().collect() }
    }

    /// The moments of a stretch at which the condition holds, or what held before goes on, and the groups that they are of.
    /// All moments are read by `near`.
    pub(super) fn holding(
        &self,
        stretch: TimeRange,
        before: &Before,
        mut near: Option<&mut Near<'_>>,
    ) -> (Vec<Group>, Vec<Holding>) {
        let (mut groups, mut held): (Vec<Group>, Vec<Held<'_>>) = (Vec::new(), Vec::new());
        self.each(stretch, |group, moment, values| {
            if groups.last() != Some(group) {
                let last = last_before(self.past.plan, before, group, stretch.from);
                held.push(Held::new(self.past.plan, groups.len(), last));
                groups.push(group.clone());
            }
            if let Some(of_group) = held.last_mut() {
                of_group.at(moment, &values, None);
            }
            if let Some(near) = near.as_deref_mut() {
                near.at(group, moment, &values);
            }
        });
        if let Some(near) = near {
            near.end();
        }
        (groups, held.into_iter().flat_map(Held::found).collect())
    }

    /// Calls `judge` with the values of every group at each moment of a stretch at which there is the group, group by group.
    pub(super) fn each(&self, stretch: TimeRange, mut judge: impl FnMut(&Group, i64, Values)) {
        let step = self.past.plan.rule().grid_step().0;
        let (first, last) = ticks(step, stretch);
        let stays = self.past.plan.stays().is_some();
        let mut all = self.past.sums.groups();
        all.extend(&self.standing);
        all.extend(self.past.seen.into_iter().filter(|_| stays).flat_map(|seen| seen.groups()));
        for group in all {
            let standing = self.standing.contains(group);
            let mut ticks = self.ticks(group, first, last);
            if standing {
                ticks = (first..=last).collect();
            } else if stays {
                let with_spans: BTreeSet<i64> = ticks.into_iter().collect();
                let is_there = |tick: &i64| {
                    with_spans.contains(tick) || self.past.was_seen(group, tick.saturating_mul(step))
                };
                ticks = (first..=last).filter(is_there).collect();
            }
            let mut earlier = self.past.of(group, standing);
            for tick in ticks {
                let moment = tick.saturating_mul(step);
                let mut values = self.past.sums_at(group, moment);
                values.extend(earlier.calls(moment, &values));
                judge(group, moment, values);
            }
        }
    }

    /// The grid moments, as multiples of the step, in whose windows the group has spans, or shortly after which.
    fn ticks(&self, group: &Group, first: i64, last: i64) -> Vec<i64> {
        let rule = self.past.plan.rule();
        let (step, presence) = (rule.grid_step().0, rule.presence().0);
        let sums = self.past.sums;
        let cells =
            sums.cells_with(group).map(|cell| (cell.saturating_mul(sums.cells.size), sums.cells.size));
        let size = Hours::CELLS.size;
        let hours = sums.hours_with(group).map(|hour| (hour.saturating_mul(size), size));
        // A stretch of time lies in windows as a whole: in those of moments k·step from its end to its begin + presence.
        let mut stretches: Vec<(i64, i64)> = cells
            .chain(hours)
            .map(|(end, size)| {
                let from = end.saturating_add(step - 1).div_euclid(step).max(first);
                let to = end.saturating_sub(size).saturating_add(presence).div_euclid(step).min(last);
                (from, to)
            })
            .collect();
        stretches.sort_unstable();
        let mut ticks = Vec::new();
        let mut next = first;
        for (from, to) in stretches {
            ticks.extend(from.max(next)..=to);
            next = next.max(to.saturating_add(1));
        }
        ticks
    }

    /// The values of the window that ends at a grid moment.
    pub(super) fn values(&self, group: &Group, moment: i64) -> Values {
        let mut values = self.past.sums_at(group, moment);
        let standing = self.standing.contains(group);
        values.extend(self.past.of(group, standing).calls(moment, &values));
        values
    }
}
