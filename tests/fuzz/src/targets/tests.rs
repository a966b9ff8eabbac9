//! Files of rule tests.

use fluo_rules::{SourceFile, test_file};

use super::words::YAML_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "tests",
    form: Form::Text,
    run: |input| drop(test_file::load(&[SourceFile::new("rules.test.yml", input)])),
    seeds: &["rules", "crates/rules/tests/bad_tests"],
    endings: &[".test.yml", ".bad.yml"],
    examples: &[],
    words: YAML_WORDS,
};
