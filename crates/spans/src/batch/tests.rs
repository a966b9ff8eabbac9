//! Round trips of random spans, and what batches of others do.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::layout::{AttributeScope, Layout};
use crate::schema::{columns, span_schema};
use crate::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};

/// Few keys, so that some are promoted, some collide as columns, and some are neither.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("http.status_code".to_owned()),
        Just("http_status_code".to_owned()),
        Just("HTTP.status_code".to_owned()),
        Just("host.name".to_owned()),
        Just("service.name".to_owned()),
        Just(String::new()),
        "[a-c]{1,2}",
        any::<String>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,4}", any::<String>()]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((key(), text()), 0..5).prop_map(Attributes::new)
}

fn event() -> impl Strategy<Value = Event> {
    (any::<i64>(), text(), attributes()).prop_map(|(time_ns, name, attributes)| Event {
        time_ns,
        name,
        attributes,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), text(), attributes()).prop_map(
        |(trace_id, span_id, trace_state, attributes)| Link { trace_id, span_id, trace_state, attributes },
    )
}

prop_compose! {
    pub(crate) fn span()(
        (trace_id, span_id, parent_span_id) in any::<([u8; 16], [u8; 8], Option<[u8; 8]>)>(),
        (trace_state, name, status_message) in (text(), text(), text()),
        (flags, dropped_attributes, dropped_events, dropped_links) in any::<(u32, u32, u32, u32)>(),
        kind in proptest::sample::select(&Kind::ALL[..]),
        status in proptest::sample::select(&Status::ALL[..]),
        (start_ns, end_ns) in any::<(i64, i64)>(),
        (service_name, scope_name, scope_version) in (option::of(text()), text(), text()),
        (own, of_resource, of_scope) in (attributes(), attributes(), attributes()),
        events in vec(event(), 0..3),
        links in vec(link(), 0..3),
    ) -> Span {
        Span {
            trace_id, span_id, parent_span_id, trace_state, flags, name, kind, status, status_message,
            start_ns, end_ns,
            attributes: own,
            resource: Arc::new(Resource { service_name, attributes: of_resource }),
            scope: Arc::new(InstrumentationScope { name: scope_name, version: scope_version, attributes: of_scope }),
            events, links, dropped_attributes, dropped_events, dropped_links,
        }
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let scope = proptest::sample::select(&[AttributeScope::Span, AttributeScope::Resource][..]);
    prop_oneof![
        Just(Layout::builtin()),
        (any::<u32>(), vec((scope, key()), 0..6)).prop_map(|(number, keys)| Layout::new(number, keys)),
    ]
}

fn minimal() -> Span {
    Span {
        name: "GET /".to_owned(),
        kind: Kind::Server,
        start_ns: 1_000,
        end_ns: 3_000,
        ..Span::bare([1; 16], [2; 8])
    }
}

fn with_attributes(pairs: &[(&str, &str)]) -> Span {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Span { attributes: Attributes::new(pairs), ..minimal() }
}

proptest! {
    #[test]
    fn spans_survive_the_columns_of_any_layout(spans in vec(span(), 0..6), layout in layouts(), at in any::<i64>()) {
        let batch = to_batch(&spans, at, &layout).unwrap();
        prop_assert_eq!(batch.num_rows(), spans.len());
        prop_assert_eq!(from_batch(&batch).unwrap(), spans);
    }

    #[test]
    fn spans_survive_slicing(spans in vec(span(), 3..6)) {
        let batch = to_batch(&spans, 0, &Layout::builtin()).unwrap();
        prop_assert_eq!(from_batch(&batch.slice(1, 2)).unwrap(), spans[1..3].to_vec());
    }
}

#[test]
fn a_promoted_key_is_in_its_column_and_not_in_the_map() {
    let span = with_attributes(&[("http.status_code", "401"), ("cart.size", "3")]);
    let batch = to_batch(&[span], 0, &Layout::builtin()).unwrap();
    let column = cast(batch.column_by_name("attr_http_status_code").unwrap(), &DataType::Utf8).unwrap();
    assert_eq!(column.as_string::<i32>().value(0), "401");
    let map = batch.column_by_name(columns::ATTRIBUTES).unwrap().as_map();
    assert_eq!(map.keys().as_string::<i32>(), &StringArray::from(vec!["cart.size"]));
}

#[test]
fn of_two_keys_with_one_column_the_larger_stays_in_the_map() {
    let layout = Layout::new(2, [(AttributeScope::Span, "a.b"), (AttributeScope::Span, "a_b")]);
    let span = with_attributes(&[("a.b", "column"), ("a_b", "map")]);
    let batch = to_batch(std::slice::from_ref(&span), 0, &layout).unwrap();
    let map = batch.column_by_name(columns::ATTRIBUTES).unwrap().as_map();
    assert_eq!(map.keys().as_string::<i32>(), &StringArray::from(vec!["a_b"]));
    assert_eq!(from_batch(&batch).unwrap(), [span]);
}

#[test]
fn what_is_missing_is_null() {
    let batch = to_batch(&[minimal()], 0, &Layout::builtin()).unwrap();
    for name in [
        columns::PARENT_SPAN_ID,
        columns::TRACE_STATE,
        columns::SERVICE_NAME,
        columns::STATUS_MESSAGE,
        columns::SCOPE_NAME,
        columns::SCOPE_VERSION,
        "attr_http_status_code",
    ] {
        assert!(batch.column_by_name(name).unwrap().is_null(0), "{name}");
    }
    for name in
        [columns::ATTRIBUTES, columns::RESOURCE_ATTRIBUTES, columns::SCOPE_ATTRIBUTES, columns::EVENTS]
    {
        assert!(batch.column_by_name(name).unwrap().is_valid(0), "{name}");
    }
}

#[test]
fn an_empty_service_name_is_not_a_missing_one() {
    let named = |name: Option<&str>| Span {
        resource: Arc::new(Resource { service_name: name.map(str::to_owned), ..Resource::default() }),
        ..minimal()
    };
    let spans = vec![named(Some("")), named(None), named(Some("shop"))];
    let batch = to_batch(&spans, 0, &Layout::builtin()).unwrap();
    assert_eq!(from_batch(&batch).unwrap(), spans);
}

/// As readers of Parquet hand it on.
#[test]
fn a_batch_whose_schema_lost_its_metadata_is_read_by_that_of_its_fields() {
    let span = with_attributes(&[("http.status_code", "401"), ("cart.size", "3")]);
    let batch = to_batch(std::slice::from_ref(&span), 0, &Layout::builtin()).unwrap();
    let schema = Schema::new(batch.schema_ref().fields().clone());
    let bare = RecordBatch::try_new(Arc::new(schema), batch.columns().to_vec()).unwrap();
    assert_eq!(from_batch(&bare).unwrap(), [span]);
}

/// As a query engine hands it on: other text types, other column order, a column more.
#[test]
fn a_batch_that_passed_through_a_query_engine_is_read() {
    let span = with_attributes(&[("http.status_code", "401"), ("cart.size", "3")]);
    let batch = to_batch(std::slice::from_ref(&span), 0, &Layout::builtin()).unwrap();
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()).rev() {
        let plain = match field.data_type() {
            DataType::Dictionary(..) => DataType::Utf8View,
            DataType::Utf8 => DataType::LargeUtf8,
            other => other.clone(),
        };
        fields.push(Field::new(field.name(), plain.clone(), field.is_nullable()));
        arrays.push(cast(array, &plain).unwrap());
    }
    fields.push(Field::new("value.count", DataType::Utf8, true));
    arrays.push(Arc::new(StringArray::from(vec![None::<&str>])));
    let schema = Schema::new_with_metadata(fields, batch.schema_ref().metadata().clone());
    let passed = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    assert_eq!(from_batch(&passed).unwrap(), [span]);
}

