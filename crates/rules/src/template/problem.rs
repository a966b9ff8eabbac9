//! A mistake in a template, before it has a place in a file.

use std::ops::Range;

use crate::diagnostic::Code;

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The finding's code.
    pub code: Code,
    /// Bytes of the template.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
