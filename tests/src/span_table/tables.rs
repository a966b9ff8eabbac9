//! The columns of each member.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, Int32Array, ListArray, StructArray, TimestampMicrosecondArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use fluo_spans::span::{Attributes, Kind, Span, Status};

use super::member::Member;
use super::values::{
    capital, enumerated, event_json, events, filled, integers, json_list, jsons, link_json, links, maps,
    micros, millis, nanos, number, object, optional, resource, texts,
};

/// The columns of a member, with their names.
pub(super) fn columns(member: Member, spans: &[Span]) -> Result<Columns, ArrowError> {
    match member {
        Member::ClickHouse => click_house(spans, &maps, &nested_apart),
        Member::ClickHouseNested => {
            let columns = click_house(spans, &maps, &nested_whole)?;
            let as_bytes = |(name, array): (_, ArrayRef)| {
                let is_text = array.data_type() == &DataType::Utf8;
                Ok((name, if is_text { cast(&array, &DataType::Binary)? } else { array }))
            };
            columns.into_iter().map(as_bytes).collect()
        }
        Member::ClickHouseJson => click_house(spans, &jsons, &nested_apart),
        Member::Otlp2Parquet => otlp2parquet(spans, &maps, &|times| nanos(&times), OTLP2PARQUET),
        Member::Otlp2ParquetJson => {
            let micros = |times: Vec<i64>| {
                let times = times.into_iter().map(micros);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times)) as ArrayRef
            };
            otlp2parquet(spans, &jsons, &micros, OTLP2PARQUET_JSON)
        }
        Member::Otlp2RecordsOld => Ok(otlp2records_old(spans)),
        Member::Otlp2Records => otlp2records(spans),
        Member::Rotel => rotel(spans),
    }
}

/// The attributes of each row as a column.
type AttributeColumn<'a> = &'a dyn Fn(&[Attributes]) -> Result<ArrayRef, ArrowError>;

/// Rows of lists as a column, given a column of their items.
fn lists(lengths: impl Iterator<Item = usize>, items: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, None)?))
}

