//! A span as received, from either encoding, before it is judged: the one place that says what makes
//! a span (`finish`), so that JSON and protobuf cannot differ.

use std::sync::Arc;

use crate::set_aside::Reason;
use crate::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};

/// An id as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Id<const N: usize> {
    /// Not there, or empty.
    #[default]
    Missing,
    /// There, but not `N` bytes.
    Malformed,
    /// All `N` bytes, perhaps all zero.
    Bytes([u8; N]),
}

impl<const N: usize> Id<N> {
    /// From raw bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        match <[u8; N]>::try_from(bytes) {
            Ok(id) => Self::Bytes(id),
            Err(_) if bytes.is_empty() => Self::Missing,
            Err(_) => Self::Malformed,
        }
    }

    fn required(self, missing: Reason, malformed: Reason, zero: Reason) -> Result<[u8; N], Reason> {
        match self {
            Self::Missing => Err(missing),
            Self::Malformed => Err(malformed),
            Self::Bytes(id) if id == [0; N] => Err(zero),
            Self::Bytes(id) => Ok(id),
        }
    }
}

/// A link as received.
#[derive(Debug, Default)]
pub(crate) struct LinkDraft {
    pub(crate) trace_id: Id<16>,
    pub(crate) span_id: Id<8>,
    pub(crate) trace_state: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl LinkDraft {
    fn finish(self) -> Result<Link, Reason> {
        let trace_id = match self.trace_id {
            Id::Bytes(id) => id,
            Id::Missing => [0; 16],
            Id::Malformed => return Err(Reason::MalformedLink),
        };
        let span_id = match self.span_id {
            Id::Bytes(id) => id,
            Id::Missing => [0; 8],
            Id::Malformed => return Err(Reason::MalformedLink),
        };
        let attributes = Attributes::new(self.attributes);
        Ok(Link { trace_id, span_id, trace_state: self.trace_state, attributes })
    }
}

/// An event as received.
#[derive(Debug, Default)]
pub(crate) struct EventDraft {
    pub(crate) time: u64,
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl EventDraft {
    fn finish(self) -> Result<Event, Reason> {
        let time_ns = i64::try_from(self.time).map_err(|_| Reason::EventTimeOutOfRange)?;
        Ok(Event { time_ns, name: self.name, attributes: Attributes::new(self.attributes) })
    }
}

/// A span as received; times in nanoseconds since the Unix epoch, 0 where they are missing.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) trace_id: Id<16>,
    pub(crate) span_id: Id<8>,
    pub(crate) parent_span_id: Id<8>,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) status_message: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) events: Vec<EventDraft>,
    pub(crate) links: Vec<LinkDraft>,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
}

impl Draft {
    /// The span, or the first reason why it is none.
    pub(crate) fn finish(
        self,
        resource: Arc<Resource>,
        scope: Arc<InstrumentationScope>,
    ) -> Result<Span, Reason> {
        let trace_id =
            self.trace_id.required(Reason::MissingTraceId, Reason::MalformedTraceId, Reason::ZeroTraceId)?;
        let span_id =
            self.span_id.required(Reason::MissingSpanId, Reason::MalformedSpanId, Reason::ZeroSpanId)?;
        let parent_span_id = match self.parent_span_id {
            Id::Malformed => return Err(Reason::MalformedParentSpanId),
            Id::Bytes(id) if id != [0; 8] => Some(id),
            // Some SDKs write the root's absent parent as eight zero bytes.
            Id::Missing | Id::Bytes(_) => None,
        };
        if self.end == 0 {
            return Err(Reason::MissingEnd);
        }
        let end_ns = i64::try_from(self.end).map_err(|_| Reason::EndOutOfRange)?;
        // A start beyond i64 is after every end.
        let start_ns = i64::try_from(self.start).map_err(|_| Reason::EndBeforeStart)?;
        if end_ns < start_ns {
            return Err(Reason::EndBeforeStart);
        }
        Ok(Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            status: self.status,
            status_message: self.status_message,
            start_ns,
            end_ns,
            attributes: Attributes::new(self.attributes),
            resource,
            scope,
            events: self.events.into_iter().map(EventDraft::finish).collect::<Result<_, _>>()?,
            links: self.links.into_iter().map(LinkDraft::finish).collect::<Result<_, _>>()?,
            dropped_attributes: self.dropped_attributes,
            dropped_events: self.dropped_events,
            dropped_links: self.dropped_links,
        })
    }
}

/// A resource from its attributes as received: `service.name` gets its own field.
pub(crate) fn resource(mut attributes: Vec<(String, String)>) -> Resource {
    let service_name =
        attributes.iter().rev().find(|(key, _)| key == "service.name").map(|(_, name)| name.clone());
    if service_name.is_some() {
        attributes.retain(|(key, _)| key != "service.name");
    }
    Resource { service_name, attributes: Attributes::new(attributes) }
}
