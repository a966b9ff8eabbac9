//! Findings for machines: JSON, SARIF, workflow commands.

use fluo_rules::code::Code;
use fluo_rules::render::{github, human, json, sarif};
use fluo_rules::{SourceFile, load};
use serde_json::{Value, json};

/// A name that every format must escape, and two findings, one with a second place.
fn example() -> Vec<fluo_rules::diagnostic::Finding> {
    let first = SourceFile::new(
        "rules/a: b,100%.yml",
        "- name: ä\n  span: {servce_name: x}\n  condition: count > 5\n",
    );
    let second = SourceFile::new("rules/b.yml", "- {name: ä, span: {}, condition: count > 5}\n");
    load(&[first, second]).findings
}

#[test]
fn json_is_as_documented() {
    let parsed: Value = serde_json::from_str(&json::render(&example())).unwrap();
    assert_eq!(
        parsed,
        json!([
            {"code": "E0103", "severity": "error", "message": "unknown key `servce_name` in `span`",
             "file": "rules/a: b,100%.yml", "line": 2, "column": 10, "end_line": 2, "end_column": 21,
             "hint": "did you mean `service_name`?", "related": []},
            {"code": "E0201", "severity": "error", "message": "a rule named `ä` exists already",
             "file": "rules/b.yml", "line": 1, "column": 10, "end_line": 1, "end_column": 11,
             "hint": "a rule's name is its identity: give this one another",
             "related": [{"file": "rules/a: b,100%.yml", "line": 1, "column": 9, "message": "the first one is here"}]},
        ])
    );
    assert_eq!(json::render(&[]), "[]\n");
}

#[test]
fn workflow_commands_are_escaped() {
    assert_eq!(
        github::render(&example()),
        "::error file=rules/a%3A b%2C100%25.yml,line=2,endLine=2,col=10,endColumn=21,title=fluo E0103::unknown key \
         `servce_name` in `span`%0Ahelp: did you mean `service_name`?\n\
         ::error file=rules/b.yml,line=1,endLine=1,col=10,endColumn=11,title=fluo E0201::a rule named `ä` exists \
         already%0Ahelp: a rule's name is its identity: give this one another%0Anote: the first one is here \
         (rules/a: b,100%25.yml:1:9)\n"
    );
}

#[test]
fn sarif_has_what_code_scanning_needs() {
    let log: Value = serde_json::from_str(&sarif::render(&example())).unwrap();
    assert_eq!((&log["version"], log["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Code::ALL.len());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["message"]["text"].is_string() && result["level"] == "error");
    }
    let location = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "rules/a%3A%20b%2C100%25.yml");
    assert_eq!(location["region"], json!({"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 21}));
    let related = &run["results"][1]["relatedLocations"][0];
    assert_eq!((&related["id"], &related["message"]["text"]), (&json!(0), &json!("the first one is here")));
    let none: Value = serde_json::from_str(&sarif::render(&[])).unwrap();
    assert_eq!(none["runs"][0]["results"], json!([]));
}

#[test]
fn colour_is_only_given_when_asked_for() {
    let files = [SourceFile::new("a.yml", "- nme: x\n")];
    let findings = load(&files).findings;
    assert!(!human::render(&findings, &files, false).contains('\u{1b}'));
    assert!(human::render(&findings, &files, true).contains("\u{1b}["));
    assert_eq!(human::render(&[], &files, true), "");
}

#[test]
fn of_very_many_findings_the_later_ones_are_told_in_a_line() {
    let mistakes: Vec<String> = (0..600).map(|at| format!("  nme{at}: x\n")).collect();
    let files = [SourceFile::new("a.yml", format!("- name: x\n{}", mistakes.concat()))];
    let findings = load(&files).findings;
    let shown = human::render(&findings, &files, false);
    assert!((0..600).all(|at| shown.contains(&format!("unknown key `nme{at}`"))), "{shown}");
    assert!(shown.contains("\nerror[E0103]: unknown key `nme599` in the rule --> a.yml:601:3\n"), "{shown}");
    assert_eq!(shown.matches("|   ^").count(), 500, "{shown}");
    assert!(shown.ends_with(&format!("\n{} errors\n", findings.len())), "{shown}");
}
