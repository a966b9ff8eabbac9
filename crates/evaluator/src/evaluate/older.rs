//! Files of partitions in which none arrives any more: listed where windows reach back to them, and remembered. So is when
//! the store's first span ended.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use fluo_store::guard::locked;
use fluo_store::{DataFile, DataFileName, Hour, StoreError};
use fluo_time::Nanos;

use super::inputs::Inputs;
use crate::arrivals::By;

/// The most listings that are kept: three months.
const MOST: usize = 24 * 92;

/// A listing is good for this long: what it names may be compacted, and deleted an hour later.
const LISTING_AGE: i64 = Nanos::HOUR.0 / 2;

/// The files of an older partition.
#[derive(Debug)]
struct Older {
    /// The time of the evaluation that listed it.
    at: i64,
    files: Vec<DataFile>,
}

/// Listings of older partitions.
#[derive(Debug, Default)]
pub(super) struct OlderFiles {
    hours: Mutex<BTreeMap<Hour, Older>>,
    /// The end of the store's first span, and the time of the evaluation that looked for it.
    first: Mutex<Option<(i64, i64)>>,
}

impl OlderFiles {
    /// Returns the end of the first span of all that has arrived; none where nothing has.
    pub(super) async fn first(&self, inputs: Inputs<'_>) -> Result<Option<i64>, StoreError> {
        if inputs.by == By::Now
            && let Some((first, at)) = *locked(&self.first)
            && (0..LISTING_AGE).contains(&inputs.eval_time.saturating_sub(at))
        {
            return Ok(Some(first));
        }
        let first = inputs.arrivals.first_end(inputs.by).await?;
        *locked(&self.first) = first.map(|first| (first, inputs.eval_time));
        Ok(first)
    }

    /// Returns the files with spans of the hours `from` to before `to`.
    pub(super) async fn of(
        &self,
        Range { start: from, end: to }: Range<Hour>,
        inputs: Inputs<'_>,
    ) -> Result<Vec<DataFile>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        if inputs.by != By::Now {
            return with_rows(from, Hour(to.0 - 1), inputs).await;
        }
        let hours = || (from.0..to.0).map(Hour);
        let unknown: Vec<Hour> = {
            let mut known = self.known();
            if known.len() > MOST {
                known.clear();
            }
            known.retain(|_, older| (0..LISTING_AGE).contains(&inputs.eval_time.saturating_sub(older.at)));
            hours().filter(|hour| !known.contains_key(hour)).collect()
        };
        if let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) {
            let listed = with_rows(first, last, inputs).await?;
            let mut known = self.known();
            let none = || Older { at: inputs.eval_time, files: Vec::new() };
            known.extend((first.0..=last.0).map(|hour| (Hour(hour), none())));
            for file in listed {
                // What another program named lies in the hour of its folder, or somewhere among them.
                let named = file.name.as_ref().map(DataFileName::hour);
                let hour = named.or_else(|| Hour::of_partition(&file.location)).unwrap_or(first);
                known.entry(hour).or_insert_with(none).files.push(file);
            }
        }
        let known = self.known();
        Ok(hours().filter_map(|hour| known.get(&hour)).flat_map(|older| &older.files).cloned().collect())
    }

    /// Has an hour listed again, when it is next asked for.
    pub(super) fn forget(&self, hour: Hour) {
        self.known().remove(&hour);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Hour, Older>> {
        locked(&self.hours)
    }
}

/// The files of the hours from `first` to `last` that hold spans.
async fn with_rows(first: Hour, last: Hour, inputs: Inputs<'_>) -> Result<Vec<DataFile>, StoreError> {
    let mut files = inputs.arrivals.files(first..=last, inputs.by).await?;
    files.retain(|file| !file.is_without_rows());
    Ok(files)
}
