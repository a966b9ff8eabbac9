//! Spans that have ended and were not sent yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// The most that are kept: a day's catch-up of a hundred rules has some fifteen thousand.
const MOST: usize = 16_384;

/// Keeps spans until they are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    spans: VecDeque<SpanData>,
    dropped: usize,
}

impl Buffer {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the spans that ended since the last call, and the number of those that could not be kept.
    pub(crate) fn take(&self) -> (Vec<SpanData>, usize) {
        let Kept { spans, dropped } = std::mem::take(&mut *self.kept());
        (spans.into(), dropped)
    }
}

impl SpanProcessor for Buffer {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let mut kept = self.kept();
        // A step ends before the one that it is part of: what ends last says most.
        if kept.spans.len() == MOST {
            kept.spans.pop_front();
            kept.dropped += 1;
        }
        kept.spans.push_back(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn of_too_many_the_last_are_kept() {
        let buffer = Buffer::default();
        let provider = SdkTracerProvider::builder().with_span_processor(buffer.clone()).build();
        let tracer = provider.tracer("test");
        for number in 0..MOST + 3 {
            drop(tracer.start(number.to_string()));
        }
        let (spans, dropped) = buffer.take();
        assert_eq!((spans.len(), dropped, spans[0].name.as_ref()), (MOST, 3, "3"));
        assert_eq!(buffer.take().0.len(), 0);
    }
}
