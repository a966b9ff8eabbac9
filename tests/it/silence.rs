//! `fluo silence`: set, listed, ended, and what is told meanwhile.

use serde_json::{Value, json};

use crate::deployed::Deployment;

const ADD: [&str; 8] =
    ["silence", "add", "--match", "rule=AuthFailuresRule", "--for", "2h", "--comment", "token rollout"];

fn list(deployment: &Deployment) -> Vec<Value> {
    serde_json::from_str(&deployment.fluo(&["silence", "list", "--format", "json"]).expect(0)).unwrap()
}

#[test]
fn a_silenced_alert_is_told_when_the_silence_ends() {
    let deployment = Deployment::new();
    deployment.fluo(&["run", "--once", "--at", "-5m"]).expect(0);
    let added = deployment.fluo(&ADD).expect(0);
    let id = added.split(':').next().unwrap().to_owned();
    assert!(
        id.starts_with("authfailuresrule-")
            && added.contains("nobody is told of rule=\"AuthFailuresRule\" until"),
        "{added}"
    );
    deployment.fail_just_now();
    deployment.fluo(&["run", "--once"]).expect(0);
    assert_eq!(deployment.events(), [""; 0]);
    let status: Value =
        serde_json::from_str(&deployment.fluo(&["status", "--format", "json"]).expect(0)).unwrap();
    assert_eq!(status["firing"][0]["muted_by"], format!("silence {id}"));
    assert!(deployment.fluo(&["status"]).expect(0).contains(&format!("(muted by silence {id})")));

    let ended = deployment.fluo(&["silence", "end", &id]).expect(0);
    assert!(ended.contains("is over: people are told of rule=\"AuthFailuresRule\" again"), "{ended}");
    deployment.fluo(&["run", "--once"]).expect(0);
    assert_eq!(deployment.events(), ["firing"]);
    assert_eq!(list(&deployment)[0]["state"], "over");
    let again = deployment.fluo(&["silence", "end", &id]).expect(0);
    assert!(again.contains("was over already"), "{again}");
}

#[test]
fn what_a_silence_mutes_now_is_said_and_what_it_cannot_mean() {
    let deployment = Deployment::new();
    deployment.fluo(&["run", "--once", "--at", "-5m"]).expect(0);
    deployment.fail_just_now();
    deployment.fluo(&["run", "--once"]).expect(0);
    for (matcher, told, warned) in [
        (
            "rule=AuthFailuresRule",
            "Rules that it is about:\n  AuthFailuresRule\nAlerts that fire now:\n  warning AuthFailuresRule",
            "",
        ),
        (
            "rule=~Auth.*",
            "Rules that it is about:\n  AuthFailuresRule\nAlerts that fire now:\n  warning AuthFailuresRule",
            "",
        ),
        (
            "rule=~^Auth",
            "It is about no rule that there is.\nNone of its alerts fires now.\n",
            "write `Auth.*`",
        ),
        ("rule=nosuch", "It is about no rule that there is.\n", "no rule named `nosuch` is loaded"),
        ("servce=x", "It is about no rule that there is.\n", "no rule has a label or a group key `servce`"),
    ] {
        let ended = deployment.fluo(&["silence", "add", "--match", matcher, "--for", "1h", "--comment", "c"]);
        assert_eq!(ended.status, 0, "{matcher}: {}", ended.stderr);
        assert!(ended.stdout.contains(told), "{matcher}: {}", ended.stdout);
        let is_warned = ended.stderr.contains("warning: ") && ended.stderr.contains(warned);
        assert_eq!(is_warned, !warned.is_empty(), "{matcher}: {}", ended.stderr);
    }
}

