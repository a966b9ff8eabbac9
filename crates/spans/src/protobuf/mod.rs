//! OTLP protobuf: one `ExportTraceServiceRequest`, read in place from the public schema
//! (opentelemetry-proto 1.x: `trace/v1`, `common/v1`, `resource/v1`).
//!
//! Why not generated code: a generated reader gives up the whole request at the first string that is
//! not UTF-8, and builds every attribute twice. Here a span is a slice until it is read, so what is wrong
//! inside costs that span. Resources and scopes cost the spans that belong to them; a length that is
//! wrong *above* the spans breaks the message, because where anything begins is then unknown.

mod signal;
mod span;
mod value;
mod wire;

use crate::assembly::Assembly;
use crate::decode::Limits;
use crate::error::{DecodeError, Foreign};
use crate::set_aside::Reason;
use crate::span::{Attributes, InstrumentationScope};
use span::{message, text, unfit};
use wire::{Reader, Wire, WireError};

/// Reads one message, as a document of its own.
pub(crate) fn read(bytes: &[u8], assembly: &mut Assembly, limits: &Limits) {
    let checkpoint = assembly.checkpoint();
    let mut request = Request { assembly, depth: limits.depth(), records: 0, spans: 0, foreign: None };
    let outcome = match request.read(bytes) {
        Ok(known) if known || bytes.is_empty() => match request.foreign {
            Some(foreign) if request.spans == 0 => Err(DecodeError::NotTraces(foreign)),
            _ => Ok(()),
        },
        Ok(_) => Err(DecodeError::NotTraces(Foreign::Unknown)),
        Err(WireError { offset, problem }) => Err(DecodeError::Protobuf { offset, problem }),
    };
    match outcome {
        Ok(()) => assembly.document_read(),
        Err(error) => {
            assembly.roll_back(checkpoint);
            assembly.document_failed(error);
        }
    }
}

/// The outer structure while it is read.
struct Request<'a> {
    assembly: &'a mut Assembly,
    depth: usize,
    /// Records that stood where spans stand.
    records: u64,
    /// Those that were spans.
    spans: u64,
    /// What all records so far look like, if that is another signal.
    foreign: Option<Foreign>,
}

impl Request<'_> {
    /// `ExportTraceServiceRequest`, which is `TracesData` too. Says whether it has a known field.
    fn read(&mut self, bytes: &[u8]) -> Result<bool, WireError> {
        let mut known = false;
        each(bytes, 0, |number, wire, offset| {
            if number == 1 {
                known = true;
                self.resource_spans(structure(wire, offset)?, offset)?;
            }
            Ok(())
        })?;
        Ok(known)
    }

    /// `ResourceSpans`.
    fn resource_spans(&mut self, bytes: &[u8], base: usize) -> Result<(), WireError> {
        let first_span = self.assembly.len();
        let mut resource = Ok(Vec::new());
        each(bytes, base, |number, wire, offset| {
            match number {
                1 => {
                    let depth = self.depth;
                    resource = std::mem::replace(&mut resource, Ok(Vec::new()))
                        .and_then(|known| resource_attributes(wire, known, depth));
                }
                // 1000: `instrumentation_library_spans`, the same shape before it was renamed.
                2 | 1000 => self.scope_spans(structure(wire, offset)?, offset)?,
                _ => {}
            }
            Ok(())
        })?;
        self.assembly.close_resource(first_span, resource.ok());
        Ok(())
    }

    /// `ScopeSpans`.
    fn scope_spans(&mut self, bytes: &[u8], base: usize) -> Result<(), WireError> {
        let first_span = self.assembly.len();
        let mut scope = Ok(ScopeDraft::default());
        each(bytes, base, |number, wire, offset| {
            match number {
                1 => {
                    let depth = self.depth;
                    scope = std::mem::replace(&mut scope, Ok(ScopeDraft::default()))
                        .and_then(|known| known.merge(wire, depth));
                }
                2 => self.record(structure(wire, offset)?),
                _ => {}
            }
            Ok(())
        })?;
        self.assembly.close_scope(first_span, scope.ok().map(ScopeDraft::finish));
        Ok(())
    }

    /// What should be a span.
    fn record(&mut self, bytes: &[u8]) {
        let before = self.assembly.len();
        self.assembly.span(span::span(bytes, self.depth));
        if self.assembly.len() > before {
            self.spans += 1;
        } else if self.spans == 0 {
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

fn resource_attributes(
    wire: Wire<'_>,
    mut attributes: Vec<(String, String)>,
    depth: usize,
) -> Result<Vec<(String, String)>, Reason> {
    message(wire.bytes().ok_or_else(unfit)?, |number, wire| {
        if number == 1 {
            attributes.push(value::attribute(wire.bytes().ok_or_else(unfit)?, depth)?);
        }
        Ok(())
    })?;
    Ok(attributes)
}

/// `InstrumentationScope`, or the older `InstrumentationLibrary`, as received.
#[derive(Default)]
struct ScopeDraft {
    name: String,
    version: String,
    attributes: Vec<(String, String)>,
}

impl ScopeDraft {
    fn merge(mut self, wire: Wire<'_>, depth: usize) -> Result<Self, Reason> {
        message(wire.bytes().ok_or_else(unfit)?, |number, wire| {
            match number {
                1 => text(wire)?.clone_into(&mut self.name),
                2 => text(wire)?.clone_into(&mut self.version),
                3 => self.attributes.push(value::attribute(wire.bytes().ok_or_else(unfit)?, depth)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(self)
    }

    fn finish(self) -> InstrumentationScope {
        InstrumentationScope {
            name: self.name,
            version: self.version,
            attributes: Attributes::new(self.attributes),
        }
    }
}

/// Hands over each field of a message that begins at `base`, with the offset of a message field's
/// content; errors count from the beginning of the whole.
fn each<'a>(
    bytes: &'a [u8],
    base: usize,
    mut field: impl FnMut(u32, Wire<'a>, usize) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    let located = |error: WireError| WireError { offset: base + error.offset, ..error };
    while let Some((number, wire)) = reader.field().map_err(located)? {
        let length = wire.bytes().map_or(0, <[u8]>::len);
        field(number, wire, base + reader.offset() - length)?;
    }
    Ok(())
}

/// The content of a message field of the outer structure.
fn structure(wire: Wire<'_>, offset: usize) -> Result<&[u8], WireError> {
    wire.bytes().ok_or(WireError { offset, problem: "a number where a message must be" })
}
