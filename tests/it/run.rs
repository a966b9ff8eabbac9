//! `fluo run`: the story of an incident, tick by tick.

use std::fs;

use serde_json::Value;

use crate::deployed::{Deployment, evaluation, failure, files_below, success};
use crate::incident::{records, six_failures};

#[test]
fn an_incident_is_told_once_and_so_is_its_end() {
    let deployment = Deployment::with_incident();
    let told = &deployment.told()[0];
    assert_eq!(told["schema"], "fluo.notification/v1");
    assert_eq!(told["rule"], "AuthFailuresRule");
    let violation = &told["alert"]["violation"];
    assert_eq!(violation["starts_at"], "2024-05-01T12:01:20.000Z");
    assert_eq!(violation["values"]["count"], 6);
    assert_eq!(told["alert"]["files"].as_array().map(Vec::len), Some(1));

    deployment.tick("12:02:00").expect(0);
    deployment.tick("12:03:00").expect(0);
    assert_eq!(deployment.events(), ["firing"], "nobody is told twice");

    // Missing data is no answer: only when files go on arriving is it over.
    deployment.tick("12:05:00").expect(0);
    assert_eq!(deployment.events(), ["firing"]);
    deployment.arrive("after", 330, &[success(325)]);
    deployment.tick("12:06:00").expect(0);
    assert_eq!(deployment.events(), ["firing", "resolved"]);
    let ids: Vec<Value> = deployment.told().iter().map(|told| told["alert"]["id"].clone()).collect();
    assert_eq!(ids[0], ids[1]);

    let folders: Vec<String> = files_below(&deployment.path("store"))
        .iter()
        .map(|name| name.split('/').next().unwrap().to_owned())
        .collect();
    for folder in ["evaluations", "spans", "state", "violations"] {
        assert!(folders.iter().any(|it| it == folder), "{folder} in {folders:?}");
    }
}

#[test]
fn what_comes_late_is_told_and_said_to_be_late() {
    let deployment = Deployment::new();
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("five", 85, &six_failures()[..5]);
    deployment.tick("12:02:00").expect(0);
    deployment.arrive("others", 290, &[success(285)]);
    deployment.tick("12:05:00").expect(0);
    assert_eq!(deployment.events(), [""; 0]);
    deployment.arrive("sixth", 350, &six_failures()[5..]);
    let ended = deployment.tick("12:06:00");
    assert_eq!(deployment.events(), ["fired_late"]);
    assert_eq!(evaluation(&ended)["spans_in_late_files"], 1);
}

#[test]
fn every_tick_says_what_it_did_in_json_on_standard_error() {
    let deployment = Deployment::new();
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    let ended = deployment.tick("12:02:00");
    let evaluation = evaluation(&ended);
    assert_eq!(evaluation["eval_time"], "2024-05-01T12:02:00.000Z");
    assert_eq!((&evaluation["firing"], &evaluation["notifications"]), (&1.into(), &1.into()));
    assert_eq!(evaluation["new_files"].as_array().map(Vec::len), Some(1));
    assert_eq!(ended.expect(0), "", "standard output is for a sink of that name");
}

#[test]
fn without_sinks_standard_output_is_told() {
    let deployment = Deployment::with("store: store\nrules: [rules]\n");
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    let told = records(&deployment.tick("12:02:00").expect(0));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["event"], "firing");
}

#[test]
fn a_sink_that_fails_holds_up_nobody_and_is_tried_again() {
    let config = "store: store\nrules: [rules]\nsinks:\n  - {type: file, path: told.ndjson}\n  - {type: file, name: log, path: missing/log.ndjson}\n";
    let deployment = Deployment::with(config);
    deployment.fluo(&["run", "--once", "--at", "-5m"]).expect(0);
    deployment.fail_just_now();
    let ended = deployment.fluo(&["run", "--once"]);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("missing/log.ndjson"), "{}", ended.stderr);
    assert_eq!(deployment.events(), ["firing"]);
    let status: Value =
        serde_json::from_str(&deployment.fluo(&["status", "--format", "json"]).expect(0)).unwrap();
    assert_eq!(status["outbox"]["sinks"]["log"]["waiting"], 1);
}

