//! Turns what is owed into what is told: silences, inhibition, reminders, and limits on how much is told at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_rules::rule::{Realert, Rule, Severity};

use super::inhibition::{Inhibition, Inhibitors};
use super::state::{Alert, RuleState};
use super::summary::summary;
use super::tell::{Due, tell};
use super::together::{self, Levels};
use super::transition::Times;
use crate::notification::{Event, Notification};
use crate::template::Renderer;

/// The silences that keep alerts from being told.
#[derive(Clone, Copy)]
pub struct Mutes<'a> {
    /// The silence that covers an alert with these labels now, by its name.
    pub silenced: &'a dyn Fn(&BTreeMap<String, String>) -> Option<String>,
}

/// The labels by which silences choose: the rule's own, `rule`, `severity` as it is now, and the group's keys that have a
/// value. What identifies an alert goes before a label of the same name.
pub fn labels(alert: &Alert) -> BTreeMap<String, String> {
    let violation = &alert.told.violation;
    let mut labels = violation.labels.clone();
    for (key, value) in &violation.group {
        if let Some(value) = value {
            labels.insert(key.clone(), value.clone());
        }
    }
    labels.insert("rule".to_owned(), violation.rule.clone());
    labels.insert("severity".to_owned(), alert.severity().as_str().to_owned());
    labels
}

/// Decides what is told now, and remembers that it was. In the order of states, groups and starts; a rule that was edited
/// has several. `levels`: how deep those spans lie that were [sought](together::sought).
pub fn announce(
    states: &mut [(&str, &mut RuleState)],
    rules: &BTreeMap<String, Arc<Rule>>,
    mutes: Mutes<'_>,
    renderer: &Renderer,
    times: Times,
    levels: &Levels,
) -> Vec<Notification> {
    let inhibition = Inhibition::new(states, rules);
    inhibition.hand_over_untold(states);
    let mut told = Vec::with_capacity(states.len());
    let mut many = Vec::new();
    for (at, (name, state)) in states.iter_mut().enumerate() {
        let rule = rules.get(*name).map(AsRef::as_ref);
        let inhibitors = inhibition.of(name);
        let of_rule = due(state, rule, &inhibitors, mutes, renderer, times);
        let limit = rule.map_or(usize::MAX, |rule| rule.notification_limit as usize);
        if of_rule.len() > limit {
            many.push((at, of_rule));
            told.push(Vec::new());
        } else {
            told.push(of_rule);
        }
    }
    for (_, of_rule) in &many {
        together::alone(states, of_rule);
    }
    together::relate(states, &mut told, levels);
    let mut told: Vec<Vec<Notification>> =
        told.into_iter().map(|told| told.into_iter().map(|told| told.notification).collect()).collect();
    for (at, of_rule) in many {
        let name = states[at].0;
        told[at].push(summary(name, rules.get(name).map(AsRef::as_ref), of_rule, times));
    }
    told.into_iter().flatten().collect()
}

fn due(
    state: &mut RuleState,
    rule: Option<&Rule>,
    inhibitors: &Inhibitors<'_>,
    mutes: Mutes<'_>,
    renderer: &Renderer,
    times: Times,
) -> Vec<Due> {
    let mut told = Vec::new();
    for group in state.groups.values_mut() {
        let shown = group.group.clone();
        let inhibitor = inhibitors.of(&shown);
        let segments = &group.segments;
        for alert in &mut group.alerts {
            let muted_by = inhibitor
                .map(|rule| format!("rule {rule}"))
                .or_else(|| (mutes.silenced)(&labels(alert)).map(|silence| format!("silence {silence}")));
            let worst = alert.worst_since_told(segments);
            let event = next_event(alert, worst, muted_by.is_some(), rule.map(|rule| rule.realert), times);
            alert.muted_by = muted_by.filter(|_| alert.is_firing());
            if let Some(event) = event {
                let severity = severity_of(alert, worst, event);
                told.push(tell(alert, &shown, (event, severity), rule, renderer, times));
                alert.tell_severity(severity);
                alert.known = true;
            }
        }
    }
    told
}

/// The severity that an event says: of a rise the highest, of a reminder the present one, and of an end the worst that
/// anybody was told.
fn severity_of(alert: &Alert, worst: Severity, event: Event) -> Severity {
    match event {
        Event::Renotify => alert.severity(),
        event if event.is_closed() => alert.told_as().into_iter().fold(worst, Severity::max),
        _ => worst,
    }
}

/// Returns the event that is told of an alert now, if any, and the words that it owes from now on.
fn next_event(
    alert: &mut Alert,
    worst: Severity,
    muted: bool,
    realert: Option<Realert>,
    times: Times,
) -> Option<Event> {
    let event = match alert.owed {
        // Who was told that it fires is told that it does not, whatever is muted now.
        Some(event @ (Event::Resolved | Event::Withdrawn)) => Some(event),
        Some(event) if !muted => Some(event),
        // It is over, and nobody was to know: the record is all that stays.
        Some(Event::FiredLate) => {
            alert.owed = None;
            return None;
        }
        Some(_) => return None,
        None => {
            let stands = alert.is_firing() && alert.known && !muted;
            let is_due = times.eval_time.saturating_sub(alert.told_at) >= alert.remind_after;
            match stands {
                true if worst > alert.told_severity() => Some(Event::Escalated),
                true if is_due => Some(Event::Renotify),
                _ => None,
            }
        }
    }?;
    alert.owed = None;
    if event.is_open() {
        if let Some(realert) = realert {
            alert.remind_after =
                if event == Event::Renotify { longer(alert.remind_after, realert) } else { realert.every.0 };
        }
        alert.told_at = times.eval_time;
    }
    Some(event)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bounded by the maximum; hours, not years"
)]
fn longer(distance: i64, realert: Realert) -> i64 {
    ((distance as f64 * realert.backoff) as i64).clamp(realert.every.0, realert.max.0.max(realert.every.0))
}
