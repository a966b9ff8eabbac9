//! A span in JSON, with its events, links and status.

use super::scanner::{Scanner, Syntax};
use super::value::attributes;
use crate::draft::{Draft, EventDraft, LinkDraft};
use crate::id::Id;
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::received::Received;

/// Reads a span; `None` is something else, which was stepped over. Of equal keys the last wins; lists given twice are one
/// longer list, as in protobuf.
pub(super) fn span(scanner: &mut Scanner<'_>, mending: &mut Mending<'_>) -> Result<Option<Draft>, Syntax> {
    let mut span = Draft::default();
    let is_span = scanner.object(|scanner, key| {
        match key {
            "traceId" | "trace_id" => span.trace_id = Id::of_text(scanner.value()?),
            "spanId" | "span_id" => span.span_id = Id::of_text(scanner.value()?),
            "parentSpanId" | "parent_span_id" => {
                span.parent_span_id = Id::of_text(scanner.value()?);
            }
            "traceState" | "trace_state" => span.trace_state = mending.text(scanner.value()?),
            "flags" => span.flags = mending.flags(scanner.value()?),
            "name" => span.name = mending.text(scanner.value()?),
            "kind" => span.kind = mending.kind(scanner.value()?),
            "startTimeUnixNano" | "start_time_unix_nano" => span.start = mending.time(scanner.value()?),
            "endTimeUnixNano" | "end_time_unix_nano" => span.end = mending.time(scanner.value()?),
            "attributes" => attributes(scanner, &mut span.attributes, mending)?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                span.dropped_attributes = mending.count(scanner.value()?);
            }
            "events" => list(scanner, mending, |scanner, mending| {
                if span.has_room_for_event(mending) {
                    let event = event(scanner, mending, attributes)?;
                    span.event(event, mending);
                    return Ok(());
                }
                scanner.skip()
            })?,
            "droppedEventsCount" | "dropped_events_count" => {
                span.dropped_events = mending.count(scanner.value()?);
            }
            "links" => list(scanner, mending, |scanner, mending| {
                if span.has_room_for_link(mending) {
                    let link = link(scanner, mending, attributes)?;
                    span.link(link, mending);
                    return Ok(());
                }
                scanner.skip()
            })?,
            "droppedLinksCount" | "dropped_links_count" => {
                span.dropped_links = mending.count(scanner.value()?);
            }
            "status" => status(scanner, mending, &mut span)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(is_span.then_some(span))
}

/// Reads a status, or a code that stands in its place.
fn status(scanner: &mut Scanner<'_>, mending: &mut Mending<'_>, span: &mut Draft) -> Result<(), Syntax> {
    if scanner.peek() != Some(b'{') {
        let code = scanner.value()?;
        if code != Received::Nothing {
            mending.note(Mend::OtherType);
            span.status = mending.status(code);
        }
        return Ok(());
    }
    scanner.object(|scanner, key| {
        match key {
            "code" => span.status = mending.status(scanner.value()?),
            "message" => span.status_message = mending.text(scanner.value()?),
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(())
}

/// Reads attributes in the form in which they stand.
type ReadAttributes = fn(&mut Scanner<'_>, &mut AttributeList, &mut Mending<'_>) -> Result<(), Syntax>;

/// Reads an event; `None` is something else.
pub(super) fn event(
    scanner: &mut Scanner<'_>,
    mending: &mut Mending<'_>,
    attributes: ReadAttributes,
) -> Result<Option<EventDraft>, Syntax> {
    let mut event = EventDraft::default();
    let is_event = scanner.object(|scanner, key| {
        match key {
            "timeUnixNano" | "time_unix_nano" => event.time = mending.time(scanner.value()?),
            "name" => event.name = mending.text(scanner.value()?),
            "attributes" => attributes(scanner, &mut event.attributes, mending)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(is_event.then_some(event))
}

/// Reads a link; `None` is something else.
pub(super) fn link(
    scanner: &mut Scanner<'_>,
    mending: &mut Mending<'_>,
    attributes: ReadAttributes,
) -> Result<Option<LinkDraft>, Syntax> {
    let mut link = LinkDraft::default();
    let is_link = scanner.object(|scanner, key| {
        match key {
            "traceId" | "trace_id" => link.trace_id = Id::of_text(scanner.value()?),
            "spanId" | "span_id" => link.span_id = Id::of_text(scanner.value()?),
            "traceState" | "trace_state" => link.trace_state = mending.text(scanner.value()?),
            "attributes" => attributes(scanner, &mut link.attributes, mending)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(is_link.then_some(link))
}

/// Reads a list of a span; what is none is left out.
fn list<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    mut element: impl FnMut(&mut Scanner<'a>, &mut Mending<'_>) -> Result<(), Syntax>,
) -> Result<(), Syntax> {
    if !scanner.array(|scanner| element(scanner, mending))? {
        mending.note(Mend::NoMeaning);
    }
    Ok(())
}