#[test]
fn what_is_given_up_is_told() {
    // What this evaluation tells is years old by the clock: older than `delivery_limit`.
    let config = "store: store\nrules: [rules]\nsinks:\n  - {type: file, path: missing/log.ndjson}\n";
    let deployment = Deployment::with(config);
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    let ended = deployment.tick("12:02:00");
    assert_eq!((ended.status, ended.stderr.contains("\"given up\"")), (3, true), "{}", ended.stderr);
}

#[test]
fn a_rule_file_that_breaks_is_told_and_its_rule_goes_on() {
    let deployment = Deployment::new();
    deployment.tick("12:00:00").expect(0);
    let text = fs::read_to_string(deployment.path("rules/auth.yml")).unwrap();
    deployment.write("rules/auth.yml", &text.replace("gt(count, 5)", "gt(cuont, 5)"));
    deployment.arrive("failures", 85, &six_failures());
    deployment.tick("12:02:00").expect(0);
    let mut events = deployment.events();
    events.sort();
    assert_eq!(events, ["firing", "rule_error"]);
    let told = deployment.told();
    let error = told.iter().find(|told| told["event"] == "rule_error").unwrap();
    assert!(error["text"].as_str().unwrap().contains("cuont"), "{error}");
    // Told once, and said at every evaluation.
    let said = deployment.tick("12:02:30").stderr;
    assert!(said.contains("a rule file does not load") && said.contains("cuont"), "{said}");
    deployment.write("rules/auth.yml", &text);
    deployment.tick("12:03:00");
    let told = deployment.told();
    let over = told.iter().find(|told| told["event"] == "rule_error_over").unwrap();
    assert_eq!(over["trouble"]["id"], error["trouble"]["id"], "{over}");
}

#[test]
fn an_outage_is_caught_up_and_what_began_and_ended_in_it_is_told_together() {
    let deployment = Deployment::with_incident();
    deployment.arrive("fine", 230, &[success(225)]);
    deployment.arrive("again", 1500, &(0..7).map(|at| failure(1440 + at)).collect::<Vec<_>>());
    deployment.arrive("fine again", 1800, &[success(1790)]);
    deployment.tick("12:31:00").expect(0);
    let events = deployment.events();
    let count = |event: &str| events.iter().filter(|it| *it == event).count();
    assert_eq!((count("firing"), count("resolved"), count("summary")), (1, 1, 1), "{events:?}");
    let told = deployment.told();
    let summary = told.iter().find(|told| told["event"] == "summary").unwrap();
    assert_eq!(summary["summary"]["largest"][0]["starts_at"], "2024-05-01T12:24:05.000Z", "{summary}");
}

#[test]
fn mistakes_in_the_configuration_are_told_with_what_to_do() {
    for (scenario, config, part) in [
        ("an unknown key", "store: store\nrules: [rules]\nevry: 1m\n", "evry"),
        ("no store", "rules: [rules]\n", "store"),
        ("a duration that is none", "store: store\nrules: [rules]\neval_delay: soon\n", "soon"),
        ("links without an id", "store: store\nrules: [rules]\ntrace_url: https://t\n", "{trace_id}"),
        ("a sink that does not exist", "store: store\nrules: [rules]\nsinks: [{type: pigeon}]\n", "pigeon"),
        (
            "two sinks of one name",
            "store: store\nrules: [rules]\nsinks: [{type: stdout}, {type: stdout}]\n",
            "stdout",
        ),
        (
            "a secret that is not there",
            "store: store\nrules: [rules]\nsinks: [{type: slack, url: {env: NO_SUCH_VARIABLE}}]\n",
            "NO_SUCH_VARIABLE",
        ),
        ("a store that is not there", "store: nowhere\nrules: [rules]\n", "nowhere"),
        ("a store of another kind", "store: ftp://x\nrules: [rules]\n", "ftp"),
    ] {
        let ended = Deployment::with(config).tick("12:00:00");
        assert!(matches!(ended.status, 2 | 3), "{scenario}: {}", ended.status);
        assert!(
            ended.stderr.starts_with("error") && ended.stderr.contains(part),
            "{scenario}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{scenario}");
    }
    let ended = Deployment::new().fluo(&["run", "--once", "--config", "no.yml"]);
    assert_eq!(ended.status, 3);
    let ended = Deployment::new().fluo(&["run", "--once", "--at", "noon"]);
    assert_eq!((ended.status, ended.stderr.contains("noon")), (2, true), "{}", ended.stderr);
}
