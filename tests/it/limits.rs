//! Limits in a table beside the rule: what `check`, `explain`, `test` and `eval` make of them.

use std::fs;

use fluo_tests::program::repository;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary;

/// Two operations of one service, and one of another that has no row of its own.
const TESTS: &str = r"rules: [slow-calls.yml]
tests:
  - name: each operation has its own limits
    spans:
      - {at: 10s..50s, every: 10s, kind: client, service_name: checkout, name: POST /pay, duration: 600ms}
      - {at: 10s..50s, every: 10s, kind: client, service_name: search, name: GET /find, duration: 600ms}
    expect:
      - {rule: slow-calls, group: {service_name: checkout, name: POST /pay}, at: 50s, state: firing,
         value: {slow_calls: 4, limit.calls: 3, limit.slow: 540ms}}
  - name: a faster one is within them
    spans:
      - {at: 10s..50s, every: 10s, kind: client, service_name: checkout, name: POST /pay, duration: 500ms}
      - {at: 10s..50s, every: 10s, kind: client, service_name: other, name: x, duration: 3s}
    expect: []
";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    for file in ["slow-calls.yml", "slow-calls.csv"] {
        fs::copy(repository().join("docs/examples").join(file), rules.join(file)).unwrap();
    }
    fs::write(rules.join("slow-calls.test.yml"), TESTS).unwrap();
    folder
}

#[test]
fn a_rule_is_tested_with_the_table_beside_it() {
    let folder = folder();
    let run = |arguments: &[&str], status| binary().within(folder.path()).run(arguments).expect(status);
    assert_eq!(run(&["check", "rules", "--format", "json"], 0).trim(), "[]");
    assert_eq!(run(&["test", "rules"], 0).lines().last(), Some("2 of 2 tests passed"));
    // Found from wherever it is named.
    assert_eq!(run(&["test", "rules/slow-calls.test.yml"], 0).lines().last(), Some("2 of 2 tests passed"));
}

#[test]
fn mistakes_in_the_table_are_found_at_their_place() {
    let folder = folder();
    let table = folder.path().join("rules/slow-calls.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("540ms", "540")).unwrap();
    let found = binary().within(folder.path()).run(&["check", "rules", "--format", "json"]).expect(1);
    let found: Value = serde_json::from_str(&found).unwrap();
    let of = |key: &str| found[0][key].clone();
    assert_eq!(
        (of("code"), of("file"), of("line")),
        ("E0241".into(), "rules/slow-calls.csv".into(), 2.into()),
        "{found}"
    );
    fs::remove_file(&table).unwrap();
    let found = binary().within(folder.path()).run(&["check", "rules", "--format", "json"]).expect(1);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found[0]["code"], &found[0]["file"]),
        (&"E0113".into(), &"rules/slow-calls.csv".into()),
        "{found}"
    );
}

#[test]
fn explain_says_the_limits_and_the_row_of_each_group() {
    let folder = folder();
    let explain = |format: &str| {
        let arguments = ["explain", "slow-calls", "--rules", "rules", "--format", format];
        binary().within(folder.path()).run(&arguments).expect(0)
    };
    let words = explain("text");
    let lines: Vec<&str> = words.lines().skip_while(|line| !line.starts_with("Limits")).take(4).collect();
    assert_eq!(
        lines,
        [
            "Limits    limit.calls, limit.slow, of the first of these rows that is for the group:",
            "          service_name = checkout, name = POST /pay: calls 3, slow 540ms",
            "          service_name = search: calls 20, slow 1s",
            "          all others: calls 10, slow 2s",
        ],
        "{words}"
    );
    assert!(words.contains("Judged    at the end of every matching span, and reported at once:"), "{words}");
    let plan = explain("plan");
    assert!(plan.contains("limit.slow(service_name, name)"), "{plan}");
    let sql = explain("sql");
    for part in
        ["(0, 3, 540000000)", "ELSE 2", "limited JOIN limits USING (\"limit row\")", "> \"limit.calls\""]
    {
        assert!(sql.contains(part), "{part}:\n{sql}");
    }
}
