//! `fluo.yml`.

use fluo_evaluator::Config;
use fluo_evaluator::config::Loading;
use fluo_rules::{SourceFile, render};

use super::words::YAML_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "config",
    form: Form::Text,
    run: |input| {
        let Loading { config, checked } = Config::load(&SourceFile::new("fluo.yml", input));
        drop(config.map(|config| config.settings()));
        // What is told of it, of a text in which secrets are masked.
        drop(render::human::render(&checked.findings, &[checked.shown()], false));
    },
    seeds: &["docs/examples/fluo.yml", "crates/rules/tests/bad_configs"],
    endings: &[".yml"],
    examples: &[
        "store: s3://bucket/prefix\nrules: [rules]\nevery: 1m\nsinks:\n  - {kind: slack, url: 'https://user:secret@h/x'}\n",
        "store: store\nrules: [a, b]\nsinks:\n- kind: pagerduty\n  routing_key: ${KEY}\n  severity: [critical]\n",
    ],
    words: YAML_WORDS,
};
