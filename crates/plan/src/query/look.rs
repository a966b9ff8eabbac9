//! The last look at the plan of a query before it runs: it reads one table, and calls what gives the same for the same.

use datafusion::common::TableReference;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use fluo_rules::sql::TABLE;

use super::Refused;
use super::provider::ALLOWED;
use crate::error::PlanError;

/// Refuses a plan that has anything in it but what is listed here.
pub(super) fn look(plan: &LogicalPlan) -> Result<(), PlanError> {
    let mut found: Option<String> = None;
    plan.apply_with_subqueries(|node| {
        if let Some(what) = beyond(node) {
            found = Some(what);
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Some(what) = beyond_of_expression(expr) {
                    found = Some(what);
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    match found {
        Some(what) => {
            Err(Refused { message: format!("{what} is not allowed in the query of a rule"), place: None }
                .into())
        }
        None => Ok(()),
    }
}

/// A node of a plan that is not allowed.
fn beyond(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::TableScan(scan) => {
            let is_table = scan.table_name == TableReference::bare(TABLE);
            (!is_table).then(|| format!("the table `{}`", scan.table_name))
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_) => None,
        LogicalPlan::Repartition(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => Some(format!("`{}`", node.display())),
    }
}

/// An expression that is not allowed, by itself.
fn beyond_of_expression(expr: &Expr) -> Option<String> {
    let function = |is_allowed: bool, name: &str| (!is_allowed).then(|| format!("the function `{name}`"));
    match expr {
        Expr::ScalarFunction(call) => function(ALLOWED.has_scalar(&call.func), call.func.name()),
        Expr::AggregateFunction(call) => function(ALLOWED.has_aggregate(&call.func), call.func.name()),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(of) => function(ALLOWED.has_aggregate(of), of.name()),
            WindowFunctionDefinition::WindowUDF(of) => function(ALLOWED.has_window(of), of.name()),
        },
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::Literal(..)
        | Expr::BinaryExpr(_)
        | Expr::Like(_)
        | Expr::Not(_)
        | Expr::IsNotNull(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Negative(_)
        | Expr::Between(_)
        | Expr::Case(_)
        | Expr::Cast(_)
        | Expr::TryCast(_)
        | Expr::InList(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::ScalarSubquery(_)
        | Expr::OuterReferenceColumn(..) => None,
        // Variables, placeholders, lambdas, what makes rows of arrays, and whatever comes with another version.
        _ => Some(format!("`{expr}`")),
    }
}
