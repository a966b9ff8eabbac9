//! One pass over the spans for the steps of all rules across traces: which spans can be which, and the values of the keys
//! under which each step carries those of its rule.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;
use fluo_plan::Projection;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use fluo_time::range::contain;
use hashbrown::HashMap;

use super::super::Question;
use super::verdict::Point;
use crate::column::{id, ids};
use crate::error::EngineError;
use crate::pages::{Sought, services};
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::pass::texts::GroupId;
use crate::readers::Readers;
use crate::row_test::RowTest;
use crate::rows::index;
use crate::source::SpanSource;
use crate::truth::Truth;

/// The spans of a rule's steps.
#[derive(Default)]
pub(super) struct Matched {
    keys: Vec<Arc<[String]>>,
    /// The place of each span's keys, and the span.
    spans: Vec<(u32, Point)>,
}

impl Matched {
    /// Takes in the spans of a thread, whose keys have these values. A span without one of them belongs nowhere.
    fn extend(
        &mut self,
        found: Vec<(GroupId, Point)>,
        values: &HashMap<GroupId, Arc<[String]>>,
        known: &mut Places,
    ) {
        let mut places: HashMap<GroupId, u32> = HashMap::new();
        for (group, point) in found {
            let Some(values) = values.get(&group) else { continue };
            let place = *places.entry(group).or_insert_with(|| {
                *known.entry(Arc::clone(values)).or_insert_with(|| {
                    self.keys.push(Arc::clone(values));
                    index(self.keys.len() - 1)
                })
            });
            self.spans.push((place, point));
        }
    }

    /// Sorts the spans by keys, end, trace and id, and makes one of copies: it can be what any of them can be.
    pub(super) fn sort(&mut self) {
        self.spans.sort_unstable_by_key(|(keys, point)| (*keys, point.place()));
        self.spans.dedup_by(|(keys, later), (keys_of_first, first)| {
            let is_copy = keys == keys_of_first && later.place() == first.place();
            if is_copy {
                first.steps |= later.steps;
            }
            is_copy
        });
    }

    /// The spans with each combination of values.
    pub(super) fn by_keys(&self) -> impl Iterator<Item = (&Arc<[String]>, Vec<Point>)> {
        let together = self.spans.chunk_by(|(one, _), (other, _)| one == other);
        together
            .map(|spans| (&self.keys[spans[0].0 as usize], spans.iter().map(|(_, point)| *point).collect()))
    }
}

/// The places of values among those that are known.
type Places = HashMap<Arc<[String]>, u32>;

/// A step that spans are put to.
#[derive(Clone, Copy)]
struct Sieve {
    /// The place of its rule.
    rule: usize,
    /// Its place among those of the rule.
    step: usize,
}

