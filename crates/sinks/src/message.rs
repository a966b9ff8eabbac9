//! The message of a notification for every sink: heading, facts, traces and links.
//!
//! Every text is clean, none has markup: a sink adds its own and escapes these. Nothing is said twice.

use fluo_alerts::facts::{Fact, Trace, description, facts, traces};
use fluo_alerts::notification::{Notification, Summary, SummaryLine};
use fluo_alerts::template::SUMMARY;
use fluo_alerts::words::{TRACES_NAMED, more_traces};
use fluo_rules::rule::Severity;
use reqwest::Url;

use crate::clean::clean;
use crate::cut::first;

/// The longest link that is shown: chat programs refuse longer ones.
const MAX_LINK: usize = 2_000;

/// A notification for people.
#[derive(Debug)]
pub(crate) struct Message {
    /// Severity, event, and rule or alarm: `CRITICAL firing: checkout-error-ratio`.
    pub(crate) heading: String,
    /// The same, and what there is to know, in one line.
    pub(crate) title: String,
    /// The rule's own summary, and what it is about; of what is about no alert, all that there is to say. May have
    /// several lines, and be empty.
    pub(crate) lead: String,
    /// Names and values.
    pub(crate) facts: Vec<Fact>,
    /// Traces that show it, and whether they can be looked at.
    pub(crate) traces: Vec<(Trace, Option<Url>)>,
    /// The number of those that are not listed.
    pub(crate) more_traces: usize,
    /// The largest of many alerts, or those that are related to one, a line each.
    pub(crate) listed: Vec<String>,
    /// The name of that list.
    pub(crate) list: &'static str,
    /// Text and address of what the rule's annotations link to.
    pub(crate) links: Vec<(String, Url)>,
    /// The notification's id.
    pub(crate) id: String,
}

impl Message {
    pub(crate) fn of(notification: &Notification) -> Self {
        let n = clean(notification);
        let lead = match (&n.alert, &n.summary) {
            (Some(alert), _) => {
                let mut said: Vec<String> = alert.annotations.get(SUMMARY).cloned().into_iter().collect();
                said.extend(description(&n).filter(|description| !said.contains(description)));
                said.join("\n")
            }
            (None, Some(_)) => n.text.lines().next().unwrap_or_default().to_owned(),
            // The heading says it already.
            (None, None) if n.text == n.title => String::new(),
            (None, None) => n.text.clone(),
        };
        let mut links = Vec::new();
        let mut said = Vec::new();
        for fact in facts(&n) {
            match link(&fact.value) {
                Some(url) => links.push((fact.name, url)),
                None => said.push(fact),
            }
        }
        let mut traces: Vec<_> = n
            .alert
            .iter()
            .flat_map(traces)
            .map(|trace| {
                let url = trace.url.as_deref().and_then(link);
                (trace, url)
            })
            .collect();
        let more_traces = traces.len().saturating_sub(TRACES_NAMED);
        traces.truncate(TRACES_NAMED);
        let (list, listed) = match (&n.summary, &n.together) {
            (Some(summary), _) => ("Largest", largest(summary)),
            (None, Some(together)) => (RELATED, together.lines()),
            (None, None) => ("", Vec::new()),
        };
        Self {
            heading: n.heading(),
            title: n.title,
            lead,
            facts: said,
            traces,
            more_traces,
            listed,
            list,
            links,
            id: n.id.to_string(),
        }
    }

    /// The facts, a line each.
    pub(crate) fn fact_lines(&self) -> Vec<String> {
        self.facts.iter().map(ToString::to_string).collect()
    }

    /// The traces, a line each, numbered as their links are.
    pub(crate) fn trace_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .traces
            .iter()
            .enumerate()
            .map(|(at, (trace, url))| match url {
                Some(_) => format!("{}. {}", at + 1, trace.text),
                // Without a link, its id is what leads to it.
                None => format!("{}. {}, trace {}", at + 1, trace.text, trace.id),
            })
            .collect();
        if self.more_traces > 0 {
            lines.push(more_traces(self.more_traces));
        }
        lines
    }

    /// Returns what is listed; what is related to an alert, with a line that says so.
    pub(crate) fn titled_list(&self) -> Vec<String> {
        let title = (self.list == RELATED && !self.listed.is_empty()).then(|| format!("{RELATED}:"));
        title.into_iter().chain(self.listed.iter().cloned()).collect()
    }

    /// All links: those of the annotations, then those of the traces.
    pub(crate) fn all_links(&self) -> Vec<(String, Url)> {
        let traces = self.traces.iter().enumerate();
        let traces = traces.filter_map(|(at, (_, url))| Some((format!("Trace {}", at + 1), url.clone()?)));
        self.links.iter().cloned().chain(traces).collect()
    }

    /// All of it as plain text, for mail.
    pub(crate) fn plain_text(&self) -> String {
        let mut parts = vec![self.heading.clone(), self.lead.clone(), self.fact_lines().join("\n")];
        if !self.traces.is_empty() {
            let mut lines = vec!["Traces:".to_owned()];
            for (at, line) in self.trace_lines().into_iter().enumerate() {
                lines.push(format!("  {line}"));
                let url = self.traces.get(at).and_then(|(_, url)| url.as_ref());
                lines.extend(url.map(|url| format!("     {url}")));
            }
            parts.push(lines.join("\n"));
        }
        if !self.listed.is_empty() {
            let lines = first(&self.listed, MAX_LISTED).into_iter().map(|line| format!("  {line}"));
            parts
                .push(std::iter::once(format!("{}:", self.list)).chain(lines).collect::<Vec<_>>().join("\n"));
        }
        parts.push(
            self.links.iter().map(|(text, url)| format!("{text}: {url}")).collect::<Vec<_>>().join("\n"),
        );
        parts.push(format!("fluo notification {}", self.id));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }
}

/// The name of the list of alerts that are related to one.
const RELATED: &str = "Related";

/// The worst severity of what a notification tells of.
pub(crate) fn worst(notification: &Notification) -> Severity {
    let others = notification.together.iter().flat_map(|together| &together.alerts);
    let told = others.filter(|other| other.event.is_some()).map(|other| other.severity);
    told.fold(notification.severity, Severity::max)
}

/// The most alerts that a message lists.
pub(crate) const MAX_LISTED: usize = 10;

/// The largest of many alerts, and how many more there are.
fn largest(summary: &Summary) -> Vec<String> {
    let listed = u64::try_from(summary.largest.len()).unwrap_or(u64::MAX);
    let more = summary.alerts.checked_sub(listed).filter(|more| *more > 0);
    let more = more.map(|more| format!("… {more} more"));
    summary.largest.iter().map(SummaryLine::text).chain(more).collect()
}

/// A link that is safe to offer: whole, and of the web. Its parts are in percent form, as the parser leaves them.
fn link(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let web =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    (web && url.as_str().len() <= MAX_LINK && !text.ends_with('…')).then_some(url)
}
