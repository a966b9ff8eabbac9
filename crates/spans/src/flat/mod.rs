//! Tables of others: Parquet of the flat, ClickHouse-like family, one span a row.
//!
//! The same columns are met in three spellings (`SpanAttributes`, `span_attributes`, `Events.Name`) and several types.
//! A name is told by its letters alone (`columns`), a value by its type (`cell`):
//!
//! | | is met as |
//! | --- | --- |
//! | times | Arrow's timestamps of any unit, integers (nanoseconds), text |
//! | ids | 16 and 8 bytes, hex |
//! | kind, status | numbers, `Server`, `SPAN_KIND_SERVER` |
//! | attributes | a map, an object in JSON text |
//! | events, links | parallel lists, a list of structures, a list in JSON text |
//!
//! A value that is wrong is mended by the rules of OTLP (`mending`), and a row that cannot be placed is set aside as
//! there.
//! The end of a span is its start and its duration; where one of these is missing, the column of ends.

mod cell;
mod columns;
mod row;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::ops::ControlFlow;

use arrow::array::RecordBatch;

pub use columns::SpanTable;

use crate::assembly::Assembly;
use crate::assembly::Batch;
use crate::decode::Rest;
use crate::error::DecodeError;
use crate::limits::Limits;

/// Some rows of a table, or why they cannot be read. Other rows may follow.
pub type Part = Result<RecordBatch, Box<dyn Error + Send + Sync>>;

/// Reads the rows of a table, and hands its spans to `sink` in small batches, until it wants no more.
///
/// # Errors
///
/// [`DecodeError::Parquet`] where no part holds a span, and one of them cannot be read; [`DecodeError::TooCostly`].
/// Spans that were handed over do not count then.
pub fn decode_rows(
    table: &SpanTable,
    parts: impl Iterator<Item = Part>,
    limits: &Limits,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<Rest, DecodeError> {
    let mut assembly = Assembly::new(limits, sink);
    assembly.begin_document();
    for part in parts {
        match part {
            Ok(batch) => row::read(table, &batch, &mut assembly),
            Err(source) => assembly.part_broken(DecodeError::Parquet { source }),
        }
        if assembly.is_stopped() {
            break;
        }
    }
    assembly.document_read();
    let (set_aside, other_signals) = assembly.finish()?;
    Ok(Rest { set_aside, other_signals })
}
