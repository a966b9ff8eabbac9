//! Spans to the bytes of one data file.
//!
//! Sorted by service name and then by end, so that page statistics prune a rule about one service to a
//! fraction of the file; ties by trace and span id, so that equal spans give equal bytes whatever order
//! they came in. (Bytes are promised for the same build and layout only: a newer compressor may differ.) A file whose
//! spans are more than memory should hold at once is sorted within its row groups, each of which says so.

use std::collections::BTreeSet;

use fluo_spans::batch::to_batch;
use fluo_spans::identity::SpanKey;
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, layout_metadata, span_schema};
use fluo_spans::span::Span;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::counts::FileCounts;
use crate::error::StoreError;
use crate::seal::sealed;

/// Spans in a row group: large enough to compress, small enough that some can be skipped.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Zstandard level; beyond 3, time grows faster than files shrink.
const ZSTD_LEVEL: i32 = 3;

/// Batches on the way to Parquet end at so many spans or at so many bytes, whichever comes first: in Arrow every span
/// repeats its resource.
const BATCH_ROWS: usize = 16 * 1024;
const BATCH_BYTES: usize = 16 << 20;

/// The memory that a writer keeps for each column of a row group until the file is finished, in bytes: its place,
/// statistics and indexes of its pages.
const COLUMN_COST: usize = 2 << 10;

/// Key of a file's metadata that says, by the value `1`, that no span stands in it twice.
pub(crate) const UNIQUE: &str = "fluo.unique";

/// Identifiers: random, so that statistics over them say nothing and would only make footers larger. (The
/// writer makes no dictionaries of them; ADR 0001 says what that costs.)
const ID_COLUMNS: [&str; 3] = [columns::TRACE_ID, columns::SPAN_ID, columns::PARENT_SPAN_ID];

/// The bytes of a data file with these spans.
///
/// `ingested_at_ms`: when their raw object was written, in milliseconds since the epoch.
///
/// # Errors
///
/// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
pub fn to_parquet(spans: Vec<Span>, ingested_at_ms: i64, layout: &Layout) -> Result<Vec<u8>, StoreError> {
    let mut keys: Vec<SpanKey> = spans.iter().map(Span::key).collect();
    keys.sort_unstable();
    let unique = keys.iter().zip(keys.iter().skip(1)).all(|(one, next)| one != next);
    let mut file = SpanFileWriter::new(layout)?;
    file.add(spans, ingested_at_ms)?;
    file.finish(&FileCounts::default(), unique)
}

/// A data file while its spans come in: in runs, each of which is sorted and becomes row groups of its own, so that no
/// more than a run is in memory beside the file.
pub struct SpanFileWriter<'l> {
    layout: &'l Layout,
    writer: ArrowWriter<Vec<u8>>,
    /// The metadata of every row group, for the footer.
    row_group_cost: usize,
}

impl<'l> SpanFileWriter<'l> {
    /// An empty file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Parquet`], which is a bug.
    pub fn new(layout: &'l Layout) -> Result<Self, StoreError> {
        let schema = span_schema(layout);
        let row_group_cost = COLUMN_COST * schema.flattened_fields().len();
        let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties(layout)?))?;
        Ok(Self { layout, writer, row_group_cost })
    }

    /// Adds a run of spans.
    ///
    /// # Errors
    ///
    /// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
    pub fn add(&mut self, mut spans: Vec<Span>, ingested_at_ms: i64) -> Result<(), StoreError> {
        spans.sort_by(|left, right| file_order(left).cmp(&file_order(right)));
        for batch in batches(&spans) {
            self.writer.write(&to_batch(batch, ingested_at_ms, self.layout)?)?;
        }
        Ok(self.writer.flush()?)
    }

    /// Returns the memory that the file takes so far, in bytes.
    pub fn cost(&self) -> usize {
        self.writer.bytes_written()
            + self.writer.in_progress_size()
            + self.writer.flushed_row_groups().len() * self.row_group_cost
    }

    /// The file's bytes, with what ingest counted, and sealed. `unique`: no span was added twice.
    ///
    /// # Errors
    ///
    /// [`StoreError::Parquet`], which is a bug.
    pub fn finish(mut self, counts: &FileCounts, unique: bool) -> Result<Vec<u8>, StoreError> {
        let unique = unique.then(|| (UNIQUE.to_owned(), "1".to_owned()));
        for (key, value) in counts.to_metadata().into_iter().chain(unique) {
            self.writer.append_key_value_metadata(KeyValue::new(key, value));
        }
        let metadata = self.writer.finish()?;
        Ok(sealed(self.writer.inner(), metadata)?)
    }
}

