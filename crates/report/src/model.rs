//! All that a page says. Texts are as they came: the page escapes them.

use std::collections::BTreeMap;

use fluo_alerts::reading::Reading;
use fluo_alerts::reading::gauge::Track;
use fluo_alerts::violation::Violation;
use fluo_rules::rule::Severity;
use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its origin: a look at spans, or an evaluator's state.
    pub origin: Origin,
    /// The time of which it is; nanoseconds since the epoch.
    pub at: i64,
    /// The times that its charts show.
    pub shows: TimeRange,
    /// The times of which it lists violations.
    pub timeline: TimeRange,
    /// Violations, in any order.
    pub episodes: Vec<Episode>,
    /// Rules, in any order.
    pub rules: Vec<Rule>,
    /// Moments that are yet to be judged.
    pub owed: Vec<Owed>,
    /// The troubles of fluo itself.
    pub troubles: Vec<Trouble>,
    /// Facts about evaluation, in the order in which they are told.
    pub evaluation: Vec<Fact>,
    /// The data behind it: spans, files, what was set aside, mended or late.
    pub data: Vec<Fact>,
    /// Data that is missing: files that are damaged, gone, or could not be read.
    pub missing: Vec<Fact>,
    /// The traces that evidence is of, by their ids.
    pub traces: BTreeMap<String, Trace>,
}

/// The origin of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One look at stored spans, which knows neither silences nor who was told.
    Look,
    /// An evaluator's state.
    Kept,
}

/// A name, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The name: `spans`.
    pub name: String,
    /// The rest.
    pub text: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// A violation.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// Its standing.
    pub standing: Standing,
    /// The severity as it is now.
    pub severity: Severity,
    /// The violation.
    pub violation: Violation,
    /// Its comparisons, with their values.
    pub readings: Vec<Reading>,
    /// The silence or the rule that mutes it.
    pub muted_by: Option<String>,
    /// The alert that it was told together with.
    pub related_to: Option<String>,
    /// A link to what is to be done.
    pub runbook: Option<String>,
    /// Links to the traces of the evidence, in its order; empty where there are none.
    pub trace_urls: Vec<String>,
}

/// The standing of a violation at the time of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It fires.
    Firing,
    /// Its condition holds, and has not held for `for` yet.
    Pending {
        /// The time at which it will fire, if it goes on; nanoseconds since the epoch.
        fires_at: i64,
    },
    /// It is over.
    Over,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its description, for people.
    pub description: Option<String>,
    /// The severity of its violations; where it has levels, of the highest.
    pub severity: Severity,
    /// Its subject.
    pub subject: Subject,
    /// The condition as written.
    pub condition: String,
    /// The window, and where it is so the time that the condition must hold: `5m, for 10m`.
    pub window: String,
    /// The moment up to which it was judged; none where it was not.
    pub judged_to: Option<i64>,
    /// The reason why it was not judged.
    pub error: Option<String>,
    /// Its values against its limit; none where they are not known.
    pub track: Option<Track>,
}

/// The thing that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Spans.
    Spans,
    /// Traces, of which a value is known only where one breaks it.
    Traces,
    /// A query, of which a value is known only where it gives rows.
    Query,
}

/// Moments of a rule that are yet to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The rule.
    pub rule: String,
    /// The moments; nanoseconds since the epoch.
    pub moments: TimeRange,
}

/// Something that is wrong with fluo itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its severity.
    pub severity: Severity,
    /// The fault, in a line.
    pub title: String,
    /// The reason.
    pub reason: String,
    /// The time at which it was found.
    pub since: i64,
}

/// A trace, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Its spans: each behind its parent, those of one parent by start.
    pub spans: Vec<TraceSpan>,
    /// The number of spans that are left out.
    pub left_out: usize,
    /// True if all of its spans were looked for; else they are those that violations carry.
    pub is_whole: bool,
}

/// A span of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSpan {
    /// 16 lower-case hexadecimal digits.
    pub span_id: String,
    /// The number of known spans above it.
    pub depth: usize,
    /// The service; none where the resource has none.
    pub service_name: Option<String>,
    /// The span's name.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub start: i64,
    /// Nanoseconds since the epoch.
    pub end: i64,
    /// True if its status is `error`.
    pub is_error: bool,
}
