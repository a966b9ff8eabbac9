//! Aggregates as DataFusion expressions: their input per span, over a sliding window, and in the two steps of the
//! grid (spans into panes, panes into windows).

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::count::count_distinct;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{Expr, cast, ident, lit, when};
use fluo_rules::duration::Nanos;
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{Aggregate, AggregateFunction};

use crate::error::PlanError;
use crate::fields::Fields;
use crate::summary::Statistic;

/// Sums of nanoseconds are exact in 128 bits.
const DURATION_SUM: DataType = DataType::Decimal128(38, 0);

/// One aggregate of a rule, by its place in the rule's list.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) aggregate: Aggregate,
    /// Column of its input among the matched rows.
    pub(crate) input: String,
    /// Column of its value.
    pub(crate) output: String,
}

fn is_duration(field: &Field) -> bool {
    *field == Field::Intrinsic(Intrinsic::Duration)
}

impl Planned {
    pub(crate) fn new(at: usize, aggregate: Aggregate) -> Self {
        Self { aggregate, input: format!("input_{at}"), output: format!("aggregate_{at}") }
    }

    /// Returns the expression of its input from each span: null where the span takes no part. Returns `None` where it
    /// counts every span.
    pub(crate) fn input_of(&self, fields: &Fields<'_>) -> Result<Option<Expr>, PlanError> {
        let filter = self.aggregate.filter.as_ref().map(|filter| fields.filter(filter)).transpose()?;
        let value = match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => {
                let counted = filter.map(|filter| when(filter, lit(true)).end()).transpose()?;
                return Ok(counted.map(|counted| counted.alias(&self.input)));
            }
            AggregateFunction::CountDistinct(field) => fields.text(field),
            function => match function.field() {
                Some(Field::Intrinsic(Intrinsic::Duration)) => {
                    ident(fluo_spans::schema::columns::DURATION_NS)
                }
                Some(field) => fields.number(field),
                None => return Ok(None),
            },
        };
        let value = match filter {
            Some(filter) => when(filter, value).end()?,
            None => value,
        };
        Ok(Some(value.alias(&self.input)))
    }

    /// Returns whether it takes something of each span, and does not count every one.
    pub(crate) fn has_input(&self) -> bool {
        self.aggregate.filter.is_some() || self.aggregate.function.field().is_some()
    }

    fn counted(&self) -> Expr {
        if self.aggregate.filter.is_some() { count(ident(&self.input)) } else { count(lit(1)) }
    }

    fn duration_input(&self) -> Expr {
        cast(ident(&self.input), DURATION_SUM)
    }

    /// Over a sliding window; `None` where it cannot slide (nor can a condition on it be exact).
    pub(crate) fn sliding(&self) -> Option<Expr> {
        let input = || ident(&self.input);
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => Some(self.counted()),
            AggregateFunction::CountDistinct(_) => Some(count_distinct(input())),
            AggregateFunction::Min(_) => Some(min(input())),
            AggregateFunction::Max(_) => Some(max(input())),
            AggregateFunction::Sum(field) if is_duration(field) => Some(sum(self.duration_input())),
            AggregateFunction::Sum(_)
            | AggregateFunction::Avg(_)
            | AggregateFunction::Stddev(_)
            | AggregateFunction::Percentile { .. } => None,
        }
    }

    /// Of the spans of a pane, in a form that panes can be put together from.
    pub(crate) fn state(&self) -> Expr {
        let input = || ident(&self.input);
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => self.counted(),
            AggregateFunction::Min(_) => min(input()),
            AggregateFunction::Max(_) => max(input()),
            AggregateFunction::Sum(field) if is_duration(field) => sum(self.duration_input()),
            _ => self.statistic().state_of(input()),
        }
        .alias(&self.output)
    }

    /// The state of no span at all.
    pub(crate) fn empty_state(&self) -> Expr {
        let empty = match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => lit(0_i64),
            AggregateFunction::Min(field) | AggregateFunction::Max(field) => {
                null(if is_duration(field) { DataType::Int64 } else { DataType::Float64 })
            }
            AggregateFunction::Sum(field) if is_duration(field) => null(DURATION_SUM),
            _ => null(DataType::Binary),
        };
        empty.alias(&self.output)
    }

    /// Of the panes of a window.
    pub(crate) fn merged(&self) -> Expr {
        let state = || ident(&self.output);
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => sum(state()),
            AggregateFunction::Min(_) => min(state()),
            AggregateFunction::Max(_) => max(state()),
            AggregateFunction::Sum(field) if is_duration(field) => sum(cast(state(), DURATION_SUM)),
            _ => self.statistic().of_states(state()),
        }
        .alias(&self.output)
    }

    /// The value people see, from the column that one of the above gave.
    pub(crate) fn finished(&self, raw: Expr, window: Nanos) -> Expr {
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::CountDistinct(_) => {
                coalesce(vec![cast(raw, DataType::Int64), lit(0_i64)])
            }
            AggregateFunction::Rate { per } => {
                let count = coalesce(vec![cast(raw, DataType::Float64), lit(0.0)]);
                count * cast(lit(per.0), DataType::Float64) / cast(lit(window.0), DataType::Float64)
            }
            AggregateFunction::Sum(field) if is_duration(field) => cast(raw, DURATION_SUM),
            AggregateFunction::Percentile { of, .. } if is_duration(of) => cast(raw, DataType::Int64),
            _ => raw,
        }
        .alias(&self.output)
    }

    /// Returns whether its value is an integer (counts, nanoseconds) in an integer's type.
    pub(crate) fn is_integer(&self) -> bool {
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::CountDistinct(_) => true,
            AggregateFunction::Sum(field)
            | AggregateFunction::Min(field)
            | AggregateFunction::Max(field)
            | AggregateFunction::Percentile { of: field, .. } => is_duration(field),
            AggregateFunction::Avg(_) | AggregateFunction::Stddev(_) | AggregateFunction::Rate { .. } => {
                false
            }
        }
    }

    fn statistic(&self) -> Statistic {
        match &self.aggregate.function {
            AggregateFunction::CountDistinct(_) => Statistic::CountDistinct,
            AggregateFunction::Avg(_) => Statistic::Avg,
            AggregateFunction::Stddev(_) => Statistic::Stddev,
            AggregateFunction::Percentile { p, .. } => Statistic::Percentile(*p),
            _ => Statistic::Sum,
        }
    }
}

fn null(data_type: DataType) -> Expr {
    cast(lit(datafusion::common::ScalarValue::Null), data_type)
}
