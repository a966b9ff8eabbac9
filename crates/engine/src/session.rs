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

use crate::pass::Expressions;

/// A session whose passes may use all memory.
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

fn config() -> SessionConfig {
    SessionConfig::new().with_extension(Arc::new(Expressions::default()))
}

/// The expressions that a session keeps. One that was made elsewhere keeps none.
pub(crate) fn expressions(session: &SessionContext) -> Arc<Expressions> {
    session.state_ref().read().config().get_extension().unwrap_or_default()
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
