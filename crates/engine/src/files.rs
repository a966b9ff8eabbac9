//! Data files as streams of batches, for threads that share them.
//!
//! Whatever goes wrong in a file, a panic of a reader included, is told as that file's fault: readers of Parquet do not
//! say which file they fail on.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{Schema, SchemaRef};
use fluo_spans::layout::Layout;
use fluo_store::guard::{guarded, guarded_stream};
use fluo_store::{FileFault, FileReader, Footer, arrow_metadata};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::errors::Result;

use crate::error::EngineError;
use crate::file_cache::FileCache;
use crate::pages::{Chosen, Sought};
use crate::row_test::RowTest;
use crate::source::FileOf;

/// Batches of one thread.
pub(crate) type Batches = BoxStream<'static, std::result::Result<RecordBatch, EngineError>>;

/// Spans a batch.
const BATCH: usize = 8192;

/// Only batches of fewer rows than this part of one are put together.
const COALESCED_PART: usize = 4;

/// Bytes of batches that wait to be put together; each may be larger by itself.
const MOST_WAITING: usize = 16 << 20;

/// Files that a thread has under way: while one is read, the next is fetched.
const AHEAD: usize = 2;

/// Fewer files a thread than these are shared by row groups.
const FEW_FILES: usize = 4;

/// Some columns of data files of one layout.
pub(crate) struct Files {
    pub(crate) cache: Arc<FileCache>,
    pub(crate) shared: Vec<FileOf>,
    pub(crate) layout: Layout,
    /// The columns that are read, in the layout's order.
    pub(crate) schema: SchemaRef,
    pub(crate) sought: Sought,
    /// A test of rows before all columns of them are read.
    pub(crate) test: Option<RowTest>,
}

/// Some row groups of a file.
#[derive(Clone, Copy)]
struct Share {
    file: usize,
    /// Each `of`th row group from `nth` on.
    nth: usize,
    of: usize,
}

impl Files {
    /// The batches in which spans that are sought may be, for so many threads.
    pub(crate) fn streams(self, threads: usize) -> Vec<Batches> {
        let of = if self.shared.len() < FEW_FILES * threads { threads } else { 1 };
        let (files, next) = (Arc::new(self), Arc::new(AtomicUsize::new(0)));
        let shares = move |next: Arc<AtomicUsize>, files: Arc<Self>| {
            std::iter::from_fn(move || {
                let at = next.fetch_add(1, Ordering::Relaxed);
                (at < files.shared.len() * of)
                    .then(|| (Arc::clone(&files), Share { file: at / of, nth: at % of, of }))
            })
        };
        (0..threads)
            .map(|_| {
                let batches = stream::iter(shares(Arc::clone(&next), Arc::clone(&files)))
                    .map(|(files, share)| async move { files.open(share).await })
                    .buffered(AHEAD)
                    .try_flatten();
                coalesced(batches.boxed(), &files.schema)
            })
            .collect()
    }

    /// Opens a share, and waits for its first batch.
    async fn open(&self, share: Share) -> std::result::Result<Batches, EngineError> {
        let FileOf { object: file, only, .. } = &self.shared[share.file];
        let footer = self.cache.footer(&file.location, file.size).await.map_err(EngineError::File)?;
        let metadata = footer.for_readers();
        // What every row group says, since that is what is read; a footer can say another sum.
        let rows =
            metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
        let few = rows.fold(0, u64::saturating_add) <= self.cache.few_rows;
        if few && only.is_none() {
            return if share.nth == 0 { self.small(file, footer).await } else { Ok(stream::empty().boxed()) };
        }
        let row_groups = (0..metadata.num_row_groups()).skip(share.nth).step_by(share.of);
        let chosen = self.sought.within(metadata, row_groups, only.as_deref());
        let mut batches = self.read(file, footer, chosen)?;
        let first = batches.next().await;
        Ok(stream::iter(first).chain(batches).boxed())
    }

