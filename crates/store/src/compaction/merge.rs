//! The files of a portion → the bytes of one, in bounded memory.
//!
//! ```text
//! files, by their first ends ─▶ spans wait ─▶ those that ended before the first end of every file that is left
//!                                                └▶ runs of a row group: each span once, by service and end
//! ```
//!
//! A run is the next stretch of time. So copies, which end at one moment, meet in a run; a row group covers a short time
//! and a file some minutes; and no more waits than spans of files that overlap. Where these are too many, the later half
//! of what waits is let go of, and its files are read a second time when their turn has come.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use fluo_spans::layout::Layout;
use fluo_spans::span::Resource;
use futures::TryStreamExt;
use object_store::ObjectStore;

use super::origins::{Origins, RowOrigin};
use super::plan::{Candidate, Sizes};
use super::read::{Ahead, batches};
use super::rows::{Distinct, Row, distinct, rows_of};
use crate::counts::FileCounts;
use crate::data_file::DataFile;
use crate::error::StoreError;
use crate::fault::FileFault;
use crate::file_schema::Schemas;
use crate::names::{Content, DataFileName};
use crate::open_file::OpenFile;
use crate::parquet_write::{Packing, SpanFileWriter};

/// A merged portion that is not written yet.
pub(super) struct Merged {
    pub(super) name: DataFileName,
    pub(super) parquet: Bytes,
    pub(super) origins: Bytes,
    /// Its files as they said they were.
    pub(super) opened: Vec<OpenFile>,
    pub(super) duplicates: u64,
    pub(super) conflicts: u64,
}

