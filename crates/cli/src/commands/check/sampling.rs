//! Rules against stored spans that sampling left others out of.

use fluo_engine::{EngineError, Sampled, SessionContext, SpanSource, sampled};
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::{Code, Finding};
use fluo_rules::rule::{AggregateFunction, Rule, Sampling};

use super::reality::place_of;

/// Of one trace in so many parts may be missing: where stored spans begin and end, some traces are cut.
const FEW: u64 = 100;

/// Looks at the spans that rules are about. Nothing is known of a query, which counts what it says.
pub(super) async fn look(
    session: &SessionContext,
    source: &SpanSource,
    plans: &[RulePlan],
) -> Result<Vec<Option<Sampled>>, EngineError> {
    let asked: Vec<&RulePlan> = plans.iter().filter(|plan| plan.rule().sql().is_none()).collect();
    let mut found = sampled(session, source, &asked).await?.into_iter();
    Ok(plans.iter().map(|plan| if plan.rule().sql().is_none() { found.next() } else { None }).collect())
}

/// The findings about rules, by what was found of each.
pub(super) fn findings(plans: &[RulePlan], found: Vec<Option<Sampled>>) -> Vec<Finding> {
    plans.iter().zip(found).filter_map(|(plan, sampled)| finding(plan.rule(), sampled?)).collect()
}

fn finding(rule: &Rule, found: Sampled) -> Option<Finding> {
    let Sampled { spans, standing, traces, incomplete } = found;
    let (code, message, hint) = if rule.trace().is_some() {
        let message = format!("of {incomplete} of {traces} traces that it looks at, a parent is missing");
        let hint = "what is missing cannot be found in them: keep traces as a whole, or none of their spans";
        (incomplete > traces / FEW).then_some((Code::PartsMissing, message, hint))?
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
