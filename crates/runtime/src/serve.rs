//! The loop that Lambda drives.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::log::{self, Level};

/// An invocation of the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// What it was invoked with.
    pub event: Value,
    /// When Lambda ends it, in nanoseconds since the epoch.
    pub deadline: i64,
}

/// Now, in nanoseconds since the epoch.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Serves invocations until Lambda ends the process. A function that could not be started ends at once: Lambda then
/// tells of every invocation that it failed.
pub async fn serve<F, E, H, A>(started: Result<F, E>, handle: H) -> ExitCode
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
    let (function, handle) = (&function, &handle);
    let service = service_fn(async move |event: LambdaEvent<Value>| {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let invocation = Invocation { event: event.payload, deadline };
        handle(function, invocation).await.map_err(|error| {
            let reason = error.to_string();
            log::line(Level::Error, now(), "the invocation failed", json!({"reason": reason}));
            lambda_runtime::Error::from(reason)
        })
    });
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::line(Level::Error, now(), "the runtime failed", json!({"reason": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}
