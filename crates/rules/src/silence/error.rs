//! The reason for which a silence cannot be.

/// The reason for which a silence cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// Occurs when there is no matcher, so that everything would be silent.
    #[error("a silence needs a matcher: without one, nobody would be told of anything")]
    NoMatcher,
    /// Occurs when `until` is not after `from`.
    #[error("`until` must come after `from`")]
    Backwards,
    /// Occurs when the comment is empty.
    #[error("a silence says why, in `comment`")]
    NoComment,
    /// Occurs when a part cannot be read.
    #[error("{0}")]
    Unreadable(String),
}