#[test]
fn a_batch_that_is_no_span_batch_is_an_error_that_says_why() {
    let batch = to_batch(&[minimal()], 0, &Layout::builtin()).unwrap();
    let bare = Field::new("attr_http_route", DataType::Utf8, true);
    let foreign = RecordBatch::new_empty(Arc::new(Schema::new(vec![bare])));
    assert!(
        matches!(from_batch(&foreign), Err(BatchError::UnknownKey { column }) if column == "attr_http_route")
    );

    let position = batch.schema_ref().index_of(columns::SPAN_ID).unwrap();
    let kept: Vec<usize> = (0..batch.num_columns()).filter(|column| *column != position).collect();
    let projected = batch.project(&kept).unwrap();
    assert!(
        matches!(from_batch(&projected), Err(BatchError::MissingColumn { column }) if column == "span_id")
    );

    let mut arrays = batch.columns().to_vec();
    let kind = batch.schema_ref().index_of(columns::KIND).unwrap();
    arrays[kind] = cast(&StringArray::from(vec!["proxy"]), batch.column(kind).data_type()).unwrap();
    let unknown = RecordBatch::try_new(span_schema(&Layout::builtin()), arrays).unwrap();
    assert!(matches!(from_batch(&unknown), Err(BatchError::UnknownValue { value, .. }) if value == "proxy"));
}

#[test]
fn more_text_than_offsets_can_address_is_refused_before_it_is_copied() {
    let resource = Arc::new(Resource {
        service_name: None,
        attributes: Attributes::new(vec![("big".to_owned(), "x".repeat(64 << 20))]),
    });
    let span = Span { resource, ..minimal() };
    let spans = vec![span; 33];
    assert!(
        matches!(to_batch(&spans, 0, &Layout::builtin()), Err(BatchError::TooLarge { bytes }) if bytes > 2 << 30)
    );
}
