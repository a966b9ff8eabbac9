//! Batches of a source for whoever looks at all spans and judges none: columns that are named, times that are asked for.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use fluo_spans::layout::Layout;
use fluo_time::TimeRange;

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
