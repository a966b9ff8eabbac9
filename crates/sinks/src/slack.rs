//! Block Kit messages to a Slack incoming webhook.
//!
//! Every text from outside is `plain_text`, where Slack knows no formatting, mention or link, and has `&`, `<` and `>`
//! written as entities besides, as in the fallback text, which is not `plain_text`. The only `mrkdwn` is our own list
//! of links, `verbatim`. Slack does not de-duplicate: a message whose answer is lost is posted again.

use async_trait::async_trait;
use fluo_alerts::notification::{Event, Notification};
use fluo_rules::rule::Severity;
use reqwest::Url;
use serde_json::{Value, json};

use crate::cut::{cut_escaped, lines_within};
use crate::http::Endpoint;
use crate::message::{Message, worst};
use crate::{Sink, SinkError};

// Slack's limits, in characters, of texts as they are written: escapes count.
const HEADER: usize = 150;
const TEXT: usize = 3_000;

/// The longest line of a text.
const LINE: usize = 600;
/// The most links: as many as always fit in one text.
const MAX_LINKS: usize = 8;

/// Posts to an incoming webhook.
pub struct Slack {
    endpoint: Endpoint,
}

impl Slack {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }
}

#[async_trait]
impl Sink for Slack {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "slack"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let body = form(&Message::of(notification), sign(notification)).to_string();
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

fn form(message: &Message, sign: &str) -> Value {
    let mut blocks =
        vec![json!({"type": "header", "text": plain_text(&format!("{sign} {}", message.heading), HEADER)})];
    let mut section = |lines: &[String]| {
        if lines.iter().any(|line| !line.is_empty()) {
            let text = lines_within(lines, (TEXT, LINE), entity);
            blocks.push(json!({"type": "section", "text": text_object(&text)}));
        }
    };
    section(&message.lead.lines().map(str::to_owned).collect::<Vec<_>>());
    section(&message.fact_lines());
    section(&message.trace_lines());
    section(&message.titled_list());
    if let Some(links) = links(&message.all_links()) {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": links, "verbatim": true}}));
    }
    blocks.push(json!({"type": "context", "elements": [plain_text(&format!("fluo {}", message.id), TEXT)]}));
    json!({
        // What a phone shows of it.
        "text": cut_escaped(&message.title, TEXT, entity),
        "blocks": blocks,
        // A page that a value names must not be fetched or shown.
        "unfurl_links": false,
        "unfurl_media": false,
        "link_names": false,
    })
}

/// The text that a person sees before reading.
fn sign(notification: &Notification) -> &'static str {
    match (notification.event, worst(notification)) {
        // What fired and was seen late is over, and still bad news.
        (event, _) if event.is_closed() && event != Event::FiredLate => "🟢",
        (_, Severity::Critical) => "🔴",
        (_, Severity::Warning) => "🟠",
        (_, Severity::Info) => "🔵",
    }
}

fn plain_text(text: &str, max: usize) -> Value {
    text_object(&cut_escaped(text, max, entity))
}

fn text_object(escaped: &str) -> Value {
    json!({"type": "plain_text", "text": escaped, "emoji": false})
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// Links in Slack's markup, as many as fit.
fn links(links: &[(String, Url)]) -> Option<String> {
    let mut text = String::new();
    for (shown, url) in links.iter().take(MAX_LINKS) {
        // `|` ends an address in Slack's markup; formatting characters would be read in the shown text.
        let url = url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E");
        let url = cut_escaped(&url, usize::MAX, entity);
        let shown = shown.replace(['|', '*', '_', '~', '`'], " ");
        let shown = cut_escaped(&shown, 60, entity);
        let link = format!("{}<{url}|{shown}>", if text.is_empty() { "" } else { " · " });
        if text.len() + link.len() <= TEXT {
            text.push_str(&link);
        }
    }
    (!text.is_empty()).then_some(text)
}
