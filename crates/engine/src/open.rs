//! Data files of a store, opened: the one place where a file becomes spans that rules read, or a fault that is told.
//!
//! `fluo eval`, the evaluator, replays and the demo all open files here. What a file turned out to be is remembered; a
//! request that failed is not, and is made again the next time.
//!
//! Files that were replaced are read from the compacted file that they lie within: all of it where all of its files are
//! asked for, else the rows that came from those that are.

use fluo_spans::layout::Layout;
use fluo_store::compaction::origins::Origins;
use fluo_store::guard::locked;
use fluo_store::names::current;
use fluo_store::{
    CompactedFile, DataFile, FileCounts, FileFault, OpenFile, StoreError, list, open, resolve_root,
};
use fluo_time::TimeRange;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::file_cache::{FEW_ROWS, FileCache};
use crate::source::{FileOf, SpanSource};

/// Files opened at a time.
const CONCURRENT: usize = 16;

/// Compacted files whose origins are kept: a few megabytes each.
const MOST_ORIGINS: usize = 16;

/// Files of which it is remembered what they are: a few hundred bytes each.
const MOST_KNOWN: usize = 100_000;

/// The data files of one store.
#[derive(Debug)]
pub struct DataFiles {
    cache: Arc<FileCache>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By place, size and tag.
    files: BTreeMap<String, OpenFile>,
    /// Thousands of files share one layout.
    layouts: BTreeMap<Layout, Arc<Layout>>,
    /// Of compacted files of which not all rows were asked for.
    origins: BTreeMap<Path, Arc<Origins>>,
}

/// Some of the files that a compacted file replaced.
struct Part {
    output: Arc<CompactedFile>,
    files: BTreeSet<usize>,
}

/// Files as a source of spans, and what opening them told besides.
#[derive(Debug, Default)]
pub struct Opened {
    /// The spans in them.
    pub source: SpanSource,
    /// Files that are read.
    pub files: usize,
    /// Spans in them, copies included.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are not read, and why; windows that they may touch are partial.
    pub faults: Vec<(DataFile, FileFault)>,
    /// Objects among the files that are no data files.
    pub foreign: Vec<(Path, String)>,
}

