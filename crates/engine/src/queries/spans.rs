//! The spans that ended in some times, each once, as rows in order.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, FixedSizeBinaryArray, RecordBatch, UInt32Array};
use arrow::compute::{concat, concat_batches, filter_record_batch, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use fluo_plan::RulePlan;
use fluo_plan::query::columns_of_spans;
use fluo_spans::batch::to_batch;
use fluo_spans::identity::SpanKey;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use hashbrown::HashMap;

use super::columns::{View, reads};
use crate::column::{Keys, ids, times};
use crate::copies::{over, spans_of};
use crate::error::EngineError;
use crate::pages::Sought;
use crate::rows::index;
use crate::source::SpanSource;
use crate::work::Budget;

/// Rows of a batch that a plan reads.
const ROWS_A_BATCH: usize = 8_192;

/// Spans by end, trace and id: what a query reads of them, and their keys.
pub(crate) struct Spans {
    view: View,
    batch: RecordBatch,
    ends: Vec<i64>,
    traces: FixedSizeBinaryArray,
    ids: FixedSizeBinaryArray,
    by_trace: std::cell::OnceCell<HashMap<[u8; 16], Vec<u32>>>,
}

/// Some rows, and their keys.
#[derive(Clone)]
struct Part {
    batch: RecordBatch,
    ends: Vec<i64>,
    traces: FixedSizeBinaryArray,
    ids: FixedSizeBinaryArray,
}

impl Spans {
    /// Reads the spans of a source that ended in some times.
    pub(crate) async fn read(
        session: &SessionContext,
        source: &SpanSource,
        plan: &RulePlan,
        range: TimeRange,
        budget: &Arc<Budget>,
    ) -> Result<Self, EngineError> {
        let view = View::of(plan);
        let layouts: Vec<&Layout> = source.parts().iter().map(|part| &part.layout).collect();
        let reads = reads(plan);
        let mut names: BTreeSet<&str> =
            layouts.iter().flat_map(|layout| columns_of_spans(&reads, layout)).collect();
        names.extend([columns::TRACE_ID, columns::SPAN_ID, columns::END_TIME]);
        let names: Vec<&str> = names.into_iter().collect();
        let sought = Sought { ranges: vec![range], services: None };
        let (of_batch, budget) = (view.clone(), Arc::clone(budget));
        let found = over(session, source, &sought, &names, None, move |batch, found: &mut Vec<Part>| {
            let ends = times(batch, columns::END_TIME)?;
            let within: BooleanArray =
                ends.iter().map(|end| Some(range.from <= *end && *end <= range.to)).collect();
            if within.true_count() == 0 {
                return Ok(());
            }
            let some = Part::of(&of_batch, &filter_record_batch(batch, &within)?)?;
            // They are put together, and then in order.
            budget.grow(2 * some.batch.get_array_memory_size())?;
            found.push(some);
            Ok(())
        })
        .await?;
        let some =
            Part::together(&view.schema, &found.into_iter().flatten().collect::<Vec<_>>())?.sorted()?;
        let copied = some.copied()?;
        let some = if copied.is_empty() {
            some
        } else {
            let whole = spans_of(session, source, &copied).await?;
            some.with_one_of_each(&view, &copied, &whole)?
        };
        let Part { batch, ends, traces, ids } = some;
        Ok(Self { view, batch, ends, traces, ids, by_trace: std::cell::OnceCell::new() })
    }

    /// The columns that are read.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.schema)
    }

    /// The rows of spans that ended in `(window.from, window.to]`.
    fn rows(&self, window: TimeRange) -> Range<usize> {
        let after = |moment: i64| self.ends.partition_point(|end| *end <= moment);
        after(window.from)..after(window.to)
    }

    /// These rows as batches.
    pub(super) fn batches(&self, window: TimeRange) -> Vec<RecordBatch> {
        let rows = self.rows(window);
        rows.clone()
            .step_by(ROWS_A_BATCH)
            .map(|from| self.batch.slice(from, ROWS_A_BATCH.min(rows.end - from)))
            .collect()
    }

    /// The span of a window with these ids; of a trace alone, the one that ended last.
    pub(crate) fn key(&self, window: TimeRange, trace: &[u8], span: Option<&[u8]>) -> Option<SpanKey> {
        let rows = self.rows(window);
        let by_trace = self.by_trace.get_or_init(|| {
            let mut by_trace: HashMap<[u8; 16], Vec<u32>> = HashMap::new();
            for row in 0..self.traces.len() {
                if let Ok(trace) = self.traces.value(row).try_into() {
                    by_trace.entry(trace).or_default().push(index(row));
                }
            }
            by_trace
        });
        let trace: [u8; 16] = trace.try_into().ok()?;
        let of_trace = by_trace.get(&trace)?.iter().map(|row| *row as usize);
        let mut found = of_trace.rev().filter(|row| rows.contains(row));
        let row = found.find(|row| span.is_none_or(|span| self.ids.value(*row) == span))?;
        Some((trace, self.ids.value(row).try_into().ok()?, self.ends[row]))
    }
}

