//! Types, spellings, and what is wrong with values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, FixedSizeBinaryArray,
    Float64Array, Int32Array, Int64Array, ListArray, MapArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Field;

use super::*;
use crate::counts::Reasoned;
use crate::decode::Decoded;
use crate::error::Foreign;
use crate::set_aside::Reason;
use crate::span::{Attributes, Kind, Span, Status};

/// 2024-05-01T12:00:00Z
const NOON: i64 = 1_714_564_800_000_000_000;
const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

fn text(text: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}

/// One row of a span of a second at noon, with these columns, or in their place.
fn read(columns: Vec<(&'static str, ArrayRef)>) -> Decoded {
    let mut all: Vec<(&str, ArrayRef)> = vec![
        ("Timestamp", Arc::new(TimestampNanosecondArray::from(vec![NOON]))),
        ("Duration", Arc::new(UInt64Array::from(vec![1_000_000_000]))),
        ("TraceId", text(TRACE)),
        ("SpanId", text(SPAN)),
        ("SpanName", text("GET /")),
    ];
    for (name, column) in columns {
        all.retain(|(known, _)| *known != name);
        all.push((name, column));
    }
    let batch = RecordBatch::try_from_iter(all).unwrap();
    let table = SpanTable::of(batch.schema().fields().iter().map(|field| field.name().as_str())).unwrap();
    let mut decoded = Decoded::default();
    let rest = decode_rows(&table, [Ok(batch)].into_iter(), &Limits::default(), &mut |batch| {
        decoded.spans.extend(batch.spans);
        decoded.mended.merge(batch.mended);
        ControlFlow::Continue(())
    });
    decoded.set_aside = rest.unwrap().set_aside;
    decoded
}

/// The one span, of which nothing was mended.
fn span(columns: Vec<(&'static str, ArrayRef)>) -> Span {
    let decoded = read(columns);
    assert!(decoded.mended.is_empty(), "{:?}", decoded.mended);
    one(decoded)
}

fn one(mut decoded: Decoded) -> Span {
    assert!(decoded.set_aside.is_empty(), "{}", decoded.set_aside.in_words());
    assert_eq!(decoded.spans.len(), 1);
    decoded.spans.remove(0)
}

/// The one span, and what was mended of it.
fn mended(columns: Vec<(&'static str, ArrayRef)>) -> (Span, String) {
    let decoded = read(columns);
    let words = decoded.mended.counts().reasons.in_words();
    (one(decoded), words)
}

fn pairs(attributes: &Attributes) -> Vec<(&str, &str)> {
    attributes.iter().collect()
}

fn list(items: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let lengths = OffsetBuffer::from_lengths([items.len()]);
    Arc::new(ListArray::try_new(field, lengths, items, None).unwrap())
}

fn structure(fields: Vec<(&str, ArrayRef)>, nulls: Option<NullBuffer>) -> StructArray {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = fields
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    StructArray::try_new(fields.into(), columns, nulls).unwrap()
}

fn map(keys: ArrayRef, values: ArrayRef) -> ArrayRef {
    let fields = vec![
        Field::new("key", keys.data_type().clone(), false),
        Field::new("value", values.data_type().clone(), true),
    ];
    let lengths = OffsetBuffer::from_lengths([keys.len()]);
    let entries = StructArray::try_new(fields.into(), vec![keys, values], None).unwrap();
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    Arc::new(MapArray::try_new(field, lengths, entries, None, false).unwrap())
}

#[test]
fn a_table_is_of_spans_by_its_columns() {
    let spellings: [&[&str]; 4] = [
        &["Timestamp", "TraceId", "SpanId", "SpanName", "Duration"],
        &["timestamp", "trace_id", "span_id", "span_name", "end_timestamp"],
        &["start_time_unix_nano", "duration_time_unix_nano", "trace_id", "span_id", "name", "kind"],
        &["TIMESTAMP", "TRACEID", "SPANID", "SPANNAME", "DURATION", "Body", "SeverityText"],
    ];
    for columns in spellings {
        assert!(SpanTable::of(columns.iter().copied()).is_ok(), "{columns:?}");
    }
    let found = |columns: &[&'static str]| SpanTable::of(columns.iter().copied()).unwrap_err();
    let of_logs = ["Timestamp", "TraceId", "SpanId", "SeverityText", "Body", "LogAttributes"];
    assert!(matches!(found(&of_logs), DecodeError::NotTraces(Foreign::Logs)));
    let of_metrics = ["timestamp", "metric_name", "value"];
    assert!(matches!(found(&of_metrics), DecodeError::NotTraces(Foreign::Metrics)));
    let words = "no flat table of spans: it lacks the columns `Duration`, `SpanId`";
    assert_eq!(found(&["Timestamp", "TraceId", "SpanName"]).to_string(), words);
    let words = "no flat table of spans: it lacks the columns `Timestamp`, `Duration`, `TraceId`, `SpanId`, `SpanName`";
    assert_eq!(found(&["start_time", "end_time", "a"]).to_string(), words);
}

#[test]
fn a_time_is_read_from_every_type() {
    let (seconds, millis, micros) = (NOON / 1_000_000_000, NOON / 1_000_000, NOON / 1_000);
    let same: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(vec![seconds])),
        Arc::new(TimestampMillisecondArray::from(vec![millis]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![micros])),
        Arc::new(TimestampNanosecondArray::from(vec![NOON]).with_timezone("UTC")),
        Arc::new(Int64Array::from(vec![NOON])),
        Arc::new(UInt64Array::from(vec![NOON.unsigned_abs()])),
        text("2024-05-01 12:00:00"),
        text("2024-05-01 12:00:00.000000000"),
        text("2024-05-01T12:00:00Z"),
        text("2024-05-01 14:00:00+02:00"),
        text("1714564800000000000"),
        Arc::new(BinaryArray::from(vec![&b"2024-05-01 12:00:00"[..]])),
    ];
    for array in same {
        let words = format!("{array:?}");
        let span = span(vec![("Timestamp", array)]);
        assert_eq!((span.start_ns, span.end_ns), (NOON, NOON + 1_000_000_000), "{words}");
    }
}

#[test]
fn an_end_is_a_start_and_a_length() {
    let end = |time: i64| -> (&str, ArrayRef) { ("EndTimeUnixNano", Arc::new(Int64Array::from(vec![time]))) };
    let none = || -> (&str, ArrayRef) { ("Duration", Arc::new(UInt64Array::from(vec![None]))) };
    assert_eq!(span(vec![end(NOON + 7)]).end_ns, NOON + 1_000_000_000, "of both, the length");
    assert_eq!(span(vec![none(), end(NOON + 7)]).end_ns, NOON + 7);
    let wrapped: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX - 4]));
    let (span, words) = mended(vec![("Duration", wrapped)]);
    assert_eq!((span.start_ns, span.end_ns), (NOON - 5, NOON - 5), "a length of -5, unsigned");
    assert_eq!(words, "1 × end before start");
    let no_start: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![None]));
    let (span, words) = mended(vec![("Timestamp", no_start.clone()), end(NOON)]);
    assert_eq!((span.start_ns, span.end_ns, words.as_str()), (NOON, NOON, "1 × missing start time"));
    let set_aside = |columns| read(columns).set_aside.in_words();
    assert_eq!(set_aside(vec![("Timestamp", no_start)]), "1 × missing end time");
    assert_eq!(set_aside(vec![none()]), "1 × missing end time");
    assert_eq!(set_aside(vec![("Timestamp", text("yesterday")), end(-1)]), "1 × malformed end time");
    let far: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
    assert_eq!(set_aside(vec![("Duration", far)]), "1 × end time out of range");
}

