//! `fluo replay`: the past, as it would have been told.

use fluo_tests::program::Ended;
use serde_json::Value;

use crate::deployed::{Deployment, failure, success};
use crate::incident::{records, six_failures};

const REPLAY: [&str; 9] = [
    "replay",
    "--rules",
    "rules",
    "--spans",
    "store",
    "--from",
    "2024-05-01T12:00:00Z",
    "--to",
    "2024-05-01T12:06:00Z",
];

#[test]
fn a_replay_tells_what_was_told() {
    let deployment = Deployment::with_incident();
    deployment.arrive("after", 230, &[success(225)]);
    for at in ["12:03:00", "12:04:00", "12:05:00", "12:06:00"] {
        deployment.tick(at).expect(0);
    }
    let told = deployment.told();
    assert_eq!(deployment.events(), ["firing", "resolved"]);
    let replayed = records(&deployment.fluo(&[&REPLAY[..], &["--format", "ndjson"]].concat()).expect(0));
    assert_eq!(replayed, told);
}

#[test]
fn without_records_files_arrive_when_their_raw_objects_were_written() {
    let deployment = Deployment::new();
    deployment.arrive("five", 85, &six_failures()[..5]);
    deployment.arrive("sixth", 270, &six_failures()[5..]);
    deployment.arrive("others", 230, &[success(225)]);
    let json: Vec<Value> =
        serde_json::from_str(&deployment.fluo(&[&REPLAY[..], &["--format", "json"]].concat()).expect(0))
            .unwrap();
    let told: Vec<_> =
        json.iter().map(|told| (told["event"].as_str().unwrap(), told["at"].as_str().unwrap())).collect();
    assert_eq!(told, [("fired_late", "2024-05-01T12:05:00.000Z")]);
    let text = deployment.fluo(&REPLAY).expect(0);
    assert!(text.starts_with("2024-05-01T12:05:00.000Z  "), "{text}");
    assert!(text.ends_with("1 notifications of 1 alerts in 7 evaluations\n"), "{text}");
}

/// A replay of the incident up to another time, or with more options: how it ends.
fn replayed(deployment: &Deployment, more: &[&str]) -> Ended {
    let replay = if more.contains(&"--to") { &REPLAY[..7] } else { &REPLAY[..] };
    deployment.fluo(&[replay, more].concat())
}

#[test]
fn where_no_file_arrived_in_the_range_nothing_is_found_and_that_is_a_failure() {
    let deployment = Deployment::new();
    let ended = replayed(&deployment, &[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    let said = "error: no data file of `store` arrived between 2024-05-01T12:00:00.000Z and 2024-05-01T12:06:00.000Z: \
                no file there has spans of that time\n  help: ";
    assert!(ended.stderr.starts_with(said), "an empty store: {}", ended.stderr);

    // Copied a day later.
    let copied = 24 * 3600;
    deployment.arrive("failures", copied, &six_failures());
    deployment.arrive("after", copied + 1, &[success(225)]);
    let ended = replayed(&deployment, &[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    for part in ["of 2 files, 2 arrived after the range, from 2024-05-02T12:00:00.000Z", "--arrival end+75s"]
    {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    // In the range, and too late for anybody to be told.
    let ended = replayed(&deployment, &["--to", "2024-05-02T12:05:00Z", "--every", "1h"]);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("2 arrived more than 1h behind the watermark"), "{}", ended.stderr);

    let ended = replayed(&deployment, &["--arrival", "end+75s"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.starts_with("2024-05-01T12:03:00.000Z  "), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("2 notifications of 1 alerts in 7 evaluations\n"), "{}", ended.stdout);
}

#[test]
fn files_that_are_not_seen_are_counted() {
    let deployment = Deployment::new();
    deployment.arrive("failures", 85, &six_failures());
    deployment.arrive("copied", 24 * 3600, &[success(30)]);
    let ended = replayed(&deployment, &["--to", "2024-05-01T12:20:00Z"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let said =
        "warning: 1 of 2 data files of this range are not judged: 1 arrived after the range, at 2024-05-02";
    assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
    assert!(ended.stdout.contains("1 alerts"), "{}", ended.stdout);
}

#[test]
fn many_alerts_are_counted_by_rule_and_hour() {
    let deployment = Deployment::new();
    let rule = "- {name: each, span: {service_name: auth-service, attributes: {http.status_code: 401}}, \
                window: 1s, condition: count > 0}\n";
    deployment.write("rules/auth.yml", rule);
    for number in 0..30 {
        // Twenty of them begin before one o'clock.
        let seconds = 2400 + 60 * number;
        deployment.arrive(&format!("file-{number}"), seconds + 10, &[failure(seconds)]);
    }
    let ended = replayed(&deployment, &["--to", "2024-05-01T13:30:00Z"]);
    let text = ended.expect(0);
    let counted = "\nAlerts by rule and the hour in which they began:\n  each: 30\n    \
                   2024-05-01T12:00:00.000Z     20\n    2024-05-01T13:00:00.000Z     10\n";
    assert!(text.contains(counted), "{text}");
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let deployment = Deployment::new();
    for (scenario, arguments, status) in [
        ("an end before the beginning", vec!["--from", "now", "--to", "-1h"], 2),
        ("steps of nothing", vec!["--from", "-1h", "--every", "0s"], 2),
        ("a time that is none", vec!["--from", "yesterday"], 2),
        ("no beginning", vec![], 2),
        ("a model of arrival that is none", vec!["--from", "-1h", "--arrival", "soon"], 2),
        ("one with a duration that is none", vec!["--from", "-1h", "--arrival", "end+soon"], 2),
        ("one before the end", vec!["--from", "-1h", "--arrival", "end+-75s"], 2),
    ] {
        let all = [&["replay", "--rules", "rules", "--spans", "store"][..], &arguments].concat();
        let ended = deployment.fluo(&all);
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{scenario}: {}", ended.stderr);
    }
    let ended = deployment.fluo(&["replay", "--rules", "rules", "--spans", "nowhere", "--from", "-1h"]);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
}
