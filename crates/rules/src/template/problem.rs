//! A mistake in a template, before it has a place in a file.

use std::ops::Range;

use crate::diagnostic::{Code, Hint};

/// The fault of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The finding's code.
    pub code: Code,
    /// Bytes of the template.
    pub at: Range<usize>,
    /// The fault.
    pub message: String,
    /// The way out.
    pub hint: Option<Hint>,
}
