//! `fluo verify`: an alert as a file was told it, against the store.

use std::fs;

use serde_json::{Value, json};

use crate::deployed::{Deployment, failure, success};
use crate::incident::{data_files, six_failures};

const VERIFY: [&str; 4] = ["verify", "told.ndjson", "--store", "store"];

/// Returns what `--format json` says, and the status.
fn verification(deployment: &Deployment) -> (Value, i32) {
    let ended = deployment.fluo(&[&VERIFY[..], &["--format", "json"]].concat());
    (serde_json::from_str(&ended.stdout).unwrap(), ended.status)
}

#[test]
fn an_alert_holds_also_after_more_has_arrived() {
    let deployment = Deployment::with_incident();
    let text = deployment.fluo(&VERIFY).expect(0);
    assert!(text.contains("AuthFailuresRule at 2024-05-01T12:01:20.000Z, over 1 data files"), "{text}");
    assert!(text.contains("\nIt holds"), "{text}");
    deployment.arrive("late", 200, &[failure(45), failure(46), success(70)]);
    deployment.tick("12:04:00").expect(0);
    let expected = json!({"schema": "fluo.verification/v1", "holds": true, "findings": []});
    assert_eq!(verification(&deployment), (expected, 0));
}

#[test]
fn an_alert_holds_in_whatever_order_its_group_and_values_come() {
    let deployment = Deployment::new();
    let rule = "- name: by-service\n  span: {attributes: {http.status_code: 401}}\n  group_by: [service_name, name]\n  \
                aggregation: {slow: {max: duration}, count: count}\n  condition: count > 5\n";
    deployment.write("rules/auth.yml", rule);
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    deployment.tick("12:02:00").expect(0);
    let line = fs::read_to_string(deployment.path("told.ndjson")).unwrap();
    let order = |text: &str, names: [&str; 2]| names.map(|name| text.find(name)).is_sorted();
    assert!(
        order(&line, ["\"service_name\":\"auth-service\",\"name\"", "\"slow\":"]),
        "the rule's order: {line}"
    );
    deployment.fluo(&VERIFY).expect(0);
    // As a tool writes it that sorts the members of objects.
    deployment.write("told.ndjson", &serde_json::to_string_pretty(&deployment.told()[0]).unwrap());
    let sorted = fs::read_to_string(deployment.path("told.ndjson")).unwrap();
    assert!(order(&sorted, ["\"count\":", "\"slow\":"]), "{sorted}");
    deployment.fluo(&VERIFY).expect(0);
}

#[test]
fn a_notification_is_read_from_a_file_from_lines_and_from_standard_input() {
    let deployment = Deployment::with_incident();
    deployment.arrive("after", 230, &[success(225)]);
    deployment.tick("12:04:00").expect(0);
    assert_eq!(deployment.events(), ["firing", "resolved"]);
    deployment.shell("\"$FLUO\" verify - --store store < told.ndjson").expect(0);
    let told = deployment.told();
    deployment.write("alert.json", &serde_json::to_string_pretty(&told[1]).unwrap());
    deployment.fluo(&["verify", "alert.json", "--store", "store"]).expect(0);
    for id in [&told[1]["id"], &told[0]["alert"]["id"]] {
        deployment.fluo(&[&VERIFY[..], &["--id", id.as_str().unwrap()]].concat()).expect(0);
    }
    let ended = deployment.fluo(&[&VERIFY[..], &["--id", "feed"]].concat());
    assert_eq!((ended.status, ended.stderr.contains("feed")), (2, true), "{}", ended.stderr);
}

#[test]
fn what_was_altered_is_named() {
    let deployment = Deployment::with_incident();
    let file = data_files(&deployment.path("store/spans")).remove(0);
    let name = file.strip_prefix(deployment.path("store")).unwrap().to_str().unwrap().to_owned();
    let sound = fs::read(&file).unwrap();
    let mut altered = sound.clone();
    altered[sound.len() / 2] ^= 1;
    fs::write(&file, altered).unwrap();
    let (found, status) = verification(&deployment);
    assert_eq!(
        (&found["holds"], &found["findings"][0]["kind"], status),
        (&json!(false), &json!("file_altered"), 1)
    );
    assert!(found["findings"][0]["detail"].as_str().unwrap().contains(&name), "{found}");
    let ended = deployment.fluo(&VERIFY);
    assert!(ended.stdout.contains("It does not hold:") && ended.stdout.contains(&name), "{}", ended.stdout);
    fs::remove_file(&file).unwrap();
    assert_eq!(verification(&deployment).0["findings"][0]["kind"], "file_missing");
    fs::write(&file, sound).unwrap();
    assert_eq!(verification(&deployment).1, 0);

    let told = fs::read_to_string(deployment.path("told.ndjson")).unwrap();
    deployment.write("told.ndjson", &told.replace("\"values\":{\"count\":6}", "\"values\":{\"count\":600}"));
    let (found, status) = verification(&deployment);
    assert_eq!((&found["findings"][0]["kind"], status), (&json!("values"), 1));
}

#[test]
fn what_cannot_be_looked_at_is_told_apart_from_what_does_not_hold() {
    let deployment = Deployment::with_incident();
    deployment.write("not.json", "alert!\n");
    deployment.write("other.json", "{\"version\":\"4\",\"alerts\":[]}");
    deployment.write("empty.json", "");
    let mut stale = deployment.told().remove(0);
    stale["alert"] = Value::Null;
    stale["event"] = "pipeline_stale".into();
    deployment.write("stale.json", &stale.to_string());
    for (file, part) in [
        ("no.json", "could not read no.json"),
        ("not.json", "not JSON"),
        ("other.json", "fluo.notification/v1"),
        ("empty.json", "no notification"),
        ("stale.json", "pipeline_stale"),
    ] {
        let ended = deployment.fluo(&["verify", file, "--store", "store"]);
        assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{file}: {}", ended.stderr);
        assert!(
            ended.stderr.starts_with("error: ") && ended.stderr.contains(part),
            "{file}: {}",
            ended.stderr
        );
    }
    assert_eq!(deployment.fluo(&["verify", "told.ndjson", "--store", "nowhere"]).status, 3);
}
