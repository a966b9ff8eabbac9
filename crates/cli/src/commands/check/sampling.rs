//! Rules against stored spans that sampling left others out of.

use std::path::PathBuf;
use std::sync::Arc;

use fluo_engine::{LeftOut, Sampled, SpanSource, sampled, session, without_faulty};
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::{Code, Finding, Place};
use fluo_rules::position::Lines;
use fluo_rules::rule::{AggregateFunction, Rule, Sampling};

use crate::exit::Failure;
use crate::spans;

/// The findings about rules over the spans of some paths.
pub(super) async fn against_spans(rules: Vec<Rule>, paths: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
    let mut spans = spans::open(paths).await?;
    // A query counts what it says: nothing is known of it.
    let asked = rules.into_iter().filter(|rule| rule.enabled && rule.sql().is_none());
    let plans = asked.map(|rule| RulePlan::new(Arc::new(rule)));
    // What cannot be planned is told by whoever evaluates it.
    let plans: Vec<RulePlan> = plans.flatten().collect();
    let asked: Vec<&RulePlan> = plans.iter().collect();
    let session = session();
    let mut left_out = Vec::new();
    let look = async |source: &SpanSource| sampled(&session, source, &asked).await;
    let found = without_faulty(&mut spans.source, &mut left_out, look)
        .await
        .map_err(|error| Failure::because("could not read the spans", error))?;
    for LeftOut { fault, .. } in &left_out {
        spans.left_out(fault);
    }
    Ok(plans.iter().zip(found).filter_map(|(plan, sampled)| finding(plan.rule(), sampled)).collect())
}

fn finding(rule: &Rule, found: Sampled) -> Option<Finding> {
    let Sampled { spans, standing, traces, incomplete } = found;
    let (code, message, hint) = if rule.trace().is_some() {
        let message = format!("of {incomplete} of {traces} traces that it looks at, a parent is missing");
        let hint = "what is missing cannot be found in them: keep traces as a whole, or none of their spans";
        (incomplete > 0).then_some((Code::PartsMissing, message, hint))?
    } else {
        let message =
            format!("{standing} of {spans} spans that it is about stand for others that sampling left out");
        let hint = if rule.objective().is_some() {
            "the share that failed is right where spans that failed are kept as often as others"
        } else {
            "with `sampling: adjusted` each counts as often as one in so many was kept"
        };
        let counts_stored = rule.sampling == Sampling::Stored && adjusts(rule);
        (standing > 0 && counts_stored).then_some((Code::SampledAsStored, message, hint))?
    };
    Some(Finding { code, message, place: place_of(rule), hint: Some(hint.into()), related: Vec::new() })
}

/// Returns whether its condition names a number that sampling makes smaller, or another.
fn adjusts(rule: &Rule) -> bool {
    let is_of_stored = |function: &AggregateFunction| {
        use AggregateFunction::{CountDistinct, Max, Min};
        matches!(function, CountDistinct(_) | Min(_) | Max(_))
    };
    let named = rule.condition.aggregates();
    rule.objective().is_some()
        || named.into_iter().filter_map(|name| rule.aggregate(name)).any(|of| !is_of_stored(&of.function))
}

/// The first line of a rule.
fn place_of(rule: &Rule) -> Place {
    let source = &rule.source;
    let text = &source.text;
    let line = text.get(source.range.clone()).and_then(|rule| rule.lines().next()).unwrap_or_default();
    let bytes = source.range.start..source.range.start + line.len();
    let lines = Lines::of(text);
    let (start, end) = (lines.position(text, bytes.start), lines.position(text, bytes.end));
    Place { file: Arc::clone(&source.file), bytes, start, end }
}
