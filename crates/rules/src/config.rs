//! `fluo.yml`, and lists of sinks: every mistake at its place, and no secret shown.
//!
//! ```text
//!  bytes ─ text ─▶ nodes ─ check, along the table of keys ─▶ a JSON document, findings
//!                    └──── mask ─▶ the text as it may be shown
//! ```
//!
//! The users of a value give it its meaning: the evaluator makes its settings of the document, and the sinks know their
//! addresses. What they find wrong is told at the places that [`SinkDocument`] keeps.
//!
//! A configuration holds passwords. Therefore no finding repeats a value that may be one, and source lines are shown of
//! [`Loaded::shown`] only, in which everything is masked but what the table of keys knows to be harmless.

mod load;
mod mask;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Place;

pub use load::{Loaded, load, load_sinks};

/// A text, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The text.
    pub text: String,
    /// Its place.
    pub place: Place,
}

/// A sink. Not to be printed: it holds secrets.
#[derive(Clone)]
pub struct SinkDocument {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub document: Value,
    /// The place of its name, or of its type.
    pub place: Place,
    /// The places of the values of its keys: `url`, `headers.authorization`.
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
