//! A request as OTLP JSON in the collector's dialect: defaults left out, 64-bit numbers as text, ids in hex.

use std::fmt::Write as _;

use super::{Attributes, Event, FLAGS, ResourceSpans, STATUS_ERROR, ScopeSpans, Span, Value};

/// One document, without a line break.
pub(crate) fn json(request: &[ResourceSpans<'_>]) -> String {
    let mut out = String::new();
    out.push_str(r#"{"resourceSpans":["#);
    list(&mut out, request, resource_spans);
    out.push_str("]}");
    out
}

fn resource_spans(out: &mut String, resource: &ResourceSpans<'_>) {
    out.push_str(r#"{"resource":{"#);
    attributes(out, &resource.attributes);
    out.push_str(r#"},"scopeSpans":["#);
    list(out, &resource.scopes, scope_spans);
    out.push_str("]}");
}

fn scope_spans(out: &mut String, scope: &ScopeSpans<'_>) {
    out.push_str(r#"{"scope":{"name":"#);
    text(out, scope.name);
    out.push_str(r#","version":"#);
    text(out, scope.version);
    out.push_str(r#"},"spans":["#);
    list(out, &scope.spans, |out, it| span(out, it));
    out.push_str("]}");
}

fn span(out: &mut String, span: &Span) {
    // Writing to a String does not fail, here and below.
    out.push_str(r#"{"traceId":""#);
    hex(out, &span.trace_id);
    out.push_str(r#"","spanId":""#);
    hex(out, &span.span_id);
    if let Some(parent) = &span.parent {
        out.push_str(r#"","parentSpanId":""#);
        hex(out, parent);
    }
    let _ = write!(out, r#"","flags":{FLAGS},"name":"#);
    text(out, &span.name);
    let (kind, start, end) = (span.kind as u8, span.start, span.end);
    let _ = write!(out, r#","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","#);
    attributes(out, &span.attributes);
    if !span.events.is_empty() {
        out.push_str(r#","events":["#);
        list(out, &span.events, event);
        out.push(']');
    }
    out.push_str(r#","status":{"#);
    if let Some(message) = span.error {
        out.push_str(r#""message":"#);
        text(out, message);
        let _ = write!(out, r#","code":{STATUS_ERROR}"#);
    }
    out.push_str("}}");
}

fn event(out: &mut String, event: &Event) {
    let _ = write!(out, r#"{{"timeUnixNano":"{}","name":"#, event.time);
    text(out, event.name);
    out.push(',');
    attributes(out, &event.attributes);
    out.push('}');
}

fn attributes(out: &mut String, pairs: &Attributes) {
    out.push_str(r#""attributes":["#);
    list(out, pairs, |out, (key, value)| {
        out.push_str(r#"{"key":"#);
        text(out, key);
        match value {
            Value::Text(value) => {
                out.push_str(r#","value":{"stringValue":"#);
                text(out, value);
                out.push_str("}}");
            }
            Value::Int(int) => {
                let _ = write!(out, r#","value":{{"intValue":"{int}"}}}}"#);
            }
        }
    });
    out.push(']');
}

fn list<T>(out: &mut String, items: &[T], one: impl Fn(&mut String, &T)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        one(out, item);
    }
}

fn text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn hex(out: &mut String, id: &[u8]) {
    for byte in id {
        let _ = write!(out, "{byte:02x}");
    }
}
