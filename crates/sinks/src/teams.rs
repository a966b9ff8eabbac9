//! Adaptive Cards to a Microsoft Teams Workflows webhook.
//!
//! Texts are runs of a `RichTextBlock`, which by the cards' definition know no Markdown, links or mentions, so nothing
//! in a value can become any of them; only `{{`, which begins the cards' own functions, is taken apart. `TextBlock` and
//! `FactSet`, which read Markdown and whose clients differ in what a backslash escapes, are not used. Links are buttons.
//! The service does not de-duplicate: a message whose answer is lost is posted again.

use async_trait::async_trait;
use fluo_alerts::notification::{Event, Notification};
use fluo_rules::rule::Severity;
use serde_json::{Value, json};

use crate::http::Endpoint;
use crate::limits::{cut, first};
use crate::message::Message;
use crate::{Sink, SinkError};

/// Teams refuses messages above 28 KB; some room is left for what the workflow adds.
const MAX_BODY: usize = 24 * 1024;

/// How many buttons a card shows.
const MAX_LINKS: usize = 6;

/// How long the address of one may be: all of them must leave room for the text.
const MAX_LINK: usize = 1_000;

/// How much is shown, from the most to the least: facts, details, characters of a line.
const SIZES: [(usize, usize, usize); 4] = [(30, 10, 1_000), (20, 10, 300), (12, 5, 150), (8, 3, 80)];

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
        // The least of them always fits: 8 + 3 + 20 lines of at most 80 characters, six links of at most 1000.
        let Some(body) = forms.into_iter().find(|body| body.len() <= MAX_BODY) else {
            return Err(self.endpoint.refused("the message is too large for Teams"));
        };
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

fn form(message: &Message, colour: &str, (facts, details, length): (usize, usize, usize)) -> Value {
    let heading = text_run(&message.heading, length);
    let mut body =
        vec![block(&[merged(heading, &json!({"weight": "bolder", "size": "large", "color": colour}))])];
    let lines: Vec<_> = message.body.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    body.extend(first(&lines, 20).iter().map(|line| block(&[text_run(line, length)])));
    let shown = message.facts.len().min(facts);
    for (name, value) in &message.facts[..shown] {
        let name = merged(text_run(&format!("{name}: "), length), &json!({"weight": "bolder"}));
        body.push(block(&[name, text_run(value, length)]));
    }
    if message.facts.len() > shown {
        body.push(block(&[text_run(&format!("… {} more", message.facts.len() - shown), length)]));
    }
    if !message.details.is_empty() {
        let title = text_run(&format!("{}:", message.details_title), length);
        body.push(block(&[merged(title, &json!({"weight": "bolder"}))]));
        body.extend(
            first(&message.details, details).iter().map(|line| block(&[subtle(text_run(line, length))])),
        );
    }
    body.push(block(&[subtle(text_run(&format!("fluo {}", message.id), length))]));
    let actions: Vec<_> = message
        .links
        .iter()
        .filter(|(_, url)| url.as_str().len() <= MAX_LINK)
        .take(MAX_LINKS)
        .map(|(text, url)| json!({"type": "Action.OpenUrl", "title": unfunctional(&cut(text, 60)), "url": url.as_str()}))
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
    json!({"type": "TextRun", "text": unfunctional(&cut(text, length))})
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

/// `{{DATE(…)}}` and its kind are replaced wherever a card has text.
fn unfunctional(text: &str) -> String {
    // Twice: what remains of three braces is two.
    text.replace("{{", "{ {").replace("{{", "{ {")
}

fn colour(notification: &Notification) -> &'static str {
    match (notification.event, notification.severity) {
        // What fired and was seen late is over, and still bad news.
        (event, _) if event.is_closed() && event != Event::FiredLate => "good",
        (_, Severity::Critical) => "attention",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "accent",
    }
}