    /// All rows of a small file, whose columns are kept.
    async fn small(
        &self,
        file: &ObjectMeta,
        footer: Arc<Footer>,
    ) -> std::result::Result<Batches, EngineError> {
        let known = self.cache.columns(&file.location, file.size);
        let names = || Schema::fields(&self.schema).iter().map(|field| field.name());
        let missing: BTreeSet<String> = names().filter(|name| !known.contains_key(*name)).cloned().collect();
        let mut columns = Arc::clone(&known);
        if !missing.is_empty() {
            let selection = footer.schema().selected(&self.layout, &missing);
            let selection = selection.map_err(|error| of_file(&file.location, error))?;
            let store = Arc::clone(self.cache.store());
            let reader = FileReader::new(store, file.location.clone(), file.size, footer);
            let read = reader.whole_columns(&selection).await.map_err(EngineError::File)?;
            let schema = read.schema();
            let read = Schema::fields(&schema)
                .iter()
                .map(|field| field.name().clone())
                .zip(read.columns().iter().cloned());
            Arc::make_mut(&mut columns).extend(read);
            self.cache.keep_columns(&file.location, file.size, Arc::clone(&columns));
        }
        let found =
            names().map(|name| columns.get(name).cloned().ok_or_else(|| EngineError::Column(name.clone())));
        let found = found.collect::<std::result::Result<Vec<_>, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), found);
        let batch = batch.map_err(|error| of_file(&file.location, error))?;
        let starts = (0..batch.num_rows()).step_by(BATCH);
        let part = move |start: usize| batch.slice(start, BATCH.min(batch.num_rows() - start));
        Ok(stream::iter(starts.map(part).map(Ok).collect::<Vec<_>>()).boxed())
    }

    /// Reads some rows of a file.
    fn read(
        &self,
        file: &ObjectMeta,
        footer: Arc<Footer>,
        chosen: Chosen,
    ) -> std::result::Result<Batches, EngineError> {
        if chosen.row_groups.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let location = file.location.clone();
        let test = self.test.as_ref().map(|test| Ok::<_, EngineError>((test, test.schemas(&self.layout)?)));
        let test = test.transpose()?;
        let open = || -> Result<_> {
            let metadata = arrow_metadata(&footer, &self.layout)?;
            let names = Schema::fields(&self.schema).iter().map(|field| field.name().as_str());
            let columns = ProjectionMask::columns(metadata.parquet_schema(), names);
            let store = Arc::clone(self.cache.store());
            let reader = FileReader::new(store, location.clone(), file.size, footer);
            let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
                .with_projection(columns)
                .with_row_groups(chosen.row_groups)
                .with_batch_size(BATCH);
            if let Some(rows) = chosen.rows {
                builder = builder.with_row_selection(rows);
            }
            if let Some((test, schemas)) = test {
                let filter = test.filter(schemas, builder.parquet_schema());
                builder = builder.with_row_filter(filter);
            }
            builder.build()
        };
        let batches = match guarded(open) {
            Ok(batches) => batches.map_err(|error| of_file(&location, error))?,
            Err(panic) => return Err(of_file(&location, panic)),
        };
        let schema = Arc::clone(&self.schema);
        let batches = guarded_stream(batches.boxed()).map(move |batch| match batch {
            Ok(batch) => {
                let batch = batch.map_err(|error| of_file(&location, error))?;
                let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec());
                batch.map_err(|error| of_file(&location, error))
            }
            Err(panic) => Err(of_file(&location, panic)),
        });
        Ok(batches.boxed())
    }
}

/// The same rows in fewer batches: those of small files put together, as long as they take little memory.
fn coalesced(batches: Batches, schema: &SchemaRef) -> Batches {
    let coalescer = BatchCoalescer::new(Arc::clone(schema), BATCH)
        .with_biggest_coalesce_batch_size(Some(BATCH / COALESCED_PART));
    stream::try_unfold((batches, coalescer, 0), |(mut batches, mut coalescer, mut waiting)| async move {
        loop {
            if let Some(batch) = coalescer.next_completed_batch() {
                waiting = 0;
                return Ok(Some((batch, (batches, coalescer, waiting))));
            }
            match batches.try_next().await? {
                Some(batch) => {
                    let bytes = batch.get_array_memory_size();
                    if waiting + bytes > MOST_WAITING {
                        coalescer.finish_buffered_batch()?;
                        waiting = 0;
                    }
                    waiting += bytes;
                    coalescer.push_batch(batch)?;
                }
                None if coalescer.is_empty() => return Ok(None),
                None => coalescer.finish_buffered_batch()?,
            }
        }
    })
    .boxed()
}

/// The fault of the file in which something went wrong.
fn of_file(location: &Path, error: impl Error + Send + Sync + 'static) -> EngineError {
    let fault = FileFault::behind(&error).cloned();
    EngineError::File(fault.unwrap_or_else(|| FileFault::corrupt(location, error)))
}
