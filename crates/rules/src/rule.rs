//! The checked form of a rule: what is left when every mistake has been reported.
//!
//! Everything behind the loader (planning, evaluation, the reference evaluator of the tests) reads these
//! types and nothing else; YAML, spellings and defaults are gone. A `Rule` that exists is well formed:
//! names are resolved, units agree, regular expressions and templates parse.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use fluo_time::Nanos;

use crate::condition::{Condition, Level};
use crate::expr::{Expr, Type, type_of};
use crate::field::Field;
use crate::limits::{Limit, Limits};
use crate::matcher::Matcher;
use crate::objective::Objective;
use crate::sql::{SqlRule, Unit};
use crate::trace::TraceRule;

/// A declared condition over spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Identity; unique over everything that is loaded together.
    pub name: String,
    /// The rule's subject, for people.
    pub description: Option<String>,
    /// The severity of a violation; where the condition has levels, that of the highest.
    pub severity: Severity,
    /// Disabled rules are checked and not evaluated.
    pub enabled: bool,
    /// Routing labels. Not part of an alert's identity.
    pub labels: BTreeMap<String, String>,
    /// Texts for people: `MiniJinja` templates by name (`summary`, `runbook_url`, …).
    pub annotations: BTreeMap<String, String>,
    /// The way in which attribute names match their renamed predecessors and successors.
    pub conventions: Conventions,
    /// The number of spans that a sampled span counts as.
    pub sampling: Sampling,
    /// The spans or traces that the rule is about.
    pub subject: Subject,
    /// Length of the window `(t − window, t]`; at least 1 ns.
    pub window: Nanos,
    /// The grid step as given; `None` where the rule did not say (see [`Rule::grid_step`]).
    pub every: Option<Nanos>,
    /// One evaluation per combination of these values, in this order.
    pub group_by: Vec<GroupKey>,
    /// Most groups in one evaluation; with more the rule reports itself as overflowing.
    pub group_limit: u32,
    /// Limits by group, by the keys of `group_by`; groups without a row are not judged.
    pub limits: Option<Arc<Limits>>,
    /// Groups that exist at every moment, each with one value per `group_by` entry (`None`: missing).
    pub expect: Vec<Vec<Option<String>>>,
    /// The time after its last span for which a group counts as seen.
    pub lookback: Nanos,
    /// The declared aggregates in the order of the file, without the implied `count`.
    pub aggregates: Vec<Aggregate>,
    /// The largest number of spans that a violation carries as evidence.
    pub evidence_limit: u32,
    /// The fields of each span that evidence shows besides those that the rule reads.
    pub evidence: EvidenceKeys,
    /// Keys of which messages name the commonest values.
    pub top: Vec<GroupKey>,
    /// The condition that makes a window a violation.
    pub condition: Condition,
    /// The time that the condition must hold before the alert fires.
    pub hold_for: Nanos,
    /// The time that the alert keeps firing after the condition stopped holding.
    pub keep_firing_for: Nanos,
    /// The distances at which a firing alert is told again.
    pub realert: Realert,
    /// Rules that make this one redundant while they fire.
    pub inhibit: Vec<Inhibit>,
    /// Most alerts of this rule told one by one in one evaluation.
    pub notification_limit: u32,
    /// Keys whose values are never sent.
    pub redact: Vec<String>,
    /// Distance of the watermark behind the evaluation time, where the rule sets its own.
    pub eval_delay: Option<Nanos>,
    /// The distance below the watermark within which late spans re-open windows, where the rule sets its own.
    pub allowed_lateness: Option<Nanos>,
    /// Of a rule about spans that asks for their parents or children: when these are taken to be there.
    pub kin: Option<Kin>,
    /// The rule's place and text.
    pub source: Source,
}

/// The times that decide which parents and children of spans are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kin {
    /// The time after the watermark that a window waits for them.
    pub settle: Nanos,
    /// They are looked for among the spans that ended less than this before a span, and at most this after it.
    pub within: Nanos,
}

/// Distance of the watermark behind the evaluation time, where neither rule nor deployment says.
pub const EVAL_DELAY: Nanos = Nanos::MINUTE;

/// The distance below the watermark within which late spans re-open windows, where neither rule nor deployment says.
pub const ALLOWED_LATENESS: Nanos = Nanos::HOUR;

/// The grid step of a rule: `every`, or the window but at most one minute.
pub fn grid_step(every: Option<Nanos>, window: Nanos) -> Nanos {
    every.unwrap_or(Nanos(window.0.min(Nanos::MINUTE.0)))
}

impl Rule {
    /// The grid step: `every`, or the window but at most one minute.
    pub fn grid_step(&self) -> Nanos {
        grid_step(self.every, self.window)
    }

    /// Returns the demands on traces of a rule about traces.
    pub fn trace(&self) -> Option<&TraceRule> {
        match &self.subject {
            Subject::Traces(trace) => Some(trace),
            Subject::Spans(_) | Subject::Sql(_) => None,
        }
    }

    /// Returns the query of a rule that is one.
    pub fn sql(&self) -> Option<&SqlRule> {
        match &self.subject {
            Subject::Sql(query) => Some(query),
            Subject::Spans(_) | Subject::Traces(_) => None,
        }
    }