fn file_order(span: &Span) -> (Option<&str>, i64, [u8; 16], [u8; 8]) {
    (span.resource.service_name.as_deref(), span.end_ns, span.trace_id, span.span_id)
}

/// Cuts spans into runs that fit into a batch.
fn batches(spans: &[Span]) -> impl Iterator<Item = &[Span]> {
    let mut rest = spans;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = rest.iter().take(BATCH_ROWS).take_while(|span| {
            bytes = bytes.saturating_add(span.row_cost());
            bytes <= BATCH_BYTES
        });
        // A span that is larger than a batch is a batch of its own.
        let (batch, left) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

fn properties(layout: &Layout) -> Result<WriterProperties, StoreError> {
    let schema = span_schema(layout);
    let parquet_schema = ArrowSchemaConverter::new().convert(&schema)?;
    let metadata =
        layout_metadata(layout).into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(metadata));

    let ids = BTreeSet::from(ID_COLUMNS);
    let mut sorting = Vec::new();
    for (index, column) in (0_i32..).zip(parquet_schema.columns()) {
        let parts = column.path().parts();
        let nested = parts.len() > 1;
        if nested || ids.contains(parts[0].as_str()) {
            properties =
                properties.set_column_statistics_enabled(column.path().clone(), EnabledStatistics::None);
        }
        if [columns::SERVICE_NAME, columns::END_TIME].contains(&parts[0].as_str()) {
            sorting.push(SortingColumn { column_idx: index, descending: false, nulls_first: true });
        }
    }
    // Times are nearly unique, so that a dictionary would be built only to be given up; neighbours are close.
    for time in [columns::START_TIME, columns::END_TIME, columns::DURATION_NS] {
        let path = ColumnPath::from(time);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.set_sorting_columns(Some(sorting)).build())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use fluo_spans::batch::from_batch;
    use fluo_spans::span::{Attributes, Kind, Resource, Status};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::PageIndexPolicy;

    use super::*;

    fn span(service_name: Option<&str>, end_ns: i64, id: u8) -> Span {
        let resource = Resource {
            service_name: service_name.map(str::to_owned),
            attributes: Attributes::new(vec![("host.name".to_owned(), "a".to_owned())]),
        };
        Span {
            trace_id: [id; 16],
            span_id: [id; 8],
            parent_span_id: (id > 1).then_some([1; 8]),
            trace_state: String::new(),
            flags: 0,
            name: format!("operation {id}"),
            kind: Kind::Server,
            status: Status::Error,
            status_message: String::new(),
            start_ns: end_ns - 7,
            end_ns,
            attributes: Attributes::new(vec![("cart.size".to_owned(), id.to_string())]),
            resource: Arc::new(resource),
            scope: Arc::default(),
            events: Vec::new(),
            links: Vec::new(),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    fn shuffled() -> Vec<Span> {
        vec![
            span(Some("shop"), 9_000, 5),
            span(Some("auth"), 8_000, 4),
            span(None, 7_000, 3),
            span(Some("auth"), 5_000, 2),
            span(Some("auth"), 8_000, 1),
        ]
    }

    #[test]
    fn spans_are_sorted_by_service_then_end_then_ids() {
        let parquet = to_parquet(shuffled(), 1, &Layout::builtin()).unwrap();
        let mut reader =
            ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet)).unwrap().build().unwrap();
        let spans = from_batch(&reader.next().unwrap().unwrap()).unwrap();
        assert_eq!(spans.iter().map(|span| span.span_id[0]).collect::<Vec<_>>(), [3, 2, 1, 4, 5]);
        let mut expected = shuffled();
        expected.sort_by_key(|span| [3, 2, 1, 4, 5].iter().position(|id| *id == span.span_id[0]));
        assert_eq!(spans, expected);
    }

    #[test]
    fn equal_spans_give_equal_bytes_whatever_their_order() {
        let mut reversed = shuffled();
        reversed.reverse();
        let layout = Layout::builtin();
        assert_eq!(to_parquet(shuffled(), 1, &layout).unwrap(), to_parquet(reversed, 1, &layout).unwrap());
    }

    #[test]
    fn the_file_says_what_it_is() {
        let layout = Layout::builtin();
        let parquet = Bytes::from(to_parquet(shuffled(), 1, &layout).unwrap());
        let options = parquet::arrow::arrow_reader::ArrowReaderOptions::new()
            .with_page_index_policy(PageIndexPolicy::Required);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(parquet, options).unwrap();
        assert_eq!(Layout::from_schema(builder.schema()), Some(layout.clone()));
        assert_eq!(builder.schema().fields(), span_schema(&layout).fields());

        let metadata = builder.metadata();
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        for (key, value) in layout_metadata(&layout) {
            assert!(pairs.contains(&KeyValue::new(key.clone(), value)), "{key}");
        }
        assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
        let group = metadata.row_group(0);
        let sorting: Vec<_> =
            group.sorting_columns().unwrap().iter().map(|column| column.column_idx).collect();
        for (column, index) in group.columns().iter().zip(0..) {
            let path = column.column_path().string();
            let has_statistics = column.statistics().is_some();
            let is_plain = !path.contains('.') && !ID_COLUMNS.contains(&path.as_str());
            assert_eq!(has_statistics, is_plain, "{path}");
            assert_eq!(sorting.contains(&index), path == "service_name" || path == "end_time", "{path}");
        }
    }

    #[test]
    fn columns_are_encoded_so_that_common_readers_know_them() {
        let parquet = Bytes::from(to_parquet(shuffled(), 1, &Layout::builtin()).unwrap());
        let builder = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
        for column in builder.metadata().row_group(0).columns() {
            let path = column.column_path().string();
            let encodings: Vec<Encoding> = column.encodings().collect();
            let wanted = match path.as_str() {
                columns::START_TIME | columns::END_TIME | columns::DURATION_NS => {
                    Encoding::DELTA_BINARY_PACKED
                }
                id if id.ends_with("trace_id") || id.ends_with("span_id") => Encoding::PLAIN,
                _ => Encoding::RLE_DICTIONARY,
            };
            assert!(encodings.contains(&wanted), "{path}: {encodings:?}");
            let known =
                [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY, Encoding::DELTA_BINARY_PACKED];
            assert!(encodings.iter().all(|encoding| known.contains(encoding)), "{path}: {encodings:?}");
        }
    }

    #[test]
    fn large_spans_are_cut_into_batches_and_none_is_lost() {
        let large = |id| {
            let value = "x".repeat(BATCH_BYTES / 3);
            Span { attributes: Attributes::new(vec![("big".to_owned(), value)]), ..span(None, 1, id) }
        };
        let spans: Vec<Span> = (1..=7).map(large).collect();
        assert_eq!(batches(&spans).map(<[Span]>::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
        let huge = Span {
            attributes: Attributes::new(vec![("big".to_owned(), "x".repeat(BATCH_BYTES + 1))]),
            ..span(None, 1, 1)
        };
        let spans = [span(None, 1, 2), huge, span(None, 1, 3)];
        assert_eq!(batches(&spans).map(<[Span]>::len).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn no_spans_are_a_file_too() {
        let parquet = to_parquet(Vec::new(), 1, &Layout::builtin()).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }
}
