//! Operations that are together in traces, and their order: traces of the same operations are one shape, and counted.
//!
//! Traces come in the order of their ids, so that what is kept, where not all can be, does not depend on files.

use fluo_time::TimeRange;
use hashbrown::HashMap;

use crate::learner::Pass;
use crate::operation::NONE;
use crate::rows::Row;

/// The id of a trace.
pub type TraceId = [u8; 16];

/// Most shapes that are kept.
const MOST_SHAPES: usize = 100_000;

/// Of shapes of more operations, the order is not looked at.
const MOST_ORDERED: usize = 32;

/// Pairs of operations of shapes, of which the order is looked at.
const MOST_PAIRS: usize = 2_000_000;

/// So far up is looked: ids may go round in a circle.
const MOST_ABOVE: usize = 64;

/// Most traces that are named for something.
pub(crate) const NAMED: usize = 3;

/// A trace must be quiet for this long before it is known whole; of one without a root, this long must have passed since
/// it began. As rules about traces have it.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// Behind its last span.
    pub settle: i64,
    /// Behind the start of its first.
    pub longest: i64,
}

/// A trace that stands for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// The number of its operations.
    pub operations: usize,
    /// Its id.
    pub trace: TraceId,
    /// The times in which its spans ended.
    pub ends: TimeRange,
}

/// The traces of the same operations.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) traces: u64,
    /// The one with the smallest id.
    pub(crate) example: Example,
    orders: Option<Orders>,
}

/// By pairs of the operations of a shape: how many traces do not have the one ended before the other starts.
#[derive(Debug, Clone)]
struct Orders {
    broken: Box<[u32]>,
    /// The smallest id of a trace that breaks it.
    by: Box<[TraceId]>,
}

/// A number of times, and traces of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// The number.
    pub times: u64,
    /// The smallest ids of traces.
    pub traces: Vec<TraceId>,
}

impl Counted {
    pub(crate) fn add(&mut self, times: u64, trace: TraceId) {
        self.times += times;
        if let Err(at) = self.traces.binary_search(&trace)
            && at < NAMED
        {
            self.traces.insert(at, trace);
            self.traces.truncate(NAMED);
        }
    }
}

/// All that was seen of traces.
#[derive(Debug, Default)]
pub struct Traces {
    /// The number of whole traces.
    pub traces: u64,
    /// Those that were left out: they had begun before the time that is looked at, were not known whole at its end, or
    /// took longer than rules look at.
    pub cut: u64,
    /// By their operations, in order.
    pub(crate) shapes: HashMap<Box<[u32]>, Shape>,
    /// By operation: in how many traces it is.
    pub(crate) having: HashMap<u32, u64>,
    /// By two operations: in how many traces they are together.
    pub(crate) together: HashMap<(u32, u32), u64>,
    /// By operation and that of the parent.
    pub(crate) calls: HashMap<(u32, u32), Counted>,
    /// By operation: those of which a span is above each of its spans, as far as all above these is stored; in order.
    pub(crate) above: HashMap<u32, Vec<u32>>,
    /// By two operations: how often the first had not ended when the second began.
    orders: HashMap<(u32, u32), Order>,
    pairs: usize,
}

/// Two operations, one before the other.
#[derive(Debug, Default)]
struct Order {
    /// The traces with both that were looked at.
    seen: u64,
    /// Those in which it is not so.
    broken: Counted,
}

/// Room for what is known of one trace.
#[derive(Default)]
struct Room {
    operations: Vec<u32>,
    first_end: Vec<i64>,
    first_start: Vec<i64>,
    /// The places of spans.
    by_id: HashMap<[u8; 8], usize>,
    above: Vec<u32>,
    calls: HashMap<(u32, u32), u64>,
}

impl Traces {
    /// Takes in the traces that a pass kept. Those that began before `within` or are not known whole at its end are only
    /// counted.
    pub fn take(&mut self, pass: &mut Pass, within: TimeRange, whole: Whole) {
        let mut room = Room::default();
        pass.take_rows().each_trace(|rows| {
            let starts = rows.iter().map(Row::start).min().unwrap_or(0);
            let last = rows[rows.len() - 1].end;
            let is_over = if rows.iter().any(Row::is_root) {
                last.saturating_add(whole.settle) <= within.to
            } else {
                starts.saturating_add(whole.longest) <= within.to
            };
            if starts < within.from || !is_over || last.saturating_sub(starts) >= whole.longest {
                self.cut += 1;
                return;
            }
            self.traces += 1;
            self.calls(rows, &mut room);
            self.shape(rows, &mut room);
        });
    }

    /// Notes which operation called which.
    fn calls(&mut self, rows: &[Row], room: &mut Room) {
        let Room { by_id, above, calls, .. } = room;
        by_id.clear();
        calls.clear();
        // Of several spans of one id, the one that ended first is the parent.
        for (at, row) in rows.iter().enumerate() {
            by_id.entry(row.span).or_insert(at);
        }
        let parent =
            |row: &Row| if row.is_root() { None } else { by_id.get(&row.parent).map(|at| &rows[*at]) };
        for row in rows.iter().filter(|row| row.operation != NONE) {
            if let Some(parent) = parent(row).filter(|parent| parent.operation != NONE) {
                *calls.entry((row.operation, parent.operation)).or_default() += 1;
            }
            above.clear();
            let mut at = row;
            while let Some(next) = parent(at)
                && above.len() < MOST_ABOVE
            {
                above.push(next.operation);
                at = next;
            }
            // Where something above it is missing, what is above that is not known.
            if at.is_root() {
                let own = row.operation;
                self.above.entry(own).and_modify(|all| all.retain(|one| above.contains(one))).or_insert_with(
                    || {
                        let mut all: Vec<u32> =
                            above.iter().copied().filter(|one| *one != own && *one != NONE).collect();
                        all.sort_unstable();
                        all.dedup();
                        all
                    },
                );
            }
        }
        let mut of_trace: Vec<((u32, u32), u64)> = calls.drain().collect();
        of_trace.sort_unstable();
        for (call, times) in of_trace {
            self.calls.entry(call).or_default().add(times, rows[0].trace);
        }
    }

