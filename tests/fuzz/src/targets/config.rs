//! `fluo.yml`.

use fluo_evaluator::Config;

use super::YAML_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "config",
    form: Form::Text,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(config) = Config::parse(&text) {
            drop(config.settings());
        }
    },
    seeds: &["docs/examples/fluo.yml"],
    endings: &[".yml"],
    examples: &[
        "store: s3://bucket/prefix\nrules: [rules]\nevery: 1m\nsinks:\n  - {kind: slack, url: 'https://user:secret@h/x'}\n",
        "store: store\nrules: [a, b]\nsinks:\n- kind: pagerduty\n  routing_key: ${KEY}\n  severity: [critical]\n",
    ],
    words: YAML_WORDS,
};
