//! Diagnostics: what a person is told about their rule file, as data.
//!
//! A mistake is born as a [`Problem`]-like value without a file (in expressions, durations, templates) or as a
//! [`Finding`] with its place (in the loader); how it looks is decided in [`crate::render`], one file per
//! output format. Codes are stable: they appear in CI logs and in people's notes, so one that has been
//! released is never given another meaning.
//!
//! [`Problem`]: crate::expr::Problem

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use crate::code::Code;
use crate::position::Position;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The rule is not evaluated, the test not run, the silence not in force.
    Error,
    /// It is, and probably does not mean what its author thinks.
    Warning,
}

impl Level {
    /// As written in every output format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing wrong (or doubtful) in a file of rules, tests or silences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of mistake; its level follows from it.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that belong to it, such as the first of two equal names.
    pub related: Vec<Related>,
}

impl Finding {
    /// The level of its code.
    pub fn level(&self) -> Level {
        self.code.level()
    }

    /// Returns whether it keeps the rule (the test, the silence) that it is about from being used.
    pub fn stops_loading(&self) -> bool {
        self.code.stops_loading()
    }
}

/// A second place that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there.
    pub message: String,
}

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as named to the loader.
    pub file: Arc<str>,
    /// Bytes of the file, on character boundaries.
    pub bytes: Range<usize>,
    /// Line and column of its first character.
    pub start: Position,
    /// Line and column behind its last character.
    pub end: Position,
}
