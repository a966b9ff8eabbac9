//! Sinks against a real server on this machine: what arrives, byte for byte, and what is told when it does not.
//!
//! Wire forms are golden files in `snapshots/`; every sink is made from its configuration, as the product does it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod alertmanager;
mod chat;
mod config;
mod delivery;
mod golden;
mod incidents;
mod lines;
mod notifications;
mod otlp;
mod pagerduty;
mod sns;
mod webhook;

use fluo_sinks::{Sink, SinkConfig, build};

/// The time at which everything here is sent: a second after the notification was decided.
const NOW: i64 = 1_795_345_575_250_000_000;

/// The environment of these tests.
fn secrets(variable: &str) -> Option<String> {
    match variable {
        "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("not-a-secret-key".to_owned()),
        "SIGNING_KEY" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// The sink of a configuration in YAML.
fn sink(yaml: &str) -> Box<dyn Sink> {
    let config: SinkConfig = serde_yaml::from_str(yaml).unwrap();
    build(&config, &secrets).unwrap()
}