    /// Returns the objective of a rule about one.
    pub fn objective(&self) -> Option<&Objective> {
        self.condition.objective()
    }

    /// Returns how long a group is judged after each of its spans.
    pub fn presence(&self) -> Nanos {
        self.objective().map_or(self.window, |objective| self.window.max(objective.presence()))
    }

    /// Returns the time behind the watermark that the rule waits for spans that are still to come.
    pub fn waits(&self) -> Nanos {
        let of_trace = self.trace().map(TraceRule::waits);
        of_trace.or(self.kin.map(|kin| kin.settle)).unwrap_or_default()
    }

    /// The names of the counts of one trace.
    pub fn counts(&self) -> impl Iterator<Item = &str> {
        self.trace().into_iter().flat_map(|trace| trace.counts.iter().map(|count| count.name.as_str()))
    }

    /// Returns whether a violation carries the value of that name: of an aggregate that it declares (without `aggregation`,
    /// of `count`), of a count of traces, of a call of a function over earlier windows, or of a limit by group.
    pub fn declares(&self, name: &str) -> bool {
        if self.objective().is_some() {
            return self.calls(name);
        }
        if self.counts().any(|count| count == name) || self.aggregates.is_empty() && name == Aggregate::COUNT
        {
            return true;
        }
        let is_aggregate = self.aggregates.iter().any(|aggregate| aggregate.name == name);
        is_aggregate || self.calls(name) || self.limit(name).is_some()
    }

    /// The limit by group of that name (`limit.slow`).
    pub fn limit(&self, name: &str) -> Option<&Limit> {
        self.limits.as_ref()?.names().iter().find(|limit| limit.name == name)
    }

    /// Returns whether its condition has this call of a function over earlier windows.
    pub fn calls(&self, name: &str) -> bool {
        self.condition.earlier().iter().any(|call| call.name == name)
    }

    /// Returns the severity of a violation at which a level of its condition holds.
    pub fn severity_of(&self, level: &Level) -> Severity {
        level.severity.unwrap_or(self.severity)
    }

    /// The aggregate called `name`: a declared one, or the implied `count`.
    pub fn aggregate(&self, name: &str) -> Option<Aggregate> {
        self.aggregates
            .iter()
            .find(|aggregate| aggregate.name == name)
            .cloned()
            .or_else(|| (name == Aggregate::COUNT).then(Aggregate::implied_count))
    }
}

/// The place of a rule, and its text as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as named to the loader.
    pub file: Arc<str>,
    /// 1-based line of the rule's name.
    pub line: u32,
    /// The file's whole text.
    pub text: Arc<str>,
    /// Bytes of `text` that are this rule.
    pub range: Range<usize>,
    /// SHA-256 of what decides, in lower-case hexadecimal: the name that the rule's text is kept under
    /// ([`crate::decisive`]).
    pub hash: String,
}

/// The severity of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at; the default.
    #[default]
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// All of them, the least severe first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// As written in rules and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way in which attribute names follow the semantic conventions' renames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conventions {
    /// A name matches itself, its successors and its predecessors.
    #[default]
    Renamed,
    /// A name matches itself only (`semantic_conventions: exact`).
    Exact,
}

/// The number of spans that a sampled span counts as, in counts, rates, sums, means, deviations and percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampling {
    /// Each span that is stored counts once.
    #[default]
    Stored,
    /// Each counts for those, too, that sampling left out: by the threshold in its trace state
    /// (`sampling: adjusted`).
    Adjusted,
}

/// One entry of `group_by`, `evidence` or `top`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupKey {
    /// As written; part of every payload, and of `group_by` of the fingerprint.
    pub key: String,
    /// The field that it names.
    pub field: Field,
}

/// The fields of each span that evidence shows besides those that the rule reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvidenceKeys {
    /// The keys that the rule lists.
    pub keys: Vec<GroupKey>,
    /// True if [`EvidenceKeys::USUAL`] are left out (`evidence: {only: […]}`).
    pub only: bool,
}

impl EvidenceKeys {
    /// Attributes that say what failed, and nothing about people.
    pub const USUAL: [&'static str; 15] = [
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "url.template",
        "rpc.service",
        "rpc.method",
        "rpc.grpc.status_code",
        "db.system.name",
        "db.operation.name",
        "messaging.system",
        "messaging.destination.name",
        "error.type",
        "exception.type",
        "server.address",
        "k8s.pod.name",
    ];
}

/// The subject of a rule: the rows of which its windows are made.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// Spans: these.
    Spans(Selector),
    /// Traces: those that break this.
    Traces(Box<TraceRule>),
    /// Spans as a query sees them: the rows that it gives.
    Sql(Box<SqlRule>),
}

impl Subject {
    /// The limits by group that decide which spans it is about.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        let limits = match self {
            Self::Spans(selector) => selector.limits(),
            // Steps cannot ask for any, nor can queries.
            Self::Traces(_) | Self::Sql(_) => Vec::new(),
        };
        limits.into_iter()
    }
}

