//! The machinery of the end-to-end scenarios: everything around the product that a deployment has, on this machine.
//!
//! ```text
//!  Application ─ OTLP ─▶ Collector ─▶ Bucket ─ notification ─▶ Queue ─▶ EventSource ─▶ Function(ingest-spans)
//!                                       ▲                                                    │
//!                                       └──────────────────────────── spans/ ────────────────┘
//!  Schedule ─▶ Function(compact-spans) ─▶ Bucket
//!  Schedule ─▶ Function(evaluate-rules) ─▶ Topic ─▶ Queue, HttpSubscriber, mail
//!                                             └──▶ Queue ─▶ EventSource ─▶ Function(notify-chat) ─▶ Chat
//! ```
//!
//! The product's parts are the real ones: the function binaries, the collector with the configurations of
//! `infra/collector`, an application with an OpenTelemetry SDK. AWS is a stand-in ([`aws`]); what no stand-in has is
//! here: Lambda's Runtime API ([`runtime_api`]), its event source mapping for SQS ([`event_source`]), and a network that
//! fails when it is asked to ([`faults`]).
//!
//! Everything listens on 127.0.0.1 on free ports and keeps its files in temporary folders. What is started is killed
//! when its value is dropped, also by a test that panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "machinery that cannot go on has failed its test"
)]

pub mod application;
pub mod aws;
pub mod collector;
pub mod deployment;
pub mod event_source;
pub mod faults;
pub mod function;
pub mod http;
pub mod process;
pub mod programs;
pub mod receivers;
pub mod runtime_api;
pub mod schedule;
pub mod spans;
pub mod wait;
