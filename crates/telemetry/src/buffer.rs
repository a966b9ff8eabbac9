//! Spans that have ended and were not sent yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// The most that are kept: an evaluation of a thousand rules has no more.
const MOST: usize = 8192;

/// Keeps spans until they are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<SpanData>,
    dropped: usize,
}

impl Buffer {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What ended since the last time, and how many there were beside it that could not be kept.
    pub(crate) fn take(&self) -> (Vec<SpanData>, usize) {
        let Kept { spans, dropped } = std::mem::take(&mut *self.kept());
        (spans, dropped)
    }
}

impl SpanProcessor for Buffer {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let mut kept = self.kept();
        if kept.spans.len() < MOST {
            kept.spans.push(span);
        } else {
            kept.dropped += 1;
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
