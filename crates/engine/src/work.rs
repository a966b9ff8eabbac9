//! What a rule may use.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::prelude::SessionContext;

use crate::error::EngineError;

/// Memory of one rule in a pass, shared by its threads. What all rules use together is bounded by the session, and one
/// rule may use half of it: it is out before the others are.
#[derive(Debug)]
pub(crate) struct Budget {
    reservation: MemoryReservation,
    most: usize,
}

impl Budget {
    /// Of the rule of this name.
    pub(crate) fn new(session: &SessionContext, name: &str) -> Self {
        let pool = Arc::clone(&session.runtime_env().memory_pool);
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / 2,
            _ => usize::MAX,
        };
        Self { reservation: MemoryConsumer::new(name).register(&pool), most }
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    ///
    /// [`EngineError::Memory`] where they are too many.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), EngineError> {
        if self.reservation.size().saturating_add(bytes) > self.most {
            let reason = format!("a rule may use {} bytes", self.most);
            return Err(DataFusionError::ResourcesExhausted(reason).into());
        }
        Ok(self.reservation.try_grow(bytes)?)
    }
}
