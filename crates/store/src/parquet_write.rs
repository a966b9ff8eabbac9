//! Spans to the bytes of one data file.
//!
//! Sorted by service name and then by end, so that page statistics prune a rule about one service to a
//! fraction of the file; ties by trace and span id, so that equal spans give equal bytes whatever order
//! they came in. (Bytes are promised for the same build and layout only: a newer compressor may differ.) A file whose
//! spans are more than memory should hold at once is sorted within its row groups, each of which says so.

pub(crate) mod described;
mod packing;
mod properties;

use std::borrow::Borrow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use fluo_spans::batch::to_batch_each;
use fluo_spans::identity::SpanKey;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_spans::span::{Resource, Span};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use crate::counts::FileCounts;
use crate::error::StoreError;
use crate::seal::SealedWriter;
use described::Described;

pub use packing::Packing;
pub use properties::ROW_GROUP_ROWS;

/// Batches on the way to Parquet end at so many spans or at so many bytes, whichever comes first: in Arrow every span
/// repeats its resource.
const BATCH_ROWS: usize = 16 * 1024;
const BATCH_BYTES: usize = 16 << 20;

/// The memory that a writer keeps for each column of a row group until the file is finished, in bytes: its place,
/// statistics and indexes of its pages.
const COLUMN_COST: usize = 2 << 10;

/// Key of a file's metadata that says, by the value `1`, that no span stands in it twice.
pub(crate) const UNIQUE: &str = "fluo.unique";

/// The bytes of a data file with these spans.
///
/// `ingested_at_ms`: when their raw object was written, in milliseconds since the epoch.
///
/// # Errors
///
/// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
pub fn to_parquet(spans: &[Span], ingested_at_ms: i64, layout: &Layout) -> Result<Vec<u8>, StoreError> {
    let mut keys: Vec<SpanKey> = spans.iter().map(Span::key).collect();
    keys.sort_unstable();
    let unique = keys.iter().zip(keys.iter().skip(1)).all(|(one, next)| one != next);
    let mut file = SpanFileWriter::new(layout, Packing::Small);
    file.add(spans, ingested_at_ms)?;
    file.finish(&FileCounts::default(), unique)
}

/// A data file while its spans come in: in runs, each of which is sorted and becomes row groups of its own, so that no
/// more than a run is in memory beside the file.
pub struct SpanFileWriter<'l> {
    layout: &'l Layout,
    packing: Packing,
    /// None before the first run: how columns are encoded depends on it.
    writer: Option<SealedWriter>,
    /// The metadata of every row group, for the footer.
    row_group_cost: usize,
}

impl<'l> SpanFileWriter<'l> {
    /// An empty file.
    pub fn new(layout: &'l Layout, packing: Packing) -> Self {
        Self {
            layout,
            packing,
            writer: None,
            row_group_cost: COLUMN_COST * span_schema(layout).flattened_fields().len(),
        }
    }

    /// Adds a run of spans.
    ///
    /// # Errors
    ///
    /// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
    pub fn add(&mut self, spans: &[Span], ingested_at_ms: i64) -> Result<(), StoreError> {
        let spans = in_file_order(spans);
        let ingested_at_ms = vec![ingested_at_ms; spans.len()];
        self.add_sorted(&spans, &ingested_at_ms)
    }

    /// Adds a run of spans that are in [`file_order`]. `ingested_at_ms`: of each span, when its object was written.
    ///
    /// # Errors
    ///
    /// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
    pub(crate) fn add_sorted<S: Borrow<Span>>(
        &mut self,
        spans: &[S],
        ingested_at_ms: &[i64],
    ) -> Result<(), StoreError> {
        let mut times = ingested_at_ms;
        for run in batches(spans) {
            let (of_run, rest) = times.split_at(run.len().min(times.len()));
            times = rest;
            let batch = to_batch_each(run, of_run, self.layout)?;
            let whole = run.len() == spans.len();
            self.writer(whole.then_some(&batch))?.write(&batch)?;
        }
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        Ok(())
    }

    /// The writer of the file; `first`: of a file that has none yet, its first run, where that is one batch.
    fn writer(&mut self, first: Option<&RecordBatch>) -> Result<&mut SealedWriter, ParquetError> {
        Ok(match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(started(self.layout, self.packing, first)?),
        })
    }

    /// Returns the memory that the file takes so far, in bytes.
    pub fn cost(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| {
            let (bytes, groups) = writer.size();
            bytes + groups * self.row_group_cost
        })
    }

    /// The file's bytes, with what ingest counted, and sealed. `unique`: no span was added twice.
    ///
    /// # Errors
    ///
    /// [`StoreError::Parquet`], which is a bug.
    pub fn finish(self, counts: &FileCounts, unique: bool) -> Result<Vec<u8>, StoreError> {
        let unique = unique.then(|| (UNIQUE.to_owned(), "1".to_owned()));
        let writer = match self.writer {
            Some(writer) => writer,
            None => started(self.layout, self.packing, None)?,
        };
        let pairs = counts.to_metadata().into_iter().chain(unique);
        let pairs = pairs.map(|(key, value)| KeyValue::new(key, value)).collect();
        Ok(writer.finish(pairs)?)
    }
}

/// The writer of an empty file.
fn started(
    layout: &Layout,
    packing: Packing,
    first: Option<&RecordBatch>,
) -> Result<SealedWriter, ParquetError> {
    let columns = Described::of(layout)?;
    let (properties, levels) = properties::of(layout, packing, &columns, first);
    SealedWriter::try_new(columns, properties, levels)
}

/// The order of spans within a run: by service, end and ids.
pub(crate) fn file_order(span: &Span) -> (Option<&str>, i64, [u8; 16], [u8; 8]) {
    (span.resource.service_name.as_deref(), span.end_ns, span.trace_id, span.span_id)
}

/// Spans in [`file_order`], each service compared once.
fn in_file_order(spans: &[Span]) -> Vec<&Span> {
    // The services in the order met, where neighbours mostly have the same, and of each span which of them it has.
    let mut services: Vec<Option<&str>> = Vec::new();
    let mut last: Option<&Arc<Resource>> = None;
    let mut order: Vec<(usize, i64, &Span)> = Vec::with_capacity(spans.len());
    for span in spans {
        if !last.is_some_and(|last| Arc::ptr_eq(last, &span.resource)) {
            services.push(span.resource.service_name.as_deref());
            last = Some(&span.resource);
        }
        order.push((services.len() - 1, span.end_ns, span));
    }
    let mut sorted = services.clone();
    sorted.sort_unstable();
    let ranks: Vec<usize> =
        services.iter().map(|service| sorted.partition_point(|other| other < service)).collect();
    for (service, ..) in &mut order {
        *service = ranks[*service];
    }
    let ids = |span: &Span| (span.trace_id, span.span_id);
    order.sort_by(|(one, at, span), (other, then, next)| {
        (one, at).cmp(&(other, then)).then_with(|| ids(span).cmp(&ids(next)))
    });
    order.into_iter().map(|(_, _, span)| span).collect()
}

/// Cuts spans into runs that fit into a batch.
fn batches<S: Borrow<Span>>(spans: &[S]) -> impl Iterator<Item = &[S]> {
    let mut rest = spans;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = rest.iter().take(BATCH_ROWS).take_while(|span| {
            bytes = bytes.saturating_add((*span).borrow().row_cost());
            bytes <= BATCH_BYTES
        });
        // A span that is larger than a batch is a batch of its own.
        let (batch, left) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests;
