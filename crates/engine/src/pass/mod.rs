//! One pass over the spans for all rules together.
//!
//! ```text
//! files ─ scan ─▶ batch ─▶ frame: every expression once, texts by number
//!                            │ per rule: which rows are selected
//!                            ├─▶ sums   by group and cell of time
//!                            └─▶ rows   what the rule needs of each, with its id
//! ```
//!
//! Threads have batches, texts and sums of their own, which are put together at the end.

mod frame;
mod program;
mod rows;
mod sums;
mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use fluo_plan::{RulePlan, TimeRange};
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use futures::TryStreamExt;
use futures::future::try_join_all;

use crate::copies::{Copies, Met, first_of_each};
use crate::error::EngineError;
use crate::ranges::{contain, joined};
use crate::scan::Batches;
use crate::source::SpanSource;
use crate::work::Budget;
use frame::{Frame, Memory};
use program::Program;
use sums::{CellsOfRows, Sums};

pub(crate) use frame::Truth;
pub(crate) use rows::row;
pub(crate) use sums::{ByGroup, Cells};

/// What is wanted of a rule's spans.
#[derive(Debug, Clone)]
pub(crate) struct Want<'a> {
    pub(crate) plan: &'a RulePlan,
    /// When the spans ended: in order, and apart.
    pub(crate) ranges: Vec<TimeRange>,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The sums of some aggregates, given by their places.
    Sums { cells: Cells, aggregates: Vec<usize> },
    /// The selected spans, with what the rule needs of each.
    Rows,
}

/// What came of it.
pub(crate) enum Got {
    Sums(ByGroup),
    Rows(Vec<RecordBatch>),
}

/// What every thread knows of the wants.
struct Wanted {
    /// By rule: which of the lists of ranges, and of what size the cells are.
    rules: Vec<(usize, Option<Cells>)>,
    ranges: Vec<Vec<TimeRange>>,
}

/// Goes over the spans of a source once. Returns what came of each want: its error ends nothing else.
///
/// # Errors
///
/// Those that are not of one rule: a file cannot be read, or an expression fails.
pub(crate) async fn pass(
    session: &SessionContext,
    source: &SpanSource,
    copies: &Arc<Copies>,
    wants: &[Want<'_>],
) -> Result<Vec<Result<Got, EngineError>>, EngineError> {
    let mut got: Vec<Result<Got, EngineError>> = wants.iter().map(|want| Ok(want.nothing())).collect();
    let mut wanted = Wanted { rules: Vec::new(), ranges: Vec::new() };
    for want in wants {
        let ranges = wanted.ranges.iter().position(|known| *known == want.ranges).unwrap_or_else(|| {
            wanted.ranges.push(want.ranges.clone());
            wanted.ranges.len() - 1
        });
        let cells = if let What::Sums { cells, .. } = want.what { Some(cells) } else { None };
        wanted.rules.push((ranges, cells));
    }
    let all = joined(wanted.ranges.iter().flatten().copied());
    if all.is_empty() {
        return Ok(got);
    }
    let wanted = Arc::new(wanted);
    let plans: Vec<&RulePlan> = wants.iter().map(|want| want.plan).collect();
    let with_rows = wants.iter().any(|want| matches!(want.what, What::Rows));
    let budgets: Vec<Arc<Budget>> =
        wants.iter().map(|want| Arc::new(Budget::new(session, &want.plan.rule().name))).collect();
    let met = Arc::new(Met::none(copies));
    let mut threads = Vec::new();
    for part in source.parts() {
        let copies = if part.contested {
            Copied::Contested
        } else if copies.is_empty() {
            Copied::Never
        } else {
            Copied::Sometimes(Arc::clone(&met))
        };
        let program = Arc::new(Program::new(session, &part.layout, &plans, with_rows || copies.needs_ids())?);
        let kept = kept(&part.layout, &plans)?;
        for batches in part.scan(session, &program.columns, &all, kept)? {
            let thread = Thread {
                sinks: wants.iter().zip(&budgets).map(|(want, budget)| Ok(want.sink(budget))).collect(),
                memory: Memory::default(),
                program: Arc::clone(&program),
                wanted: Arc::clone(&wanted),
                copies: copies.clone(),
            };
            threads.push(SpawnedTask::spawn(thread.run(batches)));
        }
    }
    let ended = try_join_all(
        threads
            .into_iter()
            .map(|thread| async { thread.await.map_err(|error| EngineError::Thread(Box::new(error)))? }),
    );
    for thread in ended.await? {
        for (got, sink) in got.iter_mut().zip(thread.sinks) {
            match (&mut *got, sink) {
                (Ok(Got::Sums(all)), Ok(Sink::Sums(sums))) => sums.into(&thread.memory, all),
                (Ok(Got::Rows(all)), Ok(Sink::Rows(rows))) => all.extend(rows.batches),
                (Ok(_), Err(error)) => *got = Err(error),
                // One error of a rule is enough.
                _ => {}
            }
        }
    }
    Ok(got)
}

impl Want<'_> {
    fn nothing(&self) -> Got {
        match self.what {
            What::Sums { .. } => Got::Sums(BTreeMap::new()),
            What::Rows => Got::Rows(Vec::new()),
        }
    }

    fn sink(&self, budget: &Arc<Budget>) -> Sink {
        let budget = Arc::clone(budget);
        match &self.what {
            What::Sums { aggregates, .. } => Sink::Sums(Sums::new(self.plan, aggregates.clone(), budget)),
            What::Rows => Sink::Rows(Rows { batches: Vec::new(), budget }),
        }
    }
}

