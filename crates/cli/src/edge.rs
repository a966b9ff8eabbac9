//! Reads what only the edge reads: the clock, the environment, and what tells this process from all others.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds since the epoch.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Returns a name that no other process calls itself.
pub(crate) fn nonce() -> String {
    let (now, id) = (now(), std::process::id());
    let random = RandomState::new().hash_one((now, id));
    format!("{now:x}-{id:x}-{random:x}")
}

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
