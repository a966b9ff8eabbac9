//! What people read, whatever they read it in: heading, text, facts, evidence and links of a notification.
//!
//! Every text is clean, none has markup: a sink adds its own and escapes these.

use fluo_alerts::escape::plain;
use fluo_alerts::notification::{Event, Notification, SummaryLine, Told};
use fluo_alerts::template::{NO_VALUE, SUMMARY};
use fluo_alerts::time;
use fluo_alerts::value::Value;
use fluo_alerts::violation::Evidence;
use reqwest::Url;

use crate::clean::clean;
use crate::limits::first;

/// The longest link that is shown: chat programs refuse longer ones.
const MAX_LINK: usize = 2_000;

/// A notification for people.
#[derive(Debug)]
pub(crate) struct Message {
    /// What happened, to which rule or alarm: `Firing: AuthFailuresRule`.
    pub(crate) heading: String,
    /// Title and text; never empty, may have several lines.
    pub(crate) body: String,
    /// Names and values.
    pub(crate) facts: Vec<(String, String)>,
    /// What `details` are.
    pub(crate) details_title: &'static str,
    /// A line each: spans that show it, or the largest of many alerts.
    pub(crate) details: Vec<String>,
    /// Text and address.
    pub(crate) links: Vec<(String, Url)>,
    /// The notification's id.
    pub(crate) id: String,
}

impl Message {
    pub(crate) fn of(notification: &Notification) -> Self {
        let n = clean(notification);
        let trouble = n.trouble.as_ref().and_then(|trouble| trouble.name.as_ref());
        let about = n.rule.as_ref().or(trouble).or(n.alarm.as_ref().map(|alarm| &alarm.name));
        let heading = match about {
            Some(about) => format!("{}: {about}", words(n.event)),
            None => words(n.event).to_owned(),
        };
        let body = match (n.title.as_str(), n.text.as_str()) {
            ("", "") => heading.clone(),
            (title, "") => title.to_owned(),
            (title, text) if text.starts_with(title) => text.to_owned(),
            (title, text) => format!("{title}\n{text}"),
        };
        let mut facts = vec![("Severity".to_owned(), n.severity.as_str().to_owned())];
        let mut details = Vec::new();
        let mut links = Vec::new();
        if let Some(alert) = &n.alert {
            alert_facts(alert, &mut facts, &mut links);
            details.extend(alert.violation.evidence.iter().map(span));
        }
        if let Some(summary) = &n.summary {
            facts.push(("Alerts".to_owned(), summary.alerts.to_string()));
            details.extend(summary.largest.iter().map(one_of_many));
            let listed = u64::try_from(summary.largest.len()).unwrap_or(u64::MAX);
            if summary.alerts > listed {
                details.push(format!("… {} more", summary.alerts - listed));
            }
        }
        if let Some(alarm) = &n.alarm {
            facts.push(("State".to_owned(), alarm.state.clone()));
            facts.push(("Since".to_owned(), time::format(n.at)));
        }
        if let Some(trouble) = &n.trouble {
            facts.push(("Since".to_owned(), time::format(trouble.since)));
            if n.event.is_closed() {
                facts.push(("Over".to_owned(), time::format(n.at)));
            }
        }
        if let Some(reason) = &n.reason {
            facts.push(("Reason".to_owned(), reason.clone()));
        }
        if !n.labels.is_empty() {
            let labels: Vec<_> =
                n.labels.iter().map(|(key, value)| format!("{}={value}", plain(key))).collect();
            facts.push(("Labels".to_owned(), labels.join(", ")));
        }
        let details_title = if n.summary.is_some() { "Largest" } else { "Evidence" };
        Self { heading, body, facts, details_title, details, links, id: n.id.to_string() }
    }