pub(super) type Columns = Vec<(&'static str, ArrayRef)>;

/// Events and links as columns, given what makes one of attributes.
type Nested<'a> = &'a dyn Fn(&[Span], AttributeColumn<'_>) -> Result<Columns, ArrowError>;

fn click_house(
    spans: &[Span],
    attributes: AttributeColumn<'_>,
    nested: Nested<'_>,
) -> Result<Columns, ArrowError> {
    let durations = spans.iter().map(|span| span.end_ns.abs_diff(span.start_ns));
    let mut columns: Columns = vec![
        ("Timestamp", nanos(&spans.iter().map(|span| span.start_ns).collect::<Vec<_>>())),
        ("TraceId", texts(spans.iter().map(|span| hex::encode(span.trace_id)))),
        ("SpanId", texts(spans.iter().map(|span| hex::encode(span.span_id)))),
        (
            "ParentSpanId",
            texts(
                spans
                    .iter()
                    .map(|span| hex::encode(span.parent_span_id.as_ref().map_or(&[][..], |id| &id[..]))),
            ),
        ),
        ("TraceState", texts(spans.iter().map(|span| span.trace_state.clone()))),
        ("SpanName", texts(spans.iter().map(|span| span.name.clone()))),
        ("SpanKind", texts(spans.iter().map(|span| capital(span.kind.as_str())))),
        (
            "ServiceName",
            texts(spans.iter().map(|span| span.resource.service_name.clone().unwrap_or_default())),
        ),
        ("ResourceAttributes", attributes(&spans.iter().map(resource).collect::<Vec<_>>())?),
        ("ScopeName", texts(spans.iter().map(|span| span.scope.name.clone()))),
        ("ScopeVersion", texts(spans.iter().map(|span| span.scope.version.clone()))),
        (
            "SpanAttributes",
            attributes(&spans.iter().map(|span| span.attributes.clone()).collect::<Vec<_>>())?,
        ),
        ("Duration", Arc::new(UInt64Array::from_iter_values(durations))),
        ("StatusCode", texts(spans.iter().map(|span| capital(span.status.as_str())))),
        ("StatusMessage", texts(spans.iter().map(|span| span.status_message.clone()))),
    ];
    columns.extend(nested(spans, attributes)?);
    Ok(columns)
}

/// Names of the parallel lists of events and links.
const CLICK_HOUSE: [&str; 7] = [
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links.TraceId",
    "Links.SpanId",
    "Links.TraceState",
    "Links.Attributes",
];
const OTLP2PARQUET: [&str; 7] = [
    "Events_Timestamp",
    "Events_Name",
    "Events_Attributes",
    "Links_TraceId",
    "Links_SpanId",
    "Links_TraceState",
    "Links_Attributes",
];
const OTLP2PARQUET_JSON: [&str; 7] = [
    "EventsTimestamp",
    "EventsName",
    "EventsAttributes",
    "LinksTraceId",
    "LinksSpanId",
    "LinksTraceState",
    "LinksAttributes",
];
const ROTEL: [&str; 7] = [
    "events_timestamp",
    "events_name",
    "events_attributes",
    "links_trace_id",
    "links_span_id",
    "links_trace_state",
    "links_attributes",
];

fn nested_apart(spans: &[Span], attributes: AttributeColumn<'_>) -> Result<Columns, ArrowError> {
    apart(spans, attributes, &|times| nanos(&times), CLICK_HOUSE)
}

fn apart(
    spans: &[Span],
    attributes: AttributeColumn<'_>,
    times: &dyn Fn(Vec<i64>) -> ArrayRef,
    names: [&'static str; 7],
) -> Result<Columns, ArrowError> {
    let (events, links) = (events(spans), links(spans));
    let of_events = |items| lists(spans.iter().map(|span| span.events.len()), items);
    let of_links = |items| lists(spans.iter().map(|span| span.links.len()), items);
    let columns = [
        of_events(times(events.iter().map(|event| event.time_ns).collect()))?,
        of_events(texts(events.iter().map(|event| event.name.clone())))?,
        of_events(attributes(&events.iter().map(|event| event.attributes.clone()).collect::<Vec<_>>())?)?,
        of_links(texts(links.iter().map(|link| hex::encode(link.trace_id))))?,
        of_links(texts(links.iter().map(|link| hex::encode(link.span_id))))?,
        of_links(texts(links.iter().map(|link| link.trace_state.clone())))?,
        of_links(attributes(&links.iter().map(|link| link.attributes.clone()).collect::<Vec<_>>())?)?,
    ];
    Ok(names.into_iter().zip(columns).collect())
}

fn nested_whole(spans: &[Span], attributes: AttributeColumn<'_>) -> Result<Columns, ArrowError> {
    let parts = nested_apart(spans, attributes)?;
    let whole = |name: &'static str| -> Result<(&'static str, ArrayRef), ArrowError> {
        let own = |(column, lists): &(&'static str, ArrayRef)| {
            let field = column.strip_prefix(name)?.strip_prefix('.')?;
            let items = lists.as_any().downcast_ref::<ListArray>()?.values();
            Some((Arc::new(Field::new(field, items.data_type().clone(), true)), Arc::clone(items)))
        };
        let fields: Vec<_> = parts.iter().filter_map(own).collect();
        let lengths =
            spans.iter().map(|span| if name == "Events" { span.events.len() } else { span.links.len() });
        Ok((name, lists(lengths, Arc::new(StructArray::from(fields)))?))
    };
    Ok(vec![whole("Events")?, whole("Links")?])
}

fn otlp2parquet(
    spans: &[Span],
    attributes: AttributeColumn<'_>,
    times: &dyn Fn(Vec<i64>) -> ArrayRef,
    names: [&'static str; 7],
) -> Result<Columns, ArrowError> {
    let mut columns = click_house(spans, attributes, &|_, _| Ok(Vec::new()))?;
    for (name, column) in &mut columns {
        *column = match *name {
            "Timestamp" => times(spans.iter().map(|span| span.start_ns).collect()),
            "SpanKind" => texts(spans.iter().map(|span| enumerated("SPAN_KIND_", span.kind.as_str()))),
            "StatusCode" => texts(spans.iter().map(|span| enumerated("STATUS_CODE_", span.status.as_str()))),
            "Duration" => integers(spans.iter().map(|span| span.end_ns - span.start_ns)),
            _ => Arc::clone(column),
        };
    }
    columns.extend(apart(spans, attributes, times, names)?);
    Ok(columns)
}

fn otlp2records_old(spans: &[Span]) -> Columns {
    let start = spans.iter().map(|span| micros(span.start_ns));
    let count = |of: fn(&Span) -> u32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(spans.iter().map(|span| of(span).cast_signed())))
    };
    vec![
        ("timestamp", Arc::new(TimestampMicrosecondArray::from_iter_values(start))),
        ("end_timestamp", integers(spans.iter().map(|span| millis(span.end_ns)))),
        ("duration", integers(spans.iter().map(|span| millis(span.end_ns - span.start_ns)))),
        ("trace_id", texts(spans.iter().map(|span| hex::encode(span.trace_id)))),
        ("span_id", texts(spans.iter().map(|span| hex::encode(span.span_id)))),
        ("parent_span_id", optional(spans.iter().map(|span| span.parent_span_id.map(hex::encode)))),
        ("trace_state", optional(spans.iter().map(|span| filled(&span.trace_state)))),
        (
            "service_name",
            texts(spans.iter().map(|span| span.resource.service_name.clone().unwrap_or_default())),
        ),
        ("span_name", texts(spans.iter().map(|span| span.name.clone()))),
        (
            "span_kind",
            Arc::new(Int32Array::from_iter_values(spans.iter().map(|span| number(&Kind::ALL, &span.kind)))),
        ),
        (
            "status_code",
            Arc::new(Int32Array::from_iter_values(
                spans.iter().map(|span| number(&Status::ALL, &span.status)),
            )),
        ),
        ("status_message", optional(spans.iter().map(|span| filled(&span.status_message)))),
        ("resource_attributes", texts(spans.iter().map(|span| object(&resource(span)).to_string()))),
        ("scope_name", optional(spans.iter().map(|span| filled(&span.scope.name)))),
        ("scope_version", optional(spans.iter().map(|span| filled(&span.scope.version)))),
        ("scope_attributes", texts(spans.iter().map(|span| object(&span.scope.attributes).to_string()))),
        ("span_attributes", texts(spans.iter().map(|span| object(&span.attributes).to_string()))),
        ("events_json", optional(spans.iter().map(|span| json_list(&span.events, event_json)))),
        ("links_json", optional(spans.iter().map(|span| json_list(&span.links, link_json)))),
        ("dropped_attributes_count", count(|span| span.dropped_attributes)),
        ("dropped_events_count", count(|span| span.dropped_events)),
        ("dropped_links_count", count(|span| span.dropped_links)),
        ("flags", count(|span| span.flags)),
    ]
}

fn otlp2records(spans: &[Span]) -> Result<Columns, ArrowError> {
    let ids = |ids: &mut dyn Iterator<Item = Option<Vec<u8>>>, bytes| -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids, bytes)?))
    };
    let count =
        |of: fn(&Span) -> u32| -> ArrayRef { Arc::new(UInt32Array::from_iter_values(spans.iter().map(of))) };
    let mut columns = otlp2records_old(spans);
    columns.retain(|(name, _)| *name != "end_timestamp");
    for (name, column) in &mut columns {
        let (new_name, new) = match *name {
            "timestamp" => {
                ("start_time_unix_nano", nanos(&spans.iter().map(|span| span.start_ns).collect::<Vec<_>>()))
            }
            // Parquet has no type for it, and keeps the number.
            "duration" => {
                ("duration_time_unix_nano", integers(spans.iter().map(|span| span.end_ns - span.start_ns)))
            }
            "trace_id" => (*name, ids(&mut spans.iter().map(|span| Some(span.trace_id.to_vec())), 16)?),
            "span_id" => (*name, ids(&mut spans.iter().map(|span| Some(span.span_id.to_vec())), 8)?),
            "parent_span_id" => {
                let parent = |span: &Span| span.parent_span_id.map(|id| id.to_vec());
                (*name, ids(&mut spans.iter().map(parent), 8)?)
            }
            "span_name" => ("name", Arc::clone(column)),
            "span_kind" => ("kind", Arc::clone(column)),
            "status_message" => ("status_status_message", Arc::clone(column)),
            "dropped_attributes_count" => (*name, count(|span| span.dropped_attributes)),
            "dropped_events_count" => (*name, count(|span| span.dropped_events)),
            "dropped_links_count" => (*name, count(|span| span.dropped_links)),
            "flags" => (*name, count(|span| span.flags)),
            _ => (*name, Arc::clone(column)),
        };
        (*name, *column) = (new_name, new);
    }
    Ok(columns)
}