/// The reason for which a portion was not merged.
#[derive(Debug, thiserror::Error)]
pub(super) enum MergeError {
    /// Occurs when one of its files cannot be read.
    #[error(transparent)]
    File(#[from] FileFault),
    /// Occurs when the file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Merges the files of a portion into one of a generation, in a layout, or that of the newest file where it is newer.
pub(super) async fn merge(
    store: &Arc<dyn ObjectStore>,
    portion: &[Candidate],
    generation: u32,
    sizes: &Sizes,
    layout: &Layout,
) -> Result<Merged, MergeError> {
    let schemas = Schemas::default();
    let layout = newest_layout(store, portion, &schemas, layout).await?;
    let files: Vec<&DataFile> = portion.iter().map(|candidate| &candidate.file).collect();
    let mut sweep = Sweep {
        sizes,
        ahead: Ahead::new(store, &files),
        schemas,
        pending: Pending::default(),
        opened: vec![None; files.len()],
        files,
        waiting: Vec::new(),
        resources: HashSet::new(),
        cost: 0,
        look_at: sizes.run,
        ceiling: i64::MAX,
        out: Out {
            writer: SpanFileWriter::new(&layout, Packing::Small),
            origins: Origins::new(portion.len()),
            sets: BTreeMap::new(),
            unique: true,
            rows: 0,
            ends: None,
            duplicates: 0,
            conflicts: 0,
        },
    };
    for (at, candidate) in portion.iter().enumerate() {
        sweep.pending.add(at, *candidate.name.ends_ns().start());
    }
    sweep.run().await?;
    let Sweep { out, opened, .. } = sweep;
    let Out { writer, origins, unique, rows, ends, duplicates, conflicts, .. } = out;
    let parquet = Bytes::from(writer.finish(&FileCounts::default(), unique)?);
    let origins = origins.to_bytes().map_err(compression)?;
    // Equal spans may come of other files: these are part of what the name stands for.
    let mut whole: Vec<u8> = Content::of(&parquet).to_string().into_bytes();
    whole.extend(Content::of(&origins).to_string().into_bytes());
    for candidate in portion {
        whole.extend(candidate.name.to_string().into_bytes());
    }
    let decoder = portion.iter().map(|candidate| candidate.name.decoder).min().unwrap_or_default();
    let (first, last) = ends.unwrap_or_default();
    let name = DataFileName::new(first..=last, rows, Content::of(&whole), layout.number, decoder)?;
    Ok(Merged {
        name: DataFileName { compacted: Some(generation), ..name },
        parquet,
        origins,
        opened: opened.into_iter().flatten().collect(),
        duplicates,
        conflicts,
    })
}

pub(super) fn compression(source: std::io::Error) -> StoreError {
    StoreError::Parquet(parquet::errors::ParquetError::External(Box::new(source)))
}

/// The newest layout: the store's, or that of the newest file, where whoever wrote it knew a newer one.
async fn newest_layout(
    store: &Arc<dyn ObjectStore>,
    portion: &[Candidate],
    schemas: &Schemas,
    of_store: &Layout,
) -> Result<Layout, FileFault> {
    let newest = portion.iter().max_by_key(|candidate| candidate.name.layout);
    match newest.filter(|newest| newest.name.layout > of_store.number) {
        Some(newest) => {
            Ok(crate::open_file::open(store, &newest.file, schemas).await?.0.layout.as_ref().clone())
        }
        None => Ok(of_store.clone()),
    }
}

/// Files that are to be read, each from a moment on.
#[derive(Default)]
struct Pending {
    by_time: BTreeSet<(i64, usize)>,
    from: BTreeMap<usize, i64>,
}

impl Pending {
    /// A file is to be read from a moment on, or from an earlier one if it is to be already.
    fn add(&mut self, file: usize, from: i64) {
        let known = self.from.get(&file).copied();
        if known.is_some_and(|known| known <= from) {
            return;
        }
        if let Some(known) = known {
            self.by_time.remove(&(known, file));
        }
        self.from.insert(file, from);
        self.by_time.insert((from, file));
    }

    /// The moment from which on a file is left.
    fn first(&self) -> Option<i64> {
        self.by_time.first().map(|(from, _)| *from)
    }

    fn take(&mut self) -> Option<(i64, usize)> {
        let (from, file) = self.by_time.pop_first()?;
        self.from.remove(&file);
        Some((from, file))
    }
}

struct Sweep<'a> {
    sizes: &'a Sizes,
    files: Vec<&'a DataFile>,
    ahead: Ahead,
    schemas: Schemas,
    pending: Pending,
    opened: Vec<Option<OpenFile>>,
    waiting: Vec<Row>,
    /// Those of the spans that wait: of each one for all.
    resources: HashSet<Arc<Resource>>,
    /// Bytes of what waits.
    cost: usize,
    /// So many wait before it is looked at whether they fill a run.
    look_at: usize,
    /// Nothing that ends from this moment on is taken, until all before it is written.
    ceiling: i64,
    out: Out<'a>,
}

impl Sweep<'_> {
    async fn run(&mut self) -> Result<(), MergeError> {
        loop {
            match self.pending.first() {
                Some(from) if from < self.ceiling => {
                    if self.waiting.len() >= self.look_at {
                        self.write_before(from)?;
                    }
                    if let Some((from, file)) = self.pending.take() {
                        self.read(file, from).await?;
                    }
                }
                left => {
                    let all = std::mem::take(&mut self.waiting);
                    self.write(all, true)?;
                    self.forget();
                    if left.is_none() {
                        return Ok(());
                    }
                    self.ceiling = i64::MAX;
                }
            }
        }
    }

    /// Reads the spans of a file that ended from a moment on.
    async fn read(&mut self, at: usize, from: i64) -> Result<(), MergeError> {
        let file = self.files[at];
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let is_first = self.opened[at].is_none();
        let from = if is_first { i64::MIN } else { from };
        let store = self.ahead.store_of(at).await?;
        let (opened, mut batches) = batches(&store, file, &self.schemas).await?;
        let last = opened.ends.as_ref().map(|ends| *ends.end());
        self.opened[at] = Some(opened);
        while let Some(batch) = batches.try_next().await? {
            let rows = rows_of(&batch, (from, self.ceiling), number);
            for mut row in rows.map_err(|error| FileFault::corrupt(&file.location, error))? {
                self.share(&mut row);
                self.cost += row.cost();
                self.waiting.push(row);
            }
            if self.cost > self.sizes.memory {
                self.let_go()?;
            }
        }
        if last.is_some_and(|last| last >= self.ceiling) {
            self.pending.add(at, self.ceiling);
        }
        Ok(())
    }

    /// Lets spans of one resource share it.
    fn share(&mut self, row: &mut Row) {
        if let Some(known) = self.resources.get(&row.span.resource) {
            row.span.resource = Arc::clone(known);
        } else {
            self.cost += row.span.resource.cost();
            self.resources.insert(Arc::clone(&row.span.resource));
        }
    }

