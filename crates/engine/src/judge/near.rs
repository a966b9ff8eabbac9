//! The closeness of a rule to its limit: its values at the moments that are judged, of which the closest are kept.
//!
//! A grid rule is read at every moment of its grid. An exact rule is read where cells end of which its window is made: it is
//! judged at every span, but only where its cells say that it may hold. Of any rule, the moments of its violations are read.

use std::collections::BTreeMap;

use fluo_alerts::reading::gauge::{Against, Gauge, Mark, Track};
use fluo_plan::RulePlan;
use fluo_time::TimeRange;

use super::held::exact;
use super::{Observed, limits_of, sliding};
use crate::panes::Windows;
use crate::record::shown_group;
use crate::rows::Group;
use crate::summary::{Summary, Values};

/// The groups of which the closest moment is kept.
const GROUPS: usize = 20;

/// The closest moments of a rule.
#[derive(Debug)]
pub(super) struct Near<'a> {
    plan: &'a RulePlan,
    gauge: Gauge<'a>,
    /// Of moments of one stretch of this length, the closest is kept; nanoseconds.
    step: i64,
    /// By the number of their stretch.
    points: BTreeMap<i64, RawMark>,
    /// The closest of each group, the closest first.
    groups: Vec<RawMark>,
    total: usize,
    /// The closest of the group that is read.
    open: Option<RawMark>,
}

/// A mark whose group is as it was read.
#[derive(Debug)]
struct RawMark {
    at: i64,
    group: Group,
    against: Against,
}

impl RawMark {
    fn is_closer(&self, than: &Self) -> bool {
        self.against.is_closer(&than.against)
    }
}

impl<'a> Near<'a> {
    /// Nothing of a rule was read yet. `step`: of moments of one stretch of this length the closest is kept, at least 1 ns.
    pub(super) fn new(plan: &'a RulePlan, step: i64) -> Self {
        let gauge = Gauge::of(plan.rule());
        let points = BTreeMap::new();
        Self { plan, gauge, step: step.max(1), points, groups: Vec::new(), total: 0, open: None }
    }

    /// Reads a group at a moment. The moments of a group follow one another.
    pub(super) fn at(&mut self, group: &Group, moment: i64, values: &Values) {
        let holds = self.plan.rule().condition.held_exactly(&|name| exact(values, name)).is_some();
        let against = self.gauge.at(values, holds);
        if self.open.as_ref().is_none_or(|open| open.group != *group) {
            self.end();
            self.total += 1;
        }
        if self.open.as_ref().is_none_or(|open| against.is_closer(&open.against)) {
            self.open = Some(RawMark { at: moment, group: group.clone(), against });
        }
        self.add(group, moment, against);
    }

    /// Takes in the closest moment of the last group.
    pub(super) fn end(&mut self) {
        if let Some(mark) = self.open.take() {
            self.rank(mark);
        }
    }

    /// Puts the closest moment of a group among those of the others.
    fn rank(&mut self, mark: RawMark) {
        let place = self.groups.partition_point(|known| !mark.is_closer(known));
        if place < GROUPS {
            self.groups.insert(place, mark);
            self.groups.truncate(GROUPS);
        }
    }

    fn add(&mut self, group: &Group, at: i64, against: Against) {
        let place = at.div_euclid(self.step);
        if self.points.get(&place).is_none_or(|known| against.is_closer(&known.against)) {
            self.points.insert(place, RawMark { at, group: group.clone(), against });
        }
    }

    /// Returns what was read, with the moments of the violations that were found.
    pub(super) fn track(mut self, observed: &[Observed]) -> Track {
        for found in observed {
            let moments = [
                (found.starts_at, &found.values),
                (found.peak_at, &found.peak),
                (found.ends_at, &found.latest),
            ];
            for (at, values) in moments {
                let against = self.gauge.at(values, !found.kept);
                self.add(&found.group, at, against);
                let mark = RawMark { at, group: found.group.clone(), against };
                match self.groups.iter().position(|known| known.group == found.group) {
                    Some(known) if !mark.is_closer(&self.groups[known]) => {}
                    Some(known) => {
                        self.groups.remove(known);
                        self.rank(mark);
                    }
                    None => {
                        // Where all groups are listed, one that is not is new.
                        if self.groups.len() == self.total {
                            self.total += 1;
                        }
                        self.rank(mark);
                    }
                }
            }
        }
        let rule = self.plan.rule();
        let mark =
            |RawMark { at, group, against }| Mark { at, group: shown_group(rule, &group), reading: against };
        let (points, groups) = (self.points.into_values(), self.groups.into_iter());
        Track {
            points: points.map(mark).collect(),
            groups: groups.map(mark).collect(),
            group_total: self.total,
            step: self.step.max(apart(self.plan)),
            ..self.gauge.track()
        }
    }

    /// Reads an exact rule where its cells end; nothing where its window is not made of whole cells.
    pub(super) fn of_cells(&mut self, windows: &Windows, stretch: TimeRange) {
        let (plan, cells) = (self.plan, windows.cells);
        let window = plan.rule().window.0;
        if window % cells.size != 0 {
            return;
        }
        let (behind, deciding) = (window / cells.size, sliding::deciding(plan));
        let functions: Vec<_> = plan.aggregates().collect();
        for group in windows.groups() {
            let limits = limits_of(plan, group);
            let mut next = i64::MIN;
            for with in windows.cells_with(group) {
                for cell in with.max(next)..with.saturating_add(behind) {
                    let moment = cells.range(cell).to;
                    if !stretch.contains(moment) {
                        continue;
                    }
                    let mut sums: Vec<Summary> = deciding
                        .iter()
                        .map(|at| Summary::of_rule(plan.rule(), &functions[*at].function))
                        .collect();
                    windows.add_to(&mut sums, group, cell.saturating_sub(behind - 1)..=cell);
                    let named = deciding.iter().zip(&mut sums).map(|(at, sum)| {
                        let aggregate = functions[*at];
                        (aggregate.name.clone(), sum.value(&aggregate.function, plan.rule().window))
                    });
                    let values: Values = named.chain(limits.iter().cloned()).collect();
                    self.at(group, moment, &values);
                }
                next = with.saturating_add(behind).max(next);
            }
        }
        self.end();
    }
}

/// Returns how far apart the moments are at which a rule is read.
fn apart(plan: &RulePlan) -> i64 {
    if plan.judging().is_exact() { sliding::cells(plan).size } else { plan.rule().grid_step().0 }
}
