//! Some spans of data files, the newest first: to learn what they are called, or to measure them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use fluo_spans::batch::from_batch;
use fluo_spans::span::Span;
use futures::TryStreamExt;
use object_store::ObjectStore;

use crate::compaction::batches;
use crate::data_file::DataFile;
use crate::fault::FileFault;
use crate::file_schema::Schemas;
use crate::names::current;

/// The bounds of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleLimits {
    /// Most files.
    pub files: u64,
    /// Most bytes of one file; a larger one is passed over.
    pub file_bytes: u64,
    /// Most spans of one file.
    pub file_spans: usize,
    /// Most spans.
    pub spans: usize,
}

impl SampleLimits {
    /// No bounds.
    pub const NONE: Self =
        Self { files: u64::MAX, file_bytes: u64::MAX, file_spans: usize::MAX, spans: usize::MAX };
}

/// The outcome of a sample.
#[derive(Debug, Default)]
pub struct Sampled {
    /// The number of files whose spans were taken.
    pub files: u64,
    /// Files that could not be read.
    pub faults: Vec<FileFault>,
}

/// Gives spans of data files of a store to `take`, batch by batch, those of the newest file first. A file that cannot be
/// read is passed over.
///
/// Each span is given once: of copies of an object the one that counts is read, and a file that many were merged into is
/// read once.
pub async fn sample(
    store: &Arc<dyn ObjectStore>,
    files: &[DataFile],
    limits: SampleLimits,
    mut take: impl FnMut(Vec<Span>),
) -> Sampled {
    let schemas = Schemas::default();
    let mut sampled = Sampled::default();
    let mut room = limits.spans;
    for file in newest(files).into_iter().filter(|file| file.size <= limits.file_bytes) {
        if room == 0 || sampled.files >= limits.files {
            break;
        }
        let mut room_in_file = limits.file_spans.min(room);
        let before = room_in_file;
        let read = spans_of(store, file, &schemas, |mut spans| {
            spans.truncate(room_in_file);
            room_in_file -= spans.len();
            take(spans);
            room_in_file > 0
        });
        match read.await {
            Ok(()) => sampled.files += 1,
            Err(fault) => sampled.faults.push(fault),
        }
        room -= before - room_in_file;
    }
    sampled
}

/// The files that hold the spans of some, each once, by the end of their last span.
fn newest(files: &[DataFile]) -> Vec<&DataFile> {
    let counting = current(files.iter().collect(), |file: &&DataFile| file.name.as_ref()).current;
    let with_rows = counting.into_iter().filter(|file| !file.is_without_rows());
    let mut stored: Vec<&DataFile> = with_rows.map(DataFile::stored).collect();
    stored.sort_by_key(|file| (Reverse(*file.ends_ns().end()), &file.location));
    let mut seen = BTreeSet::new();
    stored.retain(|file| seen.insert(&file.location));
    stored
}

/// Gives the spans of a file to `take` until it wants no more.
async fn spans_of(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    schemas: &Schemas,
    mut take: impl FnMut(Vec<Span>) -> bool,
) -> Result<(), FileFault> {
    let (_, mut batches) = batches(store, file, schemas).await?;
    while let Some(batch) = batches.try_next().await? {
        let spans = from_batch(&batch).map_err(|error| FileFault::corrupt(&file.location, error))?;
        if !take(spans) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
