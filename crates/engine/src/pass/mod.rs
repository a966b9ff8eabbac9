//! One pass over the spans for all rules together.
//!
//! ```text
//! files ─ scan ─▶ batch ─▶ frame: every expression once, texts by number
//!                            │ per rule: which rows are selected
//!                            ├─▶ sums   by group and cell of time
//!                            └─▶ rows   what the rule needs of each, with its id
//! ```
//!
//! Rows that may be copies of one another are set apart first; when all are there, those that count go the same way.
//! Threads have batches, texts and sums of their own, which are put together at the end.

mod apart;
pub(crate) mod frame;
pub(crate) mod program;
mod rows;
mod sums;
pub(crate) mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use fluo_plan::RulePlan;
use fluo_spans::batch::to_batch;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use fluo_time::range::{contain, joined};

use crate::copies::{Copies, first_of_each};
use crate::error::EngineError;
use crate::kin::Kin;
use crate::pages::{Sought, services};
use crate::readers::Readers;
use crate::source::SpanSource;
use crate::truth::Truth;
use crate::work::{Budget, each};
use apart::{Apart, Settled};
use frame::{Frame, Memory};
use program::Program;
use sums::{CellsOfRows, Sums};

pub(crate) use sums::{ByGroup, Cells, Summed};

/// A rule's part of a pass.
#[derive(Debug, Clone)]
pub(crate) struct Want<'a> {
    pub(crate) plan: &'a RulePlan,
    /// The times in which the spans ended: in order, and apart.
    pub(crate) ranges: Vec<TimeRange>,
    pub(crate) what: What,
    /// Each span counts once. Where that is not asked for, a copy may count, too.
    pub(crate) once: bool,
}

impl Want<'_> {
    /// The times in which the spans ended that decide: those of the spans, and around them of their parents and children.
    pub(crate) fn around(&self) -> Vec<TimeRange> {
        let Some(kin) = self.plan.rule().kin else { return self.ranges.clone() };
        joined(self.ranges.iter().map(|range| TimeRange {
            from: range.from.saturating_sub(kin.within.0),
            to: range.to.saturating_add(kin.within.0),
        }))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The sums of some aggregates, given by their places.
    Sums { cells: Cells, aggregates: Vec<usize> },
    /// Of each group, when the first and the last of its spans ended.
    Seen { cells: Cells },
    /// The selected spans, with what the rule needs of each.
    Rows,
}

/// The outcome of a want.
pub(crate) enum Got {
    Sums(ByGroup),
    Rows(Vec<RecordBatch>),
}

/// The outcome of a pass.
#[derive(Default)]
pub(crate) struct Passed {
    /// The outcome of each want.
    pub(crate) got: Vec<Result<Got, EngineError>>,
    /// Copies that differ in what a rule needs, by span, and of each span the one with the smallest content hash first.
    pub(crate) contested: Vec<Span>,
    /// Copies that do not count.
    pub(crate) duplicates: u64,
    /// Those of them that differ in what a rule needs from the one that counts.
    pub(crate) conflicts: u64,
}

