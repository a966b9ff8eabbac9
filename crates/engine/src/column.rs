//! Columns of a batch, by their names.

use arrow::array::{ArrowPrimitiveType, AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use fluo_spans::identity::SpanKey;
use fluo_spans::schema::columns;

use crate::error::EngineError;

/// A column of ids.
///
/// # Errors
///
/// [`EngineError::Column`] where the batch has no such column of that type; so do those below.
pub(crate) fn ids<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a FixedSizeBinaryArray, EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_fixed_size_binary_opt());
    column.ok_or_else(|| EngineError::Column(name.to_owned()))
}

/// The id in a row of the column of that name.
pub(crate) fn id<const BYTES: usize>(
    ids: &FixedSizeBinaryArray,
    row: usize,
    name: &str,
) -> Result<[u8; BYTES], EngineError> {
    ids.value(row).try_into().map_err(|_| EngineError::Column(name.to_owned()))
}

/// The values of a column of numbers; nulls are any number.
pub(crate) fn values<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    Ok(column.ok_or_else(|| EngineError::Column(name.to_owned()))?.values())
}

/// A column of moments, in nanoseconds since the epoch.
pub(crate) fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], EngineError> {
    values::<TimestampNanosecondType>(batch, name)
}

/// The keys of the spans of a batch.
pub(crate) struct Keys<'a> {
    pub(crate) trace: &'a FixedSizeBinaryArray,
    pub(crate) span: &'a FixedSizeBinaryArray,
    /// Their ends; nanoseconds since the epoch.
    pub(crate) ends: &'a [i64],
}

impl<'a> Keys<'a> {
    /// Of spans that ended then.
    pub(crate) fn of(batch: &'a RecordBatch, ends: &'a [i64]) -> Result<Self, EngineError> {
        Ok(Self { trace: ids(batch, columns::TRACE_ID)?, span: ids(batch, columns::SPAN_ID)?, ends })
    }

    pub(crate) fn key(&self, row: usize) -> Result<SpanKey, EngineError> {
        let (trace, span) = (id(self.trace, row, columns::TRACE_ID)?, id(self.span, row, columns::SPAN_ID)?);
        Ok((trace, span, self.ends[row]))
    }
}
