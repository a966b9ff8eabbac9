//! The layout as those know it who write files: read now and then, and never in their way.

use std::sync::Mutex;
use std::time::Duration;

use fluo_spans::layout::Layout;
use fluo_time::Nanos;

use super::{LayoutError, read};
use crate::guard::locked;
use crate::root::Root;

/// The time for which a layout is taken to be the newest, in nanoseconds.
const FRESH: i64 = Nanos::MINUTE.0;

/// The longest wait for the store, in seconds. Files in an older layout are no harm, and a queue that waits is one.
const PATIENCE: u64 = 2;

/// The layout of a store as a process knows it.
#[derive(Debug, Default)]
pub struct KnownLayout(Mutex<Option<Known>>);

#[derive(Debug, Clone)]
struct Known {
    layout: Layout,
    looked_at_ns: i64,
}

impl KnownLayout {
    /// Returns the layout to write files in, with the reason if the store did not say: then it is the last one that it did
    /// say, or the built-in one. The store is asked once a minute. `now_ns`: the time, in nanoseconds since the epoch.
    pub async fn current(&self, root: &Root, now_ns: i64) -> (Layout, Option<LayoutError>) {
        let known = locked(&self.0).clone();
        if let Some(Known { layout, looked_at_ns }) = &known
            && now_ns.saturating_sub(*looked_at_ns).saturating_abs() < FRESH
        {
            return (layout.clone(), None);
        }
        let asked = tokio::time::timeout(Duration::from_secs(PATIENCE), read(root)).await;
        let (layout, error) = match asked.unwrap_or(Err(LayoutError::Slow(PATIENCE))) {
            Ok(stored) => (stored.map_or_else(Layout::builtin, |(stored, _)| stored.layout()), None),
            Err(error) => (known.map_or_else(Layout::builtin, |known| known.layout), Some(error)),
        };
        *locked(&self.0) = Some(Known { layout: layout.clone(), looked_at_ns: now_ns });
        (layout, error)
    }
}