    /// All of it as plain text, for mail.
    pub(crate) fn plain_text(&self) -> String {
        let mut lines = vec![self.heading.clone(), String::new(), self.body.clone(), String::new()];
        lines.extend(self.facts.iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.details.is_empty() {
            lines.extend([String::new(), format!("{}:", self.details_title)]);
            lines.extend(first(&self.details, 10).into_iter().map(|line| format!("  {line}")));
        }
        if !self.links.is_empty() {
            lines.push(String::new());
            lines.extend(self.links.iter().map(|(text, url)| format!("{text}: {url}")));
        }
        lines.extend([String::new(), format!("Notification {}", self.id)]);
        lines.join("\n")
    }
}

/// What happened, in words.
pub(crate) fn words(event: Event) -> &'static str {
    match event {
        Event::Firing => "Firing",
        Event::Renotify => "Still firing",
        Event::Resolved => "Resolved",
        Event::FiredLate => "Fired, over already",
        Event::Withdrawn => "Withdrawn",
        Event::Reopened => "Firing again",
        Event::Summary => "Many alerts",
        Event::RuleError => "Rule not judged",
        Event::RuleErrorOver => "Over: rule not judged",
        Event::FileError => "Files not read",
        Event::FileErrorOver => "Over: files not read",
        Event::SinkError => "Notifications not delivered",
        Event::SinkErrorOver => "Over: notifications not delivered",
        Event::PipelineStale => "No spans arrive",
        Event::PipelineStaleOver => "Over: no spans arrive",
        Event::SpansSetAside => "Spans set aside",
        Event::SpansSetAsideOver => "Over: spans set aside",
        Event::SpansTooLate => "Spans too late",
        Event::SpansTooLateOver => "Over: spans too late",
        Event::FutureState => "State from the future",
        Event::FutureStateOver => "Over: state from the future",
        Event::Unjudged => "Part of the past not judged",
        Event::Alarm => "Alarm",
        Event::AlarmOver => "Alarm over",
    }
}

fn alert_facts(alert: &Told, facts: &mut Vec<(String, String)>, links: &mut Vec<(String, Url)>) {
    let violation = &alert.violation;
    let mut fact = |name: &str, value: String| facts.push((plain(name).into_owned(), value));
    for (key, value) in &violation.group {
        fact(key, value.clone().unwrap_or_else(|| NO_VALUE.to_owned()));
    }
    for (name, value) in &alert.values {
        fact(name, value.clone());
    }
    let condition = violation.condition.split_whitespace().collect::<Vec<_>>().join(" ");
    fact("Condition", format!("{condition} in {}", violation.window));
    fact("Started", time::format(violation.starts_at));
    if let Some(over) = alert.resolved_at {
        fact("Over", time::format(over));
    }
    if violation.partial {
        fact("Partial", "some data of the window could not be read".to_owned());
    }
    for (key, text) in &alert.annotations {
        match link(text) {
            Some(url) => links.push((plain(key).into_owned(), url)),
            // The title and the text have it.
            None if key == SUMMARY => {}
            None => fact(key, text.clone()),
        }
    }
    let traces: Vec<_> = alert.trace_urls.iter().filter_map(|url| link(url)).collect();
    links.extend(traces.into_iter().enumerate().map(|(n, url)| (format!("trace {}", n + 1), url)));
}

/// A link that is safe to offer: whole, and of the web. Its parts are in percent form, as the parser leaves them.
fn link(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let web =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    (web && url.as_str().len() <= MAX_LINK && !text.ends_with('…')).then_some(url)
}

fn span(span: &Evidence) -> String {
    let service = span.service_name.as_deref().unwrap_or(NO_VALUE);
    let took = Value::Duration(span.duration_ns.into()).human();
    let mut line =
        format!("{} {service} {} ({took}), trace {}", time::format(span.end_time), span.name, span.trace_id);
    for (key, value) in &span.attributes {
        line.push_str(", ");
        line.push_str(&plain(key));
        line.push('=');
        line.push_str(value);
    }
    line
}

fn one_of_many(alert: &SummaryLine) -> String {
    let values: Vec<_> = alert.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let group: Vec<_> = alert
        .group
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), value.as_deref().unwrap_or(NO_VALUE)))
        .collect();
    let mut line = values.join(", ");
    if !group.is_empty() {
        line = format!("{line} for {}", group.join(", "));
    }
    format!("{line} since {}", time::format(alert.starts_at))
}
