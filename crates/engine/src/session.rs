//! The DataFusion session that spans are read in.

use std::sync::Arc;

use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::expressions::Expressions;

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