impl DataFiles {
    /// Of a store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self::with_small_files(store, FEW_ROWS)
    }

    /// Of a store. Files with at most so many rows are small: of these, whole columns are read and kept; of others, the
    /// rows that matter.
    pub fn with_small_files(store: Arc<dyn ObjectStore>, rows: u64) -> Self {
        Self { cache: Arc::new(FileCache::new(store, rows)), known: Mutex::default() }
    }

    /// Opens what lies at or below `root`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] where the store cannot list.
    pub async fn below(&self, root: &Path) -> Result<Opened, StoreError> {
        let (files, foreign) = self.list(root).await?;
        Ok(Opened { foreign, ..self.source(&files).await })
    }

    /// Opens what lies at or below `root`, and returns apart from it the files that are sound and not of fluo: who can read
    /// them as something else makes up for them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] where the store cannot list.
    pub async fn below_apart(&self, root: &Path) -> Result<(Opened, Vec<(DataFile, FileFault)>), StoreError> {
        let (files, foreign) = self.list(root).await?;
        let (mut own, alone): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.within.is_some());
        let mut others = Vec::new();
        for (file, opened) in alone.iter().zip(self.open(&alone).await) {
            match opened {
                Err(fault @ FileFault::Foreign { .. }) => others.push((file.clone(), fault)),
                // The cache remembers the outcome.
                _ => own.push(file.clone()),
            }
        }
        Ok((Opened { foreign, ..self.source(&own).await }, others))
    }

    async fn list(&self, root: &Path) -> Result<(Vec<DataFile>, Vec<(Path, String)>), StoreError> {
        let store = self.cache.store().as_ref();
        let listing = list(store, &resolve_root(store, root).await?).await?;
        // Only what a listing replaces is skipped: of equal hour and content the newest counts.
        let files = current(listing.files, |file| file.name.as_ref()).current;
        let foreign = listing.foreign.iter().map(|it| (it.location.clone(), it.reason.to_owned())).collect();
        Ok((files, foreign))
    }

    /// Opens files.
    pub async fn source(&self, files: &[DataFile]) -> Opened {
        let mut opened = Opened::default();
        let mut by_layout: BTreeMap<Arc<Layout>, Vec<FileOf>> = BTreeMap::new();
        let (mut stored, parts) = apart(files);
        let alone = stored.len();
        stored.extend(parts.iter().map(|part| part.output.file.clone()));
        for (at, (file, result)) in stored.iter().zip(self.open(&stored).await).enumerate() {
            let part = at.checked_sub(alone).and_then(|at| parts.get(at));
            let result = match (result, part) {
                (Ok(opened), Some(part)) => self.rows_of(part).await.map(|only| (opened, only)),
                (result, _) => result.map(|opened| (opened, None)),
            };
            match result {
                Ok((OpenFile { layout, ends, rows, unique, .. }, only)) => {
                    let some = only.as_ref().map(|only| only.iter().map(|rows| rows.end - rows.start).sum());
                    let rows = some.unwrap_or(rows);
                    opened.files += 1;
                    opened.spans += rows;
                    opened.bytes += file.size;
                    // A file without rows has nothing to read, nor ends.
                    if let Some(ends) = ends {
                        let ends = TimeRange { from: *ends.start(), to: *ends.end() };
                        by_layout.entry(layout).or_default().push(FileOf {
                            object: object_meta(file),
                            ends,
                            rows,
                            unique,
                            only,
                        });
                    }
                }
                Err(fault) => {
                    let ends = file.ends_ns();
                    opened.source.add_damage(TimeRange { from: *ends.start(), to: *ends.end() });
                    opened.faults.push((file.clone(), fault));
                }
            }
        }
        for (layout, files) in by_layout {
            opened.source.add_files(&self.cache, files, layout.as_ref().clone());
        }
        opened
    }

    /// The rows of a compacted file that came from some of its files; `None` where that is all of them.
    async fn rows_of(&self, part: &Part) -> Result<Option<Arc<[Range<u64>]>>, FileFault> {
        if part.files.len() == part.output.files.len() {
            return Ok(None);
        }
        let origins = self.origins(&part.output).await?;
        let is_asked_for = |file: u32| usize::try_from(file).is_ok_and(|file| part.files.contains(&file));
        Ok(Some(origins.rows_of(is_asked_for).into()))
    }

    /// The origins of a compacted file's rows.
    async fn origins(&self, output: &CompactedFile) -> Result<Arc<Origins>, FileFault> {
        let location = output.origins();
        if let Some(known) = self.known().origins.get(&location) {
            return Ok(Arc::clone(known));
        }
        let read = Origins::read(self.cache.store().as_ref(), &location).await;
        // What is wrong with them is wrong with the file: its rows cannot be told apart.
        let read = Arc::new(read.map_err(|fault| fault.of(&output.file.location))?);
        let mut known = self.known();
        if known.origins.len() >= MOST_ORIGINS {
            known.origins.clear();
        }
        known.origins.insert(location, Arc::clone(&read));
        Ok(read)
    }

    /// Returns of each file the number of its spans, and what ingest counted; in the order of the files.
    pub async fn counts(&self, files: &[DataFile]) -> Vec<Result<(u64, FileCounts), FileFault>> {
        let alone: Vec<DataFile> = files.iter().filter(|file| file.within.is_none()).cloned().collect();
        let mut opened = self.open(&alone).await.into_iter();
        let of_file = |file: &DataFile| match file.within.as_ref().map(|within| within.replaced()) {
            Some(replaced) => {
                let rows = file.name.as_ref().map_or(0, |name| name.rows);
                Some(Ok((rows, replaced.map(|replaced| replaced.counts.clone()).unwrap_or_default())))
            }
            None => opened.next().map(|opened| opened.map(|opened| (opened.rows, opened.counts))),
        };
        files.iter().filter_map(of_file).collect()
    }

    /// Opens each of the files, in their order. None of them lies within another.
    async fn open(&self, files: &[DataFile]) -> Vec<Result<OpenFile, FileFault>> {
        let mut opened: Vec<Option<Result<OpenFile, FileFault>>> =
            files.iter().map(|file| self.known().files.get(&key(file)).cloned().map(Ok)).collect();
        let unknown: Vec<&DataFile> =
            files.iter().zip(&opened).filter(|(_, known)| known.is_none()).map(|(file, _)| file).collect();
        let mut asked = ask(&unknown, |file| &file.location, |file| self.one(file)).await.into_iter();
        for slot in &mut opened {
            if slot.is_none() {
                *slot = asked.next();
            }
        }
        opened.into_iter().flatten().collect()
    }

    async fn one(&self, file: &DataFile) -> Result<OpenFile, FileFault> {
        let cache = &self.cache;
        let (mut opened, footer) = open(cache.store(), file, &cache.schemas).await?;
        cache.opened(&file.location, file.size, footer);
        let mut known = self.known();
        if known.files.len() >= MOST_KNOWN {
            known.files.clear();
        }
        let layout = Arc::clone(&opened.layout);
        opened.layout = Arc::clone(known.layouts.entry(layout.as_ref().clone()).or_insert(layout));
        known.files.insert(key(file), opened.clone());
        Ok(opened)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }
}

