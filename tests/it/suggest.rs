//! `fluo suggest`: what is planted is found, what is broken is not proposed, and nothing of others is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fluo_tests::files::files_below;
use fluo_tests::program::Ended;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;

/// The first request, in nanoseconds since the epoch.
const BEGIN: u64 = 1_790_000_000_000_000_000;
const MS: u64 = 1_000_000;
/// A request every two seconds, for forty minutes.
const REQUESTS: u64 = 1_200;
/// The request that does things otherwise.
const ODD: u64 = 700;

fn fluo(folder: &Path, arguments: &[&str]) -> Ended {
    binary().within(folder).run(arguments)
}

/// A span of a request: its place in it, the place of its parent, and when it runs, in milliseconds since its request began.
struct Planted {
    service: &'static str,
    name: &'static str,
    kind: u64,
    place: u64,
    parent: u64,
    runs: (u64, u64),
    attributes: Vec<&'static str>,
}

const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// The spans of a request. `check_stock` always comes before `reserve`, `append` is called by `charge` alone, and orders always
/// have a tenant. Of one request in 1,200 nobody audits, another calls `lookup`, it is notified too early, and a shard is not
/// known.
fn request(number: u64) -> Vec<Planted> {
    let odd = number == ODD;
    let span = |service, name, kind, place, parent, runs, attributes: &[&'static str]| Planted {
        service,
        name,
        kind,
        place,
        parent,
        runs,
        attributes: attributes.to_vec(),
    };
    let mut spans = vec![
        span("gateway", "POST /buy", SERVER, 1, 0, (0, 200), &[]),
        span("gateway", "POST", CLIENT, 2, 1, (5, 190), &[]),
        span("orders", "POST /orders", SERVER, 3, 2, (10, 180), &["tenant.id"]),
        span("orders", "check_stock", INTERNAL, 4, 3, (15, 30), &[]),
        span("orders", "lookup", INTERNAL, 5, if odd { 3 } else { 4 }, (20, 25), &[]),
        span("orders", "reserve", INTERNAL, 6, 3, (40, 60), if odd { &[] } else { &["shard"] }),
        span("payments", "charge", SERVER, 7, 3, (70, 130), &[]),
        span("ledger", "append", INTERNAL, 8, 7, (80, 90), &[]),
        span("orders", "notify", INTERNAL, 9, 3, if odd { (31, 35) } else { (140, 150) }, &[]),
    ];
    if !odd {
        spans.push(span("orders", "audit", INTERNAL, 10, 3, (160, 170), &[]));
    }
    // Some requests only look: what always is where something is bought is not where it is not.
    if number.is_multiple_of(3) {
        spans.truncate(1);
        spans[0].name = "GET /shelf";
    }
    spans
}

fn trace_id(number: u64) -> String {
    // The last byte parts traces: any but in order.
    format!("{:032x}", u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 32 | 0xabcd)
}

/// The lines of OTLP of some requests, one a span.
fn lines(numbers: impl Iterator<Item = u64>) -> String {
    let mut lines = Vec::new();
    for number in numbers {
        for span in request(number) {
            let begin = BEGIN + number * 2_000 * MS;
            // Durations differ a little, and never grow.
            let end = begin + span.runs.1 * MS + (number * 7_919) % 1_000 * 1_000;
            let id =
                |place: u64| if place == 0 { String::new() } else { format!("{:016x}", number << 8 | place) };
            let attribute =
                |key: &str| json!({"key": key, "value": {"stringValue": format!("secret-{number}")}});
            let resource = json!({"attributes": [
                {"key": "service.name", "value": {"stringValue": span.service}},
                {"key": "service.version", "value": {"stringValue": "1"}},
            ]});
            let attributes: Vec<Value> = span.attributes.iter().map(|key| attribute(key)).collect();
            let span = json!({
                "traceId": trace_id(number), "spanId": id(span.place), "parentSpanId": id(span.parent),
                "name": span.name, "kind": span.kind, "attributes": attributes,
                "startTimeUnixNano": (begin + span.runs.0 * MS).to_string(), "endTimeUnixNano": end.to_string(),
            });
            let scope_spans = json!([{"spans": [span]}]);
            lines.push(
                json!({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}).to_string(),
            );
        }
    }
    lines.join("\n")
}

