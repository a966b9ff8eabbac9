//! Hours → what was done to them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use fluo_spans::layout::Layout;
use fluo_time::Nanos;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore};
use serde::Serialize;

use super::clean::{Leftovers, leftovers};
use super::merge::{MergeError, Merged, merge};
use super::plan::{Portion, Sizes, portions};
use super::publish::{Published, publish, write_output};
use super::resolve::{Sidecars, read_newest};
use super::sidecar::Sidecar;
use crate::error::StoreError;
use crate::found::{Found, listed};
use crate::list::{folders_of_days, partition};
use crate::names::{DataFileName, Hour};
use crate::root::Root;

/// The most times that a run begins an hour anew because another run was faster.
const TRIES: u32 = 5;

/// The work that a run is given.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time of the run, in nanoseconds since the epoch.
    pub now_ns: i64,
    /// Hours that ended after this moment stay as they are, in nanoseconds since the epoch: files still arrive there.
    pub before_ns: i64,
    /// True if nothing is to be written or deleted.
    pub dry_run: bool,
    /// The sizes of files, and the memory that it takes.
    pub sizes: Sizes,
    /// The layout of the files that are written: the newest of the store.
    pub layout: Layout,
}

/// The work done on an hour, or that would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HourReport {
    /// Its folder below the spans: `date=2026-11-22/hour=11`.
    pub hour: String,
    /// Files that were replaced.
    pub files: u64,
    /// Spans in them.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were written.
    pub outputs: u64,
    /// Their bytes; nothing is known of them in a dry run.
    pub output_bytes: u64,
    /// Copies of spans that were left out.
    pub duplicates: u64,
    /// Spans that have the ids and the end of another and differ from it: all of these stay.
    pub id_conflicts: u64,
    /// Replaced files that were deleted.
    pub deleted_files: u64,
    /// Other objects that were deleted: what interrupted runs left, and lists that newer ones replaced.
    pub deleted_others: u64,
    /// Files that stay as they are because they cannot be read, and objects that are none.
    pub skipped: Vec<Skipped>,
    /// True if another run was faster each time, or there was no time left: the next run goes on.
    pub unfinished: bool,
}

/// A file that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its place in the store.
    pub location: String,
    /// The reason.
    pub reason: String,
}

/// The work done on all hours.
#[derive(Debug, Default)]
pub struct Compacted {
    /// Hours to which something was done, or of which there is something to tell.
    pub hours: Vec<HourReport>,
    /// Hours of which nothing could be done, and why.
    pub failed: Vec<(String, StoreError)>,
    /// True if there was no time for all.
    pub unfinished: bool,
}

/// The hours of a range that have a folder below `spans`, the oldest first.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn hours_with_files(
    store: &dyn ObjectStore,
    spans: &Path,
    range: RangeInclusive<Hour>,
) -> Result<Vec<Hour>, StoreError> {
    let days = folders_of_days(store, spans, range.clone()).await?;
    let hours: Vec<Vec<Hour>> = stream::iter(days)
        .map(|day| async move {
            let listed = store.list_with_delimiter(Some(&day)).await;
            let failed = |source| StoreError::Request { action: "list", location: day.clone(), source };
            let folders = listed.map_err(failed)?.common_prefixes;
            let hour = |folder: &Path| Hour::of_partition(&folder.clone().join("_"));
            Ok::<_, StoreError>(folders.iter().filter_map(hour).collect())
        })
        .buffered(8)
        .try_collect()
        .await?;
    let hours: BTreeSet<Hour> = hours.into_iter().flatten().filter(|hour| range.contains(hour)).collect();
    Ok(hours.into_iter().collect())
}

