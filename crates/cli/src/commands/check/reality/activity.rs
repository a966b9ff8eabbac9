//! The times that each rule fired over stored spans, and what it reads.

use fluo_engine::{
    Asked, EngineError, Range, Reads, Sampled, SessionContext, SpanSource, judge, moments, reads,
};
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::{Code, Finding};
use fluo_rules::rule::Rule;
use fluo_time::range::joined;
use fluo_time::{Nanos, TimeRange};

use super::differs::of_rule;
use super::length;

/// A rule that holds for this part of the time says nothing.
const NEARLY_ALWAYS: f64 = 0.95;

/// So many windows must have been judged before that can be said.
const FEW_WINDOWS: i64 = 5;

/// The activity of a rule over the spans.
pub(in crate::commands::check) struct Activity {
    pub(in crate::commands::check) rule: String,
    /// The spans that it is about; none of a query, of which that is not known.
    pub(in crate::commands::check) spans: Option<u64>,
    /// The number of times that it fired; none where it could not be judged.
    pub(in crate::commands::check) fired: Option<usize>,
    /// The part of the time in which it held.
    pub(in crate::commands::check) held: f64,
    pub(in crate::commands::check) reads: Reads,
    /// The time that was judged is long enough to say that it always fires.
    is_long: bool,
}

/// Judges rules once over all spans.
pub(super) async fn look(
    session: &SessionContext,
    source: &SpanSource,
    plans: &[RulePlan],
    sampled: &[Option<Sampled>],
    within: TimeRange,
) -> Result<Vec<Activity>, EngineError> {
    let asked: Vec<Asked<'_>> = plans
        .iter()
        .map(|plan| Asked::new(plan, moments(plan, source, Range::default()).into_iter().collect()))
        .collect();
    let judged = judge(session, source, &asked).await?;
    let all: Vec<&RulePlan> = plans.iter().collect();
    let reads = reads(source, &all, within).await?;
    let mut activity = Vec::new();
    for (((asked, violations), sampled), reads) in asked.iter().zip(judged.rules).zip(sampled).zip(reads) {
        let rule = asked.plan.rule();
        // On the grid, each moment stands for the step up to the next.
        let step = if asked.plan.judging().is_exact() { 0 } else { rule.grid_step().0 };
        let judged_for: i64 = asked.stretches.iter().map(|stretch| judged_for(*stretch, step)).sum();
        let violations = match violations {
            Ok(violations) => Some(violations),
            Err(error) if error.is_of_rule() => None,
            Err(error) => return Err(error),
        };
        let holding = violations.iter().flatten();
        let holding = joined(holding.map(|violation| TimeRange {
            from: violation.starts_at,
            to: violation.ends_at.saturating_add(step),
        }));
        let held: i64 = holding.into_iter().map(length).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let held = if judged_for > 0 { held as f64 / judged_for as f64 } else { 0.0 };
        activity.push(Activity {
            rule: rule.name.clone(),
            spans: sampled.map(|sampled| sampled.spans),
            fired: violations.map(|violations| violations.len()),
            held,
            reads,
            is_long: judged_for >= FEW_WINDOWS.saturating_mul(rule.window.0.max(Nanos::MINUTE.0)),
        });
    }
    Ok(activity)
}

/// The time that the moments of a stretch stand for, in nanoseconds. `step`: their distance, or none.
fn judged_for(stretch: TimeRange, step: i64) -> i64 {
    if step == 0 {
        return length(stretch);
    }
    let first = stretch.from.saturating_add(step - 1).div_euclid(step);
    (stretch.to.div_euclid(step) - first + 1).saturating_mul(step)
}

impl Activity {
    /// The finding about a rule that holds nearly all the time.
    pub(super) fn finding(&self, rule: &Rule) -> Option<Finding> {
        (self.is_long && self.held >= NEARLY_ALWAYS).then(|| {
            let message =
                format!("its condition held for {:.0} % of the time over these spans", self.held * 100.0);
            of_rule(
                rule,
                Code::AlwaysFires,
                message,
                "an alert that always fires tells nothing: look at its limit",
            )
        })
    }
}
