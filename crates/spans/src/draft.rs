//! A span as received, from either encoding, before it is judged: the one place that says what makes
//! a span (`finish`), so that JSON and protobuf cannot differ.

use std::sync::Arc;

use crate::attributes::Pairs;
use crate::id::Id;
use crate::limits::Limits;
use crate::mend::{Mend, Mends};
use crate::mending::{AttributeList, Mending};
use crate::received::Time;
use crate::semconv::SERVICE_NAME;
use crate::set_aside::Reason;
use crate::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};

/// A link as received.
#[derive(Debug, Default)]
pub(crate) struct LinkDraft {
    pub(crate) trace_id: Id<16>,
    pub(crate) span_id: Id<8>,
    pub(crate) trace_state: String,
    pub(crate) attributes: AttributeList,
}

/// An event as received.
#[derive(Debug, Default)]
pub(crate) struct EventDraft {
    pub(crate) time: Time,
    pub(crate) name: String,
    pub(crate) attributes: AttributeList,
}

/// A span as received.
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
    pub(crate) start: Time,
    pub(crate) end: Time,
    pub(crate) attributes: AttributeList,
    events: Vec<Event>,
    links: Vec<Link>,
    /// As the SDK says.
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
    /// Left out here.
    lost_events: u32,
    lost_links: u32,
    /// It breaks off, so that what is missing may have been there.
    pub(crate) breaks_off: bool,
}

impl Draft {
    /// Returns whether there is room for one more event; if not, it is lost.
    pub(crate) fn has_room_for_event(&mut self, mending: &mut Mending<'_>) -> bool {
        // Lists grow by doubling.
        mending.has_room(
            self.events.len(),
            2 * size_of::<Event>(),
            Mend::TooManyEvents,
            &mut self.lost_events,
        )
    }

    /// Adds an event, or leaves it out: `None` is what is no event.
    pub(crate) fn event(&mut self, event: Option<EventDraft>, mending: &mut Mending<'_>) {
        let event = event.and_then(|event| {
            let time_ns = match event.time {
                Time::Missing => 0,
                Time::Malformed => return None,
                Time::At(time) => i64::try_from(time).ok()?,
            };
            Some(Event {
                time_ns,
                name: event.name,
                attributes: Attributes::received(event.attributes.pairs),
            })
        });
        match event {
            Some(event) => self.events.push(event),
            None => lost(&mut self.lost_events, Mend::MalformedEvent, mending),
        }
    }

    /// Returns whether there is room for one more link; if not, it is lost.
    pub(crate) fn has_room_for_link(&mut self, mending: &mut Mending<'_>) -> bool {
        mending.has_room(self.links.len(), 2 * size_of::<Link>(), Mend::TooManyLinks, &mut self.lost_links)
    }

    /// Adds a link, or leaves it out: `None` is what is no link.
    pub(crate) fn link(&mut self, link: Option<LinkDraft>, mending: &mut Mending<'_>) {
        let link = link.and_then(|link| {
            Some(Link {
                trace_id: link.trace_id.optional()?,
                span_id: link.span_id.optional()?,
                trace_state: link.trace_state,
                attributes: Attributes::received(link.attributes.pairs),
            })
        });
        match link {
            Some(link) => self.links.push(link),
            None => lost(&mut self.lost_links, Mend::MalformedLink, mending),
        }
    }

    /// The span and what was mended of it, or the first reason why it cannot be placed.
    pub(crate) fn finish(
        self,
        mut mending: Mending<'_>,
        resource: Arc<Resource>,
        scope: Arc<InstrumentationScope>,
    ) -> Result<(Span, Mends), Reason> {
        let (trace_id, span_id, end_ns) = self.place(mending.limits())?;
        let parent_span_id = match self.parent_span_id {
            Id::Bytes(id) if id != [0; 8] => Some(id),
            // Some SDKs write the root's absent parent as eight zero bytes.
            Id::Missing | Id::Bytes(_) => None,
            Id::Malformed => {
                mending.note(Mend::MalformedParent);
                None
            }
        };
        let start_ns = match self.start {
            // A start beyond i64 is after every end.
            Time::At(start) => {
                i64::try_from(start).ok().filter(|start| *start <= end_ns).unwrap_or_else(|| {
                    mending.note(Mend::EndBeforeStart);
                    end_ns
                })
            }
            Time::Missing | Time::Malformed => {
                mending.note(Mend::MissingStart);
                end_ns
            }
        };
        let span = Span {
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
            attributes: Attributes::received(self.attributes.pairs),
            resource,
            scope,
            events: self.events,
            links: self.links,
            dropped_attributes: self.dropped_attributes.saturating_add(self.attributes.lost),
            dropped_events: self.dropped_events.saturating_add(self.lost_events),
            dropped_links: self.dropped_links.saturating_add(self.lost_links),
        };
        Ok((span, mending.mends()))
    }