impl Part {
    fn of(view: &View, stored: &RecordBatch) -> Result<Self, EngineError> {
        Ok(Self {
            batch: view.batch(stored)?,
            ends: times(stored, columns::END_TIME)?.to_vec(),
            traces: ids(stored, columns::TRACE_ID)?.clone(),
            ids: ids(stored, columns::SPAN_ID)?.clone(),
        })
    }

    fn together(schema: &SchemaRef, parts: &[Self]) -> Result<Self, EngineError> {
        let batches = parts.iter().map(|part| &part.batch);
        let ids = |of: &dyn Fn(&Self) -> &FixedSizeBinaryArray, bytes: i32| {
            let arrays: Vec<&dyn Array> = parts.iter().map(|part| of(part) as &dyn Array).collect();
            if arrays.is_empty() {
                return Ok(FixedSizeBinaryArray::new_null(bytes, 0));
            }
            let all = concat(&arrays)?;
            all.as_any()
                .downcast_ref::<FixedSizeBinaryArray>()
                .cloned()
                .ok_or_else(|| EngineError::Column(columns::TRACE_ID.to_owned()))
        };
        Ok(Self {
            batch: concat_batches(schema, batches)?,
            ends: parts.iter().flat_map(|part| part.ends.iter().copied()).collect(),
            traces: ids(&|part| &part.traces, fluo_spans::schema::TRACE_ID_BYTES)?,
            ids: ids(&|part| &part.ids, fluo_spans::schema::SPAN_ID_BYTES)?,
        })
    }

    /// The same by end, trace and id.
    fn sorted(&self) -> Result<Self, EngineError> {
        let mut order: Vec<u32> = (0..index(self.ends.len())).collect();
        order.sort_unstable_by(|one, other| {
            let key = |row: &u32| {
                let row = *row as usize;
                (self.ends[row], self.traces.value(row), self.ids.value(row))
            };
            key(one).cmp(&key(other))
        });
        self.taken(&UInt32Array::from(order))
    }

    fn taken(&self, rows: &UInt32Array) -> Result<Self, EngineError> {
        let ids = |of: &FixedSizeBinaryArray| {
            take(of, rows, None)?
                .as_any()
                .downcast_ref::<FixedSizeBinaryArray>()
                .cloned()
                .ok_or_else(|| EngineError::Column(columns::TRACE_ID.to_owned()))
        };
        Ok(Self {
            batch: take_record_batch(&self.batch, rows)?,
            ends: rows.values().iter().map(|row| self.ends[*row as usize]).collect(),
            traces: ids(&self.traces)?,
            ids: ids(&self.ids)?,
        })
    }

    /// The spans that are there more than once. The rows are in order.
    fn copied(&self) -> Result<Vec<SpanKey>, EngineError> {
        let keys = Keys { trace: &self.traces, span: &self.ids, ends: &self.ends };
        let mut copied: Vec<SpanKey> = Vec::new();
        for row in 1..self.ends.len() {
            let key = keys.key(row)?;
            if key == keys.key(row - 1)? && copied.last() != Some(&key) {
                copied.push(key);
            }
        }
        Ok(copied)
    }

    /// The same with one row of each of the spans that are there more than once: of the copy that counts.
    fn with_one_of_each(
        &self,
        view: &View,
        copied: &[SpanKey],
        whole: &HashMap<SpanKey, Span>,
    ) -> Result<Self, EngineError> {
        let keys = Keys { trace: &self.traces, span: &self.ids, ends: &self.ends };
        let mut alone: Vec<u32> = Vec::new();
        for row in 0..self.ends.len() {
            if !whole.contains_key(&keys.key(row)?) {
                alone.push(index(row));
            }
        }
        let spans: Vec<&Span> = copied.iter().filter_map(|key| whole.get(key)).collect();
        let one_of_each = Self::of(view, &to_batch(&spans, 0, &Layout::builtin())?)?;
        let alone = self.taken(&UInt32Array::from(alone))?;
        Self::together(&view.schema, &[alone, one_of_each])?.sorted()
    }
}
