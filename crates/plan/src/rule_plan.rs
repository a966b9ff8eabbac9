//! A rule as the engine judges it: when, by which aggregates, and over what of each span ([`Projection`]).
//!
//! [`Projection`]: crate::Projection

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use fluo_rules::expr::{EarlierCall, EarlierFunction};
use fluo_rules::limits::{Limit, LimitRow, Limits};
use fluo_rules::matcher::Value as Constant;
use fluo_rules::rule::{Aggregate, Rule};
use fluo_rules::trace::TraceRule;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::range::joined;
use fluo_time::{Nanos, TimeRange};

use crate::direction::Judging;
use crate::earlier::{Behind, Earlier};
use crate::error::PlanError;
use crate::project::{Input, Projection};
use crate::query::Query;

/// Layouts of which a rule's projection is kept.
const MOST_LAYOUTS: usize = 4;

/// The distances from a moment at which spans ended that matter to it, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Before it, at all; a span that ended so long before it is too old by one nanosecond.
    pub before: i64,
    /// Before it, where they are summed up: the others only say which groups were seen.
    pub sums: i64,
    /// Before it, where spans that are missing can make its condition true.
    pub silence: i64,
    /// After it: spans that come later may do what had not been done, and a parent often ends after its children.
    pub after: i64,
}

/// A rule that has been planned.
#[derive(Debug, Clone)]
pub struct RulePlan {
    rule: Arc<Rule>,
    judging: Judging,
    /// The declared aggregates (`count` where there is none), then the implied `count` where it is not declared.
    aggregates: Vec<Aggregate>,
    /// The number of declared aggregates.
    declared: usize,
    earlier: Earlier,
    /// Of a rule that is a query.
    query: Option<Arc<Query>>,
    /// Of the layouts that were asked for last: that of this version, and that of the files.
    projections: Arc<Mutex<Vec<Arc<Projection>>>>,
}

