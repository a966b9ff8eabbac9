//! OTLP as protobuf, written field by field.

use super::{Any, SERVER, Span, by_resource};

/// An `ExportTraceServiceRequest`.
pub fn protobuf(spans: &[Span]) -> Vec<u8> {
    by_resource(spans)
        .flat_map(|spans| {
            let service_name = Any::from(spans[0].service_name.as_str());
            let resource = message(1, &attribute("service.name", &service_name));
            let scope_spans: Vec<u8> = spans.iter().flat_map(|one| message(2, &span(one))).collect();
            message(1, &[message(1, &resource), message(2, &scope_spans)].concat())
        })
        .collect()
}

fn span(span: &Span) -> Vec<u8> {
    let mut fields = [
        message(1, &span.trace_id),
        message(2, &span.span_id),
        message(5, span.name.as_bytes()),
        varint(6, SERVER.into()),
        fixed64(7, span.start),
        fixed64(8, span.end),
    ]
    .concat();
    for (key, value) in &span.attributes {
        fields.extend(message(9, &attribute(key, value)));
    }
    fields
}

/// A `KeyValue`.
fn attribute(key: &str, value: &Any) -> Vec<u8> {
    let value = match value {
        Any::Text(text) => message(1, text.as_bytes()),
        Any::Integer(integer) => varint(3, integer.cast_unsigned()),
    };
    [message(1, key.as_bytes()), message(2, &value)].concat()
}

/// A field with a length: a message, a text, bytes.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(digits(content.len() as u64));
    field.extend(content);
    field
}

fn varint(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    field.extend(digits(value));
    field
}

fn fixed64(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3 | 1];
    field.extend(value.to_le_bytes());
    field
}

/// Seven bits a byte, the lowest first; the top bit says that there are more.
fn digits(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}
