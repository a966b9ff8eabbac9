//! One pass over the spans for the steps of all rules about traces: which spans can be which, by trace.
//!
//! Of a span that can be none nothing is kept, and of one that can be some, its ids and times. Spans are parted by trace
//! as they come, so that the traces of one part can be looked at while the others wait.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use fluo_plan::{Projection, RulePlan};
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use fluo_time::range::contain;
use hashbrown::HashMap;

use crate::column::{id, ids, times};
use crate::error::EngineError;
use crate::pages::{Sought, services};
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::readers::Readers;
use crate::row_test::{RowTest, reads_nested};
use crate::rows::index;
use crate::source::SpanSource;
use crate::truth::Truth;

/// The different steps of rules, by their places.
pub(super) struct Steps {
    /// Of each, a rule and the place among its own steps.
    of: Vec<(usize, usize)>,
    /// By rule: the places of its steps.
    places: Vec<Vec<usize>>,
}

impl Steps {
    /// Of rules; two that select the same spans are one.
    pub(super) fn of(plans: &[&RulePlan]) -> Result<Self, EngineError> {
        let mut known: HashMap<Vec<Expr>, usize> = HashMap::new();
        let (mut of, mut places) = (Vec::new(), Vec::new());
        for (rule, plan) in plans.iter().enumerate() {
            let projection = plan.projection(&Layout::builtin())?;
            let place = |(step, selected): (usize, &Arc<Projection>)| {
                *known.entry(selected.selector.clone()).or_insert_with(|| {
                    of.push((rule, step));
                    of.len() - 1
                })
            };
            places.push(projection.steps.iter().enumerate().map(place).collect());
        }
        Ok(Self { of, places })
    }

    /// The words of bits that one for each step takes.
    fn words(&self) -> usize {
        self.of.len().div_ceil(64).max(1)
    }

    fn projections(&self, plans: &[&RulePlan], layout: &Layout) -> Result<Vec<Arc<Projection>>, EngineError> {
        let by_rule: Vec<Arc<Projection>> =
            plans.iter().map(|plan| plan.projection(layout)).collect::<Result<_, _>>()?;
        Ok(self.of.iter().map(|(rule, step)| Arc::clone(&by_rule[*rule].steps[*step])).collect())
    }

    /// The steps of a rule that a span can be, of the bits of all.
    pub(super) fn of_rule(&self, rule: usize, bits: &[u64]) -> u64 {
        let is = |place: &usize| bits[place / 64] >> (place % 64) & 1;
        self.places[rule].iter().enumerate().fold(0, |all, (step, place)| all | is(place) << step)
    }
}

/// A span that can be a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) trace: [u8; 16],
    pub(super) end: i64,
    pub(super) span: [u8; 8],
    pub(super) start: i64,
    /// Read if a rule asks for it.
    pub(super) parent: Option<[u8; 8]>,
    /// The place of its bits, in words.
    bits: u32,
}

impl Row {
    /// A number of its trace, which few others have: half of an id may be the same for many.
    fn rank(&self) -> u64 {
        let trace = u128::from_be_bytes(self.trace);
        #[expect(clippy::cast_possible_truncation, reason = "one half after the other")]
        let (first, last) = ((trace >> 64) as u64, trace as u64);
        first ^ last
    }

    /// The place in the order, by numbers that are compared at once. Copies have the same.
    fn order(&self) -> (u128, i64, u64) {
        (u128::from_be_bytes(self.trace), self.end, u64::from_be_bytes(self.span))
    }
}

/// Spans of some traces.
#[derive(Default)]
pub(super) struct Part {
    rows: Vec<Row>,
    bits: Vec<u64>,
    /// The ends of the first and the last span of each trace, if every trace matters.
    pub(super) traces: HashMap<[u8; 16], (i64, i64)>,
    words: usize,
}

/// Traces are parted in so many.
pub(super) const PARTS: usize = 64;

/// The part that a trace belongs to: the last byte of an id is random in all formats that there are.
pub(super) fn part_of(trace: &[u8; 16]) -> usize {
    usize::from(trace[15] ^ trace[7]) % PARTS
}

impl Part {
    fn add(&mut self, row: Row, bits: &[u64]) {
        let at = u32::try_from(self.bits.len()).unwrap_or(u32::MAX);
        self.bits.extend_from_slice(bits);
        self.rows.push(Row { bits: at, ..row });
    }

    /// Notes that spans of a trace ended then. Returns whether the trace is new.
    fn see(&mut self, trace: [u8; 16], first: i64, last: i64) -> bool {
        let before = self.traces.len();
        let ends = self.traces.entry(trace).or_insert((first, last));
        *ends = (ends.0.min(first), ends.1.max(last));
        self.traces.len() > before
    }