/// Goes over the spans of a source once, for all wants. An error of one rule ends no other.
///
/// # Errors
///
/// Those that are not of one rule: a file cannot be read, or an expression fails.
pub(crate) async fn pass(
    session: &SessionContext,
    source: &SpanSource,
    wants: &[Want<'_>],
) -> Result<Passed, EngineError> {
    let pass = Pass::new(session, wants);
    let all = joined(pass.ranges.iter().flatten().copied());
    if all.is_empty() {
        return Ok(Passed { got: pass.over(Vec::new()).await, ..Passed::default() });
    }
    let kin = match Kin::find(session, source, wants).await {
        // What is too much for one of those that ask for parents and children is too much for all.
        Err(EngineError::Memory(error)) => return Box::pin(without_kin(session, source, wants, error)).await,
        kin => kin?.map(Arc::new),
    };
    let services = pass.services()?;
    let once = joined(wants.iter().filter(|want| want.once).flat_map(|want| want.ranges.iter().copied()));
    // Of the same services, so that both see the same spans of a moment.
    let once = Sought { ranges: once, services: services.clone() };
    let copies = Arc::new(Copies::find(session, source, &once).await?);
    let sought = Sought { ranges: all, services };
    let ids = copies.need_ids() || wants.iter().any(|want| matches!(want.what, What::Rows));
    let mut programs: Vec<Arc<Program>> = Vec::new();
    let mut readers = Readers::new();
    for (at, part) in source.parts().iter().enumerate() {
        let program = Arc::new(Program::new(session, &part.layout, &pass.plans, ids)?);
        for batches in part.scan(session, &program.columns, &sought, None)? {
            let copied = Copied::Sometimes(Arc::clone(&copies), Apart::none(session));
            let thread = pass.thread(&program, copied, kin.as_ref());
            readers.read(batches, thread, Thread::batch, move |thread| (at, thread));
        }
        programs.push(program);
    }
    let ended = readers.ended().await?;

    let mut settled = Vec::new();
    for (at, program) in programs.iter().enumerate() {
        let apart: Vec<&Apart> =
            ended.iter().filter(|(of, _)| *of == at).filter_map(|(_, thread)| thread.apart()).collect();
        settled.extend(Settled::of(&copies, program, &apart)?.map(|settled| (program, settled)));
    }
    let contested = Settled::contested(settled.iter().map(|(_, settled)| settled));
    let mut passed = Passed::default();
    let mut threads: Vec<Thread> = ended.into_iter().map(|(_, thread)| thread).collect();
    for (program, settled) in &settled {
        let (batch, others) = settled.uncontested(&contested)?;
        passed.duplicates += others;
        let mut thread = pass.thread(program, Copied::Never, kin.as_ref());
        thread.batch(&batch)?;
        threads.push(thread);
    }
    if !contested.is_empty() {
        passed.contest(&copies.whole(session, source, &contested).await?);
        let layout = Layout::builtin();
        let program = Arc::new(Program::new(session, &layout, &pass.plans, true)?);
        let batch = program.columns.of(&to_batch(&passed.contested, 0, &layout)?)?;
        let mut thread = pass.thread(&program, Copied::Contested, kin.as_ref());
        thread.batch(&batch)?;
        threads.push(thread);
    }
    Ok(Passed { got: pass.over(threads).await, ..passed })
}

/// A pass for those of the wants that ask for no parents or children, which are too many.
async fn without_kin(
    session: &SessionContext,
    source: &SpanSource,
    wants: &[Want<'_>],
    error: Box<DataFusionError>,
) -> Result<Passed, EngineError> {
    let asks = |want: &Want<'_>| want.plan.rule().kin.is_some();
    let others: Vec<Want<'_>> = wants.iter().filter(|want| !asks(want)).cloned().collect();
    let mut passed = pass(session, source, &others).await?;
    let mut got = std::mem::take(&mut passed.got).into_iter();
    let error = Arc::new(EngineError::Memory(error));
    let refused = || Some(Err(EngineError::Pass(Arc::clone(&error))));
    passed.got = wants.iter().filter_map(|want| if asks(want) { refused() } else { got.next() }).collect();
    Ok(passed)
}

impl Passed {
    /// Takes in the copies of spans, which are in order.
    fn contest(&mut self, spans: &[Span]) {
        for same in spans.chunk_by(|one, other| one.key() == other.key()) {
            let mut different: Vec<_> = same.iter().map(|copy| (copy.content_hash(), copy)).collect();
            different.sort_by_key(|(hash, _)| *hash);
            let first = different[0].0;
            self.duplicates += same.len() as u64 - 1;
            self.conflicts += different.iter().filter(|(hash, _)| *hash != first).count() as u64;
            different.dedup_by_key(|(hash, _)| *hash);
            self.contested.extend(different.into_iter().map(|(_, copy)| copy.clone()));
        }
    }
}

/// The wants of a pass, as its threads know them.
struct Pass<'a> {
    wants: &'a [Want<'a>],
    plans: Vec<&'a RulePlan>,
    budgets: Vec<Arc<Budget>>,
    /// Different lists of ranges.
    ranges: Arc<Vec<Vec<TimeRange>>>,
    /// By rule: which of the lists of ranges, and of what size the cells are.
    rules: Arc<Vec<(usize, Option<Cells>)>>,
}

