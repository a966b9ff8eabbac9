//! One raw object into the layout.
//!
//! ```text
//! bytes ─ decompress ─ decode ─ set aside ─ one of each span ─ by hour ─ Parquet ─ put if absent
//!            └─ content hash: the files' names
//! ```
//!
//! Invariants: an object's spans count once, whatever was redelivered, under whatever key, however
//! compressed (I5), since the names of its files are a function of its decompressed bytes; and writing them
//! twice is harmless (I2), since "exists" is success ([`crate::put`]).

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use fluo_spans::decode::{DECODER_VERSION, Limits, decode_decompressed};
use fluo_spans::decompress::decompress;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::Layout;
use fluo_spans::set_aside::SetAside;
use fluo_spans::span::Span;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::StoreError;
use crate::list::partition;
use crate::names::{Content, DataFileName, Hour};
use crate::parquet_write::to_parquet;
use crate::put::{Put, put_if_absent};

const NS_PER_MS: i64 = 1_000_000;

/// How many files of one object are written at a time: an object of a minute has one or two.
const CONCURRENT_PUTS: usize = 8;

/// Bounds of ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestOptions {
    /// Of decoding.
    pub limits: Limits,
    /// Spans that end later than this after their object was written are set aside, in nanoseconds.
    /// Default ten minutes.
    pub max_future_ns: i64,
    /// Spans that ended before this are counted as late, in nanoseconds since the epoch. Default: none are.
    pub late_before_ns: Option<i64>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), max_future_ns: 600_000_000_000, late_before_ns: None }
    }
}

/// What became of an object.
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
    /// What could not be made a span of.
    pub set_aside: SetAside,
}

impl Ingested {
    /// Bytes of its files.
    pub fn parquet_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A data file of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it lies.
    pub location: Path,
    /// Spans in it.
    pub rows: u64,
    /// Those of them that are late ([`IngestOptions::late_before_ns`]).
    pub late: u64,
    /// Its size.
    pub bytes: u64,
    /// Whether it had been there before: the object was delivered again.
    pub existed: bool,
}

/// Writes the spans of one raw object below `root`, the folder of the `date=` folders.
///
/// `ingested_at_ms`: when the object was written, in milliseconds since the epoch; the same on every
/// delivery. Several objects may be ingested at once, also the same one.
///
/// # Errors
///
/// [`StoreError::Decode`] where the object as a whole cannot be read; it then wrote nothing.
/// [`StoreError::Request`] where the store fails; some files may have been written, which is harmless.
pub async fn ingest_object(
    store: &dyn ObjectStore,
    root: &Path,
    raw: Bytes,
    ingested_at_ms: i64,
    layout: &Layout,
    options: &IngestOptions,
) -> Result<Ingested, StoreError> {
    let (for_encoder, options) = (layout.clone(), *options);
    let encoded = tokio::task::spawn_blocking(move || encode(&raw, ingested_at_ms, &for_encoder, &options))
        .await
        .map_err(StoreError::Interrupted)??;
    let files = put(store, root, encoded.files).await?;
    Ok(Ingested { files, ..encoded.counts })
}

/// Writes spans, of which none stands twice, below `root`, under names that say `content`.
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
) -> Result<Vec<WrittenFile>, StoreError> {
    let layout = layout.clone();
    let encode = move || data_files(spans, content, ingested_at_ms, &layout, None);
    let files = tokio::task::spawn_blocking(encode).await.map_err(StoreError::Interrupted)??;
    put(store, root, files).await
}

async fn put(
    store: &dyn ObjectStore,
    root: &Path,
    files: Vec<EncodedFile>,
) -> Result<Vec<WrittenFile>, StoreError> {
    stream::iter(files)
        .map(|EncodedFile { name, late, parquet }| async move {
            let location = partition(root, name.hour()).join(name.to_string());
            let bytes = parquet.len() as u64;
            let existed = put_if_absent(store, &location, parquet).await? == Put::Existed;
            Ok::<_, StoreError>(WrittenFile { location, rows: name.rows, late, bytes, existed })
        })
        .buffered(CONCURRENT_PUTS)
        .try_collect()
        .await
}

/// What [`encode`] made of an object.
struct Encoded {
    counts: Ingested,
    files: Vec<EncodedFile>,
}

/// A data file that is not written yet.
struct EncodedFile {
    name: DataFileName,
    late: u64,
    parquet: Bytes,
}

/// All of ingest that needs no store.
fn encode(
    raw: &[u8],
    ingested_at_ms: i64,
    layout: &Layout,
    options: &IngestOptions,
) -> Result<Encoded, StoreError> {
    let decompressed: Cow<[u8]> = decompress(raw, &options.limits)?;
    let content = Content::of(&decompressed);
    let mut decoded = decode_decompressed(&decompressed, &options.limits)?;
    decoded.set_aside_future(ingested_at_ms.saturating_mul(NS_PER_MS), options.max_future_ns);
    let unique = dedupe(decoded.spans);

    let spans = unique.spans.len() as u64;
    let files = data_files(unique.spans, content, ingested_at_ms, layout, options.late_before_ns)?;
    let counts = Ingested {
        spans,
        duplicates: unique.duplicates,
        id_conflicts: unique.conflicts,
        files: Vec::new(),
        raw_bytes: raw.len() as u64,
        set_aside: decoded.set_aside,
    };
    Ok(Encoded { counts, files })
}

/// Spans as data files, one an hour.
fn data_files(
    spans: Vec<Span>,
    content: Content,
    ingested_at_ms: i64,
    layout: &Layout,
    late_before_ns: Option<i64>,
) -> Result<Vec<EncodedFile>, StoreError> {
    let mut hours: BTreeMap<Hour, Vec<Span>> = BTreeMap::new();
    for span in spans {
        hours.entry(Hour::of_ns(span.end_ns)).or_default().push(span);
    }
    let mut files = Vec::with_capacity(hours.len());
    for spans in hours.into_values() {
        let ends = spans.iter().map(|span| span.end_ns);
        // No hour is without spans; zero is never taken.
        let (first, last) = (ends.clone().min().unwrap_or(0), ends.clone().max().unwrap_or(0));
        let rows = spans.len() as u64;
        let late = ends.filter(|&end| late_before_ns.is_some_and(|moment| end < moment)).count() as u64;
        let name = DataFileName::new(first..=last, rows, content, layout.number, DECODER_VERSION)?;
        let parquet = Bytes::from(to_parquet(spans, ingested_at_ms, layout)?);
        files.push(EncodedFile { name, late, parquet });
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
