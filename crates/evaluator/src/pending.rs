//! Alerts whose condition holds, and has not held for long enough.

use fluo_alerts::life_cycle::{GroupState, Phase, RuleState};
use fluo_alerts::wire;
use fluo_rules::rule::Rule;
use serde::Serialize;

use crate::rule_set::RuleSet;
use crate::state::State;

/// An alert that does not fire yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    /// Its rule.
    pub rule: String,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The first moment at which the condition held.
    #[serde(with = "wire::moment")]
    pub since: i64,
    /// The time at which it will fire, if it goes on.
    #[serde(with = "wire::moment")]
    pub fires_at: i64,
}

/// The alerts that do not fire yet.
pub(crate) fn pending<'a>(state: &'a State, rules: &'a RuleSet) -> impl Iterator<Item = Pending> + use<'a> {
    state.rules.iter().filter_map(|(name, of_rule)| Some((&rules.rules.get(name)?.rule, of_rule))).flat_map(
        |(rule, of_rule)| of_rule.groups.values().filter_map(move |group| is_pending(rule, of_rule, group)),
    )
}

/// The violation of a group that holds on, and is not part of an alert yet.
fn is_pending(rule: &Rule, of_rule: &RuleState, group: &GroupState) -> Option<Pending> {
    if rule.hold_for.0 <= 0 {
        return None;
    }
    // Rules with `for` are judged on the grid: what held at its last point holds on.
    let step = rule.grid_step().0;
    let alerts = |from: i64, to: i64| {
        group.alerts.iter().any(|alert| {
            matches!(alert.phase, Phase::Firing | Phase::Resolved)
                && alert.starts_at <= to
                && from <= alert.ends_at
        })
    };
    let violation = group.violations.iter().rfind(|violation| {
        violation.live
            && violation.ends_at.saturating_add(step) > of_rule.judged_to
            && !alerts(violation.starts_at, violation.ends_at)
    })?;
    Some(Pending {
        rule: rule.name.clone(),
        group: group.group.clone(),
        since: violation.starts_at,
        fires_at: violation.starts_at.saturating_add(rule.hold_for.0),
    })
}
