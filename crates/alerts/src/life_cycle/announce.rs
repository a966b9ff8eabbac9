//! What is owed → what is told: silences, inhibition, reminders, and limits on how much is told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::rule::{Realert, Rule};

use super::state::{Alert, Phase, RuleState};
use super::summary::summary;
use super::tell::{Due, tell};
use super::transition::Times;
use crate::notification::{Event, Notification, Untold};
use crate::template::Renderer;

/// What keeps alerts from being told.
#[derive(Clone, Copy)]
pub struct Mutes<'a> {
    /// The silence that covers an alert with these labels now, by its name.
    pub silenced: &'a dyn Fn(&BTreeMap<String, String>) -> Option<String>,
}

/// The labels by which silences choose: the rule's own, `rule`, `severity`, and the group's keys that have a value. What
/// identifies an alert goes before a label of the same name.
pub fn labels(alert: &Alert) -> BTreeMap<String, String> {
    let violation = &alert.told.violation;
    let mut labels = violation.labels.clone();
    for (key, value) in &violation.group {
        if let Some(value) = value {
            labels.insert(key.clone(), value.clone());
        }
    }
    labels.insert("rule".to_owned(), violation.rule.clone());
    labels.insert("severity".to_owned(), violation.severity.as_str().to_owned());
    labels
}

/// Decides what is told now, and remembers that it was. In the order of states, groups and starts; a rule that was edited
/// has several.
pub fn announce(
    states: &mut [(&str, &mut RuleState)],
    rules: &BTreeMap<String, Arc<Rule>>,
    mutes: Mutes<'_>,
    renderer: &Renderer,
    times: Times,
) -> Vec<Notification> {
    let mut firing: BTreeMap<String, Vec<Group>> = BTreeMap::new();
    for (name, state) in states.iter() {
        for group in state.groups.values().filter(|group| group.alerts.iter().any(Alert::is_firing)) {
            firing.entry((*name).to_owned()).or_default().push(group.group.clone());
        }
    }
    let inhibitors = |name: &str| -> Inhibitors<'_> {
        let rule = rules.get(name).into_iter();
        rule.flat_map(|rule| &rule.inhibit)
            // Rules that inhibit each other in a circle would silence each other for good.
            .filter(|other| !inhibits(rules, name, other))
            .filter_map(|other| Some((other.as_str(), firing.get(other)?.as_slice())))
            .collect()
    };
    hand_over_untold(states, &inhibitors);
    let mut notifications = Vec::new();
    for (name, state) in states {
        let rule = rules.get(*name);
        let inhibitors = inhibitors(name);
        let told = due(state, rule.map(AsRef::as_ref), &inhibitors, mutes, renderer, times);
        let limit = rule.map_or(usize::MAX, |rule| rule.notification_limit as usize);
        if told.len() > limit {
            notifications.push(summary(name, rule.map(AsRef::as_ref), told, times));
        } else {
            notifications.extend(told.into_iter().map(|told| told.notification));
        }
    }
    notifications
}

/// Group keys and values.
type Group = Vec<(String, Option<String>)>;

/// Rules that make another redundant, each with the groups in which it fires.
type Inhibitors<'a> = Vec<(&'a str, &'a [Group])>;

/// Returns whether two groups have the same value of every key that both have.
fn agree(one: &Group, other: &Group) -> bool {
    one.iter().all(|(key, value)| {
        other.iter().find(|(other, _)| other == key).is_none_or(|(_, other)| other == value)
    })
}

/// Returns the rule that makes an alert of this group redundant now.
fn inhibitor<'a>(inhibitors: &Inhibitors<'a>, group: &Group) -> Option<&'a str> {
    let found = inhibitors.iter().find(|(_, firing)| firing.iter().any(|other| agree(other, group)));
    found.map(|(rule, _)| *rule)
}

/// The most alerts that one remembers to have inhibited.
const MOST_UNTOLD: usize = 1000;

