//! A span in JSON, with its events, links and status.

use super::scanner::{Fault, Scanner};
use super::value::attributes;
use crate::draft::{Draft, EventDraft, LinkDraft};

/// Reads a span. Of equal keys the last wins; lists given twice are one longer list, as in protobuf.
pub(super) fn span(scanner: &mut Scanner<'_>, depth: usize) -> Result<Draft, Fault> {
    let mut span = Draft::default();
    scanner.object(|scanner, key| {
        match key {
            "traceId" | "trace_id" => span.trace_id = scanner.id()?,
            "spanId" | "span_id" => span.span_id = scanner.id()?,
            "parentSpanId" | "parent_span_id" => span.parent_span_id = scanner.id()?,
            "traceState" | "trace_state" => span.trace_state = scanner.text()?.into_owned(),
            "flags" => span.flags = scanner.unsigned()?,
            "name" => span.name = scanner.text()?.into_owned(),
            "kind" => span.kind = scanner.kind()?,
            "startTimeUnixNano" | "start_time_unix_nano" => span.start = scanner.time()?,
            "endTimeUnixNano" | "end_time_unix_nano" => span.end = scanner.time()?,
            "attributes" => attributes(scanner, &mut span.attributes, depth)?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                span.dropped_attributes = scanner.unsigned()?;
            }
            "events" => scanner.array(|scanner| {
                span.events.push(event(scanner, depth)?);
                Ok(())
            })?,
            "droppedEventsCount" | "dropped_events_count" => span.dropped_events = scanner.unsigned()?,
            "links" => scanner.array(|scanner| {
                span.links.push(link(scanner, depth)?);
                Ok(())
            })?,
            "droppedLinksCount" | "dropped_links_count" => span.dropped_links = scanner.unsigned()?,
            "status" => scanner.object(|scanner, key| {
                match key {
                    "code" => span.status = scanner.status_code()?,
                    "message" => span.status_message = scanner.text()?.into_owned(),
                    _ => scanner.skip()?,
                }
                Ok(())
            })?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(span)
}

fn event(scanner: &mut Scanner<'_>, depth: usize) -> Result<EventDraft, Fault> {
    let mut event = EventDraft::default();
    scanner.object(|scanner, key| {
        match key {
            "timeUnixNano" | "time_unix_nano" => event.time = scanner.time()?,
            "name" => event.name = scanner.text()?.into_owned(),
            "attributes" => attributes(scanner, &mut event.attributes, depth)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(event)
}

fn link(scanner: &mut Scanner<'_>, depth: usize) -> Result<LinkDraft, Fault> {
    let mut link = LinkDraft::default();
    scanner.object(|scanner, key| {
        match key {
            "traceId" | "trace_id" => link.trace_id = scanner.id()?,
            "spanId" | "span_id" => link.span_id = scanner.id()?,
            "traceState" | "trace_state" => link.trace_state = scanner.text()?.into_owned(),
            "attributes" => attributes(scanner, &mut link.attributes, depth)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(link)
}
