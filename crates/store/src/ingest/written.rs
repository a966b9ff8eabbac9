//! The time at which an object was written: it bounds the ends of its spans, and decides since when these count.

use fluo_time::Nanos;

/// The time at which an object was written, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As the store says: the same on every delivery.
    At(i64),
    /// As a file's modification time says, unless the file holds spans that ended later: archives and builds set it to
    /// what they like. Then it is now.
    File {
        /// The modification time.
        modified_ms: i64,
        /// The time of ingest.
        now_ms: i64,
    },
}

impl Written {
    /// The latest end of a span of the object that is believed, in nanoseconds since the epoch.
    pub(super) fn latest_end_ns(self, max_future_ns: i64) -> i64 {
        let latest = match self {
            Self::At(ms) => ms,
            Self::File { modified_ms, now_ms } => modified_ms.max(now_ms),
        };
        latest.saturating_mul(Nanos::MILLISECOND.0).saturating_add(max_future_ns)
    }

    /// Returns the time in milliseconds since the epoch. `newest_end_ns`: the newest end of a span in the object.
    pub(super) fn at_ms(self, newest_end_ns: i64) -> i64 {
        let newest_ms = newest_end_ns.div_euclid(Nanos::MILLISECOND.0);
        match self {
            Self::File { modified_ms, now_ms } if newest_ms > modified_ms => now_ms,
            Self::At(ms) | Self::File { modified_ms: ms, .. } => ms,
        }
    }
}