/// What all spans that any of the rules selects satisfy, where files can be pruned by it: their service is one of some.
fn kept(layout: &Layout, plans: &[&RulePlan]) -> Result<Option<Expr>, EngineError> {
    /// More would cost more than it saves.
    const MOST: usize = 64;
    let mut any: Vec<Expr> = Vec::new();
    for plan in plans {
        let selector = plan.projection(layout)?.selector.into_iter();
        let of_service = selector.filter(|expr| {
            let reads = expr.column_refs();
            reads.len() == 1 && reads.iter().all(|column| column.name == columns::SERVICE_NAME)
        });
        let Some(service) = of_service.reduce(Expr::and) else { return Ok(None) };
        if !any.contains(&service) {
            any.push(service);
        }
        if any.len() > MOST {
            return Ok(None);
        }
    }
    Ok(any.into_iter().reduce(Expr::or))
}

/// Where a rule's rows go.
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
    wanted: Arc<Wanted>,
    copies: Copied,
}

/// How often the spans of a part lie in the source.
#[derive(Clone)]
enum Copied {
    Never,
    /// Some lie there more than once: the first of copies that are alike counts.
    Sometimes(Arc<Met>),
    /// They are different copies: of each span, the first that a rule selects counts.
    Contested,
}

impl Copied {
    fn needs_ids(&self) -> bool {
        !matches!(self, Self::Never)
    }
}

impl Thread {
    async fn run(mut self, mut batches: Batches) -> Result<Self, EngineError> {
        while let Some(batch) = batches.try_next().await? {
            if batch.num_rows() > 0 {
                self.batch(&batch)?;
            }
        }
        Ok(self)
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let mut frame = Frame::new(&program, batch, &mut self.memory);
        let ends = frame.ends()?;
        let (Some(&first), Some(&last)) = (ends.iter().min(), ends.iter().max()) else { return Ok(()) };
        let alive = match &self.copies {
            Copied::Sometimes(met) => met.that_count(batch, ends, first, last)?,
            Copied::Never | Copied::Contested => Truth::All,
        };
        let among: Vec<Truth> = self
            .wanted
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
        let mut cells_of_rows: Vec<(Cells, CellsOfRows)> = Vec::new();
        for ((sink, rule), (ranges, cells)) in
            self.sinks.iter_mut().zip(&program.rules).zip(&self.wanted.rules)
        {
            let Ok(into) = sink else { continue };
            let mut selected = frame.all(&rule.selector, among[*ranges].clone())?;
            if selected.is_none() {
                continue;
            }
            let contested = matches!(self.copies, Copied::Contested);
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
