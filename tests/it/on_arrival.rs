//! `fluo run` with `on_arrival`: a violation is told seconds after its file, long before the schedule's next evaluation.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::deployed::{Deployment, files_below};
use crate::incident::records;

/// A schedule that does not come within a test, and looks at every second.
const CONFIG: &str =
    "store: store\nrules: [rules]\nevery: 12h\non_arrival: 1s\nsinks: [{type: file, path: told.ndjson}]\n";

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn evaluations(deployment: &Deployment) -> usize {
    files_below(&deployment.path("store/evaluations")).len()
}

#[test]
fn what_arrives_is_told_before_the_schedule_evaluates_and_idle_looks_leave_nothing() {
    let deployment = Deployment::with(CONFIG);
    // What ended before the first evaluation is not judged: it is made before the failures.
    deployment.fluo(&["run", "--once", "--at", "-5m"]).expect(0);
    let running = deployment.start(&["run"]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(evaluations(&deployment), 1, "nothing has arrived");
    let state = fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        fs::read(deployment.path("store/state/evaluator.json.zst")).unwrap() == state,
        "nothing is written"
    );

    deployment.fail_just_now();
    wait_for("it is told", || !deployment.told().is_empty());
    assert_eq!(deployment.events(), ["firing"]);
    assert_eq!(evaluations(&deployment), 2);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((evaluations(&deployment), deployment.events().len()), (2, 1), "once");

    running.signal("TERM");
    let (ended, _) = running.end_within(Duration::from_mins(1));
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let lines = records(&ended.stderr);
    let evaluated: Vec<&Value> = lines.iter().filter(|line| line["message"] == "evaluated").collect();
    assert_eq!(evaluated.len(), 1, "looks that find nothing are silent: {}", ended.stderr);
    let eval_time = evaluated[0]["evaluation"]["eval_time"].as_str().unwrap();
    assert_eq!(eval_time.get(19..), Some(".000Z"), "at a multiple of `on_arrival`: {eval_time}");
}

/// A rule file that does not load is the user's to mend, and said with every evaluation, not with every look.
#[test]
fn looks_do_not_repeat_what_evaluations_say() {
    let deployment = Deployment::with(CONFIG);
    deployment.write("rules/silences.yml", "- {match: no}\n");
    let once = deployment.fluo(&["run", "--once", "--at", "-5m"]);
    assert!(once.stderr.contains("silences.yml"), "{}", once.stderr);
    let running = deployment.start(&["run"]);
    std::thread::sleep(Duration::from_millis(3500));
    running.signal("TERM");
    let (ended, _) = running.end_within(Duration::from_mins(1));
    assert!(!ended.stderr.contains("silences.yml"), "{}", ended.stderr);
}
