//! A rule's value against its threshold over time, as the engine sees it: for charts.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fluo_engine::{EngineError, SpanSource};
use fluo_plan::RulePlan;
use fluo_rules::expr::{Expr, ExprKind};
use fluo_rules::matcher::Value;
use fluo_rules::rule::Rule;
use fluo_time::{Nanos, TimeRange};

use crate::error::DemoError;

/// The left side of a condition's first comparison, over the window that ends at each moment.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The right side.
    pub(crate) threshold: f64,
    /// In order of time.
    pub(crate) points: Vec<Point>,
}

/// One moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Nanoseconds since the epoch.
    pub(crate) at: i64,
    /// `None` where there is no value: a share of nothing.
    pub(crate) value: Option<f64>,
    /// True if the whole condition held.
    pub(crate) holds: bool,
}

impl Series {
    /// The highest value at the moments in `(after, to]`.
    pub(crate) fn highest(&self, after: i64, to: i64) -> Option<f64> {
        let within = self.points.iter().filter(|point| point.at > after && point.at <= to);
        within.filter_map(|point| point.value).reduce(f64::max)
    }

    /// The first moment at which the condition held.
    pub(crate) fn first_holding(&self) -> Option<i64> {
        self.points.iter().find(|point| point.holds).map(|point| point.at)
    }
}

/// The values of an ungrouped rule at every multiple of `step` within `moments`.
pub(crate) async fn series(
    session: &SessionContext,
    rule: &Rule,
    step: Nanos,
    source: &SpanSource,
    moments: TimeRange,
) -> Result<Series, DemoError> {
    let failed = |error: EngineError| DemoError::because(format!("could not chart `{}`", rule.name), error);
    // On a grid, every moment is given; judged at its spans, only those at which the condition holds.
    let on_grid = Rule { every: Some(step), ..rule.clone() };
    let plan = RulePlan::new(Arc::new(on_grid)).map_err(|error| failed(error.into()))?;
    let threshold = threshold(&rule.condition.highest().condition.expr).unwrap_or(0.0);
    let points = fluo_engine::series(session, &plan, source, moments).await.map_err(failed)?;
    let point = |point: fluo_engine::Point| Point {
        at: point.moment,
        value: point.excess.map(|excess| excess + threshold),
        holds: point.holds,
    };
    Ok(Series { threshold, points: points.into_iter().map(point).collect() })
}

/// The constant on the right of the first comparison.
fn threshold(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Compare(_, _, right) => match &right.kind {
            ExprKind::Literal(Value::Number(number)) => Some(number.as_f64()),
            _ => None,
        },
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            threshold(left).or_else(|| threshold(right))
        }
        ExprKind::Not(inner) => threshold(inner),
        _ => None,
    }
}
