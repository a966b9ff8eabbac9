//! The keys of test files.

use super::key::{
    EVENTS, KINDS, Key, MANY_SPANS, PIPELINES, SEVERITIES, STATES, STATUSES, Shape, Table, key,
};

pub(super) const FILE: &[Key] = &[
    key("rules", Shape::Texts, None, "Rule files under test, as paths relative to this file."),
    key("tests", Shape::ListOf(Table::Test), None, "The tests."),
];

pub(super) const TEST: &[Key] = &[
    key("name", Shape::Text, None, "What must happen, in words; unique in the file."),
    key(
        "start",
        Shape::Instant,
        Some("2026-01-01T00:00:00Z"),
        "The moment that offsets count from, in RFC 3339.",
    ),
    key(
        "until",
        Shape::Moment,
        None,
        "How far is evaluated, as an offset or in RFC 3339. Left out: to the last span's arrival and on until everything has settled.",
    ),
    key(
        "pipeline",
        Shape::Word(PIPELINES),
        Some("alive"),
        "Whether files go on arriving after the last span, so that silence is an answer, or nothing arrives any more.",
    ),
    key(
        "late",
        Shape::Duration { zero: true },
        Some("0s"),
        "How long after their end the spans arrive that say nothing themselves, a duration.",
    ),
    key("spans", Shape::ListOf(Table::Span), None, "Spans, each entry one or many."),
    key(
        "spans_from",
        Shape::SpanFiles,
        None,
        "Files of OTLP with spans, as paths relative to this file; their times are as they are.",
    ),
    key(
        "expect",
        Shape::ListOf(Table::Expectation),
        None,
        "What must be so once everything has arrived. A rule that is not listed must have no alert at all.",
    ),
];

pub(super) const SPAN_FILE: &[Key] = &[
    key("file", Shape::Text, None, "Path relative to the test file."),
    key(
        "late",
        Shape::Duration { zero: true },
        None,
        "How long after their end its spans arrive, a duration.",
    ),
];

pub(super) const SPAN: &[Key] = &[
    key(
        "at",
        Shape::Times,
        None,
        "When the span ends: an offset from `start` (`50s`), a range with both its ends (`0s..50s`, with `every`), a moment in RFC 3339, or a list of these.",
    ),
    key("every", Shape::Duration { zero: false }, None, "Distance between the spans of a range, a duration."),
    key(
        "count",
        Shape::Integer { min: 1, max: MANY_SPANS },
        Some("1"),
        "How many spans at each of these times.",
    ),
    key("late", Shape::Duration { zero: true }, None, "How long after its end the span arrives, a duration."),
    key("duration", Shape::Duration { zero: true }, Some("10ms"), "End - start, a duration."),
    key("service_name", Shape::Text, None, "The resource attribute service.name. Left out: there is none."),
    key("name", Shape::Text, Some("span"), "The span's name."),
    key("kind", Shape::Word(KINDS), Some("internal"), "The span's kind."),
    key("status", Shape::Word(STATUSES), Some("unset"), "The span's status."),
    key("status_message", Shape::Text, None, "The status's message."),
    key(
        "trace_id",
        Shape::Text,
        None,
        "32 hexadecimal digits, or a word that stands for an id in this test. Left out: that of the parent, else one of its own for each span.",
    ),
    key(
        "span_id",
        Shape::Text,
        None,
        "16 hexadecimal digits, or a word that stands for an id in this test. Left out: one of its own for each span.",
    ),
    key(
        "parent",
        Shape::Text,
        None,
        "The parent's `span_id`, as written there. Left out: the span is a root.",
    ),
    key(
        "trace_state",
        Shape::Text,
        None,
        "The W3C trace state, in which sampling leaves its threshold: `ot=th:8` stands for one span in two.",
    ),
    key("attributes", Shape::Literals, None, "Attributes of the span, with their types as written."),
    key("resource", Shape::Literals, None, "Attributes of the resource."),
    key("scope", Shape::Literals, None, "Name, version and attributes of the instrumentation scope."),
    key("events", Shape::ListOf(Table::SpanEvent), None, "Events of the span."),
    key(
        "links",
        Shape::Links,
        None,
        "Links to other spans: their `span_id`, as written there, or that with more about the link.",
    ),
];

pub(super) const SPAN_LINK: &[Key] = &[
    key(
        "span_id",
        Shape::Text,
        None,
        "The other span's `span_id`: as written there, or 16 hexadecimal digits.",
    ),
    key(
        "trace_id",
        Shape::Text,
        None,
        "The other span's trace. Left out: the one that it is in in this test, else that of the span with the link.",
    ),
    key("attributes", Shape::Literals, None, "Attributes of the link."),
];

pub(super) const SPAN_EVENT: &[Key] = &[
    key("name", Shape::Text, None, "The event's name."),
    key("attributes", Shape::Literals, None, "Attributes of the event."),
    key(
        "at",
        Shape::Duration { zero: true },
        None,
        "How long after the span's start, a duration. Left out: at its end.",
    ),
];

pub(super) const EXPECTATION: &[Key] = &[
    key("rule", Shape::Text, None, "The rule's name."),
    key("at", Shape::Moment, None, "Event time: an offset from `start`, or RFC 3339."),
    key("state", Shape::Word(STATES), None, "The alert's state at that moment, once everything has arrived."),
    key(
        "group",
        Shape::OneGroup,
        None,
        "Which alert: values of `group_by`, `null` for a missing one. Keys that are left out may have any value.",
    ),
    key(
        "value",
        Shape::Expected,
        None,
        "Values of the rule's aggregates: numbers, durations, `null` for no value. Those left out may be any.",
    ),
    key("values", Shape::Expected, None, "The same as `value`."),
    key(
        "severity",
        Shape::Word(SEVERITIES),
        None,
        "How bad the alert is at that moment: of a rule with levels, by the highest that holds.",
    ),
    key(
        "event",
        Shape::Word(EVENTS),
        None,
        "A message that was told about the alert, where it is not the state alone that matters.",
    ),
    key("reason", Shape::Text, None, "The reason that the message gives."),
    key("summary", Shape::Text, None, "The annotation `summary` as rendered, to the letter."),
];
