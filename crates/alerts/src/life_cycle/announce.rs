//! What is owed → what is told: silences, inhibition, reminders, and limits on how much is told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::rule::{Realert, Rule, Severity};

use super::state::{Alert, Course, RuleState};
use super::transition::Times;
use crate::escape::plain;
use crate::notification::{Event, Id, Notification, Now, SCHEMA, Summary, SummaryLine, Told};
use crate::reading::{bare_readings, readings, shown};
use crate::template::{Renderer, SUMMARY, Subject};
use crate::value::Value;
use crate::violation::declared;
use crate::words;

/// How many alerts a summary lists.
const LISTED: usize = 10;

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
    let mut notifications = Vec::new();
    for (name, state) in states {
        let rule = rules.get(*name);
        let inhibitors: Vec<(&str, &[Group])> = rule
            .into_iter()
            .flat_map(|rule| &rule.inhibit)
            // Rules that inhibit each other in a circle would silence each other for good.
            .filter(|other| !inhibits(rules, name, other))
            .filter_map(|other| Some((other.as_str(), firing.get(other)?.as_slice())))
            .collect();
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

/// Returns whether two groups have the same value of every key that both have.
fn agree(one: &Group, other: &Group) -> bool {
    one.iter().all(|(key, value)| {
        other.iter().find(|(other, _)| other == key).is_none_or(|(_, other)| other == value)
    })
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

/// An event of an alert that is told now.
struct Due {
    notification: Notification,
    excess: Option<f64>,
    line: SummaryLine,
}

fn due(
    state: &mut RuleState,
    rule: Option<&Rule>,
    inhibitors: &[(&str, &[Group])],
    mutes: Mutes<'_>,
    renderer: &Renderer,
    times: Times,
) -> Vec<Due> {
    let mut told = Vec::new();
    for group in state.groups.values_mut() {
        let shown = group.group.clone();
        let inhibitor = inhibitors
            .iter()
            .find(|(_, firing)| firing.iter().any(|other| agree(other, &shown)))
            .map(|(rule, _)| *rule);
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

fn tell(
    alert: &mut Alert,
    group: &[(String, Option<String>)],
    event: Event,
    rule: Option<&Rule>,
    renderer: &Renderer,
    times: Times,
) -> Due {
    let count = alert.counts.entry(event).or_default();
    let id = Id::of_notification(&alert.told.id.to_string(), event, *count);
    *count += 1;
    let course = alert.course();
    let mut notes = Vec::new();
    if let Some(rule) = rule {
        // Of a rule that is not there any more, the texts stay as they were told last.
        alert.told.annotations = annotations(alert, &course, event, rule, renderer, times, &mut notes);
        notes.extend(renderer.labels(rule, &alert.told.violation.group).1);
    }
    let now = Now { notes, ..now(alert, course, rule) };
    let violation = &alert.told.violation;
    let summary = alert.told.annotations.get(SUMMARY).cloned();
    let summary = summary.unwrap_or_else(|| words::line(event, &alert.told, &now));
    let told = Told { now: Some(now), ..alert.told.clone() };
    let values = told.compared(event);
    let mut notification = Notification {
        schema: SCHEMA.to_owned(),
        id,
        event,
        at: times.eval_time,
        severity: violation.severity,
        title: String::new(),
        text: String::new(),
        rule: Some(violation.rule.clone()),
        labels: violation.labels.clone(),
        reason: alert.reason.clone(),
        alert: Some(told),
        summary: None,
        alarm: None,
        trouble: None,
    };
    notification.title = format!("{}: {}", notification.heading(), plain(&summary));
    notification.text = words::text(&notification);
    let line = SummaryLine {
        id: alert.told.id,
        group: group.to_vec(),
        values,
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
    };
    Due { notification, excess: alert.excess, line }
}

/// The rule's annotations as they read now; one that cannot be rendered is left out, and said why.
fn annotations(
    alert: &Alert,
    course: &Course,
    event: Event,
    rule: &Rule,
    renderer: &Renderer,
    times: Times,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let subject = Subject {
        violation: &alert.told.violation,
        state: event.as_str(),
        at: course.at,
        value: &course.values,
        first: &course.first,
        peak: &course.peak,
        top: &course.top,
        started_at: alert.starts_at,
        until: alert.told.resolved_at.unwrap_or(times.eval_time),
    };
    let mut texts = BTreeMap::new();
    for (name, text) in renderer.annotations(&rule.annotations, &subject) {
        match text {
            Ok(text) => {
                texts.insert(name, text);
            }
            Err(reason) => {
                notes.push(format!("the annotation {} could not be rendered: {reason}", plain(&name)));
            }
        }
    }
    texts
}

/// How the alert stands.
fn now(alert: &Alert, course: Course, rule: Option<&Rule>) -> Now {
    let (values, peak) = (&course.values, &course.peak);
    let of_rule = rule.map(|rule| readings(rule, values, peak)).filter(|readings| !readings.is_empty());
    let named = |values: &[(String, Value)]| match rule {
        Some(rule) => declared(rule, values),
        None => values.to_vec(),
    };
    Now {
        starts_at: alert.starts_at,
        at: course.at,
        values: named(values),
        shown: shown(rule, &named(values)),
        peak_at: course.peak_at,
        peak: named(peak),
        description: rule.and_then(|rule| rule.description.clone()),
        readings: of_rule.unwrap_or_else(|| bare_readings(values, peak)),
        top: course.top,
        notes: Vec::new(),
    }
}

/// One message for many alerts of a rule.
fn summary(name: &str, rule: Option<&Rule>, mut told: Vec<Due>, times: Times) -> Notification {
    // The largest first; what has no excess last, and equals as they came.
    told.sort_by(|left, right| match (left.excess, right.excess) {
        (Some(left), Some(right)) => right.total_cmp(&left),
        (left, right) => right.is_some().cmp(&left.is_some()),
    });
    let told = told.into_iter().map(|due| (due.notification, due.line)).collect();
    let severity = rule.map_or(Severity::Warning, |rule| rule.severity);
    of_summary(name, severity, told, None, times.eval_time)
}

/// The notification of what is told of several alerts of a rule, in the order in which they are to be listed; `why`
/// tells summaries of one rule and evaluation apart.
pub fn of_summary(
    name: &str,
    severity: Severity,
    told: Vec<(Notification, SummaryLine)>,
    why: Option<&str>,
    eval_time: i64,
) -> Notification {
    let mut by_event: BTreeMap<Event, usize> = BTreeMap::new();
    for (notification, _) in &told {
        *by_event.entry(notification.event).or_default() += 1;
    }
    let labels: Vec<_> = told.iter().map(|(notification, _)| &notification.labels).collect();
    let (labels, differing) = common_labels(&labels);
    let summary = Summary {
        alerts: told.len() as u64,
        differing,
        largest: told.into_iter().take(LISTED).map(|(_, line)| line).collect(),
    };
    let subject = format!("{name}\0{}\0{eval_time}", why.unwrap_or_default());
    let mut notification = Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(&subject, Event::Summary, 0),
        event: Event::Summary,
        at: eval_time,
        severity,
        title: String::new(),
        text: words::summary_text(&by_event, &summary),
        rule: Some(name.to_owned()),
        labels,
        reason: why.map(str::to_owned),
        alert: None,
        summary: Some(summary),
        alarm: None,
        trouble: None,
    };
    notification.title = format!("{}: {}", notification.heading(), words::counted(&by_event));
    notification
}

/// The labels that are the same in all of these, and the names of the others.
fn common_labels(all: &[&BTreeMap<String, String>]) -> (BTreeMap<String, String>, Vec<String>) {
    let names: BTreeSet<&String> = all.iter().flat_map(|labels| labels.keys()).collect();
    let (mut common, mut differing) = (BTreeMap::new(), Vec::new());
    for name in names {
        let mut values = all.iter().map(|labels| labels.get(name));
        match values.next().flatten() {
            Some(first) if values.all(|value| value == Some(first)) => {
                common.insert(name.clone(), first.clone());
            }
            _ => differing.push(name.clone()),
        }
    }
    (common, differing)
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
    fn many_alerts_have_the_labels_that_all_of_them_have() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let all = [
            labels(&[("area", "eu"), ("team", "a"), ("tier", "1")]),
            labels(&[("area", "eu"), ("team", "b")]),
        ];
        let differing = vec!["team".to_owned(), "tier".to_owned()];
        assert_eq!(common_labels(&[&all[0], &all[1]]), (labels(&[("area", "eu")]), differing));
        assert_eq!(common_labels(&[&all[0]]), (all[0].clone(), Vec::new()));
        assert_eq!(common_labels(&[]), (BTreeMap::new(), Vec::new()));
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