/// Compacts the hours of a range below `spans`, the folder of the `date=` folders, and deletes what was replaced an hour
/// ago. `goes_on`: asked before each piece of work that may take a minute.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list its hours. What is wrong with one hour is told, and the others go
/// on.
pub async fn compact(
    root: &Root,
    spans: &Path,
    range: RangeInclusive<Hour>,
    options: &Options,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Compacted, StoreError> {
    let mut compacted = Compacted::default();
    for hour in hours_with_files(root.store.as_ref(), spans, range).await? {
        if hour.end_ns() > options.before_ns {
            continue;
        }
        if !goes_on() {
            compacted.unfinished = true;
            break;
        }
        match compact_hour(root, spans, hour, options, goes_on).await {
            Ok(report) => {
                compacted.unfinished |= report.unfinished;
                let nothing = HourReport { hour: report.hour.clone(), ..HourReport::default() };
                if report != nothing {
                    compacted.hours.push(report);
                }
            }
            Err(error) => compacted.failed.push((hour.partition(), error)),
        }
    }
    Ok(compacted)
}

/// Compacts one hour, and deletes of it what was replaced an hour ago.
///
/// # Errors
///
/// [`StoreError`] where the store fails. What was done until then counts, and the next run goes on from there.
pub async fn compact_hour(
    root: &Root,
    spans: &Path,
    hour: Hour,
    options: &Options,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<HourReport, StoreError> {
    let mut work = Work {
        root,
        folder: partition(spans, hour),
        hour,
        options,
        goes_on,
        unreadable: BTreeSet::new(),
        report: HourReport { hour: hour.partition(), ..HourReport::default() },
    };
    let cleaned = work.clean().await?;
    if cleaned {
        for _ in 0..TRIES {
            match work.merge_all().await? {
                Turn::Done => return Ok(work.report),
                Turn::Again => {}
            }
        }
        work.report.unfinished = true;
    }
    Ok(work.report)
}

enum Turn {
    Done,
    /// The hour is another one now.
    Again,
}

struct Work<'a> {
    root: &'a Root,
    folder: Path,
    hour: Hour,
    options: &'a Options,
    goes_on: &'a (dyn Fn() -> bool + Sync),
    /// Files that turned out to be damaged.
    unreadable: BTreeSet<Path>,
    report: HourReport,
}

impl Work<'_> {
    async fn look(&self) -> Result<(Found, Sidecars), StoreError> {
        let store = self.root.store.as_ref();
        let found = listed(store, &self.folder).await?;
        let sidecars = read_newest(store, &found.sidecars).await?;
        Ok((found, sidecars))
    }

    fn skip(&mut self, location: &Path, reason: String) {
        self.report.skipped.push(Skipped { location: location.to_string(), reason });
    }

    /// Deletes what was replaced an hour ago. Returns whether the hour can be compacted: a list that cannot be read may
    /// name what would be merged.
    async fn clean(&mut self) -> Result<bool, StoreError> {
        let (found, mut sidecars) = self.look().await?;
        for foreign in &found.foreign {
            self.skip(&foreign.location, foreign.reason.to_owned());
        }
        for file in found.files.iter().filter(|file| file.name.is_none()) {
            self.skip(&file.location, "no file that fluo wrote".to_owned());
        }
        if !sidecars.broken.is_empty() {
            for location in std::mem::take(&mut sidecars.broken) {
                self.skip(&location, "a list of compacted files that cannot be read".to_owned());
            }
            return Ok(false);
        }
        let now_ms = self.options.now_ns.div_euclid(Nanos::MILLISECOND.0);
        let find =
            |sidecars: &Sidecars| leftovers(&found, sidecars.current.as_ref(), sidecars.generation, now_ms);
        let mut left = find(&sidecars);
        if left.take_next && !self.options.dry_run {
            let generation = sidecars.generation + 1;
            let outputs = sidecars.current.map(|current| current.outputs).unwrap_or_default();
            let next = Sidecar::new(generation, outputs);
            if publish(self.root.store.as_ref(), &self.folder, &next).await? == Published::Lost {
                // Another run is at work.
                return Ok(true);
            }
            left = find(&Sidecars { current: Some(next), generation, ..Sidecars::default() });
        }
        self.delete(left).await?;
        Ok(true)
    }

    async fn delete(&mut self, left: Leftovers) -> Result<(), StoreError> {
        let Leftovers { files, others, .. } = left;
        self.report.deleted_files += files.len() as u64;
        self.report.deleted_others += others.len() as u64;
        if self.options.dry_run {
            return Ok(());
        }
        let all = stream::iter(files.into_iter().chain(others).map(Ok)).boxed();
        let mut deleted = self.root.store.delete_stream(all);
        while let Some(one) = deleted.next().await {
            match one {
                // Another run was faster.
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(source) => {
                    let location = self.folder.clone();
                    return Err(StoreError::Request { action: "delete in", location, source });
                }
            }
        }
        Ok(())
    }

    /// Merges all portions of the hour, as long as nobody else works on it.
    async fn merge_all(&mut self) -> Result<Turn, StoreError> {
        let (found, sidecars) = self.look().await?;
        let generation = sidecars.generation;
        let mut outputs = sidecars.current.map(|current| current.outputs).unwrap_or_default();
        let replaced: BTreeSet<_> = outputs
            .iter()
            .flat_map(|output| &output.files)
            .filter_map(|file| DataFileName::parse(&file.name))
            .map(|name| (name.hour(), name.content))
            .collect();
        let mut files = found.files;
        files.retain(|file| {
            let known = file.name.as_ref().is_none_or(|name| replaced.contains(&(name.hour(), name.content)));
            !known && !self.unreadable.contains(&file.location)
        });
        let portions = portions(files, self.hour, &self.options.sizes, !outputs.is_empty());
        for (portion, generation) in portions.into_iter().zip(generation + 1..) {
            if self.options.dry_run {
                self.count(&portion);
                continue;
            }
            if !(self.goes_on)() {
                self.report.unfinished = true;
                return Ok(Turn::Done);
            }
            let store: &Arc<dyn ObjectStore> = &self.root.store;
            let merged =
                match merge(store, &portion, generation, &self.options.sizes, &self.options.layout).await {
                    Ok(merged) => merged,
                    Err(MergeError::Store(error)) => return Err(error),
                    Err(MergeError::File(fault)) if fault.is_unavailable() => {
                        return Err(StoreError::NotRead(fault));
                    }
                    Err(MergeError::File(fault)) => {
                        self.skip(fault.location(), crate::fault::in_words(&fault));
                        self.unreadable.insert(fault.location().clone());
                        return Ok(Turn::Again);
                    }
                };
            let now_ms = self.options.now_ns.div_euclid(Nanos::MILLISECOND.0);
            let output = write_output(self.root, &self.folder, &portion, &merged, now_ms).await?;
            outputs.push(output);
            let sidecar = Sidecar::new(generation, outputs);
            if publish(store.as_ref(), &self.folder, &sidecar).await? == Published::Lost {
                return Ok(Turn::Again);
            }
            outputs = sidecar.outputs;
            self.count(&portion);
            self.count_output(&merged);
        }
        Ok(Turn::Done)
    }

    fn count(&mut self, portion: &Portion) {
        self.report.files += portion.len() as u64;
        self.report.spans += portion.iter().map(|candidate| candidate.name.rows).sum::<u64>();
        self.report.bytes += portion.iter().map(|candidate| candidate.file.size).sum::<u64>();
        self.report.outputs += 1;
    }

    fn count_output(&mut self, merged: &Merged) {
        self.report.output_bytes += merged.parquet.len() as u64;
        self.report.duplicates += merged.duplicates;
        self.report.id_conflicts += merged.conflicts;
    }
}
