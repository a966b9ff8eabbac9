//! Batches of a source for whoever looks at all spans and judges none: columns that are named, times that are asked for.

use std::collections::BTreeSet;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::prelude::SessionContext;
use fluo_spans::batch::from_batch;
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, span_schema};
use fluo_spans::span::Span;
use fluo_time::TimeRange;

use crate::column::{id, ids};
use crate::error::EngineError;
use crate::pages::Sought;
use crate::readers::Readers;
use crate::scan::Columns;
use crate::source::SpanSource;

/// Gives the batches in which spans may be that ended in a range to readers, one for each thread, and returns these. A batch
/// may hold other spans, and copies. `columns`: the names of the columns that are read, by layout; those that spans do not
/// have are left out.
///
/// # Errors
///
/// A file cannot be read ([`EngineError::File`]), or `each` fails.
pub async fn visit<Reader: Send + 'static>(
    session: &SessionContext,
    source: &SpanSource,
    ends: TimeRange,
    columns: impl Fn(&Layout) -> Vec<String>,
    reader: impl Fn() -> Reader,
    each: impl Fn(&mut Reader, &RecordBatch) -> Result<(), EngineError> + Clone + Send + 'static,
) -> Result<Vec<Reader>, EngineError> {
    let sought = Sought { ranges: vec![ends], services: None };
    let mut readers = Readers::new();
    for part in source.parts() {
        let names = columns(&part.layout);
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let columns = Columns::named(&part.layout, &names)?;
        for batches in part.scan(session, &columns, &sought, None)? {
            readers.read(batches, reader(), each.clone(), |reader| reader);
        }
    }
    readers.ended().await
}

/// The whole spans that ended in a range and are wanted, by trace id; of copies, all of them.
///
/// # Errors
///
/// As of [`visit`].
pub async fn spans_of_traces(
    session: &SessionContext,
    source: &SpanSource,
    ends: TimeRange,
    is_wanted: impl Fn(&[u8; 16]) -> bool + Clone + Send + 'static,
) -> Result<Vec<Span>, EngineError> {
    let all =
        |layout: &Layout| span_schema(layout).fields().iter().map(|field| field.name().clone()).collect();
    let each = move |found: &mut Vec<Span>, batch: &RecordBatch| {
        let traces = ids(batch, columns::TRACE_ID)?;
        let mut wanted = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            wanted.push(is_wanted(&id(traces, row, columns::TRACE_ID)?));
        }
        if wanted.contains(&true) {
            found.extend(from_batch(&filter_record_batch(batch, &BooleanArray::from(wanted))?)?);
        }
        Ok(())
    };
    let found = visit(session, source, ends, all, Vec::new, each).await?;
    let mut spans: Vec<_> = found.into_iter().flatten().collect();
    spans.retain(|span| ends.contains(span.end_ns));
    spans.sort_by_cached_key(|span| (span.key(), span.content_hash()));
    Ok(spans)
}
