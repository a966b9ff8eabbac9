//! All rules over one source of spans: moments at which they hold, as violations with values and evidence.
//!
//! ```text
//! sums     one pass: of grid rules panes, of exact rules cells that bound every window, copies of spans with them
//! moments  grid: windows of panes. Exact: where the bound holds, which is nearly nowhere
//! rows     one more pass, over the times of what may be told only: rows of exact rules' windows, and evidence
//! tell     episodes, their values, the spans that show them
//! ```
//!
//! Each of the two passes says beforehand which times it reads ([`Summing::reads`], [`Telling::reads`]), so that only the
//! files of those need be opened. Sums that are known are not read again ([`crate::panes`]).

mod deciding;
mod earlier;
mod found;
mod grid;
mod held;
mod near;
mod part;
mod seen;
mod sliding;
mod sql;
mod tell;

use std::collections::BTreeSet;

use datafusion::prelude::SessionContext;
use fluo_alerts::life_cycle::Badness;
use fluo_alerts::reading::gauge::Track;
use fluo_alerts::sample::Sample;
use fluo_alerts::value::Value;
use fluo_alerts::violation::Top;
use fluo_plan::RulePlan;
use fluo_rules::matcher::{Number, Value as Constant};
use fluo_rules::rule::{Severity, Subject};
use fluo_spans::identity::SpanKey;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use fluo_time::range::joined;

use crate::error::EngineError;
use crate::panes::Known;
use crate::pass::{Got, Passed, Want, pass};
use crate::rows::Group;
use crate::source::SpanSource;
use crate::summary::{Summary, Values};
use crate::traces::{Traced, Tracing};
use crate::work::each;
use earlier::Store;
use found::Found;
pub use held::Before;
use held::{badness, exact};
use near::Near;
pub use sql::Querying;
use tell::Told;

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
    /// The hash of what decides the rule, under which its panes are known; without one none is.
    pub hash: Option<&'a str>,
    /// The spans of traces that are known.
    pub as_of: AsOf,
    /// The moments before the stretches at which violations of the rule are known to have been. They matter to rules
    /// with `resolve_condition` only.
    pub before: Before,
    /// The end of the store's first span; that of the source's where this is `None`. Windows that begin before it have no
    /// value to functions over earlier windows.
    pub first: Option<i64>,
    /// The most of its past that is read at once, in nanoseconds, where panes are known: what is further back is read by
    /// the next looks, and until then the rule is not judged. `None`: all of it.
    pub most: Option<i64>,
    /// Its values are told at the moments that are judged, of each stretch of time of this length the one that is closest
    /// to its limit; nanoseconds. `None`: they are not.
    pub near: Option<i64>,
}

/// The spans of traces that are known, by their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// All that ended up to here have arrived.
    pub settled_to: i64,
    /// None that ended later is looked at.
    pub until: i64,
}

impl AsOf {
    /// All of them are known.
    pub const ALL: Self = Self { settled_to: i64::MAX, until: i64::MAX };

    /// Those that ended up to a moment are known.
    pub fn of(moment: i64) -> Self {
        Self { settled_to: moment, until: moment }
    }
}

impl<'a> Asked<'a> {
    /// A question about a rule of which nothing is known, over spans that are all there.
    pub fn new(plan: &'a RulePlan, stretches: Vec<TimeRange>) -> Self {
        Self {
            plan,
            stretches,
            cell: None,
            hash: None,
            as_of: AsOf::ALL,
            before: Before::new(),
            first: None,
            most: None,
            near: None,
        }
    }

