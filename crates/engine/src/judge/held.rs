//! The judged moments of a group, one after the other: where the condition holds, and where what held before goes on.
//!
//! With `resolve_condition`, what held at the judged moment before, at most `gap` earlier, goes on until what ends it holds.
//! So whether a moment belongs to a violation depends on those before it; a look at a stretch of time is told where each
//! group stood before the stretch ([`Before`]).
//!
//! On a grid, what ends it is asked at the moments of the grid. An exact rule asks at every instant: from one of its
//! moments to the next its window only empties, so that the instant before the next decides for all between them.

use std::collections::BTreeMap;

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::Badness;
use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_rules::condition::Level;
use fluo_rules::expr::Exact;

use crate::episodes::Holding;
use crate::record::fingerprint_of;
use crate::rows::Group;
use crate::summary::Values;

/// Of groups with violations that are known: moments of these, in order, among them the last of each that ended before a
/// stretch which is looked at.
pub type Before = BTreeMap<Fingerprint, Vec<i64>>;

/// The moments of a group of a rule.
pub(super) struct Held<'a> {
    plan: &'a RulePlan,
    group: usize,
    /// The judged moment before, if a violation was there.
    last: Option<i64>,
    found: Vec<Holding>,
}

impl<'a> Held<'a> {
    /// Of the group at a place. `last`: the judged moment before the first, if a violation was there.
    pub(super) fn new(plan: &'a RulePlan, group: usize, last: Option<i64>) -> Self {
        Self { plan, group, last, found: Vec::new() }
    }

    /// Returns whether something may go on at the next moment, and there are instants between it and the last.
    pub(super) fn may_end_before(&self, next: i64) -> bool {
        let has_instants = |last: i64| last < next.saturating_sub(1);
        self.last.is_some_and(has_instants) && self.plan.rule().condition.resolve.is_some()
    }

    /// Returns whether the last moment is part of a violation.
    pub(super) fn is_in_one(&self) -> bool {
        self.last.is_some()
    }

    /// Judges the next moment. `instant_before`: of an exact rule, the values then, where something may go on.
    pub(super) fn at(&mut self, moment: i64, values: &Values, instant_before: Option<&Values>) {
        let condition = &self.plan.rule().condition;
        let value = |name: &str| exact(values, name);
        let level = condition.held_exactly(&value);
        let is_near = |last: i64| moment.saturating_sub(last) <= self.plan.gap().0;
        let went_on = || instant_before.is_none_or(|values| condition.goes_on(&|name| exact(values, name)));
        let is_kept =
            level.is_none() && self.last.is_some_and(is_near) && condition.goes_on(&value) && went_on();
        self.last = (level.is_some() || is_kept).then_some(moment);
        if self.last.is_some() {
            let badness = badness(self.plan, level, values);
            self.found.push(Holding { group: self.group, moment, badness, kept: is_kept });
        }
    }

    /// Passes over a moment at which no violation can be.
    pub(super) fn none_at_next(&mut self) {
        self.last = None;
    }

    /// The moments that are part of a violation.
    pub(super) fn found(self) -> Vec<Holding> {
        self.found
    }
}

/// The badness of these values, at which that level holds, or none does.
pub(super) fn badness(plan: &RulePlan, level: Option<&Level>, values: &Values) -> Badness {
    let rule = plan.rule();
    let level = level.unwrap_or(&rule.condition.lowest);
    Badness {
        severity: rule.condition.has_levels().then(|| rule.severity_of(level)),
        excess: level.condition.expr.excess(&|name| exact(values, name)),
    }
}

/// The value of an aggregate, as it is compared.
pub(super) fn exact(values: &Values, name: &str) -> Option<Exact> {
    let (_, value) = values.iter().find(|(found, _)| found == name)?;
    match *value {
        Value::Int(int) | Value::Duration(int) => Some(Exact::Int(int)),
        Value::Float(float) => Some(Exact::Float(float)),
        // A moment is told, and not compared.
        Value::None | Value::Moment(_) => None,
    }
}

/// The last moment before `from` at which a violation of the group is known to have been.
pub(super) fn last_before(plan: &RulePlan, before: &Before, group: &Group, from: i64) -> Option<i64> {
    if before.is_empty() {
        return None;
    }
    let moments = before.get(&fingerprint_of(plan.rule(), group))?;
    moments.iter().copied().filter(|moment| *moment < from).max()
}
