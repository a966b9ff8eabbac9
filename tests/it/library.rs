//! The rule library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fluo_rules::files::is_rule_file;
use fluo_tests::files::files_below;
use fluo_tests::program::repository;

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
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts
        .flat_map(|text| {
            let names = text.lines().filter_map(|line| line.strip_prefix("- name: "));
            names.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
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
            assert!(text.contains(key), "{} has no {key}", file.display());
        }
        assert!(names.insert(file.file_name().unwrap().to_owned()), "two files {}", file.display());
    }
}
