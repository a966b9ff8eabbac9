//! Reads what a rule's aggregates take of its rows.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use fluo_plan::RulePlan;
use fluo_plan::evidence::Part;

use crate::error::EngineError;
use crate::rows::row;
use crate::summary::{Summary, Weight};

/// The input of an aggregate from each row.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// It counts every row.
    Every,
    /// It counts those for which this is true.
    If(&'a BooleanArray),
    /// It counts the different ones of these.
    Texts(&'a StringArray),
    Nanos(&'a Int64Array),
    Numbers(&'a Float64Array),
}

/// The inputs of a rule's aggregates, in their order.
pub(crate) fn inputs<'a>(plan: &RulePlan, batch: &'a RecordBatch) -> Result<Vec<Input<'a>>, EngineError> {
    plan.aggregates()
        .enumerate()
        .map(|(at, aggregate)| {
            if aggregate.filter.is_none() && !aggregate.function.takes_value() {
                return Ok(Input::Every);
            }
            let name = row::input(at);
            let column = batch.column_by_name(&name).ok_or_else(|| EngineError::Column(name.clone()))?;
            Ok(match column.data_type() {
                DataType::Boolean => Input::If(column.as_boolean()),
                DataType::Int64 => Input::Nanos(column.as_primitive::<Int64Type>()),
                DataType::Float64 => Input::Numbers(column.as_primitive::<Float64Type>()),
                _ => Input::Texts(column.as_string_opt::<i32>().ok_or(EngineError::Column(name))?),
            })
        })
        .collect()
}

/// The numbers of spans that the rows of a rule stand for; none where each counts once.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a>(Option<&'a Float64Array>);

impl<'a> Weights<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Self {
        Self(batch.column_by_name(row::WEIGHT).and_then(|column| column.as_primitive_opt::<Float64Type>()))
    }

    /// Returns whether rows stand for others.
    pub(crate) fn are_there(self) -> bool {
        self.0.is_some()
    }

    /// The weight of a row, where it has one.
    pub(crate) fn get(self, row: usize) -> Option<Weight> {
        self.0.map(|weights| Weight::of(weights.value(row)))
    }
}

/// The value that an aggregate takes of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Own<'a> {
    Counted,
    Nanos(i64),
    Number(f64),
    Text(&'a str),
}

impl Own<'_> {
    /// The order of two values of one aggregate.
    pub(crate) fn order(&self, other: &Own<'_>) -> Ordering {
        match (self, other) {
            (Self::Nanos(one), Own::Nanos(other)) => one.cmp(other),
            (Self::Number(one), Own::Number(other)) => one.total_cmp(other),
            _ => Ordering::Equal,
        }
    }
}

impl<'a> Input<'a> {
    /// Returns the value that it takes of a row; none where the span takes no part.
    pub(crate) fn of(&self, row: usize) -> Option<Own<'a>> {
        match self {
            Self::Every => Some(Own::Counted),
            Self::If(counted) => (counted.is_valid(row) && counted.value(row)).then_some(Own::Counted),
            Self::Texts(texts) => texts.is_valid(row).then(|| Own::Text(texts.value(row))),
            Self::Nanos(nanos) => nanos.is_valid(row).then(|| Own::Nanos(nanos.value(row))),
            Self::Numbers(numbers) => (numbers.is_valid(row) && numbers.value(row).is_finite())
                .then(|| Own::Number(numbers.value(row))),
        }
    }

    /// The part that a row's span has in the aggregate.
    pub(crate) fn part(&self, row: usize) -> Part {
        match self.of(row) {
            None => Part::None,
            Some(Own::Counted | Own::Text(_)) => Part::Counted,
            #[expect(clippy::cast_precision_loss, reason = "evidence is chosen in doubles")]
            Some(Own::Nanos(nanos)) => Part::Value(nanos as f64),
            Some(Own::Number(number)) => Part::Value(number),
        }
    }

    /// Adds what it takes of rows to a summary.
    pub(crate) fn add(&self, rows: Range<usize>, weights: Weights<'_>, summary: &mut Summary) {
        for (row, own) in rows.filter_map(|row| Some((row, self.of(row)?))) {
            if let Some(weight) = weights.get(row) {
                summary.add_standing(own, weight);
                continue;
            }
            match own {
                Own::Counted => summary.add_count(1),
                Own::Nanos(nanos) => _ = summary.add_nanos(nanos),
                Own::Number(number) => _ = summary.add_number(number),
                Own::Text(text) => _ = summary.add_text(text),
            }
        }
    }
}