/// Gives the alerts that were inhibited, and that were over before anybody was told, to those that inhibited them: who is
/// told that these are over is told of them, too.
fn hand_over_untold<'a>(states: &mut [(&str, &mut RuleState)], inhibitors: &dyn Fn(&str) -> Inhibitors<'a>) {
    let mut untold: Vec<(String, Untold)> = Vec::new();
    for (name, state) in states.iter_mut() {
        let inhibitors = inhibitors(name);
        for group in state.groups.values_mut() {
            for alert in &mut group.alerts {
                if alert.phase != Phase::Resolved || alert.known || alert.passed_on {
                    continue;
                }
                let by = match alert.owed {
                    // It was inhibited for as long as it fired.
                    None => alert.muted_by.take().and_then(|by| by.strip_prefix("rule ").map(str::to_owned)),
                    // It began and was over between two evaluations.
                    Some(Event::FiredLate) => inhibitor(&inhibitors, &group.group).map(str::to_owned),
                    Some(_) => None,
                };
                let Some(by) = by else { continue };
                alert.owed = None;
                let (id, rule, group) = (alert.told.id, (*name).to_owned(), group.group.clone());
                let (starts_at, ends_at) = (alert.starts_at, alert.ends_at);
                untold.push((by, Untold { id, rule, group, starts_at, ends_at }));
            }
        }
    }
    for (by, alert) in untold {
        let groups = states
            .iter_mut()
            .filter(|(name, _)| *name == by)
            .flat_map(|(_, state)| state.groups.values_mut());
        let heir = groups
            .filter(|group| agree(&group.group, &alert.group))
            .flat_map(|group| &mut group.alerts)
            .find(|other| other.is_firing() || other.owed == Some(Event::Resolved));
        // Where what inhibited it is over, too, and that was told, the record is all that stays.
        if let Some(heir) = heir.filter(|heir| heir.untold.len() < MOST_UNTOLD) {
            heir.untold.push(alert);
        }
    }
}

/// Returns whether `name` makes `other` redundant, directly or by way of others; every rule does so itself.
fn inhibits(rules: &BTreeMap<String, Arc<Rule>>, name: &str, other: &str) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut next = vec![other];
    while let Some(rule) = next.pop() {
        if rule == name {
            return true;
        }
        if seen.insert(rule) {
            next.extend(rules.get(rule).into_iter().flat_map(|rule| &rule.inhibit).map(String::as_str));
        }
    }
    false
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
        let inhibitor = inhibitor(inhibitors, &shown);
        for alert in &mut group.alerts {
            let muted_by = inhibitor
                .map(|rule| format!("rule {rule}"))
                .or_else(|| (mutes.silenced)(&labels(alert)).map(|silence| format!("silence {silence}")));
            let event = next_event(alert, muted_by.is_some(), rule.map(|rule| rule.realert), times);
            alert.muted_by = muted_by.filter(|_| alert.is_firing());
            if let Some(event) = event {
                told.push(tell(alert, &shown, event, rule, renderer, times));
            }
        }
    }
    told
}

/// What is told of an alert now, if anything; and what it owes and is known to be from now on.
fn next_event(alert: &mut Alert, muted: bool, realert: Option<Realert>, times: Times) -> Option<Event> {
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
            let due = alert.is_firing()
                && alert.known
                && times.eval_time.saturating_sub(alert.told_at) >= alert.remind_after;
            (due && !muted).then_some(Event::Renotify)
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
    alert.known = true;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pairs: &[(&str, Option<&str>)]) -> Group {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn groups_agree_where_every_common_key_has_one_value() {
        let (a, b) = (("service_name", Some("a")), ("service_name", Some("b")));
        let region = ("region", Some("eu"));
        for (scenario, one, other, expected) in [
            ("the same", group(&[a]), group(&[a]), true),
            ("another value", group(&[a]), group(&[b]), false),
            ("one is divided further", group(&[a]), group(&[region, a]), true),
            ("divided further, of another", group(&[b]), group(&[region, a]), false),
            ("no common key", group(&[region]), group(&[a]), true),
            ("no groups at all", group(&[]), group(&[a]), true),
            ("both without a value", group(&[("region", None)]), group(&[("region", None)]), true),
            ("one without a value", group(&[("region", None)]), group(&[region]), false),
        ] {
            assert_eq!(agree(&one, &other), expected, "{scenario}");
            assert_eq!(agree(&other, &one), expected, "{scenario}, the other way round");
        }
    }

    #[test]
    fn circles_inhibit_nobody() {
        let text = "
- {name: a, span: {}, condition: count > 1, inhibit: [b]}
- {name: b, span: {}, condition: count > 1, inhibit: [c]}
- {name: c, span: {}, condition: count > 1, inhibit: [a]}
- {name: d, span: {}, condition: count > 1, inhibit: [a]}
";
        let loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]).rules;
        let rules = loaded.into_iter().map(|rule| (rule.name.clone(), Arc::new(rule))).collect();
        for (name, other, expected) in
            [("a", "b", true), ("b", "c", true), ("c", "a", true), ("a", "a", true), ("d", "a", false)]
        {
            assert_eq!(inhibits(&rules, name, other), expected, "{name}, which {other} is to inhibit");
        }
    }
}
