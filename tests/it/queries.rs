//! Rules that are a query, as the commands that look at the past see them: `fluo verify`, `fluo replay` and `fluo diff`.

use std::fs;

use serde_json::json;

use crate::deployed::{Deployment, failure, success};
use crate::incident::{data_files, records, six_failures};

/// Six failures of one user in two minutes, as a query.
const QUERY: &str = "
- name: users-who-fail
  sql: |
    SELECT attributes['user.id'] AS user, min(trace_id) AS trace_id, count(*) AS failed
    FROM spans
    WHERE attributes['http.status_code'] = '401'
    GROUP BY 1
  window: 2m
  condition: failed > 5
  keep_firing_for: 1m
";

/// The times of a deployment's evaluations. The first judges nothing that lies within a window of it.
const TICKS: [&str; 9] = [
    "11:58:00", "11:59:00", "12:00:00", "12:01:00", "12:02:00", "12:03:00", "12:04:00", "12:05:00",
    "12:06:00",
];

/// A deployment of nothing but the query, and files that arrive while it is evaluated. A query waits for what comes after.
fn told() -> Deployment {
    let deployment = Deployment::new();
    deployment.write("rules/auth.yml", QUERY);
    for at in TICKS {
        match at {
            "12:02:00" => deployment.arrive("failures", 85, &six_failures()),
            "12:04:00" => deployment.arrive("after", 200, &[success(190)]),
            "12:06:00" => deployment.arrive("later", 310, &[success(305)]),
            _ => {}
        }
        deployment.tick(at).expect(0);
    }
    assert_eq!(deployment.events(), ["firing", "resolved"]);
    deployment
}

fn verify(deployment: &Deployment) -> (serde_json::Value, i32) {
    let ended = deployment.fluo(&["verify", "told.ndjson", "--store", "store", "--format", "json"]);
    let found = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    (found, ended.status)
}

#[test]
fn the_alert_of_a_query_is_proved_by_its_rows() {
    let deployment = told();
    let alert = &deployment.told()[0]["alert"];
    assert_eq!(alert["violation"]["values"], json!({"failed": 6}), "{alert}");
    assert_eq!(alert["violation"]["group"], json!({"user": "u-42"}), "{alert}");
    let holds = (json!({"schema": "fluo.verification/v1", "holds": true, "findings": []}), 0);
    assert_eq!(verify(&deployment), holds);
    // What comes later, in the same window and after it, takes no proof away.
    deployment.arrive("late", 320, &[failure(45), failure(46), success(70)]);
    deployment.tick("12:07:00").expect(0);
    assert_eq!(verify(&deployment), holds);
}

#[test]
fn what_was_altered_of_the_alert_of_a_query_is_named() {
    let deployment = told();
    let path = deployment.path("told.ndjson");
    let sound = fs::read_to_string(&path).unwrap();
    for (from, to, kind) in [
        ("\"values\":{\"failed\":6}", "\"values\":{\"failed\":7}", "values"),
        ("\"group\":{\"user\":\"u-42\"}", "\"group\":{\"user\":\"u-43\"}", "told"),
        ("\"rule_hash\":\"", "\"rule_hash\":\"0", "rule_missing"),
    ] {
        assert!(sound.contains(from), "{from}: {sound}");
        fs::write(&path, sound.replace(from, to)).unwrap();
        let (found, status) = verify(&deployment);
        assert_eq!((&found["findings"][0]["kind"], status), (&json!(kind), 1), "{to}: {found}");
    }
    fs::write(&path, &sound).unwrap();
    let files = data_files(&deployment.path("store/spans"));
    let bytes = fs::read(&files[0]).unwrap();
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    fs::write(&files[0], altered).unwrap();
    assert_eq!(verify(&deployment).0["findings"][0]["kind"], "file_altered");
    fs::write(&files[0], bytes).unwrap();
    // The query that was asked is kept, and is what is asked again.
    let hash = deployment.told()[0]["alert"]["rule_hash"].as_str().unwrap().to_owned();
    let text = deployment.path(&format!("store/state/rules/{hash}.yml"));
    let eased = fs::read_to_string(&text).unwrap().replace("'401'", "'200'");
    fs::write(&text, eased).unwrap();
    assert_eq!(verify(&deployment).0["findings"][0]["kind"], "rule_altered");
}

#[test]
fn a_replay_of_a_query_tells_what_was_told() {
    let deployment = told();
    let replay = ["replay", "--rules", "rules", "--spans", "store", "--from", "2024-05-01T11:58:00Z"];
    let to = ["--to", "2024-05-01T12:06:00Z", "--format", "ndjson"];
    let replayed = records(&deployment.fluo(&[&replay[..], &to].concat()).expect(0));
    assert_eq!(replayed, deployment.told());
}

#[test]
fn queries_that_differ_are_compared_by_what_they_find() {
    let deployment = told();
    fs::create_dir(deployment.path("head")).unwrap();
    for (scenario, from, to, added, removed, status) in [
        ("the same", "failed > 5", "failed > 5", 0, 0, 0),
        ("another spelling of the same", "count(*) AS failed", "sum(1) AS failed", 0, 0, 0),
        ("none fails so often", "failed > 5", "failed > 6", 0, 1, 1),
        ("other spans", "'401'", "'200'", 0, 1, 1),
        ("more of the same", "condition: failed > 5", "every: 30s\n  condition: failed > 1", 0, 0, 0),
        ("other groups", "attributes['user.id'] AS user", "name AS user", 1, 1, 1),
    ] {
        assert!(QUERY.contains(from), "{from}");
        deployment.write("head/auth.yml", &QUERY.replace(from, to));
        let arguments = ["diff", "--base", "rules", "--head", "head", "--spans", "store", "--since", "10m"];
        let more = ["--to", "2024-05-01T12:06:00Z", "--format", "json"];
        let ended = deployment.fluo(&[&arguments[..], &more].concat());
        let found: serde_json::Value =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{scenario}: {}", ended.stderr));
        let number = |key: &str| found[key].as_array().unwrap().len();
        assert_eq!((number("added"), number("removed")), (added, removed), "{scenario}: {found}");
        assert_eq!(ended.status, status, "{scenario}");
    }
    deployment.write("head/auth.yml", &QUERY.replace("FROM spans", "FROM traces"));
    let arguments = ["diff", "--base", "rules", "--head", "head", "--spans", "store", "--since", "10m"];
    let ended = deployment.fluo(&[&arguments[..], &["--to", "2024-05-01T12:06:00Z"]].concat());
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("--head") && ended.stderr.contains("traces"), "{}", ended.stderr);
}
