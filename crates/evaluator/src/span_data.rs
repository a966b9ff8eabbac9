//! The data files that an evaluation reads, with their footers, and those that it could not read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fluo_engine::{DataFiles, LeftOut, Opened, SpanSource};
use fluo_store::{DataFile, FileCounts, FileFault, Root};
use fluo_time::TimeRange;
use fluo_time::range::joined;
use futures::future::join_all;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::chain;
use crate::state::{Damaged, Loss, State, Unread};

/// The time in which a store gives one byte of a file, or counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most files of which one byte is asked for, all at once.
const MOST_ASKED: usize = 64;

/// Reads data files of one store, and remembers what they are.
#[derive(Debug)]
pub struct SpanData {
    root: Root,
    files: DataFiles,
}

/// Returns the range in which the spans of a file ended, as far as its place says.
pub(crate) fn ends_of(file: &DataFile) -> TimeRange {
    file.ends_ns().into()
}

impl SpanData {
    /// Of the store at `root`.
    pub fn new(root: Root) -> Self {
        Self { files: DataFiles::new(Arc::clone(&root.store)), root }
    }

    /// The store.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// A file's place below the root.
    pub(crate) fn name(&self, file: &DataFile) -> String {
        self.name_of(&file.location)
    }

    pub(crate) fn name_of(&self, location: &Path) -> String {
        let below = location.prefix_match(&self.root.prefix);
        below.map_or_else(|| location.to_string(), |parts| parts.collect::<Path>().to_string())
    }

    /// The given files as a source; `None` where one of them is damaged or cannot be read now, which is put down in `state`.
    /// Of an outage every file is asked for once in an evaluation: leave out what is put down ([`Self::not_missing`]).
    pub(crate) async fn source(&self, files: &[DataFile], state: &mut State) -> Option<SpanSource> {
        let Opened { mut source, faults, .. } = self.files.source(files).await;
        for (file, fault) in &faults {
            self.not_opened(fault, file, state);
        }
        if !faults.is_empty() {
            return None;
        }
        let Holes { damaged, unread } = Holes::of(state);
        for hole in damaged.into_iter().chain(unread) {
            source.add_damage(hole);
        }
        Some(source)
    }

    /// The given files as a source that decides nothing: of what cannot be read, nothing is put down.
    ///
    /// # Errors
    ///
    /// The reason why one of them cannot be read.
    pub(crate) async fn readable(&self, files: &[DataFile]) -> Result<SpanSource, String> {
        let Opened { source, faults, .. } = self.files.source(files).await;
        match faults.first() {
            Some((_, fault)) => Err(chain(fault.reason())),
            None => Ok(source),
        }
    }

    /// Returns those of the files of which nothing is put down in `state`.
    pub(crate) fn not_missing(&self, files: &[DataFile], state: &State) -> Vec<DataFile> {
        let damaged = state.damaged.iter().map(|known| known.name.as_str());
        let missing: BTreeSet<&str> =
            damaged.chain(state.unread.iter().map(|known| known.name.as_str())).collect();
        // Nearly always nothing is missing, and every rule has thousands of files.
        let is_missing =
            |file: &DataFile| !missing.is_empty() && missing.contains(self.name(file.stored()).as_str());
        files.iter().filter(|file| !is_missing(file)).cloned().collect()
    }

    /// Returns of each file the number of its spans, and what ingest counted; in the order of the files.
    pub(crate) async fn counts(&self, files: &[DataFile]) -> Vec<Result<(u64, FileCounts), FileFault>> {
        self.files.counts(files).await
    }

    /// Puts down a file that turned out not to be readable when it was opened.
    pub(crate) fn not_opened(&self, fault: &FileFault, file: &DataFile, state: &mut State) {
        self.put_down(fault, ends_of(file), Some(tag_of(file)), state);
    }

    /// Puts down files that turned out not to be readable while they were read.
    pub(crate) fn left_out(&self, left_out: Vec<LeftOut>, files: &[DataFile], state: &mut State) {
        for LeftOut { fault, ends } in left_out {
            let mut stored = files.iter().map(DataFile::stored);
            let tag = stored.find(|file| file.location == *fault.location()).map(tag_of);
            self.put_down(&fault, ends, tag, state);
        }
    }

    /// Returns those of the files of which the store gives no byte in time. A rule that used up its time waiting for
    /// the store is not to blame.
    pub(crate) async fn unanswered(&self, files: &[DataFile]) -> Vec<DataFile> {
        let mut places = BTreeSet::new();
        let stored = files.iter().map(DataFile::stored);
        let files: Vec<DataFile> =
            stored.filter(|file| places.insert(file.location.as_ref())).cloned().collect();
        let (asked, rest) = files.split_at(files.len().min(MOST_ASKED));
        let answers = join_all(asked.iter().map(async |file| {
            let byte = self.root.store.get_range(&file.location, 0..1);
            tokio::time::timeout(PATIENCE, byte).await.is_ok_and(|answer| answer.is_ok())
        }));
        let unanswered = |(file, answered): (&DataFile, bool)| (!answered).then(|| file.clone());
        let mut files: Vec<DataFile> = asked.iter().zip(answers.await).filter_map(unanswered).collect();
        if files.len() == MOST_ASKED {
            // It is down.
            files.extend_from_slice(rest);
        }
        files
    }

    /// Puts down files as not readable now, unless more is known of them.
    pub(crate) fn unreachable(&self, files: &[DataFile], state: &mut State) {
        for file in self.not_missing(files, state) {
            let fault = FileFault::unavailable(&file.location, "the store does not answer");
            self.not_opened(&fault, &file, state);
        }
    }

    fn put_down(&self, fault: &FileFault, ends: TimeRange, tag: Option<String>, state: &mut State) {
        let (name, reason) = (self.name_of(fault.location()), chain(fault.reason()));
        if fault.is_gone() {
            state.damaged.push(Damaged { name, ends, reason: GONE.to_owned(), loss: Loss::Gone, tag: None });
        } else if fault.is_unavailable() {
            state.unread.push(Unread { name, ends, reason });
        } else {
            state.damaged.push(Damaged { name, ends, reason, loss: Loss::Damaged, tag });
        }
    }
}

/// The reason of a file's loss that was there and is not any more.
pub(crate) const GONE: &str = "it was there, and is gone";

/// Returns the tag that tells the bytes of a file from others at its place.
pub(crate) fn tag_of(file: &DataFile) -> String {
    let times = || format!("{} bytes of {}", file.size, file.last_modified_ms);
    file.e_tag.clone().unwrap_or_else(times)
}

/// Event times of which spans are missing to an evaluation, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Holes {
    /// For good: the file is damaged, or gone.
    pub(crate) damaged: Vec<TimeRange>,
    /// For now: the file cannot be read.
    pub(crate) unread: Vec<TimeRange>,
}

impl Holes {
    /// Returns the holes that the state knows.
    pub(crate) fn of(state: &State) -> Self {
        Self {
            damaged: joined(state.damaged.iter().map(|damaged| damaged.ends)),
            unread: joined(state.unread.iter().map(|unread| unread.ends)),
        }
    }

    /// Both kinds.
    pub(crate) fn all(&self) -> Vec<TimeRange> {
        joined(self.damaged.iter().chain(&self.unread).copied())
    }
}
