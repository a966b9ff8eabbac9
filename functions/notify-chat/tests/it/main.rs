//! The function between its queue and services that take, refuse, or say nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod delivery;
mod receivers;
mod start;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluo_notify_chat::NotifyChat;
use fluo_notify_chat::function::StartError;
use fluo_notify_chat::secrets::{SecretSource, SecretsError};
use fluo_runtime::{Environment, Invocation};
use fluo_tests::http::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time at which everything happens, unless a test has a clock of its own: 2026-11-22T11:06:15.250Z.
const NOW: i64 = 1_795_345_575_250_000_000;

const SECOND: i64 = 1_000_000_000;

fn now() -> i64 {
    NOW
}

/// A recorded event.
macro_rules! event {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/events/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}
use event;

/// Secrets that a test holds and may change; without any there is nothing to be had.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Option<String>>>);

impl Held {
    fn of(secrets: &[(&str, String)]) -> Self {
        let held = Self::default();
        held.set(Some(secrets));
        held
    }

    fn set(&self, secrets: Option<&[(&str, String)]>) {
        let text =
            secrets.map(|secrets| json!(secrets.iter().cloned().collect::<BTreeMap<_, _>>()).to_string());
        *self.0.lock().unwrap() = text;
    }
}

#[async_trait]
impl SecretSource for Held {
    async fn read(&self) -> Result<String, SecretsError> {
        let text = self.0.lock().unwrap().clone();
        text.ok_or_else(|| SecretsError::Unavailable("503".to_owned()))
    }
}

/// A function with the store in `folder`.
async fn start(
    folder: &TempDir,
    sinks: &str,
    secrets: &Held,
    clock: &'static (dyn Fn() -> i64 + Send + Sync),
) -> Result<NotifyChat, StartError> {
    let store = folder.path().to_str().unwrap();
    let environment = Environment::from_iter([("FLUO_STORE", store), ("FLUO_SINKS", sinks)]);
    NotifyChat::with_secrets(&environment, Some(Box::new(secrets.clone())), clock).await
}

/// A function that tells a chat and a pager.
async fn chat_and_pager(folder: &TempDir, chat: &Server, pager: &Server) -> NotifyChat {
    let sinks = format!(
        "[{{type: slack, name: chat, url: {{env: CHAT}}}}, \
          {{type: pagerduty, name: pager, routing_key: {{env: KEY}}, url: '{}'}}]",
        pager.url("/v2/enqueue")
    );
    let secrets = Held::of(&[("CHAT", chat.url("/hook")), ("KEY", "k".repeat(32))]);
    start(folder, &sinks, &secrets, &now).await.unwrap()
}

/// Returns what the function answers, with half a minute left.
async fn invoke(function: &NotifyChat, event: Value) -> Result<Value, String> {
    let deadline = NOW + 30 * SECOND;
    function.handle(Invocation { event, deadline }).await.map_err(|error| error.to_string())
}

/// The places in `event` of the messages that the answer wants again.
fn again(event: &Value, answer: &Value) -> Vec<usize> {
    let records = event["Records"].as_array().unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let place = |failure: &Value| {
        records.iter().position(|record| record["messageId"] == failure["itemIdentifier"]).unwrap()
    };
    failures.iter().map(place).collect()
}
