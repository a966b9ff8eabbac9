//! Rules against what stored spans are: names, attributes and values that never occur, and conditions that always hold.
//!
//! Findings are mistakes that the spans show. A rule of which nothing occurs at all is about another system, as many of a
//! library are: that is no finding, and stands in the table of figures.
//!
//! | part | input → output |
//! | --- | --- |
//! | `known` | what operations' spans carry → which services, names, attributes, values there are |
//! | `matching` | a selection, an operation → whether a span of it may be selected |
//! | `terms` | a selection → what it names |
//! | `differs` | a selection, what is known → findings |
//! | `activity` | rules, spans → how often each fired, what it reads |
//! | `place` | a rule, a word of it → where it stands |

mod activity;
mod differs;
mod known;
mod matching;
mod place;
mod rule;
mod terms;

use std::path::PathBuf;
use std::sync::Arc;

use fluo_engine::{EngineError, SpanSource, session};
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::Finding;
use fluo_rules::rule::Rule;
use fluo_suggest::{Depth, Look, Pass};
use fluo_time::TimeRange;

use super::sampling;
use crate::commands::suggest::{unlearned, visited};
use crate::exit::Failure;
use crate::spans;
pub(super) use activity::Activity;
use known::Known;
pub(super) use place::place_of;

const COULD_NOT_COMPARE: &str =
    "could not compare the services, names, attributes and values of rules with these spans";

/// The result of holding rules against stored spans.
pub(super) struct Reality {
    pub(super) findings: Vec<Finding>,
    /// By rule, the number of times that it fired, and what it reads.
    pub(super) activity: Vec<Activity>,
    /// All of the spans could be read.
    pub(super) is_whole: bool,
    /// The reason why rules were not compared with what operations there are, where they were not.
    pub(super) uncompared: Option<Failure>,
}

/// Holds rules against the spans of some paths.
pub(super) async fn against_spans(rules: &[Rule], paths: &[PathBuf]) -> Result<Reality, Failure> {
    let mut spans = spans::open(paths).await?;
    let session = session();
    // What cannot be planned is told by whoever evaluates it.
    let plans: Vec<RulePlan> = rules
        .iter()
        .filter(|rule| rule.enabled)
        .flat_map(|rule| RulePlan::new(Arc::new(rule.clone())))
        .collect();
    let Some(within) = spans.source.ends() else {
        let is_whole = !spans.incomplete;
        return Ok(Reality { findings: Vec::new(), activity: Vec::new(), is_whole, uncompared: None });
    };
    let look = async |source: &SpanSource| -> Result<_, EngineError> {
        let look = Look { attributes: Some(Depth::Values), traces: None, within };
        let pass = Pass::of(visited(&session, source, look).await?, None);
        let sampled = sampling::look(&session, source, &plans).await?;
        let activity = activity::look(&session, source, &plans, &sampled, within).await?;
        Ok((pass, sampled, activity))
    };
    let found = spans.without_faulty(look).await;
    let (pass, sampled, activity) =
        found.map_err(|error| Failure::because("could not read the spans", error))?;
    let (known, uncompared) = match &pass {
        Ok(pass) => (Some(Known::of(&pass.operations, &pass.profiles)), None),
        Err(error) => (None, Some(unlearned(COULD_NOT_COMPARE, error))),
    };
    let mut findings = sampling::findings(&plans, sampled);
    for (plan, activity) in plans.iter().zip(&activity) {
        let differences = known.as_ref().map_or_else(Vec::new, |known| rule::differences(plan.rule(), known));
        // What differs explains why it always fires.
        findings.extend(activity.finding(plan.rule()).filter(|_| differences.is_empty()));
        findings.extend(differences);
    }
    Ok(Reality { findings, activity, is_whole: !spans.incomplete, uncompared })
}

/// The length of a range, in nanoseconds.
fn length(range: TimeRange) -> i64 {
    range.to.saturating_sub(range.from)
}
