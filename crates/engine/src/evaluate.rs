//! One rule over one span source: matched rows → holding moments → episodes, with values and evidence.
//!
//! ```text
//! exact   sliding windows over rows with copies in: an upper bound, since a copy can only make the condition truer.
//!         Nothing holds: done, and no id was read.
//!         Else: ids, for the windows that hold; copies out; judged again where there were any.
//! grid    rows with ids, copies out, panes, windows.
//! both    values at each episode's first, highest and last moment; evidence and its whole spans; commonest values.
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, SchemaRef};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use fluo_alerts::value::Value;
use fluo_alerts::violation::Top;
use fluo_plan::{RulePlan, TimeRange, row};
use fluo_spans::batch::from_batch;
use fluo_spans::identity::{SpanKey, dedupe};
use fluo_spans::schema::span_schema;
use fluo_spans::span::Span;
use futures::TryStreamExt;

use crate::episodes::{Holding, Joining, episodes};
use crate::error::EngineError;
use crate::evidence::Parts;
use crate::rows::{Group, Rows, groups_of, unique, within};
use crate::source::SpanSource;
use crate::top::Commonest;

/// From when to when a rule is judged; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// First moment; by default the first span's end, and for grid rules one window later, so that the edge of
    /// the data is not taken for silence.
    pub from: Option<i64>,
    /// Last moment; by default the last span's end.
    pub to: Option<i64>,
}

/// Values of the declared aggregates by name, in the order of the rule, and of `count` where it is not among them.
pub type Values = Vec<(String, Value)>;

/// One violation as the engine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Values of `group_by`.
    pub group: Vec<Option<String>>,
    /// First moment at which the condition held.
    pub starts_at: i64,
    /// Last moment at which it held.
    pub ends_at: i64,
    /// True if the last judged moment lies before `ends_at + gap`.
    pub ongoing: bool,
    /// Values at `starts_at`.
    pub values: Values,
    /// The moment at which the first comparison exceeds its bound most; the earliest of equals.
    pub peak_at: i64,
    /// By how much it does; none where the comparison has no value.
    pub excess: Option<f64>,
    /// Values at `peak_at`.
    pub peak: Values,
    /// Values at `ends_at`.
    pub latest: Values,
    /// The spans of the window at `starts_at` that show what is wrong, the guiltiest first.
    pub evidence: Vec<Span>,
    /// The commonest values of the rule's `top` in the window at `peak_at`.
    pub top: Vec<Top>,
    /// True if a file that could not be read may hold spans of its windows.
    pub partial: bool,
}

/// The result of an evaluation of one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Violations by group and start.
    pub violations: Vec<Observed>,
    /// Copies of spans among those whose ids were read.
    pub duplicates: u64,
    /// Spans whose copies differ in what the rule reads.
    pub id_conflicts: u64,
    /// There was no moment to judge: the range lies outside the data, or the data is shorter than the window.
    pub nothing_judged: bool,
}

/// Evaluates a rule over all spans of a source.
pub async fn evaluate(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    range: Range,
) -> Result<Outcome, EngineError> {
    let Some(moments) = moments(plan, source, range) else {
        return Ok(Outcome { nothing_judged: true, ..Outcome::default() });
    };
    Evaluation { session, plan, source, moments, cell: None }.run().await
}

/// Evaluates a rule at the moments of one stretch, as [`evaluate`] does, but with every violation cut where a multiple
/// of `cell` nanoseconds since the epoch passes: so that a part of the stretch can be looked at again.
pub async fn observe(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    moments: TimeRange,
    cell: i64,
) -> Result<Outcome, EngineError> {
    Evaluation { session, plan, source, moments, cell: Some(cell) }.run().await
}

/// A grid of more moments than this in one evaluation would fill the memory before it told anything.
const MOST_MOMENTS: i64 = 10_000_000;

/// A month by the minute lies below; more windows over one span would cost more than all else.
const MOST_WINDOWS: i64 = 50_000;

/// Refuses a grid that is too fine for the range, by the groups that exist at every moment.
fn check_moments(plan: &RulePlan, moments: TimeRange) -> Result<(), EngineError> {
    if plan.judging().is_exact() {
        return Ok(());
    }
    let step = plan.rule().grid_step().0;
    if plan.rule().window.0 / step > MOST_WINDOWS {
        return Err(EngineError::TooManyWindows { limit: MOST_WINDOWS });
    }
    let standing = i64::try_from(plan.rule().expect.len().max(1)).unwrap_or(i64::MAX);
    let moments = moments.to.saturating_sub(moments.from) / step;
    if moments.saturating_mul(standing) > MOST_MOMENTS {
        return Err(EngineError::TooManyMoments { limit: MOST_MOMENTS });
    }
    Ok(())
}

