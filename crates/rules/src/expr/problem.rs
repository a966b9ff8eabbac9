//! A mistake in an expression, before it has a place in a file.

use std::ops::Range;

use crate::diagnostic::{Code, Hint};

/// Something wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind of the mistake.
    pub code: Code,
    /// Bytes of the expression's text, on character boundaries; empty at the end of the text.
    pub at: Range<usize>,
    /// The fault, in one line.
    pub message: String,
    /// The way out.
    pub hint: Option<Hint>,
}

impl Problem {
    pub(crate) fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, at, message: one_line(message.into()), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hint = Some(hint.into().map(one_line));
        self
    }
}

/// Control characters of the expression that a message quotes, in their escaped form.
pub(super) fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}
