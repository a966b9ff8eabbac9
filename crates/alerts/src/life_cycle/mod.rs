//! The life of alerts: what was observed of a rule → its state, the violations to record, the events to tell of.
//!
//! ```text
//! observations ─replace─▶ segments ─runs─▶ violations (records with revisions)
//!                                   └─chains─▶ alerts ─▶ events ─announce (silences, inhibition, limits, relations)─▶ notifications
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`segment`] | holding moments of stretches of time, replaced when these are judged again |
//! | [`chain`](self) | runs that belong to one alert, with `for` and `keep_firing_for` |
//! | `identity` | which known episode a found one is |
//! | [`mod@transition`] | the only place that changes a rule's state |
//! | [`mod@announce`] | which events are told now: silences, inhibition, reminders, limits, and together with which others |
//! | `inhibition` | which alerts are redundant while others fire |
//! | `tell` | how an alert stands, in words |
//! | [`together`] | which alerts are related, and which of them heads their message |
//! | [`summary`] | many alerts in one message |
//!
//! All of it is pure: the state that an evaluation leaves is a function of the state before, what was observed, and the
//! evaluation's times.

pub mod announce;
mod chain;
mod identity;
mod inhibition;
pub mod segment;
pub mod state;
pub mod summary;
mod tell;
pub mod together;
pub mod transition;

pub use announce::{Mutes, announce};
pub use segment::{Badness, Segment};
pub use state::{Alert, Course, GroupState, Grouping, Phase, RuleState, ToldSeverities, Tracked};
pub use together::Levels;
pub use transition::{Change, Facts, Observation, Times, ViolationRecord, transition};

#[cfg(test)]
mod tests;
