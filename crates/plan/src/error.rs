//! The errors of planning a checked rule.

use datafusion::error::DataFusionError;

use crate::query::Refused;

/// Planning failed. None of these is the rule author's mistake: those are findings of the loader.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Occurs when a pattern that was checked at load does not compile.
    #[error("the pattern `{pattern}` does not compile")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The reason why.
        #[source]
        source: Box<regex::Error>,
    },
    /// Occurs when a checked expression has a form that its place does not allow.
    #[error("`{0}` cannot stand here")]
    Misplaced(String),
    /// Occurs when one SQL statement is asked for of a rule that has none.
    #[error("{0} has no form in SQL")]
    NotInSql(&'static str),
    /// Occurs when the planner refuses a query.
    #[error("the query cannot be planned")]
    Query(#[from] Refused),
    /// Occurs when DataFusion refuses a plan.
    #[error("DataFusion refused the plan")]
    DataFusion(#[from] Box<DataFusionError>),
}

impl From<DataFusionError> for PlanError {
    fn from(source: DataFusionError) -> Self {
        Self::DataFusion(Box::new(source))
    }
}
