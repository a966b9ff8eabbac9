//! After an outage: which evaluation comes next, and what is told of the gap. Pure.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::escape::plain;
use fluo_alerts::life_cycle::summary::of_summary;
use fluo_alerts::notification::{Event, Id, Notification, Related, SCHEMA, SummaryLine};
use fluo_alerts::words::heading;
use fluo_rules::rule::{Rule, Severity};
use fluo_time::{TimeRange, moment};

use crate::settings::Settings;
use crate::state::{Queued, State};

/// An evaluation that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its logical time.
    pub(crate) eval_time: i64,
    /// `true` where it is the one that was asked for, and not one on the way.
    pub(crate) last: bool,
    /// Moments before this one are left out.
    pub(crate) skip_to: Option<i64>,
}

/// The next evaluation on the way to `eval_time`.
pub(crate) fn next(state: &State, settings: &Settings, eval_time: i64) -> Step {
    if state.is_new() {
        return Step { eval_time, last: true, skip_to: None };
    }
    let limit = eval_time.saturating_sub(settings.max_catch_up.0);
    let skip_to = (state.eval_time < limit).then_some(limit);
    let begin = skip_to.unwrap_or(state.eval_time);
    let next = begin.saturating_add(settings.chunk.0).min(eval_time);
    Step { eval_time: next, last: next == eval_time, skip_to }
}

/// Returns the notification of a part of the past that is not judged, because the evaluator did not run for too long.
pub(crate) fn unjudged(from: i64, to: i64, at: i64) -> Notification {
    told_unjudged(
        None,
        TimeRange { from, to },
        at,
        "The evaluator did not run for longer than `max_catch_up`.",
    )
}

/// Returns the notification of a rule's moments that are not judged: their files could not be read for too long.
pub(crate) fn unjudged_of(rule: &Rule, moments: TimeRange, at: i64) -> Notification {
    let why = "The files that it needs could not be read for longer than `max_catch_up`.";
    told_unjudged(Some(rule), moments, at, why)
}

fn told_unjudged(rule: Option<&Rule>, moments: TimeRange, at: i64, why: &str) -> Notification {
    let (from, to) = (moment::human(moments.from), moment::human(moments.to));
    let of = rule.map_or_else(String::new, |rule| format!(" of {}", plain(&rule.name)));
    let what = rule.map_or_else(|| format!("{from}\0{to}"), |rule| format!("{}\0{from}\0{to}", rule.name));
    let severity = rule.map_or(Severity::Warning, |rule| rule.severity.max(Severity::Warning));
    Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(&what, Event::Unjudged, 0),
        event: Event::Unjudged,
        at,
        severity,
        title: heading(severity, &format!("past{of} not judged: {from} to {to}")),
        text: format!("{why} `fluo eval` looks at what was left out."),
        rule: rule.map(|rule| rule.name.clone()),
        labels: rule.map(|rule| rule.labels.clone()).unwrap_or_default(),
        reason: None,
        alert: None,
        summary: None,
        together: None,
        alarm: None,
        trouble: None,
    }
}

/// The messages that were to be told of one alert while nothing was sent: ids and events.
struct Words {
    first: (Id, Event),
    last: (Id, Event),
    /// The last one that says that it is worse than was told.
    escalated: Option<Id>,
}

impl Words {
    fn began_and_ended(&self) -> bool {
        matches!(self.first.1, Event::Firing | Event::FiredLate) && self.last.1.is_closed()
    }

    /// The one that says it all. Of what began and is still open that is its beginning, or that it became worse: nobody
    /// needs to be reminded of what they have not been told, nor that it was over in between.
    fn kept(&self) -> Id {
        if self.first.1 == Event::Firing && self.last.1.is_open() {
            self.escalated.unwrap_or(self.first.0)
        } else {
            self.last.0
        }
    }
}

/// Leaves out what was wrong only while nothing was sent, where what it held up was made up for.
fn leave_out_past_troubles(outbox: &mut Vec<Queued>) {
    let held = || outbox.iter().filter(|queued| queued.held).map(|queued| &queued.notification);
    let began: BTreeSet<Id> = held()
        .filter(|told| matches!(told.event, Event::RuleError | Event::PipelineStale))
        .filter(|told| told.id == Id::of_notification(&told.about().to_string(), told.event, 0))
        .map(Notification::about)
        .collect();
    let past: BTreeSet<Id> = held()
        .filter(|told| told.event.is_closed())
        .map(Notification::about)
        .filter(|about| began.contains(about))
        .collect();
    outbox.retain(|queued| !queued.held || !past.contains(&queued.notification.about()));
}

