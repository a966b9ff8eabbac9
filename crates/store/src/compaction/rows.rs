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

/// Spans that occur once each.
pub(super) struct Unique {
    /// In the order of a file.
    pub(super) rows: Vec<Row>,
    /// The number of copies that were left out.
    pub(super) duplicates: u64,
    /// Those of them that differed from the one that counts.
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

/// Keeps one row of each span: of copies that differ, the one whose content hash is smaller, as readers do. It came from
/// the files of all of them, and first when the first of these did.
pub(super) fn unique(mut rows: Vec<Row>) -> Unique {
    rows.sort_by_key(|row| row.span.key());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let (mut duplicates, mut conflicts) = (0, 0);
    for mut row in rows {
        let Some(winner) = kept.last_mut().filter(|winner| winner.span.key() == row.span.key()) else {
            kept.push(row);
            continue;
        };
        duplicates += 1;
        if winner.span != row.span {
            conflicts += 1;
            if row.span.content_hash() < winner.span.content_hash() {
                std::mem::swap(&mut winner.span, &mut row.span);
            }
        }
        winner.from.merge(&row.from);
        winner.ingested_at_ms = winner.ingested_at_ms.min(row.ingested_at_ms);
    }
    kept.sort_by(|left, right| file_order(&left.span).cmp(&file_order(&right.span)));
    Unique { rows: kept, duplicates, conflicts }
}
