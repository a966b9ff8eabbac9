//! The errors of evaluating rules.

use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use fluo_plan::PlanError;
use fluo_plan::query::pairs::TooManyPairs;
use fluo_spans::batch::BatchError;
use fluo_store::FileFault;
use fluo_store::guard::Panic;

/// One rule could not be evaluated; others are not touched by it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Occurs when a rule cannot be planned.
    #[error("the rule could not be planned")]
    Plan(#[from] PlanError),
    /// Occurs when a rule needs more memory than it may have. It is not judged then.
    #[error("it needs more memory than its budget: narrow `window`, or group by fewer keys")]
    Memory(#[source] Box<DataFusionError>),
    /// Occurs when a second look at the spans finds others than the first: files were changed or removed meanwhile.
    #[error("spans changed while they were read: {0} that were there are gone")]
    Changed(&'static str),
    /// Occurs when a data file cannot be read: [`crate::faults`] judges without it.
    #[error("a data file cannot be read")]
    File(#[source] FileFault),
    /// Occurs when something panics while a rule is judged, in no file that is read: a bug.
    #[error("judging it failed in a way that should not be possible")]
    Panic(#[from] Panic),
    /// Occurs when the pass over the spans fails, which judges all rules together.
    #[error(transparent)]
    Pass(Arc<EngineError>),
    /// Occurs when a thread that reads spans ends early.
    #[error("a thread that reads spans ended early")]
    Thread(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Occurs when a plan fails while it runs.
    #[error("the query failed")]
    Query(#[source] Box<DataFusionError>),
    /// Occurs when a rule's own query fails while it runs. The rule is not judged then.
    #[error("the query of the rule failed")]
    Sql(#[source] Box<DataFusionError>),
    /// Occurs when the joins of a rule's query look at too many pairs of rows. The rule is not judged then.
    #[error("the query of the rule does too much: narrow `window`, or join on what is equal")]
    TooManyPairs(#[source] TooManyPairs),
    /// Occurs when a rule's query gives too many rows of a window. The rule is not judged then.
    #[error("the query of the rule gives more than {limit} rows: group them, or select fewer")]
    TooManyRows {
        /// The limit.
        limit: usize,
    },
    /// Occurs when columns cannot be put together.
    #[error("the rows could not be put together")]
    Rows(#[from] ArrowError),
    /// Occurs when stored spans cannot be read back.
    #[error("spans could not be read back")]
    Spans(#[from] BatchError),
    /// Occurs when a rule has more groups than its `group_limit`. It is not judged then.
    #[error("more than {limit} groups: raise `group_limit`, or group by fewer keys")]
    GroupOverflow {
        /// The rule's limit.
        limit: u32,
    },
    /// Occurs when a span lies in too many windows. The rule is not judged then.
    #[error("a span lies in more than {limit} windows: widen `every`, or narrow `window`")]
    TooManyWindows {
        /// The limit.
        limit: i64,
    },
    /// Occurs when a grid has too many moments in the range. The rule is not judged then.
    #[error("more than {limit} moments to judge: widen `every`, or narrow the range")]
    TooManyMoments {
        /// The limit.
        limit: i64,
    },
    /// Occurs when steps of a sequence that are tied to each other are too many in a trace. The rule is not judged then.
    #[error(
        "a trace has too many spans for a sequence whose steps are tied to each other: select fewer, or tie fewer"
    )]
    Entangled,
    /// Occurs when a rule looks further back than one look reads. It is not judged then: what was read is kept, and the
    /// next look goes on from there.
    #[error("more of its past has to be read first")]
    Behind,
    /// Occurs when a column is missing or of another type than planned.
    #[error("column `{0}` is missing or of another type than planned")]
    Column(String),
}

impl EngineError {
    /// Returns whether it is of one rule, and others are judged all the same.
    pub fn is_of_rule(&self) -> bool {
        matches!(
            self,
            Self::Plan(_)
                | Self::Memory(_)
                | Self::GroupOverflow { .. }
                | Self::TooManyWindows { .. }
                | Self::TooManyMoments { .. }
                | Self::Entangled
                | Self::Sql(_)
                | Self::TooManyPairs(_)
                | Self::TooManyRows { .. }
                | Self::Behind
        )
    }
}

impl From<DataFusionError> for EngineError {
    fn from(source: DataFusionError) -> Self {
        if let Some(fault) = FileFault::behind(&source) {
            return Self::File(fault.clone());
        }
        match source.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory(Box::new(source)),
            _ => Self::Query(Box::new(source)),
        }
    }
}
