//! The reasons for which the story could not be told.

use std::error::Error;
use std::path::PathBuf;

/// The reason for which there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Occurs when a file is where the demo's folder should be.
    #[error("`{}` is a file", .0.display())]
    NoFolder(PathBuf),
    /// Occurs when the folder holds what no demo left there.
    #[error("`{}` is not empty, and not of a former demo", .0.display())]
    NotEmpty(PathBuf),
    /// Occurs when something that the story needs fails.
    #[error("{tried}")]
    Failed {
        /// The attempt that failed.
        tried: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl DemoError {
    /// Something was tried, and failed.
    pub(crate) fn because(tried: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { tried: tried.into(), source: source.into() }
    }
}
