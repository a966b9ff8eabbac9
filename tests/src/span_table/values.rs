//! Values as columns, and as others spell them.

use std::sync::Arc;

use arrow::array::builder::{MapBuilder, StringBuilder};
use arrow::array::{ArrayRef, Int64Array, MapArray, StringArray, TimestampNanosecondArray};
use arrow::error::ArrowError;
use fluo_spans::span::{Attributes, Event, Link, Resource, Span};
use serde_json::{Map, Value, json};

pub(super) fn events(spans: &[Span]) -> Vec<&Event> {
    spans.iter().flat_map(|span| &span.events).collect()
}

pub(super) fn links(spans: &[Span]) -> Vec<&Link> {
    spans.iter().flat_map(|span| &span.links).collect()
}

/// The attributes of a span's resource, its service among them.
pub(super) fn resource(span: &Span) -> Attributes {
    let Resource { service_name, attributes } = span.resource.as_ref();
    let own = attributes.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let service = service_name.iter().map(|name| ("service.name".to_owned(), name.clone()));
    Attributes::new(own.chain(service).collect())
}

pub(super) fn maps(rows: &[Attributes]) -> Result<ArrayRef, ArrowError> {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in row.iter() {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(true)?;
    }
    let maps: MapArray = maps.finish();
    Ok(Arc::new(maps))
}

#[expect(clippy::unnecessary_wraps, reason = "one of two forms of attributes")]
pub(super) fn jsons(rows: &[Attributes]) -> Result<ArrayRef, ArrowError> {
    Ok(texts(rows.iter().map(|row| object(row).to_string())))
}

pub(super) fn object(attributes: &Attributes) -> Value {
    attributes.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
}

pub(super) fn event_json(event: &Event) -> Value {
    json!({"attributes": object(&event.attributes), "name": event.name, "time_unix_nano": event.time_ns})
}

pub(super) fn link_json(link: &Link) -> Value {
    json!({
        "attributes": object(&link.attributes),
        "span_id": hex::encode(link.span_id),
        "trace_id": hex::encode(link.trace_id),
        "trace_state": link.trace_state,
    })
}

pub(super) fn json_list<T>(items: &[T], item: fn(&T) -> Value) -> Option<String> {
    let list = || Value::from(items.iter().map(item).collect::<Vec<_>>()).to_string();
    (!items.is_empty()).then(list)
}

pub(super) fn texts(texts: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

pub(super) fn optional(texts: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

pub(super) fn integers(integers: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(integers))
}

pub(super) fn nanos(times: &[i64]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(times.to_vec()).with_timezone("UTC"))
}

pub(super) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn micros(time_ns: i64) -> i64 {
    time_ns.div_euclid(1_000)
}

pub(super) fn millis(time_ns: i64) -> i64 {
    time_ns.div_euclid(1_000_000)
}

/// `Server`
pub(super) fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// `SPAN_KIND_SERVER`
pub(super) fn enumerated(prefix: &str, word: &str) -> String {
    format!("{prefix}{}", word.to_ascii_uppercase())
}

pub(super) fn number<E: PartialEq>(all: &[E], one: &E) -> i32 {
    all.iter().position(|known| known == one).and_then(|at| i32::try_from(at).ok()).unwrap_or(0)
}
