//! The table of all keys of rule files, test files, silences and `fluo.yml`: what the loaders accept and what the
//! JSON Schemas say of it.
//!
//! Each line is one key: its name, the shape of its value, what it means with its unit, and its default. The
//! loader calls a key unknown when it is in no line here, and [`crate::schema`] prints these lines, so that
//! the two cannot drift apart.

mod config;
mod key;
mod silence;
mod test_file;
mod trace;

use key::key;

pub(crate) use config::sink_table;
pub(crate) use key::{
    CONVENTIONS, EVENTS, KINDS, Key, MANY, MANY_SPANS, MAX_EVIDENCE, PIPELINES, SAMPLINGS, SEVERITIES,
    STATES, STATUSES, Shape, SinkType, Table,
};
pub(crate) use trace::is_of_step;

impl Table {
    /// Those of rule files, for what is derived from the table.
    pub(crate) const OF_RULES: [Self; 19] = [
        Self::File,
        Self::Rule,
        Self::Defaults,
        Self::Selector,
        Self::Trace,
        Self::Step,
        Self::ForbiddenSequence,
        Self::StepCount,
        Self::Event,
        Self::Operators,
        Self::Aggregate,
        Self::CountForm,
        Self::PercentileForm,
        Self::Evidence,
        Self::Realert,
        Self::Inhibit,
        Self::Levels,
        Self::Slo,
        Self::LimitsFile,
    ];

    /// Those of test files.
    pub(crate) const OF_TESTS: [Self; 7] = [
        Self::TestFile,
        Self::Test,
        Self::SpanFile,
        Self::Span,
        Self::SpanEvent,
        Self::SpanLink,
        Self::Expectation,
    ];

    /// Those of silences.
    pub(crate) const OF_SILENCES: [Self; 4] =
        [Self::SilenceFile, Self::Silence, Self::SilenceMatcher, Self::Weekly];

    /// Those of `fluo.yml`.
    pub(crate) fn of_config() -> impl Iterator<Item = Self> {
        [Self::Config, Self::Troubles, Self::SecretEnv].into_iter().chain(SinkType::ALL.map(Self::Sink))
    }

    /// Its name in the schema's `$defs`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File | Self::TestFile | Self::SilenceFile => "file",
            Self::Rule => "rule",
            Self::Defaults => "defaults",
            Self::Selector => "selector",
            Self::Trace => "trace",
            Self::Step => "step",
            Self::ForbiddenSequence => "forbidden_sequence",
            Self::StepCount => "step_count",
            Self::Event | Self::SpanEvent => "event",
            Self::Operators => "operators",
            Self::Aggregate => "aggregate",
            Self::CountForm => "count",
            Self::PercentileForm => "percentile",
            Self::Evidence => "evidence",
            Self::Realert => "realert",
            Self::Inhibit => "inhibit",
            Self::Levels => "levels",
            Self::Slo => "slo",
            Self::LimitsFile => "limits_file",
            Self::Test => "test",
            Self::SpanFile => "span_file",
            Self::Span => "span",
            Self::SpanLink => "link",
            Self::Expectation => "expectation",
            Self::Silence => "silence",
            Self::SilenceMatcher => "matcher",
            Self::Weekly => "weekly",
            Self::Config => "config",
            Self::Troubles => "trouble_severity",
            Self::AnySink => "sink",
            Self::Sink(kind) => kind.word(),
            Self::SecretEnv => "environment",
        }
    }

    /// Its keys.
    pub(crate) fn keys(self) -> &'static [Key] {
        match self {
            Self::File => FILE,
            Self::Rule => RULE,
            // `name` comes first in the table of rules, and is the one key that cannot be had in common.
            Self::Defaults => RULE.split_first().map_or(&[], |(_, rest)| rest),
            Self::Selector => &SELECTOR,
            Self::Trace => trace::TRACE,
            Self::Step => trace::STEP,
            Self::ForbiddenSequence => trace::FORBIDDEN_SEQUENCE,
            Self::StepCount => trace::STEP_COUNT,
            Self::Event => EVENT,
            Self::Operators => OPERATORS,
            Self::Aggregate => AGGREGATE,
            Self::CountForm => COUNT,
            Self::PercentileForm => PERCENTILE,
            Self::Evidence => EVIDENCE,
            Self::Realert => REALERT,
            Self::Inhibit => INHIBIT,
            Self::Levels => LEVELS,
            Self::Slo => SLO,
            Self::LimitsFile => LIMITS_FILE,
            Self::TestFile => test_file::FILE,
            Self::Test => test_file::TEST,
            Self::SpanFile => test_file::SPAN_FILE,
            Self::Span => test_file::SPAN,
            Self::SpanEvent => test_file::SPAN_EVENT,
            Self::SpanLink => test_file::SPAN_LINK,
            Self::Expectation => test_file::EXPECTATION,
            Self::SilenceFile => silence::FILE,
            Self::Silence => silence::SILENCE,
            Self::SilenceMatcher => silence::SILENCE_MATCHER,
            Self::Weekly => silence::WEEKLY,
            Self::Config => config::CONFIG,
            Self::Troubles => config::TROUBLES,
            Self::AnySink => config::SINK,
            Self::Sink(kind) => kind.keys(),
            Self::SecretEnv => config::SECRET_ENV,
        }
    }

    /// Keys without which the mapping means nothing.
    pub(crate) fn required(self) -> &'static [&'static str] {
        match self {
            Self::ForbiddenSequence => &["sequence"],
            Self::StepCount => &["of", "as"],
            Self::File => &["rules"],
            Self::PercentileForm => &["of", "p"],
            Self::Evidence => &["only"],
            Self::Inhibit => &["rule"],
            Self::Slo => &["objective", "good"],
            Self::TestFile => &["rules", "tests"],
            Self::Test => &["name", "expect"],
            Self::SpanFile | Self::LimitsFile => &["file"],
            Self::Span => &["at"],
            Self::SpanLink => &["span_id"],
            Self::Rule | Self::SpanEvent => &["name"],
            Self::Expectation => &["rule", "at", "state"],
            Self::SilenceFile => &["silences"],
            Self::Silence => &["matchers", "comment"],
            Self::SilenceMatcher => &["matches"],
            Self::Weekly => &["from", "to"],
            Self::Config => &["store", "rules"],
            Self::AnySink => &["type"],
            Self::Sink(kind) => kind.required(),
            Self::SecretEnv => &["env"],
            _ => &[],
        }
    }

    /// The key called `name`.
    pub(crate) fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }
}

