//! The sinks of notifications: one file a sink, each with the wire form and the escaping of its own format.
//!
//! | module | sends |
//! | --- | --- |
//! | [`stdout`] | JSON lines to any writer |
//! | [`mod@file`] | JSON lines to a file, synced |
//! | [`webhook`] | JSON with an idempotency key, signed after Standard Webhooks |
//! | [`slack`] | Block Kit to an incoming webhook |
//! | [`teams`] | an Adaptive Card to a Workflows webhook |
//! | [`pagerduty`] | trigger and resolve to the Events API v2 |
//! | [`alertmanager`] | alerts to Alertmanager's API v2 |
//! | [`sns`] | a message in one form for each protocol of the topic's subscribers |
//! | [`otlp`] | log records to an OpenTelemetry collector |
//!
//! ```text
//! fluo.yml ─▶ fluo_rules::config ─▶ config::SinkConfig ─▶ build ─▶ Routed { sink, filter }
//! Notification ─▶ clean ─▶ message (what people read) ─┬─▶ a sink's form, cut by limits ─▶ http ─▶ the service
//!                   └────── the record (for machines) ─┘
//! ```
//!
//! A sink tries once: what is tried again, and when, is the evaluator's matter, which [`SinkError`] tells whether that
//! can help. Delivery is at least once; every form carries the notification's id or the alert's, by which receivers
//! de-duplicate. No clock and no environment: `at` is an argument, and secrets come through a function.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod alertmanager;
mod build;
mod clean;
pub mod config;
mod cut;
pub mod error;
pub mod file;
pub mod filter;
mod http;
mod limits;
mod message;
pub mod otlp;
pub mod pagerduty;
mod secret;
pub mod slack;
pub mod sns;
pub mod stdout;
pub mod teams;
pub mod webhook;

use async_trait::async_trait;
use fluo_alerts::notification::Notification;

pub use build::{build, build_with_aws, route_all, sinks_of};
pub use config::SinkConfig;
pub use error::{ConfigError, SinkError};
pub use filter::{Filter, Routed};
pub use secret::{Secret, Secrets};

/// Something that notifications can be sent to.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &str;

    /// The word that the configuration calls its kind by.
    fn kind(&self) -> &'static str;

    /// Sends it once. `at` is now, in nanoseconds since the epoch: signatures carry it.
    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError>;
}
