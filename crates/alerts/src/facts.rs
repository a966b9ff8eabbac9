//! The facts of an alert that messages say: the same for every sink and for plain text, each thing once.
//!
//! Facts are made of the payload alone, so that a message which waited in an outbox or came over a topic says the same.

use std::collections::BTreeSet;
use std::fmt;

use fluo_rules::rule::Severity;
use fluo_time::{Nanos, moment};

use crate::escape::plain;
use crate::notification::{Event, Notification, Now, Told, Untold};
use crate::reading::Reading;
use crate::template::{NO_VALUE, RUNBOOK_URL, SUMMARY, group_text};
use crate::value::{human_duration, human_number, significant};
use crate::violation::{Evidence, Top};

/// Times are shown to the second, and so is how long something lasted.
const SECOND: i64 = Nanos::SECOND.0;

/// Something that a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The name of what it says.
    pub name: String,
    /// The value.
    pub value: String,
    /// The text between them in a line.
    pub joined: Joined,
}

/// The text between a name and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// `errors / total = 45.2 %`
    Equals,
    /// `Since: 11:04`
    Colon,
}

/// In a line.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = match self.joined {
            Joined::Equals => " = ",
            Joined::Colon => ": ",
        };
        write!(f, "{}{joined}{}", self.name, self.value)
    }
}

/// A trace that shows an alert, by its guiltiest span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its id.
    pub id: String,
    /// Service, operation, how long it took, and what failed.
    pub text: String,
    /// The address at which it can be looked at.
    pub url: Option<String>,
}

/// The facts of a notification about an alert, an alarm or fluo itself, the most important first. The heading,
/// evidence, and what is listed of many alerts are no facts.
pub fn facts(notification: &Notification) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    if let Some(alert) = &notification.alert {
        facts.of_alert(notification, alert);
    }
    for (name, value) in notification.summary.iter().flat_map(|summary| &summary.common) {
        facts.add(&plain(name), plain_lines(value));
    }
    if let Some(alarm) = &notification.alarm {
        facts.add("State", alarm.state.clone());
        facts.add("Since", moment::human(notification.at));
    }
    // What is wrong with fluo says why in its own words.
    let is_of_fluo = notification.alert.is_none() && notification.alarm.is_none();
    if let Some(reason) = notification.reason.as_ref().filter(|_| !is_of_fluo) {
        facts.add("Reason", why(reason));
    }
    if let Some(alert) = &notification.alert {
        for (name, text) in &alert.annotations {
            if name != SUMMARY && name != RUNBOOK_URL {
                facts.add(&plain(name), plain_lines(text));
            }
        }
        if let Some(runbook) = alert.annotations.get(RUNBOOK_URL) {
            facts.add(RUNBOOK, plain(runbook).into_owned());
        }
        for note in alert.now.iter().flat_map(|now| &now.notes) {
            facts.add("Note", plain(note).into_owned());
        }
    }
    if !notification.labels.is_empty() {
        let labels: Vec<String> = notification
            .labels
            .iter()
            .map(|(key, value)| format!("{}={}", plain(key), plain(value)))
            .collect();
        facts.add("Labels", labels.join(", "));
    }
    facts.0
}

/// The name of the annotation `runbook_url` in messages.
pub const RUNBOOK: &str = "Runbook";

/// Returns the reason for which an alert was closed, in words.
fn why(reason: &str) -> String {
    match reason {
        "rule_removed" => "the rule was removed".to_owned(),
        "forgotten" => "it was not seen for so long that it is not expected any more".to_owned(),
        "rule_changed" => "the rule was changed, and has no such group any more".to_owned(),
        "merged" => {
            "late spans show that it is one with another alert of its group, which goes on".to_owned()
        }
        other => plain_lines(other),
    }
}

/// The most alerts that are named of those that nobody was told of.
const UNTOLD_NAMED: usize = 5;

