//! Files that cannot be read, beside files that can: told, never fatal to the rest, and never taken for silence.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_tests::otlp::{Encoding, Span};
use serde_json::Value;
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{HOUR, RULE, ingest, records, six_failures, text, write};

/// Six failures at noon and six at two, each in a data file of its own.
fn two_files(folder: &Path) -> (PathBuf, [PathBuf; 2]) {
    let noon = six_failures();
    let two: Vec<Span> = (100..)
        .zip(&noon)
        .map(|(number, span)| crate::incident::failed_login(number, span.end + 2 * HOUR))
        .collect();
    let objects =
        [write(folder, "noon", Encoding::Protobuf, &noon), write(folder, "two", Encoding::Protobuf, &two)];
    let store = folder.join("store");
    let files = ingest(&objects.each_ref().map(PathBuf::as_path), &store);
    (store, files.try_into().unwrap())
}

/// `starts_at` and `partial` of what is found, and what is told beside it; the status is 3.
fn judged(spans: &[&Path]) -> (Vec<(String, bool)>, String) {
    let mut arguments = vec!["eval", "--rules", RULE, "--format", "ndjson", "--spans"];
    arguments.extend(spans.iter().map(|path| text(path)));
    let ended = fluo(&arguments);
    assert_eq!(ended.status, 3, "stdout:\n{}\nstderr:\n{}", ended.stdout, ended.stderr);
    let field = |violation: &Value| {
        (violation["starts_at"].as_str().unwrap().to_owned(), violation["partial"].as_bool().unwrap())
    };
    (records(&ended.stdout).iter().map(field).collect(), ended.stderr)
}

const AT_NOON: &str = "2024-05-01T12:01:20.000Z";
const AT_TWO: &str = "2024-05-01T14:01:20.000Z";

/// A way in which a file comes to harm.
type Damage = fn(&mut Vec<u8>);

/// Damages that show when a file is opened.
const DAMAGES: &[(&str, Damage)] = &[
    ("it is empty", Vec::clear),
    ("its end is cut off", |bytes| bytes.truncate(bytes.len() / 2)),
    ("its footer is overwritten", |bytes| {
        let from = bytes.len() - 200;
        bytes[from..].fill(0xff);
    }),
    ("it is something else", |bytes| *bytes = b"<html>503 Slow Down</html>".to_vec()),
];

#[test]
fn a_damaged_data_file_costs_its_own_hour_and_is_told() {
    for (scenario, damage) in DAMAGES {
        let folder = TempDir::new().unwrap();
        let (store, [_, two]) = two_files(folder.path());
        let mut bytes = fs::read(&two).unwrap();
        damage(&mut bytes);
        fs::write(&two, bytes).unwrap();
        let (found, told) = judged(&[&store]);
        assert_eq!(found, [(AT_NOON.to_owned(), false)], "{scenario}: {told}");
        assert!(told.contains(two.file_name().unwrap().to_str().unwrap()), "{scenario}: {told}");
    }
}

#[test]
fn a_file_with_a_sound_footer_and_damaged_pages_is_left_out() {
    let folder = TempDir::new().unwrap();
    let (store, [_, two]) = two_files(folder.path());
    let mut bytes = fs::read(&two).unwrap();
    bytes[4..2_000].fill(0xa5);
    fs::write(&two, bytes).unwrap();
    let (found, told) = judged(&[&store]);
    assert_eq!(found, [(AT_NOON.to_owned(), false)], "the other hour is judged as ever: {told}");
    let name = two.file_name().unwrap().to_str().unwrap();
    assert!(told.contains(name) && told.contains("was left out"), "{told}");
}

#[test]
fn windows_that_a_damaged_file_may_touch_are_partial() {
    let folder = TempDir::new().unwrap();
    let (store, [noon, _]) = two_files(folder.path());
    // The same hour again, in a file of other spans, of which nothing is left but the name.
    let name = noon.file_name().unwrap().to_str().unwrap();
    let content = name.split('-').nth(3).unwrap();
    let beside = noon.with_file_name(name.replace(content, &"0".repeat(content.len())));
    fs::write(&beside, b"PAR1 not at all").unwrap();
    let (found, told) = judged(&[&store]);
    assert_eq!(found, [(AT_NOON.to_owned(), true), (AT_TWO.to_owned(), false)], "{told}");
}

#[test]
fn an_object_that_is_no_otlp_costs_itself_only() {
    let bad: [(&str, &[u8]); 4] = [
        ("cut off", br#"{"resourceSpans":[{"resource":{}"#),
        ("not OTLP", b"hello"),
        ("damaged gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff"),
        ("an HTML page", b"<html></html>"),
    ];
    for (scenario, bytes) in bad {
        let folder = TempDir::new().unwrap();
        let good = write(folder.path(), "good", Encoding::Json, &six_failures());
        let broken = folder.path().join("broken.json");
        fs::write(&broken, bytes).unwrap();
        let (found, told) = judged(&[&good, &broken]);
        // Nobody knows what was in it: any window may lack spans.
        assert_eq!(found, [(AT_NOON.to_owned(), true)], "{scenario}: {told}");
        assert!(told.contains("broken.json"), "{scenario}: {told}");
    }
}

#[test]
fn a_parquet_file_that_holds_no_spans_is_told() {
    let folder = TempDir::new().unwrap();
    let (store, [noon, two]) = two_files(folder.path());
    fs::write(noon.with_file_name("notes.parquet"), b"PAR1").unwrap();
    let (found, told) = judged(&[&store]);
    assert_eq!(found.len(), 2, "{told}");
    assert!(told.contains("notes.parquet"), "{told}");
    drop(two);
}
