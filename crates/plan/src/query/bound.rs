//! The window of a query: open while it is planned, once for all; bound when it runs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ParamValues, Result, ScalarValue, TableReference};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, TableSource};
use fluo_rules::sql::{TABLE, WINDOW_END, WINDOW_START};
use fluo_spans::schema::time_type;
use fluo_time::TimeRange;

use super::Refused;
use super::functions::{END, START};
use crate::error::PlanError;

/// A plan in which the bounds are what is still to be said: a constant that nobody knows yet.
pub(super) fn with_open_bounds(plan: LogicalPlan) -> Result<LogicalPlan> {
    let open = |expr: Expr| {
        let bound = match &expr {
            Expr::ScalarFunction(call) if call.func.name() == START => WINDOW_START,
            Expr::ScalarFunction(call) if call.func.name() == END => WINDOW_END,
            _ => return Ok(Transformed::no(expr)),
        };
        let field = Arc::new(Field::new(bound, time_type(), true));
        Ok(Transformed::yes(Expr::Placeholder(Placeholder::new_with_field(bound.to_owned(), Some(field)))))
    };
    let node = |node: LogicalPlan| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(open)?.update_data(|expr| name.restore(expr)))
        })
    };
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

/// A plan that reads a table of the spans that ended in `(window.from, window.to]`.
pub(super) fn bound(
    plan: LogicalPlan,
    table: &Arc<dyn TableSource>,
    window: TimeRange,
) -> std::result::Result<LogicalPlan, PlanError> {
    let moment = |at: i64| {
        ScalarAndMetadata::new(ScalarValue::TimestampNanosecond(Some(at), Some("UTC".into())), None)
    };
    let name = |bound: &str| bound.trim_start_matches('$').to_owned();
    let bounds =
        HashMap::from([(name(WINDOW_START), moment(window.from)), (name(WINDOW_END), moment(window.to))]);
    let plan = plan.replace_params_with_values(&ParamValues::Map(bounds))?;
    let mut other = None;
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) if scan.table_name == TableReference::bare(TABLE) => {
            let scan = TableScan { source: Arc::clone(table), ..scan };
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        LogicalPlan::TableScan(scan) => {
            other = Some(scan.table_name.to_string());
            Ok(Transformed::no(LogicalPlan::TableScan(scan)))
        }
        node => Ok(Transformed::no(node)),
    })?;
    match other {
        Some(other) => Err(Refused { message: format!("it reads `{other}`"), place: None }.into()),
        None => Ok(plan.data),
    }
}
