//! `fluo.yml`, and lists of sinks: every mistake at its place, and no secret shown.
//!
//! ```text
//!  bytes ─ text ─▶ nodes ─ check, along the table of keys ─▶ a JSON document, findings
//!                    └──── mask ─▶ the text as it may be shown
//! ```
//!
//! What a value means is for whoever uses it: the evaluator makes its settings of the document, and the sinks know
//! their addresses. What they find wrong is told at the places that [`SinkDocument`] keeps.
//!
//! A configuration holds passwords. Therefore no finding repeats a value that may be one, and source lines are shown of
//! [`Loaded::shown`] only, in which everything is masked but what the table of keys knows to be harmless.

mod load;
mod mask;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Place;

pub use load::{Loaded, load, load_sinks};

/// A text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The text.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// A sink. Not to be printed: it holds secrets.
#[derive(Clone)]
pub struct SinkDocument {
    /// What it is called.
    pub name: String,
    /// What is said of it.
    pub document: Value,
    /// Where its name, or its type, stands.
    pub place: Place,
    /// Where the values of its keys stand: `url`, `headers.authorization`.
    pub keys: BTreeMap<String, Place>,
    /// The labels that it asks for, with their values.
    pub labels: Vec<(Placed, Placed)>,
}

/// Returns whether a text may be shown as a key that does not exist: one that looks otherwise may be a secret that was
/// written where a key belongs.
pub(crate) fn is_key(text: &str) -> bool {
    const LONGEST: usize = 30;
    let word = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.');
    text.len() <= LONGEST && text.chars().all(word)
}

#[cfg(test)]
mod tests;