fn rotel(spans: &[Span]) -> Result<Columns, ArrowError> {
    const NAMES: [(&str, &str); 15] = [
        ("Timestamp", "timestamp"),
        ("TraceId", "trace_id"),
        ("SpanId", "span_id"),
        ("ParentSpanId", "parent_span_id"),
        ("TraceState", "trace_state"),
        ("SpanName", "span_name"),
        ("SpanKind", "span_kind"),
        ("ServiceName", "service_name"),
        ("ResourceAttributes", "resource_attributes"),
        ("ScopeName", "scope_name"),
        ("ScopeVersion", "scope_version"),
        ("SpanAttributes", "span_attributes"),
        ("Duration", "duration"),
        ("StatusCode", "status_code"),
        ("StatusMessage", "status_message"),
    ];
    let unsigned = |times: Vec<i64>| {
        Arc::new(UInt64Array::from_iter_values(times.into_iter().map(i64::cast_unsigned))) as ArrayRef
    };
    let mut columns = click_house(spans, &jsons, &|_, _| Ok(Vec::new()))?;
    for ((name, column), (_, own)) in columns.iter_mut().zip(NAMES) {
        *column = match *name {
            "Timestamp" => unsigned(spans.iter().map(|span| span.start_ns).collect()),
            "Duration" => integers(spans.iter().map(|span| span.end_ns - span.start_ns)),
            _ => Arc::clone(column),
        };
        *name = own;
    }
    columns.extend(apart(spans, &jsons, &unsigned, ROTEL)?);
    Ok(columns)
}
