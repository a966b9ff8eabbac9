//! Silences.

use std::collections::BTreeMap;

use fluo_rules::{SourceFile, silence};

use super::words::YAML_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "silences",
    form: Form::Text,
    run: |input| {
        let loaded = silence::load(&[SourceFile::new("silences.yml", input)]);
        let labels =
            BTreeMap::from([("rule".to_owned(), "a".to_owned()), ("team".to_owned(), "b".to_owned())]);
        for silence in &loaded.silences {
            // Both are answers.
            std::hint::black_box(silence.matches(&labels));
            for at in [i64::MIN, 0, 1_795_345_491_200_000_000, i64::MAX] {
                std::hint::black_box(silence.active(at));
            }
        }
    },
    seeds: &["crates/rules/tests/bad_silences"],
    endings: &[".yml"],
    examples: &[
        "- comment: deploys\n  matchers: [rule=~\"Auth.*\", team!=payments]\n  weekly: {days: [sat, sun], from: '02:00', to: '04:00', timezone: Europe/Berlin}\n",
        "- matchers: [severity=warning]\n  starts: 2026-11-22T00:00:00Z\n  ends: 2026-11-23T00:00:00Z\n",
    ],
    words: YAML_WORDS,
};
