//! Rule files, to plans.

use std::sync::Arc;

use fluo_plan::{RulePlan, sql, words};
use fluo_rules::rule::Rule;
use fluo_rules::standalone::standalone_all;
use fluo_rules::{SourceFile, load};
use fluo_spans::layout::Layout;

use super::words::YAML_WORDS;
use crate::target::{Form, Target};

/// The most rules of a file that are looked at one by one.
const MOST_RULES: usize = 8;

pub(crate) const TARGET: Target = Target {
    name: "rules",
    form: Form::Text,
    run: |input| {
        let mut rules = load(&[SourceFile::new("rules.yml", input)]).rules;
        rules.truncate(MOST_RULES);
        for (text, rule) in standalone_all(&rules).into_iter().zip(rules) {
            look_at(rule, &text);
        }
    },
    seeds: &["rules", "docs/examples", "crates/rules/tests/bad"],
    endings: &[".yml"],
    examples: &[],
    words: YAML_WORDS,
};

/// A rule that loads loads again from its own text, and has a plan or a reason why not.
fn look_at(rule: Rule, text: &str) {
    let again = load(&[SourceFile::new("alone.yml", text)]);
    // An objective is two rules.
    let same = again.rules.iter().find(|again| again.name == rule.name);
    let Some(same) = same else { panic!("a rule's own text does not load: {text}\n{:?}", again.findings) };
    assert_eq!(same.source.hash, rule.source.hash, "a rule's own text is another rule: {text}");
    let layout = Layout::builtin();
    if let Ok(plan) = RulePlan::new(Arc::new(rule)) {
        drop(words(&plan, &layout));
        drop(sql::statement(&plan, &layout));
    }
}
