//! `Span` of `opentelemetry/proto/trace/v1/trace.proto`. Whatever is wrong inside stays inside: it is
//! the reason why this one span is set aside.

use super::value::attribute;
use super::wire::{Reader, Wire};
use crate::draft::{Draft, EventDraft, Id, LinkDraft};
use crate::set_aside::Reason;
use crate::span::{Kind, Status};

/// Reads a span; of fields given twice the last wins, unknown ones are ignored.
pub(super) fn span(bytes: &[u8], depth: usize) -> Result<Draft, Reason> {
    let mut span = Draft::default();
    message(bytes, |number, wire| {
        match number {
            1 => span.trace_id = Id::from_bytes(wire.bytes().ok_or_else(unfit)?),
            2 => span.span_id = Id::from_bytes(wire.bytes().ok_or_else(unfit)?),
            3 => text(wire)?.clone_into(&mut span.trace_state),
            4 => span.parent_span_id = Id::from_bytes(wire.bytes().ok_or_else(unfit)?),
            5 => text(wire)?.clone_into(&mut span.name),
            6 => span.kind = Kind::from_number(enumerated(wire)?),
            7 => span.start = wire.number().ok_or_else(unfit)?,
            8 => span.end = wire.number().ok_or_else(unfit)?,
            9 => span.attributes.push(attribute(wire.bytes().ok_or_else(unfit)?, depth)?),
            10 => span.dropped_attributes = unsigned(wire)?,
            11 => span.events.push(event(wire.bytes().ok_or_else(unfit)?, depth)?),
            12 => span.dropped_events = unsigned(wire)?,
            13 => span.links.push(link(wire.bytes().ok_or_else(unfit)?, depth)?),
            14 => span.dropped_links = unsigned(wire)?,
            15 => message(wire.bytes().ok_or_else(unfit)?, |number, wire| {
                match number {
                    2 => text(wire)?.clone_into(&mut span.status_message),
                    3 => span.status = Status::from_number(enumerated(wire)?),
                    _ => {}
                }
                Ok(())
            })?,
            16 => span.flags = unsigned(wire)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(span)
}

fn event(bytes: &[u8], depth: usize) -> Result<EventDraft, Reason> {
    let mut event = EventDraft::default();
    message(bytes, |number, wire| {
        match number {
            1 => event.time = wire.number().ok_or_else(unfit)?,
            2 => text(wire)?.clone_into(&mut event.name),
            3 => event.attributes.push(attribute(wire.bytes().ok_or_else(unfit)?, depth)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(event)
}

fn link(bytes: &[u8], depth: usize) -> Result<LinkDraft, Reason> {
    let mut link = LinkDraft::default();
    message(bytes, |number, wire| {
        match number {
            1 => link.trace_id = Id::from_bytes(wire.bytes().ok_or_else(unfit)?),
            2 => link.span_id = Id::from_bytes(wire.bytes().ok_or_else(unfit)?),
            3 => text(wire)?.clone_into(&mut link.trace_state),
            4 => link.attributes.push(attribute(wire.bytes().ok_or_else(unfit)?, depth)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(link)
}

/// Reads a message inside of a span, field by field.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    mut field: impl FnMut(u32, Wire<'a>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field().map_err(|_| unfit())? {
        field(number, wire)?;
    }
    Ok(())
}

/// A text field.
pub(super) fn text(wire: Wire<'_>) -> Result<&str, Reason> {
    std::str::from_utf8(wire.bytes().ok_or_else(unfit)?).map_err(|_| unfit())
}

/// Broken, or of the wrong wire type.
pub(super) fn unfit() -> Reason {
    Reason::MalformedSpan
}

fn unsigned(wire: Wire<'_>) -> Result<u32, Reason> {
    wire.number().and_then(|number| u32::try_from(number).ok()).ok_or_else(unfit)
}

fn enumerated(wire: Wire<'_>) -> Result<i64, Reason> {
    // Negative enum numbers are ten bytes on the wire; OTLP defines none.
    wire.number().map(u64::cast_signed).ok_or_else(unfit)
}
