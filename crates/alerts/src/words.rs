//! The lines of notifications: what every sink falls back on, and what a person reads first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluo_rules::rule::Severity;
use fluo_time::moment;

use crate::escape::plain;
use crate::facts;
use crate::notification::{Event, Notification, Now, Related, Summary, SummaryLine, Together, Told};
use crate::reading::Reading;
use crate::template::group_text;

/// Traces that a text names.
pub const TRACES_NAMED: usize = 3;

fn word(event: Event) -> &'static str {
    match event {
        Event::Firing => "firing",
        Event::Escalated => "escalated",
        Event::Renotify => "still firing",
        Event::Resolved => "resolved",
        Event::FiredLate => "fired, over already",
        Event::Withdrawn => "taken back",
        Event::Reopened => "firing again",
        Event::Summary => "many alerts",
        // Troubles of fluo's own and alarms have titles of their own.
        _ => event.as_str(),
    }
}

/// Returns severity and event: `CRITICAL firing: checkout-error-ratio`. Every message begins so.
pub fn heading(severity: Severity, what: &str) -> String {
    format!("{} {what}", severity.as_str().to_uppercase())
}

impl Notification {
    /// Returns the head of every message: `CRITICAL firing: checkout-error-ratio`, and how many alerts are related to it;
    /// without a rule, the title.
    pub fn heading(&self) -> String {
        match (&self.rule, self.alert.is_some() || self.summary.is_some()) {
            (Some(rule), true) => {
                let related =
                    self.together.as_ref().map_or_else(String::new, |all| counted_related(all, self.event));
                heading(self.severity, &format!("{}: {}{related}", word(self.event), plain(rule)))
            }
            _ => self.title.clone(),
        }
    }
}

/// ` and 9 related alerts`, or `, related to 2 alerts that fire`
fn counted_related(together: &Together, event: Event) -> String {
    let alerts = |number| if number == 1 { "alert" } else { "alerts" };
    let Together { told, firing, .. } = *together;
    match (told, firing) {
        (1.., _) => format!(" and {told} related {}", alerts(told)),
        (0, 1) if event.is_open() => ", related to an alert that fires".to_owned(),
        (0, 2..) if event.is_open() => format!(", related to {firing} alerts that fire"),
        _ => String::new(),
    }
}

impl Notification {
    /// Says which alerts its alert is related to, in title and text, too.
    pub fn relate(&mut self, together: Together) {
        let before = self.heading();
        self.together = Some(together);
        if let Some(rest) = self.title.strip_prefix(&before) {
            self.title = format!("{}{rest}", self.heading());
        }
        self.text = text(self);
    }
}

impl Together {
    /// Returns a line for each of the others, and one for those that are not listed.
    pub fn lines(&self) -> Vec<String> {
        let more = (self.more() > 0).then(|| format!("… {} more", self.more()));
        self.alerts.iter().map(Related::text).chain(more).collect()
    }
}

impl Related {
    /// `CRITICAL slow-service for service_name=gateway: p99 = 3.2s, since 2026-11-22 11:04:51 UTC`
    pub fn text(&self) -> String {
        let mut what = heading(self.severity, &plain(&self.rule));
        if !self.group.is_empty() {
            what.extend([" for ", &group_text(&self.group)]);
        }
        let values: Vec<String> =
            self.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if !values.is_empty() {
            what.extend([": ", &values.join(", ")]);
        }
        let told = if self.event.is_some() { "" } else { ", told before" };
        format!("{what}, since {}{told}", moment::human(self.starts_at))
    }
}

/// Returns comparisons and group in one line: `errors / total = 45.2 % (271 of 600), limit 10 % in 5m for env=prod`. Of
/// what is over it says how long it lasted, and the peak.
pub(crate) fn line(event: Event, alert: &Told, now: &Now) -> String {
    let is_limited = |reading: &&Reading| !reading.limit.is_empty();
    let mut shown: Vec<&Reading> = now.readings.iter().filter(is_limited).collect();
    if shown.is_empty() {
        shown = now.readings.iter().collect();
    }
    let over = alert.resolved_at.filter(|_| event.is_closed());
    let said: Vec<String> = shown
        .into_iter()
        .map(|reading| match over {
            Some(_) => format!("{} = {} at its {}", reading.what, reading.peak, reading.worst()),
            None => format!("{} = {}", reading.what, reading.against()),
        })
        .collect();
    let mut line = said.join("; ");
    if let Some(over) = over {
        line = format!("lasted {}; {line}", facts::lasted(now.starts_at, over));
    }
    let group = &alert.violation.group;
    if !group.is_empty() {
        // Writing to a `String` cannot fail.
        let _ = write!(line, " for {}", group_text(group));
    }
    line
}

/// A few lines about an alert: what it is about, the facts, then the traces that show it.
pub(crate) fn text(notification: &Notification) -> String {
    let mut lines: Vec<String> = facts::description(notification).into_iter().collect();
    lines.extend(facts::facts(notification).iter().map(ToString::to_string));
    let related = notification.together.iter().flat_map(Together::lines);
    lines.extend(related.map(|line| format!("Related: {line}")));
    if let Some(alert) = &notification.alert {
        let traces = facts::traces(alert);
        for trace in traces.iter().take(TRACES_NAMED) {
            lines.push(format!("{}, trace {}", trace.text, trace.id));
            lines.extend(trace.url.clone());
        }
        if traces.len() > TRACES_NAMED {
            lines.push(more_traces(traces.len() - TRACES_NAMED));
        }
    }
    lines.join("\n")
}

/// `… 3 more traces`
pub fn more_traces(more: usize) -> String {
    format!("… {more} more {}", if more == 1 { "trace" } else { "traces" })
}

/// `120 alerts (118 firing, 2 resolved)`
pub(crate) fn counted(by_event: &BTreeMap<Event, usize>) -> String {
    let all: usize = by_event.values().sum();
    let parts: Vec<String> =
        by_event.iter().map(|(event, count)| format!("{count} {}", word(*event))).collect();
    format!("{all} alerts ({})", parts.join(", "))
}

/// The same, what they have in common, and the largest of them.
pub(crate) fn summary_text(by_event: &BTreeMap<Event, usize>, summary: &Summary) -> String {
    let mut text = counted(by_event);
    for (name, value) in &summary.common {
        text.extend(["\n", name, ": ", value]);
    }
    for line in &summary.largest {
        text.push('\n');
        text.push_str(&line.text());
    }
    let rest = summary.alerts.saturating_sub(summary.largest.len() as u64);
    if rest > 0 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\nand {rest} more");
    }
    text
}

impl SummaryLine {
    /// `cloud.region=eu: count = 41, from 2026-11-22 11:04:51 UTC to 2026-11-22 11:06:00 UTC`
    pub fn text(&self) -> String {
        let values: Vec<String> =
            self.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let (from, to) = (moment::human(self.starts_at), moment::human(self.ends_at));
        let what = [group_text(&self.group), values.join(", ")];
        let what: Vec<&str> = what.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        format!("{}, from {from} to {to}", what.join(": "))
    }
}
