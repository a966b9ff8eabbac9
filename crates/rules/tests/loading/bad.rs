//! Files that are wrong, one mistake each: `tests/bad/<what_is_wrong>.bad.yml`, and beside it, in
//! `<what_is_wrong>.txt`, all that a person is told. Files `<what_is_wrong>.2.bad.yml` are loaded together with
//! the first.
//!
//! `FLUO_BLESS=1 cargo test -p fluo-rules` rewrites the texts; look at the difference before committing it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fluo_rules::render::human;
use fluo_rules::{SourceFile, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

#[test]
fn every_bad_file_is_told_as_written_beside_it() {
    let mut cases: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
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
    assert!(cases.len() > 40, "the folder of bad files was not found: {} cases", cases.len());
    let mut differing = Vec::new();
    for (case, files) in &cases {
        let loaded = load(files);
        let told = human::render(&loaded.findings, files, false);
        assert!(!loaded.findings.is_empty(), "{case}: nothing is wrong");
        let path = folder().join(format!("{case}.txt"));
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
}
