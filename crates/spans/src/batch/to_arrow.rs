//! Spans to columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Int32Array, Int64Array, ListArray, MapBuilder, MapFieldNames,
    RecordBatch, StringBuilder, StringDictionaryBuilder, StructArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Fields, Int32Type};
use arrow::error::ArrowError;

use super::BatchError;
use crate::layout::{AttributeScope, Layout};
use crate::schema::{SPAN_ID_BYTES, TRACE_ID_BYTES, element, event_fields, link_fields, span_schema};
use crate::span::{Attributes, Span};

/// The columns of `spans`, in their order, as they lie in files of `layout`.
///
/// `ingested_at_ms`: when the raw object of all of them was written, in milliseconds since the epoch.
pub fn to_batch(spans: &[Span], ingested_at_ms: i64, layout: &Layout) -> Result<RecordBatch, BatchError> {
    to_batch_each(spans, &vec![ingested_at_ms; spans.len()], layout)
}

/// The same of spans of several raw objects. `ingested_at_ms`: of each span, when its object was written.
pub fn to_batch_each(
    spans: &[Span],
    ingested_at_ms: &[i64],
    layout: &Layout,
) -> Result<RecordBatch, BatchError> {
    // Arrow's builders panic where an offset overflows: refuse before that.
    let bytes = spans.iter().map(text_bytes).fold(0, usize::saturating_add);
    if i32::try_from(bytes).is_err() {
        return Err(BatchError::TooLarge { bytes });
    }
    let rows = spans.len();
    let mut attributes = AttributeColumns::new(layout, AttributeScope::Span);
    let mut resource_attributes = AttributeColumns::new(layout, AttributeScope::Resource);
    let mut scope_attributes = map_builder();
    for span in spans {
        attributes.append(&span.attributes)?;
        resource_attributes.append(&span.resource.attributes)?;
        append_map(&mut scope_attributes, span.scope.attributes.iter())?;
    }
    let mut columns: Vec<ArrayRef> = vec![
        ids(TRACE_ID_BYTES, rows, spans.iter().map(|span| Some(&span.trace_id[..])))?,
        ids(SPAN_ID_BYTES, rows, spans.iter().map(|span| Some(&span.span_id[..])))?,
        ids(SPAN_ID_BYTES, rows, spans.iter().map(|span| span.parent_span_id.as_ref().map(|id| &id[..])))?,
        text(spans.iter().map(|span| non_empty(&span.trace_state))),
        integers(spans.iter().map(|span| span.flags)),
        dictionary(spans.iter().map(|span| Some(span.name.as_str())))?,
        dictionary(spans.iter().map(|span| span.resource.service_name.as_deref()))?,
        dictionary(spans.iter().map(|span| Some(span.kind.as_str())))?,
        dictionary(spans.iter().map(|span| Some(span.status.as_str())))?,
        dictionary(spans.iter().map(|span| non_empty(&span.status_message)))?,
        times(spans.iter().map(|span| span.start_ns)),
        times(spans.iter().map(|span| span.end_ns)),
        Arc::new(Int64Array::from_iter_values(
            spans.iter().map(|span| span.end_ns.saturating_sub(span.start_ns)),
        )),
        Arc::new(
            TimestampMillisecondArray::from_iter_values(ingested_at_ms.iter().copied()).with_timezone("UTC"),
        ),
        dictionary(spans.iter().map(|span| non_empty(&span.scope.name)))?,
        dictionary(spans.iter().map(|span| non_empty(&span.scope.version)))?,
        attributes.rest(),
        resource_attributes.rest(),
        Arc::new(scope_attributes.finish()),
        events(spans)?,
        links(spans)?,
        integers(spans.iter().map(|span| span.dropped_attributes)),
        integers(spans.iter().map(|span| span.dropped_events)),
        integers(spans.iter().map(|span| span.dropped_links)),
    ];
    // In the layout's order, whatever the order of scopes in it.
    for promoted in &layout.columns {
        columns.push(match promoted.scope {
            AttributeScope::Span => attributes.column(&promoted.key)?,
            AttributeScope::Resource => resource_attributes.column(&promoted.key)?,
        });
    }
    Ok(RecordBatch::try_new(span_schema(layout), columns)?)
}

/// An upper bound of the bytes that a span adds to any one column: those of all its text, its resource's
/// and its scope's included, and one for every event and link.
pub fn text_bytes(span: &Span) -> usize {
    let attributes = |attributes: &Attributes| -> usize {
        attributes.iter().map(|(key, value)| 1 + key.len() + value.len()).sum()
    };
    let events: usize =
        span.events.iter().map(|event| 1 + event.name.len() + attributes(&event.attributes)).sum();
    let links: usize =
        span.links.iter().map(|link| 1 + link.trace_state.len() + attributes(&link.attributes)).sum();
    span.trace_state.len()
        + span.name.len()
        + span.status_message.len()
        + span.resource.service_name.as_ref().map_or(0, String::len)
        + span.scope.name.len()
        + span.scope.version.len()
        + attributes(&span.attributes)
        + attributes(&span.resource.attributes)
        + attributes(&span.scope.attributes)
        + events
        + links
}