/// The moments to judge; `None` where there is none.
fn moments(plan: &RulePlan, source: &SpanSource, range: Range) -> Option<TimeRange> {
    let ends = source.ends();
    let from = range.from.or_else(|| {
        let edge = if plan.judging().is_exact() { 0 } else { plan.rule().window.0 };
        ends.map(|ends| ends.from.saturating_add(edge))
    })?;
    let to = range.to.or_else(|| ends.map(|ends| ends.to))?;
    (from <= to).then_some(TimeRange { from, to })
}

pub(crate) struct Evaluation<'a> {
    pub(crate) session: &'a SessionContext,
    pub(crate) plan: &'a RulePlan,
    pub(crate) source: &'a SpanSource,
    moments: TimeRange,
    /// The multiples at which violations are cut, in nanoseconds since the epoch. `None`: they are not cut.
    cell: Option<i64>,
}

/// Rows of a rule, and what removing copies told.
struct Deduplicated {
    batch: RecordBatch,
    duplicates: u64,
    id_conflicts: u64,
}

impl Evaluation<'_> {
    async fn run(&self) -> Result<Outcome, EngineError> {
        check_moments(self.plan, self.moments)?;
        if self.plan.judging().is_exact() { self.exact().await } else { self.grid().await }
    }

    pub(crate) fn window(&self) -> i64 {
        self.plan.rule().window.0
    }

    pub(crate) fn keys(&self) -> usize {
        self.plan.rule().group_by.len()
    }

    /// Event times of the spans in windows that end within `moments`.
    fn read_range(&self, moments: TimeRange) -> TimeRange {
        TimeRange { from: moments.from.saturating_sub(self.window()).saturating_add(1), to: moments.to }
    }

    async fn exact(&self) -> Result<Outcome, EngineError> {
        let all = [self.read_range(self.moments)];
        let with_copies = match self.sliding(self.source.matched(self.plan, &all, false)?).await {
            Ok(judged) => judged,
            // Copies that differ may be of groups that their span is not of: the limit is that of the spans.
            Err(EngineError::GroupOverflow { .. }) => {
                let rows = self.rows(&all).await?;
                let judged = self.sliding(in_memory(&rows.batch)?).await?;
                return self.outcome(rows, judged).await;
            }
            Err(error) => return Err(error),
        };
        if with_copies.holding.is_empty() {
            return Ok(Outcome::default());
        }
        let candidates = merged(
            with_copies
                .holding
                .iter()
                .map(|holding| self.read_range(TimeRange { from: holding.moment, to: holding.moment })),
        );
        let rows = self.rows(&candidates).await?;
        let judged = if rows.duplicates == 0 && rows.id_conflicts == 0 {
            with_copies
        } else {
            self.sliding(in_memory(&rows.batch)?).await?
        };
        self.outcome(rows, judged).await
    }

    async fn grid(&self) -> Result<Outcome, EngineError> {
        let rows = self.rows(&[self.read_range(self.moments)]).await?;
        self.check_groups(&groups_of(&rows.batch, self.keys())?.0)?;
        let windows = self.plan.windows(self.plan.into_panes(in_memory(&rows.batch)?)?, self.moments)?;
        let held =
            LogicalPlanBuilder::from(windows).filter(datafusion::logical_expr::ident(row::HOLDS))?.build()?;
        let judged = self.holding(held).await?;
        self.outcome(rows, judged).await
    }

    /// The moments at which an exact rule holds over the given rows.
    async fn sliding(&self, rows: LogicalPlan) -> Result<Judged, EngineError> {
        let judged = self.holding(self.plan.sliding(rows)?).await?;
        self.check_groups(&judged.groups)?;
        Ok(judged)
    }

    /// Groups that were found, and those that are expected, count against the limit.
    fn check_groups(&self, found: &[Group]) -> Result<(), EngineError> {
        let rule = self.plan.rule();
        let all: BTreeSet<&Group> = found.iter().chain(&rule.expect).collect();
        if self.keys() > 0 && all.len() > rule.group_limit as usize {
            return Err(EngineError::GroupOverflow { limit: rule.group_limit });
        }
        Ok(())
    }

    /// Runs a plan of judged moments, and keeps those at which the condition holds.
    async fn holding(&self, plan: LogicalPlan) -> Result<Judged, EngineError> {
        let mut stream = self.session.execute_logical_plan(plan).await?.execute_stream().await?;
        let mut judged = Judged::default();
        let mut numbers: BTreeMap<Group, usize> = BTreeMap::new();
        while let Some(batch) = stream.try_next().await? {
            let (groups, places) = groups_of(&batch, self.keys())?;
            let renumbered: Vec<usize> = groups
                .into_iter()
                .map(|group| {
                    *numbers.entry(group).or_insert_with_key(|group| {
                        judged.groups.push(group.clone());
                        judged.groups.len() - 1
                    })
                })
                .collect();
            // Stop a runaway before it fills the memory; one more than the limit is enough to know.
            if self.keys() > 0 && judged.groups.len() > self.plan.rule().group_limit as usize {
                self.check_groups(&judged.groups)?;
            }
            let moments = column(&batch, row::MOMENT)?.as_primitive::<Int64Type>();
            let holds = column(&batch, row::HOLDS)?.as_boolean();
            let excess = column(&batch, row::EXCESS)?.as_primitive::<Float64Type>();
            for at in 0..batch.num_rows() {
                if holds.value(at) && moments.value(at) >= self.moments.from {
                    judged.holding.push(Holding {
                        group: renumbered[places[at]],
                        moment: moments.value(at),
                        excess: excess.is_valid(at).then(|| excess.value(at)),
                    });
                }
            }
        }
        Ok(judged)
    }

    /// The matching rows of the given event times, each span once.
    async fn rows(&self, ranges: &[TimeRange]) -> Result<Deduplicated, EngineError> {
        let matched = self.source.matched(self.plan, ranges, true)?;
        let schema: SchemaRef = Arc::new(matched.schema().as_arrow().clone());
        let pool = Arc::clone(&self.session.runtime_env().memory_pool);
        let reservation = MemoryConsumer::new("matching rows").register(&pool);
        let mut stream = self.session.execute_logical_plan(matched).await?.execute_stream().await?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.try_next().await? {
            // Twice: the batches, and what is made of them.
            reservation.try_grow(2 * batch.get_array_memory_size())?;
            batches.push(batch);
        }
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        let unique = unique(&schema, &batches)?;
        drop(batches);
        let duplicates = unique.duplicates;
        let id_conflicts = unique.conflicts.len() as u64;
        if unique.conflicts.is_empty() {
            return Ok(Deduplicated { batch: unique.batch, duplicates, id_conflicts });
        }
        let mut conflicts = unique.conflicts.clone();
        conflicts.sort_unstable();
        let winners = self.winners(&conflicts).await?;
        let winning = SpanSource::from_spans(&winners)?.matched(self.plan, ranges, true)?;
        let winning = self.session.execute_logical_plan(winning).await?.collect().await?;
        let others = unique.without(&conflicts)?;
        let all: Vec<RecordBatch> = std::iter::once(Ok(others))
            .chain(winning.iter().map(|batch| conform(batch, &schema)))
            .collect::<Result<_, EngineError>>()?;
        Ok(Deduplicated { batch: arrow::compute::concat_batches(&schema, &all)?, duplicates, id_conflicts })
    }

    /// The whole spans of the given identities, each once: of differing copies the one that counts.
    async fn winners(&self, keys: &[SpanKey]) -> Result<Vec<Span>, EngineError> {
        let ends = merged(keys.iter().map(|(_, _, end)| TimeRange { from: *end, to: *end }));
        let mut spans = Vec::new();
        for (layout, plan) in self.source.whole_spans(self.plan, &ends)? {
            let schema = span_schema(&layout);
            for batch in self.session.execute_logical_plan(plan).await?.collect().await? {
                let batch = conform(&batch, &schema)?;
                let found = from_batch(&batch)?;
                spans.extend(found.into_iter().filter(|span| keys.binary_search(&span.key()).is_ok()));
            }
        }
        Ok(dedupe(spans).spans)
    }

    /// Episodes, and what is told of each.
    async fn outcome(&self, rows: Deduplicated, judged: Judged) -> Result<Outcome, EngineError> {
        let Deduplicated { batch, duplicates, id_conflicts } = rows;
        if judged.holding.is_empty() {
            return Ok(Outcome { duplicates, id_conflicts, ..Outcome::default() });
        }
        let gap = self.plan.gap().0;
        let mut episodes = episodes(judged.holding, Joining { gap, cell: self.cell });
        episodes.sort_by(|left, right| {
            (left.starts_at, &judged.groups[left.group]).cmp(&(right.starts_at, &judged.groups[right.group]))
        });
        let groups: Vec<&Group> = episodes.iter().map(|episode| &judged.groups[episode.group]).collect();
        // Of most rows nothing is told: only those of the windows that are shown are put in order.
        let shown = merged(episodes.iter().flat_map(|episode| {
            episode.told_moments().map(|moment| self.read_range(TimeRange { from: moment, to: moment }))
        }));
        let rows = Rows::new(&within(&batch, &shown)?, self.keys())?;
        drop(batch);
        let values = self.values(&rows, &groups, &episodes).await?;
        let at = |group: &Group, moment: i64| {
            values.get(&(group.clone(), moment)).ok_or(EngineError::Changed("values"))
        };
        let parts = Parts::of(self.plan, &rows)?;
        let commonest = Commonest::of(self.plan.rule(), &rows.batch)?;
        let evidence = groups
            .iter()
            .zip(&episodes)
            .map(|(group, episode)| match rows.group(group) {
                Some(place) => {
                    let window = rows.window(place, episode.starts_at, self.window())?;
                    parts.guiltiest(window, at(group, episode.starts_at)?)
                }
                None => Ok(Vec::new()),
            })
            .collect::<Result<Vec<Vec<SpanKey>>, _>>()?;
        let mut keys: Vec<SpanKey> = evidence.iter().flatten().copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let spans = if keys.is_empty() { Vec::new() } else { self.winners(&keys).await? };
        let spans: BTreeMap<SpanKey, Span> = spans.into_iter().map(|span| (span.key(), span)).collect();
        let violations = episodes
            .iter()
            .zip(groups)
            .zip(evidence)
            .map(|((episode, group), evidence)| {
                let whole = |key: &SpanKey| spans.get(key).cloned().ok_or(EngineError::Changed("evidence"));
                Ok(Observed {
                    group: group.clone(),
                    starts_at: episode.starts_at,
                    ends_at: episode.ends_at,
                    ongoing: self.moments.to < episode.ends_at.saturating_add(gap),
                    values: at(group, episode.starts_at)?.clone(),
                    peak_at: episode.peak_at,
                    excess: episode.excess,
                    peak: at(group, episode.peak_at)?.clone(),
                    latest: at(group, episode.ends_at)?.clone(),
                    evidence: evidence.iter().map(whole).collect::<Result<_, _>>()?,
                    top: match rows.group(group) {
                        Some(place) => {
                            commonest.of_window(&rows.window(place, episode.peak_at, self.window())?)
                        }
                        None => Vec::new(),
                    },
                    partial: self.source.is_partial(
                        TimeRange { from: episode.starts_at, to: episode.ends_at },
                        self.window(),
                    ),
                })
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Outcome { violations, duplicates, id_conflicts, nothing_judged: false })
    }
}