    /// Takes in another, of the same traces.
    pub(super) fn extend(&mut self, other: Self) {
        if self.rows.is_empty() && self.traces.is_empty() {
            *self = other;
            return;
        }
        let words = self.words.max(other.words);
        let before = u32::try_from(self.bits.len()).unwrap_or(u32::MAX);
        self.bits.extend(other.bits);
        self.rows
            .extend(other.rows.into_iter().map(|row| Row { bits: row.bits.saturating_add(before), ..row }));
        for (trace, (first, last)) in other.traces {
            self.see(trace, first, last);
        }
        self.words = words;
    }

    /// Sorts the spans, those of each trace by end and id, and makes one of copies: it can be what any of them can be.
    pub(super) fn sort(&mut self) {
        // Numbers are sorted, and rows are moved once.
        let mut places: Vec<(u64, u32)> = self.rows.iter().map(Row::rank).zip(0..).collect();
        places.sort_unstable();
        let mut rows: Vec<Row> = places.into_iter().map(|(_, at)| self.rows[at as usize]).collect();
        for alike in rows.chunk_by_mut(|one, other| one.rank() == other.rank()) {
            alike.sort_unstable_by(|one, other| {
                let among_copies = || (one.start, one.parent).cmp(&(other.start, other.parent));
                one.order().cmp(&other.order()).then_with(among_copies)
            });
        }
        let (bits, words) = (&mut self.bits, self.words);
        rows.dedup_by(|later, first| {
            let is_copy = later.order() == first.order();
            if is_copy {
                for word in 0..words {
                    let of_copy = bits[later.bits as usize + word];
                    bits[first.bits as usize + word] |= of_copy;
                }
                first.parent = first.parent.or(later.parent);
            }
            is_copy
        });
        // Bits lie as their rows do, so that they are read one after the other.
        let mut sorted = Vec::with_capacity(rows.len() * words);
        for row in &mut rows {
            let (at, to) = (row.bits as usize, index(sorted.len()));
            sorted.extend_from_slice(&bits[at..at + words]);
            row.bits = to;
        }
        (self.rows, self.bits) = (rows, sorted);
    }

    /// The spans of each trace.
    pub(super) fn by_trace(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|one, other| one.trace == other.trace)
    }

    /// The time between the ends of the first and the last span of a trace, of which at least those at these ends are known.
    pub(super) fn lasted(&self, trace: &[u8; 16], ends: Option<(i64, i64)>) -> Option<i64> {
        let (first, last) = self.traces.get(trace).copied().or(ends)?;
        Some(last.saturating_sub(first))
    }

    /// The steps that a span can be.
    pub(super) fn bits(&self, row: &Row) -> &[u64] {
        let at = row.bits as usize;
        &self.bits[at..at + self.words]
    }

    /// Puts down the bits of the steps that any of some spans can be.
    pub(super) fn present(&self, rows: &[Row], bits: &mut Vec<u64>) {
        bits.clear();
        bits.resize(self.words, 0);
        for row in rows {
            bits.iter_mut().zip(self.bits(row)).for_each(|(all, own)| *all |= own);
        }
    }

    /// Forgets all but the spans of some traces.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&[u8; 16]) -> bool) {
        self.rows.retain(|row| is_kept(&row.trace));
        self.rows.shrink_to_fit();
        self.traces = HashMap::new();
    }
}

