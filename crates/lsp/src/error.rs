//! The reasons why the server ends before it is asked to.

/// A failure of the connection.
#[derive(Debug, thiserror::Error)]
pub enum LspError {
    /// Occurs when the client breaks the protocol before the server has started.
    #[error("the client did not begin as the protocol says: {0}")]
    Start(#[from] lsp_server::ProtocolError),
    /// Occurs when the client sends what it should send first, and it cannot be read.
    #[error("the client's `initialize` cannot be read: {0}")]
    Initialize(#[source] serde_json::Error),
    /// Occurs when the client goes away without a word.
    #[error("the client ended the connection before it sent `exit`")]
    Closed,
    /// Occurs when an answer cannot be written as JSON.
    #[error("an answer cannot be written: {0}")]
    Answer(#[source] serde_json::Error),
}
