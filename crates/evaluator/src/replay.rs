//! Evaluations of the past, one after another: what would have been told, when, and how it would have ended.
//!
//! The same evaluations as live ones, over files that arrive as they did. Nothing is written, and nothing delivered.

use std::collections::BTreeMap;

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::{Alert, Mutes, Phase, ViolationRecord};
use fluo_alerts::notification::{Id, Notification};
use fluo_store::StoreError;

use crate::arrivals::{Arrivals, By};
use crate::evaluate::{Evaluation, Evaluator, Inputs};
use crate::report::Report;
use crate::rule_set::RuleSet;
use crate::state::State;

/// The result of a replay.
#[derive(Debug, Default)]
pub struct Replayed {
    /// The notifications that would have been told, in order.
    pub notifications: Vec<Notification>,
    /// The violation records, in the order of the evaluations that wrote them.
    pub records: Vec<ViolationRecord>,
    /// Every alert as it was when it was last seen, by its rule and id.
    pub alerts: BTreeMap<(String, Id), Past>,
    /// The evaluations.
    pub reports: Vec<Report>,
}

impl Replayed {
    /// Returns the alerts that people would have been told of, with their rules.
    pub fn told(&self) -> impl Iterator<Item = (&str, &Past)> {
        let told = |past: &Past| past.alert.known && past.alert.phase != Phase::Merged;
        self.alerts.iter().filter(move |(_, past)| told(past)).map(|((rule, _), past)| (rule.as_str(), past))
    }
}

/// An alert of the past.
#[derive(Debug, Clone)]
pub struct Past {
    /// Of its group.
    pub fingerprint: Fingerprint,
    /// Keys and values of its group, as they may be shown.
    pub group: Vec<(String, Option<String>)>,
    /// As it was last seen.
    pub alert: Alert,
}

/// Evaluates at each of `times`, from nothing, what had arrived by then. Nothing is silenced.
pub async fn replay(
    evaluator: &Evaluator,
    rules: &RuleSet,
    arrivals: &dyn Arrivals,
    times: impl IntoIterator<Item = i64>,
) -> Result<Replayed, StoreError> {
    let mutes = Mutes { silenced: &|_| None };
    let mut replayed = Replayed::default();
    let mut state = State::new();
    for eval_time in times {
        let inputs = Inputs {
            rules,
            mutes,
            arrivals,
            by: By::Time(eval_time),
            eval_time,
            skip_to: None,
            patience: None,
        };
        let Evaluation { state: after, records, notifications, report, .. } =
            evaluator.evaluate(state, inputs).await?;
        for (rule, of_rule) in &after.rules {
            for (fingerprint, group) in &of_rule.groups {
                for alert in &group.alerts {
                    let past =
                        Past { fingerprint: *fingerprint, group: group.group.clone(), alert: alert.clone() };
                    replayed.alerts.insert((rule.clone(), alert.told.id), past);
                }
            }
        }
        replayed.notifications.extend(notifications);
        replayed.records.extend(records);
        replayed.reports.push(report);
        state = after;
    }
    Ok(replayed)
}

/// The multiples of `every` after `from` and up to `to`, and `to` itself.
pub fn schedule(from: i64, to: i64, every: i64) -> impl Iterator<Item = i64> {
    let first = from.div_euclid(every).saturating_add(1).saturating_mul(every);
    let grid = std::iter::successors(Some(first), move |time| time.checked_add(every));
    let last = (to.rem_euclid(every) != 0 && to > from).then_some(to);
    grid.take_while(move |time| *time <= to).chain(last)
}

/// Of records with the same id, the one with the highest revision; in order of start, rule, group.
pub fn latest(records: &[ViolationRecord]) -> Vec<ViolationRecord> {
    let mut latest: BTreeMap<Id, &ViolationRecord> = BTreeMap::new();
    for record in records {
        let known = latest.entry(record.id).or_insert(record);
        if known.revision <= record.revision {
            *known = record;
        }
    }
    let mut latest: Vec<ViolationRecord> = latest.into_values().cloned().collect();
    latest.sort_by(|left, right| left.violation.in_order(&right.violation).then(left.id.cmp(&right.id)));
    latest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_are_on_the_grid_and_at_the_end() {
        assert_eq!(schedule(0, 35, 10).collect::<Vec<_>>(), [10, 20, 30, 35]);
        assert_eq!(schedule(5, 30, 10).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(schedule(10, 10, 10).count(), 0);
    }
}
