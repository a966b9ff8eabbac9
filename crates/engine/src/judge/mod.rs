//! All rules over one source of spans: moments at which they hold, as violations with values and evidence.
//!
//! ```text
//! sums     one pass: of grid rules panes, of exact rules cells that bound every window, copies of spans with them
//! moments  grid: windows of panes. Exact: where the bound holds, which is nearly nowhere
//! rows     one more pass, over the times of what may be told only: rows of exact rules' windows, and evidence
//! tell     episodes, their values, the spans that show them
//! ```

mod grid;
mod sliding;
mod tell;

use arrow::compute::concat_batches;
use datafusion::prelude::SessionContext;
use fluo_alerts::value::Value;
use fluo_alerts::violation::Top;
use fluo_plan::{RulePlan, TimeRange};
use fluo_rules::expr::Exact;
use fluo_spans::span::Span;

use crate::episodes::{Episode, Holding, Joining, episodes};
use crate::error::EngineError;
use crate::pass::{ByGroup, Cells, Got, Passed, Want, What, pass};
use crate::ranges::joined;
use crate::rows::{Group, Rows, within};
use crate::source::SpanSource;
use crate::summary::Summary;
use crate::work::each;
use grid::Panes;
use tell::Told;

/// Values of the declared aggregates by name, in the order of the rule, and of `count` where it is not among them.
pub type Values = Vec<(String, Value)>;

/// From when to when a rule is judged; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// First moment; by default the first span's end, and for grid rules one window later, so that the edge of
    /// the data is not taken for silence.
    pub from: Option<i64>,
    /// Last moment; by default the last span's end.
    pub to: Option<i64>,
}

/// A question to the engine about one rule.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The rule.
    pub plan: &'a RulePlan,
    /// The moments at which it is judged, each stretch for itself.
    pub stretches: Vec<TimeRange>,
    /// Violations are cut where a multiple of this since the epoch passes, in nanoseconds, so that a part of a stretch can
    /// be looked at again; they are not cut where this is `None`.
    pub cell: Option<i64>,
}

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

/// The outcome of all rules.
#[derive(Debug, Default)]
pub struct Judged {
    /// By rule, as they were asked: violations of all its stretches, by stretch, start and group.
    pub rules: Vec<Result<Vec<Observed>, EngineError>>,
    /// Copies of spans that were not counted.
    pub duplicates: u64,
    /// Those of them that differ from the one that counts.
    pub id_conflicts: u64,
}

impl Judged {
    /// Of so many rules that had no moment to judge.
    pub fn of_nothing(rules: usize) -> Self {
        Self { rules: (0..rules).map(|_| Ok(Vec::new())).collect(), duplicates: 0, id_conflicts: 0 }
    }
}

/// The moments to judge in a range; `None` where there is none.
pub fn moments(plan: &RulePlan, source: &SpanSource, range: Range) -> Option<TimeRange> {
    let ends = source.ends();
    let from = range.from.or_else(|| {
        let edge = if plan.judging().is_exact() { 0 } else { plan.rule().window.0 };
        ends.map(|ends| ends.from.saturating_add(edge))
    })?;
    let to = range.to.or_else(|| ends.map(|ends| ends.to))?;
    (from <= to).then_some(TimeRange { from, to })
}

