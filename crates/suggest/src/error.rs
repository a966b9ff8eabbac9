//! The errors of learning.

/// The reasons why nothing could be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// Occurs when a batch does not have a column, or has it with another type.
    #[error("there is no column `{0}` of the type that spans have")]
    Column(String),
    /// Occurs when spans have more different names than can be told apart, as where names hold ids.
    #[error(
        "there are more than {limit} different operations, so that names of spans seem to hold ids: of {example}"
    )]
    TooManyOperations {
        /// The limit.
        limit: usize,
        /// The services with most of them.
        example: String,
    },
}
