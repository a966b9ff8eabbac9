//! Troubles as states had them before they were one thing: beside what they were troubles of.

use std::collections::BTreeMap;

use fluo_alerts::trouble::{Subject, Trouble, Troubles};
use serde::Deserialize;

#[derive(Deserialize)]
struct Former {
    #[serde(default)]
    file_errors: BTreeMap<String, FormerError>,
    #[serde(default)]
    rules: BTreeMap<String, FormerRule>,
    #[serde(default)]
    pipeline: FormerPipeline,
}

#[derive(Deserialize)]
struct FormerRule {
    #[serde(default)]
    error: Option<FormerError>,
}

#[derive(Deserialize)]
struct FormerError {
    reason: String,
    since: i64,
    told_at: i64,
    told: u64,
}

#[derive(Default, Deserialize)]
struct FormerPipeline {
    #[serde(default)]
    arrived_at: i64,
    #[serde(default)]
    stale: bool,
}

/// Returns the troubles of a state, given as JSON, that has none of its own.
pub(super) fn troubles(json: &[u8]) -> Result<Troubles, serde_json::Error> {
    let Former { file_errors, rules, pipeline } = serde_json::from_slice(json)?;
    let of = |subject: Subject, FormerError { reason, since, told_at, told }: FormerError| Trouble {
        severity: subject.event().default_severity(),
        subject,
        reason,
        since,
        told_at,
        told,
        amount: 0,
        told_to: None,
    };
    let files = file_errors.into_iter().map(|(name, error)| of(Subject::RuleFile(name), error));
    let rules = rules.into_iter().filter_map(|(name, rule)| Some(of(Subject::Rule(name), rule.error?)));
    let stale = pipeline.stale.then(|| {
        let at = pipeline.arrived_at;
        let reason = String::new();
        of(Subject::Pipeline, FormerError { reason, since: at, told_at: at, told: 1 })
    });
    Ok(files.chain(rules).chain(stale).collect())
}