const FILE: &[Key] = &[
    key(
        "defaults",
        Shape::Map(Table::Defaults),
        None,
        "What the file's rules have in common. Maps merge key by key; the rule wins.",
    ),
    key("rules", Shape::ListOf(Table::Rule), None, "The rules."),
];

const RULE: &[Key] = &[
    key("name", Shape::Text, None, "The rule's identity, unique over everything loaded together."),
    key("description", Shape::Text, None, "What the rule is about, for people."),
    key("severity", Shape::Word(SEVERITIES), Some("warning"), "How bad a violation is."),
    key("enabled", Shape::Bool, Some("true"), "Disabled rules are checked and not evaluated."),
    key(
        "labels",
        Shape::TextMap,
        None,
        "Labels for routing, as texts or as MiniJinja templates over rule, severity and group. Not part of an alert's identity.",
    ),
    key(
        "annotations",
        Shape::TextMap,
        None,
        "Texts for people, as MiniJinja templates over rule, severity, labels, group, value, first, peak, limit, condition, window, started_at, firing_for, evidence, top, trace_url(trace_id), runbook_url and state.",
    ),
    key(
        "semantic_conventions",
        Shape::Word(CONVENTIONS),
        Some("renamed"),
        "Whether an attribute's name also matches the names it had before and after OpenTelemetry renamed it, or only itself.",
    ),
    key(
        "sampling",
        Shape::Word(SAMPLINGS),
        Some("stored"),
        "Whether a span counts once as it is stored, or adjusted for the spans that sampling left out: 1 / probability, by the threshold in its trace state (ot=th:…). Counts, rates, sums, avg, stddev and percentiles are adjusted.",
    ),
    key("span", Shape::Map(Table::Selector), None, "Which spans the rule is about: all entries must hold."),
    key(
        "trace",
        Shape::Map(Table::Trace),
        None,
        "In place of `span`: what each trace must do, and must not.",
    ),
    key(
        "sql",
        Shape::Text,
        None,
        "In place of `span`: one SELECT over the table `spans`, which holds the spans of the window. Each of its rows is a violation; its texts are the group, its numbers, durations and moments the values.",
    ),
    key(
        "slo",
        Shape::Map(Table::Slo),
        None,
        "A service level objective over the spans of `span`, in place of a condition. It stands for two rules, NAME/page and NAME/ticket.",
    ),
    key(
        "window",
        Shape::Duration { zero: false },
        Some("1m"),
        "Length of the window (t - window, t], a duration.",
    ),
    key(
        "every",
        Shape::Duration { zero: false },
        None,
        "Examine the windows that end at multiples of this duration. Left out: the window, at most 1m, where the condition needs a grid at all.",
    ),
    key("group_by", Shape::Texts, None, "One evaluation per combination of these fields' values."),
    key(
        "group_limit",
        Shape::Integer { min: 1, max: MANY },
        Some("10000"),
        "Most groups in one evaluation; with more the rule reports itself as overflowing.",
    ),
    key(
        "limits",
        Shape::Limits,
        None,
        "Limits by group, for `limit.NAME` in `where`, aggregates, conditions and templates: rows of group keys and limits, tried in order, or {file: PATH} of a CSV file beside the rule's. A group without a row is not judged.",
    ),
    key("expect", Shape::Groups, None, "Groups that exist at every moment, with or without spans."),
    key(
        "lookback",
        Shape::Duration { zero: false },
        Some("7d"),
        "How far back a group counts as seen, a duration.",
    ),
    key("aggregation", Shape::Aggregates, Some("{count: 10}"), "Named values over the spans of a window."),
    key(
        "condition",
        Shape::ExpressionOr(Table::Levels),
        None,
        "What makes a window a violation: an expression over the aggregates, or one for each level of severity.",
    ),
    key(
        "resolve_condition",
        Shape::Expression,
        None,
        "What must hold for a violation to be over: an expression over the aggregates. Left out: that the condition does not hold.",
    ),
    key(
        "for",
        Shape::Duration { zero: true },
        Some("0s"),
        "How long the condition must hold before the alert fires, a duration.",
    ),
    key(
        "keep_firing_for",
        Shape::Duration { zero: true },
        Some("0s"),
        "How long the alert keeps firing after the condition stopped holding, a duration.",
    ),
    key("realert", Shape::DurationOr(Table::Realert), Some("4h"), "When a firing alert is told again."),
    key(
        "inhibit",
        Shape::Inhibits,
        None,
        "Rules that make this one redundant while they fire: names, or {rule: NAME, equal: [KEY, …]}.",
    ),
    key(
        "notification_limit",
        Shape::Integer { min: 1, max: MANY },
        Some("50"),
        "Most alerts of this rule told one by one in one evaluation; more become one notification.",
    ),
    key(
        "evidence",
        Shape::TextsOr(Table::Evidence),
        None,
        "Fields that the spans of evidence carry besides those that the rule reads and the usual ones that say what failed (http.route, error.type, k8s.pod.name and others).",
    ),
    key(
        "top",
        Shape::Texts,
        None,
        "Fields of whose values messages name the five commonest among the window's matching spans, with their share.",
    ),
    key("redact", Shape::Texts, None, "Attribute keys whose values are never sent."),
    key(
        "eval_delay",
        Shape::Duration { zero: true },
        None,
        "How long to wait for late spans before a window is taken to be complete, a duration. Left out: as configured, 60s.",
    ),
    key(
        "allowed_lateness",
        Shape::Duration { zero: true },
        None,
        "How far below the watermark an arriving span still re-opens its windows, a duration. Left out: as configured, 1h.",
    ),
    key(
        "settle",
        Shape::Duration { zero: true },
        Some("30s"),
        "Of rules about traces: how long no span of a trace must have ended before it is judged; of rules about the parents or children of spans: how long after the watermark a window waits for them. A duration.",
    ),
    key(
        "max_trace_duration",
        Shape::Duration { zero: false },
        Some("15m"),
        "Of rules about traces: how far the spans of a trace lie apart at most, a duration. A trace without a root is judged so long after its first span started. Of rules about the parents or children of spans: how far from a span's end they may have ended.",
    ),
];

