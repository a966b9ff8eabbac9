//! A rule's value against its threshold over time, as the engine sees it: for charts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use fluo_engine::{EngineError, SpanSource};
use fluo_plan::{RulePlan, TimeRange, row};
use fluo_rules::duration::Nanos;
use fluo_rules::expr::{Expr, ExprKind};
use fluo_rules::matcher::Value;
use fluo_rules::rule::Rule;

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
    let threshold = threshold(&rule.condition.expr).unwrap_or(0.0);
    let mut points = run(session, &plan, source, moments, threshold).await.map_err(failed)?;
    points.sort_by_key(|point| point.at);
    Ok(Series { threshold, points })
}

async fn run(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    moments: TimeRange,
    threshold: f64,
) -> Result<Vec<Point>, EngineError> {
    let judged = source.judged(plan, moments)?;
    let column = |name: &str| EngineError::Column(name.to_owned());
    let mut points = Vec::new();
    for batch in session.execute_logical_plan(judged).await?.collect().await? {
        let find = |name: &str| batch.column_by_name(name).ok_or_else(|| column(name));
        let moments =
            find(row::MOMENT)?.as_primitive_opt::<Int64Type>().ok_or_else(|| column(row::MOMENT))?;
        let excess =
            find(row::EXCESS)?.as_primitive_opt::<Float64Type>().ok_or_else(|| column(row::EXCESS))?;
        let holds = find(row::HOLDS)?.as_boolean_opt().ok_or_else(|| column(row::HOLDS))?;
        points.extend((0..batch.num_rows()).map(|at| Point {
            at: moments.value(at),
            value: excess.is_valid(at).then(|| excess.value(at) + threshold),
            holds: holds.is_valid(at) && holds.value(at),
        }));
    }
    Ok(points)
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
