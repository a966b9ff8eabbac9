//! Diagnostics: what a person is told about their rule file, as data.
//!
//! A mistake is born as a [`Problem`]-like value without a file (in expressions, durations, templates) or as a
//! [`Finding`] with its place (in the loader); how it looks is decided in [`crate::render`], one file per
//! output format. Codes are stable: they appear in CI logs and in people's notes, so one that has been
//! released is never given another meaning.
//!
//! [`Problem`]: crate::expr::Problem

use std::ops::Range;
use std::sync::Arc;

pub use crate::code::{Code, Level};
pub use crate::hint::Hint;
use crate::position::Position;

/// One thing wrong (or doubtful) in a file of rules, tests or silences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of mistake; its level follows from it.
    pub code: Code,
    /// The message: what is wrong, in one line.
    pub message: String,
    /// The place of the mistake.
    pub place: Place,
    /// Advice about what to do.
    pub hint: Option<Hint>,
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
    /// The place.
    pub place: Place,
    /// The message: what is there.
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

/// Sorts findings, each with the number of its file, by file and place.
///
/// Says once what an alias or `defaults` brought into several items, and what is found of both rules of an objective.
pub fn in_order<N: Ord + Copy>(findings: &mut Vec<(N, Finding)>) {
    let place = |(file, finding): &(N, Finding)| {
        (*file, finding.place.bytes.start, finding.place.bytes.end, finding.code)
    };
    findings.sort_by_key(place);
    let mut told: Vec<(N, Finding)> = Vec::with_capacity(findings.len());
    for found in findings.drain(..) {
        let mut beside = told.iter().rev().take_while(|known| place(known) == place(&found));
        if !beside.any(|(_, known)| known.place == found.1.place && known.message == found.1.message) {
            told.push(found);
        }
    }
    *findings = told;
}
