//! The data files of a stretch of the past: when each arrived, and whether a replay sees it.
//!
//! A replay that sees no file finds nothing, which must not be taken for good news: files that were copied, or ingested
//! long after they were written, arrived when that was done as far as anybody knows. So what is not seen is counted, and
//! there is another model of arrival for such files.

use std::collections::BTreeMap;

use fluo_store::records::read_evaluations;
use fluo_store::{DataFile, Hour, Root, StoreError, ingested_at_ms};
use fluo_time::{Nanos, TimeRange};
use futures::{StreamExt, stream};
use object_store::path::Path;

use crate::arrivals::{Arrivals as _, By, Live, Scheduled};
use crate::report::Report;
use crate::settings::Settings;
use crate::span_data::ends_of;

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;

/// The time at which files of the past count as arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The time when an evaluation saw a file for the first time, as its record says; of files that no record names,
    /// the time when their raw objects were written (`ingested_at`).
    Recorded,
    /// So long after the newest span in a file ended. Files whose names do not say when that was arrive as above.
    AfterEnd(Nanos),
}

/// The files of a stretch of the past.
#[derive(Debug, Clone)]
pub struct Past {
    /// The files, for an evaluation.
    pub arrivals: Scheduled,
    /// The number of files, and how many of them an evaluation of that time sees.
    pub seen: Seen,
}

/// The numbers of the files whose spans ended in a replay's range, as the replay sees them. Each file is counted once
/// below `files`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// All of them.
    pub files: usize,
    /// Those that arrived in the range and in time.
    pub in_time: usize,
    /// Those that arrived in the range, and so late that their spans are not judged any more.
    pub too_late: usize,
    /// Those that arrived after the range, and long after their spans.
    pub after: usize,
    /// The first and the last arrival of those that were not in time; nanoseconds since the epoch.
    pub missed: Option<TimeRange>,
}

impl Past {
    /// Finds the files that evaluations in `range` may see. `lateness`: how far below the watermark a span is
    /// still judged.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where records or files cannot be read.
    pub async fn find(
        root: &Root,
        live: Live,
        range: TimeRange,
        settings: &Settings,
        arrival: Arrival,
    ) -> Result<Self, StoreError> {
        let TimeRange { from, to } = range;
        let reach = settings.allowed_lateness.0.saturating_add(settings.eval_delay.0);
        let hours =
            Hour::of_ns(from.saturating_sub(reach))..=Hour::of_ns(to.saturating_add(settings.max_future.0));
        let files = live.files(hours, By::Now).await?;
        let mut known = match arrival {
            Arrival::Recorded => recorded(root, from.saturating_sub(settings.allowed_lateness.0)).await?,
            Arrival::AfterEnd(delay) => files
                .iter()
                .filter(|file| file.name.is_some())
                .map(|file| (file.location.to_string(), ends_of(file).to.saturating_add(delay.0)))
                .collect(),
        };
        let unknown = files.iter().filter(|file| !known.contains_key(file.location.as_ref()));
        let written: Vec<(String, i64)> = stream::iter(unknown)
            .map(|file| async move { (file.location.to_string(), written(root, file).await) })
            .buffered(CONCURRENT_FOOTERS)
            .collect()
            .await;
        known.extend(written);
        let seen = Seen::of(&files, &known, range, settings);
        Ok(Self { arrivals: Scheduled { live, arrival: known }, seen })
    }
}

/// Returns the first evaluation that saw each file, by the records since `from`.
async fn recorded(root: &Root, from: i64) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut arrival = BTreeMap::new();
    for line in read_evaluations(root, from, i64::MAX).await? {
        // A line of another version says nothing about arrivals that this one understands.
        let Ok(report) = serde_json::from_str::<Report>(&line) else { continue };
        for name in report.new_files {
            // Names are paths already: what they escape is not to be escaped again.
            let Ok(path) = Path::parse(&name) else { continue };
            arrival.entry(root.at(&path).to_string()).or_insert(report.eval_time);
        }
    }
    Ok(arrival)
}

/// Returns when a file's raw object was written, in nanoseconds since the epoch.
async fn written(root: &Root, file: &DataFile) -> i64 {
    // A file that cannot be read arrives all the same: the evaluation will say so.
    let said = ingested_at_ms(root.store.as_ref(), file).await.ok().flatten();
    let millis = said.unwrap_or(file.last_modified_ms);
    millis.saturating_mul(1_000_000)
}

impl Seen {
    fn of(
        files: &[DataFile],
        arrival: &BTreeMap<String, i64>,
        TimeRange { from, to }: TimeRange,
        settings: &Settings,
    ) -> Self {
        let (delay, lateness) = (settings.eval_delay.0, settings.allowed_lateness.0);
        let mut seen = Self::default();
        for file in files {
            let ends = ends_of(file);
            let arrived = arrival.get(file.location.as_ref()).copied().unwrap_or(file.last_modified_ms);
            // A replay begins at the watermark before its first evaluation, and sees no more in a file without rows.
            if file.is_without_rows() || ends.to < from.saturating_sub(delay) || ends.from > to {
                continue;
            }
            seen.files += 1;
            let counted = if arrived > to {
                // What ends just before the range does arrives behind it, as it should.
                let as_it_should = arrived.saturating_sub(ends.to) <= settings.stale_after.0;
                if as_it_should {
                    continue;
                }
                &mut seen.after
            } else if arrived.saturating_sub(delay).saturating_sub(lateness) > ends.to {
                &mut seen.too_late
            } else {
                seen.in_time += 1;
                continue;
            };
            *counted += 1;
            let missed = seen.missed.unwrap_or(TimeRange { from: arrived, to: arrived });
            seen.missed = Some(TimeRange { from: missed.from.min(arrived), to: missed.to.max(arrived) });
        }
        seen
    }
}