#[test]
fn lengths_beside_an_end_timestamp_are_milliseconds() {
    let integer = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
    let columns =
        |duration: ArrayRef| vec![("end_timestamp", integer(NOON / 1_000_000 + 3)), ("Duration", duration)];
    assert_eq!(span(columns(integer(3))).end_ns, NOON + 3_000_000);
    assert_eq!(span(columns(Arc::new(Int64Array::from(vec![None])))).end_ns, NOON + 3_000_000);
}

#[test]
fn ids_are_bytes_or_hex() {
    let trace =
        [0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c];
    let same: Vec<ArrayRef> = vec![
        text(TRACE),
        text(&TRACE.to_uppercase()),
        Arc::new(StringViewArray::from(vec![TRACE])),
        Arc::new(BinaryArray::from(vec![TRACE.as_bytes()])),
        Arc::new(BinaryArray::from(vec![&trace[..]])),
        Arc::new(BinaryViewArray::from(vec![&trace[..]])),
        Arc::new(FixedSizeBinaryArray::try_from_iter([trace].into_iter()).unwrap()),
    ];
    for array in same {
        let words = format!("{array:?}");
        assert_eq!(span(vec![("TraceId", array)]).trace_id, trace, "{words}");
    }
    // Bytes that might be text are bytes where nothing but bytes can stand.
    let digits: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([*b"00000001"].into_iter()).unwrap());
    assert_eq!(span(vec![("SpanId", digits)]).span_id, *b"00000001");
    let set_aside = |column, id: &str| read(vec![(column, text(id))]).set_aside;
    for (column, id, reason) in [
        ("TraceId", "", Reason::MissingTraceId),
        ("TraceId", "eee19b7ec3c1b174", Reason::MalformedTraceId),
        ("TraceId", "00000000000000000000000000000000", Reason::ZeroTraceId),
        ("SpanId", "eee19b7e", Reason::MalformedSpanId),
        ("SpanId", "0000000000000000", Reason::ZeroSpanId),
    ] {
        assert_eq!(set_aside(column, id).get(reason), 1, "{id}: {}", reason.as_str());
    }
    for root in ["", "0000000000000000"] {
        assert_eq!(span(vec![("ParentSpanId", text(root))]).parent_span_id, None);
    }
    let (span, words) = mended(vec![("ParentSpanId", text("none"))]);
    assert_eq!((span.parent_span_id, words.as_str()), (None, "1 × malformed parent span id"));
}

