//! A decoded span, every attribute value in canonical text: the form between OTLP and Arrow.

use std::sync::Arc;

pub use crate::attributes::Attributes;

/// One span with its resource and instrumentation scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// 16 bytes, not all zero.
    pub trace_id: [u8; 16],
    /// 8 bytes, not all zero.
    pub span_id: [u8; 8],
    /// `None` at the root.
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C trace state, as received.
    pub trace_state: String,
    /// Bits 0–7 W3C trace flags, 0x100 has-is-remote, 0x200 is-remote.
    pub flags: u32,
    /// Name of the operation.
    pub name: String,
    /// Role of the span.
    pub kind: Kind,
    /// Status code.
    pub status: Status,
    /// Status message; empty where there is none.
    pub status_message: String,
    /// Nanoseconds since the Unix epoch.
    pub start_ns: i64,
    /// Nanoseconds since the Unix epoch; never before `start_ns`. Event time.
    pub end_ns: i64,
    /// The span's own attributes.
    pub attributes: Attributes,
    /// The resource that sent it.
    pub resource: Arc<Resource>,
    /// The instrumentation scope that made it.
    pub scope: Arc<InstrumentationScope>,
    /// The events during it, in the order received.
    pub events: Vec<Event>,
    /// Other spans it is linked to, in the order received.
    pub links: Vec<Link>,
    /// Attributes that the SDK dropped.
    pub dropped_attributes: u32,
    /// Events that the SDK dropped.
    pub dropped_events: u32,
    /// Links that the SDK dropped.
    pub dropped_links: u32,
}

/// The memory that a text takes beside its bytes and its structure: the allocator's share.
const TEXT_COST: usize = 16;

impl Span {
    /// Returns a span that has ids and nothing else.
    pub fn bare(trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            trace_state: String::new(),
            flags: 0,
            name: String::new(),
            kind: Kind::default(),
            status: Status::default(),
            status_message: String::new(),
            start_ns: 0,
            end_ns: 0,
            attributes: Attributes::default(),
            resource: Arc::default(),
            scope: Arc::default(),
            events: Vec::new(),
            links: Vec::new(),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    /// About how many bytes of memory it takes, without its resource and scope, which spans share.
    pub fn cost(&self) -> usize {
        let events = self
            .events
            .iter()
            .map(|event| size_of::<Event>() + TEXT_COST + event.name.len() + event.attributes.cost());
        let links = self
            .links
            .iter()
            .map(|link| size_of::<Link>() + TEXT_COST + link.trace_state.len() + link.attributes.cost());
        size_of::<Self>()
            + 3 * TEXT_COST
            + self.trace_state.len()
            + self.name.len()
            + self.status_message.len()
            + self.attributes.cost()
            + events.sum::<usize>()
            + links.sum::<usize>()
    }

    /// About how many bytes its row takes in columns, where every span repeats its resource and scope.
    pub fn row_cost(&self) -> usize {
        self.cost() + self.resource.cost() + self.scope.cost()
    }
}

/// The entity that produced spans.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Resource {
    /// Its attribute `service.name`; `None` where it is missing. Not repeated in `attributes`.
    pub service_name: Option<String>,
    /// Its other attributes.
    pub attributes: Attributes,
}

impl Resource {
    /// About how many bytes of memory it takes.
    pub fn cost(&self) -> usize {
        size_of::<Self>() + self.service_name.as_ref().map_or(0, String::len) + self.attributes.cost()
    }
}

/// The library that produced spans.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct InstrumentationScope {
    /// Empty where it is unknown.
    pub name: String,
    /// Empty where it is unknown.
    pub version: String,
    /// Its attributes.
    pub attributes: Attributes,
}

impl InstrumentationScope {
    /// About how many bytes of memory it takes.
    pub fn cost(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.version.len() + self.attributes.cost()
    }
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time_ns: i64,
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// A pointer to another span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other span's trace.
    pub trace_id: [u8; 16],
    /// The other span.
    pub span_id: [u8; 8],
    /// The other trace's state.
    pub trace_state: String,
    /// The link's attributes.
    pub attributes: Attributes,
}

/// A span's role. Numbers as in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Kind {
    /// 0, and every number that OTLP does not define
    #[default]
    Unspecified,
    /// 1
    Internal,
    /// 2
    Server,
    /// 3
    Client,
    /// 4
    Producer,
    /// 5
    Consumer,
}

impl Kind {
    /// All, in the order of their OTLP numbers.
    pub const ALL: [Self; 6] =
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// From its OTLP number.
    pub fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or_default()
    }

    /// As rules and columns spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A span's status. Numbers as in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Status {
    /// 0, and every number that OTLP does not define
    #[default]
    Unset,
    /// 1
    Ok,
    /// 2
    Error,
}

impl Status {
    /// All, in the order of their OTLP numbers.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// From its OTLP number.
    pub fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or_default()
    }

    /// As rules and columns spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}
