//! `fluo check`: all mistakes of all files, in one run, in every format.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{binary, fluo};

/// Eight mistakes, of seven codes.
const MISTAKES: &str = r#"- name: checkout-errors
  severty: critical
  span: {servce_name: checkout, kind: srever, attributes: {http.status_code: {matches: "5(\\d"}}}
  window: 90
  aggregation: {total: count}
  condition: count / totl > 5%
- name: no-condition
  span: {where: status = error and duration > 500}
"#;

/// Code, line, column and end column, and what the hint must contain.
const EXPECTED: &[(&str, u64, u64, u64, &str)] = &[
    ("E0103", 2, 3, 10, "did you mean `severity`?"),
    ("E0103", 3, 10, 21, "did you mean `service_name`?"),
    ("E0106", 3, 39, 45, "did you mean `server`?"),
    ("E0307", 3, 90, 91, ""),
    ("E0210", 4, 11, 13, "write `90s` for seconds"),
    ("E0302", 6, 22, 26, "did you mean `total`?"),
    ("E0105", 7, 3, 7, "count > 5"),
    ("E0304", 8, 47, 50, "write `500s` for seconds, `500ms` for milliseconds"),
];

/// The output of a check of the mistakes, which ends with status 1.
fn checked(format: &str) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("shop.yml"), MISTAKES).unwrap();
    binary().within(folder.path()).run(&["check", "shop.yml", "--format", format]).expect(1)
}

#[test]
fn json_has_every_mistake_with_its_place_and_a_hint() {
    let findings: Vec<Value> = serde_json::from_str(&checked("json")).unwrap();
    for (finding, (code, line, column, end_column, hint)) in findings.iter().zip(EXPECTED) {
        let place = json!([code, "error", "shop.yml", line, column, line, end_column]);
        let fields = ["code", "severity", "file", "line", "column", "end_line", "end_column"];
        assert_eq!(Value::from(fields.map(|field| finding[field].clone()).to_vec()), place, "{finding}");
        assert!(finding["hint"].as_str().unwrap_or_default().contains(hint), "{finding}");
        assert!(finding["message"].as_str().is_some_and(|message| !message.is_empty()), "{finding}");
        assert_eq!(finding["related"], json!([]), "{finding}");
    }
    assert_eq!(findings.len(), EXPECTED.len());
}

#[test]
fn a_finding_is_one_line_of_the_documented_fields() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yml"), "- name: a\n  span: {servce_name: x}\n  condition: count > 5\n")
        .unwrap();
    let stdout = binary().within(folder.path()).run(&["check", "a.yml", "--format", "json"]).expect(1);
    let expected = concat!(
        r#"[{"code":"E0103","severity":"error","message":"unknown key `servce_name` in `span`","file":"a.yml","#,
        r#""line":2,"column":10,"end_line":2,"end_column":21,"hint":"did you mean `service_name`?","related":[]}]"#,
        "\n"
    );
    assert_eq!(stdout, expected);
}

#[test]
fn people_see_every_mistake_underlined() {
    let text = checked("human");
    for (code, line, column, end_column, hint) in EXPECTED {
        assert!(text.contains(&format!("error[{code}]: ")), "{code} in\n{text}");
        assert!(text.contains(&format!(" --> shop.yml:{line}:{column}\n")), "{line}:{column} in\n{text}");
        assert!(text.contains(hint), "{hint} in\n{text}");
        // The underline stands below the mistake, behind the gutter of one digit, a space, a bar and a space.
        let source = MISTAKES.lines().nth(usize::try_from(*line).unwrap() - 1).unwrap();
        let indent = usize::try_from(*column).unwrap() - 1;
        let carets = "^".repeat(usize::try_from(end_column - column).unwrap());
        let underlined = format!("{line} | {source}\n  | {}{carets}\n", " ".repeat(indent));
        assert!(text.contains(&underlined), "{underlined} in\n{text}");
    }
    assert!(text.ends_with("\n8 errors\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "coloured without a terminal");
}

#[test]
fn github_annotates_every_mistake() {
    let text = checked("github");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), EXPECTED.len(), "{text}");
    for (command, (code, line, column, end_column, _)) in lines.iter().zip(EXPECTED) {
        let expected = format!(
            "::error file=shop.yml,line={line},endLine={line},col={column},endColumn={end_column},title=fluo {code}::"
        );
        assert!(command.starts_with(&expected), "{expected}\n{command}");
    }
}