/// `warn for service_name=b from 12:01 to 12:04; and 3 more`
fn untold_alerts(untold: &[Untold]) -> String {
    let mut named: Vec<String> = untold
        .iter()
        .take(UNTOLD_NAMED)
        .map(|alert| {
            let group = match alert.group.as_slice() {
                [] => String::new(),
                group => format!(" for {}", group_text(group)),
            };
            let (from, to) = (moment::human(alert.starts_at), moment::human(alert.ends_at));
            format!("{}{group} from {from} to {to}", plain(&alert.rule))
        })
        .collect();
    let more = untold.len().saturating_sub(UNTOLD_NAMED);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join("; ")
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, name: &str, value: String) {
        self.0.push(Fact { name: name.to_owned(), value, joined: Joined::Colon });
    }

    fn of_alert(&mut self, notification: &Notification, alert: &Told) {
        let Notification { event, severity, at, .. } = *notification;
        let violation = &alert.violation;
        self.readings(event, alert);
        for demand in alert.now.iter().flat_map(|now| &now.failed) {
            self.add("Broken", plain(demand).into_owned());
        }
        if let Some(now) = &alert.now {
            self.severities(event, severity, now);
        }
        for (key, value) in &violation.group {
            let shown = value.as_deref().map_or(NO_VALUE.into(), plain).into_owned();
            self.0.push(Fact { name: plain(key).into_owned(), value: shown, joined: Joined::Equals });
        }
        let starts_at = alert.now.as_ref().map_or(violation.starts_at, |now| now.starts_at);
        let lasted = |to: i64| lasted(starts_at, to);
        match (event, alert.resolved_at) {
            (Event::Withdrawn, _) => {
                self.add("Taken back", "spans that arrived late show that this was not so".to_owned());
            }
            (_, Some(over)) => self.add(
                "Lasted",
                format!("{}, from {} to {}", lasted(over), moment::human(starts_at), moment::human(over)),
            ),
            (_, None) => self.add("Since", format!("{}, for {}", moment::human(starts_at), lasted(at))),
        }
        if event != Event::Resolved {
            for top in alert.now.iter().flat_map(|now| &now.top) {
                self.add(&format!("Top {}", plain(&top.key)), commonest(top));
            }
        }
        if let Some(untold) = alert.now.as_ref().map(|now| &now.untold).filter(|untold| !untold.is_empty()) {
            self.add("Untold meanwhile", untold_alerts(untold));
        }
        if violation.partial {
            let value = "some data of the window could not be read: the values are lower bounds at best";
            self.add("Partial", value.to_owned());
        }
    }

    /// Adds how bad it is now and was said to be before, where that differs from the heading; and what ends it.
    fn severities(&mut self, event: Event, said: Severity, now: &Now) {
        let before: Vec<&str> =
            now.told_as.iter().filter(|told| **told != said).map(|told| told.as_str()).collect();
        let present = now.severity.filter(|present| *present != said).map(|present| format!("{present} now"));
        let before = (!before.is_empty()).then(|| format!("{} before", before.join(" and ")));
        let parts: Vec<String> = present.into_iter().chain(before).collect();
        if event.is_open() && !parts.is_empty() {
            self.add("Severity", format!("{said}, {}", parts.join(", ")));
        }
        if let Some(end) = now.resolve_condition.as_ref().filter(|_| event.is_open()) {
            self.add("Over when", plain(end).into_owned());
        }
    }

    /// Adds the compared values of now, and of the peak where these differ; of what is over, the peak alone.
    fn readings(&mut self, event: Event, alert: &Told) {
        let Some(now) = &alert.now else {
            for (name, value) in &alert.values {
                self.0.push(Fact {
                    name: plain(name).into_owned(),
                    value: value.clone(),
                    joined: Joined::Equals,
                });
            }
            return;
        };
        let over = matches!(event, Event::Resolved | Event::FiredLate);
        for reading in &now.readings {
            let shown = if over {
                Reading { value: reading.peak.clone(), ..reading.clone() }
            } else {
                reading.clone()
            };
            let at_peak = if over { format!(" at its {}", reading.worst()) } else { String::new() };
            let value = match (shown.limit.as_str(), over) {
                ("", _) => format!("{}{at_peak}", shown.value),
                (limit, true) => format!("{}{at_peak}, {limit}", shown.value),
                (_, false) => shown.against(),
            };
            self.0.push(Fact { name: reading.what.clone(), value, joined: Joined::Equals });
        }
        let worse = now.peak_at != now.at && now.readings.iter().any(|reading| reading.peak != reading.value);
        if worse && !over {
            let limited: Vec<&Reading> =
                now.readings.iter().filter(|reading| !reading.limit.is_empty()).collect();
            let shown = if limited.is_empty() { now.readings.iter().collect() } else { limited };
            let values: Vec<String> = match shown.as_slice() {
                [one] => vec![one.peak.clone()],
                many => many.iter().map(|reading| format!("{} = {}", reading.what, reading.peak)).collect(),
            };
            let name = if shown.iter().all(|reading| reading.falls) { "Lowest" } else { "Peak" };
            self.add(name, format!("{} at {}", values.join(", "), moment::human(now.peak_at)));
        }
    }
}

