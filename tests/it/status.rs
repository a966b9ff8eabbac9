//! `fluo status`: what fires, how far behind evaluation is, what is wrong.

use serde_json::{Value, json};

use crate::deployed::{Deployment, evaluation, failure};
use crate::incident::six_failures;

fn status(deployment: &Deployment) -> Value {
    serde_json::from_str(&deployment.fluo(&["status", "--format", "json"]).expect(0)).unwrap()
}

#[test]
fn before_the_first_evaluation_it_says_so() {
    let deployment = Deployment::new();
    assert_eq!(deployment.fluo(&["status"]).expect(0), "Nothing was evaluated yet.\n");
    let status = status(&deployment);
    assert_eq!((&status["schema"], &status["eval_time"]), (&json!("fluo.status/v1"), &Value::Null));
}

#[test]
fn what_fires_is_told_with_its_values_and_since_when() {
    let deployment = Deployment::with_incident();
    let status = status(&deployment);
    assert_eq!(status["eval_time"], "2024-05-01T12:02:00.000Z");
    assert!(status["behind_ns"].as_i64().unwrap() > 0);
    let firing = &status["firing"];
    assert_eq!(firing.as_array().map(Vec::len), Some(1));
    assert_eq!(firing[0]["rule"], "AuthFailuresRule");
    assert_eq!(firing[0]["since"], "2024-05-01T12:01:20.000Z");
    assert_eq!((&firing[0]["values"], &firing[0]["muted_by"]), (&json!({"count": "6"}), &Value::Null));
    assert_eq!(firing[0]["id"], deployment.told()[0]["alert"]["id"]);
    assert_eq!(status["pipeline"]["arrived_at"], "2024-05-01T12:02:00.000Z");
    assert_eq!(status["pipeline"]["newest_end"], "2024-05-01T12:01:20.000Z");
    assert_eq!(status["outbox"], json!({"waiting": 0, "held": 0, "sinks": {}}));
    let text = deployment.fluo(&["status"]).expect(0);
    let line = "\nFiring:\n  warning AuthFailuresRule since 2024-05-01T12:01:20.000Z: count = 6\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn what_is_pending_and_what_is_wrong_is_told() {
    let deployment = Deployment::new();
    deployment.write(
        "rules/more.yml",
        "- {name: slow-burn, span: {service_name: auth-service}, group_by: [name], condition: count > 0, for: 10m}\n",
    );
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    deployment.arrive("more", 110, &[failure(100), failure(110)]);
    assert_eq!(evaluation(&deployment.tick("12:03:00"))["pending"], 1);
    deployment.write("rules/broken.yml", "- name: broken\n  condition: nope\n");
    deployment.tick("12:03:01").expect(0);
    let status = status(&deployment);
    let pending = json!([{"rule": "slow-burn", "group": {"name": "auth_user"},
        "since": "2024-05-01T12:01:00.000Z", "fires_at": "2024-05-01T12:11:00.000Z"}]);
    assert_eq!(status["pending"], pending, "{status}");
    assert!(status["troubles"][0]["name"].as_str().unwrap().ends_with("broken.yml"), "{status}");
    let text = deployment.fluo(&["status"]).expect(0);
    for part in
        ["Pending:\n  slow-burn [name=auth_user] since", "Troubles:\n  critical Rule file does not load: "]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn a_state_that_cannot_be_read_is_no_empty_one() {
    let deployment = Deployment::with_incident();
    let state = deployment.path("store/state/evaluator.json.zst");
    std::fs::write(&state, "not a state").unwrap();
    let ended = deployment.fluo(&["status"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("damaged"), "{}", ended.stderr);
}

#[test]
fn an_evaluation_of_the_future_is_refused_and_a_state_of_it_is_set_back() {
    let deployment = Deployment::with_incident();
    let ended = deployment.fluo(&["run", "--once", "--at", "2199-01-01T00:00:00Z"]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("2199-01-01T00:00:00.000Z has not come"), "{}", ended.stderr);
    let ended = deployment.fluo(&["set-back"]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("not from the future"), "{}", ended.stderr);

    // What a version that did not refuse it, or a clock that was wrong, leaves behind.
    let path = deployment.path("store/state/evaluator.json.zst");
    let state = zstd::decode_all(&std::fs::read(&path).unwrap()[..]).unwrap();
    let mut state: Value = serde_json::from_slice(&state).unwrap();
    state["eval_time"] = json!(7_226_582_400_000_000_000_i64);
    std::fs::write(&path, zstd::encode_all(state.to_string().as_bytes(), 3).unwrap()).unwrap();
    let status = status(&deployment);
    assert_eq!(status["from_future"], true);
    let text = deployment.fluo(&["status"]).expect(0);
    assert!(text.contains("has not come") && text.contains("fluo set-back"), "{text}");
    let log = deployment.tick("12:03:00").stderr;
    assert!(log.contains("the state is from the future"), "{log}");
    let told = deployment.told();
    assert_eq!(told.last().unwrap()["event"], "future_state");
    let said = deployment.fluo(&["set-back"]).expect(0);
    assert!(said.contains("to 2024-05-01T12:02:00.000Z"), "{said}");
    deployment.tick("12:04:00").expect(0);
    let events: Vec<_> = deployment.told().iter().map(|told| told["event"].clone()).collect();
    assert!(events.contains(&json!("future_state_over")), "{events:?}");
}
