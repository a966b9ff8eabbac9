//! Limits by group: in the rule, and in a file beside it.

use fluo_rules::diagnostic::Level;
use fluo_rules::expr::ExprKind;
use fluo_rules::limits::{LimitUnit, RowKey};
use fluo_rules::matcher::{Number, Value};
use fluo_rules::rule::Rule;
use fluo_rules::standalone::standalone;
use fluo_rules::{Loaded, SourceFile, load, tables_named};
use fluo_time::Nanos;

use crate::load_text;
use crate::standalone::stands_alone;

const RULE: &str = "- name: slow-calls
  span: {kind: client}
  group_by: [service_name, name]
  limits:                                   # as they were agreed
    - {service_name: checkout, name: POST /pay, slow: 540ms, calls: 3}
    - {name: ~, slow: 1s}
    - {slow: 2s, calls: 10}
  aggregation: {slow_calls: {count: {where: duration > limit.slow}}}
  condition: slow_calls > limit.calls
  annotations: {summary: \"{{ value.slow_calls }} above {{ limit.slow | duration }}\"}
";

const TABLE: &str = "service_name,name,slow,calls\ncheckout,POST /pay,540ms,3\n,(none),1s,\n,,2s,10\n";

fn of_file(rule: &str) -> String {
    let start = rule.find("  limits:").unwrap();
    let end = rule.find("  aggregation:").unwrap();
    format!("{}  limits: {{file: tables/calls.csv}}   # reviewed\n{}", &rule[..start], &rule[end..])
}

fn sound(loaded: Loaded) -> Rule {
    assert_eq!(loaded.findings, []);
    let mut rules = loaded.rules;
    assert_eq!(rules.len(), 1);
    rules.remove(0)
}

fn beside(rule: &str, table: &str) -> Loaded {
    load(&[SourceFile::new("rules/calls.yml", rule), SourceFile::new("rules/tables/calls.csv", table)])
}

#[test]
fn rows_name_keys_and_limits() {
    let rule = sound(load_text(RULE));
    stands_alone(RULE);
    let limits = rule.limits.as_ref().unwrap();
    let names: Vec<_> = limits.names().iter().map(|limit| (limit.name.as_str(), limit.unit)).collect();
    assert_eq!(names, [("limit.calls", LimitUnit::Number), ("limit.slow", LimitUnit::Duration)]);
    let is = |text: &str| RowKey::Is(Some(text.to_owned()));
    let keys: Vec<_> = limits.rows().iter().map(|row| row.keys.clone()).collect();
    assert_eq!(
        keys,
        [
            vec![is("checkout"), is("POST /pay")],
            vec![RowKey::Any, RowKey::Is(None)],
            vec![RowKey::Any, RowKey::Any]
        ]
    );
    let milliseconds = |number: i64| Some(Value::Duration(Nanos(number * 1_000_000)));
    let number = |number| Some(Value::Number(Number::Int(number)));
    let values: Vec<_> = limits.rows().iter().map(|row| row.values.clone()).collect();
    assert_eq!(
        values,
        [
            vec![number(3), milliseconds(540)],
            vec![None, milliseconds(1000)],
            vec![number(10), milliseconds(2000)]
        ]
    );
    assert_eq!(rule.condition.limits().collect::<Vec<_>>(), [&limits.names()[0]]);
    let filter = rule.aggregates[0].filter.as_ref().unwrap();
    assert!(matches!(&filter.children()[1].kind, ExprKind::Limit(limit) if limit.key() == "slow"));
}

#[test]
fn a_table_in_a_file_is_the_same_and_is_kept_with_the_rule() {
    let inline = sound(load_text(RULE));
    let text = of_file(RULE);
    assert_eq!(
        tables_named(&[SourceFile::new("rules/calls.yml", text.as_str())]).into_iter().collect::<Vec<_>>(),
        ["rules/tables/calls.csv"]
    );
    for (scenario, table) in [
        ("as it is", TABLE.to_owned()),
        ("as spreadsheets write it", format!("\u{feff}{}", TABLE.replace('\n', "\r\n"))),
        ("columns in another order, values spelt otherwise", {
            "calls, slow ,name,service_name\n3,0.54s,\"POST /pay\",checkout\n\n,1s,(none),\n10,2000ms,,\n"
                .to_owned()
        }),
    ] {
        let rule = sound(beside(&text, &table));
        assert_eq!(rule.limits.as_ref().unwrap().rows().len(), 3, "{scenario}");
        if scenario != "columns in another order, values spelt otherwise" {
            assert_eq!(rule.limits, inline.limits, "{scenario}");
        }
        assert_eq!(rule.source.hash, inline.source.hash, "{scenario}");
        let alone = standalone(&rule);
        let again = sound(load_text(&alone));
        assert_eq!(Rule { source: rule.source.clone(), ..again.clone() }, rule, "{scenario}\n{alone}");
        assert_eq!(again.source.hash, rule.source.hash, "{scenario}\n{alone}");
        assert!(alone.contains("# reviewed"), "{alone}");
    }
}

#[test]
fn a_table_of_defaults_is_that_of_every_rule_and_is_kept_with_each() {
    let text = "defaults:\n  group_by: [name]\n  limits:\n    file: t.csv\nrules:\n- {name: a, span: {}, condition: count > limit.n}\n\
                - {name: b, span: {}, condition: count >= limit.n}\n";
    let table = SourceFile::new("t.csv", "name,n\nx,1\n,2\n");
    let loaded = load(&[SourceFile::new("r.yml", text), table]);
    assert_eq!(loaded.findings, []);
    for rule in &loaded.rules {
        let alone = standalone(rule);
        let again = sound(load_text(&alone));
        assert_eq!(Rule { source: rule.source.clone(), ..again }, *rule, "{alone}");
    }
    assert_eq!(loaded.rules.len(), 2);
}

#[test]
fn the_hash_follows_what_the_table_says() {
    let hash = |rule: &str| sound(load_text(rule)).source.hash;
    let own = hash(RULE);
    assert_eq!(hash(&RULE.replace("                                   # as they were agreed", "")), own);
    assert_eq!(hash(&RULE.replace("slow: 540ms, calls: 3", "calls: 3, slow: 0.54s")), own);
    for (what, other) in [
        ("a limit", RULE.replace("540ms", "541ms")),
        ("a key", RULE.replace("checkout", "search")),
        ("a row", RULE.replace("    - {name: ~, slow: 1s}\n", "")),
    ] {
        assert_ne!(hash(&other), own, "{what}");
    }
    let text = of_file(RULE);
    let changed = sound(beside(&text, &TABLE.replace("540ms", "541ms"))).source.hash;
    assert_eq!(changed, hash(&RULE.replace("540ms", "541ms")));
}

#[test]
fn a_table_that_cannot_be_read_is_told_at_its_own_place() {
    let text = of_file(RULE);
    let files = [
        SourceFile::new("rules/calls.yml", text.as_str()),
        SourceFile::unread("rules/tables/calls.csv", "permission denied"),
    ];
    let loaded = load(&files);
    let found: Vec<_> = loaded.findings.iter().map(|found| (&*found.place.file, &*found.message)).collect();
    assert_eq!(found, [("rules/tables/calls.csv", "it cannot be read: permission denied")]);
    assert!(loaded.rules.is_empty() && loaded.is_partial());
    // What is wrong in a cell, too, and nothing else is judged by it.
    let loaded = beside(&text, &TABLE.replace("540ms", "soon"));
    let found: Vec<_> = loaded
        .findings
        .iter()
        .map(|found| (&*found.place.file, found.place.start.line, found.place.start.column, found.level()))
        .collect();
    assert_eq!(found, [("rules/tables/calls.csv", 2, 20, Level::Error)]);
}

#[test]
fn tables_have_bounds() {
    let rows = |number: usize| {
        let rows: Vec<String> = (0..number).map(|at| format!("op{at},{at}\n")).collect();
        format!("name,n\n{}", rows.concat())
    };
    let text = "- {name: a, span: {}, group_by: [name], limits: {file: t.csv}, condition: count > limit.n}";
    let load = |table: String| load(&[SourceFile::new("r.yml", text), SourceFile::new("t.csv", table)]);
    let rule = sound(load(rows(10_000)));
    assert!(rule.limits.as_ref().unwrap().row_of(&[Some("op9999".to_owned())]).is_some());
    assert!(standalone(&rule).len() < 512 * 1024);
    let messages = |loaded: Loaded| loaded.findings.into_iter().map(|it| it.message).collect::<Vec<_>>();
    assert_eq!(messages(load(rows(10_001))), ["the table of limits has 10001 rows; it may have 10000"]);
    let long = format!("name,n\n{},1\n", "x".repeat(600_000));
    assert_eq!(
        messages(load(long)),
        ["the table of limits takes 600024 bytes with its rule; it may take 512 KiB"]
    );
}
