//! The faults of data files that cannot be read: two classes that lead to different things.
//!
//! A request that failed proves nothing of the file: it is asked for again, however often. What was read and cannot be
//! right proves that the file is damaged: the same bytes are read no better next time.

use std::error::Error;
use std::sync::Arc;

use object_store::path::Path;

/// The reasons why a data file cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FileFault {
    /// Occurs when a request for it fails, whatever its status, or when it is not of the length that was listed.
    #[error("`{location}` cannot be read now")]
    Unavailable {
        /// The file.
        location: Path,
        /// The error that was seen instead of its bytes.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// Occurs when what was read of it cannot be right.
    #[error("`{location}` is damaged")]
    Corrupt {
        /// The file.
        location: Path,
        /// The error: what is wrong with it.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// Occurs when it is sound, and not of spans in a form that is known.
    #[error("`{location}` holds no spans")]
    Foreign {
        /// The file.
        location: Path,
        /// The error: what it holds, or lacks.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl FileFault {
    /// A request for `location` failed.
    pub fn unavailable(location: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { location: location.clone(), source: Arc::from(source.into()) }
    }

    /// Returns the fault of `location`, of which something was read that cannot be right: the fault that lies behind
    /// the error, where there is one.
    pub fn corrupt(location: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        match Self::behind(source.as_ref()) {
            Some(fault) => fault.clone(),
            None => Self::Corrupt { location: location.clone(), source: Arc::from(source) },
        }
    }

    /// Returns the fault of `location`, which does not hold spans.
    pub fn foreign(location: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Foreign { location: location.clone(), source: Arc::from(source.into()) }
    }

    /// The fault of a file that lies behind an error which passed through libraries.
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        errors(error).find_map(|error| error.downcast_ref())
    }

    /// The same fault of another file: one that cannot be read without this one.
    #[must_use]
    pub fn of(self, file: &Path) -> Self {
        let location = file.clone();
        match self {
            // What is gone is the other, and this one cannot be read for good.
            Self::Unavailable { source, .. } if errors(source.as_ref()).any(is_missing) => {
                Self::Corrupt { location, source }
            }
            Self::Unavailable { source, .. } => Self::Unavailable { location, source },
            Self::Corrupt { source, .. } => Self::Corrupt { location, source },
            Self::Foreign { source, .. } => Self::Foreign { location, source },
        }
    }

    /// The file.
    pub fn location(&self) -> &Path {
        match self {
            Self::Unavailable { location, .. }
            | Self::Corrupt { location, .. }
            | Self::Foreign { location, .. } => location,
        }
    }

    /// Returns the reason, without the name of the file.
    pub fn reason(&self) -> &(dyn Error + Send + Sync + 'static) {
        match self {
            Self::Unavailable { source, .. }
            | Self::Corrupt { source, .. }
            | Self::Foreign { source, .. } => source.as_ref(),
        }
    }

    /// Returns whether there is no such file.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unavailable { source, .. } if errors(source.as_ref()).any(is_missing))
    }

    /// Returns whether nothing is known of the file: it is to be asked for again.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Returns whether an error says that there is no such object.
fn is_missing(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }))
}

/// Returns the fault of a file, with all that lies behind it, in one line.
pub(crate) fn in_words(fault: &FileFault) -> String {
    errors(fault.reason()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An error and those behind it. The crates of Parquet and DataFusion keep errors of others in boxes that their `source`
/// opens.
fn errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
