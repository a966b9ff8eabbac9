//! One rule as DataFusion plans, step by step.
//!
//! ```text
//! exact   span files ─matched─▶ rows ─sliding──────────────▶ moments
//! grid    span files ─matched─▶ rows ─panes─▶ ─windows─────▶ moments
//! ```
//!
//! `rows` are the matching spans, reduced to what the rule needs of them; the same columns whatever the layout of
//! the files. Between the steps stands the engine, which removes duplicates from the rows and runs the plans.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_nested::range::gen_series_udf;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{Sort, WindowFunction};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound, WindowFrameUnits,
    cast, ident, lit,
};
use fluo_rules::duration::Nanos;
use fluo_rules::rule::{Aggregate, Rule};
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, time_type};

use crate::aggregates::Planned;
use crate::condition::Conditions;
use crate::direction::Judging;
use crate::error::PlanError;
use crate::fields::{Fields, Form};

/// Columns of matched rows and of judged moments.
pub mod row {
    /// End of the span in nanoseconds since the epoch (`Int64`), of matched rows.
    pub const END: &str = "end_ns";
    /// The pane that a row lies in, or the moment that it is asked for (`Int64`, ns since the epoch).
    pub const PANE: &str = "pane";
    /// The judged moment (`Int64`, ns since the epoch).
    pub const MOMENT: &str = "moment";
    /// The result of the condition at the judged moment (`Boolean`).
    pub const HOLDS: &str = "holds";
    /// By how much the first comparison exceeds its bound.
    pub const EXCESS: &str = "excess";

    /// Text of the group key's `at`th entry.
    pub fn group(at: usize) -> String {
        format!("group_{at}")
    }

    /// Text of the `at`th key of which the commonest values are told, of matched rows with ids.
    pub fn top(at: usize) -> String {
        format!("top_{at}")
    }
}

/// A closed range of event times in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First.
    pub from: i64,
    /// Last.
    pub to: i64,
}

