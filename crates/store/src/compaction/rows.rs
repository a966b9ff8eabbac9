//! Spans on their way from one file to another: sorted, and each once.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{TimestampMillisecondType, TimestampNanosecondType};
use fluo_spans::batch::{BatchError, from_batch};
use fluo_spans::schema::columns;
use fluo_spans::span::Span;

use super::origins::RowOrigin;
use crate::parquet_write::file_order;

/// A span, when its raw object was written, and the files that it came from.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) ingested_at_ms: i64,
    pub(super) from: RowOrigin,
}

/// Spans of which none stands twice as it is.
pub(super) struct Distinct {
    /// In the order of a file.
    pub(super) rows: Vec<Row>,
    /// The number of copies that were left out.
    pub(super) duplicates: u64,
    /// The number of spans that have the ids and the end of another, and differ from it.
    pub(super) conflicts: u64,
}

/// The spans of a batch that ended from `from` on and before `to`, in nanoseconds since the epoch.
pub(super) fn rows_of(
    batch: &RecordBatch,
    (from, to): (i64, i64),
    file: u32,
) -> Result<Vec<Row>, BatchError> {
    let missing = |column: &str| BatchError::MissingColumn { column: column.to_owned() };
    let ends = batch
        .column_by_name(columns::END_TIME)
        .and_then(|ends| ends.as_primitive_opt::<TimestampNanosecondType>())
        .ok_or_else(|| missing(columns::END_TIME))?;
    let is_within = |end: &i64| from <= *end && *end < to;
    let filtered;
    let batch = if ends.values().iter().all(is_within) {
        batch
    } else {
        let within: BooleanArray = ends.values().iter().map(|end| Some(is_within(end))).collect();
        filtered = filter_record_batch(batch, &within)?;
        &filtered
    };
    let written = batch
        .column_by_name(columns::INGESTED_AT)
        .and_then(|times| times.as_primitive_opt::<TimestampMillisecondType>())
        .ok_or_else(|| missing(columns::INGESTED_AT))?;
    let rows = from_batch(batch)?.into_iter().zip(written.values());
    Ok(rows
        .map(|(span, ingested_at_ms)| Row {
            span,
            ingested_at_ms: *ingested_at_ms,
            from: RowOrigin::One(file),
        })
        .collect())
}

/// Keeps one of equal rows. It came from the files of all of them, and first when the first of these did.
///
/// Rows of one span that differ all stay: a rule counts the one whose content hash is smallest of those that it
/// selects, and another rule selects others.
pub(super) fn distinct(mut rows: Vec<Row>) -> Distinct {
    rows.sort_by_key(|row| row.span.key());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let (mut duplicates, mut conflicts) = (0, 0);
    // Where the rows of the present span begin.
    let mut first = 0;
    for row in rows {
        if kept.get(first).is_none_or(|of_span| of_span.span.key() != row.span.key()) {
            first = kept.len();
            kept.push(row);
        } else if let Some(same) = kept[first..].iter_mut().find(|same| same.span == row.span) {
            duplicates += 1;
            same.from.merge(&row.from);
            same.ingested_at_ms = same.ingested_at_ms.min(row.ingested_at_ms);
        } else {
            conflicts += 1;
            let hash = row.span.content_hash();
            let after = kept[first..].partition_point(|other| other.span.content_hash() < hash);
            kept.insert(first + after, row);
        }
    }
    kept.sort_by(|left, right| file_order(&left.span).cmp(&file_order(&right.span)));
    Distinct { rows: kept, duplicates, conflicts }
}
