//! `Span` of `opentelemetry/proto/trace/v1/trace.proto`. Whatever is wrong inside stays inside.

use super::message::message;
use super::value::attribute;
use super::wire::Wire;
use crate::draft::{Draft, EventDraft, LinkDraft};
use crate::mend::Mend;
use crate::mending::Mending;

/// Reads a span; of fields given twice the last wins, unknown ones are ignored.
pub(super) fn span(bytes: &[u8], mending: &mut Mending<'_>) -> Draft {
    let mut span = Draft::default();
    let whole = message(bytes, mending, |number, wire, mending| match number {
        1 => span.trace_id = mending.id_in_bytes(wire.received()),
        2 => span.span_id = mending.id_in_bytes(wire.received()),
        3 => span.trace_state = mending.text(wire.received()),
        4 => span.parent_span_id = mending.id_in_bytes(wire.received()),
        5 => span.name = mending.text(wire.received()),
        6 => span.kind = mending.kind(wire.received()),
        7 => span.start = mending.time(wire.received()),
        8 => span.end = mending.time(wire.received()),
        9 => attribute(wire, &mut span.attributes, mending),
        10 => span.dropped_attributes = mending.count(wire.received()),
        11 if span.has_room_for_event(mending) => {
            let event = wire.bytes().map(|bytes| event(bytes, mending));
            span.event(event, mending);
        }
        12 => span.dropped_events = mending.count(wire.received()),
        13 if span.has_room_for_link(mending) => {
            let link = wire.bytes().map(|bytes| link(bytes, mending));
            span.link(link, mending);
        }
        14 => span.dropped_links = mending.count(wire.received()),
        15 => status(wire, &mut span, mending),
        16 => span.flags = mending.flags(wire.received()),
        _ => {}
    });
    span.breaks_off = !whole;
    span
}

/// Reads a status, or a code that stands in its place.
fn status(wire: Wire<'_>, span: &mut Draft, mending: &mut Mending<'_>) {
    let Some(bytes) = wire.bytes() else {
        mending.note(Mend::OtherType);
        span.status = mending.status(wire.received());
        return;
    };
    message(bytes, mending, |number, wire, mending| match number {
        2 => span.status_message = mending.text(wire.received()),
        3 => span.status = mending.status(wire.received()),
        _ => {}
    });
}

fn event(bytes: &[u8], mending: &mut Mending<'_>) -> EventDraft {
    let mut event = EventDraft::default();
    message(bytes, mending, |number, wire, mending| match number {
        1 => event.time = mending.time(wire.received()),
        2 => event.name = mending.text(wire.received()),
        3 => attribute(wire, &mut event.attributes, mending),
        _ => {}
    });
    event
}

fn link(bytes: &[u8], mending: &mut Mending<'_>) -> LinkDraft {
    let mut link = LinkDraft::default();
    message(bytes, mending, |number, wire, mending| match number {
        1 => link.trace_id = mending.id_in_bytes(wire.received()),
        2 => link.span_id = mending.id_in_bytes(wire.received()),
        3 => link.trace_state = mending.text(wire.received()),
        4 => attribute(wire, &mut link.attributes, mending),
        _ => {}
    });
    link
}
