//! Rules that are a query: the text that was checked → a plan that reads one table.
//!
//! | stage | input → output | where |
//! | --- | --- | --- |
//! | adapt | tree → the same, with the bounds of the window as calls, and no division that fails | `adapt` |
//! | plan | tree, table → logical plan, of one table and the functions of a list | `provider` |
//! | look | logical plan → the same, or what it must not have in it | `look` |
//! | optimize | logical plan → the same, planned once for all windows | this file |
//! | bind | optimized plan, window, table → a plan to run | `bound` |
//! | count | plan to run → the same, whose joins count the pairs that they look at | [`pairs`] |
//!
//! The loader has checked the text by a list of what is allowed (`fluo_rules::sql`), the planner knows nothing else, and
//! the plan is looked at once more: a query reads the spans of its window, and nothing else.

mod adapt;
mod bound;
mod functions;
mod look;
pub mod pairs;
mod provider;
mod table;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerContext};
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use fluo_rules::sql::{SqlRule, Unit, statement};
use fluo_time::TimeRange;

use crate::error::PlanError;
use provider::OneTable;
pub use table::{columns_of_spans, table_schema};

/// A query that was checked and has a plan.
#[derive(Debug, Clone)]
pub struct Query {
    /// Optimized. The bounds of the window are open in it.
    plan: LogicalPlan,
    /// The columns of the table that it reads.
    reads: BTreeSet<String>,
}

/// The reason why a query has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The reason.
    pub message: String,
    /// Its place in the text of the query, as lines and columns from 1; none where it is of the whole.
    pub place: Option<Range<(u64, u64)>>,
}

impl Query {
    /// Plans a checked query.
    ///
    /// # Errors
    ///
    /// [`PlanError::Query`], where the planner refuses it.
    pub fn new(rule: &SqlRule) -> Result<Self, PlanError> {
        let Some(statement) = statement(&rule.text) else {
            return Err(PlanError::Misplaced(rule.text.clone()));
        };
        let refused = |error: DataFusionError| PlanError::from(refused(&error));
        let provider = OneTable::new(Arc::new(Blank));
        let options = ParserOptions { collect_spans: true, ..ParserOptions::default() };
        let planner = SqlToRel::new_with_options(&provider, options);
        let plan = planner.sql_statement_to_plan(adapt::adapted(statement)).map_err(refused)?;
        look::look(&plan)?;
        let plan = bound::with_open_bounds(plan)?;
        let plan =
            Analyzer::new().execute_and_check(plan, &ConfigOptions::default(), |_, _| {}).map_err(refused)?;
        agrees(&plan, rule)?;
        let context = OptimizerContext::new().with_skip_failing_rules(false);
        let plan = Optimizer::new().optimize(plan, &context, |_, _| {}).map_err(refused)?;
        Ok(Self { reads: columns_read(&plan)?, plan })
    }

    /// The columns of the table `spans` that it reads.
    pub fn reads(&self) -> &BTreeSet<String> {
        &self.reads
    }

    /// Its optimized plan, for people.
    pub fn describe(&self) -> String {
        self.plan.display_indent().to_string()
    }

    /// The plan of the query over a table with the columns of [`table_schema`], whose spans ended in a window: from the
    /// moment before it, to that at which it ends.
    ///
    /// # Errors
    ///
    /// [`PlanError::Query`], where it would read anything else.
    pub fn over(&self, table: &Arc<dyn TableSource>, window: TimeRange) -> Result<LogicalPlan, PlanError> {
        bound::bound(self.plan.clone(), table, window)
    }
}

/// The table, before there is one. It filters nothing by itself, as that of a window.
#[derive(Debug)]
struct Blank;

impl TableSource for Blank {
    fn schema(&self) -> SchemaRef {
        table_schema()
    }
}

/// Returns what the planner says, in one line, and where.
fn refused(error: &DataFusionError) -> Refused {
    let diagnostic = error.diagnostic();
    let place = diagnostic
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| (span.start.line, span.start.column)..(span.end.line, span.end.column));
    let message =
        diagnostic.map_or_else(|| error.find_root().message().into_owned(), |it| it.message.clone());
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Refused { message: message.join(" "), place }
}

/// Refuses a plan whose rows are not what the loader took them for.
fn agrees(plan: &LogicalPlan, rule: &SqlRule) -> Result<(), PlanError> {
    let fields = plan.schema().fields();
    let refused = |message: String| PlanError::from(Refused { message, place: None });
    if fields.len() != rule.columns.len() {
        return Err(refused(format!(
            "it gives {} columns, and {} are known",
            fields.len(),
            rule.columns.len()
        )));
    }
    for (field, column) in fields.iter().zip(&rule.columns) {
        if *field.name() != column.name {
            return Err(refused(format!("it calls `{}` what is known as `{}`", field.name(), column.name)));
        }
        if unit(field.data_type()) != Some(column.unit) {
            let (name, data_type) = (&column.name, field.data_type());
            let message =
                format!("the column `{name}` is of the type {data_type}: say by CAST what it is to be");
            return Err(refused(message));
        }
    }
    Ok(())
}

/// Returns the unit of values of a type.
fn unit(data_type: &DataType) -> Option<Unit> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Unit::Text),
        DataType::Dictionary(_, of) => unit(of),
        DataType::Duration(_) | DataType::Interval(_) => Some(Unit::Duration),
        DataType::Timestamp(..) => Some(Unit::Moment),
        data_type if data_type.is_integer() || data_type.is_floating() => Some(Unit::Number),
        _ => None,
    }
}

/// The columns of the table that are left in an optimized plan.
fn columns_read(plan: &LogicalPlan) -> Result<BTreeSet<String>, PlanError> {
    let mut reads = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            reads.extend(scan.projected_schema.fields().iter().map(|field| field.name().clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads)
}

#[cfg(test)]
mod tests;
