//! The loop that Lambda drives.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fluo_alerts::step;
use fluo_alerts::step::failed;
use fluo_telemetry::{LONGEST_FLUSH, Traces};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::environment::Environment;
use crate::log::{self, Level};

/// The remaining time of an invocation that own traces may not use, in nanoseconds.
const MARGIN: i64 = 500_000_000;

/// An invocation of the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The event that it was invoked with.
    pub event: Value,
    /// The time at which Lambda ends it, in nanoseconds since the epoch.
    pub deadline: i64,
}

/// Now, in nanoseconds since the epoch.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Serves invocations of `program` until Lambda ends the process. A function that could not be started ends at once:
/// Lambda then tells of every invocation that it failed.
pub async fn serve<F, E, H, A>(
    program: &'static str,
    environment: &Environment,
    started: Result<F, E>,
    handle: H,
) -> ExitCode
where
    E: Display,
    H: AsyncFn(&F, Invocation) -> Result<Value, A>,
    A: Display,
{
    let function = match started {
        Ok(function) => function,
        Err(error) => {
            log::line(Level::Error, now(), "could not start", json!({"reason": error.to_string()}));
            return ExitCode::FAILURE;
        }
    };
    let traces = Traces::start(program, &environment.lookup()).unwrap_or_else(|error| {
        log::line(Level::Warning, now(), &error.to_string(), Value::Null);
        Traces::default()
    });
    let is_cold = AtomicBool::new(true);
    let (function, handle, traces, is_cold) = (&function, &handle, &traces, &is_cold);
    let service = service_fn(|event: LambdaEvent<Value>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let span = step!(
            "invocation",
            otel.name = program,
            otel.kind = "server",
            faas.invocation_id = event.context.request_id,
            faas.coldstart = is_cold.swap(false, Ordering::Relaxed),
        );
        let invocation = Invocation { event: event.payload, deadline };
        // On the heap: what a function does nests deeper than the compiler follows in one future.
        let handled = Box::pin(handle(function, invocation)).instrument(span.clone()).await;
        let answer = handled.map_err(|error| {
            let reason = error.to_string();
            failed(&span, &reason);
            log::line(Level::Error, now(), "the invocation failed", json!({"reason": reason}));
            lambda_runtime::Error::from(reason)
        });
        drop(span);
        flush(traces, deadline).await;
        answer
    });
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::line(Level::Error, now(), "the runtime failed", json!({"reason": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

/// Sends own traces before the process is frozen, in the time that the invocation has left.
async fn flush(traces: &Traces, deadline: i64) {
    let left = u64::try_from(deadline.saturating_sub(now()).saturating_sub(MARGIN)).unwrap_or(0);
    if let Err(error) = traces.flush(LONGEST_FLUSH.min(Duration::from_nanos(left))).await {
        log::line(Level::Warning, now(), &error.to_string(), Value::Null);
    }
}