/// Something that is told of an alert, by the evaluation of a time.
type Word = (Id, Event, i64);

/// Names of related alerts, as told with one, only those of which the same is still told. Of the others some fire, and are
/// told by messages of their own.
fn name_who_is_told(notification: &mut Notification, told: &BTreeSet<Word>, words: &BTreeMap<Id, Words>) {
    let (event, at) = (notification.event, notification.at);
    let Some(mut together) = notification.together.clone() else { return };
    let is_told_no_more = |other: &Related| other.event.is_some() && !told.contains(&(other.id, event, at));
    if !together.alerts.iter().any(is_told_no_more) {
        return;
    }
    for mut other in together.alerts.extract_if(.., |other| is_told_no_more(other)).collect::<Vec<_>>() {
        together.told = together.told.saturating_sub(1);
        if words.get(&other.id).is_some_and(|words| words.last.1.is_open()) {
            together.firing += 1;
            other.event = None;
            together.alerts.push(other);
        }
    }
    notification.relate(together);
}

/// Makes one summary a rule of the alerts that began and ended while nothing was sent; of the others, the last word.
pub(crate) fn condense(outbox: &mut Vec<Queued>, eval_time: i64) {
    leave_out_past_troubles(outbox);
    let mut words: BTreeMap<Id, Words> = BTreeMap::new();
    for queued in outbox.iter().filter(|queued| queued.held) {
        let Notification { id, event, alert: Some(alert), .. } = &queued.notification else { continue };
        let word = (*id, *event);
        let words = words.entry(alert.id).or_insert(Words { first: word, last: word, escalated: None });
        words.last = word;
        if *event == Event::Escalated {
            words.escalated = Some(*id);
        }
    }
    let mut summaries: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    let mut kept = Vec::with_capacity(outbox.len());
    for queued in std::mem::take(outbox) {
        let words = queued.notification.alert.as_ref().and_then(|alert| words.get(&alert.id));
        match words.filter(|_| queued.held) {
            Some(words) if queued.notification.id != words.kept() => {}
            Some(words) if words.began_and_ended() => {
                let rule = queued.notification.rule.clone().unwrap_or_default();
                summaries.entry(rule).or_default().push(queued.notification);
            }
            _ => kept.push(queued),
        }
    }
    let held = kept.iter().filter(|queued| queued.held).map(|queued| &queued.notification);
    let told: BTreeSet<Word> = held.map(|told| (told.about(), told.event, told.at)).collect();
    for queued in kept.iter_mut().filter(|queued| queued.held) {
        name_who_is_told(&mut queued.notification, &told, &words);
    }
    for (rule, notifications) in summaries {
        let Some(severity) = notifications.iter().map(|one| one.severity).max() else { continue };
        let told = notifications.into_iter().filter_map(|notification| {
            let alert = notification.alert.as_ref()?;
            let line = SummaryLine {
                id: alert.id,
                group: alert.violation.group.clone(),
                values: alert.compared(notification.event),
                starts_at: alert.violation.starts_at,
                ends_at: alert.resolved_at.unwrap_or(alert.violation.ends_at),
            };
            Some((notification, line))
        });
        let why = Some("while nothing was evaluated");
        let notification = of_summary(&rule, severity, told.collect(), why, eval_time);
        kept.push(Queued { notification, pending: BTreeMap::new(), held: true });
    }
    *outbox = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_caught_up_in_chunks_and_not_without_end() {
        let settings = Settings::default();
        let (chunk, most) = (settings.chunk.0, settings.max_catch_up.0);
        let state = State { generation: 1, eval_time: 1000, ..State::new() };
        let step = |eval_time| next(&state, &settings, eval_time);
        assert_eq!(step(1001), Step { eval_time: 1001, last: true, skip_to: None });
        assert_eq!(step(1000 + chunk), Step { eval_time: 1000 + chunk, last: true, skip_to: None });
        assert_eq!(step(1001 + chunk), Step { eval_time: 1000 + chunk, last: false, skip_to: None });
        let late = 2000 + most;
        assert_eq!(step(late), Step { eval_time: 2000 + chunk, last: false, skip_to: Some(2000) });
        assert_eq!(next(&State::new(), &settings, late), Step { eval_time: late, last: true, skip_to: None });
    }
}
