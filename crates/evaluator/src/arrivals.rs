//! Which data files an evaluation sees.
//!
//! Live, that is what the store lists. An evaluation of the past sees what had arrived by then: while an outage is
//! caught up, by when a file was written; in a replay, by what the evaluation records say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_store::names::current;
use fluo_store::records::read_evaluations;
use fluo_store::{DataFile, Hour, Root, StoreError, footer, list_hours};
use futures::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::report::Report;
use crate::settings::Settings;

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

    /// When a file arrived; nanoseconds since the epoch.
    fn arrived_at(&self, file: &DataFile) -> i64;
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
        let listing = list_hours(self.store.as_ref(), &self.spans, hours);
        let mut files = traced(step!("list files"), listing).await?.files;
        if let By::Time(time) = by {
            files.retain(|file| self.arrived_at(file) <= time);
        }
        Ok(current(files, |file| file.name.as_ref()).current)
    }

    fn arrived_at(&self, file: &DataFile) -> i64 {
        file.last_modified_ms.saturating_mul(1_000_000)
    }
}

/// Files that arrive when a schedule says. A file of an older partition than it names is there from the beginning.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Where the files lie.
    pub live: Live,
    /// When each arrives, by its place; nanoseconds since the epoch.
    pub arrival: BTreeMap<String, i64>,
}

#[async_trait]
impl Arrivals for Scheduled {
    async fn files(&self, hours: RangeInclusive<Hour>, by: By) -> Result<Vec<DataFile>, StoreError> {
        let mut files = self.live.files(hours, By::Now).await?;
        if let By::Time(time) = by {
            files.retain(|file| self.arrived_at(file) <= time);
        }
        Ok(files)
    }

    fn arrived_at(&self, file: &DataFile) -> i64 {
        self.arrival.get(file.location.as_ref()).copied().unwrap_or(i64::MIN)
    }
}

/// When the files of the past arrived: as the evaluation records say, which name the evaluation that saw each first, and
/// for files that none of them names, when their raw objects were written.
///
/// # Errors
///
/// [`StoreError`] where records or files cannot be read.
pub async fn arrivals_of(
    root: &Root,
    live: Live,
    from: i64,
    to: i64,
    settings: &Settings,
) -> Result<Scheduled, StoreError> {
    let mut arrival = BTreeMap::new();
    for line in read_evaluations(root, from.saturating_sub(settings.allowed_lateness.0), i64::MAX).await? {
        // A line of another version says nothing about arrivals that this one understands.
        let Ok(report) = serde_json::from_str::<Report>(&line) else { continue };
        for name in report.new_files {
            // Names are paths already: what they escape is not to be escaped again.
            let Ok(path) = Path::parse(&name) else { continue };
            arrival.entry(root.at(&path).to_string()).or_insert(report.eval_time);
        }
    }
    let reach = settings.allowed_lateness.0.saturating_add(settings.eval_delay.0);
    let hours =
        Hour::of_ns(from.saturating_sub(reach))..=Hour::of_ns(to.saturating_add(settings.max_future.0));
    let unknown: Vec<DataFile> = live
        .files(hours, By::Now)
        .await?
        .into_iter()
        .filter(|file| !arrival.contains_key(file.location.as_ref()))
        .collect();
    let read: Vec<(String, i64)> = stream::iter(unknown)
        .map(|file| async move {
            let written = footer(root.store.as_ref(), &file.location, file.size).await;
            // A file that cannot be read arrives all the same: the evaluation will say so.
            let millis =
                written.ok().and_then(|footer| footer.ingested_at_ms).unwrap_or(file.last_modified_ms);
            (file.location.to_string(), millis.saturating_mul(1_000_000))
        })
        .buffered(16)
        .collect()
        .await;
    arrival.extend(read);
    Ok(Scheduled { live, arrival })
}
