//! The examples of tests and silences in the manual. Those of rules are run through the program (`tests/it/docs.rs`).

use std::fs;
use std::path::Path;

use fluo_rules::schema;
use fluo_rules::{SourceFile, silence, test_file};

use crate::schema::validity_in;

/// The fenced blocks of a kind in `docs/tests.md`.
fn blocks(kind: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tests.md");
    let text = fs::read_to_string(page).unwrap();
    let fence = format!("```yaml {kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn tests_that_are_shown_are_sound() {
    let blocks = blocks("test");
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for text in blocks {
        let loaded = test_file::load(&[SourceFile::new("shown.test.yml", text.as_str())]);
        assert_eq!((loaded.findings, loaded.tests.len()), (vec![], 1), "{text}");
        let instance = serde_yaml::from_str(&text).unwrap();
        assert_eq!(validity_in(&schema::test_files(), &instance), None, "{text}");
    }
}

#[test]
fn silences_that_are_shown_are_sound() {
    let blocks = blocks("silences");
    assert!(!blocks.is_empty());
    for text in blocks {
        let loaded = silence::load(&[SourceFile::new("silences.yml", text.as_str())]);
        assert_eq!((loaded.findings, loaded.silences.is_empty()), (vec![], false), "{text}");
        let instance = serde_yaml::from_str(&text).unwrap();
        assert_eq!(validity_in(&schema::silences(), &instance), None, "{text}");
    }
}

#[test]
fn every_key_is_in_the_manual() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tests.md")).unwrap();
    for schema in [schema::test_files(), schema::silences()] {
        let root: serde_json::Value = serde_json::from_str(&schema).unwrap();
        for (name, definition) in root["$defs"].as_object().unwrap() {
            for key in definition["properties"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                let told = [format!("`{key}`"), format!("{key}:"), format!("{{{key}, "), format!(", {key}")];
                assert!(told.iter().any(|spelling| page.contains(spelling)), "{name}.{key}");
            }
        }
    }
}