/// Finds the spans of steps among those that ended in some ranges. `every`: whether traces matter of which no span can be
/// any step. `parents`: whether the ids of parents are read.
pub(super) async fn matched(
    session: &SessionContext,
    source: &SpanSource,
    plans: &[&RulePlan],
    steps: &Steps,
    ranges: &[TimeRange],
    every: bool,
    parents: bool,
) -> Result<Vec<Part>, EngineError> {
    let of_builtin = steps.projections(plans, &Layout::builtin())?;
    let ranges: Arc<[TimeRange]> = ranges.into();
    let mut readers = Readers::new();
    for part in source.parts() {
        let projections = steps.projections(plans, &part.layout)?;
        for places in apart(&projections, &part.layout, every) {
            let of = |all: &[Arc<Projection>]| {
                places.iter().map(|place| Arc::clone(&all[*place])).collect::<Vec<_>>()
            };
            let (projections, of_builtin) = (of(&projections), of(&of_builtin));
            let projections = || projections.iter().map(AsRef::as_ref);
            let services = if every { None } else { services(of_builtin.iter().map(AsRef::as_ref)) };
            let sought = Sought { ranges: ranges.to_vec(), services };
            let test =
                if every { None } else { RowTest::selected(session, &part.layout, projections(), &ranges)? };
            let mut more = vec![columns::TRACE_ID, columns::SPAN_ID, columns::START_TIME];
            more.extend(parents.then_some(columns::PARENT_SPAN_ID));
            let program = Arc::new(Program::of(session, &part.layout, projections(), &more)?);
            let places: Arc<[usize]> = places.into();
            for batches in part.scan(session, &program.columns, &sought, test)? {
                let pool = Arc::clone(&session.runtime_env().memory_pool);
                let thread = Thread {
                    program: Arc::clone(&program),
                    places: Arc::clone(&places),
                    memory: Memory::default(),
                    parts: (0..PARTS).map(|_| Part { words: steps.words(), ..Part::default() }).collect(),
                    ranges: Arc::clone(&ranges),
                    every,
                    parents,
                    reservation: MemoryConsumer::new("spans of traces").register(&pool),
                };
                readers.read(batches, thread, Thread::batch, |thread| thread.parts);
            }
        }
    }
    let mut all: Vec<Part> = (0..PARTS).map(|_| Part { words: steps.words(), ..Part::default() }).collect();
    for parts in readers.ended().await? {
        all.iter_mut().zip(parts).for_each(|(all, part)| all.extend(part));
    }
    Ok(all)
}

/// A scan more pays where so many steps that need no maps of attributes stand against one that does.
const STEPS_A_SCAN: usize = 4;

/// Parts steps, by their places, into those that are scanned for apart. Maps of attributes are long, so that where few steps
/// ask for them, they are read only of the spans that can be these.
fn apart(projections: &[Arc<Projection>], layout: &Layout, every: bool) -> Vec<Vec<usize>> {
    let (nested, flat): (Vec<usize>, Vec<usize>) =
        (0..projections.len()).partition(|place| reads_nested(&projections[*place], layout));
    if every || nested.is_empty() || flat.len() < STEPS_A_SCAN * nested.len() {
        return vec![(0..projections.len()).collect()];
    }
    vec![flat, nested]
}

struct Thread {
    program: Arc<Program>,
    /// The places of its steps among all.
    places: Arc<[usize]>,
    memory: Memory,
    parts: Vec<Part>,
    ranges: Arc<[TimeRange]>,
    every: bool,
    parents: bool,
    reservation: MemoryReservation,
}

impl Thread {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let ends = self.program.ends(batch)?;
        let among = Truth::by_row(ends.len(), |row| contain(&self.ranges, ends[row]));
        if among.is_none() {
            return Ok(());
        }
        let words = self.parts[0].words;
        let mut bits = vec![0_u64; words * ends.len()];
        let program = Arc::clone(&self.program);
        let mut frame = Frame::new(&program, batch, &mut self.memory);
        let mut any = vec![false; ends.len()];
        let places = Arc::clone(&self.places);
        for (place, step) in places.iter().zip(&program.rules) {
            let is_step = frame.all(&step.selector, among.clone())?;
            for row in is_step.rows(0, ends.len()) {
                bits[row * words + place / 64] |= 1 << (place % 64);
                any[row] = true;
            }
        }
        if !self.every && !any.contains(&true) {
            return Ok(());
        }
        let (traces, spans) = (ids(batch, columns::TRACE_ID)?, ids(batch, columns::SPAN_ID)?);
        let starts = times(batch, columns::START_TIME)?;
        let parents = self.parents.then(|| ids(batch, columns::PARENT_SPAN_ID)).transpose()?;
        let mut added = 0;
        for row in (0..ends.len()).filter(|row| any[*row] || (self.every && among.is(*row))) {
            let trace = id(traces, row, columns::TRACE_ID)?;
            let part = &mut self.parts[part_of(&trace)];
            if any[row] {
                let span = id(spans, row, columns::SPAN_ID)?;
                let parent = parents.filter(|parents| parents.is_valid(row));
                let parent = parent.map(|parents| id(parents, row, columns::PARENT_SPAN_ID)).transpose()?;
                let bits = &bits[row * words..(row + 1) * words];
                part.add(Row { trace, span, start: starts[row], parent, end: ends[row], bits: 0 }, bits);
                added += size_of::<Row>() + size_of_val(bits);
            }
            if self.every && part.see(trace, ends[row], ends[row]) {
                added += 2 * size_of::<([u8; 16], (i64, i64))>();
            }
        }
        Ok(self.reservation.try_grow(added)?)
    }
}
