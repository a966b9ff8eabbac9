//! The rule library.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use fluo_rules::files::is_rule_file;
use fluo_rules::{SourceFile, load};
use fluo_tests::files::files_below;
use fluo_tests::program::repository;
use tempfile::TempDir;

use crate::fluo;

/// The rule files below a folder, without their tests.
pub(crate) fn rule_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder).unwrap();
    files.retain(|file| is_rule_file(file.file_name().unwrap().to_str().unwrap()));
    files
}

/// The names of the library's rules, in the order of its files.
pub(crate) fn rule_names() -> Vec<String> {
    let files = rule_files(&repository().join("rules"));
    let rules = files
        .iter()
        .flat_map(|file| load(&[SourceFile::new(file.to_str().unwrap(), fs::read(file).unwrap())]).rules);
    rules.map(|rule| rule.name).collect()
}

#[test]
fn every_file_loads_without_a_finding() {
    let files = rule_files(&repository().join("rules"));
    assert!(files.len() >= 20, "the library has {} files", files.len());
    for file in &files {
        let ended = fluo(&["check", file.to_str().unwrap(), "--format", "json"]);
        assert_eq!((ended.status, ended.stdout.trim_end()), (0, "[]"), "{}", file.display());
    }
}

#[test]
fn all_of_it_together_is_sound() {
    let ended = fluo(&["check", "rules"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, ""));
    let names = rule_names();
    let rules_and_tests = files_below(&repository().join("rules")).unwrap();
    let is_yaml = |name: &&PathBuf| name.extension().is_some_and(|extension| extension == "yml");
    let files = rules_and_tests.iter().filter(is_yaml).count();
    let (rules, rest) = ended.stderr.split_once(", ").unwrap();
    assert_eq!(rules, format!("{} sound rules", names.len()));
    let told = format!(" sound tests in {files} files: 0 errors, 0 warnings\n");
    assert!(rest.ends_with(&told), "{}", ended.stderr);
}

#[test]
fn every_rule_tells_its_reader_what_and_what_to_do() {
    let mut names = BTreeSet::new();
    for file in rule_files(&repository().join("rules")) {
        let text = fs::read_to_string(&file).unwrap();
        // The origin is kept as it was.
        if file.ends_with("auth/auth-failures.yml") {
            continue;
        }
        for key in ["description:", "severity:", "summary:", "next_steps:"] {
            // An objective is of two severities by itself.
            if key == "severity:" && text.contains("slo:") {
                continue;
            }
            assert!(text.contains(key), "{} has no {key}", file.display());
        }
        assert!(names.insert(file.file_name().unwrap().to_owned()), "two files {}", file.display());
    }
}

/// Ten minutes of a shop that works, all that the store has: what is usual in it, or new to it, nobody knows yet. Then it is
/// silent, and that is told.
#[test]
fn in_a_store_of_ten_minutes_no_rule_alerts_because_it_is_new() {
    let spans = [
        ("frontend", "server", "GET /", 2),
        ("frontend", "client", "POST checkout", 4),
        ("checkout", "server", "POST /checkout", 4),
        ("checkout", "client", "SELECT orders", 4),
        ("payment", "server", "charge", 6),
        ("accounting", "consumer", "orders process", 10),
    ];
    let folder = TempDir::new().unwrap();
    let mut test = String::from("rules:\n");
    for (number, file) in rule_files(&repository().join("rules")).iter().enumerate() {
        fs::copy(file, folder.path().join(format!("{number}.yml"))).unwrap();
        writeln!(test, "  - {number}.yml").unwrap();
    }
    test += "tests:\n  - name: ten minutes\n    until: 30m\n    spans:\n";
    for (service, kind, name, every) in spans {
        writeln!(
            test,
            "      - {{at: 0s..10m, every: {every}s, service_name: {service}, kind: {kind}, name: {name}, \
             duration: 40ms, attributes: {{server.address: {service}-db, http.response.status_code: 200, \
             messaging.destination.name: orders}}}}"
        )
        .unwrap();
    }
    test += "    expect:\n";
    for name in rule_names() {
        for at in ["2m", "6m", "9m59s"] {
            writeln!(test, "      - {{rule: {name}, at: {at}, state: inactive}}").unwrap();
        }
    }
    test += "      - {rule: order-consumer-silence, at: 22m, state: firing}\n      \
             - {rule: service-fell-silent, at: 22m, group: {service_name: frontend}, state: firing}\n";
    let file = folder.path().join("new.test.yml");
    fs::write(&file, test).unwrap();
    let ended = fluo(&["test", file.to_str().unwrap()]);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
}
