//! OTLP as JSON, in the collector's dialect: ids in hex, 64-bit numbers as text.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Any, SERVER, Span, by_resource};

/// An `ExportTraceServiceRequest`.
pub fn json(spans: &[Span]) -> Vec<u8> {
    let resources: Vec<Value> = by_resource(spans)
        .map(|spans| {
            let service_name = Any::from(spans[0].service_name.as_str());
            json!({
                "resource": {"attributes": [attribute("service.name", &service_name)]},
                "scopeSpans": [{"spans": spans.iter().map(span).collect::<Vec<_>>()}],
            })
        })
        .collect();
    json!({"resourceSpans": resources}).to_string().into_bytes()
}

fn span(span: &Span) -> Value {
    let attributes: Vec<Value> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "name": span.name,
        "kind": SERVER,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes,
        "status": {},
    })
}

fn attribute(key: &str, value: &Any) -> Value {
    let value = match value {
        Any::Text(text) => json!({"stringValue": text}),
        Any::Integer(integer) => json!({"intValue": integer.to_string()}),
    };
    json!({"key": key, "value": value})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
