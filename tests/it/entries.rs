//! Folders with an entry that cannot be looked into: it is named, and everything else goes on.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use fluo_tests::otlp::Encoding;
use fluo_tests::program::Program;
use serde_json::Value;
use tempfile::TempDir;

use crate::deployed::{Deployment, success};
use crate::fluo;
use crate::incident::{RULE, ingest, ndjson, records, six_failures, text, write};

const AT_NOON: &str = "2024-05-01T12:01:20.000Z";

/// Entries that nobody can read, all with this ending: their names, and what is said of them.
const BROKEN: [(&str, &str); 5] = [
    ("gone", "a link that leads nowhere"),
    ("itself", "a link that leads nowhere"),
    ("up", "a link to a folder that it lies in"),
    ("pipe", "neither a file nor a folder"),
    ("two\nlines", "named with a control character"),
];

/// Makes them; a socket must be held.
fn break_folder(folder: &Path, ending: &str) -> UnixListener {
    let at = |name: &str| folder.join(format!("{name}{ending}"));
    symlink("nobody@host.4711:1", at("gone")).unwrap();
    symlink(at("itself").file_name().unwrap(), at("itself")).unwrap();
    symlink(".", at("up")).unwrap();
    fs::write(at("two\nlines"), "").unwrap();
    // What an editor leaves beside a file while it is edited, and nobody means.
    symlink("nobody@host.4711:1", folder.join(format!(".#noon{ending}"))).unwrap();
    UnixListener::bind(at("pipe")).unwrap()
}

/// Returns whether each of the broken entries is told, and the hidden one is not.
fn assert_named(told: &str, ending: &str, scenario: &str) {
    for (name, reason) in BROKEN {
        let name = format!("{}{ending}", name.lines().next().unwrap());
        let shown = name.trim_end_matches(ending);
        assert!(told.contains(shown) && told.contains(reason), "{scenario}, {name:?}: {told}");
    }
    assert!(!told.contains(".#noon"), "{scenario}: {told}");
}

#[test]
fn one_bad_entry_of_a_folder_of_spans_costs_itself() {
    let folder = TempDir::new().unwrap();
    let otlp = folder.path().join("otlp");
    fs::create_dir(&otlp).unwrap();
    let object = write(&otlp, "noon", Encoding::Json, &six_failures());
    let store = folder.path().join("store");
    let hour = ingest(&[&object], &store).remove(0).parent().unwrap().to_owned();
    for (scenario, spans, broken, ending) in
        [("OTLP", &otlp, &otlp, ".json"), ("data files", &store, &hour, ".parquet")]
    {
        let _socket = break_folder(broken, ending);
        let ended = fluo(&["eval", "--rules", RULE, "--format", "ndjson", "--spans", text(spans)]);
        assert_eq!(ended.status, 3, "{scenario}: {}", ended.stderr);
        let found = records(&ended.stdout);
        assert_eq!(found.len(), 1, "{scenario}: {}", ended.stdout);
        assert_eq!((&found[0]["starts_at"], &found[0]["partial"]), (&AT_NOON.into(), &true.into()));
        assert_named(&ended.stderr, ending, scenario);
    }
    let again = folder.path().join("again");
    let ended = fluo(&["ingest", text(&otlp), "--format", "json", "--spans", text(&again)]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&summary["spans"], &summary["objects"]), (&6.into(), &6.into()));
    assert_eq!(summary["failed_objects"].as_array().unwrap().len(), 5);
    assert_named(&summary["failed_objects"].to_string(), ".json", "ingest");
}

