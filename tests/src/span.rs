//! Spans of tests, which say what matters and take the rest from here.

use std::sync::Arc;

use fluo_spans::span::{Attributes, Kind, Span, Status};

/// Returns a span that has ids and nothing else.
pub fn blank() -> Span {
    Span {
        trace_id: [1; 16],
        span_id: [1; 8],
        parent_span_id: None,
        trace_state: String::new(),
        flags: 0,
        name: String::new(),
        kind: Kind::default(),
        status: Status::default(),
        status_message: String::new(),
        start_ns: 0,
        end_ns: 0,
        attributes: Attributes::default(),
        resource: Arc::default(),
        scope: Arc::default(),
        events: Vec::new(),
        links: Vec::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}

/// Returns attributes of these keys and values.
pub fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    Attributes::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}