    /// Returns the span's ids and end, or the first reason why nobody knows them.
    fn place(&self, limits: &Limits) -> Result<([u8; 16], [u8; 8], i64), Reason> {
        let placed = || {
            let trace_id = self.trace_id.required(
                Reason::MissingTraceId,
                Reason::MalformedTraceId,
                Reason::ZeroTraceId,
            )?;
            let span_id =
                self.span_id.required(Reason::MissingSpanId, Reason::MalformedSpanId, Reason::ZeroSpanId)?;
            let end = match self.end {
                Time::Missing => return Err(Reason::MissingEnd),
                Time::Malformed => return Err(Reason::MalformedEnd),
                Time::At(end) => i64::try_from(end).map_err(|_| Reason::EndOutOfRange)?,
            };
            if end > limits.latest_end_ns { Err(Reason::EndInFuture) } else { Ok((trace_id, span_id, end)) }
        };
        placed().map_err(|reason| if self.breaks_off { Reason::MalformedSpan } else { reason })
    }
}

fn lost(count: &mut u32, mend: Mend, mending: &mut Mending<'_>) {
    mending.note(mend);
    *count = count.saturating_add(1);
}

/// A resource from its attributes as received: `service.name` gets its own field.
pub(crate) fn resource(attributes: AttributeList, mending: &mut Mending<'_>) -> Resource {
    let mut pairs = attributes.pairs;
    trim(&mut pairs, 0, mending);
    let service_name =
        pairs.iter().rev().find(|(key, _)| *key == SERVICE_NAME).map(|(_, name)| name.to_owned());
    if service_name.is_some() {
        pairs.retain(|key, _| key != SERVICE_NAME);
    }
    Resource { service_name, attributes: Attributes::received(pairs) }
}

/// An instrumentation scope as received.
pub(crate) fn scope(
    mut name: String,
    mut version: String,
    attributes: AttributeList,
    mending: &mut Mending<'_>,
) -> InstrumentationScope {
    for text in [&mut name, &mut version] {
        if text.len() > mending.limits().max_resource_bytes / 4 {
            mending.note(Mend::ResourceTooLarge);
            text.clear();
        }
    }
    let mut pairs = attributes.pairs;
    trim(&mut pairs, name.len() + version.len(), mending);
    InstrumentationScope { name, version, attributes: Attributes::received(pairs) }
}

/// Leaves out the longest attributes until all of them, with `beside`, are no more than every span can repeat.
fn trim(pairs: &mut Pairs, beside: usize, mending: &mut Mending<'_>) {
    let lengths: Vec<usize> = pairs.iter().map(|(key, value)| key.len() + value.len()).collect();
    let mut total = beside + lengths.iter().sum::<usize>();
    if total <= mending.limits().max_resource_bytes {
        return;
    }
    mending.note(Mend::ResourceTooLarge);
    let mut longest: Vec<usize> = (0..pairs.len()).collect();
    // Of equally long ones the later go first.
    longest.sort_by_key(|at| std::cmp::Reverse((lengths[*at], *at)));
    let mut kept = vec![true; pairs.len()];
    for at in longest {
        if total <= mending.limits().max_resource_bytes {
            break;
        }
        total -= lengths[at];
        kept[at] = false;
    }
    let mut kept = kept.into_iter();
    pairs.retain(|_, _| kept.next().unwrap_or(true));
}
