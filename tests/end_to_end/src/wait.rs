//! Waiting for what happens elsewhere, and saying what it was when it does not.

use std::time::{Duration, Instant};

/// The time that anything here may take before it has failed: far more than it needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer.
///
/// # Panics
///
/// Panics where there is none within [`PATIENCE`].
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, ask).await
}

/// Asks until there is an answer, for this long.
///
/// # Panics
///
/// Panics where there is none by then.
pub async fn until_within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