const SELECTOR: [Key; 14] = [
    key("service_name", Shape::Matcher, None, "The resource attribute service.name."),
    key("name", Shape::Matcher, None, "The span's name."),
    key(
        "kind",
        Shape::WordMatcher(KINDS),
        None,
        "unspecified, internal, server, client, producer or consumer.",
    ),
    key("status", Shape::WordMatcher(STATUSES), None, "unset, ok or error."),
    key("status_message", Shape::Matcher, None, "The status's message."),
    key("duration", Shape::Matcher, None, "End - start; values are durations: 500ms, 1.5s, 2m, 1h30m."),
    key("root", Shape::Bool, None, "Whether the span has no parent."),
    key("attributes", Shape::MatcherMap, None, "Attributes of the span."),
    key("resource", Shape::MatcherMap, None, "Attributes of the resource."),
    key("scope", Shape::MatcherMap, None, "Attributes, name and version of the instrumentation scope."),
    key("event", Shape::Map(Table::Event), None, "One event of the span satisfies all of this."),
    key(
        "where",
        Shape::Expression,
        None,
        "An expression over the span's fields, for what the rest cannot say.",
    ),
    key("any", Shape::ListOf(Table::Selector), None, "Selectors of which one must hold."),
    key("not", Shape::Map(Table::Selector), None, "A selector that must not hold."),
];

