//! The bytes that every sink sends of every incident: `tests/golden/<incident>/<sink>`.
//!
//! The files are written anew by
//!
//! ```sh
//! FLUO_GOLDEN=write cargo test -p fluo-sinks --test it golden
//! ```
//!
//! JSON is laid out for people: white space is put between its parts, and nothing else is changed. Mail is shown as the
//! person who gets it sees it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fluo_alerts::notification::Notification;
use fluo_sinks::Sink;
use fluo_sinks::stdout::Stdout;
use fluo_tests::http::{Answer, Server};
use serde_json::Value;

use crate::sns::published;
use crate::{NOW, incidents, sink};

/// The sinks that post JSON: their configuration, `{}` for the address, and what they are answered.
const POSTING: [(&str, &str, &str); 6] = [
    ("alertmanager", "{type: alertmanager, url: '{}'}", "{}"),
    ("otlp", "{type: otlp, endpoint: '{}'}", "{}"),
    ("pagerduty", "{type: pagerduty, routing_key: 0123456789abcdef0123456789abcdef, url: '{}'}", "{}"),
    ("slack", "{type: slack, url: '{}/hook'}", "ok"),
    ("teams", "{type: teams, url: '{}/hook'}", ""),
    ("webhook", "{type: webhook, url: '{}/hook'}", ""),
];

/// The files of one incident.
async fn files(notification: &Notification) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (name, yaml, answer) in POSTING {
        let server = Server::start([Answer::new(200, answer)]).await;
        sink(&yaml.replace("{}", &server.url(""))).send(notification, NOW).await.unwrap();
        files.push((format!("{name}.json"), laid_out(&server.request().body)));
    }
    let written = Shared::default();
    Stdout::new("stdout", written.clone()).send(notification, NOW).await.unwrap();
    let line = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    files.push(("stdout.json".to_owned(), laid_out(line.trim_end())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.ndjson");
    sink(&format!("{{type: file, path: '{}'}}", path.display())).send(notification, NOW).await.unwrap();
    files.push(("file.json".to_owned(), laid_out(std::fs::read_to_string(path).unwrap().trim_end())));
    let (_, form) = published("arn:aws:sns:eu-central-1:123456789012:alerts", notification).await;
    let message: Value = serde_json::from_str(&form["Message"]).unwrap();
    let text = |key: &str| message[key].as_str().unwrap().to_owned();
    assert_eq!(text("default"), text("email"));
    assert_eq!((text("sqs"), text("lambda")), (text("lambda"), line.trim_end().to_owned()), "the record");
    files.push(("sns-mail.txt".to_owned(), format!("Subject: {}\n\n{}\n", form["Subject"], text("email"))));
    files.push(("sns-chat.json".to_owned(), laid_out(&text("https"))));
    files
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// JSON with every part on a line of its own.
fn laid_out(json: &str) -> String {
    let (mut text, mut depth, mut in_text, mut escaped) = (String::new(), 0, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if in_text {
            text.push(c);
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                text.push(c);
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c => {
                in_text = c == '"';
                text.push(c);
            }
        }
    }
    text.push('\n');
    text
}

fn golden(incident: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(incident).join(file)
}

#[tokio::test]
async fn every_sink_tells_every_incident_as_it_did() {
    let write = std::env::var_os("FLUO_GOLDEN").is_some_and(|value| value == "write");
    let mut differing = Vec::new();
    for (incident, notification) in incidents::all() {
        for (file, found) in files(&notification).await {
            let path = golden(incident, &file);
            if write {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, found).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
                differing.push(path.display().to_string());
            }
        }
    }
    assert!(differing.is_empty(), "differ, and are written anew by FLUO_GOLDEN=write: {differing:#?}");
}

/// The lines that a person reads of a message, the first of them its head, by the golden file of the sink.
fn lines(file: &str, text: &str) -> Vec<String> {
    let json = || serde_json::from_str::<Value>(text).unwrap();
    let of = |value: &Value| value.as_str().unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    match file {
        "slack.json" => {
            let blocks = json()["blocks"].as_array().unwrap().clone();
            blocks.iter().filter_map(|block| block.get("text")).flat_map(|text| of(&text["text"])).collect()
        }
        "teams.json" => {
            let body = json()["attachments"][0]["content"]["body"].as_array().unwrap().clone();
            let line = |block: &Value| -> String {
                let runs = block["inlines"].as_array().unwrap().iter();
                runs.map(|run| run["text"].as_str().unwrap()).collect()
            };
            body.iter().map(line).collect()
        }
        "sns-mail.txt" => text.lines().skip(2).map(str::to_owned).collect(),
        "sns-chat.json" => {
            let content = json()["content"].clone();
            [of(&content["title"]), of(&content["description"])].concat()
        }
        "pagerduty.json" => {
            let payload = json()["payload"].clone();
            if payload.is_null() { Vec::new() } else { of(&payload["summary"]) }
        }
        "alertmanager.json" => of(&json()[0]["annotations"]["summary"]),
        "otlp.json" => of(&json()["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"]["stringValue"]),
        _ => of(&json()["title"]),
    }
}

#[tokio::test]
async fn every_message_begins_with_how_bad_it_is_and_says_nothing_twice() {
    for (incident, notification) in incidents::all() {
        let severity = notification.severity.as_str().to_uppercase();
        for (file, text) in files(&notification).await {
            let lines = lines(&file, &text);
            let Some(head) = lines.first() else {
                assert_eq!(
                    (incident, file.as_str()),
                    ("resolved", "pagerduty.json"),
                    "its text is that of the trigger"
                );
                continue;
            };
            let head = head.trim_start_matches(['🔴', '🟠', '🔵', '🟢', ' ']);
            assert!(head.starts_with(&format!("{severity} ")), "{incident}/{file}: {head}");
            let said: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
            let different: std::collections::BTreeSet<&String> = said.iter().copied().collect();
            assert_eq!(said.len(), different.len(), "{incident}/{file}: {lines:#?}");
        }
    }
}

#[test]
fn laying_out_changes_nothing_but_white_space() {
    let json = r#"{"a":[1,{"b":"x, {\"y\": []}\\"},[],{}],"c":null}"#;
    let text = laid_out(json);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(json).unwrap());
    let laid = "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x, {\\\"y\\\": []}\\\\\"\n    },\n    [],\n    {}\n  ],\n  \"c\": null\n}\n";
    assert_eq!(text, laid);
}