/// A folder with the spans of all requests in two files.
fn planted() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("spans")).unwrap();
    fs::write(
        folder.path().join("spans/a.ndjson"),
        lines((0..REQUESTS).filter(|number| number.is_multiple_of(2))),
    )
    .unwrap();
    fs::write(folder.path().join("spans/b.ndjson"), lines((0..REQUESTS).filter(|number| number % 2 == 1)))
        .unwrap();
    folder
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    let found = files_below(folder).unwrap().into_iter();
    found.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn what_is_planted_is_found_and_what_is_broken_once_is_not_proposed() {
    let folder = planted();
    let told = fluo(folder.path(), &["suggest", "--spans", "spans", "--out", "out"]).expect(0);
    let proposed = files(&folder.path().join("out"));
    // One after the other, in words and in numbers. The requests of the last half minute may go on.
    let bought = (0..REQUESTS - 15).filter(|number| !number.is_multiple_of(3)).count();
    let of_reserve = "when: {service_name: orders, name: reserve, kind: internal, as: last}";
    let is_order =
        |text: &&String| text.contains(of_reserve) && text.contains("name: check_stock, kind: internal");
    let order = proposed.values().find(is_order).unwrap();
    assert!(order.contains(&format!("{bought} of {bought} traces")), "{order}");
    // The limits lie beyond what was, and not far.
    assert!(proposed["errors.yml"].contains("error_ratio: 5%"), "{}", proposed["errors.yml"]);
    let charge = proposed["latency.yml"].lines().find(|line| line.contains("name: charge")).unwrap();
    assert!(charge.contains("p99: 92ms"), "61 ms, and half as much again: {charge}");
    // Who calls whom, and who calls alone.
    for pair in
        ["gateway, service_name: orders", "orders, service_name: payments", "payments, service_name: ledger"]
    {
        assert!(proposed["calls.yml"].contains(&format!("{{parent.service_name: {pair}}}")), "{pair}");
    }
    assert!(
        proposed["callers.yml"].contains("parent.name: charge, service_name: ledger, name: append"),
        "{}",
        proposed["callers.yml"]
    );
    // What a request for buying always does.
    let buy = &proposed["always-gateway-post-buy.yml"];
    for name in ["check_stock", "lookup", "reserve", "append", "notify"] {
        assert!(buy.contains(&format!("name: {name}")), "{name}: {buy}");
    }
    assert!(proposed["attributes.yml"].contains("tenant.id: {exists: false}"));
    assert!(proposed["attributes.yml"].contains("service.version: {exists: false}"));

    // What was otherwise once is told, with the trace.
    assert!(!buy.contains("name: audit"), "{buy}");
    assert!(!proposed["attributes.yml"].contains("shard"));
    assert!(!proposed["callers.yml"].contains("name: lookup"));
    assert!(!proposed.values().any(
        |text| text.contains("name: notify, kind: internal, as: last") && text.contains("name: reserve")
    ));
    let nearly = told.split_once("Almost always").unwrap().1;
    for what in ["audit (internal) of orders", "lookup (internal) of orders is called by", "shard"] {
        assert!(nearly.contains(what), "{what}: {told}");
    }
    assert!(nearly.contains("notify (internal) of orders comes after"), "{told}");
    assert_eq!(nearly.matches(&trace_id(ODD)).count(), nearly.matches("not in").count(), "{told}");

    // Nothing of the spans' values is in it.
    assert!(!proposed.values().any(|text| text.contains("secret-")));
    fluo(folder.path(), &["check", "out"]).expect(0);
    let tests = fluo(folder.path(), &["test", "out"]);
    assert_eq!(tests.status, 0, "{}{}", tests.stdout, tests.stderr);
    assert_eq!(fluo(folder.path(), &["check", "out", "--format", "json"]).stdout, "[]\n");
    let number = proposed.len() / 2;
    assert_eq!(
        proposed.keys().filter(|name| name.ends_with(".test.yml")).count(),
        number,
        "each has its test"
    );
    // Over the past that they were learned from, none fires.
    let eval = ["eval", "--rules", "out", "--spans", "spans", "--format", "ndjson"];
    assert_eq!(fluo(folder.path(), &eval).expect(0), "");
}

#[test]
fn the_summary_as_json_says_the_same() {
    let folder = planted();
    let run = |out: &str| {
        let arguments = ["suggest", "--spans", "spans", "--out", out, "--format", "json"];
        let told = fluo(folder.path(), &arguments).expect(0);
        assert_eq!(told.lines().count(), 1, "{told}");
        serde_json::from_str::<Value>(&told).unwrap()
    };
    let summary = run("out");
    assert_eq!(summary["schema"], "fluo.suggest/v1");
    assert_eq!((&summary["operations"], &summary["nameless_spans"]), (&json!(11), &json!(0)), "{summary}");
    let files: BTreeMap<String, String> = files(&folder.path().join("out"));
    let proposals = summary["proposals"].as_array().unwrap();
    assert_eq!(2 * proposals.len(), files.len());
    for proposal in proposals {
        let name = format!("name: {}\n", proposal["rule"].as_str().unwrap());
        assert!(files[proposal["file"].as_str().unwrap()].contains(&name), "{proposal}");
    }
    assert_eq!(summary["files"], json!({"written": files.len(), "removed": [], "kept": []}));
    let nearly = summary["almost_always"].as_array().unwrap();
    let lookup = "lookup (internal) of orders is called by check_stock (internal) of orders";
    let bought = (0..REQUESTS).filter(|number| !number.is_multiple_of(3)).count();
    let called = nearly.iter().find(|it| it["what"] == lookup).unwrap();
    assert_eq!(called["not_in"], json!([trace_id(ODD)]));
    assert_eq!(called["held"].as_u64().unwrap() + 1, called["of"].as_u64().unwrap());
    let shard = nearly.iter().find(|it| it["what"] == "reserve (internal) of orders has shard").unwrap();
    assert_eq!((&shard["held"], &shard["of"]), (&json!(bought - 1), &json!(bought)));
    assert_eq!(run("out")["files"], json!({"written": 0, "removed": [], "kept": []}), "the same again");
}

