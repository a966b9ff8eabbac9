//! The pairs of rows that the joins of a query look at: a bound of its work that is the same on every machine.
//!
//! A join of two windows of a million spans looks at 10¹² pairs where nothing of them must be equal. What it looks at is
//! counted by a part of its own condition, so that pairs count whether or not they come out of it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Join, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    lit,
};

/// The most pairs that the joins of one query look at, of one window.
pub const MOST_PAIRS: u64 = 50_000_000;

/// More pairs than a query may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its joins look at more than {MOST_PAIRS} pairs of rows")]
pub struct TooManyPairs;

/// A plan whose joins count the pairs that they look at, and end it where these are too many.
///
/// # Errors
///
/// Those of making the plan anew.
pub fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let count = Count { pairs: Arc::default(), signature: Signature::any(1, Volatility::Volatile) };
    let count = ScalarUDF::new_from_impl(count);
    let node = |node: LogicalPlan| {
        let LogicalPlan::Join(join) = node else { return Ok(Transformed::no(node)) };
        let filter = join.filter.clone().unwrap_or_else(|| lit(true));
        let filter = Some(count.call(vec![filter]));
        Ok(Transformed::yes(LogicalPlan::Join(Join { filter, ..join })))
    };
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

#[derive(Debug)]
struct Count {
    pairs: Arc<AtomicU64>,
    signature: Signature,
}

impl PartialEq for Count {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pairs, &other.pairs)
    }
}

impl Eq for Count {}

impl Hash for Count {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.pairs).hash(state);
    }
}

impl ScalarUDFImpl for Count {
    fn name(&self) -> &'static str {
        "counted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows as u64;
        let before = self.pairs.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) > MOST_PAIRS {
            return Err(DataFusionError::External(Box::new(TooManyPairs)));
        }
        Ok(arguments.args.swap_remove(0))
    }
}
