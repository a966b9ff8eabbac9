//! How evaluations are made: what `fluo.yml` and the functions' environment may set.

use std::collections::BTreeMap;

use fluo_alerts::notification::Event;
use fluo_alerts::trouble::Telling;
use fluo_rules::rule::{ALLOWED_LATENESS, EVAL_DELAY, Severity};
use fluo_time::Nanos;

/// Settings of an evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How far the watermark lies behind the evaluation's time, where a rule does not say.
    pub eval_delay: Nanos,
    /// How far below the watermark an arriving span still re-opens its windows, where a rule does not say.
    pub allowed_lateness: Nanos,
    /// How long no file may arrive before people are told.
    pub stale_after: Nanos,
    /// How far back an outage is caught up.
    pub max_catch_up: Nanos,
    /// The longest distance of two evaluations; a longer one is caught up in several.
    pub chunk: Nanos,
    /// How long a notification that a sink refuses is tried again.
    pub delivery_limit: Nanos,
    /// How far in the future of its file's arrival a span may end: as at ingest.
    pub max_future: Nanos,
    /// Links to traces: `https://traces.example/{trace_id}`.
    pub trace_url: Option<String>,
    /// Memory that one rule may use in an evaluation, in bytes.
    pub rule_memory: usize,
    /// Time that one rule may use in an evaluation.
    pub rule_time: Nanos,
    /// How often something that stays wrong is told again.
    pub repeat_errors: Nanos,
    /// The largest share of the spans of an evaluation's new files that ingest may have set aside or mended before people
    /// are told, in percent.
    pub set_aside_percent: u32,
    /// How bad fluo's own troubles are, by their events, where it is not [`Event::default_severity`].
    pub trouble_severity: BTreeMap<Event, Severity>,
    /// Missing spans are taken to be missing, also where no file arrives: for looks at the past and for tests.
    pub always_alive: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            eval_delay: EVAL_DELAY,
            allowed_lateness: ALLOWED_LATENESS,
            stale_after: Nanos(10 * Nanos::MINUTE.0),
            max_catch_up: Nanos::DAY,
            chunk: Nanos(10 * Nanos::MINUTE.0),
            delivery_limit: Nanos(2 * Nanos::DAY.0),
            max_future: Nanos(10 * Nanos::MINUTE.0),
            trace_url: None,
            rule_memory: 512 << 20,
            rule_time: Nanos(30 * Nanos::SECOND.0),
            repeat_errors: Nanos(4 * Nanos::HOUR.0),
            set_aside_percent: 1,
            trouble_severity: BTreeMap::new(),
            always_alive: false,
        }
    }
}

impl Settings {
    /// How fluo's own troubles are told.
    pub(crate) fn telling(&self) -> Telling {
        Telling { repeat: self.repeat_errors.0, severities: self.trouble_severity.clone() }
    }
}
