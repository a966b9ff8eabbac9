//! `fluo compact`: an hour's files become few, and nothing else changes.

use std::fs;

use serde_json::{Value, json};

use crate::deployed::{Deployment, evaluation, failure, files_below, success};
use crate::incident::data_files;

const COMPACT: [&str; 3] = ["compact", "--spans", "store"];

/// The incident, with what came before, with and after it in files of their own.
fn deployment() -> Deployment {
    let deployment = Deployment::with_incident();
    deployment.arrive("again", 100, &[failure(30), failure(31)]);
    deployment.arrive("later", 200, &[failure(150), success(151)]);
    deployment.arrive("later still", 240, &[success(230)]);
    deployment.tick("12:05:00").expect(0);
    assert_eq!(deployment.events(), ["firing", "resolved"]);
    deployment
}

fn names(deployment: &Deployment) -> Vec<String> {
    files_below(&deployment.path("store/spans"))
}

/// Deletes the files that were replaced, as a run does an hour later.
fn delete_replaced(deployment: &Deployment) {
    let replaced = |name: &&String| name.ends_with(".parquet") && !name.contains("-c1.parquet");
    for name in names(deployment).iter().filter(replaced) {
        fs::remove_file(deployment.path("store/spans").join(name)).unwrap();
    }
}

fn eval(deployment: &Deployment) -> String {
    deployment.fluo(&["eval", "--rules", "rules", "--spans", "store", "--format", "ndjson"]).expect(0)
}

#[test]
fn a_compacted_hour_is_read_evaluated_replayed_and_proved_as_before() {
    let deployment = deployment();
    let replay = ["replay", "--rules", "rules", "--spans", "store", "--format", "ndjson"];
    let replay = [&replay[..], &["--from", "2024-05-01T12:00:00Z", "--to", "2024-05-01T12:05:00Z"]].concat();
    let (found, replayed) = (eval(&deployment), deployment.fluo(&replay).expect(0));
    assert!(replayed.contains("AuthFailuresRule"), "{replayed}");
    let before = names(&deployment);
    assert_eq!(before.len(), 4);

    let text = deployment.fluo(&[&COMPACT[..], &["--dry-run"]].concat()).expect(0);
    assert_eq!(names(&deployment), before, "a dry run writes nothing");
    assert!(text.starts_with("date=2024-05-01/hour=12: 4 files (11 spans, "), "{text}");
    assert!(text.ends_with(" would be merged into 1\n"), "{text}");
    let text = deployment.fluo(&COMPACT).expect(0);
    assert!(text.contains(" bytes) merged into 1, "), "{text}");
    assert_eq!(names(&deployment).len(), 4 + 3);

    for deleted in [false, true] {
        if deleted {
            delete_replaced(&deployment);
            assert_eq!(names(&deployment).len(), 3);
        }
        assert_eq!(eval(&deployment), found);
        assert_eq!(deployment.fluo(&replay).expect(0), replayed);
        let verify = ["verify", "told.ndjson", "--store", "store"];
        let text = deployment.fluo(&verify).expect(0);
        assert!(text.contains("It holds"), "{text}");
        let at = if deleted { "12:07:00" } else { "12:06:00" };
        let ended = deployment.tick(at);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let evaluated = evaluation(&ended);
        assert_eq!(evaluated["new_files"], json!([]), "nothing newly arrives");
        assert_eq!(evaluated["damaged_files"], json!([]), "nothing is gone");
        assert_eq!(deployment.events(), ["firing", "resolved"]);
    }
    assert_eq!(deployment.fluo(&COMPACT).expect(0), "Nothing to do.\n");
}

#[test]
fn what_comes_late_or_again_to_a_compacted_hour_counts_once() {
    let deployment = deployment();
    deployment.fluo(&COMPACT).expect(0);
    delete_replaced(&deployment);
    let found = eval(&deployment);
    deployment.arrive("again", 100, &[failure(30), failure(31)]);
    assert_eq!(names(&deployment).len(), 4, "it is written again");
    assert_eq!(eval(&deployment), found);
    let six: Vec<_> = (0..6).map(|at| failure(170 + at)).collect();
    deployment.arrive("late", 300, &six);
    assert_ne!(eval(&deployment), found);
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_is_told() {
    let deployment = deployment();
    let damaged = data_files(&deployment.path("store/spans")).remove(0);
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() - 9]).unwrap();
    fs::write(damaged.with_file_name("theirs.parquet"), "x").unwrap();
    let found = deployment.fluo(&["eval", "--rules", "rules", "--spans", "store", "--format", "ndjson"]);
    let ended = deployment.fluo(&[&COMPACT[..], &["--format", "json"]].concat());
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&summary["schema"], &summary["dry_run"]), (&json!("fluo.compact/v1"), &json!(false)));
    let hour = &summary["hours"][0];
    assert_eq!((&hour["files"], &hour["outputs"]), (&json!(3), &json!(1)));
    let skipped: Vec<&str> =
        hour["skipped"].as_array().unwrap().iter().map(|it| it["location"].as_str().unwrap()).collect();
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert!(skipped.iter().any(|it| it.ends_with("/theirs.parquet")), "{skipped:?}");
    let again = deployment.fluo(&["eval", "--rules", "rules", "--spans", "store", "--format", "ndjson"]);
    assert_eq!((again.status, again.stdout), (found.status, found.stdout));
}

#[test]
fn hours_that_are_not_over_stay() {
    let deployment = deployment();
    let before = |time: &str| deployment.fluo(&[&COMPACT[..], &["--before", time]].concat());
    assert_eq!(before("2024-05-01T12:59:59Z").expect(0), "Nothing to do.\n");
    assert_eq!(before("2261-01-01T00:00:00Z").status, 2);
    assert!(before("2024-05-01T13:00:00Z").expect(0).contains("merged into 1"));
    assert_eq!(deployment.fluo(&["compact", "--spans", "nowhere"]).status, 3);
}
