//! One scan of the times around: parents with what rules read of them, and children with when they ran.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;
use fluo_plan::{Projection, RulePlan};
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use fluo_time::range::contain;

use super::children::{Child, Children};
use super::parents::{Parents, Seen};
use super::sought::{Ids, Key, Keys, PARTS, Places};
use super::{columns_of, texts_of};
use crate::column::{times, values};
use crate::error::EngineError;
use crate::pages::Sought;
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::pass::texts::{Named, TextId};
use crate::readers::Readers;
use crate::row_test::RowTest;
use crate::source::SpanSource;
use crate::truth::Truth;

/// Finds the parents and children that are sought, among the spans that ended in some ranges.
pub(super) async fn found(
    session: &SessionContext,
    source: &SpanSource,
    plans: &[&RulePlan],
    sought: Keys,
    ranges: &[TimeRange],
) -> Result<(Parents, Children), EngineError> {
    let of_time = Sought { ranges: ranges.to_vec(), services: None };
    let (sought, ranges): (Arc<Keys>, Arc<[TimeRange]>) = (Arc::new(sought), ranges.into());
    let mut readers = Readers::new();
    for part in source.parts() {
        let program = Arc::new(program(session, plans, &part.layout, &sought)?);
        let reads_nested = program.columns.schema.fields().iter().any(|field| field.data_type().is_nested());
        let test = (reads_nested || sought.are_few()).then(|| test(&sought));
        for batches in part.scan(session, &program.columns, &of_time, test)? {
            let thread = Thread {
                program: Arc::clone(&program),
                memory: Memory::default(),
                sought: Arc::clone(&sought),
                ranges: Arc::clone(&ranges),
                parents: (0..PARTS).map(|_| Seen::default()).collect(),
                children: (0..PARTS).map(|_| Vec::new()).collect(),
                reservation: MemoryConsumer::new("parents and children")
                    .register(&session.runtime_env().memory_pool),
            };
            readers.read(batches, thread, Thread::batch, |thread| {
                (thread.parents, thread.memory, thread.children)
            });
        }
    }
    let (mut parents, mut children) = (Vec::new(), Vec::new());
    for (of_parents, memory, of_children) in readers.ended().await? {
        parents.push((of_parents, memory));
        children.push(of_children);
    }
    let sought = Arc::into_inner(sought).ok_or(EngineError::Changed("keys of parents"))?;
    let texts = texts_of(&columns_of(plans, &Layout::builtin())?).len();
    let mut known = Parents::of(sought.parents, parents, texts).await;
    let contested = known.contested();
    if !contested.is_empty() {
        let builtin = Arc::new(program(session, plans, &Layout::builtin(), &Keys::default())?);
        known.settle(session, source, &builtin, &contested).await?;
    }
    Ok((known, Children::of(sought.spans, children).await))
}

/// The rows of spans that may be parents or children.
fn test(sought: &Arc<Keys>) -> RowTest {
    let names = [
        (!sought.parents.is_empty()).then_some(columns::SPAN_ID),
        (!sought.spans.is_empty()).then_some(columns::PARENT_SPAN_ID),
    ];
    let names: Vec<&str> = names.into_iter().flatten().chain([columns::TRACE_ID]).collect();
    let sought = Arc::clone(sought);
    RowTest::of_rows(&names, move |batch| {
        let traces = Ids::of(batch, columns::TRACE_ID)?;
        let mut is = vec![false; batch.num_rows()];
        for (places, name) in [(&sought.parents, columns::SPAN_ID), (&sought.spans, columns::PARENT_SPAN_ID)]
        {
            if places.is_empty() {
                continue;
            }
            let ids = Ids::of(batch, name)?;
            for (row, is) in is.iter_mut().enumerate() {
                if let Some(id) = ids.span(row)? {
                    *is |= places.get(&Key::of(traces.trace(row)?, id)).is_some();
                }
            }
        }
        Ok(Truth::by_row(is.len(), |row| is[row]))
    })
}