/// The attributes of one scope: a dictionary column for each promoted key, a map for the rest.
struct AttributeColumns<'a> {
    index: HashMap<&'a str, usize>,
    promoted: Vec<StringDictionaryBuilder<Int32Type>>,
    rest: MapBuilder<StringBuilder, StringBuilder>,
}

impl<'a> AttributeColumns<'a> {
    fn new(layout: &'a Layout, scope: AttributeScope) -> Self {
        let keys = layout.columns.iter().filter(|promoted| promoted.scope == scope);
        let index: HashMap<&str, usize> =
            keys.enumerate().map(|(position, promoted)| (promoted.key.as_str(), position)).collect();
        let promoted = (0..index.len()).map(|_| StringDictionaryBuilder::new()).collect();
        Self { index, promoted, rest: map_builder() }
    }

    fn append<'s>(&mut self, attributes: &'s Attributes) -> Result<(), ArrowError> {
        let mut values: Vec<Option<&'s str>> = vec![None; self.promoted.len()];
        for (key, value) in attributes.iter() {
            if let Some(&position) = self.index.get(key) {
                values[position] = Some(value);
            } else {
                self.rest.keys().append_value(key);
                self.rest.values().append_value(value);
            }
        }
        self.rest.append(true)?;
        for (builder, value) in self.promoted.iter_mut().zip(values) {
            match value {
                Some(value) => drop(builder.append(value)?),
                None => builder.append_null(),
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> ArrayRef {
        Arc::new(self.rest.finish())
    }

    fn column(&mut self, key: &str) -> Result<ArrayRef, BatchError> {
        let position = self.index.get(key).copied();
        let builder = position.and_then(|position| self.promoted.get_mut(position));
        let builder = builder.ok_or_else(|| BatchError::MissingColumn { column: key.to_owned() })?;
        Ok(Arc::new(builder.finish()))
    }
}

fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names =
        MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

fn append_map<'s>(
    builder: &mut MapBuilder<StringBuilder, StringBuilder>,
    pairs: impl Iterator<Item = (&'s str, &'s str)>,
) -> Result<(), ArrowError> {
    for (key, value) in pairs {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true)
}

fn events(spans: &[Span]) -> Result<ArrayRef, BatchError> {
    let all = || spans.iter().flat_map(|span| &span.events);
    let mut attributes = map_builder();
    for event in all() {
        append_map(&mut attributes, event.attributes.iter())?;
    }
    let columns: Vec<ArrayRef> = vec![
        times(all().map(|event| event.time_ns)),
        text(all().map(|event| Some(event.name.as_str()))),
        Arc::new(attributes.finish()),
    ];
    list(event_fields(), columns, spans.iter().map(|span| span.events.len()))
}

fn links(spans: &[Span]) -> Result<ArrayRef, BatchError> {
    let all = || spans.iter().flat_map(|span| &span.links);
    let rows = all().count();
    let mut attributes = map_builder();
    for link in all() {
        append_map(&mut attributes, link.attributes.iter())?;
    }
    let columns: Vec<ArrayRef> = vec![
        ids(TRACE_ID_BYTES, rows, all().map(|link| Some(&link.trace_id[..])))?,
        ids(SPAN_ID_BYTES, rows, all().map(|link| Some(&link.span_id[..])))?,
        text(all().map(|link| non_empty(&link.trace_state))),
        Arc::new(attributes.finish()),
    ];
    list(link_fields(), columns, spans.iter().map(|span| span.links.len()))
}

fn list(
    fields: Fields,
    columns: Vec<ArrayRef>,
    lengths: impl Iterator<Item = usize>,
) -> Result<ArrayRef, BatchError> {
    let elements = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(element(fields), offsets, Arc::new(elements), None)?))
}

fn ids<'s>(
    bytes: i32,
    rows: usize,
    values: impl Iterator<Item = Option<&'s [u8]>>,
) -> Result<ArrayRef, ArrowError> {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(rows, bytes);
    for value in values {
        match value {
            Some(value) => builder.append_value(value)?,
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn dictionary<'s>(values: impl Iterator<Item = Option<&'s str>>) -> Result<ArrayRef, ArrowError> {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    for value in values {
        match value {
            Some(value) => drop(builder.append(value)?),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn text<'s>(values: impl Iterator<Item = Option<&'s str>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    builder.extend(values);
    Arc::new(builder.finish())
}

fn times(nanoseconds: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(nanoseconds).with_timezone("UTC"))
}

/// Unsigned 32 bits in a signed column: no bit is lost, and what SDKs really send is positive in both.
fn integers(values: impl Iterator<Item = u32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values.map(u32::cast_signed)))
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
