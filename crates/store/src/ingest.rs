//! One raw object into the layout.
//!
//! ```text
//! bytes ─ decompress ─ decode, or read as Parquet of others ─ by hour ─ one of each span ─ Parquet ─ put if absent
//!            └─ content hash: the files' names
//! ```
//!
//! Invariants: an object's spans count once, whatever was redelivered, under whatever key, however
//! compressed (I5), since the names of its files are a function of its decompressed bytes; and writing them
//! twice is harmless (I2), since "exists" is success ([`crate::put`]). What memory it takes is bounded: beside the
//! bytes and the files there is no more than a part of the spans at a time (`data_files`).

mod data_files;
mod span_table;
mod written;

use std::borrow::Cow;
use std::ops::ControlFlow;

use bytes::Bytes;
use fluo_spans::decode::Rest;
use fluo_spans::decompress::decompress;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_spans::{DecodeError, Limits, Mended, SetAside, decode_batches};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::StoreError;
use crate::list::partition;
use crate::names::Content;
use crate::parquet_write::Packing;
use crate::put::{Put, put_if_absent};
use data_files::{DataFiles, EncodedFile, Memory};

pub use written::Written;

/// The number of files of one object that are written at a time: an object of a minute has one or two.
const CONCURRENT_PUTS: usize = 8;

/// Bounds of ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestOptions {
    /// Of decoding; of these, the latest end is what `max_future_ns` says.
    pub limits: Limits,
    /// Most memory that an object may take at once, in bytes: as it came, decompressed, with the spans that wait and
    /// its data files. Default 512 MiB.
    pub max_memory: u64,
    /// Spans that end later than this after their object was written are set aside, in nanoseconds.
    /// Default ten minutes.
    pub max_future_ns: i64,
    /// Spans that ended before this are counted as late, in nanoseconds since the epoch. Default: none are.
    pub late_before_ns: Option<i64>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_memory: 512 << 20,
            max_future_ns: 600_000_000_000,
            late_before_ns: None,
        }
    }
}

/// The result of ingesting an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingested {
    /// Spans in its files.
    pub spans: u64,
    /// Copies of spans that it held, which are not counted in `spans`.
    pub duplicates: u64,
    /// Those of the copies that were not equal to the span that was kept.
    pub id_conflicts: u64,
    /// Its files, by hour.
    pub files: Vec<WrittenFile>,
    /// Bytes of the object as it came.
    pub raw_bytes: u64,
    /// The spans that could not be placed.
    pub set_aside: SetAside,
    /// Of its spans, those that were mended.
    pub mended: Mended,
    /// Documents in it that hold logs, metrics or profiles.
    pub other_signals: u64,
}

impl Ingested {
    /// Those of its files that were not there before.
    pub fn written(&self) -> impl Iterator<Item = &WrittenFile> {
        self.files.iter().filter(|file| !file.existed)
    }
}

/// A data file of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its place.
    pub location: Path,
    /// Spans in it. One without any says what else the object held ([`crate::counts`]).
    pub rows: u64,
    /// Those of them that are late ([`IngestOptions::late_before_ns`]).
    pub late: u64,
    /// Those of them that were mended.
    pub mended: Mended,
    /// Of the object, what could not be placed, where this file says so.
    pub set_aside: SetAside,
    /// Its size.
    pub bytes: u64,
    /// `true` where it had been there before: the object was delivered again.
    pub existed: bool,
}

/// Writes the spans of one raw object below `root`, the folder of the `date=` folders.
///
/// Several objects may be ingested at once, also the same one.
///
/// # Errors
///
/// [`StoreError::Decode`], [`StoreError::TooManyHours`] and [`StoreError::TooMuchMemory`] where the object as a whole
/// cannot be read; it then wrote nothing. [`StoreError::Request`] where the store fails; some files may have been
/// written, which is harmless.
pub async fn ingest_object(
    store: &dyn ObjectStore,
    root: &Path,
    raw: Bytes,
    written: Written,
    layout: &Layout,
    options: &IngestOptions,
) -> Result<Ingested, StoreError> {
    let (for_encoder, options) = (layout.clone(), *options);
    let (counts, files) = tokio::task::spawn_blocking(move || encode(raw, written, &for_encoder, &options))
        .await
        .map_err(StoreError::Interrupted)??;
    let files = put(store, root, files).await?;
    Ok(Ingested { files, ..counts })
}

