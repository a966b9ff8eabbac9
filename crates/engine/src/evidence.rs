//! Which rows of a window are shown: the guiltiest first, and of each trace one before any other.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::{Array, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_plan::evidence::{Guilt, Part, Question};
use fluo_spans::identity::SpanKey;

use crate::error::EngineError;
use crate::evaluate::Values;
use crate::rows::Rows;

/// Matched rows, as what they are to the rule's aggregates.
pub(crate) struct Parts<'a> {
    plan: &'a RulePlan,
    rows: &'a Rows,
    by_name: Vec<(&'a str, Taken<'a>)>,
}

/// The input of an aggregate from each row.
enum Taken<'a> {
    /// It counts every row.
    Every,
    /// It counts those for which this is true.
    If(&'a BooleanArray),
    /// It counts those that have a value.
    IfAny(&'a dyn Array),
    Nanos(&'a Int64Array),
    Numbers(&'a Float64Array),
}

impl Taken<'_> {
    fn part(&self, row: usize) -> Part {
        let is = |part, is| if is { part } else { Part::None };
        match self {
            Self::Every => Part::Counted,
            Self::If(counted) => is(Part::Counted, counted.is_valid(row) && counted.value(row)),
            Self::IfAny(values) => is(Part::Counted, values.is_valid(row)),
            #[expect(clippy::cast_precision_loss, reason = "evidence is chosen in doubles")]
            Self::Nanos(nanos) => is(Part::Value(nanos.value(row) as f64), nanos.is_valid(row)),
            Self::Numbers(numbers) => {
                let number = numbers.value(row);
                is(Part::Value(number), numbers.is_valid(row) && number.is_finite())
            }
        }
    }
}

impl<'a> Parts<'a> {
    pub(crate) fn of(plan: &'a RulePlan, rows: &'a Rows) -> Result<Self, EngineError> {
        let by_name = plan
            .computed()
            .map(|(aggregate, input, _)| Ok((aggregate.name.as_str(), taken(input, &rows.batch)?)))
            .collect::<Result<_, EngineError>>()?;
        Ok(Self { plan, rows, by_name })
    }

    fn part(&self, row: usize, name: &str) -> Part {
        let found = self.by_name.iter().find(|(found, _)| *found == name);
        found.map_or(Part::None, |(_, taken)| taken.part(row))
    }

    /// The rows of a window with these values that show what is wrong there, as many as are kept.
    pub(crate) fn guiltiest(
        &self,
        window: Range<usize>,
        values: &Values,
    ) -> Result<Vec<SpanKey>, EngineError> {
        let rule = self.plan.rule();
        let number = |name: &str| {
            let found = values.iter().find(|(found, _)| found == name);
            found.and_then(|(_, value)| Value::as_f64(*value))
        };
        let question = Question::of(rule, &number);
        // Newest first, and the sort keeps the order of equals.
        let newest = window.rev();
        let mut found: Vec<(Guilt, usize)> = newest
            .clone()
            .filter_map(|row| Some((question.guilt(&|name| self.part(row, name))?, row)))
            .collect();
        found.sort_by(|left, right| right.0.cmp(&left.0));
        let mut ranked: Vec<usize> = found.into_iter().map(|(_, row)| row).collect();
        if ranked.is_empty() {
            ranked = newest.filter(|row| question.concerns(&|name| self.part(*row, name))).collect();
        }
        let limit = rule.evidence_limit as usize;
        let mut traces = BTreeSet::new();
        let (mut first_of_trace, mut others) = (Vec::new(), Vec::new());
        for row in ranked {
            if first_of_trace.len() == limit {
                break;
            }
            let key = self.rows.key(row)?;
            if traces.insert(key.0) {
                first_of_trace.push(key);
            } else if others.len() < limit {
                others.push(key);
            }
        }
        first_of_trace.extend(others);
        first_of_trace.truncate(limit);
        Ok(first_of_trace)
    }
}

fn taken<'a>(input: Option<&str>, batch: &'a RecordBatch) -> Result<Taken<'a>, EngineError> {
    let Some(input) = input else { return Ok(Taken::Every) };
    let column = batch.column_by_name(input).ok_or_else(|| EngineError::Column(input.to_owned()))?;
    Ok(match column.data_type() {
        DataType::Boolean => Taken::If(column.as_boolean()),
        DataType::Int64 => Taken::Nanos(column.as_primitive::<Int64Type>()),
        DataType::Float64 => Taken::Numbers(column.as_primitive::<Float64Type>()),
        _ => Taken::IfAny(column),
    })
}