const LIMITS_FILE: &[Key] = &[key(
    "file",
    Shape::Text,
    None,
    "A CSV file, from the folder of the rule's file. Its first line names the columns: group keys and limits.",
)];

const EVENT: &[Key] = &[
    key("name", Shape::Matcher, None, "The event's name."),
    key("attributes", Shape::MatcherMap, None, "Attributes of the event."),
];

const OPERATORS: &[Key] = &[
    key("eq", Shape::Scalar, None, "Equals."),
    key("ne", Shape::Scalar, None, "Has a value, and it differs."),
    key("gt", Shape::Scalar, None, "Greater, as numbers or durations."),
    key("gte", Shape::Scalar, None, "Greater or equal, as numbers or durations."),
    key("lt", Shape::Scalar, None, "Less, as numbers or durations."),
    key("lte", Shape::Scalar, None, "Less or equal, as numbers or durations."),
    key("in", Shape::Scalars, None, "Equals one of these."),
    key("not_in", Shape::Scalars, None, "Has a value, and it equals none of these."),
    key("contains", Shape::Scalar, None, "The text contains this."),
    key("starts_with", Shape::Scalar, None, "The text starts with this."),
    key("ends_with", Shape::Scalar, None, "The text ends with this."),
    key(
        "matches",
        Shape::Scalar,
        None,
        "This regular expression (Rust's regex crate, unanchored) is found in the text.",
    ),
    key("exists", Shape::Bool, None, "There is, or is not, a value."),
];

const AGGREGATE: &[Key] = &[
    key("count", Shape::EmptyOr(Table::CountForm), None, "Number of matching spans."),
    key("count_distinct", Shape::Field, None, "Exact number of distinct values."),
    key("sum", Shape::Field, None, "Sum of a numeric field or of duration."),
    key("avg", Shape::Field, None, "Arithmetic mean."),
    key("min", Shape::Field, None, "Smallest value."),
    key("max", Shape::Field, None, "Largest value."),
    key("stddev", Shape::Field, None, "Population standard deviation."),
    key(
        "percentile",
        Shape::Map(Table::PercentileForm),
        None,
        "Nearest-rank percentile; `p99: FIELD` is short for it.",
    ),
    key("rate", Shape::Duration { zero: false }, None, "Matching spans per this duration, over the window."),
    key("where", Shape::Expression, None, "Only spans for which this is true take part."),
];

const COUNT: &[Key] =
    &[key("where", Shape::Expression, None, "Only spans for which this is true are counted.")];

const PERCENTILE: &[Key] = &[
    key("of", Shape::Field, None, "A numeric field, or duration."),
    key("p", Shape::Percent, None, "In percent, above 0 and at most 100."),
];

const EVIDENCE: &[Key] = &[key(
    "only",
    Shape::Texts,
    None,
    "Fields that the spans of evidence carry besides those that the rule reads, and no others.",
)];

const INHIBIT: &[Key] = &[
    key("rule", Shape::Text, None, "The name of the rule that makes this one redundant."),
    key(
        "equal",
        Shape::Texts,
        None,
        "Group keys whose values must agree. Left out: those that both rules have; none at all: it inhibits every group.",
    ),
];

const SLO: &[Key] = &[
    key("objective", Shape::Share, None, "The share of spans that must be good, such as `99.9%`."),
    key("good", Shape::Expression, None, "What is true of a span that is good."),
    key(
        "period",
        Shape::Duration { zero: false },
        Some("30d"),
        "How long the error budget lasts, a duration from 3d to 92d.",
    ),
    key(
        "min_events",
        Shape::Integer { min: 1, max: MANY },
        Some("1"),
        "With fewer spans in the long window, nothing is told.",
    ),
];

const LEVELS: &[Key] = &[
    key("info", Shape::Expression, None, "What makes it worth knowing."),
    key("warning", Shape::Expression, None, "What makes it worth looking at."),
    key("critical", Shape::Expression, None, "What makes it worth waking somebody."),
];

const REALERT: &[Key] = &[
    key("every", Shape::Duration { zero: false }, Some("4h"), "Distance to the first reminder, a duration."),
    key("backoff", Shape::Factor, Some("1"), "Factor from one distance to the next."),
    key("max", Shape::Duration { zero: false }, Some("24h"), "Largest distance, a duration."),
];

#[cfg(test)]
mod tests;
