//! Span tables that DuckDB writes, as exports of ClickHouse are when they pass through it.

use std::fs;

use fluo_tests::otlp::{Encoding, Span};
use serde_json::Value;
use tempfile::TempDir;

use crate::{duckdb, fluo};

/// 2024-05-01T12:00:30Z
const FIRST: u64 = 1_714_564_830_000_000_000;

/// Six failed logins, ten seconds apart.
fn failures() -> Vec<Span> {
    let failure = |number: u64| {
        let end = FIRST + number * 10_000_000_000;
        Span::new(number + 1, "auth-service", "auth_user", end)
            .with("http.status_code", 401)
            .with("error.type", "AuthenticationError")
    };
    (0..6).map(failure).collect()
}

/// The same in SQL, with what its columns are made of: a timestamp's type, attributes, events.
fn table(timestamp: &str, attributes: &str, events: &str) -> String {
    format!(
        "SELECT CAST(make_timestamp_ns({FIRST} + number * 10000000000 - 12000000) AS {timestamp}) AS \"Timestamp\",
             '5b5b5b5b5b5b5b5b' || printf('%016x', number + 1) AS \"TraceId\",
             printf('%016x', number + 1) AS \"SpanId\", '' AS \"ParentSpanId\",
             'auth_user' AS \"SpanName\", 'Server' AS \"SpanKind\", 'auth-service' AS \"ServiceName\",
             {attributes} AS \"SpanAttributes\", CAST(12000000 AS UBIGINT) AS \"Duration\",
             'Unset' AS \"StatusCode\", {events}
         FROM range(6) AS numbers(number)"
    )
}

fn eval(spans: &str) -> Vec<Value> {
    let rules = "rules/auth/auth-failures.yml";
    let lines = fluo(&["eval", "--rules", rules, "--format", "ndjson", "--spans", spans]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_table_that_duckdb_wrote_is_judged_as_otlp_is() {
    let folder = TempDir::new().unwrap();
    let otlp = folder.path().join("spans.json");
    fs::write(&otlp, Encoding::Json.write(&failures())).unwrap();
    let expected = eval(otlp.to_str().unwrap());
    assert_eq!(expected.len(), 1);
    let map = "MAP {'http.status_code': '401', 'error.type': 'AuthenticationError'}";
    let json = r#"'{"http.status_code": 401, "error.type": "AuthenticationError"}'"#;
    let apart = "['2024-05-01 12:00:00'] AS \"Events.Timestamp\", ['login'] AS \"Events.Name\",
                 [MAP {'a': 'b'}] AS \"Events.Attributes\"";
    let whole = "[{'Timestamp': TIMESTAMP '2024-05-01 12:00:00', 'Name': 'login'}] AS \"Events\"";
    for (timestamp, attributes, events, options) in [
        ("TIMESTAMP_NS", map, apart, "COMPRESSION zstd"),
        ("TIMESTAMPTZ", json, whole, "COMPRESSION snappy"),
        ("VARCHAR", map, whole, "COMPRESSION lz4_raw"),
        ("TIMESTAMP_MS", json, apart, "COMPRESSION gzip, PARQUET_VERSION v2"),
    ] {
        let sql = table(timestamp, attributes, events);
        duckdb(folder.path(), &format!("COPY ({sql}) TO 'table.parquet' (FORMAT parquet, {options})"));
        let found = eval(folder.path().join("table.parquet").to_str().unwrap());
        assert_eq!(found, expected, "{timestamp}, {options}");
    }
}
