//! The function that brings notifications from the topic to chat, pagers and webhooks.
//!
//! ```text
//! event ─▶ messages ─▶ notifications ─▶ for each sink: look for the mark ─▶ send ─▶ put the mark    done
//!              │                                                  └─ refused, or no time    delivered again
//!              └ neither a record nor an alarm                                              delivered again
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`configuration`] | the environment → sinks whose secrets are elsewhere |
//! | [`secrets`] | Secrets Manager or a parameter → names and secrets |
//! | [`receivers`] | sinks with their secrets, made anew as those change |
//! | [`message`], [`alarm`] | a text → a notification |
//! | [`marks`] | what was delivered to whom |
//! | [`delivery`] | notifications → one sink → what became of each |
//! | [`function`] | an invocation → its answer, log and metrics |
//!
//! A message counts as done only once every sink that wants it has taken it. Until then it is delivered again, and the
//! marks keep those who have it from being told twice. Between taking and mark a crash may fall, and whoever has no
//! mark is told: at least once, and under the same id (I4).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod alarm;
pub mod configuration;
pub mod delivery;
pub mod function;
pub mod marks;
pub mod message;
pub mod receivers;
pub mod secrets;

pub use function::NotifyChat;