impl<'a> Pass<'a> {
    fn new(session: &SessionContext, wants: &'a [Want<'a>]) -> Self {
        let (mut ranges, mut rules) = (Vec::<Vec<TimeRange>>::new(), Vec::new());
        for want in wants {
            let of_want = ranges.iter().position(|known| *known == want.ranges).unwrap_or_else(|| {
                ranges.push(want.ranges.clone());
                ranges.len() - 1
            });
            let cells = match want.what {
                What::Sums { cells, .. } | What::Seen { cells } => Some(cells),
                What::Rows => None,
            };
            rules.push((of_want, cells));
        }
        let budget = |want: &Want<'_>| Arc::new(Budget::new(session, &want.plan.rule().name));
        Self {
            wants,
            plans: wants.iter().map(|want| want.plan).collect(),
            budgets: wants.iter().map(budget).collect(),
            ranges: Arc::new(ranges),
            rules: Arc::new(rules),
        }
    }

    fn thread(&self, program: &Arc<Program>, copied: Copied, kin: Option<&Arc<Kin>>) -> Thread {
        let sink = |(want, budget): (&Want<'_>, &Arc<Budget>)| {
            let budget = Arc::clone(budget);
            Ok(match &want.what {
                What::Sums { aggregates, .. } => Sink::Sums(Sums::new(want.plan, aggregates.clone(), budget)),
                What::Seen { .. } => Sink::Sums(Sums::of_ends(want.plan, budget)),
                What::Rows => Sink::Rows(Rows { batches: Vec::new(), budget }),
            })
        };
        Thread {
            sinks: self.wants.iter().zip(&self.budgets).map(sink).collect(),
            memory: Memory::default(),
            program: Arc::clone(program),
            ranges: Arc::clone(&self.ranges),
            rules: Arc::clone(&self.rules),
            copied,
            kin: kin.cloned(),
        }
    }

    /// Puts together the sinks of threads, want by want.
    async fn over(&self, threads: Vec<Thread>) -> Vec<Result<Got, EngineError>> {
        let mut sinks: Vec<Vec<Result<Sink, EngineError>>> = self.wants.iter().map(|_| Vec::new()).collect();
        let mut memories = Vec::new();
        for Thread { sinks: of_thread, memory, .. } in threads {
            memories.push(memory);
            sinks.iter_mut().zip(of_thread).for_each(|(all, sink)| all.push(sink));
        }
        let of_rule = |(want, sinks): (&Want<'_>, Vec<Result<Sink, EngineError>>)| {
            let mut got = match want.what {
                What::Sums { .. } | What::Seen { .. } => Got::Sums(BTreeMap::new()),
                What::Rows => Got::Rows(Vec::new()),
            };
            for (sink, memory) in sinks.into_iter().zip(&memories) {
                match (&mut got, sink?) {
                    (Got::Sums(all), Sink::Sums(sums)) => sums.into(memory, all),
                    (Got::Rows(all), Sink::Rows(rows)) => all.extend(rows.batches),
                    // A want has sinks of its own kind.
                    (Got::Sums(_), Sink::Rows(_)) | (Got::Rows(_), Sink::Sums(_)) => {}
                }
            }
            Ok(got)
        };
        each(self.wants.iter().zip(sinks).collect(), of_rule).await
    }

    /// The services of all spans that any of the rules selects; `None` where they may be of any.
    fn services(&self) -> Result<Option<Vec<String>>, EngineError> {
        let of_builtin = self.plans.iter().map(|plan| plan.projection(&Layout::builtin()));
        let of_builtin = of_builtin.collect::<Result<Vec<_>, _>>()?;
        Ok(services(of_builtin.iter().map(AsRef::as_ref)))
    }
}

/// The destination of a rule's rows.
enum Sink {
    Sums(Sums),
    Rows(Rows),
}

struct Rows {
    batches: Vec<RecordBatch>,
    budget: Arc<Budget>,
}

/// One of the threads that share the batches.
struct Thread {
    sinks: Vec<Result<Sink, EngineError>>,
    memory: Memory,
    program: Arc<Program>,
    ranges: Arc<Vec<Vec<TimeRange>>>,
    rules: Arc<Vec<(usize, Option<Cells>)>>,
    copied: Copied,
    kin: Option<Arc<Kin>>,
}

