//! One request's trace while it is made: spans open and close as a clock moves on.

use super::otlp::{Attributes, Event, Span, SpanKind, Text, Value};
use super::random::Random;
use super::shop::Pod;

/// A span, and the pod that sends it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) pod: Pod,
    pub(crate) span: Span,
}

/// A span that is open: its place in the trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(usize);

/// The spans of one request.
pub(crate) struct Trace<'a> {
    pub(crate) random: &'a mut Random,
    id: [u8; 16],
    /// Nanoseconds since the epoch.
    pub(crate) now: i64,
    spans: Vec<Sent>,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(random: &'a mut Random, start: i64) -> Self {
        let id = random.id();
        Self { random, id, now: start, spans: Vec::new() }
    }

    /// Lets between `low` and `high` microseconds go by.
    pub(crate) fn pass(&mut self, low: u64, high: u64) {
        let nanos = self.random.between(low * 1000, high * 1000);
        self.now += i64::try_from(nanos).unwrap_or(0);
    }

    /// Starts a span now.
    pub(crate) fn open(
        &mut self,
        pod: Pod,
        parent: Option<Open>,
        kind: SpanKind,
        name: impl Into<Text>,
        attributes: Attributes,
    ) -> Open {
        let span = Span {
            trace_id: self.id,
            span_id: self.random.id(),
            parent: parent.map(|Open(at)| self.spans[at].span.span_id),
            name: name.into(),
            kind,
            start: self.now,
            end: self.now,
            attributes,
            events: Vec::new(),
            error: None,
        };
        self.spans.push(Sent { pod, span });
        Open(self.spans.len() - 1)
    }

    /// Ends a span now.
    pub(crate) fn close(&mut self, Open(at): Open) {
        self.spans[at].span.end = self.now;
    }

    pub(crate) fn set(&mut self, Open(at): Open, key: &'static str, value: impl Into<Value>) {
        self.spans[at].span.attributes.push((key, value.into()));
    }

    /// Sets the span's status to an error.
    pub(crate) fn fail(&mut self, Open(at): Open, message: &'static str) {
        self.spans[at].span.error = Some(message);
    }

    /// Records an exception, as the SDKs do.
    pub(crate) fn exception(&mut self, Open(at): Open, kind: &'static str, message: &'static str) {
        let attributes = vec![("exception.type", kind.into()), ("exception.message", message.into())];
        self.spans[at].span.events.push(Event { time: self.now, name: "exception", attributes });
    }

    /// All spans.
    pub(crate) fn finish(self) -> Vec<Sent> {
        self.spans
    }
}
