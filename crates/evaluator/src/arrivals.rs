//! Which data files an evaluation sees.
//!
//! Live, that is what the store lists. An evaluation of the past sees what had arrived by then: while an outage is
//! caught up, by when a file was written; in a replay, by what the evaluation records say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use fluo_store::names::current;
use fluo_store::{DataFile, Hour, StoreError, list_hours};
use object_store::ObjectStore;
use object_store::path::Path;

/// Up to when files count as arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// All that are there.
    Now,
    /// Those that had arrived at this time, in nanoseconds since the epoch.
    Time(i64),
}

/// Where an evaluation learns of data files.
#[async_trait]
pub trait Arrivals: Send + Sync {
    /// The current data files of these hours, in order of their places.
    async fn files(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Vec<DataFile>, StoreError>;
}

/// What the store lists.
#[derive(Debug, Clone)]
pub struct Live {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The folder of the `date=` folders.
    pub spans: Path,
}

#[async_trait]
impl Arrivals for Live {
    async fn files(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Vec<DataFile>, StoreError> {
        let mut files = list_hours(self.store.as_ref(), &self.spans, hours).await?.files;
        if let By::Time(time) = by {
            files.retain(|file| file.last_modified_ms.saturating_mul(1_000_000) <= time);
        }
        Ok(current(files, |file| file.name.as_ref()).current)
    }
}

/// Files that arrive when a schedule says.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Where the files lie.
    pub live: Live,
    /// When each arrives, by its place; nanoseconds since the epoch. A file that is not named is not there.
    pub arrival: BTreeMap<String, i64>,
}

#[async_trait]
impl Arrivals for Scheduled {
    async fn files(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Vec<DataFile>, StoreError> {
        let mut files = self.live.files(hours, By::Now).await?;
        files.retain(|file| {
            self.arrival.get(file.location.as_ref()).is_some_and(|&arrival| match by {
                By::Now => true,
                By::Time(time) => arrival <= time,
            })
        });
        Ok(files)
    }
}
