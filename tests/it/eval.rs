//! `fluo eval`: what it prints, when, and how it ends.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_tests::otlp::{Encoding, Span};
use fluo_tests::program::repository;
use serde_json::Value;
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{NOON, RULE, SECOND, failed_login, ingest, ndjson, records, six_failures, text, write};

/// The incident's one violation, whole. Evidence has only the attributes that the rule reads: no `user.id`. The
/// fingerprint is that of `printf '\0\0\0\0\0\0\0\20AuthFailuresRule' | sha256sum`.
const LINE: &str = concat!(
    r#"{"schema":"fluo.violation/v1","rule":"AuthFailuresRule","severity":"warning","labels":{},"group":{},"#,
    r#""fingerprint":"0e0c766189953fe896d57e7b73477bb21f3fdb6cea91c770afc985765520d558","#,
    r#""condition":"gt(count, 5)","starts_at":"2024-05-01T12:01:20.000Z","ends_at":"2024-05-01T12:01:20.000Z","#,
    r#""ongoing":true,"window":"1m","values":{"count":6},"peak":{"count":6},"evidence":["#,
);

#[test]
fn the_incident_is_one_line_as_documented() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &six_failures());
    // The newest first.
    let evidence: Vec<String> = [(6, "01:20"), (5, "01:10"), (4, "01:00"), (3, "00:50"), (2, "00:40"), (1, "00:30")]
        .map(|(number, clock)| {
            format!(
                concat!(
                    r#"{{"trace_id":"5b5b5b5b5b5b5b5b000000000000000{number}","span_id":"000000000000000{number}","#,
                    r#""service_name":"auth-service","name":"auth_user","end_time":"2024-05-01T12:{clock}.000Z","#,
                    r#""duration_ns":12000000,"status":"unset","#,
                    r#""attributes":{{"error.type":"AuthenticationError","http.status_code":"401"}}}}"#,
                ),
                number = number,
                clock = clock,
            )
        })
        .into();
    let expected = format!(
        "{LINE}{}],\"summary\":\"AuthFailuresRule: count = 6 (gt(count, 5)) in 1m\",\"partial\":false}}\n",
        evidence.join(",")
    );
    assert_eq!(ndjson(RULE, &[&object]), expected);
}

/// Rules that find several things in the same spans: of several groups, moments and severities.
const RULES: &str = "
- name: z-failures-by-service
  span: {attributes: {error.type: AuthenticationError}}
  group_by: [service_name]
  aggregation: {failures: count, users: {count_distinct: user.id}}
  condition: failures >= 2
- name: a-ratio
  severity: critical
  span: {}
  window: 2m
  every: 30s
  aggregation:
    failed: {count: {where: span.error.type exists}}
    spread: {stddev: duration}
  condition: count >= 3 and failed / count > 0.1
- name: seldom
  span: {service_name: cart}
  group_by: [user.id]
  aggregation: {p99: {p99: duration}}
  condition: p99 > 1ms
";

/// Spans of three services over some minutes, in no order.
fn busy_minutes() -> Vec<Span> {
    (1..=60)
        .map(|number| {
            let end = NOON + (number * 37 % 240) * SECOND + number;
            let service = ["auth-service", "cart", "checkout"][usize::try_from(number % 3).unwrap()];
            let mut span = failed_login(number, end);
            service.clone_into(&mut span.service_name);
            span.start = end - (number * 7_919 % 50) * 1_000_000;
            if number % 4 == 0 {
                span.attributes.retain(|(key, _)| key != "error.type");
            }
            span
        })
        .collect()
}

fn rules(folder: &TempDir) -> PathBuf {
    let rules = folder.path().join("rules.yml");
    fs::write(&rules, RULES.replace("span.error.type exists", "span.error.type = \"AuthenticationError\""))
        .unwrap();
    rules
}

