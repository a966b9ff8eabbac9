//! `fluo diff`: the alerts that a rule change adds and removes.

use std::fs;

use serde_json::{Value, json};

use crate::deployed::{Deployment, failure, success};
use crate::incident::six_failures;

/// Six failures at noon and four half an hour later, and the rules as they are, which are also `head/`.
fn past() -> Deployment {
    let deployment = Deployment::new();
    deployment.arrive("failures", 85, &six_failures());
    deployment.arrive("four", 1860, &[failure(1800), failure(1810), failure(1820), failure(1830)]);
    deployment.arrive("after", 2400, &[success(2390)]);
    fs::create_dir(deployment.path("head")).unwrap();
    fs::copy(deployment.path("rules/auth.yml"), deployment.path("head/auth.yml")).unwrap();
    deployment
}

fn edit(deployment: &Deployment, from: &str, to: &str) {
    let text = fs::read_to_string(deployment.path("head/auth.yml")).unwrap();
    assert!(text.contains(from), "{text}");
    deployment.write("head/auth.yml", &text.replace(from, to));
}

const DIFF: [&str; 11] = [
    "diff",
    "--base",
    "rules",
    "--head",
    "head",
    "--spans",
    "store",
    "--since",
    "1h",
    "--to",
    "2024-05-01T12:45:00Z",
];

fn diff(deployment: &Deployment, status: i32) -> Value {
    serde_json::from_str(&deployment.fluo(&[&DIFF[..], &["--format", "json"]].concat()).expect(status))
        .unwrap()
}

#[test]
fn the_same_rules_differ_in_nothing() {
    let deployment = past();
    let expected = json!({"schema": "fluo.diff/v1", "added": [], "removed": [], "kept": 1, "rules": []});
    assert_eq!(diff(&deployment, 0), expected);
    assert_eq!(deployment.fluo(&DIFF).expect(0), "0 alerts added, 0 removed, 1 as before\n");
}

#[test]
fn a_lower_threshold_adds_an_alert() {
    let deployment = past();
    edit(&deployment, "gt(count, 5)", "gt(count, 3)");
    let found = diff(&deployment, 1);
    assert_eq!(found["added"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["added"][0]["starts_at"], "2024-05-01T12:30:30.000Z");
    assert_eq!((&found["removed"], &found["kept"]), (&json!([]), &json!(1)));
    let rule = json!([{"rule": "AuthFailuresRule", "change": "changed", "added": 1, "removed": 0}]);
    assert_eq!(found["rules"], rule);
    let text = deployment.fluo(&DIFF).expect(1);
    assert!(
        text.starts_with(
            "+ 2024-05-01T12:30:30.000Z to 2024-05-01T12:30:30.000Z  warning AuthFailuresRule: "
        ),
        "{text}"
    );
    assert!(text.contains("\nrule AuthFailuresRule is changed: 1 alerts added, 0 removed\n"), "{text}");
}

#[test]
fn a_new_name_removes_and_adds_and_a_comment_changes_nothing() {
    let deployment = past();
    edit(&deployment, "name: AuthFailuresRule", "name: logins");
    let found = diff(&deployment, 1);
    assert_eq!(
        (&found["removed"][0]["rule"], &found["added"][0]["rule"]),
        (&json!("AuthFailuresRule"), &json!("logins"))
    );
    edit(&deployment, "name: logins", "name: AuthFailuresRule # as before");
    let found = diff(&deployment, 0);
    assert_eq!(found["rules"], json!([]), "it is the same rule");
    let text = deployment.fluo(&DIFF).expect(0);
    assert!(!text.contains("changed"), "{text}");
}

#[test]
fn rules_that_do_not_load_or_cannot_be_judged_make_no_difference() {
    let deployment = past();
    edit(&deployment, "gt(count, 5)", "gt(cuont, 5)");
    let ended = deployment.fluo(&DIFF);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("--head") && ended.stderr.contains("cuont"), "{}", ended.stderr);
    deployment.write(
        "head/auth.yml",
        "- {name: wide, span: {service_name: auth-service}, group_by: [span_id], group_limit: 1, condition: count > 0}\n",
    );
    let ended = deployment.fluo(&DIFF);
    assert_eq!(ended.status, 3, "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("head: `wide` could not be judged"), "{}", ended.stderr);
}

#[test]
fn where_no_file_arrived_there_is_no_difference_to_tell_of() {
    let deployment = past();
    let copied = |arrival: &[&str]| {
        let arguments = ["diff", "--base", "rules", "--head", "head", "--spans", "copy", "--since", "1h"];
        deployment.fluo(&[&arguments[..], &["--to", "2024-05-01T12:45:00Z"], arrival].concat())
    };
    edit(&deployment, "gt(count, 5)", "gt(count, 3)");
    deployment.shell("cp -r store copy && find copy -name '*.parquet' -exec touch {} +").expect(0);
    // What the raw objects' times were is kept in the files: only files that are ingested anew lose them.
    assert_eq!(copied(&[]).status, 1);
    deployment.shell("rm -r copy && touch raw/* && $FLUO ingest raw --spans copy").expect(0);
    let ended = copied(&[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("--arrival end+75s"), "{}", ended.stderr);
    let found = copied(&["--arrival", "end+75s"]).expect(1);
    assert!(found.contains("1 alerts added, 0 removed"), "{found}");
}

#[test]
fn wrong_usage_is_told() {
    let deployment = past();
    for (option, value) in [("--since", "soon"), ("--since", "0s"), ("--every", "0s"), ("--to", "soon")] {
        let mut arguments: Vec<&str> = DIFF.to_vec();
        match arguments.iter().position(|argument| *argument == option) {
            Some(at) => arguments[at + 1] = value,
            None => arguments.extend([option, value]),
        }
        let ended = deployment.fluo(&arguments);
        assert_eq!(
            (ended.status, ended.stderr.contains(option)),
            (2, true),
            "{option} {value}: {}",
            ended.stderr
        );
    }
}