/// Judges all rules over one source. What is wrong with one of them ends no other.
///
/// # Errors
///
/// Those that are not of one rule: a file cannot be read ([`EngineError::File`]), or a query fails.
pub async fn judge(
    session: &SessionContext,
    source: &SpanSource,
    asked: &[Asked<'_>],
) -> Result<Judged, EngineError> {
    let mut rules: Vec<Result<Found<'_>, EngineError>> = asked.iter().map(Found::new).collect();
    let summed = run(session, source, &mut rules, Found::sums, |found, got| match got {
        Got::Sums(sums) => found.bounded(sums),
        Got::Rows(_) => Ok(()),
    })
    .await?;
    let rows = run(session, source, &mut rules, Found::rows, |found, got| match got {
        Got::Rows(batches) => found.judged(&batches),
        Got::Sums(_) => Ok(()),
    })
    .await?;
    let mut told: Vec<Result<Told<'_>, EngineError>> = Vec::with_capacity(rules.len());
    for found in rules {
        told.push(found.and_then(Told::of));
    }
    let rules = tell::observed(session, source, &rows.contested, told).await?;
    // The second pass goes over some of what the first went over.
    let duplicates = summed.duplicates.max(rows.duplicates);
    let id_conflicts = summed.conflicts.max(rows.conflicts);
    Ok(Judged { rules, duplicates, id_conflicts })
}

/// One pass for those rules that want one.
async fn run<'a>(
    session: &SessionContext,
    source: &SpanSource,
    rules: &mut [Result<Found<'a>, EngineError>],
    want: impl Fn(&Found<'a>) -> Option<Want<'a>>,
    take: impl Fn(&mut Found<'a>, Got) -> Result<(), EngineError> + Sync,
) -> Result<Passed, EngineError> {
    let (places, wants): (Vec<usize>, Vec<Want<'a>>) =
        rules.iter().enumerate().filter_map(|(at, found)| Some((at, want(found.as_ref().ok()?)?))).unzip();
    if wants.is_empty() {
        return Ok(Passed::default());
    }
    let mut passed = pass(session, source, &wants).await?;
    let mut got = places.into_iter().zip(std::mem::take(&mut passed.got)).peekable();
    let mut asked = Vec::new();
    for (at, found) in rules.iter_mut().enumerate() {
        if let Some((_, got)) = got.next_if(|(place, _)| *place == at) {
            asked.push((found, got));
        }
    }
    let taken = each(asked, |(rule, got)| {
        let taken = got.and_then(|got| rule.as_mut().map_or(Ok(()), |found| take(found, got)));
        match taken {
            Err(error) if error.is_of_rule() => *rule = Err(error),
            taken => return taken,
        }
        Ok(())
    })
    .await;
    taken.into_iter().collect::<Result<(), _>>()?;
    Ok(passed)
}

/// All that was found out of a rule.
struct Found<'a> {
    asked: &'a Asked<'a>,
    /// The times in which the spans ended that are read.
    reads: Vec<TimeRange>,
    sums: ByGroup,
    /// By stretch: the moments at which it holds.
    stretches: Vec<Stretch>,
    rows: Option<Rows>,
}

/// All that was found out of a stretch.
struct Stretch {
    moments: TimeRange,
    groups: Vec<Group>,
    episodes: Vec<Episode>,
    /// Of exact rules, where it may hold.
    candidates: Vec<TimeRange>,
}

impl<'a> Found<'a> {
    fn new(asked: &'a Asked<'a>) -> Result<Self, EngineError> {
        let plan = asked.plan;
        // A rule that cannot be planned is told of, and ends no other.
        plan.projection(&fluo_spans::layout::Layout::builtin())?;
        for stretch in &asked.stretches {
            check_moments(plan, *stretch)?;
        }
        let reads = joined(asked.stretches.iter().map(|stretch| reads(plan, *stretch)));
        let stretch = |moments: &TimeRange| Stretch {
            moments: *moments,
            groups: Vec::new(),
            episodes: Vec::new(),
            candidates: Vec::new(),
        };
        let stretches = asked.stretches.iter().map(stretch).collect();
        Ok(Self { asked, reads, sums: ByGroup::new(), stretches, rows: None })
    }

    /// Returns the want of the first pass.
    fn sums(&self) -> Option<Want<'a>> {
        let plan = self.asked.plan;
        let what = if plan.judging().is_exact() {
            What::Sums { cells: sliding::cells(plan), aggregates: sliding::deciding(plan) }
        } else {
            What::Sums {
                cells: Cells { size: plan.pane() },
                aggregates: (0..plan.aggregates().count()).collect(),
            }
        };
        let once = !plan.judging().is_exact();
        (!self.reads.is_empty()).then(|| Want { plan, ranges: self.reads.clone(), what, once })
    }

    /// Takes in the sums: of a grid rule, all is known of its moments then.
    fn bounded(&mut self, sums: ByGroup) -> Result<(), EngineError> {
        let plan = self.asked.plan;
        check_groups(plan, &sums)?;
        self.sums = sums;
        for stretch in &mut self.stretches {
            if plan.judging().is_exact() {
                stretch.candidates = joined(sliding::candidates(plan, &self.sums, stretch.moments));
            } else {
                let (groups, held) = Panes::new(plan, &self.sums).holding(stretch.moments);
                stretch.groups = groups;
                stretch.episodes = self.asked.joined(held);
            }
        }
        Ok(())
    }

    /// Returns the want of the second pass: rows of windows of which something may be told.
    fn rows(&self) -> Option<Want<'a>> {
        let plan = self.asked.plan;
        let rule = plan.rule();
        let windows = self.stretches.iter().flat_map(|stretch| {
            let shown = stretch.episodes.iter().flat_map(|episode| {
                let evidence = (rule.evidence_limit > 0).then_some(episode.starts_at);
                let top = (!rule.top.is_empty()).then_some(episode.peak_at);
                evidence.into_iter().chain(top).map(|moment| TimeRange { from: moment, to: moment })
            });
            shown
                .chain(stretch.candidates.iter().copied())
                .map(|moments| reads(plan, moments))
                .collect::<Vec<_>>()
        });
        let ranges = joined(windows);
        (!ranges.is_empty()).then_some(Want { plan, ranges, what: What::Rows, once: true })
    }

    /// Takes in the rows: of an exact rule, all is known of its moments then.
    fn judged(&mut self, batches: &[arrow::array::RecordBatch]) -> Result<(), EngineError> {
        let plan = self.asked.plan;
        let Some(first) = batches.first() else { return Ok(()) };
        let batch = concat_batches(&first.schema(), batches)?;
        let mut rows = Rows::new(&batch, plan.rule().group_by.len())?;
        if plan.judging().is_exact() {
            for stretch in &mut self.stretches {
                let held = sliding::moments(plan, &rows, stretch.moments)?;
                stretch.groups.clone_from(&rows.groups);
                stretch.episodes = self.asked.joined(held);
            }
            // Of most rows nothing is told.
            let told =
                self.stretches.iter().flat_map(|stretch| &stretch.episodes).flat_map(Episode::told_moments);
            let told = joined(told.map(|moment| reads(plan, TimeRange { from: moment, to: moment })));
            rows = Rows::new(&within(&rows.batch, &told)?, plan.rule().group_by.len())?;
        }
        self.rows = Some(rows);
        Ok(())
    }
}

impl Asked<'_> {
    fn joined(&self, held: Vec<Holding>) -> Vec<Episode> {
        episodes(held, Joining { gap: self.plan.gap().0, cell: self.cell })
    }
}