/// Writes spans, of which none stands twice, below `root`, under names that say `content`, in files of this `packing`.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails; some files may have been written, which is harmless.
pub async fn write_spans(
    store: &dyn ObjectStore,
    root: &Path,
    spans: Vec<Span>,
    content: Content,
    ingested_at_ms: i64,
    layout: &Layout,
    packing: Packing,
) -> Result<Vec<WrittenFile>, StoreError> {
    let layout = layout.clone();
    let encode = move || {
        let mut files = DataFiles::new(&layout, packing, Written::At(ingested_at_ms), None, Memory::ANY);
        files.add(fluo_spans::Batch { spans, ..fluo_spans::Batch::default() })?;
        Ok::<_, StoreError>(files.finish(content, &SetAside::default())?.files)
    };
    let files = tokio::task::spawn_blocking(encode).await.map_err(StoreError::Interrupted)??;
    put(store, root, files).await
}

async fn put(
    store: &dyn ObjectStore,
    root: &Path,
    files: Vec<EncodedFile>,
) -> Result<Vec<WrittenFile>, StoreError> {
    stream::iter(files)
        .map(|EncodedFile { name, late, mended, set_aside, parquet }| async move {
            let location = partition(root, name.hour()).join(name.to_string());
            let bytes = parquet.len() as u64;
            let existed = put_if_absent(store, &location, parquet).await? == Put::Existed;
            let rows = name.rows;
            Ok::<_, StoreError>(WrittenFile { location, rows, late, mended, set_aside, bytes, existed })
        })
        .buffered(CONCURRENT_PUTS)
        .try_collect()
        .await
}

/// All of ingest that needs no store.
fn encode(
    raw: Bytes,
    written: Written,
    layout: &Layout,
    options: &IngestOptions,
) -> Result<(Ingested, Vec<EncodedFile>), StoreError> {
    let raw_bytes = raw.len() as u64;
    let mut memory = Memory { limit: options.max_memory, raw: raw_bytes, decompressed: 0 };
    let decompressed = match decompress_within(&raw, &options.limits, memory.left())? {
        Some(Cow::Owned(bytes)) => {
            memory.decompressed = bytes.len() as u64;
            Bytes::from(bytes)
        }
        Some(Cow::Borrowed(_)) => raw.clone(),
        None => return Err(StoreError::TooMuchMemory { limit: options.max_memory }),
    };
    drop(raw);
    let content = Content::of(&decompressed);
    let latest_end_ns = written.latest_end_ns(options.max_future_ns);
    let limits = Limits { latest_end_ns, ..options.limits };
    let mut files = DataFiles::new(layout, Packing::Small, written, options.late_before_ns, memory);
    let mut failed = None;
    let mut add = |batch| match files.add(batch) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let Rest { set_aside, other_signals } = if span_table::is_parquet(&decompressed) {
        span_table::decode(&decompressed, &limits, &mut add)?
    } else {
        decode_batches(&decompressed, &limits, &mut add)?
    };
    if let Some(error) = failed {
        return Err(error);
    }
    drop(decompressed);
    let encoded = files.finish(content, &set_aside)?;
    let counts = Ingested {
        spans: encoded.files.iter().map(|file| file.name.rows).sum(),
        duplicates: encoded.duplicates,
        id_conflicts: encoded.conflicts,
        files: Vec::new(),
        raw_bytes,
        mended: encoded.mended,
        set_aside,
        other_signals,
    };
    Ok((counts, encoded.files))
}

/// Returns the decompressed bytes; none where these are more than there is memory `left` for.
fn decompress_within<'a>(
    raw: &'a [u8],
    limits: &Limits,
    left: u64,
) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
    let within = Limits { max_bytes: limits.max_bytes.min(left), ..*limits };
    match decompress(raw, &within) {
        // The smaller bound is not the object's, but this machine's.
        Err(DecodeError::TooLarge { .. }) if within.max_bytes < limits.max_bytes => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests;
