//! From arriving files to alerts: what is due, one evaluation, its commit, its delivery.
//!
//! | module | does |
//! | --- | --- |
//! | [`project`] | rules, tests, silences, `fluo.yml` → what is wrong with them, by themselves and with each other |
//! | [`config`], [`settings`] | `fluo.yml` → where, how often, within which limits |
//! | [`silences`] | what is not told |
//! | [`arrivals`] | which data files an evaluation sees |
//! | [`rule_store`] | a folder of a store → rule files and silences |
//! | [`rule_set`] | rule files → rules, with the last good text of those that do not load |
//! | `due` | which moments of a rule are to be judged now |
//! | [`span_data`] | data files → a source of spans; what could not be read |
//! | [`mod@evaluate`] | state, rules, files, a time → state, records, notifications |
//! | `host` | what an evaluator runs on; its state, read and replaced |
//! | [`mod@tick`] | reads, evaluates, commits, writes, delivers |
//! | [`request`] | what asks for an evaluation: the schedule, or that files may have arrived |
//! | [`layout`] | the rules that are deployed → the columns of span files that are written next |
//! | [`live`] | a tick over what is deployed |
//! | `catch_up` | which evaluation comes next after an outage, and what is told of the gap |
//! | [`page`] | state, what evaluations found → the page that shows it |
//! | [`outbox`] | lease, send, confirm |
//! | [`stop`] | what a tick does that is asked to end |
//! | [`state`] | what is remembered between evaluations |
//! | `future` | which times have not come |
//! | [`mod@set_back`] | a state from the future → one of the present |
//! | [`mod@past`] | the data files of a stretch of the past: when each arrived, and what is not seen |
//! | [`mod@replay`] | evaluations of the past, one after another |
//! | [`rule_test`] | rule tests, through the same evaluations |
//! | [`mod@diff`] | two replays → the alerts that a rule change adds and removes |
//! | `pending` | state → the alerts that do not fire yet |
//! | [`mod@status`] | state → what fires, what is wrong, how far behind |
//! | [`mod@verify`] | a notification, the store → whether it is so |
//! | [`report`] | the record of an evaluation |
//!
//! No clock, no environment, nothing random: times and nonces are arguments.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod arrivals;
mod catch_up;
pub mod config;
pub mod diff;
mod due;
mod error;
pub mod evaluate;
mod future;
mod host;
pub mod layout;
pub mod live;
pub mod outbox;
pub mod page;
mod panes;
pub mod past;
mod pending;
pub mod project;
mod records;
pub mod replay;
pub mod report;
pub mod request;
pub mod rule_set;
pub mod rule_store;
pub mod rule_test;
pub mod set_back;
pub mod settings;
pub mod silences;
pub mod span_data;
pub mod state;
pub mod status;
pub mod stop;
pub mod tick;
pub mod verify;

pub use config::Config;
pub use error::TickError;
pub use evaluate::{Evaluation, Evaluator, Inputs};
pub use host::Host;
pub use live::{LiveTick, tick_live};
pub use request::{Cause, Request, Timetable};
pub use rule_set::RuleSet;
pub use rule_store::{ReadRules, RuleStore};
pub use settings::Settings;
pub use state::State;
pub use stop::Stop;
pub use tick::{Deployed, Ticked, tick};

pub(crate) use fluo_alerts::escape::chain;
