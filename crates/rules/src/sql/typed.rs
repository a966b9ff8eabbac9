//! Facts about an expression of a query that are known without running it: its type, its parts and its largest size.

use std::ops::Range;

use crate::field::{Field, Intrinsic, Scope};

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A whole number.
    Whole,
    Number,
    Duration,
    Moment,
    Bool,
    /// All attributes of a scope, by key.
    Attributes(Scope),
    /// `NULL` alone, which may be of any type.
    Null,
    /// Of an expression that was refused.
    Unknown,
}

impl Kind {
    /// As a person would say it of a column.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole | Self::Number => "numbers",
            Self::Duration => "durations",
            Self::Moment => "moments",
            Self::Bool => "true or false",
            Self::Attributes(_) => "all attributes together",
            Self::Null => "nothing but NULL",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Number)
    }

    /// Returns whether nothing is known that could be wrong.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Null | Self::Unknown)
    }

    /// The type of what is one or the other; none where they do not go together.
    pub(super) fn or(self, other: Self) -> Option<Self> {
        match (self, other) {
            (one, other) if one == other => Some(one),
            (Self::Unknown, _) | (_, Self::Unknown) => Some(Self::Unknown),
            (Self::Null, kind) | (kind, Self::Null) => Some(kind),
            (Self::Whole | Self::Number, Self::Whole | Self::Number) => Some(Self::Number),
            _ => None,
        }
    }
}

/// An expression.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) kind: Kind,
    /// The fields of spans that its value is made of, each once.
    pub(super) reads: Vec<Field>,
    /// Of a text: the number of texts of spans, or of the query, that it may hold.
    pub(super) texts: u32,
}

impl Typed {
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, reads: Vec::new(), texts: 1 }
    }

    pub(super) fn unknown() -> Self {
        Self::of(Kind::Unknown)
    }

    /// Another type, made of the same.
    pub(super) fn with(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Made of another, too.
    pub(super) fn reading(mut self, other: &Self) -> Self {
        for field in &other.reads {
            if !self.reads.contains(field) {
                self.reads.push(field.clone());
            }
        }
        self
    }
}

/// A column of the rows of a query.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its name; none of an expression without `AS`.
    pub(super) name: Option<String>,
    pub(super) at: Range<usize>,
    pub(super) typed: Typed,
}

/// A column of the table `spans`.
#[derive(Debug)]
pub struct SpanColumn {
    /// Its name.
    pub name: &'static str,
    pub(super) kind: Kind,
    /// The field of a span that it is, where expressions have one.
    field: Option<Intrinsic>,
    /// Its meaning, for people.
    pub meaning: &'static str,
}

const fn column(
    name: &'static str,
    kind: Kind,
    field: Option<Intrinsic>,
    meaning: &'static str,
) -> SpanColumn {
    SpanColumn { name, kind, field, meaning }
}

/// The columns of the table `spans`, in order.
pub const SPAN_COLUMNS: &[SpanColumn] = &[
    column("trace_id", Kind::Text, Some(Intrinsic::TraceId), "The trace's id, 32 hexadecimal digits."),
    column("span_id", Kind::Text, Some(Intrinsic::SpanId), "The span's id, 16 hexadecimal digits."),
    column("parent_span_id", Kind::Text, None, "The parent's id; NULL of a root."),
    column("trace_state", Kind::Text, None, "The W3C trace state; NULL where it is empty."),
    column("name", Kind::Text, Some(Intrinsic::Name), "The name of the operation."),
    column(
        "service_name",
        Kind::Text,
        Some(Intrinsic::ServiceName),
        "The resource attribute `service.name`.",
    ),
    column(
        "kind",
        Kind::Text,
        Some(Intrinsic::Kind),
        "unspecified, internal, server, client, producer or consumer.",
    ),
    column("status", Kind::Text, Some(Intrinsic::Status), "unset, ok or error."),
    column(
        "status_message",
        Kind::Text,
        Some(Intrinsic::StatusMessage),
        "The status's message; NULL where it is empty.",
    ),
    column("start_time", Kind::Moment, None, "When the span started."),
    column("end_time", Kind::Moment, None, "When it ended: the moment at which it counts."),
    column("duration", Kind::Duration, Some(Intrinsic::Duration), "End less start."),
    column("duration_ns", Kind::Whole, Some(Intrinsic::Duration), "The same as a number of nanoseconds."),
    column(
        "scope_name",
        Kind::Text,
        Some(Intrinsic::ScopeName),
        "The instrumentation scope's name; NULL where it is empty.",
    ),
    column(
        "scope_version",
        Kind::Text,
        Some(Intrinsic::ScopeVersion),
        "Its version; NULL where it is empty.",
    ),
    column("attributes", Kind::Attributes(Scope::Span), None, "All attributes of the span, as texts by key."),
    column(
        "resource_attributes",
        Kind::Attributes(Scope::Resource),
        None,
        "All attributes of its resource, as texts by key.",
    ),
    column(
        "scope_attributes",
        Kind::Attributes(Scope::Scope),
        None,
        "All attributes of its instrumentation scope, as texts by key.",
    ),
];

impl SpanColumn {
    pub(super) fn typed(&self) -> Typed {
        let reads = self.field.map(Field::Intrinsic).into_iter().collect();
        Typed { reads, ..Typed::of(self.kind) }
    }
}
