//! Aggregates that DataFusion lacks or whose result there depends on the order of rows: exact sums, means and
//! deviations, nearest-rank percentiles, and distinct counts that can be merged.
//!
//! A grid rule aggregates twice: spans into *panes* (so that a span is read once, however many windows overlap on
//! it), then panes into windows. Between the two a summary travels as bytes. So each statistic is one aggregate
//! function with two inputs, values or states, and two outputs.

mod exact_sum;
mod percentile;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

pub use exact_sum::ExactSum;
pub use percentile::{EXACT_LIMIT, Percentile};

/// The statistic that is computed of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    /// Their sum.
    Sum,
    /// Their arithmetic mean.
    Avg,
    /// Their population standard deviation.
    Stddev,
    /// Their nearest-rank percentile.
    Percentile(f64),
    /// The number of distinct values.
    CountDistinct,
}

impl Statistic {
    /// The summary of `values` as bytes: numbers, or texts for [`Statistic::CountDistinct`].
    pub(crate) fn state_of(self, values: Expr) -> Expr {
        self.function(Input::Values, Output::State).call(vec![values])
    }

    /// The statistic of everything that went into `states`.
    pub(crate) fn of_states(self, states: Expr) -> Expr {
        self.function(Input::States, Output::Value).call(vec![states])
    }

    fn function(self, input: Input, output: Output) -> AggregateUDF {
        let name = format!("{self}{}{}", input.suffix(), output.suffix());
        let signature = Signature::any(1, Volatility::Immutable);
        AggregateUDF::new_from_impl(SummaryFunction { statistic: self, input, output, name, signature })
    }

    fn value_type(self) -> DataType {
        match self {
            Self::CountDistinct => DataType::Int64,
            _ => DataType::Float64,
        }
    }

    fn empty(self) -> Summary {
        match self {
            Self::Sum | Self::Avg => Summary::Moments { count: 0, sum: ExactSum::default(), squares: None },
            Self::Stddev => {
                Summary::Moments { count: 0, sum: ExactSum::default(), squares: Some(ExactSum::default()) }
            }
            Self::Percentile(_) => Summary::Percentile(Percentile::default()),
            Self::CountDistinct => Summary::Distinct(BTreeSet::new()),
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("exact_sum"),
            Self::Avg => f.write_str("exact_avg"),
            Self::Stddev => f.write_str("exact_stddev"),
            Self::Percentile(p) => write!(f, "nearest_rank_p{p}"),
            Self::CountDistinct => f.write_str("exact_count_distinct"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Input {
    Values,
    States,
}

impl Input {
    fn suffix(self) -> &'static str {
        match self {
            Self::Values => "",
            Self::States => "_of_states",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Output {
    State,
    Value,
}

impl Output {
    fn suffix(self) -> &'static str {
        match self {
            Self::State => "_state",
            Self::Value => "",
        }
    }
}

#[derive(Debug)]
struct SummaryFunction {
    statistic: Statistic,
    input: Input,
    output: Output,
    /// Says all of the above.
    name: String,
    signature: Signature,
}

impl PartialEq for SummaryFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SummaryFunction {}

impl Hash for SummaryFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for SummaryFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.output {
            Output::State => DataType::Binary,
            Output::Value => self.statistic.value_type(),
        })
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Field::new("state", DataType::Binary, true).into()])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SummaryAccumulator {
            statistic: self.statistic,
            input: self.input,
            output: self.output,
            summary: self.statistic.empty(),
        }))
    }
}

#[derive(Debug)]
struct SummaryAccumulator {
    statistic: Statistic,
    input: Input,
    output: Output,
    summary: Summary,
}

impl Accumulator for SummaryAccumulator {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        match self.input {
            Input::Values => self.summary.add_values(&columns[0]),
            Input::States => self.merge_batch(columns),
        }
    }

    fn merge_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for state in cast(&columns[0], &DataType::Binary)?.as_binary::<i32>().iter().flatten() {
            if self.summary.merge(state).is_none() {
                return exec_err!("a state of {} cannot be read", self.statistic);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.summary.encode()))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.output {
            Output::State => ScalarValue::Binary(Some(self.summary.encode())),
            Output::Value => self.summary.value(self.statistic),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.summary.size()
    }
}

/// The mergeable summary of the values.
#[derive(Debug)]
enum Summary {
    Moments { count: u64, sum: ExactSum, squares: Option<ExactSum> },
    Percentile(Percentile),
    Distinct(BTreeSet<Box<str>>),
}

impl Summary {
    fn add_values(&mut self, values: &ArrayRef) -> Result<()> {
        if let Self::Distinct(seen) = self {
            for text in cast(values, &DataType::Utf8)?.as_string::<i32>().iter().flatten() {
                if !seen.contains(text) {
                    seen.insert(text.into());
                }
            }
            return Ok(());
        }
        let numbers = cast(values, &DataType::Float64)?;
        for number in
            numbers.as_primitive::<Float64Type>().iter().flatten().filter(|number| number.is_finite())
        {
            match self {
                Self::Moments { count, sum, squares } => {
                    *count += 1;
                    sum.add(number);
                    if let Some(squares) = squares {
                        squares.add_square(number);
                    }
                }
                Self::Percentile(percentile) => percentile.add(number),
                Self::Distinct(_) => {}
            }
        }
        Ok(())
    }

    /// Takes in a state; `None` where it is not one.
    fn merge(&mut self, mut state: &[u8]) -> Option<()> {
        match self {
            Self::Moments { count, sum, squares } => {
                *count += u64::from_le_bytes(exact_sum::take(&mut state)?);
                sum.merge(&ExactSum::decode(&mut state)?);
                if let Some(squares) = squares {
                    squares.merge(&ExactSum::decode(&mut state)?);
                }
            }
            Self::Percentile(percentile) => percentile.merge(Percentile::decode(state)?),
            Self::Distinct(seen) => {
                while !state.is_empty() {
                    let length = u32::from_le_bytes(exact_sum::take(&mut state)?) as usize;
                    let (text, rest) = state.split_at_checked(length)?;
                    seen.insert(std::str::from_utf8(text).ok()?.into());
                    state = rest;
                }
            }
        }
        Some(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Moments { count, sum, squares } => {
                bytes.extend(count.to_le_bytes());
                sum.encode(&mut bytes);
                if let Some(squares) = squares {
                    squares.encode(&mut bytes);
                }
            }
            Self::Percentile(percentile) => bytes = percentile.encode(),
            Self::Distinct(seen) => {
                for text in seen {
                    // Texts come from Arrow arrays of 32-bit offsets: their length fits.
                    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    fn value(&mut self, statistic: Statistic) -> ScalarValue {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        match (self, statistic) {
            (Self::Distinct(seen), _) => {
                ScalarValue::Int64(Some(i64::try_from(seen.len()).unwrap_or(i64::MAX)))
            }
            (Self::Percentile(percentile), Statistic::Percentile(p)) => {
                ScalarValue::Float64(percentile.value(p))
            }
            (Self::Moments { count: 0, .. } | Self::Percentile(_), _) => ScalarValue::Float64(None),
            (Self::Moments { count, sum, squares }, statistic) => {
                ScalarValue::Float64(finite(match (statistic, squares) {
                    (Statistic::Avg, _) => sum.mean(*count),
                    (Statistic::Stddev, Some(squares)) => sum.stddev(squares, *count),
                    _ => sum.to_f64(),
                }))
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Moments { .. } => 0,
            Self::Percentile(percentile) => percentile.size(),
            Self::Distinct(seen) => seen.iter().map(|text| text.len() + 48).sum(),
        }
    }
}