#[test]
fn sarif_is_a_log_that_code_scanning_takes() {
    let log: Value = serde_json::from_str(&checked("sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"].as_array().map(Vec::len), Some(1));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "fluo");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), EXPECTED.len());
    for (result, (code, line, column, end_column, _)) in results.iter().zip(EXPECTED) {
        assert_eq!(result["ruleId"], *code);
        assert_eq!(result["level"], "error");
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], *code, "the index points at the rule");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "shop.yml");
        let region =
            json!({"startLine": line, "startColumn": column, "endLine": line, "endColumn": end_column});
        assert_eq!(place["region"], region);
    }
}

#[test]
fn sound_rules_end_with_0_in_every_format() {
    for (format, expected) in [("human", ""), ("json", "[]\n"), ("github", "")] {
        assert_eq!(fluo(&["check", "rules", "--format", format]).expect(0), expected, "{format}");
    }
    let log: Value = serde_json::from_str(&fluo(&["check", "rules", "--format", "sarif"]).expect(0)).unwrap();
    assert_eq!(log["runs"][0]["results"], json!([]));
}

#[test]
fn mistakes_in_several_files_are_told_together() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    let files = [
        ("a.yml", "- name: twice\n  span: {}\n  condition: count > 1\n"),
        (
            "b/c.yaml",
            "- name: twice\n  span: {}\n  condition: count > 1\n- name: d\n  spn: {}\n  condition: count > 1\n",
        ),
        (
            "b/a.test.yml",
            "rules: [../a.yml]\ntests:\n  - {name: t, until: 1m, expect: [{rule: twce, at: 1m, state: inactive}]}\n",
        ),
        (".hidden.yml.swp", "not: a rule\n"),
        ("fluo.yml", "not: a configuration\n"),
        (
            "silences.yml",
            "silences:\n  - {comment: c, matchers: {rule: twise}}\n  - {comment: c, matcher: {rule: twice}}\n",
        ),
    ];
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let stdout = binary().within(folder.path()).run(&["check", ".", "--format", "json"]).expect(1);
    let findings: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let places: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding["code"].as_str().unwrap(),
                finding["file"].as_str().unwrap(),
                finding["line"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("E0507", "./b/a.test.yml", 3),
        ("E0201", "./b/c.yaml", 1),
        ("E0105", "./b/c.yaml", 4),
        ("E0103", "./b/c.yaml", 5),
        ("E0103", "./fluo.yml", 1),
        ("E0105", "./fluo.yml", 1),
        ("E0105", "./fluo.yml", 1),
        ("E0103", "./silences.yml", 3),
    ];
    assert_eq!(places, expected);
    assert_eq!(findings[1]["related"][0]["file"], "./a.yml", "the other place");
}

#[test]
fn tests_are_held_against_the_files_that_they_name() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("a.yml", "- name: a\n  span: {}\n  condition: count > 1\n");
    write(
        "a.test.yml",
        "rules: [a.yml, gone.yml]\ntests:\n  - {name: t, spans_from: no.json, until: 1m, expect: []}\n",
    );
    let check = |arguments: &[&str]| binary().within(folder.path()).run(arguments);
    let findings: Vec<Value> =
        serde_json::from_str(&check(&["check", "a.test.yml", "--format", "json"]).expect(1)).unwrap();
    let found: Vec<_> = findings
        .iter()
        .map(|finding| {
            (finding["message"].as_str().unwrap(), finding["line"].clone(), finding["column"].clone())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("there is no file `gone.yml`", json!(1), json!(16)),
            ("there is no file `no.json`", json!(3), json!(27))
        ]
    );
    write("a.test.yml", "rules: [a.yml]\ntests:\n  - {name: t, until: 1m, expect: []}\n");
    write("silences.yml", "silences: [{comment: c, matchers: {rule: a}}]\n");
    let ended = check(&["check", "."]);
    assert!(
        ended.stderr.contains("1 sound rule, 1 sound test, 1 sound silence in 3 files: 0 errors, 0 warnings"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.expect(0), "");
    write("silences.yml", "silences: [{comment: c, matchers: {rule: b}}]\n");
    let ended = check(&["check", "."]);
    assert!(ended.stdout.contains("no rule named `b` is loaded"), "{}", ended.stdout);
    write("b.yml", "- name: b\n  span: {}\n");
    let ended = check(&["check", "."]);
    assert!(!ended.stdout.contains("no rule named"), "b.yml may have it: {}", ended.stdout);
}

