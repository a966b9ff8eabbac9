//! Grid rules: the values of windows that are made of panes.

use std::collections::BTreeSet;

use fluo_plan::RulePlan;
use fluo_time::TimeRange;

use super::held::{Before, Held, last_before};
use super::values_of;
use crate::episodes::Holding;
use crate::panes::Windows;
use crate::rows::Group;
use crate::summary::Summary;
use crate::summary::Values;

/// A grid rule, and the sums that its windows are made of.
pub(super) struct Grid<'a> {
    plan: &'a RulePlan,
    windows: &'a Windows,
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
    pub(super) fn new(plan: &'a RulePlan, windows: &'a Windows) -> Self {
        Self { plan, windows }
    }

    /// The moments of a stretch at which the condition holds, or what held before goes on, and the groups that they are of.
    pub(super) fn holding(&self, stretch: TimeRange, before: &Before) -> (Vec<Group>, Vec<Holding>) {
        let (mut groups, mut held): (Vec<Group>, Vec<Held<'_>>) = (Vec::new(), Vec::new());
        self.each(stretch, |group, moment, values| {
            if groups.last() != Some(group) {
                let last = last_before(self.plan, before, group, stretch.from);
                held.push(Held::new(self.plan, groups.len(), last));
                groups.push(group.clone());
            }
            if let Some(of_group) = held.last_mut() {
                of_group.at(moment, &values, None);
            }
        });
        (groups, held.into_iter().flat_map(Held::found).collect())
    }

    /// Calls `judge` with the values of every group at each moment of a stretch at which there is the group, group by group.
    pub(super) fn each(&self, stretch: TimeRange, mut judge: impl FnMut(&Group, i64, Values)) {
        let step = self.plan.rule().grid_step().0;
        let (first, last) = ticks(step, stretch);
        let standing: BTreeSet<Group> = self.plan.standing_groups().into_iter().collect();
        let mut all = self.windows.groups();
        all.extend(&standing);
        for group in all {
            let ticks: Vec<i64> = if standing.contains(group) || self.windows.is_in_all(group) {
                (first..=last).collect()
            } else {
                self.ticks(group, first, last)
            };
            for tick in ticks {
                let moment = tick.saturating_mul(step);
                judge(group, moment, self.values(group, moment));
            }
        }
    }

    /// The grid moments, as multiples of the step, in whose windows the group has spans.
    fn ticks(&self, group: &Group, first: i64, last: i64) -> Vec<i64> {
        let (step, window) = (self.plan.rule().grid_step().0, self.plan.rule().window.0);
        let mut ticks = Vec::new();
        let mut next = first;
        for pane in self.windows.cells_with(group) {
            let pane = pane.saturating_mul(self.windows.cells.size);
            // Moments k·step with pane ≤ k·step < pane + window.
            let from = pane.saturating_add(step - 1).div_euclid(step).max(next);
            let to = pane.saturating_add(window - 1).div_euclid(step).min(last);
            ticks.extend(from..=to);
            next = next.max(to.saturating_add(1));
        }
        ticks
    }

    /// The values of the window that ends at a grid moment.
    pub(super) fn values(&self, group: &Group, moment: i64) -> Values {
        let mut sums: Vec<Summary> =
            self.plan.aggregates().map(|aggregate| Summary::empty(&aggregate.function)).collect();
        let cells = self.windows.cells;
        let first = cells.of(moment.saturating_sub(self.plan.rule().window.0).saturating_add(1));
        self.windows.add_to(&mut sums, group, first..=cells.of(moment));
        values_of(self.plan, &mut sums)
    }
}