#[test]
fn the_same_spans_give_the_same_bytes_however_they_lie() {
    let folder = TempDir::new().unwrap();
    let rules = rules(&folder);
    let spans = busy_minutes();
    let whole = write(folder.path(), "whole", Encoding::Protobuf, &spans);
    let expected = ndjson(text(&rules), &[&whole]);
    assert!(expected.lines().count() > 3, "too little is found to compare:\n{expected}");
    assert_eq!(ndjson(text(&rules), &[&whole]), expected, "once more");

    let parts: Vec<PathBuf> = spans
        .chunks(17)
        .enumerate()
        .map(|(at, part)| write(folder.path(), &format!("part{at}"), Encoding::ZstdJson, part))
        .collect();
    let paths: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
    let backwards: Vec<&Path> = paths.iter().rev().copied().collect();
    assert_eq!(ndjson(text(&rules), &paths), expected, "in four objects");
    assert_eq!(ndjson(text(&rules), &backwards), expected, "in four objects, the last first");

    let reversed: Vec<Span> = spans.iter().rev().cloned().collect();
    let reversed = write(folder.path(), "reversed", Encoding::Json, &reversed);
    assert_eq!(ndjson(text(&rules), &[&reversed]), expected, "the last span first");
    assert_eq!(ndjson(text(&rules), &[&reversed, &whole]), expected, "everything twice");

    let store = folder.path().join("store");
    ingest(&paths, &store);
    assert_eq!(ndjson(text(&rules), &[&store]), expected, "as Parquet");
    ingest(&[&whole], &store);
    assert_eq!(ndjson(text(&rules), &[&store, &parts[0]]), expected, "as Parquet, twice, and partly raw too");
}

#[test]
fn violations_are_sorted_by_start_rule_and_group() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &busy_minutes());
    let violations = records(&ndjson(text(&rules(&folder)), &[&object]));
    let keys: Vec<_> = violations
        .iter()
        .map(|violation| {
            // Times of one length order as texts do.
            let starts_at = violation["starts_at"]
                .as_str()
                .unwrap()
                .replace('Z', "000000")
                .chars()
                .take(29)
                .collect::<String>();
            (starts_at, violation["rule"].to_string(), violation["group"].to_string())
        })
        .collect();
    assert!(keys.len() > 3, "{keys:?}");
    assert!(keys.is_sorted(), "{keys:#?}");
}

#[test]
fn a_range_bounds_the_moments_and_not_the_windows() {
    let folder = TempDir::new().unwrap();
    let mut spans = six_failures();
    // An end of the data that is far behind, so that nothing is ongoing for want of more.
    spans.push(Span::new(7, "cart", "checkout", NOON + 600 * SECOND));
    let object = write(folder.path(), "object", Encoding::Protobuf, &spans);
    let found = |range: &[&str]| {
        let mut arguments = vec!["eval", "--rules", RULE, "--format", "ndjson", "--spans", text(&object)];
        arguments.extend(range);
        let violations = records(&fluo(&arguments).expect(0));
        violations
            .iter()
            .map(|violation| (violation["values"]["count"].as_u64(), violation["ongoing"].as_bool()))
            .collect::<Vec<_>>()
    };
    let once = |ongoing| vec![(Some(6), Some(ongoing))];
    assert_eq!(found(&[]), once(false), "everything");
    assert_eq!(
        found(&["--from", "2024-05-01T12:01:20Z"]),
        once(false),
        "from the very moment: its window is whole"
    );
    assert_eq!(found(&["--from", "2024-05-01T12:01:20.000000001Z"]), [], "from behind it");
    assert_eq!(found(&["--to", "2024-05-01T12:01:19.999999999Z"]), [], "up to before it");
    assert_eq!(found(&["--to", "2024-05-01T12:01:20Z"]), once(true), "up to the very moment");
    assert_eq!(found(&["--to", "2024-05-01T12:02:19.999Z"]), once(true), "it may still go on");
    assert_eq!(found(&["--to", "2024-05-01T14:02:20+02:00"]), once(false), "a window later it is over");
    assert_eq!(found(&["--from", "-1h"]), [], "relative to now");
}

#[test]
fn the_exit_status_tells_of_a_violation_where_asked() {
    let folder = TempDir::new().unwrap();
    let six = write(folder.path(), "six", Encoding::Json, &six_failures());
    let five = write(folder.path(), "five", Encoding::Json, &six_failures()[..5]);
    for (scenario, object, flag, status) in [
        ("a violation", &six, None, 0),
        ("a violation, asked for", &six, Some("--fail-on-violation"), 1),
        ("none, asked for", &five, Some("--fail-on-violation"), 0),
    ] {
        let mut arguments = vec!["eval", "--rules", RULE, "--spans", text(object), "--format", "json"];
        arguments.extend(flag);
        let stdout = fluo(&arguments).expect(status);
        let violations: Vec<Value> = serde_json::from_str(&stdout).unwrap();
        assert_eq!(violations.len(), usize::from(object == &six), "{scenario}: data is printed either way");
    }
}