    /// Lets go of the later half of what waits. Its files are read again.
    fn let_go(&mut self) -> Result<(), MergeError> {
        let mut ends: Vec<i64> = self.waiting.iter().map(|row| row.span.end_ns).collect();
        ends.sort_unstable();
        let (Some(first), Some(middle)) = (ends.first(), ends.get(ends.len() / 2)) else { return Ok(()) };
        let cut = if middle > first { Some(middle) } else { ends.iter().find(|end| *end > first) };
        let Some(&cut) = cut else {
            // All ended at one moment. They are written as they are, and the file does not say that it holds no span
            // twice.
            let all = std::mem::take(&mut self.waiting);
            self.out.unique = false;
            self.write(all, true)?;
            self.forget();
            return Ok(());
        };
        self.ceiling = cut;
        let (kept, gone): (Vec<Row>, Vec<Row>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|row| row.span.end_ns < cut);
        let mut files = BTreeSet::new();
        for row in &gone {
            if let RowOrigin::One(file) = row.from {
                files.insert(file as usize);
            }
        }
        for file in files {
            self.pending.add(file, cut);
        }
        drop(gone);
        self.keep(kept);
        Ok(())
    }

    /// Writes full runs of the spans that ended before a moment, of which no more come.
    fn write_before(&mut self, moment: i64) -> Result<(), MergeError> {
        let complete = self.waiting.iter().filter(|row| row.span.end_ns < moment).count();
        if complete < self.sizes.run {
            self.look_at = self.waiting.len() + (self.sizes.run - complete).min(self.sizes.run / 8 + 1);
            return Ok(());
        }
        let (complete, mut rest): (Vec<Row>, Vec<Row>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|row| row.span.end_ns < moment);
        rest.extend(self.write(complete, false)?);
        self.keep(rest);
        Ok(())
    }

    /// Writes spans of which no more come in runs, and returns those that do not fill one, unless `all` are to be
    /// written.
    fn write(&mut self, mut rows: Vec<Row>, all: bool) -> Result<Vec<Row>, MergeError> {
        rows.sort_by_key(|row| row.span.end_ns);
        while rows.len() > self.sizes.run {
            // Copies end at one moment, and must meet.
            let mut at = self.sizes.run;
            while at < rows.len() && rows[at].span.end_ns == rows[at - 1].span.end_ns {
                at += 1;
            }
            let rest = rows.split_off(at);
            self.out.write(std::mem::replace(&mut rows, rest))?;
        }
        if all || rows.len() == self.sizes.run {
            self.out.write(std::mem::take(&mut rows))?;
        }
        Ok(rows)
    }

    fn keep(&mut self, rows: Vec<Row>) {
        self.forget();
        let mut waiting = rows;
        for row in &mut waiting {
            self.share(row);
            self.cost += row.cost();
        }
        self.waiting = waiting;
        self.look_at = self.sizes.run.max(self.waiting.len() + 1);
    }

    fn forget(&mut self) {
        self.resources.clear();
        self.cost = 0;
        self.look_at = self.sizes.run;
    }
}

impl Row {
    /// About how many bytes of memory it takes.
    fn cost(&self) -> usize {
        self.span.cost() + size_of::<Self>() - size_of::<fluo_spans::span::Span>()
    }
}

/// The file that comes out.
struct Out<'a> {
    writer: SpanFileWriter<'a>,
    origins: Origins,
    sets: BTreeMap<Vec<u32>, u32>,
    unique: bool,
    rows: u64,
    ends: Option<(i64, i64)>,
    duplicates: u64,
    conflicts: u64,
}

impl Out<'_> {
    /// Writes a run.
    fn write(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        let Distinct { rows, duplicates, conflicts } = distinct(rows);
        self.unique &= conflicts == 0;
        self.duplicates += duplicates;
        self.conflicts += conflicts;
        self.rows += rows.len() as u64;
        let (mut spans, mut times) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for Row { span, ingested_at_ms, from } in rows {
            self.origins.push(&from, &mut self.sets);
            let (first, last) = self.ends.unwrap_or((span.end_ns, span.end_ns));
            self.ends = Some((first.min(span.end_ns), last.max(span.end_ns)));
            spans.push(span);
            times.push(ingested_at_ms);
        }
        if spans.is_empty() {
            return Ok(());
        }
        self.writer.add_sorted(&spans, &times)
    }
}
