//! Aggregates as expressions of SQL: their input from each span, over a sliding window, and their value as people see it.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::count::count_distinct;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{Expr, cast, ident, lit, when};
use fluo_rules::rule::{Aggregate, AggregateFunction};
use fluo_time::Nanos;

use crate::error::PlanError;
use crate::fields::Fields;

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

impl Planned {
    /// With columns of its own name.
    pub(crate) fn new(aggregate: &Aggregate) -> Self {
        let name = &aggregate.name;
        Self { aggregate: aggregate.clone(), input: format!("{name} of"), output: name.clone() }
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
            function => match function.measure() {
                Some(of) => fields.measure(of)?.into_expr(),
                None => return Ok(None),
            },
        };
        let value = match filter {
            Some(filter) => when(filter, value).end()?,
            None => value,
        };
        Ok(Some(value.alias(&self.input)))
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
            function @ AggregateFunction::Sum(_) if function.is_of_durations() => {
                Some(sum(self.duration_input()))
            }
            AggregateFunction::Sum(_)
            | AggregateFunction::Avg(_)
            | AggregateFunction::Stddev(_)
            // A query computes it itself.
            | AggregateFunction::Column(_)
            | AggregateFunction::Percentile { .. } => None,
        }
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
            function @ AggregateFunction::Sum(_) if function.is_of_durations() => cast(raw, DURATION_SUM),
            function @ AggregateFunction::Percentile { .. } if function.is_of_durations() => {
                cast(raw, DataType::Int64)
            }
            _ => raw,
        }
        .alias(&self.output)
    }

    /// Returns whether its value is an integer (counts, nanoseconds) in an integer's type.
    pub(crate) fn is_integer(&self) -> bool {
        match &self.aggregate.function {
            AggregateFunction::Count | AggregateFunction::CountDistinct(_) => true,
            function @ (AggregateFunction::Sum(_)
            | AggregateFunction::Min(_)
            | AggregateFunction::Max(_)
            | AggregateFunction::Percentile { .. }) => function.is_of_durations(),
            AggregateFunction::Avg(_)
            | AggregateFunction::Stddev(_)
            | AggregateFunction::Column(_)
            | AggregateFunction::Rate { .. } => false,
        }
    }
}
