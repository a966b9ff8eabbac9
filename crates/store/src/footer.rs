//! What a Parquet file says of itself: its layout, its rows, and when its spans ended.

use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::statistics::Statistics;

use crate::counts::FileCounts;
use crate::error::StoreError;

/// What a span file's footer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// The layout it was written in.
    pub layout: Layout,
    /// Ends of its first and last span, in nanoseconds since the epoch; `None` where it has no row.
    pub ends: Option<RangeInclusive<i64>>,
    /// Spans in it.
    pub rows: u64,
    /// When the raw object of its spans was written, in milliseconds since the epoch; of several, the last.
    pub ingested_at_ms: Option<i64>,
    /// What ingest counted.
    pub counts: FileCounts,
}

/// Reads the footer of a file of known size.
///
/// # Errors
///
/// [`StoreError::Unreadable`] where it is no Parquet file or a damaged one; [`StoreError::NotSpans`] where it is one,
/// but not of spans as fluo writes them.
pub async fn footer(store: &dyn ObjectStore, location: &Path, size: u64) -> Result<Footer, StoreError> {
    let object = Object { store, location };
    let unreadable = |source| StoreError::Unreadable { location: location.clone(), source };
    let metadata = ParquetMetaDataReader::new().load_and_finish(object, size).await.map_err(unreadable)?;
    let file = metadata.file_metadata();
    let schema =
        parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(unreadable)?;
    let foreign = || StoreError::NotSpans { location: location.clone() };
    let layout = Layout::from_schema(&schema).ok_or_else(foreign)?;
    let end = file
        .schema_descr()
        .columns()
        .iter()
        .position(|column| column.path().parts() == [columns::END_TIME])
        .ok_or_else(foreign)?;
    let ingested = file
        .schema_descr()
        .columns()
        .iter()
        .position(|column| column.path().parts() == [columns::INGESTED_AT]);
    let mut ingested_at_ms: Option<i64> = None;
    let mut ends: Option<RangeInclusive<i64>> = None;
    for group in metadata.row_groups() {
        let statistics = group.column(end).statistics();
        let Some(Statistics::Int64(statistics)) = statistics else { return Err(foreign()) };
        let (Some(&first), Some(&last)) = (statistics.min_opt(), statistics.max_opt()) else {
            return Err(foreign());
        };
        let written = ingested.and_then(|column| group.column(column).statistics());
        if let Some(Statistics::Int64(written)) = written {
            ingested_at_ms = ingested_at_ms.max(written.max_opt().copied());
        }
        ends = Some(match ends {
            Some(known) => first.min(*known.start())..=last.max(*known.end()),
            None => first..=last,
        });
    }
    let rows = file.num_rows().unsigned_abs();
    let counts = FileCounts::from_metadata(file.key_value_metadata());
    Ok(Footer { layout, ends, rows, ingested_at_ms, counts })
}

/// An object, read in ranges.
struct Object<'a> {
    store: &'a dyn ObjectStore,
    location: &'a Path,
}

impl MetadataFetch for Object<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        let bytes = self.store.get_range(self.location, range);
        bytes.map(|bytes| bytes.map_err(|source| ParquetError::External(Box::new(source)))).boxed()
    }
}