/// Files that lie there themselves, and those that lie within compacted ones, by these.
fn apart(files: &[DataFile]) -> (Vec<DataFile>, Vec<Part>) {
    let mut alone = Vec::new();
    let mut parts: BTreeMap<&Path, Part> = BTreeMap::new();
    for file in files {
        match &file.within {
            None => alone.push(file.clone()),
            Some(within) => {
                let part = parts.entry(&within.output.file.location);
                let none = || Part { output: Arc::clone(&within.output), files: BTreeSet::new() };
                part.or_insert_with(none).files.insert(within.at);
            }
        }
    }
    (alone, parts.into_values().collect())
}

/// Returns the key under which facts about a file are kept: its location, its size and its entity tag.
fn key(file: &DataFile) -> String {
    format!("{} {} {}", file.location, file.size, file.e_tag.as_deref().unwrap_or_default())
}

/// Asks a store for something of each of the files, and returns its answers in their order.
///
/// The store counts as down after `CONCURRENT` failed requests in a row. The remaining files are then not asked for:
/// each of thousands would wait for its own time limit.
pub(crate) async fn ask<'a, F, T>(
    files: &[&'a F],
    location: impl Fn(&F) -> &Path,
    request: impl AsyncFn(&'a F) -> Result<T, FileFault>,
) -> Vec<Result<T, FileFault>> {
    let mut answers = Vec::with_capacity(files.len());
    let mut failed_in_a_row = 0;
    for some in files.chunks(CONCURRENT) {
        if failed_in_a_row >= CONCURRENT {
            let down = |file: &&F| Err(FileFault::unavailable(location(file), "the store answers nothing"));
            answers.extend(some.iter().map(down));
            continue;
        }
        for answer in join_all(some.iter().map(|file| request(file))).await {
            let failed = answer.as_ref().is_err_and(FileFault::is_unavailable);
            failed_in_a_row = if failed { failed_in_a_row + 1 } else { 0 };
            answers.push(answer);
        }
    }
    answers
}

/// A data file as readers know it.
fn object_meta(file: &DataFile) -> ObjectMeta {
    ObjectMeta {
        location: file.location.clone(),
        // Only caches look at it, and a file of a name never changes.
        last_modified: chrono::DateTime::from_timestamp_millis(file.last_modified_ms).unwrap_or_default(),
        size: file.size,
        e_tag: file.e_tag.clone(),
        version: None,
    }
}
