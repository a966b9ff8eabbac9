//! The inputs of an evaluation beside the state.

use fluo_alerts::life_cycle::Mutes;

use crate::arrivals::{Arrivals, By};
use crate::rule_set::RuleSet;

/// The inputs of an evaluation beside the state.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// The silences in force, and those to come.
    pub mutes: Mutes<'a>,
    /// The files.
    pub arrivals: &'a dyn Arrivals,
    /// The time up to which they count as arrived.
    pub by: By,
    /// The evaluation's logical time; nanoseconds since the epoch.
    pub eval_time: i64,
    /// Moments before this one are left unjudged: they lie further back than is caught up.
    pub skip_to: Option<i64>,
    /// By when spans are to be looked at; what is not reached is postponed. `None`: it takes as long as it takes, as in
    /// looks at the past.
    pub patience: Option<Patience<'a>>,
}

/// By when spans are to be looked at.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// The present, in nanoseconds since the epoch.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Nothing is begun after this moment that can wait.
    pub deadline: Option<i64>,
}
