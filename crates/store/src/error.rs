//! What can fail in the store, and what the edge should do about it.

use fluo_spans::batch::BatchError;
use fluo_spans::error::DecodeError;
use object_store::path::Path;
use parquet::errors::ParquetError;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may succeed later: try again.
    Retry,
    /// The input can never be read: put it into quarantine and go on.
    Permanent,
    /// Ours to fix.
    Bug,
}

/// Why something in the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Occurs when the store refuses or fails a request.
    #[error("could not {action} `{location}`")]
    Request {
        /// What was tried: a verb.
        action: &'static str,
        /// On what.
        location: Path,
        /// Why not.
        source: object_store::Error,
    },
    /// Occurs when a raw object cannot be read as spans at all.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Occurs when spans do not fit into a batch.
    #[error("could not turn spans into columns")]
    Batch(#[from] BatchError),
    /// Occurs when the Parquet library refuses a batch.
    #[error("could not write Parquet")]
    Parquet(#[from] ParquetError),
    /// Occurs when a data file is damaged, or no Parquet at all.
    #[error("`{location}` is not readable as Parquet")]
    Unreadable {
        /// Which.
        location: Path,
        /// Why.
        source: ParquetError,
    },
    /// Occurs when a Parquet file does not hold spans as fluo writes them.
    #[error("`{location}` is Parquet, but not of spans as fluo writes them")]
    NotSpans {
        /// Which.
        location: Path,
    },
    /// Occurs when a data file of a span that ended before 1970 is to be named. Decoding lets none through.
    #[error("no data file can be named for an end of {end_ns} ns")]
    EndOutOfRange {
        /// Nanoseconds since the epoch.
        end_ns: i64,
    },
    /// Occurs when the thread that encodes was stopped, as a runtime that shuts down does.
    #[error("encoding was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl StoreError {
    /// What the edge should do.
    pub fn class(&self) -> Class {
        use object_store::Error as E;
        match self {
            Self::Request { source, .. } => match source {
                E::NotFound { .. } => Class::Permanent,
                E::InvalidPath { .. } | E::NotSupported { .. } | E::NotImplemented { .. } => Class::Bug,
                // Missing permissions among them: they are the deployment's fault, not the object's, and
                // must not send good objects into quarantine.
                _ => Class::Retry,
            },
            Self::Decode(_) | Self::Unreadable { .. } | Self::NotSpans { .. } => Class::Permanent,
            Self::Interrupted(source) if source.is_cancelled() => Class::Retry,
            Self::Batch(_) | Self::Parquet(_) | Self::EndOutOfRange { .. } | Self::Interrupted(_) => {
                Class::Bug
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let request = |source| StoreError::Request { action: "read", location: Path::from("x"), source };
        let path = || "x".to_owned();
        let cause = || "because".into();
        let cases = [
            (request(object_store::Error::NotFound { path: path(), source: cause() }), Class::Permanent),
            (request(object_store::Error::PermissionDenied { path: path(), source: cause() }), Class::Retry),
            (request(object_store::Error::Generic { store: "S3", source: cause() }), Class::Retry),
            (request(object_store::Error::NotSupported { source: cause() }), Class::Bug),
            (StoreError::Decode(DecodeError::TooLarge { limit: 1 }), Class::Permanent),
            (StoreError::Batch(BatchError::TooLarge { bytes: 1 }), Class::Bug),
            (StoreError::EndOutOfRange { end_ns: -1 }, Class::Bug),
        ];
        for (error, class) in cases {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
