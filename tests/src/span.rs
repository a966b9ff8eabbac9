//! Spans of tests, which say what matters and take the rest from here.

use fluo_spans::span::{Attributes, Span};

/// Returns a span that has ids and nothing else.
pub fn blank() -> Span {
    Span::bare([1; 16], [1; 8])
}

/// Returns attributes of these keys and values.
pub fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    Attributes::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}
