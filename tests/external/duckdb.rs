//! DuckDB reads what `fluo ingest` writes, as it is.

use std::fs;
use std::path::Path;

use fluo_tests::otlp::{Encoding, Span};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{duckdb, fluo};

/// 2024-05-01T12:00:00Z
const NOON: u64 = 1_714_564_800_000_000_000;

/// Three spans over two hours, with a promoted attribute and one that has no column.
fn store() -> TempDir {
    let folder = TempDir::new().unwrap();
    let span = |number: u64, service: &str, end: u64| {
        Span::new(number, service, "auth_user", end).with("http.status_code", 401).with("shop.cart", "c-7")
    };
    let spans = [
        span(1, "auth-service", NOON + 1),
        span(2, "auth-service", NOON + 2),
        span(3, "cart", NOON + 3_600_000_000_000),
    ];
    let object = folder.path().join("object.binpb.zst");
    fs::write(&object, Encoding::ZstdProtobuf.write(&spans)).unwrap();
    ingest(&[&object], folder.path());
    folder
}

fn ingest(sources: &[&Path], store: &Path) -> Value {
    let mut arguments = vec!["ingest", "--format", "json", "--spans", store.to_str().unwrap()];
    arguments.extend(sources.iter().map(|path| path.to_str().unwrap()));
    serde_json::from_str(&fluo(&arguments)).unwrap()
}

const FILES: &str = "read_parquet('spans/**/*.parquet', hive_partitioning = true, union_by_name = true)";

#[test]
fn columns_and_map_entries_are_there() {
    let store = store();
    let rows = duckdb(
        store.path(),
        &format!(
            "SELECT service_name, name, kind, attr_http_status_code, attributes['shop.cart'], duration_ns, hour
             FROM {FILES} ORDER BY end_time"
        ),
    );
    let row =
        |service: &str, hour: &str| json!([service, "auth_user", "server", "401", "c-7", "12000000", hour]);
    assert_eq!(json!(rows), json!([row("auth-service", "12"), row("auth-service", "12"), row("cart", "13")]));
}

#[test]
fn a_promoted_attribute_is_in_its_column_only() {
    let rows =
        duckdb(store().path(), &format!("SELECT DISTINCT attributes['http.status_code'] FROM {FILES}"));
    assert_eq!(rows, [[Value::Null]]);
}

#[test]
fn ids_show_as_hex_and_are_found_by_it() {
    let rows = duckdb(
        store().path(),
        &format!(
            "SELECT lower(hex(trace_id)), lower(hex(span_id)), parent_span_id FROM {FILES}
             WHERE trace_id = unhex('5b5b5b5b5b5b5b5b0000000000000002')"
        ),
    );
    assert_eq!(rows, [[json!("5b5b5b5b5b5b5b5b0000000000000002"), json!("0000000000000002"), Value::Null]]);
}

#[test]
fn nanoseconds_survive() {
    let rows = duckdb(
        store().path(),
        &format!("SELECT count(*) FROM {FILES} WHERE end_time > '2024-05-01 12:00:00.000000001Z'"),
    );
    assert_eq!(rows, [["2"]]);
}

#[test]
fn the_view_has_whole_attributes_and_hex_ids() {
    let store = store();
    let view = fs::read_to_string(store.path().join("spans.sql")).unwrap();
    let rows = duckdb(
        store.path(),
        &format!(
            "{view};
             SELECT trace_id, attr_http_status_code, attributes['http.status_code'], attributes['shop.cart'],
                 resource_attributes['service.name']
             FROM spans ORDER BY end_time DESC LIMIT 1"
        ),
    );
    assert_eq!(json!(rows), json!([["5b5b5b5b5b5b5b5b0000000000000003", "401", "401", "c-7", "cart"]]));
}

#[test]
fn as_many_spans_as_were_ingested() {
    let folder = TempDir::new().unwrap();
    let fixtures = fluo_tests::program::repository().join("tests/fixtures/collector/file/file_exporter.json");
    let summary = ingest(&[&fixtures], folder.path());
    let rows = duckdb(folder.path(), &format!("SELECT count(*) FROM {FILES}"));
    assert_eq!(rows, [[summary["spans"].to_string()]]);
    assert_ne!(summary["spans"], 0);
}

#[test]
fn evaluation_and_duckdb_agree_on_what_matches() {
    let folder = TempDir::new().unwrap();
    let fixtures = fluo_tests::program::repository().join("tests/fixtures/collector/awss3");
    ingest(&[&fixtures], folder.path());
    let rows = duckdb(
        folder.path(),
        &format!(
            "SELECT count(DISTINCT (trace_id, span_id, end_time)) FROM {FILES}
             WHERE kind = 'server' AND coalesce(attr_http_response_status_code, attr_http_status_code) = '401'"
        ),
    );
    let spans = folder.path().to_str().unwrap();
    let rule = "docs/examples/failed-logins.yml";
    let line = fluo(&["eval", "--rules", rule, "--spans", spans, "--format", "ndjson"]);
    let violation: Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!(rows, [[violation["peak"]["failures"].to_string()]]);
}
