//! Parquet of others, of the flat, ClickHouse-like family, where spans are read.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_spans::span::Span;
use fluo_spans::{Limits, decode};
use fluo_tests::otlp::{self, Encoding};
use fluo_tests::program::Ended;
use fluo_tests::span_table::Member;
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{RULE, ndjson, records, six_failures, text, write};

/// The spans of OTLP as a table has them.
fn spans(of: &[otlp::Span]) -> Vec<Span> {
    decode(&Encoding::Json.write(of), &Limits::default()).unwrap().spans
}

fn write_table(folder: &Path, name: &str, member: Member, of: &[otlp::Span]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, member.write(&spans(of)).unwrap()).unwrap();
    path
}

fn eval(spans: &[&Path]) -> Ended {
    let mut arguments = vec!["eval", "--rules", RULE, "--format", "ndjson", "--spans"];
    arguments.extend(spans.iter().map(|path| text(path)));
    fluo(&arguments)
}

#[test]
fn a_table_is_judged_as_the_same_spans_in_otlp_are() {
    let folder = TempDir::new().unwrap();
    let failures = six_failures();
    let expected = ndjson(RULE, &[&write(folder.path(), "spans", Encoding::Json, &failures)]);
    assert_eq!(records(&expected).len(), 1);
    for member in Member::ALL {
        let table = write_table(folder.path(), &format!("{member:?}.parquet"), member, &failures);
        let ended = eval(&[&table]);
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (0, expected.as_str()),
            "{member:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stderr, "", "{member:?}");
    }
}

#[test]
fn a_folder_may_hold_tables_beside_otlp_and_files_of_fluo() {
    let folder = TempDir::new().unwrap();
    let failures = six_failures();
    let expected = ndjson(RULE, &[&write(folder.path(), "all", Encoding::Json, &failures)]);
    let mixed = folder.path().join("mixed");
    write_table(&mixed, "traces/auth/year=2024/a.parquet", Member::Rotel, &failures[..2]);
    // What a file holds is found out by looking at it.
    write_table(&mixed, "b.pq", Member::ClickHouse, &failures[2..4]);
    write(&mixed, "c", Encoding::ZstdProtobuf, &failures[4..5]);
    let own = write(folder.path(), "own", Encoding::Protobuf, &failures[5..]);
    crate::incident::ingest(&[&own], &folder.path().join("store"));
    let file = crate::incident::data_files(&folder.path().join("store")).remove(0);
    fs::copy(file, mixed.join("d.parquet")).unwrap();
    assert_eq!(ndjson(RULE, &[&mixed]), expected);
}

#[test]
fn a_table_that_is_ingested_gives_a_store_of_its_spans() {
    let folder = TempDir::new().unwrap();
    let failures = six_failures();
    let expected = ndjson(RULE, &[&write(folder.path(), "all", Encoding::Json, &failures)]);
    let table = write_table(folder.path(), "table.parquet", Member::ClickHouse, &failures);
    let store = folder.path().join("store");
    assert_eq!(crate::incident::ingest(&[&table], &store).len(), 1);
    assert_eq!(ndjson(RULE, &[&store]), expected);
    let again = fluo(&["ingest", text(&store), "--spans", text(&folder.path().join("again"))]);
    assert_eq!(again.status, 3);
    assert!(again.stdout.contains("a data file of fluo, which needs no ingest"), "{}", again.stdout);
}

#[test]
fn parquet_of_neither_form_says_what_it_lacks_and_the_rest_is_judged() {
    let folder = TempDir::new().unwrap();
    let failures = six_failures();
    write(folder.path(), "all", Encoding::Json, &failures);
    let file = Member::ClickHouse.write_without(&spans(&failures), &["Timestamp", "Duration"]).unwrap();
    fs::write(folder.path().join("short.parquet"), file).unwrap();
    let ended = eval(&[folder.path()]);
    assert_eq!(ended.status, 3);
    assert_eq!(records(&ended.stdout).len(), 1);
    assert!(
        ended.stderr.contains(
            "short.parquet was left out: its columns are not those of spans as fluo writes them, and it is no flat \
             table of spans: it lacks the columns `Timestamp`, `Duration`"
        ),
        "{}",
        ended.stderr
    );
}
