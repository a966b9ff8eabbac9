//! Grid rules: the values of windows that are made of panes.

use std::collections::{BTreeMap, BTreeSet};

use fluo_plan::{RulePlan, TimeRange};

use super::{Holding, Values, holding, values_of};
use crate::pass::{ByGroup, Cells};
use crate::rows::Group;
use crate::summary::Summary;

/// Panes of a grid rule, by group.
pub(super) struct Panes<'a> {
    plan: &'a RulePlan,
    cells: Cells,
    groups: &'a ByGroup,
}

impl<'a> Panes<'a> {
    pub(super) fn new(plan: &'a RulePlan, groups: &'a ByGroup) -> Self {
        Self { plan, cells: Cells { size: plan.pane() }, groups }
    }

    /// The moments of a stretch at which the condition holds, and the groups that they are of.
    pub(super) fn holding(&self, stretch: TimeRange) -> (Vec<Group>, Vec<Holding>) {
        let (mut groups, mut held) = (Vec::new(), Vec::new());
        self.each(stretch, |group, moment, values| {
            if groups.last() != Some(group) {
                groups.push(group.clone());
            }
            held.extend(holding(self.plan, groups.len() - 1, moment, &values));
        });
        (groups, held)
    }

    /// Calls `judge` with the values of every group at each moment of a stretch at which there is the group, group by group.
    pub(super) fn each(&self, stretch: TimeRange, mut judge: impl FnMut(&Group, i64, Values)) {
        let step = self.plan.rule().grid_step().0;
        let first = stretch.from.div_euclid(step) + i64::from(stretch.from.rem_euclid(step) > 0);
        let last = stretch.to.div_euclid(step);
        let standing: BTreeSet<Group> = self.plan.standing_groups().into_iter().collect();
        let all: BTreeSet<&Group> = self.groups.keys().chain(&standing).collect();
        for group in all {
            let ticks: Vec<i64> = if standing.contains(group) {
                (first..=last).collect()
            } else {
                self.groups.get(group).map_or_else(Vec::new, |panes| self.ticks(panes, first, last))
            };
            for tick in ticks {
                let moment = tick.saturating_mul(step);
                judge(group, moment, self.values(group, moment));
            }
        }
    }

    /// The grid moments, as multiples of the step, whose windows some of these panes lie in.
    fn ticks(&self, panes: &BTreeMap<i64, Vec<Summary>>, first: i64, last: i64) -> Vec<i64> {
        let (step, window) = (self.plan.rule().grid_step().0, self.plan.rule().window.0);
        let mut ticks = Vec::new();
        let mut next = first;
        for pane in panes.keys() {
            let pane = pane.saturating_mul(self.cells.size);
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
        if let Some(panes) = self.groups.get(group) {
            let first = self.cells.of(moment.saturating_sub(self.plan.rule().window.0).saturating_add(1));
            for (_, pane) in panes.range(first..=self.cells.of(moment)) {
                sums.iter_mut().zip(pane).for_each(|(sum, more)| sum.merge(more));
            }
        }
        values_of(self.plan, &mut sums)
    }
}
