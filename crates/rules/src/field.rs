//! The fields that a rule can read of a span: its own fields, and attributes in their scopes.

use std::fmt;

/// Something that a span has a value for, or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// One of the span's own fields.
    Intrinsic(Intrinsic),
    /// An attribute.
    Attribute {
        /// The scope that it is looked up in.
        scope: Scope,
        /// The key as the rule spells it.
        key: String,
    },
    /// A field of the span's parent; no value where the parent is not stored.
    Parent(Box<Field>),
}

impl Field {
    /// The attribute `key` of `scope`. `resource.service.name`, `scope.name`, `scope.version`, `event.name`,
    /// `link.trace_id` and `link.span_id` are [`Intrinsic`]s: they have columns of their own.
    pub fn attribute(scope: Scope, key: impl Into<String>) -> Self {
        let key = key.into();
        match (scope, key.as_str()) {
            (Scope::Resource | Scope::Either, "service.name") => Self::Intrinsic(Intrinsic::ServiceName),
            (Scope::Scope, "name") => Self::Intrinsic(Intrinsic::ScopeName),
            (Scope::Scope, "version") => Self::Intrinsic(Intrinsic::ScopeVersion),
            (Scope::Event, "name") => Self::Intrinsic(Intrinsic::EventName),
            (Scope::Link, "trace_id") => Self::Intrinsic(Intrinsic::LinkTraceId),
            (Scope::Link, "span_id") => Self::Intrinsic(Intrinsic::LinkSpanId),
            _ => Self::Attribute { scope, key },
        }
    }

    /// Returns whether other spans decide its value: the parent, or the children.
    pub fn is_of_kin(&self) -> bool {
        matches!(self, Self::Parent(_) | Self::Intrinsic(Intrinsic::SelfTime))
    }

    /// Of what a span may have many, where the field is of such a thing: `events` or `links`. A comparison with it holds
    /// when it holds for one of them.
    pub fn many(&self) -> Option<&'static str> {
        match self {
            Self::Intrinsic(Intrinsic::EventName) | Self::Attribute { scope: Scope::Event, .. } => {
                Some("events")
            }
            Self::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId)
            | Self::Attribute { scope: Scope::Link, .. } => Some("links"),
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intrinsic(intrinsic) => f.write_str(intrinsic.as_str()),
            Self::Attribute { scope, key } => {
                let bare = is_bare_key(key);
                match (scope, bare) {
                    (Scope::Either, true) => write!(f, ".{key}"),
                    (Scope::Either, false) => write!(f, "any[{key:?}]"),
                    (_, true) => write!(f, "{}.{key}", scope.as_str()),
                    (_, false) => write!(f, "{}[{key:?}]", scope.as_str()),
                }
            }
            Self::Parent(field) => match &**field {
                Self::Attribute { scope: Scope::Either, key } if is_bare_key(key) && !is_taken(key) => {
                    write!(f, "parent.{key}")
                }
                Self::Attribute { scope: Scope::Either, key } => write!(f, "parent.any[{key:?}]"),
                field => write!(f, "parent.{field}"),
            },
        }
    }
}

/// Returns whether `key` can stand behind `span.` as it is; any other is written `span["…"]`. A dash would be a minus,
/// and a digit first would make `.5` both a key and a number.
pub(crate) fn is_bare_key(key: &str) -> bool {
    key.chars().next().is_some_and(|first| !first.is_numeric())
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

/// Returns whether a word behind `parent.` means something else than an attribute of that key.
fn is_taken(key: &str) -> bool {
    crate::expr::parse_field(key).ok() != Some(Field::attribute(Scope::Either, key))
        || key.starts_with("parent.")
        || key == "parent"
}

/// The attributes among which one is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The span's attributes.
    Span,
    /// The resource's attributes.
    Resource,
    /// The instrumentation scope's attributes.
    Scope,
    /// The attributes of the span's events: a comparison holds when it holds for one event.
    Event,
    /// The attributes of the span's links: a comparison holds when it holds for one link.
    Link,
    /// The span's attributes, else the resource's (unscoped names).
    Either,
}

impl Scope {
    /// As written before the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Event => "event",
            Self::Link => "link",
            Self::Either => "",
        }
    }
}

/// A span's own fields. All are plain text except `Duration` and `SelfTime` (nanoseconds) and `Root` (boolean);
/// their text is never read as a JSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intrinsic {
    /// The span's name.
    Name,
    /// unspecified, internal, server, client, producer, consumer.
    Kind,
    /// unset, ok, error.
    Status,
    /// The status's message; no value where it is empty.
    StatusMessage,
    /// End − start.
    Duration,
    /// Lower-case hex.
    TraceId,
    /// Lower-case hex.
    SpanId,
    /// The resource attribute `service.name`; no value where it is missing.
    ServiceName,
    /// The part of its duration in which none of its children ran.
    SelfTime,
    /// `true` where the span has no parent.
    Root,
    /// Name of the instrumentation scope; no value where it is empty.
    ScopeName,
    /// Version of the instrumentation scope; no value where it is empty.
    ScopeVersion,
    /// Name of an event of the span (any event, in comparisons).
    EventName,
    /// Trace id of a link of the span (any link, in comparisons), in lower-case hex.
    LinkTraceId,
    /// Span id of a link of the span (any link, in comparisons), in lower-case hex.
    LinkSpanId,
}

impl Intrinsic {
    /// As written in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Kind => "kind",
            Self::Status => "status",
            Self::StatusMessage => "status_message",
            Self::Duration => "duration",
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::ServiceName => "service_name",
            Self::SelfTime => "self_time",
            Self::Root => "root",
            Self::ScopeName => "scope.name",
            Self::ScopeVersion => "scope.version",
            Self::EventName => "event.name",
            Self::LinkTraceId => "link.trace_id",
            Self::LinkSpanId => "link.span_id",
        }
    }
}