impl RulePlan {
    /// Plans a rule.
    pub fn new(rule: Arc<Rule>) -> Result<Self, PlanError> {
        let mut aggregates = rule.aggregates.clone();
        if aggregates.is_empty() {
            aggregates.push(Aggregate::implied_count());
        }
        let declared = aggregates.len();
        if aggregates.iter().all(|aggregate| aggregate.name != Aggregate::COUNT) {
            aggregates.push(Aggregate::implied_count());
        }
        let named = rule.condition.aggregates();
        if let Some(unknown) =
            named.into_iter().find(|name| aggregates.iter().all(|aggregate| aggregate.name != *name))
        {
            return Err(PlanError::Misplaced(unknown.to_owned()));
        }
        let (judging, earlier) = (Judging::of(&rule), Earlier::of(&rule));
        let query = rule.sql().map(Query::new).transpose()?.map(Arc::new);
        Ok(Self { judging, aggregates, declared, earlier, query, rule, projections: Arc::default() })
    }

    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The query, of a rule that is one.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_deref()
    }

    /// At which moments it is judged.
    pub fn judging(&self) -> &Judging {
        &self.judging
    }

    /// The largest distance of two holding moments of one violation.
    pub fn gap(&self) -> Nanos {
        if self.judging.is_exact() { self.rule.window } else { self.rule.grid_step() }
    }

    /// The largest step that divides both the window and the grid, in nanoseconds: the windows of a grid rule are made of
    /// whole panes.
    pub fn pane(&self) -> i64 {
        let (mut left, mut right) = (self.rule.window.0, self.rule.grid_step().0);
        while right != 0 {
            (left, right) = (right, left % right);
        }
        left.max(1)
    }

    /// The declared aggregates (`count` where there is none), then `count` where it is not declared.
    pub fn aggregates(&self) -> impl Iterator<Item = &Aggregate> {
        self.aggregates.iter()
    }

    /// The calls of functions over earlier windows in its condition, each once.
    pub fn calls(&self) -> &[EarlierCall] {
        &self.earlier.calls
    }

    /// The stretches of a moment's past that are summed up, the latest first, and apart.
    pub fn behind(&self) -> &[Behind] {
        &self.earlier.behind
    }

    /// The distances from a moment at which windows begin and end, in order.
    pub fn edges(&self) -> &[i64] {
        &self.earlier.edges
    }

    /// The distance back from a moment to which it matters that a group was seen, in nanoseconds; none where it does
    /// not.
    pub fn seen_behind(&self) -> Option<i64> {
        self.earlier.seen
    }

    /// The distance back from a moment to which spans matter to it that are summed up, in nanoseconds.
    pub fn reach_of_sums(&self) -> i64 {
        self.earlier.behind.iter().map(|behind| behind.begin).max().unwrap_or_default()
    }

    /// For how long a group stays without spans, in nanoseconds; none where it is gone with its last span.
    pub fn stays(&self) -> Option<i64> {
        let absent = |call: &EarlierCall| matches!(call.function, EarlierFunction::Absent { .. });
        self.earlier.calls.iter().any(absent).then_some(self.rule.lookback.0)
    }

    /// The aggregates that people see: those that the rule declares, and those that its condition names.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Aggregate> {
        let named = self.rule.condition.aggregates();
        let is_shown = move |(at, aggregate): &(usize, &Aggregate)| {
            *at < self.declared || named.contains(&aggregate.name.as_str())
        };
        self.aggregates.iter().enumerate().filter(is_shown).map(|(_, aggregate)| aggregate)
    }

    /// Returns what the rule needs of each span in files of this layout.
    pub fn projection(&self, layout: &Layout) -> Result<Arc<Projection>, PlanError> {
        let mut kept = self.projections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|known| known.layout == *layout) {
            return Ok(Arc::clone(known));
        }
        let projection = Arc::new(Projection::of(&self.rule, &self.aggregates, layout)?);
        if kept.len() >= MOST_LAYOUTS {
            kept.remove(0);
        }
        kept.push(Arc::clone(&projection));
        Ok(projection)
    }

    /// Tells people, line by line, what is read, selected and summed up.
    pub fn describe(&self, projection: &Projection) -> String {
        if let Some(query) = self.query() {
            return self.describe_query(query);
        }
        let of_steps = projection.steps.iter().flat_map(|step| step.expressions());
        let mut columns: BTreeSet<String> = projection
            .expressions()
            .chain(of_steps)
            .flat_map(|expr| expr.column_refs().into_iter().map(|column| column.name.clone()))
            .collect();
        columns.insert(columns::END_TIME.to_owned());
        let mut lines = vec![format!("columns: {}", columns.into_iter().collect::<Vec<_>>().join(", "))];
        lines.extend(projection.selector.iter().map(|expr| format!("selected: {expr}")));
        for (at, step) in projection.steps.iter().enumerate() {
            lines.extend(step.selector.iter().map(|expr| format!("step {at}: {expr}")));
            lines.extend(step.groups.iter().map(|expr| format!("step {at} by: {expr}")));
        }
        let (row, selected) = match self.rule.trace() {
            Some(trace) if trace.is_across() => ("occasion", "occasion that breaks a demand"),
            Some(_) => ("trace", "trace that breaks a demand"),
            None => ("span", "selected span"),
        };
        let keys = self.rule.group_by.iter().zip(&projection.groups);
        // Across traces they are those of the steps.
        let is_across = self.rule.trace().is_some_and(TraceRule::is_across);
        lines.extend(keys.filter(|_| !is_across).map(|(key, expr)| format!("group {}: {expr}", key.key)));
        for (aggregate, Input { filter, value }) in self.aggregates().zip(&projection.inputs) {
            let value =
                value.as_ref().map_or_else(|| format!("every {row}"), |value| value.expr().to_string());
            let filter: Vec<String> = filter.iter().map(|expr| format!(", where {expr}")).collect();
            lines.push(format!("sum {}: {value}{}", aggregate.name, filter.concat()));
        }
        lines.extend(projection.weight.iter().map(|weight| format!("stands for: {weight}")));
        let stretch = |behind: &Behind| format!("(t - {}, t - {}]", Nanos(behind.begin), Nanos(behind.end));
        if !self.earlier.calls.is_empty() {
            let stretches: Vec<String> = self.behind().iter().map(stretch).collect();
            lines.push(format!("sums: of {}", stretches.join(", ")));
        }
        lines.extend(
            self.seen_behind().map(|seen| format!("groups: as they were seen since t - {}", Nanos(seen))),
        );
        let (window, gap) = (self.rule.window, self.gap());
        lines.push(if self.judging.is_exact() {
            format!("windows: of {window}, one that ends with each {selected}")
        } else {
            format!("windows: of {window}, one every {gap}, of panes of {}", Nanos(self.pane()))
        });
        lines.join("\n")
    }

    /// The same of a query.
    fn describe_query(&self, query: &Query) -> String {
        let reads: Vec<&str> = query.reads().iter().map(String::as_str).collect();
        let (window, gap) = (self.rule.window, self.gap());
        format!(
            "columns: {}\nquery: of the spans of each window, each once, by end and id\nwindows: of {window}, one every {gap}\n{}",
            reads.join(", "),
            query.describe()
        )
    }

    /// Returns the distances from a moment at which spans ended that matter to it.
    pub fn reach(&self) -> Reach {
        let absent = |call: &EarlierCall| match call.function {
            EarlierFunction::Absent { past } => Some(past.0),
            _ => None,
        };
        let silence = self.earlier.calls.iter().filter_map(absent).fold(self.rule.window.0, i64::max);
        let sums = self.reach_of_sums();
        let TimeRange { from, to } = self.of_row();
        let back = |length: i64| length.saturating_sub(from);
        let before = sums.max(self.earlier.seen.unwrap_or_default());
        Reach { before: back(before), sums: back(sums), silence: back(silence), after: to }
    }

    /// Returns the times, in order, in which the spans ended that are summed up of some moments.
    pub fn times_of(&self, moments: TimeRange) -> Vec<TimeRange> {
        let of_row = self.of_row();
        joined(self.behind().iter().map(|behind| TimeRange {
            from: moments.from.saturating_sub(behind.begin).saturating_add(of_row.from).saturating_add(1),
            to: moments.to.saturating_sub(behind.end).saturating_add(of_row.to),
        }))
    }

    /// Returns the times in which the rows ended that spans which ended within `ends` decide about.
    pub fn rows_of(&self, ends: TimeRange) -> TimeRange {
        let of_row = self.of_row();
        TimeRange { from: ends.from.saturating_sub(of_row.to), to: ends.to.saturating_sub(of_row.from) }
    }

    /// The distances from the end of a row of its windows at which the spans ended that decide about it: a span is a row,
    /// and stands for itself, and for its parent and children where the rule asks for those.
    fn of_row(&self) -> TimeRange {
        match self.rule.trace() {
            None => {
                let within = self.rule.kin.map_or(0, |kin| kin.within.0);
                TimeRange { from: within.saturating_neg(), to: within }
            }
            Some(trace) if trace.is_across() => {
                // Its occasion ended then, or so long before that what came after it may be part of it.
                let around = trace.around();
                TimeRange {
                    from: around.after.saturating_add(around.before).saturating_neg(),
                    to: around.after,
                }
            }
            Some(trace) => {
                let longest = trace.max_duration.0;
                TimeRange { from: longest.saturating_mul(-2), to: longest }
            }
        }
    }

    /// The groups that exist at every moment of a grid rule, whether or not a span is there.
    pub fn standing_groups(&self) -> Vec<Vec<Option<String>>> {
        let mut groups =
            if self.rule.group_by.is_empty() { vec![Vec::new()] } else { self.rule.expect.clone() };
        // What no limits are for is not judged.
        groups.retain(|group| self.rule.limits.as_ref().is_none_or(|limits| limits.row_of(group).is_some()));
        groups
    }

    /// The limits of a group with their names, as they are compared; each is one of the values of its windows.
    pub fn limits_of<'a>(
        &'a self,
        group: &[Option<String>],
    ) -> impl Iterator<Item = (&'a Limit, Option<&'a Constant>)> {
        let limits = self.rule.limits.as_deref();
        let row = limits.and_then(|limits| limits.row_of(group));
        let value = move |at: usize| row.and_then(|row: &LimitRow| row.values.get(at)?.as_ref());
        limits.map_or(&[][..], Limits::names).iter().enumerate().map(move |(at, limit)| (limit, value(at)))
    }
}
