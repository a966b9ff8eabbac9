//! A request as OTLP protobuf, written field by field: numbers, wire types and lengths are all there is to it.

use super::{Attributes, Event, FLAGS, ResourceSpans, STATUS_ERROR, ScopeSpans, Span, Value};

/// One `ExportTraceServiceRequest`.
pub(crate) fn protobuf(request: &[ResourceSpans<'_>]) -> Vec<u8> {
    let mut out = Message::default();
    for resource in request {
        out.message(1, |out| resource_spans(out, resource));
    }
    out.0
}

/// The bytes of a message so far.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// Wire type 0.
    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    /// Wire type 1.
    fn fixed64(&mut self, field: u64, number: i64) {
        self.varint(field << 3 | 1);
        self.0.extend(number.to_le_bytes());
    }

    /// Wire type 2.
    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Wire type 5.
    fn fixed32(&mut self, field: u64, number: u32) {
        self.varint(field << 3 | 5);
        self.0.extend(number.to_le_bytes());
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attributes(&mut self, field: u64, attributes: &Attributes) {
        for (key, value) in attributes {
            self.message(field, |pair| {
                pair.bytes(1, key.as_bytes());
                pair.message(2, |any| match value {
                    Value::Text(text) => any.bytes(1, text.as_bytes()),
                    Value::Int(int) => any.number(3, int.cast_unsigned()),
                });
            });
        }
    }
}

fn resource_spans(out: &mut Message, resource: &ResourceSpans<'_>) {
    out.message(1, |out| out.attributes(1, &resource.attributes));
    for scope in &resource.scopes {
        out.message(2, |out| scope_spans(out, scope));
    }
}

fn scope_spans(out: &mut Message, scope: &ScopeSpans<'_>) {
    out.message(1, |out| {
        out.bytes(1, scope.name.as_bytes());
        out.bytes(2, scope.version.as_bytes());
    });
    for it in &scope.spans {
        out.message(2, |out| span(out, it));
    }
}

fn span(out: &mut Message, span: &Span) {
    out.bytes(1, &span.trace_id);
    out.bytes(2, &span.span_id);
    if let Some(parent) = &span.parent {
        out.bytes(4, parent);
    }
    out.bytes(5, span.name.as_bytes());
    out.number(6, span.kind as u64);
    out.fixed64(7, span.start);
    out.fixed64(8, span.end);
    out.attributes(9, &span.attributes);
    for it in &span.events {
        out.message(11, |out| event(out, it));
    }
    if let Some(message) = span.error {
        out.message(15, |out| {
            out.bytes(2, message.as_bytes());
            out.number(3, STATUS_ERROR);
        });
    }
    out.fixed32(16, FLAGS);
}

fn event(out: &mut Message, event: &Event) {
    out.fixed64(1, event.time);
    out.bytes(2, event.name.as_bytes());
    out.attributes(3, &event.attributes);
}
