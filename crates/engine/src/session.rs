//! The DataFusion session that spans are read in, and its expressions.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with the settings that fluo's plans are made for.
pub fn session() -> SessionContext {
    SessionContext::new_with_config(config())
}

/// A session whose passes may use `bytes` of memory together.
///
/// The pool does not see all of what a query uses: leave the process twice as much.
pub fn session_with_memory(bytes: usize) -> SessionContext {
    let limited = RuntimeEnv { memory_pool: Arc::new(GreedyMemoryPool::new(bytes)), ..RuntimeEnv::default() };
    SessionContext::new_with_config_rt(config(), Arc::new(limited))
}

/// An expression as batches with these columns are put to it.
pub(crate) fn physical(
    session: &SessionContext,
    expr: Expr,
    schema: &DFSchema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
    session.create_physical_expr(expr, schema)
}

fn config() -> SessionConfig {
    SessionConfig::new()
        .with_information_schema(false)
        // The check compares what DataFusion's two planners think of nullability, where they disagree now and then;
        // the results are the same.
        .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true)
        // Text columns are dictionaries; views would undo that.
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
}
