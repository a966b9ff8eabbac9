//! Whole traces: all spans of those that may break a rule, as far as rules look at them.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use datafusion::prelude::SessionContext;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use fluo_time::range::contain;
use hashbrown::{HashMap, HashSet};

use super::light::Light;
use crate::column::{id, ids, times};
use crate::copies::over;
use crate::error::EngineError;
use crate::pages::Sought;
use crate::row_test::RowTest;
use crate::source::SpanSource;
use crate::truth::Truth;

/// Traces, with their spans by end and id, each once.
pub(super) type Traces = HashMap<[u8; 16], Vec<Light>>;

/// Reads the spans of some traces that ended in some ranges; `links`: with what they are linked to.
pub(super) async fn whole(
    session: &SessionContext,
    source: &SpanSource,
    traces: HashSet<[u8; 16]>,
    ranges: &[TimeRange],
    links: bool,
) -> Result<Traces, EngineError> {
    let sought = Sought { ranges: ranges.to_vec(), services: None };
    let mut names = vec![
        columns::TRACE_ID,
        columns::SPAN_ID,
        columns::PARENT_SPAN_ID,
        columns::START_TIME,
        columns::END_TIME,
    ];
    names.extend(links.then_some(columns::LINKS));
    let (wanted, ranges): (_, Arc<[TimeRange]>) = (Arc::new(traces), ranges.into());
    let of_test = Arc::clone(&wanted);
    let test = RowTest::of_rows(&[columns::TRACE_ID], move |batch| {
        let traces = ids(batch, columns::TRACE_ID)?;
        let mut is = vec![false; batch.num_rows()];
        for (row, is) in is.iter_mut().enumerate() {
            *is = of_test.contains(&id(traces, row, columns::TRACE_ID)?);
        }
        Ok(Truth::by_row(is.len(), |row| is[row]))
    });
    let found = over(session, source, &sought, &names, Some(test), move |batch, found| {
        spans(batch, &wanted, &ranges, links, found)
    });
    let mut all = Traces::new();
    for (trace, span) in found.await?.into_iter().flatten() {
        all.entry(trace).or_default().push(span);
    }
    for spans in all.values_mut() {
        spans.sort_unstable_by(|one, other| {
            (one.end, one.id, one.start, one.parent).cmp(&(other.end, other.id, other.start, other.parent))
        });
        spans.dedup_by(|later, first| {
            let is_copy = (later.end, later.id) == (first.end, first.id);
            if is_copy {
                first.parent = first.parent.or(later.parent);
                first.links.append(&mut later.links);
            }
            is_copy
        });
    }
    Ok(all)
}

/// Adds the spans of a batch that are of some traces and ended in some ranges.
fn spans(
    batch: &RecordBatch,
    wanted: &HashSet<[u8; 16]>,
    ranges: &[TimeRange],
    links: bool,
    found: &mut Vec<([u8; 16], Light)>,
) -> Result<(), EngineError> {
    let traces = ids(batch, columns::TRACE_ID)?;
    let mut columns_of_batch = None;
    for row in 0..batch.num_rows() {
        let trace: [u8; 16] = id(traces, row, columns::TRACE_ID)?;
        if !wanted.contains(&trace) {
            continue;
        }
        let (spans, parents, starts, ends) = match columns_of_batch {
            Some(columns) => columns,
            None => *columns_of_batch.insert((
                ids(batch, columns::SPAN_ID)?,
                ids(batch, columns::PARENT_SPAN_ID)?,
                times(batch, columns::START_TIME)?,
                times(batch, columns::END_TIME)?,
            )),
        };
        if !contain(ranges, ends[row]) {
            continue;
        }
        let parent = parents.is_valid(row).then(|| id(parents, row, columns::PARENT_SPAN_ID)).transpose()?;
        let links = if links { linked(batch, row, trace)? } else { Vec::new() };
        let span = id(spans, row, columns::SPAN_ID)?;
        found.push((trace, Light { id: span, parent, start: starts[row], end: ends[row], steps: 0, links }));
    }
    Ok(())
}

/// The spans of its own trace that a span has links to.
fn linked(batch: &RecordBatch, row: usize, trace: [u8; 16]) -> Result<Vec<[u8; 8]>, EngineError> {
    let bad = || EngineError::Column(columns::LINKS.to_owned());
    let lists = batch.column_by_name(columns::LINKS).and_then(|column| column.as_list_opt::<i32>());
    let lists = lists.ok_or_else(bad)?;
    if lists.is_null(row) {
        return Ok(Vec::new());
    }
    let links = lists.value(row);
    let links = links.as_struct_opt().ok_or_else(bad)?;
    let column = |name: &str| {
        links.column_by_name(name).and_then(|column| column.as_fixed_size_binary_opt()).ok_or_else(bad)
    };
    let (traces, spans) = (column(columns::TRACE_ID)?, column(columns::SPAN_ID)?);
    let own = (0..links.len()).filter(|at| traces.value(*at) == trace);
    own.map(|at| id(spans, at, columns::LINKS)).collect()
}