#[test]
fn silences_of_files_and_of_the_run_time_are_listed_together() {
    let deployment = Deployment::new();
    assert_eq!(deployment.fluo(&["silence", "list"]).expect(0), "No silences.\n");
    deployment.write(
        "rules/silences.yml",
        "silences:\n  - {id: move, comment: Ask Kim., matchers: {team: payments}, until: 2020-01-01T00:00:00Z}\n",
    );
    deployment
        .fluo(&[
            "silence",
            "add",
            "--match",
            "cloud.region=eu",
            "--match",
            "cloud.region=us",
            "--match",
            "rule=~auth.*",
            "--until",
            "2100-01-01T00:00:00Z",
            "--comment",
            "a\u{1b}[31mb",
            "--id",
            "m1",
        ])
        .expect(0);
    let silences = list(&deployment);
    let states: Vec<_> = silences
        .iter()
        .map(|it| (it["id"].as_str().unwrap(), it["state"].as_str().unwrap(), it["source"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("move", "over", "silences.yml"), ("m1", "in force", "run time")]);
    assert_eq!(silences[1]["matchers"], json!([r#"cloud.region=~"eu|us""#, r#"rule=~"auth.*""#]));
    assert_eq!(silences[1]["until"], "2100-01-01T00:00:00Z");
    let text = deployment.fluo(&["silence", "list"]).expect(0);
    assert!(text.contains("m1  in force, until 2100-01-01T00:00:00.000Z (run time)\n    cloud.region=~\"eu|us\", rule=~\"auth.*\"\n    a[31mb\n"), "{text}");
}

#[test]
fn what_is_no_silence_is_refused_with_what_to_do() {
    let deployment = Deployment::new();
    deployment.write("rules/silences.yml", "silences: [{id: move, comment: c, matchers: {team: a}}]\n");
    let add = |arguments: &[&str]| {
        let all = [&["silence", "add", "--comment", "c"], arguments].concat();
        deployment.fluo(&all)
    };
    for (scenario, arguments, part) in [
        ("no matcher", &["--for", "1h"][..], "--match"),
        ("a matcher without a value", &["--match", "rule", "--for", "1h"], "there is no operator"),
        ("a matcher without a label", &["--match", "=x", "--for", "1h"], "no label"),
        ("a variable that is not set", &["--match", "rule=", "--for", "1h"], "an empty value"),
        ("a pattern that is not set", &["--match", "rule=~", "--for", "1h"], "an empty pattern"),
        ("an operator the wrong way round", &["--match", "rule~=Auth", "--for", "1h"], "`rule=~"),
        ("a pattern that is none", &["--match", "rule=~(", "--for", "1h"], "rule=~("),
        (
            "a severity that is none",
            &["--match", "severity=high", "--for", "1h"],
            "info, warning and critical",
        ),
        ("nearly everything", &["--match", "rule!=x", "--for", "1h"], "nearly everything"),
        ("no length", &["--match", "rule=x"], "--for"),
        ("both lengths", &["--match", "rule=x", "--for", "1h", "--until", "2100-01-01T00:00:00Z"], "--until"),
        ("a length that is none", &["--match", "rule=x", "--for", "soon"], "soon"),
        ("an end in the past", &["--match", "rule=x", "--until", "2020-01-01T00:00:00Z"], "over already"),
        ("the id of another", &["--match", "rule=x", "--for", "1h", "--id", "move"], "`move` already"),
    ] {
        let ended = add(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{scenario}: {}", ended.stderr);
        assert!(
            ended.stderr.starts_with("error: ") && ended.stderr.contains(part),
            "{scenario}: {}",
            ended.stderr
        );
    }
    let ended = deployment.fluo(&["silence", "end", "move"]);
    assert_eq!((ended.status, ended.stderr.contains("silences.yml")), (2, true), "{}", ended.stderr);
    let ended = deployment.fluo(&["silence", "end", "nope"]);
    assert_eq!((ended.status, ended.stderr.contains("fluo silence list")), (2, true), "{}", ended.stderr);
    assert!(list(&deployment).iter().all(|silence| silence["source"] == "silences.yml"));
}

#[test]
fn silences_of_a_folder_that_is_gone_are_said_to_be_unknown() {
    let deployment = Deployment::new();
    std::fs::remove_dir_all(deployment.path("rules")).unwrap();
    let ended = deployment.fluo(&["silence", "list"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, "No silences.\n"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("rules` cannot be read, and silences in it are not known"),
        "{}",
        ended.stderr
    );
}
