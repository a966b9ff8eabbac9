//! The aggregates that a condition names: the others decide nothing.

use std::ops::RangeInclusive;

use fluo_plan::RulePlan;
use fluo_rules::rule::Aggregate;

use crate::panes::Windows;
use crate::rows::Group;
use crate::summary::{Summary, Values};

/// The aggregates of a rule that decide.
pub(super) struct Deciding<'a> {
    plan: &'a RulePlan,
    /// Each with its place among all of the rule.
    pub(super) aggregates: Vec<(usize, &'a Aggregate)>,
}

impl<'a> Deciding<'a> {
    pub(super) fn of(plan: &'a RulePlan) -> Self {
        let named = plan.rule().condition.aggregates();
        let decides = |(_, aggregate): &(usize, &Aggregate)| named.contains(&aggregate.name.as_str());
        Self { plan, aggregates: plan.aggregates().enumerate().filter(decides).collect() }
    }

    /// Returns their places among the aggregates of the rule.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.aggregates.iter().map(|(at, _)| *at)
    }

    /// Returns their values over all spans that a group has in some cells, with the limits of the group.
    pub(super) fn values(
        &self,
        windows: &Windows,
        group: &Group,
        cells: RangeInclusive<i64>,
        limits: &Values,
    ) -> Values {
        let rule = self.plan.rule();
        let empty = |(_, aggregate): &(usize, &Aggregate)| Summary::of_rule(rule, &aggregate.function);
        let mut sums: Vec<Summary> = self.aggregates.iter().map(empty).collect();
        windows.add_to(&mut sums, group, cells);
        let value = |((_, aggregate), sum): (&(usize, &Aggregate), &mut Summary)| {
            (aggregate.name.clone(), sum.value(&aggregate.function, rule.window))
        };
        self.aggregates.iter().zip(&mut sums).map(value).chain(limits.iter().cloned()).collect()
    }
}
