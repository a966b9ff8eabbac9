//! OTLP protobuf: one `ExportTraceServiceRequest`, read in place from the public schema
//! (opentelemetry-proto 1.x: `trace/v1`, `common/v1`, `resource/v1`).
//!
//! Generated code is not used: a generated reader gives up the whole request at the first string that is not UTF-8, and
//! builds every attribute twice. Here a span is a slice until it is read, so what is wrong inside costs itself. A
//! length that is wrong *above* the spans costs what follows it in its message, because where anything begins there is
//! then unknown; in the outermost message it costs the whole.
//!
//! Of every message of the structure the fields are walked twice: first for what belongs to all of its spans, wherever it
//! stands, then for the spans.

mod message;
mod signal;
mod span;
mod value;
mod wire;

use crate::assembly::Assembly;
use crate::draft::{resource, scope};
use crate::error::{DecodeError, Foreign};
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::set_aside::Reason;
use message::message;
use value::attribute;
use wire::{Reader, Wire, WireError};

/// Reads one message, as a document of its own.
pub(crate) fn read(bytes: &[u8], assembly: &mut Assembly<'_>) {
    assembly.begin_document();
    // Before the first span is handed on: what is cut off here is not the request that was sent.
    match known(bytes) {
        Err(WireError { offset, problem }) => {
            assembly.document_failed(DecodeError::Protobuf { offset, problem });
        }
        Ok(false) if !bytes.is_empty() => {
            assembly.document_failed(DecodeError::NotTraces(Foreign::Unknown));
        }
        Ok(_) => {
            let mut request = Request { assembly, records: 0, foreign: None };
            request.read(bytes);
            let foreign = request.foreign;
            match foreign {
                Some(foreign) if assembly.placed() == 0 => {
                    assembly.document_failed(DecodeError::NotTraces(foreign));
                }
                _ => assembly.document_read(),
            }
        }
    }
}

/// Returns whether a message has a field of `ExportTraceServiceRequest`, which is `TracesData` too.
fn known(bytes: &[u8]) -> Result<bool, WireError> {
    let mut known = false;
    each(bytes, 0, |number, _, _| known |= number == 1)?;
    Ok(known)
}

/// The outer structure while it is read.
struct Request<'r, 'a> {
    assembly: &'r mut Assembly<'a>,
    /// Records that stood where spans stand.
    records: u64,
    /// The signal that all records so far look like, if that is another one.
    foreign: Option<Foreign>,
}

impl Request<'_, '_> {
    fn read(&mut self, bytes: &[u8]) {
        // That it can be walked is known.
        let walked = each(bytes, 0, |number, wire, offset| {
            if number == 1 {
                self.part(wire, offset, Self::resource_spans);
            }
        });
        self.broken(walked);
    }

    /// Reads a message of the structure.
    fn part(&mut self, wire: Wire<'_>, offset: usize, read: fn(&mut Self, &[u8], usize)) {
        match wire.bytes() {
            Some(bytes) => read(self, bytes, offset),
            None => self.broken(Err(WireError { offset, problem: "a number where a message must be" })),
        }
    }

    fn broken(&mut self, walked: Result<(), WireError>) {
        if let Err(WireError { offset, problem }) = walked {
            self.assembly.part_broken(DecodeError::Protobuf { offset, problem });
        }
    }

    /// `ResourceSpans`.
    fn resource_spans(&mut self, bytes: &[u8], base: usize) {
        let mut attributes = AttributeList::default();
        let mut mending = Mending::new(self.assembly.limits());
        // Of what breaks off, what stands before the break is read below, where the break is told.
        let _ = each(bytes, base, |number, wire, _| {
            if number == 1 {
                let Some(bytes) = wire.bytes() else { return mending.note(Mend::NoMeaning) };
                message(bytes, &mut mending, |number, wire, mending| {
                    if number == 1 {
                        attribute(wire, &mut attributes, mending);
                    }
                });
            }
        });
        let resource = resource(attributes, &mut mending);
        self.assembly.enter_resource(resource, mending.mends());
        let walked = each(bytes, base, |number, wire, offset| {
            // 1000: `instrumentation_library_spans`, the same shape before it was renamed.
            if number == 2 || number == 1000 {
                self.part(wire, offset, Self::scope_spans);
            }
        });
        self.broken(walked);
    }

    /// `ScopeSpans`.
    fn scope_spans(&mut self, bytes: &[u8], base: usize) {
        let (mut name, mut version) = (String::new(), String::new());
        let mut attributes = AttributeList::default();
        let mut mending = Mending::new(self.assembly.limits());
        // As above.
        let _ = each(bytes, base, |number, wire, _| {
            if number == 1 {
                let Some(bytes) = wire.bytes() else { return mending.note(Mend::NoMeaning) };
                message(bytes, &mut mending, |number, wire, mending| match number {
                    1 => name = mending.text(wire.received()),
                    2 => version = mending.text(wire.received()),
                    3 => attribute(wire, &mut attributes, mending),
                    _ => {}
                });
            }
        });
        let scope = scope(name, version, attributes, &mut mending);
        self.assembly.enter_scope(scope, mending.mends());
        let walked = each(bytes, base, |number, wire, _| {
            if number == 2 && !self.assembly.is_stopped() {
                self.record(wire);
            }
        });
        self.broken(walked);
    }

    /// Reads what should be a span.
    fn record(&mut self, wire: Wire<'_>) {
        let Some(bytes) = wire.bytes() else { return self.assembly.set_aside(Reason::MalformedSpan) };
        let mut mending = Mending::new(self.assembly.limits());
        let draft = span::span(bytes, &mut mending);
        self.assembly.span(draft, mending);
        if self.assembly.placed() == 0 {
            let foreign = signal::foreign(bytes);
            if self.records == 0 {
                self.foreign = foreign;
            } else if self.foreign != foreign {
                self.foreign = None;
            }
        }
        self.records += 1;
    }
}

/// Hands over each field of a message that begins at `base`, with the offset of a message field's
/// content; errors count from the beginning of the whole.
fn each<'a>(
    bytes: &'a [u8],
    base: usize,
    mut field: impl FnMut(u32, Wire<'a>, usize),
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    let located = |error: WireError| WireError { offset: base + error.offset, ..error };
    while let Some((number, wire)) = reader.field().map_err(located)? {
        let length = wire.bytes().map_or(0, <[u8]>::len);
        field(number, wire, base + reader.offset() - length);
    }
    Ok(())
}
