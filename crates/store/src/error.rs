//! The errors of the store, and what the edge should do about them.

use std::io;
use std::path::PathBuf;

use fluo_spans::batch::BatchError;
use fluo_spans::error::DecodeError;
use object_store::path::Path;
use parquet::errors::ParquetError;

use crate::fault::FileFault;

/// The kind of reaction that an error asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may succeed later: try again.
    Retry,
    /// The input can never be read: put it into quarantine and go on.
    Permanent,
    /// The deployment's to fix, before anything is begun: refuse to start.
    Configuration,
    /// The write may have happened or not, and may even happen yet: read again and look whose bytes are there.
    OutcomeUnknown,
    /// Ours to fix.
    Bug,
}

/// The reasons why something in the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Occurs when the store refuses or fails a request.
    #[error("could not {action} `{location}`")]
    Request {
        /// The action that was tried: a verb.
        action: &'static str,
        /// The object that it was tried on.
        location: Path,
        /// The cause.
        source: object_store::Error,
    },
    /// Occurs when a raw object cannot be read as spans at all.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Occurs when the spans of one raw object ended in more hours than it may make files for.
    #[error("its spans ended in more than {limit} hours, each of which is a file of its own")]
    TooManyHours {
        /// The limit.
        limit: usize,
    },
    /// Occurs when one raw object and its data files take more memory than it may.
    #[error("it takes more memory than the {limit} bytes that one object may, with what is made of it")]
    TooMuchMemory {
        /// The limit.
        limit: u64,
    },
    /// Occurs when spans do not fit into a batch.
    #[error("could not turn spans into columns")]
    Batch(#[from] BatchError),
    /// Occurs when the Parquet library refuses a batch.
    #[error("could not write Parquet")]
    Parquet(#[from] ParquetError),
    /// Occurs when a data file is damaged, or no Parquet at all.
    #[error("`{location}` is not readable as Parquet")]
    Unreadable {
        /// The file.
        location: Path,
        /// The cause.
        source: ParquetError,
    },
    /// Occurs when a Parquet file does not hold spans as fluo writes them.
    #[error("`{location}` is Parquet, but not of spans as fluo writes them")]
    NotSpans {
        /// The file.
        location: Path,
    },
    /// Occurs when a data file of a span that ended before 1970 is to be named. Decoding lets none through.
    #[error("no data file can be named for an end of {end_ns} ns")]
    EndOutOfRange {
        /// Nanoseconds since the epoch.
        end_ns: i64,
    },
    /// Occurs when the thread that encodes, or that works on a folder, was stopped, as a runtime that shuts down
    /// does. A write that it had begun may have happened.
    #[error("work was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// Occurs when a conditional write was sent and no answer says what became of it.
    #[error("it is not known whether `{location}` was replaced")]
    OutcomeUnknown {
        /// The object.
        location: Path,
        /// The error that was seen instead of an answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Occurs when a file or folder of a folder store cannot be read or written.
    #[error("could not {action} `{}`", file.display())]
    File {
        /// The action that was tried: a verb.
        action: &'static str,
        /// The file or folder that it was tried on.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Occurs when another process holds the lock of a folder for longer than any write takes.
    #[error("another process has held `{}` for {seconds} s: is one stopped while it writes?", lock.display())]
    Locked {
        /// The lock's file.
        lock: PathBuf,
        /// The seconds that this process waited.
        seconds: u64,
    },
    /// Occurs when the count of an object's replacements, which a folder keeps beside it, was damaged.
    #[error("`{}` does not hold a number: while no evaluator runs, delete it", file.display())]
    Generation {
        /// The file that should hold it.
        file: PathBuf,
    },
    /// Occurs when a store says of no version what it has stored.
    #[error("the store has no version (ETag) of `{location}`, so that it cannot be replaced conditionally")]
    NoVersion {
        /// The object.
        location: Path,
    },
    /// Occurs when a store accepts a write that it had to refuse, or refuses one that it had to accept.
    #[error(
        "the store does not support conditional writes, without which an alert may be sent twice or lost: {seen}"
    )]
    Unconditional {
        /// The behaviour that was seen.
        seen: &'static str,
    },
    /// Occurs when the root of a store cannot be opened as it is named or configured.
    #[error("could not open `{uri}`: {reason}")]
    NotOpened {
        /// As it was given.
        uri: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// Occurs when a Parquet file does not hold violations as fluo writes them.
    #[error("not violations as fluo writes them: {reason}")]
    NotViolations {
        /// The reason.
        reason: String,
    },
    /// Occurs when a data file that is to be merged cannot be read now.
    #[error(transparent)]
    NotRead(#[from] FileFault),
    /// Occurs when an evaluation record is not text.
    #[error("`{location}` is not UTF-8")]
    NotText {
        /// The object.
        location: Path,
    },
}

impl StoreError {
    /// Returns the reaction that the edge should have.
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
            Self::Decode(_)
            | Self::TooManyHours { .. }
            | Self::TooMuchMemory { .. }
            | Self::Unreadable { .. }
            | Self::NotSpans { .. }
            | Self::NotViolations { .. }
            | Self::NotText { .. } => Class::Permanent,
            Self::Interrupted(source) if source.is_cancelled() => Class::Retry,
            Self::File { source, .. } => match source.kind() {
                // A full disk may have room again; who may write where is for people to change.
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory => Class::Configuration,
                _ => Class::Retry,
            },
            Self::Locked { .. } | Self::NotRead(_) => Class::Retry,
            Self::OutcomeUnknown { .. } => Class::OutcomeUnknown,
            Self::Generation { .. }
            | Self::NoVersion { .. }
            | Self::Unconditional { .. }
            | Self::NotOpened { .. } => Class::Configuration,
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
        let file = |kind: io::ErrorKind| StoreError::File {
            action: "write",
            file: PathBuf::new(),
            source: io::Error::from(kind),
        };
        let cases = [
            (request(object_store::Error::NotFound { path: path(), source: cause() }), Class::Permanent),
            (request(object_store::Error::PermissionDenied { path: path(), source: cause() }), Class::Retry),
            (request(object_store::Error::Generic { store: "S3", source: cause() }), Class::Retry),
            (request(object_store::Error::NotSupported { source: cause() }), Class::Bug),
            (StoreError::Decode(DecodeError::TooLarge { limit: 1 }), Class::Permanent),
            (StoreError::Batch(BatchError::TooLarge { bytes: 1 }), Class::Bug),
            (StoreError::EndOutOfRange { end_ns: -1 }, Class::Bug),
            (StoreError::Unconditional { seen: "nothing" }, Class::Configuration),
            (file(io::ErrorKind::StorageFull), Class::Retry),
            (file(io::ErrorKind::PermissionDenied), Class::Configuration),
            (StoreError::Locked { lock: PathBuf::new(), seconds: 1 }, Class::Retry),
            (
                StoreError::OutcomeUnknown { location: Path::from("x"), source: cause() },
                Class::OutcomeUnknown,
            ),
        ];
        for (error, class) in cases {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
