//! The encoding of each column of a data file, and how far its pages are compressed.
//!
//! | columns | encoding | since |
//! | --- | --- | --- |
//! | ids | plain, no statistics | they are random |
//! | `end_time`, `duration_ns` | differences; in a small file plain | they are read most, and neighbours are close; in a small file they are not |
//! | `start_time`, and numbers that are nearly always one | plain | the compressor finds more than differences or a dictionary |
//! | what is inside maps and lists | plain, no statistics | neighbours repeat whole runs of entries, which a dictionary's packed indices hide from the compressor |
//! | texts of which a small file has no value | plain | an empty dictionary takes more than the column |
//! | all other texts | dictionary | readers compare each text once |
//!
//! ADR 0018 has the measured cost of each choice.

use std::collections::BTreeSet;

use arrow::array::{Array, RecordBatch};
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, layout_metadata};
use parquet::basic::Encoding;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::described::Described;
use super::packing::Packing;

/// Spans in a row group: large enough to compress, small enough that some can be skipped.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Zstandard level; beyond 6, time grows faster than files shrink.
const ZSTD_LEVEL: i32 = 6;

/// The level for resources, of which every span of a service repeats one: a higher one finds no more, and takes longer.
const RESOURCE_ZSTD_LEVEL: i32 = 3;

/// Most bytes of a page before compression. Rows end a page first, unless they are large: so that the file of a minute
/// has one page a column, and needs no index of them.
const PAGE_BYTES: usize = 8 << 20;

/// Identifiers: random, so that statistics over them say nothing and would only make footers larger. (The
/// writer makes no dictionaries of them; ADR 0001 says what that costs.)
pub(super) const ID_COLUMNS: [&str; 3] = [columns::TRACE_ID, columns::SPAN_ID, columns::PARENT_SPAN_ID];

/// The most spans of a file in which neighbours are so far apart that plain numbers compress better than differences.
pub(super) const FEW_ROWS: usize = 2_048;

/// Columns that are read most.
pub(super) const DIFFERENCES: [&str; 2] = [columns::END_TIME, columns::DURATION_NS];

/// Columns of which a dictionary would be larger than the values.
pub(super) const PLAIN: [&str; 7] = [
    columns::START_TIME,
    columns::INGESTED_AT,
    columns::TRACE_STATE,
    columns::FLAGS,
    columns::DROPPED_ATTRIBUTES,
    columns::DROPPED_EVENTS,
    columns::DROPPED_LINKS,
];

/// The properties of a data file in a layout, whose columns are `of_layout`, and the level of compression of each column.
/// `first`: the first of its spans, where all that are known are one batch.
pub(super) fn of(
    layout: &Layout,
    packing: Packing,
    of_layout: &Described,
    first: Option<&RecordBatch>,
) -> (WriterProperties, Vec<Option<i32>>) {
    let metadata =
        layout_metadata(layout).into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(metadata));

    let ids = BTreeSet::from(ID_COLUMNS);
    let mut plain = BTreeSet::from(PLAIN);
    if let Some(first) = first {
        let columns = of_layout.arrow.fields().iter().zip(first.columns());
        let empty = columns.filter(|(_, column)| column.logical_null_count() == column.len());
        plain.extend(empty.map(|(field, _)| field.name().as_str()));
    }
    let (mut sorting, mut levels) = (Vec::new(), Vec::new());
    for (index, column) in (0_i32..).zip(of_layout.parquet.columns()) {
        let parts = column.path().parts();
        let nested = parts.len() > 1;
        if nested || ids.contains(parts[0].as_str()) {
            properties =
                properties.set_column_statistics_enabled(column.path().clone(), EnabledStatistics::None);
        }
        if nested || plain.contains(parts[0].as_str()) {
            properties = properties
                .set_column_dictionary_enabled(column.path().clone(), false)
                .set_column_encoding(column.path().clone(), Encoding::PLAIN);
        }
        levels.push(level(packing, &parts[0]));
        if [columns::SERVICE_NAME, columns::END_TIME].contains(&parts[0].as_str()) {
            sorting.push(SortingColumn { column_idx: index, descending: false, nulls_first: true });
        }
    }
    let is_small = first.is_some_and(|first| first.num_rows() <= FEW_ROWS);
    let encoding = if is_small { Encoding::PLAIN } else { Encoding::DELTA_BINARY_PACKED };
    for column in DIFFERENCES {
        let path = ColumnPath::from(column);
        properties =
            properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    (properties.set_sorting_columns(Some(sorting)).build(), levels)
}

/// The level of compression of a column; none where it stays as it is.
fn level(packing: Packing, column: &str) -> Option<i32> {
    match (packing, column) {
        // Ids of spans are random, and each comes once.
        (Packing::Quick, _) | (_, columns::SPAN_ID) => None,
        (Packing::Small, columns::RESOURCE_ATTRIBUTES) => Some(RESOURCE_ZSTD_LEVEL),
        (Packing::Small, _) => Some(ZSTD_LEVEL),
    }
}
