//! Spans to columns.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;
use std::{mem, ptr};

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Int32Array, Int64Array, ListArray, MapBuilder, MapFieldNames,
    RecordBatch, StringBuilder, StructArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Fields;
use arrow::error::ArrowError;

use super::BatchError;
use super::dictionary::{Dictionary, dictionary, shared};
use crate::layout::{AttributeScope, Layout};
use crate::schema::{SPAN_ID_BYTES, TRACE_ID_BYTES, element, event_fields, link_fields, span_schema};
use crate::span::{Attributes, Kind, Span, Status};

/// The columns of `spans`, in their order, as they lie in files of `layout`.
///
/// `ingested_at_ms`: when the raw object of all of them was written, in milliseconds since the epoch.
pub fn to_batch<S: Borrow<Span>>(
    spans: &[S],
    ingested_at_ms: i64,
    layout: &Layout,
) -> Result<RecordBatch, BatchError> {
    to_batch_each(spans, &vec![ingested_at_ms; spans.len()], layout)
}

/// The same of spans of several raw objects. `ingested_at_ms`: of each span, when its object was written.
pub fn to_batch_each<S: Borrow<Span>>(
    spans: &[S],
    ingested_at_ms: &[i64],
    layout: &Layout,
) -> Result<RecordBatch, BatchError> {
    let spans: Vec<&Span> = spans.iter().map(Borrow::borrow).collect();
    // Arrow's builders panic where an offset overflows: refuse before that.
    let bytes = spans.iter().map(|span| text_bytes(span)).fold(0, usize::saturating_add);
    if i32::try_from(bytes).is_err() {
        return Err(BatchError::TooLarge { bytes });
    }
    let rows = spans.len();
    let mut attributes = AttributeColumns::new(layout);
    for (row, span) in spans.iter().enumerate() {
        attributes.append(row, &span.attributes)?;
    }
    let resources = Shared::of(spans.iter().map(|span| &*span.resource));
    let scopes = Shared::of(spans.iter().map(|span| &*span.scope));
    // Their numbers are their places among all.
    let kinds: Vec<usize> = spans.iter().map(|span| span.kind as usize).collect();
    let statuses: Vec<usize> = spans.iter().map(|span| span.status as usize).collect();
    let (of_resource, of_scope) = (|| resources.all.iter(), || scopes.all.iter());
    let mut columns: Vec<ArrayRef> = vec![
        ids(TRACE_ID_BYTES, rows, spans.iter().map(|span| Some(&span.trace_id[..])))?,
        ids(SPAN_ID_BYTES, rows, spans.iter().map(|span| Some(&span.span_id[..])))?,
        ids(SPAN_ID_BYTES, rows, spans.iter().map(|span| span.parent_span_id.as_ref().map(|id| &id[..])))?,
        text(spans.iter().map(|span| non_empty(&span.trace_state))),
        integers(spans.iter().map(|span| span.flags)),
        dictionary(spans.iter().map(|span| Some(span.name.as_str())))?,
        shared(of_resource().map(|resource| resource.service_name.as_deref()), &resources.rows)?,
        shared(Kind::ALL.into_iter().map(|kind| Some(kind.as_str())), &kinds)?,
        shared(Status::ALL.into_iter().map(|status| Some(status.as_str())), &statuses)?,
        dictionary(spans.iter().map(|span| non_empty(&span.status_message)))?,
        times(spans.iter().map(|span| span.start_ns)),
        times(spans.iter().map(|span| span.end_ns)),
        Arc::new(Int64Array::from_iter_values(
            spans.iter().map(|span| span.end_ns.saturating_sub(span.start_ns)),
        )),
        Arc::new(
            TimestampMillisecondArray::from_iter_values(ingested_at_ms.iter().copied()).with_timezone("UTC"),
        ),
        shared(of_scope().map(|scope| non_empty(&scope.name)), &scopes.rows)?,
        shared(of_scope().map(|scope| non_empty(&scope.version)), &scopes.rows)?,
        attributes.rest(),
        shared_maps(of_resource().map(|resource| rest(&resource.attributes, layout)), &resources.rows)?,
        shared_maps(of_scope().map(|scope| scope.attributes.iter().collect()), &scopes.rows)?,
        events(&spans)?,
        links(&spans)?,
        integers(spans.iter().map(|span| span.dropped_attributes)),
        integers(spans.iter().map(|span| span.dropped_events)),
        integers(spans.iter().map(|span| span.dropped_links)),
    ];
    // In the layout's order, whatever the order of scopes in it.
    for promoted in layout.columns.iter() {
        let key = promoted.key.as_str();
        columns.push(match promoted.scope {
            AttributeScope::Span => attributes.column(key, rows)?,
            AttributeScope::Resource => {
                shared(of_resource().map(|resource| resource.attributes.get(key)), &resources.rows)?
            }
        });
    }
    Ok(RecordBatch::try_new(span_schema(layout), columns)?)
}

