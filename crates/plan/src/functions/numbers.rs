//! Texts as numbers, and comparisons of attributes with each other and with computed values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_rules::expr::Comparison;
use fluo_spans::{sampling, text};

use super::text_column::TextColumn;

/// The number that a text stands for; none where it is not numeric.
pub(crate) fn number_of(text: Expr) -> Expr {
    NumberOf::call(Reading::Value, text)
}

/// The number of spans that a span with this trace state stands for (`Float64`); 1 where it says nothing of sampling.
pub(crate) fn adjusted_count(trace_state: Expr) -> Expr {
    NumberOf::call(Reading::AdjustedCount, trace_state)
}

/// The way in which a text is read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reading {
    /// As the number that it stands for.
    Value,
    /// As a trace state, by its sampling threshold.
    AdjustedCount,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberOf {
    reading: Reading,
    signature: Signature,
}

impl NumberOf {
    fn call(reading: Reading, text: Expr) -> Expr {
        let signature = Signature::any(1, Volatility::Immutable);
        ScalarUDF::new_from_impl(Self { reading, signature }).call(vec![text])
    }
}

impl ScalarUDFImpl for NumberOf {
    fn name(&self) -> &'static str {
        match self.reading {
            Reading::Value => "number_of",
            Reading::AdjustedCount => "adjusted_count",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let texts = TextColumn::new(&arrays[0])?;
        let numbers: Float64Array = match self.reading {
            Reading::Value => texts.map(text::number).into_iter().map(Option::flatten).collect(),
            Reading::AdjustedCount => {
                let counts = texts.map(sampling::adjusted_count).into_iter();
                counts.map(|count| Some(count.unwrap_or(1.0))).collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

/// A side of a comparison.
pub(crate) struct Compared {
    pub(crate) expr: Expr,
    /// The elements of it that are compared.
    pub(crate) elements: Elements,
    /// It is a number already.
    pub(crate) number: bool,
}

/// The elements of a side that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Elements {
    /// Its value.
    Whole,
    /// The elements, where its text is an array.
    OfArray,
    /// The values of a span's events or links, of which one must do; their elements, where `arrays` says that they may be
    /// arrays.
    OfItems {
        /// A value may be an array.
        arrays: bool,
    },
}

/// `left op right` by meaning, of texts and numbers. It holds of arrays when it holds of one element of each; `!=`, when it
/// holds of all. False where either has no value.
pub(crate) fn compare_values(op: Comparison, left: Compared, right: Compared) -> Expr {
    ScalarUDF::new_from_impl(CompareValues {
        op: op.into(),
        elements: [left.elements, right.elements],
        signature: Signature::any(2, Volatility::Immutable),
    })
    .call(vec![left.expr, right.expr])
}

/// [`Comparison`], with the `Hash` that `DataFusion` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Op {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
}

impl From<Comparison> for Op {
    fn from(op: Comparison) -> Self {
        match op {
            Comparison::Eq => Self::Eq,
            Comparison::Ne => Self::Ne,
            Comparison::Lt => Self::Lt,
            Comparison::Lte => Self::Lte,
            Comparison::Gt => Self::Gt,
            Comparison::Gte => Self::Gte,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CompareValues {
    op: Op,
    elements: [Elements; 2],
    signature: Signature,
}

/// One side of a comparison.
pub(super) enum Side {
    Text(TextColumn),
    Number(Float64Array),
    Integer(arrow::array::Int64Array),
}

/// A value of a side.
#[derive(Clone)]
pub(super) enum Item<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Integer(i64),
}

impl Side {
    pub(super) fn new(array: &arrow::array::ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Float64 => Self::Number(array.as_primitive::<Float64Type>().clone()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().clone()),
            data_type if TextColumn::accepts(data_type) => Self::Text(TextColumn::new(array)?),
            other => return exec_err!("text or numbers were expected, not {other}"),
        })
    }

    pub(super) fn get(&self, row: usize) -> Option<Item<'_>> {
        match self {
            Self::Text(column) => column.get(row).map(|text| Item::Text(text.into())),
            Self::Number(column) => column.is_valid(row).then(|| Item::Number(column.value(row))),
            Self::Integer(column) => column.is_valid(row).then(|| Item::Integer(column.value(row))),
        }
    }
}

impl Item<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a number that is no integer compares as f64")]
    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text::number(text),
            Self::Number(number) => Some(*number),
            Self::Integer(integer) => Some(*integer as f64),
        }
    }

    /// Itself; none where it is no number.
    pub(super) fn if_number(self) -> Option<Self> {
        self.number().is_some().then_some(self)
    }

    /// Its order to another, where both are numbers: of whole numbers as such, else of doubles.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match self.integer().zip(other.integer()) {
            Some((own, other)) => Some(own.cmp(&other)),
            None => self.number().zip(other.number()).and_then(|(own, other)| own.partial_cmp(&other)),
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Text(text) => text::integer(text),
            Self::Number(_) => None,
            Self::Integer(integer) => Some(*integer),
        }
    }

    /// Its text.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Number(number) => text::double_text(number),
            Self::Integer(integer) => integer.to_string(),
        }
    }
}

