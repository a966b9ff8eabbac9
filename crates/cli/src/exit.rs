//! The end of a command, and the text of a failure.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

pub(crate) use fluo_alerts::escape::chain;

/// The meaning of the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// 0: done.
    Done,
    /// 1: the command found what it looks for.
    Found,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: it could not do its work.
    Failed,
}

impl Status {
    /// As the process returns it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Failed => 3,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// The reason why a command could not go on: what was tried, why it failed, what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    tried: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
}

impl Failure {
    /// Wrong usage or configuration.
    pub(crate) fn usage(tried: impl Into<String>) -> Self {
        Self { status: Status::Usage, tried: tried.into(), source: None, hint: None }
    }

    /// The work could not be done.
    pub(crate) fn because(tried: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { status: Status::Failed, tried: tried.into(), source: Some(source.into()), hint: None }
    }

    /// Returns whether it is only that the reader of our output went away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.source
            .as_deref()
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// Adds what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.tried)?;
        if let Some(source) = &self.source {
            write!(f, ": {}", chain(source.as_ref()))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  help: {hint}")?;
        }
        Ok(())
    }
}
