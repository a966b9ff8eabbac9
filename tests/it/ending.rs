//! `fluo run`, asked to end by a signal: in each of its phases it ends soon, tears nothing and loses nothing.

use std::fs;
use std::fs::File;
use std::time::{Duration, Instant};

use fluo_tests::http::{Answer, Server};
use fluo_tests::program::{Ended, Running};
use serde_json::Value;

use crate::deployed::{Deployment, files_below, success};
use crate::incident::records;

/// The time that ending may take, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(2);

const ONCE: [&str; 2] = ["run", "--once"];

/// Waits until something is so.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal, and looks how it ends.
#[track_caller]
fn ends(running: Running, signal: &str, status: i32, within: Duration) -> Ended {
    running.signal(signal);
    let (ended, took) = running.end_within(Duration::from_mins(1));
    assert!(took < within, "it took {took:?}: {}", ended.stderr);
    assert_eq!(ended.status, status, "{}", ended.stderr);
    let said = records(&ended.stderr);
    assert!(
        said.iter().any(|line| line["message"] == "asked to end" && line["signal"] == format!("SIG{signal}")),
        "{said:?}"
    );
    ended
}

fn status(deployment: &Deployment) -> Value {
    serde_json::from_str(&deployment.fluo(&["status", "--format", "json"]).expect(0)).unwrap()
}

/// Returns the events that were told of alerts.
fn alerts(deployment: &Deployment) -> Vec<String> {
    let mut told = deployment.told();
    told.retain(|told| !told["alert"].is_null());
    told.iter().map(|told| told["event"].as_str().unwrap().to_owned()).collect()
}

/// A deployment that tells of failures by a webhook which never answers, and one that did take them.
fn with_silent_receiver(server: &Server, timeout: &str) -> Deployment {
    let (config, url) = ("store: store\nrules: [rules]\nsinks:\n", server.url("/hook"));
    let sinks = format!(
        "  - {{type: webhook, url: '{url}', timeout: {timeout}}}\n  - {{type: file, path: told.ndjson}}\n"
    );
    let deployment = Deployment::with(&format!("{config}{sinks}"));
    deployment.fluo(&["run", "--once", "--at", "-5m"]).expect(0);
    deployment.fail_just_now();
    deployment
}

#[test]
fn while_it_waits() {
    for signal in ["TERM", "INT"] {
        let deployment = Deployment::with("store: store\nrules: [rules]\nevery: 1h\n");
        let running = deployment.start(&["run"]);
        wait_for("the store is tried", || deployment.path("store/state/.lock").exists());
        wait_for("and cleaned up", || files_below(&deployment.path("store/state")) == [".lock"]);
        let ended = ends(running, signal, 0, SOON);
        assert_eq!(records(&ended.stderr).len(), 1, "{}", ended.stderr);
    }
}

#[test]
fn while_it_starts_and_the_store_does_not_answer() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (arguments, status) in [(&["run"][..], 0), (&ONCE[..], 3)] {
        let server = runtime.block_on(Server::start(vec![Answer::Silence; 10]));
        let deployment = Deployment::with("store: s3://bucket/root\nrules: [rules]\n");
        let running = deployment.start_with_bucket(&server.url(""), arguments);
        wait_for("the store is asked", || !server.requests().is_empty());
        ends(running, "TERM", status, SOON);
    }
}

#[test]
fn while_it_evaluates() {
    let deployment = Deployment::new();
    // Judged at every second of an hour: work for longer than any test waits.
    let rule = |number: u32| {
        format!(
            "- {{name: slow-{number}, span: {{}}, group_by: [name], window: 1h, every: 1s, \
             aggregation: {{a: {{p99: duration}}, n: count}}, condition: a > 1h and n > {number}}}\n"
        )
    };
    deployment.write("rules/slow.yml", &(0..300).map(rule).collect::<Vec<_>>().concat());
    deployment.tick("13:00:00").expect(0);
    let state = fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap();
    let spans: Vec<_> = (0..5_000).map(|number| success(300 + number * 3 / 5)).collect();
    deployment.arrive("many", 3620, &spans);
    let running = deployment.start(&["run", "--once", "--at", "2024-05-01T13:01:00Z"]);
    std::thread::sleep(Duration::from_secs(2));
    ends(running, "TERM", 3, SOON);
    assert!(
        fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap() == state,
        "what was not committed never was"
    );
    fs::remove_file(deployment.path("rules/slow.yml")).unwrap();
    deployment.tick("13:01:00").expect(0);
}