    /// Notes which operations are together, and in which order.
    fn shape(&mut self, rows: &[Row], room: &mut Room) {
        let Room { operations, first_end, first_start, .. } = room;
        operations.clear();
        operations.extend(rows.iter().map(|row| row.operation).filter(|operation| *operation != NONE));
        operations.sort_unstable();
        operations.dedup();
        let number = operations.len();
        if number == 0 {
            return;
        }
        let ends = TimeRange { from: rows[0].end, to: rows[rows.len() - 1].end };
        let example = Example { operations: number, trace: rows[0].trace, ends };
        if let Some(shape) = self.shapes.get_mut(operations.as_slice()) {
            shape.traces += 1;
            shape.example = shape.example.min(example);
        } else if self.shapes.len() < MOST_SHAPES {
            let is_ordered = number <= MOST_ORDERED && self.pairs + number * number <= MOST_PAIRS;
            let orders = is_ordered.then(|| {
                self.pairs += number * number;
                Orders {
                    broken: vec![0; number * number].into(),
                    by: vec![[u8::MAX; 16]; number * number].into(),
                }
            });
            let shape = Shape { traces: 1, example, orders };
            self.shapes.insert(operations.as_slice().into(), shape);
        } else {
            add(operations, 1, &mut self.having, &mut self.together);
            return;
        }
        let Some(Shape { orders: Some(orders), .. }) = self.shapes.get_mut(operations.as_slice()) else {
            return;
        };
        first_end.clear();
        first_start.clear();
        first_end.resize(number, i64::MAX);
        first_start.resize(number, i64::MAX);
        for row in rows.iter().filter(|row| row.operation != NONE) {
            if let Ok(at) = operations.binary_search(&row.operation) {
                first_end[at] = first_end[at].min(row.end);
                first_start[at] = first_start[at].min(row.start());
            }
        }
        for (before, end) in first_end.iter().enumerate() {
            for (after, start) in first_start.iter().enumerate() {
                if end > start {
                    let at = before * number + after;
                    orders.broken[at] += 1;
                    orders.by[at] = orders.by[at].min(rows[0].trace);
                }
            }
        }
    }

    /// Counts which operations are together, once all traces are there.
    pub fn finish(&mut self) {
        let Self { shapes, having, together, orders, .. } = self;
        // Sums and smallest ids do not depend on the order.
        for (operations, shape) in shapes {
            add(operations, shape.traces, having, together);
            let Some(of_shape) = &shape.orders else { continue };
            for (before, one) in operations.iter().enumerate() {
                for (after, other) in operations.iter().enumerate().filter(|(after, _)| *after != before) {
                    let at = before * operations.len() + after;
                    let order = orders.entry((*one, *other)).or_default();
                    order.seen += shape.traces;
                    if of_shape.broken[at] > 0 {
                        order.broken.add(of_shape.broken[at].into(), of_shape.by[at]);
                    }
                }
            }
        }
    }

    /// The traces with both operations in which none of the first had ended when the second began. None where that was
    /// not looked at in all of them.
    pub(crate) fn out_of_order(&self, before: u32, after: u32) -> Option<&Counted> {
        let order = self.orders.get(&(before, after))?;
        (order.seen == self.with_both(before, after)).then_some(&order.broken)
    }

    /// Traces with one operation and without another.
    pub(crate) fn without(&self, having: u32, lacking: u32) -> Counted {
        let mut found = Counted::default();
        // A sum and the smallest ids do not depend on the order.
        for (operations, shape) in &self.shapes {
            let has = |operation: u32| operations.binary_search(&operation).is_ok();
            if has(having) && !has(lacking) {
                found.add(shape.traces, shape.example.trace);
            }
        }
        found
    }

    /// The simplest trace that has all of some operations.
    pub(crate) fn example(&self, of: &[u32]) -> Option<Example> {
        let with = self
            .shapes
            .iter()
            .filter(|(operations, _)| of.iter().all(|operation| operations.binary_search(operation).is_ok()));
        with.map(|(_, shape)| shape.example).min()
    }

    /// The number of traces that have both operations.
    pub(crate) fn with_both(&self, one: u32, other: u32) -> u64 {
        self.together.get(&(one.min(other), one.max(other))).copied().unwrap_or(0)
    }
}

/// Adds traces of some operations.
fn add(
    operations: &[u32],
    traces: u64,
    having: &mut HashMap<u32, u64>,
    together: &mut HashMap<(u32, u32), u64>,
) {
    for (at, one) in operations.iter().enumerate() {
        *having.entry(*one).or_default() += traces;
        for other in &operations[at + 1..] {
            *together.entry((*one, *other)).or_default() += traces;
        }
    }
}