/// An upper bound of the bytes that a span adds to any one column: those of all its text, its resource's
/// and its scope's included, and one for every event and link.
pub fn text_bytes(span: &Span) -> usize {
    let attributes = |attributes: &Attributes| attributes.len() + attributes.text_len();
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

/// The attributes of spans: a dictionary column for each promoted key, a map for the rest.
struct AttributeColumns<'s> {
    index: HashMap<&'s str, usize>,
    /// The key that stood at each place in the last spans, and its number: neighbours have the same keys.
    found: Vec<(&'s str, Option<usize>)>,
    promoted: Vec<Dictionary<'s>>,
    rest: MapBuilder<StringBuilder, StringBuilder>,
}

impl<'s> AttributeColumns<'s> {
    fn new(layout: &'s Layout) -> Self {
        let keys = layout.columns.iter().filter(|promoted| promoted.scope == AttributeScope::Span);
        let index: HashMap<&str, usize> =
            keys.enumerate().map(|(position, promoted)| (promoted.key.as_str(), position)).collect();
        let promoted = (0..index.len()).map(|_| Dictionary::default()).collect();
        Self { index, found: Vec::new(), promoted, rest: map_builder() }
    }

    fn append(&mut self, row: usize, attributes: &'s Attributes) -> Result<(), ArrowError> {
        for (place, (key, value)) in attributes.iter().enumerate() {
            let position = match self.found.get(place) {
                Some((known, position)) if *known == key => *position,
                _ => self.find(place, key),
            };
            if let Some(column) = position.and_then(|position| self.promoted.get_mut(position)) {
                column.append(row, value);
            } else {
                self.rest.keys().append_value(key);
                self.rest.values().append_value(value);
            }
        }
        self.rest.append(true)
    }

    fn find(&mut self, place: usize, key: &'s str) -> Option<usize> {
        let position = self.index.get(key).copied();
        match self.found.get_mut(place) {
            Some(found) => *found = (key, position),
            None => self.found.push((key, position)),
        }
        position
    }

    fn rest(&mut self) -> ArrayRef {
        Arc::new(self.rest.finish())
    }

    fn column(&mut self, key: &str, rows: usize) -> Result<ArrayRef, BatchError> {
        let position = self.index.get(key).copied();
        let column = position.and_then(|position| self.promoted.get_mut(position));
        let column = column.ok_or_else(|| BatchError::MissingColumn { column: key.to_owned() })?;
        Ok(mem::take(column).finish(rows)?)
    }
}

/// Things that spans share: each once, and by row the place of its own.
struct Shared<'s, T> {
    all: Vec<&'s T>,
    rows: Vec<usize>,
}

impl<'s, T> Shared<'s, T> {
    fn of(rows: impl Iterator<Item = &'s T>) -> Self {
        let mut known = HashMap::new();
        let mut shared = Self { all: Vec::new(), rows: Vec::new() };
        let mut last = None;
        for one in rows {
            // Neighbours often have the same one.
            let of = match last.filter(|(before, _)| ptr::eq(*before, one)) {
                Some((_, of)) => of,
                None => *known.entry(ptr::from_ref(one)).or_insert_with(|| {
                    shared.all.push(one);
                    shared.all.len() - 1
                }),
            };
            last = Some((one, of));
            shared.rows.push(of);
        }
        shared
    }
}

/// A resource's attributes that have no column.
fn rest<'s>(attributes: &'s Attributes, layout: &Layout) -> Vec<(&'s str, &'s str)> {
    attributes.iter().filter(|(key, _)| layout.column(AttributeScope::Resource, key).is_none()).collect()
}

/// The column of maps that rows share: all of these, and which of them each row has.
fn shared_maps<'s>(
    maps: impl Iterator<Item = Vec<(&'s str, &'s str)>>,
    rows: &[usize],
) -> Result<ArrayRef, ArrowError> {
    let maps: Vec<_> = maps.collect();
    let mut column = map_builder();
    for &of in rows {
        append_map(&mut column, maps[of].iter().copied())?;
    }
    Ok(Arc::new(column.finish()))
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

fn events(spans: &[&Span]) -> Result<ArrayRef, BatchError> {
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

fn links(spans: &[&Span]) -> Result<ArrayRef, BatchError> {
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