/// A configuration with mistakes in every part, beside secrets.
const CONFIGURATION: &str = "store: store
rules: [rulse, rules]
evry: 1m
sinks:
  - {type: slack, url: hooks.slack.example/S3CR3T, severity: [critcal]}
  - {type: slack, name: b, url: hooks.slack.example/S3CR3T}
  - {type: webhook, url: 'https://me:S3CR3T@a.example', headers: {authorization: S3CR3T}, tiemout: 5s}
";

#[test]
fn a_configuration_is_checked_as_rules_are() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    write("fluo.yml", CONFIGURATION);
    write("rules/a.yml", "- {name: a, labels: {team: shop}, span: {}, condition: count > 1}\n");
    let fluo = |arguments: &[&str]| binary().within(folder.path()).run(arguments);
    let stdout = fluo(&["check", "fluo.yml", "--format", "json"]).expect(1);
    let findings: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let found: Vec<_> = findings
        .iter()
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
            (text("code"), finding["line"].as_u64().unwrap(), text("hint"))
        })
        .collect();
    let expected = [
        ("W0701", 2, "did you mean `rules`?"),
        ("E0103", 3, "did you mean `every`?"),
        ("E0106", 5, "did you mean `critical`?"),
        ("E0702", 6, ""),
        ("E0103", 7, "did you mean `timeout`?"),
    ];
    let found: Vec<_> =
        found.iter().map(|(code, line, hint)| (code.as_str(), *line, hint.as_str())).collect();
    assert_eq!(found, expected);
    // With the rules beside it, and as `fluo run` says it.
    let whole = fluo(&["check", ".", "--format", "github"]);
    assert_eq!((whole.status, whole.stdout.lines().count()), (1, expected.len()), "{}", whole.stdout);
    let run = fluo(&["run", "--once"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.ends_with("4 errors\nerror: `fluo.yml` cannot be used\n"), "{}", run.stderr);
    let human = fluo(&["check", "fluo.yml"]).expect(1);
    for (code, line, _) in expected {
        for told in [&human, &run.stderr] {
            let is_told =
                told.contains(&format!("[{code}]: ")) && told.contains(&format!("fluo.yml:{line}:"));
            assert!(is_told || code == "W0701", "{code} of line {line} in\n{told}");
        }
    }
    for told in [stdout, whole.stdout, run.stderr, human] {
        assert!(!told.contains("S3CR3T"), "{told}");
    }
    write("fluo.yml", "store: store\nrules: [rules]\nsinks: [{type: stdout, labels: {team: shopp}}]\n");
    let ended = fluo(&["check", "fluo.yml"]);
    assert!(ended.stdout.contains("warning[W0702]: no rule has the label `team` with the value `shopp`"));
    assert!(ended.stdout.contains("did you mean `shop`?"), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("1 sound configuration in 1 file: 0 errors, 1 warning"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.status, 0);
}

#[test]
fn there_is_a_schema_of_each_kind_of_file() {
    for (arguments, title) in [
        (&["schema"][..], "fluo rules"),
        (&["schema", "--of", "rules"], "fluo rules"),
        (&["schema", "--of", "tests"], "fluo tests"),
        (&["schema", "--of", "silences"], "fluo silences"),
        (&["schema", "--of", "config"], "fluo configuration"),
    ] {
        let schema: Value = serde_json::from_str(&fluo(arguments).expect(0)).unwrap();
        assert_eq!(schema["title"], title, "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_checked_is_told_apart_from_mistakes() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().to_str().unwrap();
    for (scenario, arguments, status) in [
        ("no argument", vec!["check"], 2),
        ("an unknown format", vec!["check", "rules", "--format", "xml"], 2),
        ("a folder without rules", vec!["check", empty], 2),
        ("a file that is not there", vec!["check", "no/such.yml"], 3),
    ] {
        let ended = fluo(&arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{scenario}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: "), "{scenario}: {}", ended.stderr);
    }
}