    /// Of a rule about traces: the times in which the spans ended that decide.
    pub(crate) fn of_traces(&self) -> Vec<TimeRange> {
        let reach = self.plan.reach();
        joined(self.stretches.iter().map(|stretch| TimeRange {
            from: stretch.from.saturating_sub(reach.before).saturating_add(1),
            to: stretch.to.saturating_add(reach.after).min(self.as_of.until),
        }))
    }
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
    /// The moment that is worst; the earliest of equals.
    pub peak_at: i64,
    /// The badness of that one.
    pub worst: Badness,
    /// The severity of the last one; none where the rule has one level.
    pub severity: Option<Severity>,
    /// True if no level holds at any of its moments: what held before goes on.
    pub kept: bool,
    /// Values at `peak_at`.
    pub peak: Values,
    /// Values at `ends_at`.
    pub latest: Values,
    /// The spans of the window at `starts_at` that show what is wrong, the guiltiest first.
    pub evidence: Vec<Span>,
    /// Traces of the spans that show what is wrong in that window.
    pub traces: Sample,
    /// The commonest values of the rule's `top` in the window at `peak_at`.
    pub top: Vec<Top>,
    /// True if a file that could not be read may hold spans of its windows.
    pub partial: bool,
    /// Of a rule about traces: the demands that its first trace breaks.
    pub failed: Vec<String>,
    /// Of a rule about traces: its first trace, or across traces its first occasion, by its ids.
    pub origin: Option<String>,
    /// Of a rule about traces: the first rows of the windows at `starts_at`, `peak_at` and `ends_at`.
    pub rows: [Vec<SpanKey>; 3],
    /// Of a group that is there without spans, for as long as it is remembered: the end of its last span before `ends_at`.
    pub seen_at: Option<i64>,
}

/// The outcome of all rules.
#[derive(Debug, Default)]
pub struct Judged {
    /// By rule, as they were asked: violations of all its stretches, by stretch, start and group.
    pub rules: Vec<Result<Vec<Observed>, EngineError>>,
    /// By rule: its values against its limit, where they were asked for and it could be judged.
    pub tracks: Vec<Option<Track>>,
    /// Copies of spans that were not counted.
    pub duplicates: u64,
    /// Those of them that differ from the one that counts.
    pub id_conflicts: u64,
}

impl Judged {
    /// Takes in what was found of the rules about traces, or of those that are a query.
    pub fn take(&mut self, asked: &[Asked<'_>], traced: Traced) {
        let of_rules = asked.iter().zip(&mut self.rules).zip(&mut self.tracks);
        for (((asked, rule), track), traced) in of_rules.zip(traced) {
            if let Some(traced) = traced {
                let near = asked.near.map(|step| Near::new(asked.plan, step));
                *track = near.zip(traced.as_ref().ok()).map(|(near, observed)| near.track(observed));
                *rule = traced;
            }
        }
    }

    /// Of so many rules that had no moment to judge.
    pub fn of_nothing(rules: usize) -> Self {
        Self {
            rules: (0..rules).map(|_| Ok(Vec::new())).collect(),
            tracks: vec![None; rules],
            duplicates: 0,
            id_conflicts: 0,
        }
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
    let traced = Tracing::new(asked).over(session, source).await?;
    let queried = Querying::new(asked).over(session, source).await?;
    let mut judged = Summing::new(asked, None).over(session, source).await?.over(session, source).await?;
    judged.take(asked, traced);
    judged.take(asked, queried);
    Ok(judged)
}

/// Judges one rule about traces over the rows of those that break it, which were found in a source.
pub(crate) async fn judge_rows(
    session: &SessionContext,
    rows: &SpanSource,
    asked: &Asked<'_>,
    source: &SpanSource,
) -> Result<Vec<Observed>, EngineError> {
    // Panes are of spans, and values are told by whoever has the violations of the whole rule ([`Judged::take`]).
    let asked = Asked { hash: None, near: None, ..asked.clone() };
    let store = Store::of_rows(&asked, source);
    let summing = Summing { rules: vec![Found::new(&asked, None)], store: Some(store) };
    let judged = summing.over(session, rows).await?.over(session, rows).await?;
    judged.rules.into_iter().next().unwrap_or_else(|| Ok(Vec::new()))
}

/// A look at all rules, before anything was read.
pub struct Summing<'a> {
    rules: Vec<Result<Found<'a>, EngineError>>,
    /// The facts about the store, where what is summed up does not say them.
    store: Option<Store>,
}

/// A look at all rules, when it is known where they hold, or may hold.
pub struct Telling<'a> {
    rules: Vec<Result<Found<'a>, EngineError>>,
    duplicates: u64,
    id_conflicts: u64,
}

