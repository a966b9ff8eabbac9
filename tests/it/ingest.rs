//! `fluo ingest`: OTLP in, Parquet out, each span once, and nothing lost without being counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fluo_tests::otlp::{Encoding, Span, gzip, json, protobuf};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{HOUR, NOON, SECOND, data_files, ingest, six_failures, text, write};

/// The names and contents of a store's Parquet files.
fn contents(store: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = data_files(store).into_iter();
    files.map(|file| (file.strip_prefix(store).unwrap().to_owned(), fs::read(&file).unwrap())).collect()
}

/// The summary of an ingest that ends with `status`.
fn summary(sources: &[&Path], store: &Path, status: i32) -> Value {
    let mut arguments = vec!["ingest", "--format", "json", "--spans", text(store)];
    arguments.extend(sources.iter().map(|path| text(path)));
    let stdout = fluo(&arguments).expect(status);
    assert_eq!(stdout.lines().count(), 1, "one object:\n{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn one_broken_span_among_ten_thousand_costs_one_span() {
    for (scenario, reason, damage) in [
        ("no trace id", "missing trace id", (|span: &mut Span| span.trace_id.clear()) as fn(&mut Span)),
        ("a span id of zeros", "all-zero span id", |span| span.span_id.fill(0)),
        ("no end", "missing end time", |span| span.end = 0),
        ("an end before the start", "end before start", |span| span.start = span.end + 1),
        ("an end beyond what 64 bits hold", "end time out of range", |span| span.end = u64::MAX),
        ("an end in a year to come", "end time in the future", |span| {
            span.end += 100 * 365 * 24 * HOUR;
        }),
    ] {
        for encoding in [Encoding::GzipJson, Encoding::ZstdProtobuf] {
            let folder = TempDir::new().unwrap();
            let mut spans: Vec<Span> = (1..=10_000)
                .map(|number| Span::new(number, "cart", "add", NOON + number * 100_000_000))
                .collect();
            damage(&mut spans[4_321]);
            let object = write(folder.path(), "object", encoding, &spans);
            let summary = summary(&[&object], &folder.path().join("store"), 1);
            assert_eq!(summary["spans"], 9_999, "{scenario}, {encoding:?}: {summary}");
            assert_eq!(summary["set_aside"], json!({ reason: 1 }), "{scenario}, {encoding:?}");
            assert_eq!(summary["failed_objects"], json!([]), "{scenario}, {encoding:?}");
        }
    }
}

#[test]
fn the_summary_is_one_object_of_the_documented_fields() {
    let folder = TempDir::new().unwrap();
    let mut spans = six_failures();
    spans.push(spans[0].clone());
    spans.push(Span { trace_id: Vec::new(), ..spans[1].clone() });
    let good = write(folder.path(), "good", Encoding::Json, &spans);
    let bad = folder.path().join("bad.json");
    fs::write(&bad, "{\"resourceSpans\": [").unwrap();
    let store = folder.path().join("store");
    let stdout =
        fluo(&["ingest", text(&good), text(&bad), "--spans", text(&store), "--format", "json"]).expect(1);
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    let parquet: u64 = data_files(&store).iter().map(|file| bytes(file)).sum();
    let reason = serde_json::from_str::<Value>(&stdout).unwrap()["failed_objects"][0]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| !reason.is_empty()), "{stdout}");
    let expected = format!(
        concat!(
            r#"{{"schema":"fluo.ingest/v1","objects":2,"spans":6,"duplicates":1,"files":1,"#,
            r#""bytes":{{"raw":{},"parquet":{}}},"set_aside":{{"missing trace id":1}},"#,
            r#""failed_objects":[{{"object":"{}","reason":{}}}]}}"#,
            "\n"
        ),
        bytes(&good),
        parquet,
        text(&bad),
        reason
    );
    assert_eq!(stdout, expected);
}

#[test]
fn the_same_object_again_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::ZstdProtobuf, &six_failures());
    let store = folder.path().join("store");
    let first = summary(&[&object], &store, 0);
    let before = contents(&store);
    assert_eq!(before.len(), 1);
    assert_eq!(summary(&[&object], &store, 0), first);
    assert_eq!(contents(&store), before, "ingested again");

    // Within one run too.
    let under_another_key = folder.path().join("retry.binpb.zst");
    fs::copy(&object, &under_another_key).unwrap();
    summary(&[&object, &under_another_key], &store, 0);
    assert_eq!(contents(&store), before, "under another key");
}