/// Finds the spans of the steps of rules, by rule.
pub(super) async fn matched(
    session: &SessionContext,
    source: &SpanSource,
    questions: &[Question<'_>],
    reads: &[TimeRange],
) -> Result<Vec<Matched>, EngineError> {
    let of_builtin = projections(questions, &Layout::builtin())?;
    let services = services(of_builtin.iter().map(AsRef::as_ref));
    let sought = Sought { ranges: reads.to_vec(), services };
    let own: Arc<[Vec<TimeRange>]> = questions.iter().map(|question| question.reads.clone()).collect();
    let sieves = questions
        .iter()
        .enumerate()
        .flat_map(|(rule, question)| (0..question.rule.steps.len()).map(move |step| Sieve { rule, step }));
    let sieves: Arc<[Sieve]> = sieves.collect();
    let mut readers = Readers::new();
    for part in source.parts() {
        let projections = projections(questions, &part.layout)?;
        let projections: Vec<&Projection> = projections.iter().map(AsRef::as_ref).collect();
        let test = RowTest::selected(session, &part.layout, projections.iter().copied(), reads)?;
        let more = [columns::TRACE_ID, columns::SPAN_ID];
        let program = Arc::new(Program::of(session, &part.layout, projections.iter().copied(), &more)?);
        for batches in part.scan(session, &program.columns, &sought, test)? {
            let pool = Arc::clone(&session.runtime_env().memory_pool);
            let thread = Thread {
                program: Arc::clone(&program),
                sieves: Arc::clone(&sieves),
                reads: Arc::clone(&own),
                memory: Memory::default(),
                found: own.iter().map(|_| Vec::new()).collect(),
                values: HashMap::new(),
                reservation: MemoryConsumer::new("spans of rules across traces").register(&pool),
            };
            readers.read(batches, thread, Thread::batch, |thread| {
                (thread.found, thread.values, thread.reservation)
            });
        }
    }
    let mut all: Vec<(Matched, Places)> = questions.iter().map(|_| Default::default()).collect();
    // Their memory is theirs until all is told apart.
    let mut reserved = Vec::new();
    for (found, values, reservation) in readers.ended().await? {
        let values = values.into_iter().filter_map(|(group, values)| Some((group, values?))).collect();
        for ((matched, known), found) in all.iter_mut().zip(found) {
            matched.extend(found, &values, known);
        }
        reserved.push(reservation);
    }
    Ok(all.into_iter().map(|(matched, _)| matched).collect())
}

/// The columns of a span that each step of all rules needs.
fn projections(questions: &[Question<'_>], layout: &Layout) -> Result<Vec<Arc<Projection>>, EngineError> {
    let mut all = Vec::new();
    for question in questions {
        all.extend(question.asked.plan.projection(layout)?.steps.iter().cloned());
    }
    Ok(all)
}

struct Thread {
    program: Arc<Program>,
    sieves: Arc<[Sieve]>,
    /// By rule: the times in which the spans ended that decide.
    reads: Arc<[Vec<TimeRange>]>,
    memory: Memory,
    /// By rule.
    found: Vec<Vec<(GroupId, Point)>>,
    /// Of each combination of keys; none where one of them has none.
    values: HashMap<GroupId, Option<Arc<[String]>>>,
    reservation: MemoryReservation,
}

impl Thread {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let ends = program.ends(batch)?;
        let among: Vec<Truth> = self
            .reads
            .iter()
            .map(|reads| Truth::by_row(ends.len(), |row| contain(reads, ends[row])))
            .collect();
        let mut frame = Frame::new(&program, batch, &mut self.memory);
        let mut is_step = vec![false; ends.len()];
        let mut of_steps = Vec::with_capacity(self.sieves.len());
        for (sieve, step) in self.sieves.iter().zip(&program.rules) {
            let selected = frame.all(&step.selector, among[sieve.rule].clone())?;
            selected.rows(0, ends.len()).into_iter().for_each(|row| is_step[row] = true);
            of_steps.push(selected);
        }
        if !is_step.contains(&true) {
            return Ok(());
        }
        // Keys have many values, and steps few spans: only of these is it looked at.
        let place: Vec<usize> = is_step
            .iter()
            .scan(0, |next, is| {
                let place = *next;
                *next += usize::from(*is);
                Some(place)
            })
            .collect();
        let few = filter_record_batch(batch, &BooleanArray::from(is_step))?;
        let (traces, spans) = (ids(&few, columns::TRACE_ID)?, ids(&few, columns::SPAN_ID)?);
        let mut frame = Frame::new(&program, &few, &mut self.memory);
        let mut added = 0;
        for ((sieve, step), selected) in self.sieves.iter().zip(&program.rules).zip(of_steps) {
            if selected.is_none() {
                continue;
            }
            let keys = frame.group(step.grouping)?;
            for row in selected.rows(0, ends.len()) {
                let at = place[row];
                let group = keys.of(at);
                let values = self.values.entry(group).or_insert_with(|| {
                    added += frame.group_bytes(group);
                    let values: Option<Vec<String>> = frame.group_texts(group).into_iter().collect();
                    values.map(Arc::from)
                });
                if values.is_some() {
                    let point = Point {
                        trace: id(traces, at, columns::TRACE_ID)?,
                        span: id(spans, at, columns::SPAN_ID)?,
                        end: ends[row],
                        steps: 1 << sieve.step,
                    };
                    self.found[sieve.rule].push((group, point));
                    added += size_of::<(GroupId, Point)>();
                }
            }
        }
        // Once here, and once when they are put together.
        Ok(self.reservation.try_grow(2 * added)?)
    }
}
