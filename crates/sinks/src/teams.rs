//! Adaptive Cards to a Microsoft Teams Workflows webhook.
//!
//! Texts are runs of a `RichTextBlock`, which by the cards' definition know no Markdown, links or mentions, so nothing
//! in a value can become any of them; only `{{`, which begins the cards' own functions, is taken apart. `TextBlock` and
//! `FactSet`, which read Markdown and whose clients differ in what a backslash escapes, are not used. Links are
//! buttons. The service does not de-duplicate: a message whose answer is lost is posted again.

use async_trait::async_trait;
use fluo_alerts::notification::{Event, Notification};
use fluo_rules::rule::Severity;
use serde_json::{Value, json};

use crate::cut::{cut, first};
use crate::http::Endpoint;
use crate::message::{Message, worst};
use crate::{Sink, SinkError};

/// Teams refuses messages above 28 KB, however it counts them; some room is left for what the workflow adds.
const MAX_BODY: usize = 24 * 1024;

/// The most buttons that a card shows.
const MAX_LINKS: usize = 6;

/// The longest address of one: all of them must leave room for the text.
const MAX_LINK: usize = 1_000;

/// The sizes of a card, from the largest to the least: lines of the lead, facts, traces or listed alerts, links, and
/// characters of a line. What shows it goes before what it is.
const SIZES: [Size; 5] = [
    Size { lead: 20, facts: 30, details: 10, links: MAX_LINKS, line: 600 },
    Size { lead: 12, facts: 20, details: 3, links: MAX_LINKS, line: 300 },
    Size { lead: 8, facts: 20, details: 0, links: MAX_LINKS, line: 150 },
    Size { lead: 5, facts: 12, details: 0, links: 3, line: 100 },
    Size { lead: 3, facts: 8, details: 0, links: 1, line: 80 },
];

/// The part of a message that is shown.
#[derive(Clone, Copy)]
struct Size {
    lead: usize,
    facts: usize,
    details: usize,
    links: usize,
    line: usize,
}

/// Posts to a Workflows webhook.
pub struct Teams {
    endpoint: Endpoint,
}

impl Teams {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }
}

#[async_trait]
impl Sink for Teams {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "teams"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let message = Message::of(notification);
        let colour = colour(notification);
        let forms = SIZES.iter().map(|size| form(&message, colour, *size).to_string());
        // The least of them always fits: 13 lines of 80 characters and a link of 1000, however they are escaped.
        let Some(body) = forms.into_iter().find(|body| size_of(body) <= MAX_BODY) else {
            return Err(self.endpoint.refused("the message is too large for Teams"));
        };
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

/// The bytes of a message once it is escaped, in UTF-8 or UTF-16, whichever are more.
fn size_of(body: &str) -> usize {
    body.len().max(2 * body.encode_utf16().count())
}

fn form(message: &Message, colour: &str, size: Size) -> Value {
    let heading = text_run(&message.heading, size.line);
    let mut body =
        vec![block(&[merged(heading, &json!({"weight": "bolder", "size": "large", "color": colour}))])];
    let lines: Vec<_> = message.lead.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    body.extend(first(&lines, size.lead).iter().map(|line| block(&[text_run(line, size.line)])));
    let shown = message.facts.len().min(size.facts);
    for fact in &message.facts[..shown] {
        let name = merged(text_run(&format!("{}: ", fact.name), size.line), &json!({"weight": "bolder"}));
        body.push(block(&[name, text_run(&fact.value, size.line)]));
    }
    if message.facts.len() > shown {
        body.push(block(&[text_run(&format!("… {} more", message.facts.len() - shown), size.line)]));
    }
    for (title, details) in [("Traces", message.trace_lines()), (message.list, message.listed.clone())] {
        if details.is_empty() {
            continue;
        }
        let title = merged(text_run(&format!("{title}:"), size.line), &json!({"weight": "bolder"}));
        body.push(block(&[title]));
        body.extend(first(&details, size.details).iter().map(|line| block(&[text_run(line, size.line)])));
    }
    body.push(block(&[subtle(text_run(&format!("fluo {}", message.id), size.line))]));
    let actions: Vec<_> = message
        .all_links()
        .iter()
        .filter(|(_, url)| url.as_str().len() <= MAX_LINK)
        .take(size.links)
        .map(|(text, url)| json!({"type": "Action.OpenUrl", "title": escaped(text, 60), "url": url.as_str()}))
        .collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions,
    });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn block(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn text_run(text: &str, length: usize) -> Value {
    json!({"type": "TextRun", "text": escaped(text, length)})
}

fn subtle(run: Value) -> Value {
    merged(run, &json!({"isSubtle": true, "size": "small"}))
}

fn merged(mut value: Value, more: &Value) -> Value {
    if let (Some(value), Some(more)) = (value.as_object_mut(), more.as_object()) {
        value.extend(more.clone());
    }
    value
}

/// At most `length` characters. `{{DATE(…)}}` and its kind are replaced wherever a card has text; what is written apart
/// counts as it is written.
fn escaped(text: &str, length: usize) -> String {
    // Twice: what remains of three braces is two.
    let apart = text.replace("{{", "{ {").replace("{{", "{ {");
    cut(&apart, length).into_owned()
}

fn colour(notification: &Notification) -> &'static str {
    match (notification.event, worst(notification)) {
        // What fired and was seen late is over, and still bad news.
        (event, _) if event.is_closed() && event != Event::FiredLate => "good",
        (_, Severity::Critical) => "attention",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "accent",
    }
}
