//! Many alerts of one rule → one notification.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::rule::{Rule, Severity};

use super::tell::Due;
use super::transition::Times;
use crate::facts::{self, RUNBOOK};
use crate::notification::{Event, Id, Notification, SCHEMA, Summary, SummaryLine};
use crate::template::RUNBOOK_URL;
use crate::words;

/// The most alerts that a summary lists.
const LISTED: usize = 10;

/// One message for many alerts of a rule.
pub(super) fn summary(name: &str, rule: Option<&Rule>, mut told: Vec<Due>, times: Times) -> Notification {
    // The worst first, of these the largest; what has no excess last, and equals as they came.
    let larger = |left: &Due, right: &Due| match (left.excess, right.excess) {
        (Some(left), Some(right)) => right.total_cmp(&left),
        (left, right) => right.is_some().cmp(&left.is_some()),
    };
    told.sort_by(|left, right| {
        right.notification.severity.cmp(&left.notification.severity).then_with(|| larger(left, right))
    });
    let has_levels = rule.is_some_and(|rule| rule.condition.has_levels());
    let worst = told.first().map(|due| due.notification.severity).filter(|_| has_levels);
    let severity = worst.or(rule.map(|rule| rule.severity)).unwrap_or(Severity::Warning);
    let told = told.into_iter().map(|due| (due.notification, due.line)).collect();
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
        common: common(&told),
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
        together: None,
        alarm: None,
        trouble: None,
    };
    notification.title = format!("{}: {}", notification.heading(), words::counted(&by_event));
    notification
}

/// Returns the facts that all of these share: the limit, the rule's description, and the runbook.
fn common(told: &[(Notification, SummaryLine)]) -> Vec<(String, String)> {
    let mut common: Vec<(String, String)> = Vec::new();
    for (at, (notification, _)) in told.iter().enumerate() {
        let said = said(notification);
        if at == 0 {
            common = said;
        } else {
            common.retain(|pair| said.contains(pair));
        }
    }
    common
}

fn said(notification: &Notification) -> Vec<(String, String)> {
    let readings = notification.alert.iter().flat_map(|alert| &alert.now).flat_map(|now| &now.readings);
    let mut said: Vec<(String, String)> = readings
        .filter(|reading| !reading.limit.is_empty())
        .map(|reading| (reading.what.clone(), reading.limit.clone()))
        .collect();
    said.extend(facts::description(notification).map(|text| ("Description".to_owned(), text)));
    let runbook = notification.alert.as_ref().and_then(|alert| alert.annotations.get(RUNBOOK_URL));
    said.extend(runbook.map(|url| (RUNBOOK.to_owned(), url.clone())));
    said
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
}