/// Moments at which the condition holds, by numbered group.
#[derive(Default)]
struct Judged {
    groups: Vec<Group>,
    holding: Vec<Holding>,
}

pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, EngineError> {
    batch.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| EngineError::Column(name.to_owned()))
}

/// A plan that reads a batch.
pub(crate) fn in_memory(batch: &RecordBatch) -> Result<LogicalPlan, EngineError> {
    /// Rows that one operator takes at once, so that more than one core finds work.
    const ROWS: usize = 1 << 16;
    let slices = (0..batch.num_rows())
        .step_by(ROWS)
        .map(|start| batch.slice(start, ROWS.min(batch.num_rows() - start)))
        .collect();
    let table = MemTable::try_new(batch.schema(), vec![slices])?;
    Ok(LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(table)), None)?.build()?)
}

/// A batch with the columns of `schema` by name, in its types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, EngineError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let column = batch
                .column_by_name(field.name())
                .ok_or_else(|| EngineError::Column(field.name().clone()))?;
            Ok(arrow::compute::cast(column, field.data_type())?)
        })
        .collect::<Result<_, EngineError>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Ranges joined where they touch, and then across the smallest distances until they are few enough for a query.
/// Reading more than is needed is harmless.
fn merged(ranges: impl Iterator<Item = TimeRange>) -> Vec<TimeRange> {
    const MOST: usize = 32;
    let mut ranges: Vec<TimeRange> = ranges.collect();
    ranges.sort_unstable_by_key(|range| (range.from, range.to));
    let mut joined: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    if joined.len() <= MOST {
        return joined;
    }
    let mut distances: Vec<i64> = joined.windows(2).map(|pair| pair[1].from - pair[0].to).collect();
    distances.sort_unstable();
    let bridged = distances[distances.len() - MOST];
    let mut few: Vec<TimeRange> = Vec::new();
    for range in joined {
        match few.last_mut() {
            Some(last) if range.from - last.to <= bridged => last.to = range.to,
            _ => few.push(range),
        }
    }
    few
}
