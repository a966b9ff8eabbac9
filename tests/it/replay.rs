//! `fluo replay`: the past, as it would have been told.

use serde_json::Value;

use crate::deployed::{Deployment, success};
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

#[test]
fn what_cannot_be_replayed_is_refused() {
    let deployment = Deployment::new();
    for (scenario, arguments, status) in [
        ("an end before the beginning", vec!["--from", "now", "--to", "-1h"], 2),
        ("steps of nothing", vec!["--from", "-1h", "--every", "0s"], 2),
        ("a time that is none", vec!["--from", "yesterday"], 2),
        ("no beginning", vec![], 2),
    ] {
        let all = [&["replay", "--rules", "rules", "--spans", "store"][..], &arguments].concat();
        let ended = deployment.fluo(&all);
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{scenario}: {}", ended.stderr);
    }
    let ended = deployment.fluo(&["replay", "--rules", "rules", "--spans", "nowhere", "--from", "-1h"]);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
}
