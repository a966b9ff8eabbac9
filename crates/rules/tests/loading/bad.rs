//! Files that are wrong, one mistake each: `tests/bad/<what_is_wrong>.bad.yml`, and beside it, in
//! `<what_is_wrong>.txt`, all that a person is told. Files `<what_is_wrong>.2.bad.yml` are loaded together with
//! the first, and so are the tables in CSV that they name. The same for test files in `tests/bad_tests`, for silences in `tests/bad_silences`, and for `fluo.yml` in
//! `tests/bad_configs`.
//!
//! `FLUO_BLESS=1 cargo test -p fluo-rules` rewrites the texts; look at the difference before committing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluo_rules::code::Code;
use fluo_rules::diagnostic::Finding;
use fluo_rules::render::human;
use fluo_rules::{SourceFile, config, load, silence, tables_named, test_file};

/// Returns the findings in files that are loaded together, and the files as they are shown where that differs.
type Find = fn(&[SourceFile]) -> (Vec<Finding>, Option<Vec<SourceFile>>);

/// Loads every case of a folder, and gives the codes that were found.
fn check(folder: &str, at_least: usize, find: Find) -> BTreeSet<Code> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut cases: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    // `x.2.bad.yml` sorts before `x.bad.yml`, and belongs behind it.
    paths.sort_by_key(|path| path.file_name().unwrap().to_str().unwrap().matches('.').count());
    for path in &paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(stem) = name.strip_suffix(".bad.yml") {
            let case = stem.split('.').next().unwrap().to_owned();
            cases.entry(case).or_default().push(SourceFile::new(name, fs::read(path).unwrap()));
        }
    }
    for files in cases.values_mut() {
        let tables = tables_named(files).into_iter().filter_map(|name| {
            let content = fs::read(folder.join(&name)).ok()?;
            Some(SourceFile::new(name, content))
        });
        files.extend(tables.collect::<Vec<_>>());
    }
    assert!(cases.len() >= at_least, "{} was not found: {} cases", folder.display(), cases.len());
    let mut differing = Vec::new();
    let mut codes = BTreeSet::new();
    for (case, files) in &cases {
        let (findings, shown) = find(files);
        let told = human::render(&findings, shown.as_ref().unwrap_or(files), false);
        assert!(!findings.is_empty(), "{case}: nothing is wrong");
        codes.extend(findings.iter().map(|finding| finding.code));
        let path = folder.join(format!("{case}.txt"));
        if std::env::var_os("FLUO_BLESS").is_some() {
            fs::write(&path, &told).unwrap();
        } else if fs::read_to_string(&path).ok().as_deref() != Some(told.as_str()) {
            differing.push(format!("── {case}\n{told}"));
        }
    }
    assert!(differing.is_empty(), "told otherwise than written down:\n{}", differing.join("\n"));
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt")) {
        let case = path.file_stem().unwrap().to_str().unwrap();
        assert!(cases.contains_key(case), "{case}.txt belongs to no bad file");
    }
    codes
}

#[test]
fn every_bad_file_is_told_as_written_beside_it() {
    check("bad", 41, |files| {
        let loaded = load(files);
        (loaded.findings, None)
    });
}

#[test]
fn every_bad_test_file_is_told_as_written_beside_it() {
    let codes = check("bad_tests", 10, |files| (test_file::load(files).findings, None));
    assert_all(&codes, '5', &[Code::UnknownExpected, Code::UnknownGroupValue]);
}

#[test]
fn every_bad_silence_is_told_as_written_beside_it() {
    let codes = check("bad_silences", 6, |files| (silence::load(files).findings, None));
    let about_rules = [Code::SilencesNobody, Code::UnknownLabel, Code::UnknownLabelValue, Code::NoRuleHasAll];
    assert_all(&codes, '6', &about_rules);
}

#[test]
fn every_bad_configuration_is_told_as_written_beside_it() {
    let codes = check("bad_configs", 8, |files| {
        let loaded = config::load(&files[0]);
        (loaded.findings.clone(), Some(vec![loaded.shown()]))
    });
    assert_all(&codes, '7', &[Code::UnusableValue, Code::MissingPath, Code::DeafSink]);
}

/// Every code of a hundred is found, except those that need more than the file.
fn assert_all(found: &BTreeSet<Code>, hundred: char, except: &[Code]) {
    let own = Code::ALL.iter().filter(|code| code.as_str().chars().nth(2) == Some(hundred));
    let missing: Vec<_> = own.filter(|code| !found.contains(code) && !except.contains(code)).collect();
    assert!(missing.is_empty(), "no bad file for {missing:?}");
}
