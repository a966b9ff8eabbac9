//! The evaluator's minutes: what has arrived, what each rule makes of it, and whom to tell.
//!
//! An evaluation every minute, over the files that are there by then. Rules that no later span can take back look up
//! to the minute itself, all others up to the watermark. An alert is told once, and resolves at the first watermark
//! that is `gap` and `keep_firing_for` behind the last holding moment.

use datafusion::prelude::SessionContext;
use fluo_alerts::template::Renderer;
use fluo_alerts::violation::Violation;
use fluo_engine::{Range, SpanSource, evaluate, record};
use fluo_plan::{RulePlan, TimeRange};
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
    /// As it was first seen.
    pub(crate) violation: Violation,
    pub(crate) told_at: i64,
    pub(crate) resolved_at: Option<i64>,
}

/// A violation that is followed from one evaluation to the next.
struct Followed {
    violation: Violation,
    /// The last holding moment known by now.
    ends_at: i64,
    /// `None` while `for` runs.
    told_at: Option<i64>,
    resolved_at: Option<i64>,
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
    let mut seen = Vec::new();
    let mut followed = Vec::new();
    let mut left = objects;
    for minute in 1..=minutes {
        let at = start + minute * Nanos::MINUTE.0;
        let (arrived, later) = left.split_at(left.partition_point(|object| object.written() <= at));
        left = later;
        let arrival = bucket.receive(arrived).await?;
        seen.push(Minute { at, objects: arrived.len(), spans: arrival.spans });
        for plan in rules {
            let moments = moments(plan, at, start, arrival.first_end);
            evaluate_at(session, plan, bucket, moments, at, &mut followed).await?;
        }
    }
    let mut alerts: Vec<Alert> = followed
        .into_iter()
        .filter_map(|Followed { violation, told_at, resolved_at, .. }| {
            Some(Alert { violation, told_at: told_at?, resolved_at })
        })
        .collect();
    alerts.sort_by_key(|alert| alert.told_at);
    Ok(Watched { minutes: seen, alerts })
}

/// The watermark of an evaluation.
fn watermark(plan: &RulePlan, at: i64) -> i64 {
    at - plan.rule().eval_delay.unwrap_or(EVAL_DELAY).0
}

/// The moments that an evaluation judges: those since the one before, and those whose windows the spans that have just
/// arrived touch, of which the first ended at `first_end`. Not before the first whole window of a grid rule: the edge
/// of the data is no silence.
fn moments(plan: &RulePlan, at: i64, start: i64, first_end: Option<i64>) -> TimeRange {
    let (to, first) = if plan.judging().is_exact() {
        (at, start)
    } else {
        (watermark(plan, at), start + plan.rule().window.0)
    };
    let since = to - Nanos::MINUTE.0 + 1;
    TimeRange { from: first_end.map_or(since, |end| end.min(since)).max(first), to }
}

/// One rule at one minute.
async fn evaluate_at(
    session: &SessionContext,
    plan: &RulePlan,
    bucket: &Bucket,
    moments: TimeRange,
    at: i64,
    followed: &mut Vec<Followed>,
) -> Result<(), Failure> {
    let rule = plan.rule();
    if moments.from <= moments.to {
        let source = bucket.source(moments.from - rule.window.0);
        let range = Range { from: Some(moments.from), to: Some(moments.to) };
        for violation in violations(session, plan, &source, range).await? {
            follow(followed, violation, plan);
        }
    }
    let watermark = watermark(plan, at);
    let of_rule = |one: &&mut Followed| one.violation.rule == rule.name && one.resolved_at.is_none();
    for one in followed.iter_mut().filter(of_rule) {
        if one.told_at.is_none() && one.ends_at - one.violation.starts_at >= rule.hold_for.0 {
            one.told_at = Some(at);
        }
        if watermark >= one.ends_at + reach(plan) {
            one.resolved_at = Some(at);
        }
    }
    Ok(())
}

/// How long after its last holding moment an alert still takes in new ones.
fn reach(plan: &RulePlan) -> i64 {
    plan.gap().0 + plan.rule().keep_firing_for.0
}

/// Takes a violation as what goes on, or as a new one.
fn follow(followed: &mut Vec<Followed>, violation: Violation, plan: &RulePlan) {
    let ends_at = violation.ends_at;
    let known = followed.iter_mut().find(|one| {
        one.violation.fingerprint == violation.fingerprint && violation.starts_at <= one.ends_at + reach(plan)
    });
    match known {
        Some(one) => one.ends_at = one.ends_at.max(ends_at),
        None => followed.push(Followed { violation, ends_at, told_at: None, resolved_at: None }),
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