/// The fields that are read of spans that may be parents or children.
fn program(
    session: &SessionContext,
    plans: &[&RulePlan],
    layout: &Layout,
    sought: &Keys,
) -> Result<Program, EngineError> {
    let of_layout = columns_of(plans, layout)?;
    let texts = texts_of(&of_layout).into_iter().map(|(_, text)| text.clone()).collect();
    let mut more = vec![columns::TRACE_ID, columns::SPAN_ID, columns::DURATION_NS];
    if !sought.spans.is_empty() {
        more.extend([columns::PARENT_SPAN_ID, columns::START_TIME]);
    }
    Program::of(session, layout, std::iter::once(&Projection::of_texts(texts, layout)), &more)
}

struct Thread {
    program: Arc<Program>,
    memory: Memory,
    sought: Arc<Keys>,
    ranges: Arc<[TimeRange]>,
    /// By part.
    parents: Vec<Seen>,
    children: Vec<Vec<Child>>,
    reservation: MemoryReservation,
}

impl Thread {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let ends = program.ends(batch)?;
        let mut added = 0;
        if !self.sought.parents.is_empty() {
            let found = self.sought_among(batch, ends, columns::SPAN_ID, &self.sought.parents)?;
            if !found.is_empty() {
                let durations = values::<Int64Type>(batch, columns::DURATION_NS)?;
                let texts = texts(&program, batch, &mut self.memory)?;
                for (row, part, place) in &found {
                    let texts = texts.iter().map(|text| text.of(*row));
                    self.parents[*part].add(*place, ends[*row], durations[*row], texts);
                }
                added += 2 * found.len() * (size_of::<(u32, i64, i64)>() + 4 * texts.len());
            }
        }
        if !self.sought.spans.is_empty() {
            let found = self.sought_among(batch, ends, columns::PARENT_SPAN_ID, &self.sought.spans)?;
            let starts = times(batch, columns::START_TIME)?;
            for (row, part, place) in &found {
                self.children[*part].push(Child { place: *place, start: starts[*row], end: ends[*row] });
            }
            added += 2 * found.len() * size_of::<Child>();
        }
        Ok(self.reservation.try_grow(added)?)
    }

    /// The rows of a batch whose trace and id, of this name, are among the keys that are sought, with their parts and places.
    fn sought_among(
        &self,
        batch: &RecordBatch,
        ends: &[i64],
        name: &str,
        sought: &Places,
    ) -> Result<Vec<(usize, usize, u32)>, EngineError> {
        let (traces, ids) = (Ids::of(batch, columns::TRACE_ID)?, Ids::of(batch, name)?);
        let mut keys = Vec::with_capacity(ends.len());
        for row in (0..ends.len()).filter(|row| contain(&self.ranges, ends[*row])) {
            if let Some(id) = ids.span(row)? {
                keys.push((row, Key::of(traces.trace(row)?, id)));
            }
        }
        // One after the other, so that the processor waits for the memory of several at a time.
        let found = |(row, key)| {
            let (part, place) = sought.get(&key)?;
            Some((row, part, place))
        };
        Ok(keys.into_iter().filter_map(found).collect())
    }
}

/// The texts that are read of the spans of a batch, by their numbers.
fn texts(
    program: &Program,
    batch: &RecordBatch,
    memory: &mut Memory,
) -> Result<Vec<Named<TextId>>, EngineError> {
    let mut frame = Frame::new(program, batch, memory);
    program.rules[0].top.iter().map(|text| frame.text(*text)).collect()
}

/// Adds what is read of parents, which are all the spans of a batch and have one key.
pub(super) fn add(
    program: &Program,
    batch: &RecordBatch,
    memory: &mut Memory,
    seen: &mut Seen,
) -> Result<(), EngineError> {
    let (ends, durations) = (program.ends(batch)?, values::<Int64Type>(batch, columns::DURATION_NS)?);
    let texts = texts(program, batch, memory)?;
    for (row, (end, duration)) in ends.iter().zip(durations).enumerate() {
        seen.add(0, *end, *duration, texts.iter().map(|text| text.of(row)));
    }
    Ok(())
}
