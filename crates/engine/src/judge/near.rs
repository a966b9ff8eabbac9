//! The closeness of a rule to its limit: its values at the moments that are judged, of which the closest are kept.
//!
//! A grid rule is read at every moment of its grid. An exact rule is read where cells end of which its window is made: it is
//! judged at every span, but only where its cells say that it may hold. Of any rule, the moments of its violations are read.

use std::collections::BTreeMap;

use fluo_alerts::reading::gauge::{Against, Gauge, Mark, Track};
use fluo_plan::RulePlan;
use fluo_time::TimeRange;
use hashbrown::HashSet;

use super::deciding::Deciding;
use super::held::exact;
use super::{Observed, limits_of, sliding};
use crate::panes::Windows;
use crate::record::shown_group;
use crate::rows::Group;
use crate::summary::Values;

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
    /// All groups that were read.
    known: HashSet<Group>,
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
        let (points, groups, known) = (BTreeMap::new(), Vec::new(), HashSet::new());
        Self { plan, gauge, step: step.max(1), points, groups, known, open: None }
    }

    /// Reads a group at a moment. The moments of a group follow one another.
    pub(super) fn at(&mut self, group: &Group, moment: i64, values: &Values) {
        let holds = self.plan.rule().condition.held_exactly(&|name| exact(values, name)).is_some();
        let against = self.gauge.at(values, holds);
        if self.open.as_ref().is_none_or(|open| open.group != *group) {
            self.end();
            self.know(group);
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

    fn know(&mut self, group: &Group) {
        if !self.known.contains(group) {
            self.known.insert(group.clone());
        }
    }

    /// Puts a moment of a group among those of the others, where it is the closest of its group.
    fn rank(&mut self, mark: RawMark) {
        if let Some(known) = self.groups.iter().position(|known| known.group == mark.group) {
            if !mark.is_closer(&self.groups[known]) {
                return;
            }
            self.groups.remove(known);
        }
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
                self.rank(RawMark { at, group: found.group.clone(), against });
            }
            self.know(&found.group);
        }
        let rule = self.plan.rule();
        let mark =
            |RawMark { at, group, against }| Mark { at, group: shown_group(rule, &group), reading: against };
        let (points, groups) = (self.points.into_values(), self.groups.into_iter());
        Track {
            points: points.map(mark).collect(),
            groups: groups.map(mark).collect(),
            group_total: self.known.len(),
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
        let (behind, deciding) = (window / cells.size, Deciding::of(plan));
        for group in windows.groups() {
            let limits = limits_of(plan, group);
            let mut next = i64::MIN;
            for with in windows.cells_with(group) {
                for cell in with.max(next)..with.saturating_add(behind) {
                    let moment = cells.range(cell).to;
                    if !stretch.contains(moment) {
                        continue;
                    }
                    let of_window = cell.saturating_sub(behind - 1)..=cell;
                    let values = deciding.values(windows, group, of_window, &limits);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluo_alerts::value::Value;
    use fluo_rules::{SourceFile, load};

    use super::*;

    fn plan(condition: &str) -> RulePlan {
        let text = format!("- {{name: r, span: {{}}, group_by: [region], condition: {condition}}}");
        let rule = load(&[SourceFile::new("r.yml", text.as_str())]).rules.remove(0);
        RulePlan::new(Arc::new(rule)).unwrap()
    }

    fn counted(count: i128) -> Values {
        [("count".to_owned(), Value::Int(count))].into_iter().collect()
    }

    #[test]
    fn a_group_of_several_stretches_is_one_group_with_its_closest_moment() {
        let plan = plan("count > 10");
        let mut near = Near::new(&plan, 1);
        let counts: [&[(&str, i128)]; 3] =
            [&[("eu", 3), ("us", 8)], &[("eu", 9), ("us", 2)], &[("ap", 1), ("eu", 4)]];
        for (moment, stretch) in (1..).zip(counts) {
            for (region, count) in stretch {
                near.at(&vec![Some((*region).to_owned())], moment, &counted(*count));
            }
            near.end();
        }
        let track = near.track(&[]);
        let closest =
            track.groups.iter().map(|mark| (mark.group[0].1.as_deref(), mark.at, mark.reading.value));
        let expected = [(Some("eu"), 2, Some(9.0)), (Some("us"), 1, Some(8.0)), (Some("ap"), 3, Some(1.0))];
        assert_eq!(closest.collect::<Vec<_>>(), expected);
        assert_eq!(track.group_total, 3);
    }

    #[test]
    fn groups_beyond_those_that_are_listed_are_counted_once() {
        let plan = plan("count > 100");
        let mut near = Near::new(&plan, 1);
        for moment in 1..=3 {
            for region in 0..30_i128 {
                near.at(&vec![Some(region.to_string())], moment, &counted(region));
            }
            near.end();
        }
        let track = near.track(&[]);
        assert_eq!((track.groups.len(), track.group_total), (GROUPS, 30));
    }
}
