//! The rules that the demo judges, and the alarms that it compares them with: text that is part of the program.

use std::sync::Arc;

use fluo_plan::RulePlan;
use fluo_rules::{SourceFile, load, render};

use fluo_alerts::escape::chain;

use crate::error::DemoError;

/// A rule file below the demo's folder.
pub(crate) struct RuleFile {
    /// Relative to the demo's folder.
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

/// The rule that the story is about comes first; the second has nothing to tell of this story, and must not.
pub(crate) const RULES: [RuleFile; 4] = [
    RuleFile { path: "rules/auth-failures.yml", text: include_str!("../../../rules/auth/auth-failures.yml") },
    RuleFile {
        path: "rules/server-error-burst.yml",
        text: include_str!("../../../rules/http/server-error-burst.yml"),
    },
    RuleFile {
        path: "rules/payment-without-fraud-check.yml",
        text: include_str!("../../../rules/payments/payment-without-fraud-check.yml"),
    },
    RuleFile { path: "rules/latency-will-cross-its-limit.yml", text: include_str!("leak.yml") },
];

/// The rule about whole traces.
pub(crate) const UNCHECKED: &str = "payment-without-fraud-check";

/// The rule that looks ahead.
pub(crate) const AHEAD: &str = "latency-will-cross-its-limit";

/// The alarms that a dashboard would have.
pub(crate) const ALARMS: [RuleFile; 1] =
    [RuleFile { path: "comparison/error-rate-alarms.yml", text: include_str!("error-rate-alarms.yml") }];

/// The limit of which the rule that looks ahead warns, as an alarm.
pub(crate) const LIMIT: [RuleFile; 1] =
    [RuleFile { path: "comparison/latency-alarm.yml", text: include_str!("latency-limit.yml") }];

/// Rule files as they are loaded.
pub(crate) fn sources(files: &[RuleFile]) -> Vec<SourceFile> {
    files.iter().map(|file| SourceFile::new(file.path, file.text)).collect()
}

/// Loads and plans rule files.
pub(crate) fn planned(files: &[RuleFile]) -> Result<Vec<RulePlan>, DemoError> {
    let files = sources(files);
    let loaded = load(&files);
    if loaded.is_partial() {
        let findings = render::human::render(&loaded.findings, &files, false);
        return Err(DemoError::because("the demo's own rules do not load", findings));
    }
    loaded
        .rules
        .into_iter()
        .map(|rule| {
            let name = rule.name.clone();
            RulePlan::new(Arc::new(rule))
                .map_err(|error| DemoError::because(format!("could not plan `{name}`"), chain(&error)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_told_by_the_rule_that_it_is_about() {
        let rules = planned(&RULES).unwrap();
        assert_eq!(rules[0].rule().name, "AuthFailuresRule");
        assert!(rules[0].judging().is_exact(), "reported at once");
        assert_eq!([&rules[2].rule().name, &rules[3].rule().name], [UNCHECKED, AHEAD]);
        assert_eq!((planned(&ALARMS).unwrap().len(), planned(&LIMIT).unwrap().len()), (2, 1));
    }
}
