//! The settings of evaluations, which `fluo.yml` and the functions' environment may set.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::notification::Event;
use fluo_alerts::trouble::Telling;
use fluo_rules::rule::{ALLOWED_LATENESS, EVAL_DELAY, Severity};
use fluo_store::layouts::Attribute;
use fluo_time::Nanos;

/// Settings of an evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The distance of the watermark behind the evaluation's time, where a rule does not say.
    pub eval_delay: Nanos,
    /// The distance below the watermark within which an arriving span re-opens its windows, where a rule does not say.
    pub allowed_lateness: Nanos,
    /// The time without files after which people are told.
    pub stale_after: Nanos,
    /// The longest past that is caught up after an outage.
    pub max_catch_up: Nanos,
    /// The longest distance of two evaluations; a longer one is caught up in several.
    pub chunk: Nanos,
    /// The time for which a notification that a sink refuses is tried again.
    pub delivery_limit: Nanos,
    /// The longest time after its file's arrival at which a span may end: as at ingest.
    pub max_future: Nanos,
    /// Links to traces: `https://traces.example/{trace_id}`.
    pub trace_url: Option<String>,
    /// Memory that one rule may use in an evaluation, in bytes.
    pub rule_memory: usize,
    /// Time that one rule may use in an evaluation.
    pub rule_time: Nanos,
    /// The distance at which something that stays wrong is told again.
    pub repeat_errors: Nanos,
    /// The largest share of the spans of an evaluation's new files that ingest may have set aside or mended before people
    /// are told, in percent.
    pub set_aside_percent: u32,
    /// The severities of fluo's own troubles, by their events, where they are not [`Event::default_severity`].
    pub trouble_severity: BTreeMap<Event, Severity>,
    /// Attributes that have columns in span files though no rule asks for them.
    pub columns: BTreeSet<Attribute>,
    /// A page is kept beside the state.
    pub page: bool,
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
            columns: BTreeSet::new(),
            page: true,
            always_alive: false,
        }
    }
}

impl Settings {
    /// Returns how fluo's own troubles are told.
    pub(crate) fn telling(&self) -> Telling {
        Telling { repeat: self.repeat_errors.0, severities: self.trouble_severity.clone() }
    }
}