/// A rule that has been planned.
#[derive(Debug, Clone)]
pub struct RulePlan {
    rule: Arc<Rule>,
    judging: Judging,
    /// The declared aggregates (`count` where there is none), then the implied `count` where it is not declared.
    aggregates: Vec<Planned>,
    /// The number of declared aggregates.
    declared: usize,
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
        let named = rule.condition.expr.aggregates();
        if let Some(unknown) =
            named.into_iter().find(|name| aggregates.iter().all(|aggregate| aggregate.name != *name))
        {
            return Err(PlanError::Misplaced(unknown.to_owned()));
        }
        Ok(Self {
            judging: Judging::of(&rule),
            aggregates: aggregates
                .into_iter()
                .enumerate()
                .map(|(at, aggregate)| Planned::new(at, aggregate))
                .collect(),
            declared,
            rule,
        })
    }

    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// At which moments it is judged.
    pub fn judging(&self) -> &Judging {
        &self.judging
    }

    /// The largest distance of two holding moments of one violation.
    pub fn gap(&self) -> Nanos {
        if self.judging.is_exact() { self.rule.window } else { self.rule.grid_step() }
    }

    /// The largest step that divides both the window and the grid: windows are made of whole panes.
    fn pane(&self) -> i64 {
        let (mut left, mut right) = (self.rule.window.0, self.rule.grid_step().0);
        while right != 0 {
            (left, right) = (right, left % right);
        }
        left.max(1)
    }

    /// The declared aggregates and `count`, the columns of what they take of each matched row (none where they count
    /// every row), and the columns of their values.
    pub fn computed(&self) -> impl Iterator<Item = (&Aggregate, Option<&str>, &str)> {
        self.aggregates.iter().map(|planned| {
            let input = planned.has_input().then_some(planned.input.as_str());
            (&planned.aggregate, input, planned.output.as_str())
        })
    }

    /// The aggregates that people see: those that the rule declares, and those that its condition names.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Planned> {
        let named = self.rule.condition.expr.aggregates();
        let is_shown = move |(at, planned): &(usize, &Planned)| {
            *at < self.declared || named.contains(&planned.aggregate.name.as_str())
        };
        self.aggregates.iter().enumerate().filter(is_shown).map(|(_, planned)| planned)
    }

    fn groups(&self) -> impl Iterator<Item = Expr> {
        (0..self.rule.group_by.len()).map(|at| ident(row::group(at)))
    }

    fn fields<'a>(&self, layout: &'a Layout) -> Fields<'a> {
        Fields { layout, conventions: self.rule.conventions, form: Form::Functions }
    }

    /// Returns a boolean expression that says whether a span of the table is selected and ended in one of the ranges.
    pub fn predicate(&self, layout: &Layout, ranges: &[TimeRange]) -> Result<Expr, PlanError> {
        let within = ranges.iter().map(|range| {
            let end = || ident(columns::END_TIME);
            end().gt_eq(time(range.from)).and(end().lt_eq(time(range.to)))
        });
        let within = within.reduce(Expr::or).unwrap_or_else(|| lit(false));
        Ok(self.fields(layout).selector(&self.rule.selector)?.and(within))
    }

    /// The matching spans of a table in the given layout, reduced to [`row`] columns; with `ids`, also the two id
    /// columns, by which duplicates are known, and what is told of them.
    pub fn matched(
        &self,
        table: LogicalPlan,
        layout: &Layout,
        ranges: &[TimeRange],
        ids: bool,
    ) -> Result<LogicalPlan, PlanError> {
        let fields = self.fields(layout);
        let mut projection = vec![cast(ident(columns::END_TIME), DataType::Int64).alias(row::END)];
        for (at, group) in self.rule.group_by.iter().enumerate() {
            projection.push(fields.text(&group.field).alias(row::group(at)));
        }
        for planned in &self.aggregates {
            projection.extend(planned.input_of(&fields)?);
        }
        if ids {
            projection.push(ident(columns::TRACE_ID));
            projection.push(ident(columns::SPAN_ID));
            let top = self.rule.top.iter().enumerate();
            projection.extend(top.map(|(at, key)| fields.text(&key.field).alias(row::top(at))));
        }
        Ok(LogicalPlanBuilder::from(table)
            .filter(self.predicate(layout, ranges)?)?
            .project(projection)?
            .build()?)
    }

    /// Exact rules: the moments at which the condition holds, over every window that ends with a row. One more row a
    /// group, whether it holds or not, so that groups can be counted.
    ///
    /// Columns: groups, [`row::MOMENT`], [`row::HOLDS`], [`row::EXCESS`].
    pub fn sliding(&self, rows: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        const FIRST: &str = "first_of_group";
        let groups: Vec<Expr> = self.groups().collect();
        let order = vec![Sort::new(ident(row::END), true, false)];
        // `(t − window, t]`: SQL's RANGE frame is closed at both ends, hence the nanosecond.
        let frame = WindowFrame::new_bounds(
            WindowFrameUnits::Range,
            WindowFrameBound::Preceding(ScalarValue::Int64(Some(self.rule.window.0 - 1))),
            WindowFrameBound::CurrentRow,
        );
        let used = self.rule.condition.expr.aggregates();
        let used: Vec<&Planned> = self
            .aggregates
            .iter()
            .filter(|planned| used.contains(&planned.aggregate.name.as_str()))
            .collect();
        // Equal window expressions stand once: DataFusion's optimizer panics on repetitions.
        let mut windows: Vec<Expr> = Vec::new();
        let mut finished: Vec<Expr> = Vec::new();
        for planned in &used {
            let Some(Expr::AggregateFunction(function)) = planned.sliding() else {
                return Err(PlanError::Misplaced(planned.aggregate.name.clone()));
            };
            let mut window = WindowFunction::new(function.func, function.params.args);
            window.params.partition_by.clone_from(&groups);
            window.params.order_by.clone_from(&order);
            window.params.window_frame = frame.clone();
            window.params.distinct = function.params.distinct;
            let window = Expr::from(window);
            let at = windows.iter().position(|known| *known == window).unwrap_or_else(|| {
                windows.push(window);
                windows.len() - 1
            });
            finished.push(planned.finished(ident(sliding_column(at)), self.rule.window));
        }
        let mut windows: Vec<Expr> =
            windows.into_iter().enumerate().map(|(at, window)| window.alias(sliding_column(at))).collect();
        if !groups.is_empty() {
            windows.push(row_number().partition_by(groups.clone()).order_by(order).build()?.alias(FIRST));
        }
        let finished: Vec<Expr> = groups
            .iter()
            .cloned()
            .chain([ident(row::END).alias(row::MOMENT)])
            .chain((!groups.is_empty()).then(|| ident(FIRST)))
            .chain(finished)
            .collect();
        let conditions = Conditions { aggregates: &self.aggregates, form: Form::Functions };
        let condition = &self.rule.condition.expr;
        let mut judged = groups.clone();
        judged.extend([
            ident(row::MOMENT),
            conditions.holds(condition)?.alias(row::HOLDS),
            cast(conditions.excess(condition)?, DataType::Float64).alias(row::EXCESS),
        ]);
        let keep = if groups.is_empty() {
            ident(row::HOLDS)
        } else {
            judged.push(ident(FIRST).eq(lit(1_u64)).alias(FIRST));
            ident(row::HOLDS).or(ident(FIRST))
        };
        let kept: Vec<Expr> =
            groups.into_iter().chain([ident(row::MOMENT), ident(row::HOLDS), ident(row::EXCESS)]).collect();
        Ok(LogicalPlanBuilder::from(rows)
            .window(windows)?
            .project(finished)?
            .project(judged)?
            .filter(keep)?
            .project(kept)?
            .build()?)
    }

    /// Grid rules: each row's pane, by which [`RulePlan::windows`] finds the windows it lies in.
    pub fn into_panes(&self, rows: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let pane = lit(self.pane());
        // ⌈end / pane⌉ · pane; ends are positive.
        let end = ((ident(row::END) - lit(1_i64)) / pane.clone() + lit(1_i64)) * pane;
        let with_pane = self.with_columns(&rows, end.alias(row::PANE));
        Ok(LogicalPlanBuilder::from(rows).project(with_pane)?.build()?)
    }

    fn with_columns(&self, rows: &LogicalPlan, added: Expr) -> Vec<Expr> {
        let needed = |name: &str| {
            name.starts_with("group_") || self.aggregates.iter().any(|planned| planned.input == name)
        };
        let kept = rows.schema().fields().iter().map(|field| field.name()).filter(|name| needed(name));
        kept.map(ident).chain([added]).collect()
    }

    /// Rows with a [`row::PANE`] summed up by group and pane.
    fn summed_by_pane(&self, rows: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let groups: Vec<Expr> = self.groups().chain([ident(row::PANE)]).collect();
        let states: Vec<Expr> = self.aggregates.iter().map(Planned::state).collect();
        Ok(LogicalPlanBuilder::from(rows).aggregate(groups, states)?.build()?)
    }

    /// The values at every grid moment of `moments` whose window a row's pane lies in, and at every one of them for
    /// the groups that always exist (the one group of a rule without `group_by`; those that `expect` lists).
    ///
    /// Columns as of [`RulePlan::at_moments`].
    pub fn windows(&self, rows: LogicalPlan, moments: TimeRange) -> Result<LogicalPlan, PlanError> {
        /// Number of a grid moment: the moment divided by the step.
        const TICK: &str = "tick";
        let step = self.rule.grid_step().0;
        let (first, last) = (
            moments.from.div_euclid(step) + i64::from(moments.from.rem_euclid(step) > 0),
            moments.to.div_euclid(step),
        );
        let panes = self.summed_by_pane(rows)?;
        let pane = || ident(row::PANE);
        // Moments k·step with pane ≤ k·step < pane + window.
        let from = (pane() + lit(step - 1)) / lit(step);
        let to = (pane() + lit(self.rule.window.0 - 1)) / lit(step);
        let greatest = datafusion::functions::core::expr_fn::greatest(vec![from, lit(first)]);
        let least = datafusion::functions::core::expr_fn::least(vec![to, lit(last)]);
        let series = gen_series_udf().call(vec![greatest, least, lit(1_i64)]);
        let states = || self.aggregates.iter().map(|planned| ident(&planned.output));
        let moment = || (ident(TICK) * lit(step)).alias(row::MOMENT);
        let expanded = LogicalPlanBuilder::from(panes)
            .project(self.groups().chain([series.alias(TICK)]).chain(states()))?
            .unnest_column(TICK)?
            .filter(ident(TICK).is_not_null())?
            .project(self.groups().chain([moment()]).chain(states()))?;
        let standing = self.standing_groups();
        let expanded = if standing.is_empty() || first > last {
            expanded.build()?
        } else {
            let mut all = expanded;
            for group in standing {
                let texts = group
                    .iter()
                    .enumerate()
                    .map(|(at, text)| lit(ScalarValue::Utf8(text.clone())).alias(row::group(at)));
                let ticks = gen_series_udf().call(vec![lit(first), lit(last), lit(1_i64)]).alias(TICK);
                let empty = LogicalPlanBuilder::empty(true)
                    .project(texts.chain([ticks]).chain(self.aggregates.iter().map(Planned::empty_state)))?
                    .unnest_column(TICK)?
                    .project(self.groups().chain([moment()]).chain(states()))?
                    .build()?;
                all = all.union(empty)?;
            }
            all.build()?
        };
        self.judged(expanded)
    }

    /// The values at moments that each row names in [`row::PANE`], for rows that the caller has put there.
    ///
    /// Columns: groups, [`row::MOMENT`], [`row::HOLDS`], [`row::EXCESS`], the aggregates' outputs.
    pub fn at_moments(&self, rows: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let states = self.aggregates.iter().map(|planned| ident(&planned.output));
        let projection: Vec<Expr> =
            self.groups().chain([ident(row::PANE).alias(row::MOMENT)]).chain(states).collect();
        let summed = self.summed_by_pane(rows)?;
        self.judged(LogicalPlanBuilder::from(summed).project(projection)?.build()?)
    }

    /// States by group and moment, merged and judged.
    fn judged(&self, states: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let keys: Vec<Expr> = self.groups().chain([ident(row::MOMENT)]).collect();
        let merged: Vec<Expr> = self.aggregates.iter().map(Planned::merged).collect();
        let finished =
            self.aggregates.iter().map(|planned| planned.finished(ident(&planned.output), self.rule.window));
        let finished: Vec<Expr> = keys.iter().cloned().chain(finished).collect();
        let conditions = Conditions { aggregates: &self.aggregates, form: Form::Functions };
        let condition = &self.rule.condition.expr;
        let outputs = self.aggregates.iter().map(|planned| ident(&planned.output));
        let judged: Vec<Expr> = keys
            .iter()
            .cloned()
            .chain([
                conditions.holds(condition)?.alias(row::HOLDS),
                cast(conditions.excess(condition)?, DataType::Float64).alias(row::EXCESS),
            ])
            .chain(outputs)
            .collect();
        Ok(LogicalPlanBuilder::from(states)
            .aggregate(keys, merged)?
            .project(finished)?
            .project(judged)?
            .build()?)
    }

    /// Groups that exist at every moment.
    fn standing_groups(&self) -> Vec<Vec<Option<String>>> {
        if self.rule.group_by.is_empty() { vec![Vec::new()] } else { self.rule.expect.clone() }
    }
}

/// Column of the `at`th different sliding aggregate.
fn sliding_column(at: usize) -> String {
    format!("sliding_{at}")
}

/// A moment as a literal of the type of the time columns.
fn time(nanos: i64) -> Expr {
    let DataType::Timestamp(_, zone) = time_type() else { return lit(nanos) };
    lit(ScalarValue::TimestampNanosecond(Some(nanos), zone))
}