#[test]
fn every_format_says_the_same() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &six_failures());
    let eval =
        |format| fluo(&["eval", "--rules", RULE, "--spans", text(&object), "--format", format]).expect(0);
    let lines = eval("ndjson");
    assert_eq!(eval("json"), format!("[{}]\n", lines.trim_end()));
    let table = "\
STARTED                   ENDED    SEVERITY  RULE              GROUP  VALUES (PEAK)
2024-05-01T12:01:20.000Z  ongoing  warning   AuthFailuresRule  -      count = 6
    AuthFailuresRule: count = 6 (gt(count, 5)) in 1m
    evidence: auth_user of auth-service, 12ms, trace 5b5b5b5b5b5b5b5b0000000000000006 (and 5 more)
";
    assert_eq!(eval("table"), table);
}

#[test]
fn nothing_found_is_said_in_every_format() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &six_failures()[..5]);
    for (format, expected) in [("table", "No violations.\n"), ("json", "[]\n"), ("ndjson", "")] {
        let stdout = fluo(&["eval", "--rules", RULE, "--spans", text(&object), "--format", format]).expect(0);
        assert_eq!(stdout, expected, "{format}");
    }
}

#[test]
fn silence_is_found_where_there_are_no_spans_of_the_rule() {
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("silence.yml");
    let text_of_rule = "- {name: silence, span: {service_name: cart}, window: 1m, condition: count < 1}\n";
    fs::write(&rule, text_of_rule).unwrap();
    let spans: Vec<Span> = (0..=10).map(|at| failed_login(at + 1, NOON + at * 30 * SECOND)).collect();
    let object = write(folder.path(), "object", Encoding::Json, &spans);
    let violations = records(&ndjson(text(&rule), &[&object]));
    // The first whole window of the data ends a minute after its first span; five minutes are covered.
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0]["starts_at"], "2024-05-01T12:01:00.000Z");
    assert_eq!(violations[0]["ends_at"], "2024-05-01T12:05:00.000Z");
    assert_eq!(violations[0]["evidence"], Value::Array(Vec::new()));
}

#[test]
fn wrong_usage_is_told_and_nothing_is_printed() {
    let folder = TempDir::new().unwrap();
    let object = write(folder.path(), "object", Encoding::Json, &six_failures());
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (object, empty) = (text(&object), text(&empty));
    for (scenario, arguments, status) in [
        ("no spans", vec!["--rules", RULE], 2),
        ("no rules", vec!["--spans", object], 2),
        ("a time that is none", vec!["--rules", RULE, "--spans", object, "--from", "yesterday"], 2),
        (
            "an end before the beginning",
            vec!["--rules", RULE, "--spans", object, "--from", "now", "--to", "-1h"],
            2,
        ),
        ("a folder without spans", vec!["--rules", RULE, "--spans", empty], 2),
        ("a folder without rules", vec!["--rules", empty, "--spans", object], 2),
        ("spans that are not there", vec!["--rules", RULE, "--spans", "no/such/folder"], 3),
        ("a rule with a mistake", vec!["--rules", "docs/examples/misspelt.yml", "--spans", object], 1),
    ] {
        let ended = fluo(&[vec!["eval"], arguments].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{scenario}: {}", ended.stderr);
        assert!(ended.stderr.contains("error"), "{scenario}: {}", ended.stderr);
    }
}

#[test]
fn real_payloads_of_three_conventions_are_judged_alike() {
    let fixtures = repository().join("tests/fixtures");
    let find = |names: &[&str]| {
        let paths: Vec<PathBuf> = names.iter().map(|name| fixtures.join(name)).collect();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        ndjson("docs/examples/failed-logins.yml", &paths)
    };
    let protobuf = find(&["plain_auth_401.pb", "flask_stable_semconv.pb", "flask_old_semconv.pb"]);
    assert_eq!(records(&protobuf)[0]["values"]["failures"], 3, "old name, new name, both");
    assert_eq!(
        find(&["plain_auth_401.otlp.json", "flask_stable_semconv.otlp.json", "flask_old_semconv.otlp.json"]),
        protobuf,
        "the same as JSON"
    );
    assert_eq!(find(&["collector/awss3"]), protobuf, "as a collector wrote it, each span twice");
    assert_eq!(find(&["collector/file"]), protobuf, "as its file exporter wrote it");
}