impl<'a> Summing<'a> {
    /// A look at rules. What is `known` is not read again.
    pub fn new(asked: &'a [Asked<'a>], known: Option<Known<'a>>) -> Self {
        let found = |asked: &'a Asked<'a>| match asked.plan.rule().subject {
            Subject::Spans(_) => Found::new(asked, known),
            // What its windows are made of is not known yet ([`crate::Tracing`]), or it is asked by itself ([`Querying`]).
            Subject::Traces(_) | Subject::Sql(_) => Found::of_nothing(asked),
        };
        Self { rules: asked.iter().map(found).collect(), store: None }
    }

    /// The times in which spans ended that are summed up; in order, and apart.
    pub fn reads(&self) -> Vec<TimeRange> {
        reads(&self.rules, Found::sums)
    }

    /// The hours, counted from the epoch, of which panes are missing that may be stored.
    pub fn unknown_hours(&self) -> BTreeSet<i64> {
        self.rules.iter().flatten().flat_map(Found::unknown_hours).collect()
    }

    /// Sums up spans.
    ///
    /// # Errors
    ///
    /// As of [`judge`].
    pub async fn over(
        self,
        session: &SessionContext,
        source: &SpanSource,
    ) -> Result<Telling<'a>, EngineError> {
        let mut rules = self.rules;
        for found in rules.iter_mut().flatten() {
            found.store = self.store.clone().unwrap_or_else(|| Store::of(found.asked.first, source));
        }
        let passed = run(session, source, &mut rules, Found::sums, Found::summed).await?;
        Ok(Telling { rules, duplicates: passed.duplicates, id_conflicts: passed.conflicts })
    }
}

impl Telling<'_> {
    /// The times in which spans ended of which something may be told; in order, and apart.
    pub fn reads(&self) -> Vec<TimeRange> {
        reads(&self.rules, Found::rows)
    }

    /// Reads the spans of which something may be told. `source`: as the one that was summed up, in these times.
    ///
    /// # Errors
    ///
    /// As of [`judge`].
    pub async fn over(self, session: &SessionContext, source: &SpanSource) -> Result<Judged, EngineError> {
        let mut rules = self.rules;
        let rows = run(session, source, &mut rules, Found::rows, |found, mut got| match got.pop() {
            Some(Got::Rows(batches)) => found.judged(&batches),
            _ => Ok(()),
        })
        .await?;
        let near: Vec<_> = rules.iter_mut().map(|found| found.as_mut().ok()?.near.take()).collect();
        let told = rules.into_iter().map(|found| found.and_then(Told::of)).collect();
        let rules = tell::observed(session, source, &rows.contested, told).await?;
        let of_rules = near.into_iter().zip(&rules);
        let tracks = of_rules.map(|(near, rule)| Some(near?.track(rule.as_ref().ok()?))).collect();
        // The second pass goes over some of what the first went over.
        let duplicates = self.duplicates.max(rows.duplicates);
        let id_conflicts = self.id_conflicts.max(rows.conflicts);
        Ok(Judged { rules, tracks, duplicates, id_conflicts })
    }
}