#[test]
fn kinds_and_states_in_every_spelling() {
    let server: [ArrayRef; 6] = [
        text("Server"),
        text("SPAN_KIND_SERVER"),
        text("server"),
        text("2"),
        Arc::new(Int32Array::from(vec![2])),
        Arc::new(UInt8Array::from(vec![2])),
    ];
    for array in server {
        assert_eq!(span(vec![("SpanKind", array)]).kind, Kind::Server);
    }
    for word in ["Error", "STATUS_CODE_ERROR", "ERROR", "2"] {
        assert_eq!(span(vec![("StatusCode", text(word))]).status, Status::Error);
    }
    assert_eq!(span(vec![("StatusCode", text(""))]).status, Status::Unset);
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    assert_eq!(span(vec![("StatusCode", nothing)]).status, Status::Unset);
    let (span, words) = mended(vec![("SpanKind", text("banana"))]);
    assert_eq!((span.kind, words.as_str()), (Kind::Unspecified, "1 × unknown kind or status"));
}

#[test]
fn attributes_are_a_map_a_list_of_pairs_or_json() {
    let (keys, values) = (["b", "a"], [Some("2"), None]);
    let keys: ArrayRef = Arc::new(StringArray::from(keys.to_vec()));
    let values: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    let in_order = [("a", ""), ("b", "2")];
    let found = span(vec![("SpanAttributes", map(Arc::clone(&keys), Arc::clone(&values)))]);
    assert_eq!(pairs(&found.attributes), in_order);
    let entries = structure(vec![("Key", keys), ("value", values)], None);
    let found = span(vec![("SpanAttributes", list(Arc::new(entries)))]);
    assert_eq!(pairs(&found.attributes), in_order);
    let typed: [(ArrayRef, &str); 3] = [
        (Arc::new(Int64Array::from(vec![401])), "401"),
        (Arc::new(Float64Array::from(vec![0.5])), "0.5"),
        (Arc::new(BooleanArray::from(vec![true])), "true"),
    ];
    for (value, canonical) in typed {
        let found = span(vec![("SpanAttributes", map(text("a"), value))]);
        assert_eq!(pairs(&found.attributes), [("a", canonical)]);
    }
    let json = r#" {"int": 401, "double": 1.50, "yes": true, "none": null, "text": "a\"b",
                    "list": ["a", 1.0, null], "map": {"b": {"c": 1}, "a": []}} "#;
    let found = span(vec![("SpanAttributes", text(json))]);
    let expected = [
        ("double", "1.5"),
        ("int", "401"),
        ("list", r#"["a",1,null]"#),
        ("map", r#"{"a":[],"b":{"c":1}}"#),
        ("none", ""),
        ("text", "a\"b"),
        ("yes", "true"),
    ];
    assert_eq!(pairs(&found.attributes), expected);
    for empty in ["", " ", "{}", "null"] {
        assert!(span(vec![("SpanAttributes", text(empty))]).attributes.is_empty(), "{empty:?}");
    }
}

#[test]
fn a_resource_has_what_stands_in_columns_of_its_own() {
    let resource = text(r#"{"host.name": "a", "service.name": "in the map"}"#);
    let span = span(vec![
        ("ResourceAttributes", resource.clone()),
        ("ServiceName", text("auth")),
        ("service_namespace", text("shop")),
        ("ServiceInstanceId", text("")),
    ]);
    assert_eq!(span.resource.service_name.as_deref(), Some("auth"));
    assert_eq!(pairs(&span.resource.attributes), [("host.name", "a"), ("service.namespace", "shop")]);
    let span = self::span(vec![("ResourceAttributes", resource), ("ServiceName", text(""))]);
    assert_eq!(span.resource.service_name.as_deref(), Some("in the map"));
}

#[test]
fn a_broken_value_costs_itself() {
    let bytes = |bytes: &'static [u8]| -> ArrayRef { Arc::new(BinaryArray::from(vec![bytes])) };
    let (span, words) = mended(vec![("ResourceAttributes", map(text("cmd"), bytes(b"x\xc3")))]);
    assert_eq!(pairs(&span.resource.attributes), [("cmd", "x\u{fffd}")]);
    assert_eq!(words, "1 × text that is not UTF-8");
    let (span, words) = mended(vec![("SpanAttributes", text(r#"{"a": 1, "b": {"c""#))]);
    assert_eq!(
        (pairs(&span.attributes), span.dropped_attributes),
        (vec![("a", "1")], 1),
        "what came before stays"
    );
    assert_eq!(words, "1 × text that is not JSON");
    for (column, value) in [
        ("SpanAttributes", text("[1]")),
        ("SpanAttributes", text(r#"{} {"a": 1}"#)),
        ("SpanAttributes", Arc::new(Int64Array::from(vec![7]))),
        ("ResourceAttributes", text("nonsense")),
        ("events_json", text("{}")),
        ("events_json", text("[{]")),
        ("Events.Name", text("not a list")),
        ("Links", Arc::new(Int64Array::from(vec![7]))),
        ("Flags", Arc::new(Int64Array::from(vec![-1]))),
        ("SpanName", list(text("a"))),
    ] {
        let (_, words) = mended(vec![(column, value)]);
        assert!(!words.is_empty(), "{column}");
    }
    let nothing: ArrayRef = Arc::new(NullArray::new(1));
    for column in ["SpanAttributes", "Events", "Links.TraceId", "SpanKind", "ScopeName"] {
        assert_eq!(mended(vec![(column, Arc::clone(&nothing))]).1, "", "{column}");
    }
}

#[test]
fn lists_of_unequal_lengths_lose_what_is_not_whole() {
    let times: ArrayRef = Arc::new(Int64Array::from(vec![NOON, NOON + 1]));
    let names = |names: &[&str]| -> ArrayRef { list(Arc::new(StringArray::from(names.to_vec()))) };
    let found =
        span(vec![("Events.Timestamp", list(Arc::clone(&times))), ("Events.Name", names(&["a", "b"]))]);
    let events: Vec<(i64, &str)> =
        found.events.iter().map(|event| (event.time_ns, event.name.as_str())).collect();
    assert_eq!(events, [(NOON, "a"), (NOON + 1, "b")]);
    let (found, words) = mended(vec![("Events.Timestamp", list(times)), ("Events.Name", names(&["a"]))]);
    assert_eq!((found.events.len(), found.dropped_events), (1, 1));
    assert_eq!(words, "1 × malformed event");
    let no_list: ArrayRef = arrow::array::new_null_array(names(&[]).data_type(), 1);
    let (found, words) = mended(vec![("Events.Name", names(&["a"])), ("Events.Attributes", no_list)]);
    assert_eq!((found.events.len(), words.as_str()), (1, ""), "a list that is null is none");
    let spans: ArrayRef = Arc::new(StringArray::from(vec![SPAN, "short"]));
    let traces: ArrayRef = Arc::new(StringArray::from(vec![TRACE, TRACE]));
    let (found, words) = mended(vec![("Links.TraceId", list(traces)), ("Links.SpanId", list(spans))]);
    assert_eq!((found.links.len(), found.dropped_links), (1, 1));
    assert_eq!(words, "1 × malformed link");
}

#[test]
fn a_list_of_structures_loses_one_that_is_null() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let events = structure(vec![("Name", names)], Some(NullBuffer::from(vec![true, false])));
    let (found, words) = mended(vec![("Events", list(Arc::new(events)))]);
    assert_eq!((found.events.len(), found.dropped_events), (1, 1));
    assert_eq!((found.events[0].name.as_str(), found.events[0].time_ns), ("a", 0));
    assert_eq!(words, "1 × malformed event");
}

#[test]
fn a_part_that_cannot_be_read_costs_itself() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("Timestamp", Arc::new(Int64Array::from(vec![NOON]))),
        ("Duration", Arc::new(Int64Array::from(vec![1]))),
        ("TraceId", text(TRACE)),
        ("SpanId", text(SPAN)),
        ("SpanName", text("a")),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let table = SpanTable::of(batch.schema().fields().iter().map(|field| field.name().as_str())).unwrap();
    let decode = |parts: Vec<Part>| {
        let mut spans = 0;
        let rest = decode_rows(&table, parts.into_iter(), &Limits::default(), &mut |batch| {
            spans += batch.spans.len();
            ControlFlow::Continue(())
        });
        rest.map(|rest| (spans, rest.set_aside.in_words()))
    };
    let broken = || Part::Err("a flipped bit".into());
    let read = decode(vec![broken(), Ok(batch.clone()), broken(), Ok(batch.clone())]).unwrap();
    assert_eq!(read, (2, "2 × unreadable part".to_owned()));
    let error = decode(vec![broken()]).unwrap_err();
    assert!(
        matches!(&error, DecodeError::Parquet { source } if source.to_string() == "a flipped bit"),
        "{error}"
    );
    let read = decode(vec![Ok(batch.slice(0, 0))]).unwrap();
    assert_eq!(read, (0, String::new()), "a table without rows has no fault");
}

#[test]
fn a_type_that_has_no_meaning_is_left_out() {
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    let (span, words) = mended(vec![("SpanName", dates)]);
    assert_eq!((span.name.as_str(), words.as_str()), ("", "1 × value without a meaning"));
}
