//! The input of an evaluation, and its output.

use fluo_rules::rule::Severity;
use fluo_spans::span::Span;

/// The facts that only the product defines, and on which the reference is no second opinion.
#[derive(Clone, Copy)]
pub struct Givens<'a> {
    /// Hash of a span's canonical text: of two copies of a span that differ, the smaller one's wins.
    pub hash: &'a dyn Fn(&Span) -> [u8; 32],
    /// All names of an attribute: its own first, then the others, newest first.
    pub spellings: &'a dyn Fn(&str) -> Vec<String>,
    /// All spans that are stored, among which parents and children are looked for; the reference puts them here itself.
    pub stored: &'a [Span],
}

impl<'a> Givens<'a> {
    /// Gives the reference what the product defines.
    pub const fn new(
        hash: &'a dyn Fn(&Span) -> [u8; 32],
        spellings: &'a dyn Fn(&str) -> Vec<String>,
    ) -> Self {
        Self { hash, spellings, stored: &[] }
    }
}

/// The moments that are judged, in nanoseconds since the epoch, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// Without it, the end of the first of all spans; for grid rules plus the window.
    pub from: Option<i64>,
    /// Without it, the end of the last of all spans.
    pub to: Option<i64>,
}

/// A group's values, in the order of `group_by`; `None` where a span has no value.
pub type Group = Vec<Option<String>>;

/// An aggregate's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RefValue {
    /// No value.
    None,
    /// Counts, sums of integers, and durations in nanoseconds except means and deviations.
    Int(i128),
    /// Everything else.
    Float(f64),
}

/// Aggregates by name, in the order of the rule; of a rule about traces, then the counts of the window's first.
pub type Values = Vec<(String, RefValue)>;

/// A moment at which the condition holds, or what held before goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct HoldingMoment {
    /// For which group.
    pub group: Group,
    /// The end of the window, in nanoseconds since the epoch.
    pub at: i64,
    /// The aggregates over the window.
    pub values: Values,
}

/// One violation: holding moments of one group, each at most `gap` after the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The group.
    pub group: Group,
    /// The first moment.
    pub starts_at: i64,
    /// The last moment.
    pub ends_at: i64,
    /// True if the judged range ends before `ends_at + gap`.
    pub ongoing: bool,
    /// The values at `starts_at`.
    pub values: Values,
    /// The severity of the worst of its moments; only of rules with levels.
    pub worst: Option<Severity>,
    /// The severity of its last moment.
    pub severity: Option<Severity>,
    /// The values at its worst: at the highest level, where the first comparison of that exceeds most.
    pub peak: Values,
    /// The values at `ends_at`.
    pub latest: Values,
    /// Trace id, span id and end of the spans at `starts_at` that show what is wrong, the guiltiest first.
    pub evidence: Vec<SpanKey>,
    /// Of a rule about traces: the demands that the first trace at `starts_at` breaks.
    pub failed: Vec<String>,
}

/// The identity of a span: trace id, span id and end.
pub type SpanKey = ([u8; 16], [u8; 8], i64);

/// The rule has more groups than its `group_limit`, and is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow {
    /// The number that there is.
    pub groups: usize,
    /// The number that there may be.
    pub limit: u32,
}
