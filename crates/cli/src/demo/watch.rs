//! The evaluator's minutes: what has arrived, what each rule makes of it, and whom to tell.
//!
//! As in production (docs/evaluation): an evaluation every minute, over the files that are there by then. Rules that
//! no later span can take back look up to the minute itself, all others up to the watermark. An alert is told once,
//! and resolves at the first watermark that is `gap` and `keep_firing_for` behind the last holding moment.

use datafusion::prelude::SessionContext;
use fluo_alerts::template::Renderer;
use fluo_alerts::violation::Violation;
use fluo_engine::{Range, SpanSource, evaluate, record};
use fluo_plan::RulePlan;
use fluo_rules::duration::Nanos;

use super::bucket::Bucket;
use super::collector::Object;
use crate::exit::Failure;

/// Distance of the watermark behind an evaluation.
pub(crate) const EVAL_DELAY: Nanos = Nanos::MINUTE;

/// One evaluation.
#[derive(Debug)]
pub(crate) struct Minute {
    /// Its moment, in nanoseconds since the epoch.
    pub(crate) at: i64,
    /// Objects and spans that arrived since the one before.
    pub(crate) objects: usize,
    pub(crate) spans: u64,
}

/// What people are told, once.
#[derive(Debug)]
pub(crate) struct Alert {
    /// As it was told: what was known then.
    pub(crate) violation: Violation,
    pub(crate) told_at: i64,
    pub(crate) resolved_at: Option<i64>,
    /// The last holding moment known by now.
    ends_at: i64,
}

/// Everything that was seen.
pub(crate) struct Watched {
    pub(crate) minutes: Vec<Minute>,
    /// In the order in which they were told.
    pub(crate) alerts: Vec<Alert>,
}

/// Lets the minutes go by: `objects` arrive as they were written, and every rule is evaluated.
pub(crate) async fn watch(
    session: &SessionContext,
    rules: &[RulePlan],
    bucket: &mut Bucket,
    objects: &[Object],
    (start, minutes): (i64, i64),
) -> Result<Watched, Failure> {
    let mut watched = Watched { minutes: Vec::new(), alerts: Vec::new() };
    let mut left = objects;
    for minute in 1..=minutes {
        let at = start + minute * Nanos::MINUTE.0;
        let (arrived, later) = left.split_at(left.partition_point(|object| object.written() <= at));
        left = later;
        let spans = bucket.receive(arrived).await?;
        watched.minutes.push(Minute { at, objects: arrived.len(), spans });
        for plan in rules {
            evaluate_at(session, plan, bucket, (start, at), &mut watched.alerts).await?;
        }
    }
    Ok(watched)
}

/// One rule at one minute.
async fn evaluate_at(
    session: &SessionContext,
    plan: &RulePlan,
    bucket: &Bucket,
    (start, at): (i64, i64),
    alerts: &mut Vec<Alert>,
) -> Result<(), Failure> {
    let rule = plan.rule();
    let watermark = at - rule.eval_delay.unwrap_or(EVAL_DELAY).0;
    let to = if plan.judging().is_exact() { at } else { watermark };
    // Nothing is judged again behind what is still open, or what a late span may still touch: the lateness of this
    // simulation is known. Windows that begin before the first span would be taken for silence.
    let open = alerts.iter().filter(|alert| alert.violation.rule == rule.name && alert.resolved_at.is_none());
    let open_since = open.map(|alert| alert.violation.starts_at).min();
    let recent = to - 2 * Nanos::MINUTE.0 - rule.window.0;
    let first = start + if plan.judging().is_exact() { 0 } else { rule.window.0 };
    let from = open_since.unwrap_or(recent).min(recent).max(first);
    if from <= to {
        let source = bucket.source(from - rule.window.0);
        let range = Range { from: Some(from), to: Some(to) };
        for violation in violations(session, plan, &source, range).await? {
            told(alerts, violation, plan, at);
        }
    }
    let closes = plan.gap().0 + rule.keep_firing_for.0;
    for alert in alerts.iter_mut().filter(|alert| alert.violation.rule == rule.name) {
        if alert.resolved_at.is_none() && watermark >= alert.ends_at + closes {
            alert.resolved_at = Some(at);
        }
    }
    Ok(())
}

/// Tells of a violation unless it has been told of.
fn told(alerts: &mut Vec<Alert>, violation: Violation, plan: &RulePlan, at: i64) {
    let rule = plan.rule();
    let reach = plan.gap().0 + rule.keep_firing_for.0;
    let known = alerts.iter_mut().find(|alert| {
        alert.violation.fingerprint == violation.fingerprint && violation.starts_at < alert.ends_at + reach
    });
    let ends_at = violation.ends_at;
    match known {
        Some(alert) => alert.ends_at = alert.ends_at.max(ends_at),
        None if ends_at - violation.starts_at >= rule.hold_for.0 => {
            alerts.push(Alert { violation, told_at: at, resolved_at: None, ends_at });
        }
        // Pending: `for` has not run out.
        None => {}
    }
}

/// All violations of a rule in a range.
pub(crate) async fn violations(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    range: Range,
) -> Result<Vec<Violation>, Failure> {
    let rule = plan.rule();
    let outcome = evaluate(session, plan, source, range)
        .await
        .map_err(|error| Failure::because(format!("could not judge `{}`", rule.name), error))?;
    let renderer = Renderer::new(None);
    outcome
        .violations
        .iter()
        .map(|observed| match record::violation(rule, observed, &renderer) {
            (violation, None) => Ok(violation),
            (_, Some(reason)) => {
                Err(Failure::because(format!("the summary of `{}` could not be rendered", rule.name), reason))
            }
        })
        .collect()
}