impl Elements {
    /// The values that an item stands for: one must do, of which each is an array of one or more.
    fn of(self, item: Item<'_>) -> Vec<Vec<Item<'_>>> {
        let Item::Text(text) = &item else { return vec![vec![item]] };
        let array =
            |text: &str| Some(text::array(text)?.into_iter().map(|text| Item::Text(text.into())).collect());
        match self {
            Self::Whole => vec![vec![item]],
            Self::OfArray => vec![array(text).unwrap_or_else(|| vec![item])],
            Self::OfItems { arrays } => {
                let values = text::array(text).unwrap_or_default().into_iter();
                values
                    .map(|value| {
                        let elements = if arrays { array(&value) } else { None };
                        elements.unwrap_or_else(|| vec![Item::Text(value.into())])
                    })
                    .collect()
            }
        }
    }
}

impl Op {
    /// Of arrays.
    fn holds_of(self, lefts: &[Item<'_>], rights: &[Item<'_>]) -> bool {
        let mut pairs = lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right)));
        match self {
            Self::Ne => pairs.all(|(left, right)| self.holds(left, right)),
            _ => pairs.any(|(left, right)| self.holds(left, right)),
        }
    }

    fn holds(self, left: &Item<'_>, right: &Item<'_>) -> bool {
        match (self, left.order(right), left, right) {
            (Self::Eq, None, Item::Text(left), Item::Text(right)) => left == right,
            (Self::Ne, None, Item::Text(left), Item::Text(right)) => left != right,
            (Self::Ne, None, ..) => true,
            (Self::Eq, order, ..) => order == Some(Ordering::Equal),
            (Self::Ne, order, ..) => order != Some(Ordering::Equal),
            (Self::Lt, order, ..) => order.is_some_and(Ordering::is_lt),
            (Self::Lte, order, ..) => order.is_some_and(Ordering::is_le),
            (Self::Gt, order, ..) => order.is_some_and(Ordering::is_gt),
            (Self::Gte, order, ..) => order.is_some_and(Ordering::is_ge),
        }
    }
}

impl ScalarUDFImpl for CompareValues {
    fn name(&self) -> &str {
        match self.op {
            Op::Eq => "equal_values",
            Op::Ne => "different_values",
            Op::Lt => "less_value",
            Op::Lte => "less_or_equal_value",
            Op::Gt => "greater_value",
            Op::Gte => "greater_or_equal_value",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let (left, right) = (Side::new(&arrays[0])?, Side::new(&arrays[1])?);
        let results: BooleanArray = (0..arguments.number_rows)
            .map(|row| {
                let (Some(left), Some(right)) = (left.get(row), right.get(row)) else {
                    return Some(false);
                };
                let (lefts, rights) = (self.elements[0].of(left), self.elements[1].of(right));
                Some(lefts.iter().any(|left| rights.iter().any(|right| self.op.holds_of(left, right))))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(results)))
    }
}
