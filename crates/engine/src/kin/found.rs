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
use super::sought::{Ids, Key, Keys, PARTS};
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
                waiting: Waiting::default(),
                parents: (0..PARTS).map(|_| Seen::default()).collect(),
                children: (0..PARTS).map(|_| Vec::new()).collect(),
                reservation: MemoryConsumer::new("parents and children")
                    .register(&session.runtime_env().memory_pool),
            };
            readers.read(batches, thread, Thread::batch, |mut thread| {
                thread.look_up();
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
    waiting: Waiting,
    /// By part.
    parents: Vec<Seen>,
    children: Vec<Vec<Child>>,
    reservation: MemoryReservation,
}

/// Spans that wait to be looked up, by part: many of one part after the other, so that its keys stay near the processor.
struct Waiting {
    rows: usize,
    parents: Vec<Vec<(Key, i64, i64)>>,
    /// Of each parent one after the other.
    texts: Vec<Vec<TextId>>,
    children: Vec<Vec<(Key, i64, i64)>>,
}

/// So many spans wait at most, and those of a batch.
const MOST_WAITING: usize = 1 << 18;

impl Default for Waiting {
    fn default() -> Self {
        let lists = || (0..PARTS).map(|_| Vec::new()).collect();
        Self { rows: 0, parents: lists(), texts: (0..PARTS).map(|_| Vec::new()).collect(), children: lists() }
    }
}

impl Thread {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let ends = program.ends(batch)?;
        let traces = Ids::of(batch, columns::TRACE_ID)?;
        let rows = || (0..ends.len()).filter(|row| contain(&self.ranges, ends[*row]));
        if !self.sought.parents.is_empty() {
            let ids = Ids::of(batch, columns::SPAN_ID)?;
            let durations = values::<Int64Type>(batch, columns::DURATION_NS)?;
            let texts = texts(&program, batch, &mut self.memory)?;
            for row in rows() {
                if let Some(id) = ids.span(row)? {
                    let key = Key::of(traces.trace(row)?, id);
                    self.waiting.parents[key.part()].push((key, ends[row], durations[row]));
                    self.waiting.texts[key.part()].extend(texts.iter().map(|text| text.of(row)));
                    self.waiting.rows += 1;
                }
            }
        }
        if !self.sought.spans.is_empty() {
            let ids = Ids::of(batch, columns::PARENT_SPAN_ID)?;
            let starts = times(batch, columns::START_TIME)?;
            for row in rows() {
                if let Some(id) = ids.span(row)? {
                    let key = Key::of(traces.trace(row)?, id);
                    self.waiting.children[key.part()].push((key, starts[row], ends[row]));
                    self.waiting.rows += 1;
                }
            }
        }
        if self.waiting.rows < MOST_WAITING {
            return Ok(());
        }
        let before = self.bytes();
        self.look_up();
        Ok(self.reservation.try_grow(2 * (self.bytes() - before))?)
    }

    /// Takes in those of the waiting spans that are sought.
    fn look_up(&mut self) {
        let Waiting { rows, parents, texts, children } = &mut self.waiting;
        let columns = self.program.rules[0].top.len();
        for (part, (parents, texts)) in parents.iter_mut().zip(texts).enumerate() {
            for (at, (key, end, duration)) in parents.drain(..).enumerate() {
                if let Some((_, place)) = self.sought.parents.get(&key) {
                    let texts = texts[at * columns..(at + 1) * columns].iter().copied();
                    self.parents[part].add(place, end, duration, texts);
                }
            }
            texts.clear();
        }
        for (part, children) in children.iter_mut().enumerate() {
            for (key, start, end) in children.drain(..) {
                if let Some((_, place)) = self.sought.spans.get(&key) {
                    self.children[part].push(Child { place, start, end });
                }
            }
        }
        *rows = 0;
    }

    /// The bytes of what was found.
    fn bytes(&self) -> usize {
        let parents: usize = self.parents.iter().map(Seen::bytes).sum();
        parents + self.children.iter().map(|children| size_of_val(children.as_slice())).sum::<usize>()
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