/// Returns the times in which the spans ended that lie in windows that end within `moments`.
fn reads(plan: &RulePlan, moments: TimeRange) -> TimeRange {
    TimeRange { from: moments.from.saturating_sub(plan.rule().window.0).saturating_add(1), to: moments.to }
}

/// Groups that were found, and those that are expected, count against the limit.
fn check_groups(plan: &RulePlan, found: &ByGroup) -> Result<(), EngineError> {
    let rule = plan.rule();
    let expected = rule.expect.iter().filter(|group| !found.contains_key(*group)).count();
    if !rule.group_by.is_empty() && found.len() + expected > rule.group_limit as usize {
        return Err(EngineError::GroupOverflow { limit: rule.group_limit });
    }
    Ok(())
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

/// The values of a window's sums.
fn values_of(plan: &RulePlan, sums: &mut [Summary]) -> Values {
    let window = plan.rule().window;
    let named = plan.aggregates().zip(sums);
    named.map(|(aggregate, sum)| (aggregate.name.clone(), sum.value(&aggregate.function, window))).collect()
}

fn exact(values: &Values, name: &str) -> Option<Exact> {
    let (_, value) = values.iter().find(|(found, _)| found == name)?;
    match *value {
        Value::Int(int) | Value::Duration(int) => Some(Exact::Int(int)),
        Value::Float(float) => Some(Exact::Float(float)),
        Value::None => None,
    }
}

/// Returns whether the condition holds at these values.
fn holds(plan: &RulePlan, values: &Values) -> bool {
    plan.rule().condition.expr.holds_exactly(&|name| exact(values, name))
}

/// The moment, where the condition holds at it.
fn holding(plan: &RulePlan, group: usize, moment: i64, values: &Values) -> Option<Holding> {
    holds(plan, values).then(|| {
        let excess = plan.rule().condition.expr.excess(&|name| exact(values, name));
        Holding { group, moment, excess }
    })
}

/// A grid rule at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Values of `group_by`.
    pub group: Vec<Option<String>>,
    /// The moment.
    pub moment: i64,
    /// Values of the aggregates.
    pub values: Values,
    /// True if the condition holds.
    pub holds: bool,
    /// By how much the first comparison exceeds its bound; none where it has no value.
    pub excess: Option<f64>,
}

/// A grid rule at every moment of a stretch at which there is a group, by group and moment.
///
/// # Errors
///
/// As of [`judge`], and what is wrong with the rule.
pub async fn series(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    stretch: TimeRange,
) -> Result<Vec<Point>, EngineError> {
    let asked = Asked { plan, stretches: vec![stretch], cell: None };
    let mut rules = vec![Found::new(&asked)];
    run(session, source, &mut rules, Found::sums, |found, got| match got {
        Got::Sums(sums) => found.bounded(sums),
        Got::Rows(_) => Ok(()),
    })
    .await?;
    let mut points = Vec::new();
    for found in rules {
        Panes::new(plan, &found?.sums).each(stretch, |group, moment, values| {
            let holds = holds(plan, &values);
            let excess = plan.rule().condition.expr.excess(&|name| exact(&values, name));
            points.push(Point { group: group.clone(), moment, values, holds, excess });
        });
    }
    Ok(points)
}

/// Evaluates one rule over all spans of a source.
pub async fn evaluate(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    range: Range,
) -> Result<Outcome, EngineError> {
    let stretches: Vec<TimeRange> = moments(plan, source, range).into_iter().collect();
    let nothing_judged = stretches.is_empty();
    let Judged { mut rules, duplicates, id_conflicts } =
        judge(session, source, &[Asked { plan, stretches, cell: None }]).await?;
    let violations = rules.pop().unwrap_or_else(|| Ok(Vec::new()))?;
    Ok(Outcome { violations, duplicates, id_conflicts, nothing_judged })
}

/// The result of an evaluation of one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Violations by start and group.
    pub violations: Vec<Observed>,
    /// Copies of spans that were not counted.
    pub duplicates: u64,
    /// Those of them that differ from the one that counts.
    pub id_conflicts: u64,
    /// There was no moment to judge: the range lies outside the data, or the data is shorter than the window.
    pub nothing_judged: bool,
}