#[test]
fn names_are_of_the_content_and_not_of_its_compression() {
    let names = |encoding| {
        let folder = TempDir::new().unwrap();
        let object = write(folder.path(), "object", encoding, &six_failures());
        let store = folder.path().join("store");
        ingest(&[&object], &store);
        contents(&store).into_keys().collect::<Vec<_>>()
    };
    let expected = names(Encoding::Json);
    assert_eq!(names(Encoding::GzipJson), expected);
    assert_eq!(names(Encoding::ZstdJson), expected);
    let expected = names(Encoding::Protobuf);
    assert_eq!(names(Encoding::GzipProtobuf), expected);
    assert_eq!(names(Encoding::ZstdProtobuf), expected);
    assert_ne!(names(Encoding::Json), expected, "another content has another name");
}

#[test]
fn compression_is_found_out_by_looking_and_not_by_the_name() {
    let folder = TempDir::new().unwrap();
    let misnamed = folder.path().join("traces_1.json");
    fs::write(&misnamed, gzip(&protobuf(&six_failures()))).unwrap();
    let twice = folder.path().join("traces_2.binpb");
    fs::write(&twice, json(&six_failures())).unwrap();
    assert_eq!(summary(&[&misnamed, &twice], &folder.path().join("store"), 0)["spans"], 12);
}

#[test]
fn a_file_lies_in_the_hour_in_which_its_spans_ended() {
    let folder = TempDir::new().unwrap();
    let hour_later = NOON + HOUR;
    let spans = [
        Span::new(1, "cart", "add", hour_later - 1),
        Span::new(2, "cart", "add", hour_later),
        Span::new(3, "cart", "add", hour_later + 2 * SECOND + 1),
    ];
    let object = write(folder.path(), "object", Encoding::Json, &spans);
    let store = folder.path().join("store");
    ingest(&[&object], &store);
    let names: Vec<String> = contents(&store).keys().map(|name| text(name).to_owned()).collect();
    let starts = [
        // Times in milliseconds, floor and ceiling, then the number of spans.
        "spans/date=2024-05-01/hour=12/1714568399999-1714568400000-1-",
        "spans/date=2024-05-01/hour=13/1714568400000-1714568402001-2-",
    ];
    assert_eq!(names.len(), starts.len(), "{names:?}");
    for (name, start) in names.iter().zip(starts) {
        assert!(name.starts_with(start), "{name} is not {start}…");
        assert!(name.ends_with("-l1-d1.parquet"), "{name}");
    }
}

#[test]
fn how_it_ends_says_how_much_could_be_read() {
    let folder = TempDir::new().unwrap();
    let good = write(folder.path(), "good", Encoding::Json, &six_failures());
    let bad = folder.path().join("bad.binpb");
    fs::write(&bad, b"\xff\xff\xff not protobuf").unwrap();
    let truncated = folder.path().join("truncated.json.gz");
    let whole = Encoding::GzipJson.write(&six_failures());
    fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    let missing = folder.path().join("missing.json");
    let store = folder.path().join("store");
    for (scenario, sources, status) in [
        ("everything", vec![&good], 0),
        ("all but one", vec![&good, &bad, &truncated], 1),
        ("nothing", vec![&bad, &truncated], 3),
        ("a source that is not there", vec![&missing], 3),
    ] {
        let mut arguments = vec!["ingest", "--spans", text(&store)];
        arguments.extend(sources.iter().map(|path| text(path)));
        let ended = fluo(&arguments);
        assert_eq!(ended.status, status, "{scenario}: {}{}", ended.stdout, ended.stderr);
    }
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    let ended = fluo(&["ingest", text(&good), "--spans", text(&blocked)]);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "a store that cannot be written to");
    assert!(ended.stderr.starts_with("error: could not write to "), "{}", ended.stderr);
}

#[test]
fn a_file_that_was_cut_short_is_written_again() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &six_failures());
    let store = folder.path().join("store");
    let file = ingest(&[&object], &store).remove(0);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, b"").unwrap();
    ingest(&[&object], &store);
    assert_eq!(fs::read(&file).unwrap(), whole);
}
