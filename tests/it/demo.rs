//! The demo: the same story in every run, and an alert that comes when it can and not before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use fluo_spans::span::Span;
use fluo_spans::{Limits, decode};
use fluo_tests::files::files_below;
use fluo_tests::program::Ended;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary;

const START: &str = "2024-05-01T12:00:00Z";
const START_NS: i64 = 1_714_564_800_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// Runs a command in `folder`.
fn fluo(folder: &Path, arguments: &[&str]) -> Ended {
    binary().within(folder).run(arguments)
}

/// Lets the demo leave its files in `demo/` of `folder`.
fn demo(folder: &Path) -> String {
    fluo(folder, &["demo", "--out", "demo", "--start", START]).expect(0)
}

/// Every file below `folder`, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    let found = files_below(folder).unwrap().into_iter();
    found.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

/// A failed login, and when its object was written.
struct Failure {
    span: Span,
    written: i64,
}

/// The spans that the rule's prose means, straight from the objects; in order of their ends.
fn failures(demo: &Path) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (name, bytes) in files(&demo.join("raw")) {
        let modified = fs::metadata(demo.join("raw").join(&name)).unwrap().modified().unwrap();
        let written = i64::try_from(modified.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let decoded = decode(&bytes, &Limits::default()).unwrap();
        assert!(decoded.set_aside.is_empty(), "{name}");
        failures.extend(decoded.spans.into_iter().filter(is_failure).map(|span| Failure { span, written }));
    }
    failures.sort_by_key(|failure| failure.span.end_ns);
    failures
}

fn is_failure(span: &Span) -> bool {
    span.resource.service_name.as_deref() == Some("auth-service")
        && span.attributes.get("http.status_code") == Some("401")
        && span.attributes.get("error.type") == Some("AuthenticationError")
}

/// The end of the first of these with which there are more than five within a minute.
fn sixth_within_a_minute(failures: &[&Failure]) -> Option<i64> {
    let ends: Vec<i64> = failures.iter().map(|failure| failure.span.end_ns).collect();
    ends.windows(6).find(|six| six[5] - six[0] < MINUTE).map(|six| six[5])
}

/// `12:06` of the minute `at`.
fn clock(at: i64) -> String {
    format!("12:{:02}", (at - START_NS) / MINUTE)
}

#[test]
fn the_same_start_gives_the_same_bytes_also_over_a_former_demo() {
    let (new, former) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let left_over = former.path().join("demo/raw/left-over.json");
    fs::create_dir_all(left_over.parent().unwrap()).unwrap();
    fs::write(left_over, "not OTLP").unwrap();
    fs::write(former.path().join("demo/.fluo-demo"), "").unwrap();
    assert_eq!(demo(new.path()), demo(former.path()));
    let (new, former) = (files(new.path()), files(former.path()));
    assert_eq!(new.keys().collect::<Vec<_>>(), former.keys().collect::<Vec<_>>());
    for (name, bytes) in &new {
        assert!(former[name] == *bytes, "{name} differs");
    }
    let count = |suffix: &str| new.keys().filter(|name| name.ends_with(suffix)).count();
    assert!(count(".json.gz") > 20 && count(".binpb.zst") > 20, "both encodings are there");
    assert_eq!(count(".parquet"), count(".json.gz") + count(".binpb.zst"));
}

