//! A step of the work, as a span of fluo's own traces (`fluo-telemetry` is who listens).

use std::error::Error;
use std::fmt::Display;

pub use tracing::field::Empty;
pub use tracing::{Instrument, Span, info_span};

use crate::escape::chain;

/// A span of this name that [`failed`] can say more of: `step!("judge rule", fluo.rule = name)`.
#[macro_export]
macro_rules! step {
    ($name:literal $(, $($fields:tt)*)?) => {
        $crate::step::info_span!(
            $name,
            otel.status_code = $crate::step::Empty,
            otel.status_description = $crate::step::Empty,
            $($($fields)*)?
        )
    };
}

/// Does `work` as a step, which says what `work` fails of, with all causes.
pub async fn traced<T, E: Error>(step: Span, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    work.instrument(step.clone()).await.inspect_err(|error| failed(&step, chain(error)))
}

/// Says of a step that it failed, and why.
pub fn failed(step: &Span, reason: impl Display) {
    step.record("otel.status_code", "ERROR");
    step.record("otel.status_description", tracing::field::display(reason));
}