/// The times that are wanted of any rule.
fn reads<'a>(
    rules: &[Result<Found<'a>, EngineError>],
    wants: impl Fn(&Found<'a>) -> Vec<Want<'a>>,
) -> Vec<TimeRange> {
    joined(rules.iter().flatten().flat_map(wants).flat_map(|want| want.around()))
}

/// One pass for those rules that want one. Each rule takes what comes of its wants, in their order.
async fn run<'a>(
    session: &SessionContext,
    source: &SpanSource,
    rules: &mut [Result<Found<'a>, EngineError>],
    wants: impl Fn(&Found<'a>) -> Vec<Want<'a>>,
    take: impl Fn(&mut Found<'a>, Vec<Got>) -> Result<(), EngineError> + Sync,
) -> Result<Passed, EngineError> {
    let wants: Vec<Vec<Want<'a>>> =
        rules.iter().map(|found| found.as_ref().map(&wants).unwrap_or_default()).collect();
    let wanted: Vec<Want<'a>> = wants.iter().flatten().cloned().collect();
    let mut passed =
        if wanted.is_empty() { Passed::default() } else { pass(session, source, &wanted).await? };
    let mut got = std::mem::take(&mut passed.got).into_iter();
    let of_rule = |wants: &Vec<Want<'a>>| {
        // All of a rule's, also where the first failed: what follows is another's.
        let of_rule: Vec<_> = got.by_ref().take(wants.len()).collect();
        of_rule.into_iter().collect::<Result<Vec<Got>, _>>()
    };
    let got: Vec<_> = wants.iter().map(of_rule).collect();
    let taken = each(rules.iter_mut().zip(got).collect(), |(rule, got)| {
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

/// The values of the sums of a window of a group, and the limits of the group.
fn values_of(plan: &RulePlan, group: &Group, sums: &mut [Summary]) -> Values {
    let window = plan.rule().window;
    let named = plan.aggregates().zip(sums);
    let of_sums =
        named.map(|(aggregate, sum)| (aggregate.name.clone(), sum.value(&aggregate.function, window)));
    of_sums.chain(limits_of(plan, group)).collect()
}

/// The limits of a group, as values of all its windows.
fn limits_of(plan: &RulePlan, group: &Group) -> Values {
    let value = |value: &Constant| match value {
        Constant::Number(Number::Int(int)) => Value::Int((*int).into()),
        Constant::Number(Number::Float(float)) => Value::Float(*float),
        Constant::Duration(nanos) => Value::Duration(nanos.0.into()),
        Constant::Text(_) | Constant::Bool(_) => Value::None,
    };
    let limits = plan.limits_of(group);
    limits.map(|(limit, of_group)| (limit.name.clone(), of_group.map_or(Value::None, value))).collect()
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
    /// True if a level of the condition holds.
    pub holds: bool,
    /// By how much the first comparison of the highest level that holds exceeds its bound, of the lowest where none does;
    /// none where it has no value.
    pub excess: Option<f64>,
}

/// A grid rule over spans at every moment of a stretch at which there is a group, by group and moment.
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
    let mut points = Vec::new();
    let each = |group: &[Option<String>], moment, values: Values| {
        let level = plan.rule().condition.held_exactly(&|name| exact(&values, name));
        let (holds, excess) = (level.is_some(), badness(plan, level, &values).excess);
        points.push(Point { group: group.to_vec(), moment, values, holds, excess });
    };
    each_point(session, plan, source, stretch, each).await?;
    Ok(points)
}

/// Gives the values of a grid rule over spans at every moment of a stretch at which there is a group, by group and moment.
///
/// # Errors
///
/// As of [`series`].
pub async fn each_point(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    stretch: TimeRange,
    mut each: impl FnMut(&[Option<String>], i64, Values),
) -> Result<(), EngineError> {
    let asked = [Asked::new(plan, vec![stretch])];
    let Telling { rules, .. } = Summing::new(&asked, None).over(session, source).await?;
    for found in rules {
        found?.grid().each(stretch, |group, moment, values| each(group, moment, values));
    }
    Ok(())
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
    let as_of = range.to.map_or(AsOf::ALL, AsOf::of);
    let Judged { mut rules, duplicates, id_conflicts, .. } =
        judge(session, source, &[Asked { as_of, ..Asked::new(plan, stretches) }]).await?;
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