#[test]
fn the_same_spans_give_the_same_bytes() {
    let folder = planted();
    fs::create_dir(folder.path().join("others")).unwrap();
    // In other files, in another order, and some of them twice.
    fs::write(
        folder.path().join("others/1.ndjson"),
        lines((0..REQUESTS).rev().filter(|number| number % 5 < 2)),
    )
    .unwrap();
    fs::write(
        folder.path().join("others/2.ndjson"),
        lines((0..REQUESTS).rev().filter(|number| number % 5 >= 2)),
    )
    .unwrap();
    let told =
        |spans: &str, out: &str| fluo(folder.path(), &["suggest", "--spans", spans, "--out", out]).expect(0);
    let (one, other) = (told("spans", "one"), told("others", "two"));
    assert_eq!(one.replace("one", "OUT"), other.replace("two", "OUT").replace("one", "OUT"));
    assert_eq!(files(&folder.path().join("one")), files(&folder.path().join("two")));
    fluo(folder.path(), &["ingest", "spans", "--spans", "store"]).expect(0);
    told("store", "three");
    assert_eq!(files(&folder.path().join("one")), files(&folder.path().join("three")));
}

#[test]
fn what_others_wrote_or_changed_stays() {
    let folder = planted();
    let run = || fluo(folder.path(), &["suggest", "--spans", "spans", "--out", "out"]);
    run().expect(0);
    let before = files(&folder.path().join("out"));
    // Again: the same. What is no longer proposed, and was not changed, goes.
    let left_over = fs::read_to_string(folder.path().join("out/errors.yml")).unwrap();
    fs::write(folder.path().join("out/gone.yml"), left_over).unwrap();
    fs::write(folder.path().join("out/mine.yml"), "rules: []\n").unwrap();
    let changed = format!("{}# reviewed\n", before["latency.yml"]);
    fs::write(folder.path().join("out/latency.yml"), &changed).unwrap();
    let told = run().expect(0);
    assert!(told.contains("latency.yml was changed") && told.contains("gone.yml was removed"), "{told}");
    let after = files(&folder.path().join("out"));
    assert_eq!(after["latency.yml"], changed);
    assert_eq!(after["mine.yml"], "rules: []\n");
    assert!(!after.contains_key("gone.yml"));
    assert_eq!(after["errors.yml"], before["errors.yml"]);
    // A file of somebody else in the way.
    fs::write(folder.path().join("out/errors.yml"), "rules: []\n").unwrap();
    let refused = run();
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("errors.yml` is there already"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("out/errors.yml")).unwrap(), "rules: []\n");
}

#[test]
fn quiet_minutes_of_the_demo_teach_what_finds_its_incident() {
    let folder = TempDir::new().unwrap();
    fluo(folder.path(), &["demo", "--out", "demo", "--start", "2024-05-01T12:00:00Z"]).expect(0);
    let quiet = ["suggest", "--spans", "demo", "--to", "2024-05-01T12:05:00Z", "--out", "out"];
    fluo(folder.path(), &quiet).expect(0);
    let eval = ["eval", "--rules", "out", "--spans", "demo", "--format", "ndjson"];
    let eval = |to: &[&str]| fluo(folder.path(), &[&eval[..], to].concat()).expect(0);
    assert_eq!(eval(&["--to", "2024-05-01T12:05:00Z"]), "");
    let found: Vec<Value> = eval(&[]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_logins = |violation: &&Value| {
        violation["rule"] == "suggested-errors" && violation["group"]["service_name"] == "auth-service"
    };
    let first = found
        .iter()
        .filter(of_logins)
        .map(|violation| violation["starts_at"].as_str().unwrap())
        .min()
        .unwrap();
    assert!(("2024-05-01T12:05:12".."2024-05-01T12:09").contains(&first), "{first}");
    fluo(folder.path(), &["check", "out"]).expect(0);
    let tests = fluo(folder.path(), &["test", "out"]);
    assert_eq!(tests.status, 0, "{}{}", tests.stdout, tests.stderr);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = planted();
    let cases: [(&str, &[&str], i32, &str); 4] = [
        ("no past", &["--since", "0s"], 2, "--since must be longer than nothing"),
        ("no duration", &["--since", "week"], 2, "--since"),
        ("before all spans", &["--to", "2020-01-01T00:00:00Z"], 2, "its first span ended at"),
        ("no such folder", &["--spans", "nowhere"], 3, "could not read `nowhere`"),
    ];
    for (scenario, arguments, status, reason) in cases {
        let spans: &[&str] = if arguments[0] == "--spans" { &[] } else { &["--spans", "spans"] };
        let ended = fluo(folder.path(), &[&["suggest", "--out", "out"], spans, arguments].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{scenario}: {}", ended.stderr);
        assert!(ended.stderr.contains(reason), "{scenario}: {}", ended.stderr);
        assert!(!folder.path().join("out").exists(), "{scenario}");
    }
}