#[test]
fn while_it_waits_for_the_state_s_lock() {
    let deployment = Deployment::with_incident();
    let state = fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap();
    let lock = File::open(deployment.path("store/state/.lock")).unwrap();
    let running = {
        // The probe of the start needs it too.
        let running = deployment.start(&["run", "--once", "--at", "2024-05-01T12:03:00Z"]);
        lock.lock().unwrap();
        running
    };
    std::thread::sleep(Duration::from_millis(500));
    ends(running, "TERM", 3, SOON);
    assert!(fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap() == state);
}

#[test]
fn while_it_delivers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start([Answer::Silence]));
    let deployment = with_silent_receiver(&server, "2s");
    let running = deployment.start(&ONCE);
    wait_for("the receiver is told", || !server.requests().is_empty());
    ends(running, "TERM", 3, SOON + Duration::from_secs(2));
    assert_eq!(deployment.events(), ["firing"], "the other receiver has it");
    let outbox = &status(&deployment)["outbox"];
    assert_eq!(outbox["waiting"], 1, "{outbox}");
    let webhook = &outbox["sinks"]["webhook"];
    assert_eq!((&webhook["waiting"], &webhook["refused"]), (&1.into(), &1.into()), "{outbox}");
    deployment.fluo(&ONCE).expect(0);
    assert_eq!(deployment.events(), ["firing"]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start([Answer::Silence]));
    let deployment = with_silent_receiver(&server, "40s");
    let running = deployment.start(&ONCE);
    wait_for("the receiver is told", || !server.requests().is_empty());
    running.signal("TERM");
    std::thread::sleep(SOON);
    let ended = ends(running, "TERM", 3, Duration::from_millis(500));
    assert!(ended.stderr.contains("ended at once"), "{}", ended.stderr);
}

#[test]
fn while_it_catches_up() {
    let deployment = Deployment::new();
    deployment.fluo(&["run", "--once", "--at", "-23h"]).expect(0);
    deployment.fail_just_now();
    let steps = || files_below(&deployment.path("store/evaluations")).len();
    let before = steps();
    let running = deployment.start(&ONCE);
    wait_for("it has come some way", || steps() > before + 2);
    ends(running, "TERM", 3, SOON);
    let came = steps();
    assert!(came < 100, "it was asked on the way: {came}");
    assert_eq!(deployment.events(), [""; 0]);
    deployment.fluo(&ONCE).expect(0);
    assert!(steps() > 100, "{}", steps());
    assert_eq!(alerts(&deployment), ["firing"]);
}

/// Killed gently at any moment, again and again: in the end everybody was told once.
#[test]
fn at_any_moment() {
    let deployment = Deployment::new();
    deployment.fluo(&["run", "--once", "--at", "-2h"]).expect(0);
    deployment.fail_just_now();
    for number in 0..12 {
        let mut running = deployment.start(&ONCE);
        std::thread::sleep(Duration::from_millis(40 * number));
        if !running.has_ended() {
            running.signal("TERM");
        }
        let (ended, took) = running.end_within(Duration::from_mins(1));
        assert!(took < SOON, "{took:?}: {}", ended.stderr);
    }
    deployment.fluo(&ONCE).expect(0);
    assert_eq!(alerts(&deployment), ["firing"]);
    assert_eq!(status(&deployment)["outbox"]["waiting"], 0);
}