#[test]
fn one_bad_entry_among_rules_costs_itself() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("good.yml"), "- {name: good, span: {}, condition: count > 5}\n").unwrap();
    let _socket = break_folder(folder.path(), ".yml");
    let ended = fluo(&["check", text(folder.path()), "--format", "json"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let findings: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert!(findings.iter().all(|finding| finding["code"] == "E0113"), "{findings:?}");
    assert_eq!(findings.len(), BROKEN.len());
    assert_named(&ended.stdout, ".yml", "check");
    let human = fluo(&["check", text(folder.path())]);
    assert!(human.stderr.starts_with("1 sound rule in 6 files: 5 errors"), "{}", human.stderr);
}

#[test]
fn a_pipe_that_is_named_is_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let spans = write(folder.path(), "spans", Encoding::Json, &six_failures());
    let piped = |file: &str, arguments: &str| {
        let script = format!("cat '{file}' | '{}' {arguments}", env!("CARGO_BIN_EXE_fluo"));
        Program::new("sh").run(&["-c", &script])
    };
    let checked = piped(RULE, "check /dev/stdin");
    assert_eq!(checked.status, 0, "{}", checked.stderr);
    assert!(checked.stderr.starts_with("1 sound rule in 1 file"), "{}", checked.stderr);
    let expected = ndjson(RULE, &[&spans]);
    assert_eq!(records(&expected).len(), 1);
    let spans = text(&spans);
    let ended = piped(spans, &format!("eval --rules {RULE} --format ndjson --spans /dev/stdin"));
    assert_eq!((ended.status, &ended.stdout), (0, &expected), "{}", ended.stderr);
    let ended = piped(RULE, &format!("eval --rules /dev/stdin --format ndjson --spans '{spans}'"));
    assert_eq!((ended.status, &ended.stdout), (0, &expected), "{}", ended.stderr);
}

#[test]
fn a_test_file_that_cannot_be_read_does_not_stop_the_others() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("good.yml"), "- {name: good, span: {}, condition: count > 5}\n").unwrap();
    let test = "rules: [good.yml]\ntests:\n  - {name: quiet, until: 30m, spans: [], expect: []}\n";
    fs::write(folder.path().join("good.test.yml"), test).unwrap();
    symlink("nowhere", folder.path().join("gone.test.yml")).unwrap();
    let ended = fluo(&["test", text(folder.path())]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("gone.test.yml"), "{}", ended.stderr);
    assert!(ended.stdout.contains("1 of 1 tests passed"), "{}\n{}", ended.stdout, ended.stderr);
}

/// A rule file goes, and a link that leads nowhere is in its place, as while it is edited: its rules go on.
#[test]
fn rules_of_a_file_that_cannot_be_read_any_more_go_on() {
    let deployment = Deployment::with_incident();
    assert_eq!(deployment.events(), ["firing"]);
    let rules = deployment.path("rules");
    let file = fs::read_dir(&rules).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    deployment.tick("12:03:00").expect(0);
    assert_eq!(deployment.events(), ["firing", "rule_error"]);
    deployment.arrive("after", 330, &[success(325)]);
    deployment.tick("12:06:00").expect(0);
    assert_eq!(deployment.events(), ["firing", "rule_error", "resolved"], "its last good text judges on");
}

/// A folder that is not there, as of a volume that is not mounted, or an empty one: the watch goes on, and says so.
#[test]
fn rules_whose_folder_is_gone_or_empty_go_on() {
    for is_there in [false, true] {
        let deployment = Deployment::with_incident();
        let rules = deployment.path("rules");
        fs::remove_dir_all(&rules).unwrap();
        if is_there {
            fs::create_dir(&rules).unwrap();
        }
        deployment.arrive("after", 330, &[success(325)]);
        let ended = deployment.tick("12:06:00");
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains("a rule file does not load"), "{}", ended.stderr);
        assert_eq!(deployment.events(), ["firing", "rule_error", "resolved"], "is there: {is_there}");
    }
}

#[test]
fn texts_that_a_store_keeps_are_no_rules_beside_it() {
    let deployment = crate::deployed::Deployment::with_incident();
    let config = std::fs::read_to_string(deployment.path("fluo.yml")).unwrap();
    assert!(config.contains("rules: [rules]"), "{config}");
    deployment.write("fluo.yml", &config.replace("rules: [rules]", "rules: [.]"));
    assert!(deployment.path("store/state/rules").is_dir());
    let ended = deployment.fluo(&["check", "."]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let ended = deployment.tick("12:10:00");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let events: Vec<_> = deployment.told().iter().map(|told| told["event"].clone()).collect();
    assert!(!events.contains(&serde_json::json!("rule_error")), "{events:?}");
}