/// Returns the time that something lasted, in whole seconds.
pub(crate) fn lasted(from: i64, to: i64) -> String {
    let seconds = |ns: i64| i128::from(ns.div_euclid(SECOND)) * i128::from(SECOND);
    human_duration(seconds(to) - seconds(from))
}

/// Line by line: a text of several lines keeps its line breaks.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// `/pay 80 % (2407), /cart 12 % (361)`
fn commonest(top: &Top) -> String {
    let values: Vec<String> = top
        .values
        .iter()
        .map(|value| {
            let share = human_number(significant(value.share(top) * 100.0, 2));
            format!("{} {share} % ({})", value.value.as_deref().map_or(NO_VALUE.into(), plain), value.spans)
        })
        .collect();
    values.join(", ")
}

/// A text as a part of a line.
fn short(text: &str) -> String {
    const LONGEST: usize = 160;
    let text = plain(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Returns the rule's description of what is still open: "customers cannot pay" is no news of what is over.
pub fn description(notification: &Notification) -> Option<String> {
    let now = notification.alert.as_ref().filter(|_| notification.event.is_open())?.now.as_ref()?;
    now.description.as_deref().map(plain_lines).filter(|text| !text.is_empty())
}

/// The traces of the evidence, each once, in its order.
pub fn traces(alert: &Told) -> Vec<Trace> {
    let mut seen = BTreeSet::new();
    let firsts = alert.violation.evidence.iter().filter(|span| seen.insert(&span.trace_id));
    firsts
        .enumerate()
        .map(|(at, span)| Trace {
            id: plain(&span.trace_id).into_owned(),
            text: span_text(span),
            url: alert.trace_urls.get(at).cloned(),
        })
        .collect()
}

/// The keys of attributes that say which error it was, as evidence has them.
const ERROR_TYPES: [&str; 3] = ["error.type", "exception.type", "event.exception.type"];

/// Returns the status of a response, where there is no error to name.
const RESPONSES: [(&str, &str); 3] =
    [("HTTP", "http.response.status_code"), ("HTTP", "http.status_code"), ("gRPC", "rpc.grpc.status_code")];

/// `checkout POST /pay, 512ms, error: card declined (TimeoutError)`
fn span_text(span: &Evidence) -> String {
    let service = short(span.service_name.as_deref().unwrap_or(NO_VALUE));
    let mut text = format!("{service} {}, {}", short(&span.name), human_duration(span.duration_ns.into()));
    let error_type = ERROR_TYPES.iter().find_map(|key| span.attributes.get(*key)).map(|value| short(value));
    let response = RESPONSES
        .iter()
        .find_map(|(what, key)| span.attributes.get(*key).map(|code| format!("{what} {}", short(code))));
    let message = span.status_message.as_deref().map(short).filter(|message| !message.is_empty());
    let failed = span.status.as_deref() == Some("error");
    let said = match (message, error_type) {
        (Some(message), Some(error_type)) if message.contains(&error_type) => message,
        (Some(message), Some(error_type)) => format!("{message} ({error_type})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => response.unwrap_or_default(),
    };
    match (failed, said.as_str()) {
        (true, "") => text.push_str(", error"),
        (true, said) => text.extend([", error: ", said]),
        (false, "") => {}
        (false, said) => text.extend([", ", said]),
    }
    text
}