#[test]
fn the_alert_comes_with_the_first_evaluation_that_can_see_six_failures() {
    let folder = TempDir::new().unwrap();
    let told = demo(folder.path());
    let failures = failures(&folder.path().join("demo"));

    // Every minute, over the objects that were there by then.
    let (evaluation, sixth) = (1..)
        .map(|minute| START_NS + minute * MINUTE)
        .find_map(|at| {
            let there: Vec<&Failure> = failures.iter().filter(|failure| failure.written <= at).collect();
            sixth_within_a_minute(&there).map(|sixth| (at, sixth))
        })
        .unwrap();

    let row = told.lines().position(|line| line.contains("ALERT AuthFailuresRule")).unwrap();
    let minute = told.lines().take(row + 1).filter(|line| line.starts_with("12:")).last().unwrap();
    assert!(minute.starts_with(&clock(evaluation)), "told at {minute}, could be at {}", clock(evaluation));
    assert_eq!(told.matches("ALERT AuthFailuresRule\n").count(), 1, "nobody is told twice");
    assert_eq!(told.matches("RESOLVED AuthFailuresRule\n").count(), 1);
    assert!(told.contains(&format!("told      {}:00", clock(evaluation))), "{told}");

    let violations = fs::read_to_string(folder.path().join("demo/violations.ndjson")).unwrap();
    let violations: Vec<Value> = violations.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_rule: Vec<&Value> =
        violations.iter().filter(|violation| violation["rule"] == "AuthFailuresRule").collect();
    let [violation] = of_rule[..] else { panic!("one violation: {violations:?}") };
    assert_eq!(violation["values"]["count"], 6);
    let evidence = violation["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 6);
    let newest = failures.iter().find(|failure| failure.span.end_ns == sixth).unwrap();
    let id = u64::from_be_bytes(newest.span.span_id);
    assert_eq!(evidence[0]["span_id"], format!("{id:016x}"));
}

/// All spans of the story, straight from the objects.
fn spans(demo: &Path) -> Vec<Span> {
    let objects = files(&demo.join("raw"));
    objects.values().flat_map(|bytes| decode(bytes, &Limits::default()).unwrap().spans).collect()
}

#[test]
fn what_no_error_shows_is_told_in_time() {
    let folder = TempDir::new().unwrap();
    let told = demo(folder.path());
    let spans = spans(&folder.path().join("demo"));
    let violations = fs::read_to_string(folder.path().join("demo/violations.ndjson")).unwrap();
    let violations: Vec<Value> = violations.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_rule = |rule: &str| violations.iter().filter(|one| one["rule"] == rule).collect::<Vec<_>>();

    // Large payments of traces without a check, and nothing else.
    let checked: Vec<_> =
        spans.iter().filter(|span| span.name == "payment.fraud_check").map(|span| span.trace_id).collect();
    let is_large = |span: &&Span| {
        let amount = span.attributes.get("payment.amount").and_then(|amount| amount.parse::<i64>().ok());
        span.name == "payment.charge_card" && amount.is_some_and(|amount| amount > 1_000)
    };
    let large: Vec<&Span> = spans.iter().filter(is_large).collect();
    let unchecked: Vec<&Span> =
        large.iter().copied().filter(|span| !checked.contains(&span.trace_id)).collect();
    assert!(
        unchecked.len() >= 2 && unchecked.len() * 4 < large.len(),
        "{} of {}",
        unchecked.len(),
        large.len()
    );
    let first = unchecked.iter().map(|span| span.end_ns).min().unwrap();
    assert!(first > START_NS + 8 * MINUTE);
    let violation = of_rule("payment-without-fraud-check")[0];
    let shown = violation["evidence"][0]["trace_id"].as_str().unwrap();
    assert!(unchecked.iter().any(|span| format!("{:032x}", u128::from_be_bytes(span.trace_id)) == shown));
    let told_at = |rule: &str| {
        let row = told.lines().position(|line| line.contains(&format!("ALERT {rule}"))).unwrap();
        let minute = told.lines().take(row + 1).filter(|line| line.starts_with("12:")).last().unwrap();
        START_NS + minute[3..5].parse::<i64>().unwrap() * MINUTE
    };
    let took = told_at("payment-without-fraud-check") - first;
    assert!(
        (0..=3 * MINUTE).contains(&took),
        "a trace is judged once it is quiet, by the next evaluation: {took}"
    );

    // The leak is told before the limit is crossed: with the frontend, which waits for the cart, in one message.
    let slow = |span: &&Span| {
        span.resource.service_name.as_deref() == Some("cart") && span.end_ns - span.start_ns > 500_000_000
    };
    let crossed = spans.iter().filter(slow).map(|span| span.end_ns).min().unwrap();
    assert!(told_at("latency-will-cross-its-limit") + 2 * MINUTE < crossed);
    assert_eq!(told.matches("ALERT latency-will-cross-its-limit\n").count(), 1);
    assert!(told.contains("before the limit of 500ms was crossed"), "{told}");
    assert!(
        told.contains("in the same message: WARNING latency-will-cross-its-limit for service_name=frontend")
    );
    for page in ["report.html", "README.md"] {
        let text = fs::read_to_string(folder.path().join("demo").join(page)).unwrap();
        assert!(
            text.contains("payment-without-fraud-check") && text.contains("latency-will-cross-its-limit")
        );
    }
    assert_eq!(of_rule("server-error-burst").len(), 0);
}

#[test]
fn wrong_passwords_never_alert() {
    let folder = TempDir::new().unwrap();
    demo(folder.path());
    let failures = failures(&folder.path().join("demo"));
    let message = |failure: &Failure| failure.span.status_message.clone();
    let wrong_passwords: Vec<&Failure> =
        failures.iter().filter(|failure| message(failure) == "wrong password").collect();
    assert!(wrong_passwords.len() > 20, "there are ordinary mistakes all the time");
    assert_eq!(sixth_within_a_minute(&wrong_passwords), None);
    let incident = failures.iter().find(|failure| message(failure) == "token rejected").unwrap();
    assert!(incident.span.end_ns > START_NS + 5 * MINUTE, "five quiet minutes come first");

    // What is left is what `fluo eval` finds: in the Parquet, in the raw objects, and not before the incident.
    let eval = |spans: &str, to: &[&str]| {
        let arguments = ["eval", "--rules", "demo/rules", "--format", "ndjson", "--spans", spans];
        fluo(folder.path(), &[&arguments[..], to].concat()).expect(0)
    };
    let left = fs::read_to_string(folder.path().join("demo/violations.ndjson")).unwrap();
    assert_eq!(eval("demo", &[]), left);
    assert_eq!(eval("demo/raw", &[]), left);
    assert_eq!(eval("demo", &["--to", "2024-05-01T12:05:12Z"]), "");
}

#[test]
fn nobodys_folder_is_written_into() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("thesis.txt"), "three years").unwrap();
    let cases =
        [("a folder with something in it", ".", "is not empty"), ("a file", "thesis.txt", "is a file")];
    for (scenario, out, reason) in cases {
        let ended = fluo(folder.path(), &["demo", "--out", out]);
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{scenario}");
        assert!(ended.stderr.contains(reason), "{scenario}: {}", ended.stderr);
    }
    assert_eq!(files(folder.path()).len(), 1);
    for start in ["yesterday", "1969-12-31T00:00:00Z"] {
        let ended = fluo(folder.path(), &["demo", "--out", "new", "--start", start]);
        assert_eq!(ended.status, 2, "{start}: {}", ended.stderr);
        assert!(!folder.path().join("new").exists(), "{start}");
    }
}
