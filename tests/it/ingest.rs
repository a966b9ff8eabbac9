//! `fluo ingest`: OTLP in, Parquet out, each span once, and nothing lost without being counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fluo_tests::otlp::{Encoding, Span};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::incident::{HOUR, NOON, RULE, SECOND, data_files, ingest, six_failures, text, violations, write};
use crate::{binary, fluo};

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
fn one_mended_span_among_ten_thousand_costs_none() {
    for encoding in [Encoding::GzipJson, Encoding::ZstdProtobuf] {
        let folder = TempDir::new().unwrap();
        let mut spans: Vec<Span> = (1..=10_000)
            .map(|number| Span::new(number, "cart", "add", NOON + number * 100_000_000))
            .collect();
        spans[4_321].start = spans[4_321].end + 1;
        let object = write(folder.path(), "object", encoding, &spans);
        let summary = summary(&[&object], &folder.path().join("store"), 0);
        assert_eq!(summary["spans"], 10_000, "{encoding:?}: {summary}");
        assert_eq!(summary["mended"], json!({ "end before start": 1 }), "{encoding:?}");
        assert_eq!(summary["set_aside"], json!({}), "{encoding:?}");
    }
}

#[test]
fn one_byte_of_a_resource_costs_no_span_of_its_service() {
    let folder = TempDir::new().unwrap();
    let object = folder.path().join("traces.json");
    let request = String::from_utf8(Encoding::Json.write(&six_failures())).unwrap();
    let request = request.replacen(
        "\"attributes\":[",
        r#""attributes":[{"key":"process.command_line","value":{"stringValue":"x~"}},"#,
        1,
    );
    let bytes: Vec<u8> =
        request.into_bytes().into_iter().map(|byte| if byte == b'~' { 0xc3 } else { byte }).collect();
    fs::write(&object, bytes).unwrap();
    let store = folder.path().join("store");
    let words = fluo(&["ingest", text(&object), "--spans", text(&store)]).expect(0);
    assert!(words.contains("6 spans were mended: 6 × text that is not UTF-8"), "{words}");
    assert_eq!(violations(RULE, &[&store]).len(), 1, "they are judged");
}

#[test]
fn a_file_of_another_signal_beside_traces_is_told_and_no_failure() {
    let folder = TempDir::new().unwrap();
    let raw = folder.path().join("raw");
    fs::create_dir(&raw).unwrap();
    write(&raw, "traces", Encoding::Json, &six_failures());
    fs::write(raw.join("logs_1.json"), r#"{"resourceLogs":[{"scopeLogs":[]}]}"#).unwrap();
    fs::write(raw.join("whatever"), r#"{"resourceMetrics":[]}"#).unwrap();
    let summary = summary(&[&raw], &folder.path().join("store"), 0);
    assert_eq!((&summary["spans"], &summary["failed_objects"]), (&json!(6), &json!([])));
    let others: Vec<&str> = summary["not_traces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|other| other["what"].as_str().unwrap())
        .collect();
    assert_eq!(others, ["these are OTLP logs", "these are OTLP metrics"]);
    let judged = fluo(&["eval", "--rules", RULE, "--spans", text(&raw)]);
    assert_eq!(judged.status, 0, "{}", judged.stderr);
    assert!(judged.stderr.contains("logs_1.json was left out: these are OTLP logs"), "{}", judged.stderr);
    fs::remove_file(raw.join("traces.json")).unwrap();
    let judged = fluo(&["eval", "--rules", RULE, "--spans", text(&raw)]);
    assert_eq!(judged.status, 2, "{}", judged.stderr);
    assert!(judged.stderr.contains("there are no traces in what was given"), "{}", judged.stderr);
}

#[test]
fn a_file_whose_time_was_lost_is_ingested_and_judged_whole() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "s", Encoding::Json, &six_failures());
    let year_1980 = std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 3652);
    fs::File::options().write(true).open(&object).unwrap().set_modified(year_1980).unwrap();
    assert_eq!(violations(RULE, &[&object]).len(), 1);
    let summary = summary(&[&object], &folder.path().join("store"), 0);
    assert_eq!((&summary["spans"], &summary["set_aside"]), (&json!(6), &json!({})));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = TempDir::new().unwrap();
    let object = folder.path().join("large.json");
    fs::File::create(&object).unwrap().set_len(8 << 30).unwrap();
    let store = folder.path().join("store");
    let refused = fluo(&["ingest", text(&object), "--spans", text(&store)]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    let expected = "large.json: it has 8589934592 bytes, and 268435456 are the most that are read";
    assert!(refused.stdout.contains(expected), "{}", refused.stdout);
    let rules = folder.path().join("rules.yml");
    fs::File::create(&rules).unwrap().set_len(8 << 30).unwrap();
    let refused = fluo(&["check", text(&rules)]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("it has 8589934592 bytes, and 16777216 are the most"),
        "{}",
        refused.stderr
    );
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
            r#"{{"schema":"fluo.ingest/v1","objects":2,"spans":6,"duplicates":1,"files":1,"existing_files":0,"#,
            r#""bytes":{{"raw":{},"parquet":{}}},"set_aside":{{"missing trace id":1}},"mended":{{}},"#,
            r#""not_traces":[],"failed_objects":[{{"object":"{}","reason":{}}}]}}"#,
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
    assert_eq!((&first["files"], &first["existing_files"]), (&json!(1), &json!(0)));
    let again = summary(&[&object], &store, 0);
    assert_eq!(
        (&again["files"], &again["existing_files"], &again["bytes"]["parquet"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(again["spans"], first["spans"]);
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
    fs::write(&misnamed, Encoding::GzipProtobuf.write(&six_failures())).unwrap();
    let twice = folder.path().join("traces_2.binpb");
    fs::write(&twice, Encoding::Json.write(&six_failures())).unwrap();
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
        assert!(name.ends_with("-l1-d2.parquet"), "{name}");
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

#[cfg(unix)]
#[test]
fn a_store_may_have_any_name_that_the_system_has() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::GzipJson, &[Span::new(1, "cart", "add", NOON)]);
    let store = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir_all(store.join("state")).unwrap();
    let layout = r#"{"schema":"fluo.layout/v1","number":3,"columns":[]}"#;
    fs::write(store.join("state/layout.json"), layout).unwrap();
    let arguments = ["ingest".as_ref(), object.as_os_str(), "--spans".as_ref(), store.as_os_str()];
    let ended = binary().run(&arguments);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    let written = data_files(&store);
    assert_eq!(written.len(), 1);
    assert!(written[0].to_str().is_none(), "the file lies below the folder");
    let name = written[0].file_name().unwrap().to_str().unwrap();
    assert!(name.contains("-l3-"), "the layout of the folder is read: {name}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "and nothing beside it");
}
