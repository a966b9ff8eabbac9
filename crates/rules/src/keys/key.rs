//! The parts of the table's lines: keys, the shapes of their values, the mappings that they stand in, and the words
//! that several of them take.

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// One or two sentences, with the unit.
    pub(crate) doc: &'static str,
    /// As it would be written.
    pub(crate) default: Option<&'static str>,
}

/// The shape of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A duration; zero only where `zero` says so.
    Duration { zero: bool },
    /// A whole number from `min` to `max`.
    Integer { min: u32, max: u32 },
    /// A number of at least one.
    Factor,
    /// Percentile: above 0, at most 100.
    Percent,
    /// A share above none and below all, in percent or as a number.
    Share,
    /// A list of texts.
    Texts,
    /// A list of texts, or that mapping.
    TextsOr(Table),
    /// A mapping of text to text.
    TextMap,
    /// A field's name.
    Field,
    /// An expression.
    Expression,
    /// An expression, or that mapping.
    ExpressionOr(Table),
    /// One of the mappings below.
    Map(Table),
    /// A list of that mapping.
    ListOf(Table),
    /// A duration or that mapping.
    DurationOr(Table),
    /// Nothing, or that mapping.
    EmptyOr(Table),
    /// A matcher: a scalar, a list of scalars, or operators.
    Matcher,
    /// The same of a field whose values are these words.
    WordMatcher(&'static [&'static str]),
    /// A mapping of attribute key to matcher.
    MatcherMap,
    /// A scalar.
    Scalar,
    /// A list of scalars.
    Scalars,
    /// A mapping of aggregate name to its form.
    Aggregates,
    /// Groups that always exist.
    Groups,
    /// A list of rows, each a mapping of group key or limit to value, or the mapping that names their file.
    Limits,
    /// Spans that a rule about traces asks for: a selector with the keys of a step, or a `TraceQL` filter.
    Step,
    /// A list of these.
    Steps,
    /// A list of these, and of sequences of them.
    Forbidden,
    /// One of the mappings below, or a list of them.
    OneOrList(Table),
    /// A list of rules' names, or of that mapping.
    Inhibits,
    /// A moment in RFC 3339.
    Instant,
    /// The same, or an offset from a test's start.
    Moment,
    /// Moments, ranges of them, or a list of both.
    Times,
    /// Files with spans: a path, that mapping, or a list of both.
    SpanFiles,
    /// A list of span ids, or of that mapping with more about the link.
    Links,
    /// A mapping of attribute key to value.
    Literals,
    /// A mapping of group key to value or nothing.
    OneGroup,
    /// A mapping of aggregate name to number, duration or nothing.
    Expected,
    /// A mapping of label to text, list of texts, or pattern.
    SilenceMatchers,
    /// Days of the week.
    Days,
    /// `HH:MM`.
    TimeOfDay,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// The type of a sink: this word.
    SinkType(&'static str),
    /// A list of sinks, each of its type.
    Sinks,
    /// A text that is not to be seen, or `{env: NAME}`.
    Secret,
    /// A list of these.
    Secrets,
    /// A mapping of text to them.
    SecretMap,
}

/// The mappings of rule files, test files, silences and `fluo.yml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    File,
    Rule,
    Defaults,
    Selector,
    Trace,
    Step,
    ForbiddenSequence,
    StepCount,
    Event,
    Operators,
    Aggregate,
    CountForm,
    PercentileForm,
    Evidence,
    Realert,
    Inhibit,
    Levels,
    Slo,
    /// `{file: limits.csv}`.
    LimitsFile,
    TestFile,
    Test,
    SpanFile,
    Span,
    SpanEvent,
    SpanLink,
    Expectation,
    SilenceFile,
    Silence,
    SilenceMatcher,
    Weekly,
    Config,
    Troubles,
    /// A sink of no known type.
    AnySink,
    Sink(SinkType),
    /// `{env: NAME}`.
    SecretEnv,
}

/// The types of sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SinkType {
    Alertmanager,
    File,
    Otlp,
    PagerDuty,
    Slack,
    Sns,
    Stdout,
    Teams,
    Webhook,
}

impl SinkType {
    /// All of them, in the order of their words.
    pub(crate) const ALL: [Self; 9] = [
        Self::Alertmanager,
        Self::File,
        Self::Otlp,
        Self::PagerDuty,
        Self::Slack,
        Self::Sns,
        Self::Stdout,
        Self::Teams,
        Self::Webhook,
    ];

    /// The word that `type` is.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::File => "file",
            Self::Otlp => "otlp",
            Self::PagerDuty => "pagerduty",
            Self::Slack => "slack",
            Self::Sns => "sns",
            Self::Stdout => "stdout",
            Self::Teams => "teams",
            Self::Webhook => "webhook",
        }
    }
}

pub(crate) const SEVERITIES: &[&str] = &["info", "warning", "critical"];
pub(crate) const CONVENTIONS: &[&str] = &["renamed", "exact"];
pub(crate) const SAMPLINGS: &[&str] = &["stored", "adjusted"];
pub(crate) const KINDS: &[&str] = &["unspecified", "internal", "server", "client", "producer", "consumer"];
pub(crate) const STATUSES: &[&str] = &["unset", "ok", "error"];

pub(crate) const PIPELINES: &[&str] = &["alive", "stops"];
pub(crate) const STATES: &[&str] = &["inactive", "pending", "firing", "resolved"];
/// The events of one alert.
pub(crate) const EVENTS: &[&str] =
    &["firing", "escalated", "renotify", "resolved", "fired_late", "withdrawn", "reopened"];

/// Most spans of one test: more is a benchmark.
pub(crate) const MANY_SPANS: u32 = 100_000;

/// Most spans of evidence.
pub(crate) const MAX_EVIDENCE: u32 = 1000;
pub(crate) const MANY: u32 = 1_000_000;

pub(super) const fn key(
    name: &'static str,
    shape: Shape,
    default: Option<&'static str>,
    doc: &'static str,
) -> Key {
    Key { name, shape, doc, default }
}
