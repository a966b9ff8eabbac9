//! The reasons for which a tick could not do its work.

use fluo_store::StoreError;
use fluo_time::moment;

use crate::state::StateError;

/// The reason for which a tick could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Occurs when an evaluation is asked for of a time that has not come: it would leave nothing to be evaluated until
    /// then.
    #[error(
        "{} has not come: it is {}. An evaluation of it would leave all evaluations until then undone",
        moment::format(*eval_time),
        moment::format(*now)
    )]
    Future {
        /// The time that was asked for.
        eval_time: i64,
        /// The time that it is.
        now: i64,
    },
    /// Occurs when the state is replaced under every attempt: more evaluators than one are at work without end.
    #[error("the state was replaced by others {0} times in a row")]
    Contended(u32),
}