/// The number of times that the spans of batches lie in the source.
enum Copied {
    Never,
    /// Rows that may be copies of one another are set apart.
    Sometimes(Arc<Copies>, Apart),
    /// They are different copies: of each span, the first that a rule selects counts.
    Contested,
}

impl Thread {
    fn apart(&self) -> Option<&Apart> {
        if let Copied::Sometimes(_, apart) = &self.copied { Some(apart) } else { None }
    }

    /// The batch with what is known of the parents and children of its spans, if a rule asks for any. `among`: rows by list
    /// of ranges.
    fn beside_kin(
        &mut self,
        batch: &RecordBatch,
        ends: &[i64],
        among: &[Truth],
    ) -> Result<Option<RecordBatch>, EngineError> {
        let Some(kin) = self.kin.as_ref().filter(|_| !self.program.kin.is_empty()) else { return Ok(None) };
        let mut asks = vec![false; ends.len()];
        let mut frame = Frame::new(&self.program, batch, &mut self.memory);
        for (rule, (ranges, _)) in self.program.rules.iter().zip(self.rules.iter()) {
            if rule.asks_kin {
                let selected = frame.all(&self.program.own(rule), among[*ranges].clone())?;
                selected.rows(0, ends.len()).into_iter().for_each(|row| asks[row] = true);
            }
        }
        let asks = Truth::by_row(ends.len(), |row| asks[row]);
        kin.beside(batch, &self.program.kin, ends, &asks).map(Some)
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let ends = program.ends(batch)?;
        let (Some(&first), Some(&last)) = (ends.iter().min(), ends.iter().max()) else { return Ok(()) };
        let mut alive = Truth::All;
        if let Copied::Sometimes(copies, apart) = &mut self.copied {
            let copied = copies.among_rows(batch, ends)?;
            if !copied.is_none() {
                apart.add(batch, &copied)?;
                alive = Truth::by_row(ends.len(), |row| !copied.is(row));
            }
        }
        let among: Vec<Truth> = self
            .ranges
            .iter()
            .map(|ranges| {
                let of_ranges = if ranges.iter().any(|range| range.from <= first && last <= range.to) {
                    Truth::All
                } else if ranges.iter().all(|range| last < range.from || range.to < first) {
                    Truth::None
                } else {
                    Truth::by_row(ends.len(), |row| contain(ranges, ends[row]))
                };
                of_ranges.and(&alive)
            })
            .collect();
        let of_kin = self.beside_kin(batch, ends, &among)?;
        let batch = of_kin.as_ref().unwrap_or(batch);
        let mut frame = Frame::new(&program, batch, &mut self.memory);
        let mut cells_of_rows: Vec<(Cells, CellsOfRows)> = Vec::new();
        for ((sink, rule), (ranges, cells)) in
            self.sinks.iter_mut().zip(&program.rules).zip(self.rules.iter())
        {
            let Ok(into) = sink else { continue };
            let mut selected = frame.all(&rule.selector, among[*ranges].clone())?;
            if selected.is_none() {
                continue;
            }
            let contested = matches!(self.copied, Copied::Contested);
            if contested {
                selected = first_of_each(batch, &selected)?;
            }
            let added = match (into, cells) {
                (Sink::Sums(sums), Some(cells)) => {
                    let at =
                        cells_of_rows.iter().position(|(known, _)| known == cells).unwrap_or_else(|| {
                            cells_of_rows.push((*cells, CellsOfRows::of(*cells, ends)));
                            cells_of_rows.len() - 1
                        });
                    sums.add(&mut frame, rule, &selected, &cells_of_rows[at].1)
                }
                (Sink::Rows(rows), _) => {
                    rows::taken(&mut frame, rule, &selected, contested).and_then(|batch| {
                        // Twice: the batches, and what is made of them.
                        rows.budget.grow(2 * batch.get_array_memory_size())?;
                        rows.batches.push(batch);
                        Ok(())
                    })
                }
                (Sink::Sums(_), None) => Ok(()),
            };
            match added {
                Ok(()) => {}
                Err(error) if error.is_of_rule() => *sink = Err(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