/// A selection of spans.
#[derive(Debug, Clone, PartialEq)]
pub enum Selector {
    /// All must hold; the empty list selects every span.
    All(Vec<Selector>),
    /// One must hold; the empty list selects none.
    Any(Vec<Selector>),
    /// Must not hold.
    Not(Box<Selector>),
    /// A field's value satisfies the matcher.
    Match(Field, Matcher),
    /// One event of the span satisfies all of this.
    Event {
        /// The event's name.
        name: Option<Matcher>,
        /// The event's own attributes.
        attributes: Vec<(String, Matcher)>,
    },
    /// A `where` expression is true.
    Where(Expr),
}

impl Selector {
    /// The limits by group that decide which spans it selects.
    pub fn limits(&self) -> Vec<&Limit> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::limits).collect(),
            Self::Not(inner) => inner.limits(),
            Self::Match(..) | Self::Event { .. } => Vec::new(),
            Self::Where(expr) => expr.limits(),
        }
    }

    /// Returns whether the parents or children of spans decide which spans it selects.
    pub fn reads_kin(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reads_kin),
            Self::Not(inner) => inner.reads_kin(),
            Self::Match(field, _) => field.is_of_kin(),
            Self::Event { .. } => false,
            Self::Where(expr) => reads_kin(expr),
        }
    }
}

fn reads_kin(expr: &Expr) -> bool {
    expr.fields().into_iter().any(Field::is_of_kin)
}

/// A named value over the spans of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The name that the condition uses.
    pub name: String,
    /// The function that is computed.
    pub function: AggregateFunction,
    /// Only spans for which this is true take part.
    pub filter: Option<Expr>,
}

impl Aggregate {
    /// Name of the aggregate that is always defined.
    pub const COUNT: &'static str = "count";

    /// Returns whether it reads the parents or children of spans.
    pub fn reads_kin(&self) -> bool {
        let of_value = self.function.fields().into_iter().any(Field::is_of_kin);
        of_value || self.filter.as_ref().is_some_and(reads_kin)
    }

    /// The limits by group that it reads.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        let of_value = self.function.measure().map(Expr::limits);
        of_value.into_iter().chain(self.filter.as_ref().map(Expr::limits)).flatten()
    }

    /// `count` where the rule did not declare it.
    pub fn implied_count() -> Self {
        Self { name: Self::COUNT.to_owned(), function: AggregateFunction::Count, filter: None }
    }
}

/// The value of an aggregate, computed of a field or of an expression over fields. Spans for which that has no
/// (numeric) value take no part, except in `Count`.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregateFunction {
    /// Number of spans.
    Count,
    /// Exact number of distinct values.
    CountDistinct(Field),
    /// Sum; no value over nothing.
    Sum(Expr),
    /// Arithmetic mean; no value over nothing.
    Avg(Expr),
    /// Smallest value.
    Min(Expr),
    /// Largest value.
    Max(Expr),
    /// Population standard deviation.
    Stddev(Expr),
    /// Nearest-rank percentile.
    Percentile {
        /// Over which values.
        of: Expr,
        /// In percent, above 0 and at most 100.
        p: f64,
    },
    /// Spans per `per` over the window: count × per / window.
    Rate {
        /// The unit of time.
        per: Nanos,
    },
    /// A column of the rows of a query, which computes it itself.
    Column(Unit),
}

impl AggregateFunction {
    /// Returns whether it is a number of spans, or of values: of no spans that is 0.
    pub fn counts(&self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct(_) | Self::Rate { .. })
    }

    /// The number or duration of each span that is aggregated, where there is one.
    pub fn measure(&self) -> Option<&Expr> {
        match self {
            Self::Count | Self::Rate { .. } | Self::CountDistinct(_) | Self::Column(_) => None,
            Self::Sum(of)
            | Self::Avg(of)
            | Self::Min(of)
            | Self::Max(of)
            | Self::Stddev(of)
            | Self::Percentile { of, .. } => Some(of),
        }
    }

    /// The fields that it reads.
    pub fn fields(&self) -> Vec<&Field> {
        match self {
            Self::CountDistinct(field) => vec![field],
            function => function.measure().map(Expr::fields).unwrap_or_default(),
        }
    }

    /// Returns whether it takes a value of each span, and does not only count them.
    pub fn takes_value(&self) -> bool {
        !matches!(self, Self::Count | Self::Rate { .. } | Self::Column(_))
    }

    /// Returns whether its value is a duration.
    pub fn is_of_durations(&self) -> bool {
        *self == Self::Column(Unit::Duration)
            || self.measure().is_some_and(|of| type_of(of, &[]) == Type::Duration)
    }
}

/// A rule that makes another redundant while it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibit {
    /// Its name.
    pub rule: String,
    /// The group keys whose values must agree; none where all must that both rules have.
    pub equal: Option<Vec<String>>,
}

/// The distances in time at which a firing alert is told again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Realert {
    /// First distance.
    pub every: Nanos,
    /// Factor from one distance to the next; 1 keeps it.
    pub backoff: f64,
    /// Largest distance.
    pub max: Nanos,
}
