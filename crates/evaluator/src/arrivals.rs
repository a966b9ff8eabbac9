//! Finds the data files that an evaluation sees.
//!
//! A live evaluation sees what the store lists. An evaluation of the past sees what had arrived by then: while an
//! outage is caught up, by when a file was written; in a replay, as [`mod@crate::past`] finds.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_store::names::current;
use fluo_store::{DataFile, Hour, Listing, StoreError, first_end, list_hours};
use object_store::ObjectStore;
use object_store::path::Path;

/// The time up to which files count as arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// All that are there.
    Now,
    /// Those that had arrived at this time, in nanoseconds since the epoch.
    Time(i64),
}

/// A source of data files for evaluations.
#[async_trait]
pub trait Arrivals: Send + Sync {
    /// The current data files of these hours, in order of their places, and what else lies among them.
    async fn listing(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Listing, StoreError>;

    /// The current data files alone.
    async fn files(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Vec<DataFile>, StoreError> {
        Ok(self.listing(hours, by).await?.files)
    }

    /// The end of the first span of all files, as far as their names say; nanoseconds since the epoch.
    async fn first_end(&self, by: By) -> Result<Option<i64>, StoreError>;

    /// Returns the time at which a file arrived; nanoseconds since the epoch.
    fn arrived_at(&self, file: &DataFile) -> i64;
}

/// Returns whether a file counts as arrived.
fn has_arrived(arrivals: &dyn Arrivals, file: &DataFile, by: By) -> bool {
    match by {
        By::Now => true,
        By::Time(time) => arrivals.arrived_at(file) <= time,
    }
}

/// The files that the store lists.
#[derive(Debug, Clone)]
pub struct Live {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The folder of the `date=` folders.
    pub spans: Path,
}

#[async_trait]
impl Arrivals for Live {
    async fn listing(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Listing, StoreError> {
        let listing = list_hours(self.store.as_ref(), &self.spans, hours);
        let mut listing = traced(step!("list files"), listing).await?;
        listing.files.retain(|file| has_arrived(self, file, by));
        listing.files = current(listing.files, |file| file.name.as_ref()).current;
        Ok(listing)
    }

    async fn first_end(&self, by: By) -> Result<Option<i64>, StoreError> {
        let first = first_end(self.store.as_ref(), &self.spans, |file| has_arrived(self, file, by));
        traced(step!("find the first file"), first).await
    }

    fn arrived_at(&self, file: &DataFile) -> i64 {
        file.last_modified_ms.saturating_mul(1_000_000)
    }
}

/// Files that arrive when a schedule says. A file of an older partition than it names is there from the beginning.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The store and the folder of the files.
    pub live: Live,
    /// The time at which each arrives, by its place; nanoseconds since the epoch.
    pub arrival: BTreeMap<String, i64>,
}

#[async_trait]
impl Arrivals for Scheduled {
    async fn listing(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Listing, StoreError> {
        let mut listing = self.live.listing(hours, By::Now).await?;
        listing.files.retain(|file| has_arrived(self, file, by));
        Ok(listing)
    }

    async fn first_end(&self, by: By) -> Result<Option<i64>, StoreError> {
        first_end(self.live.store.as_ref(), &self.live.spans, |file| has_arrived(self, file, by)).await
    }

    fn arrived_at(&self, file: &DataFile) -> i64 {
        self.arrival.get(file.location.as_ref()).copied().unwrap_or(i64::MIN)
    }
}
