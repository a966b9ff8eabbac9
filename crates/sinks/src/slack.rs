//! Block Kit messages to a Slack incoming webhook.
//!
//! Every text from outside is `plain_text`, where Slack knows no formatting, mention or link, and has `&`, `<` and `>`
//! written as entities besides, as in the fallback text, which is not `plain_text`. The only `mrkdwn` is our own list of
//! links, `verbatim`. Slack does not de-duplicate: a message whose answer is lost is posted again.

use async_trait::async_trait;
use fluo_alerts::notification::Notification;
use reqwest::Url;
use serde_json::{Value, json};

use crate::http::Endpoint;
use crate::limits::{cut_escaped, first};
use crate::message::Message;
use crate::{Sink, SinkError};

// Slack's limits, in characters and items.
const HEADER: usize = 150;
const TEXT: usize = 3_000;
const FIELD: usize = 2_000;
const FIELDS: usize = 10;

/// How many facts are shown.
const MAX_FACTS: usize = 2 * FIELDS;
/// How many spans or alerts.
const MAX_DETAILS: usize = 10;
/// How many links: as many as always fit in one text.
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
        let body = form(&Message::of(notification)).to_string();
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

fn form(message: &Message) -> Value {
    let mut blocks = vec![
        json!({"type": "header", "text": plain_text(&message.heading, HEADER)}),
        json!({"type": "section", "text": plain_text(&message.body, TEXT)}),
    ];
    let facts: Vec<_> = message.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    for fields in first(&facts, MAX_FACTS).chunks(FIELDS) {
        let fields: Vec<_> = fields.iter().map(|fact| plain_text(fact, FIELD)).collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    if !message.details.is_empty() {
        let lines = first(&message.details, MAX_DETAILS).join("\n");
        let text = format!("{}:\n{lines}", message.details_title);
        blocks.push(json!({"type": "section", "text": plain_text(&text, TEXT)}));
    }
    if let Some(links) = links(&message.links) {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": links, "verbatim": true}}));
    }
    blocks.push(json!({"type": "context", "elements": [plain_text(&format!("fluo {}", message.id), TEXT)]}));
    json!({
        "text": escape(&format!("{}\n{}", message.heading, message.body), TEXT),
        "blocks": blocks,
        // A page that a value names must not be fetched or shown.
        "unfurl_links": false,
        "unfurl_media": false,
        "link_names": false,
    })
}

fn plain_text(text: &str, max: usize) -> Value {
    json!({"type": "plain_text", "text": escape(text, max), "emoji": false})
}

fn escape(text: &str, max: usize) -> String {
    cut_escaped(text, max, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
    .into_owned()
}

/// Links in Slack's markup, as many as fit.
fn links(links: &[(String, Url)]) -> Option<String> {
    let mut text = String::new();
    for (shown, url) in links.iter().take(MAX_LINKS) {
        // `|` ends an address in Slack's markup; formatting characters would be read in the shown text.
        let url =
            escape(&url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E"), usize::MAX);
        let shown = escape(&shown.replace(['|', '*', '_', '~', '`'], " "), 60);
        let link = format!("{}<{url}|{shown}>", if text.is_empty() { "" } else { " · " });
        if text.len() + link.len() <= TEXT {
            text.push_str(&link);
        }
    }
    (!text.is_empty()).then_some(text)
}
