//! Times that have not come.

use fluo_time::Nanos;

/// The largest difference between clocks that is allowed, in nanoseconds.
const SKEW: i64 = 5 * Nanos::MINUTE.0;

/// Returns whether a time has not come at `now`, more than clocks differ.
pub(crate) fn is_future(time: i64, now: i64) -> bool {
    time > now.saturating_add(SKEW)
}
