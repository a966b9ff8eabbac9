//! Attributes as numbers, and comparisons of attributes with each other and with computed values.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_rules::expr::Comparison;
use fluo_spans::text;

use super::text_column::TextColumn;
use super::value_test::compare_texts;

/// The number that a text stands for; none where it is not numeric.
pub(crate) fn number_of(text: Expr) -> Expr {
    ScalarUDF::new_from_impl(NumberOf { signature: Signature::any(1, Volatility::Immutable) })
        .call(vec![text])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberOf {
    signature: Signature,
}

impl ScalarUDFImpl for NumberOf {
    fn name(&self) -> &'static str {
        "number_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let numbers: Float64Array =
            TextColumn::new(&arrays[0])?.map(text::number).into_iter().map(Option::flatten).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

/// A side of a comparison: an expression, and whether its text may be an array.
pub(crate) struct Compared {
    pub(crate) expr: Expr,
    /// Its text may be an array.
    pub(crate) arrays: bool,
    /// It is a number already.
    pub(crate) number: bool,
}

/// `left op right` by meaning, of texts (whose elements are compared, where they are arrays) and numbers.
/// False where either has no value.
pub(crate) fn compare_values(op: Comparison, left: Compared, right: Compared) -> Expr {
    ScalarUDF::new_from_impl(CompareValues {
        op: op.into(),
        arrays: [left.arrays, right.arrays],
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
    arrays: [bool; 2],
    signature: Signature,
}

/// One side of a comparison.
enum Side {
    Text(TextColumn),
    Number(Float64Array),
    Integer(arrow::array::Int64Array),
}

/// One row of a side.
#[derive(Clone, Copy)]
enum Item<'a> {
    Text(&'a str),
    Number(f64),
    Integer(i64),
}

impl Side {
    fn new(array: &arrow::array::ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Float64 => Self::Number(array.as_primitive::<Float64Type>().clone()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().clone()),
            data_type if TextColumn::accepts(data_type) => Self::Text(TextColumn::new(array)?),
            other => return exec_err!("text or numbers were expected, not {other}"),
        })
    }

    fn get(&self, row: usize) -> Option<Item<'_>> {
        match self {
            Self::Text(column) => column.get(row).map(Item::Text),
            Self::Number(column) => column.is_valid(row).then(|| Item::Number(column.value(row))),
            Self::Integer(column) => column.is_valid(row).then(|| Item::Integer(column.value(row))),
        }
    }
}

impl Item<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a number that is no integer compares as f64")]
    fn number(self) -> Option<f64> {
        match self {
            Self::Text(text) => text::number(text),
            Self::Number(number) => Some(number),
            Self::Integer(integer) => Some(integer as f64),
        }
    }
}

impl Op {
    fn holds(self, left: Item<'_>, right: Item<'_>) -> bool {
        let order = match (left, right) {
            (Item::Text(left), Item::Text(right)) => compare_texts(left, right),
            (Item::Integer(left), Item::Integer(right)) => Some(left.cmp(&right)),
            _ => left.number().zip(right.number()).and_then(|(left, right)| left.partial_cmp(&right)),
        };
        match (self, order, left, right) {
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
        let elements = |item, arrays: bool| match item {
            Item::Text(text) if arrays => text::array(text),
            _ => None,
        };
        let results: BooleanArray = (0..arguments.number_rows)
            .map(|row| {
                let (Some(left), Some(right)) = (left.get(row), right.get(row)) else {
                    return Some(false);
                };
                Some(match (elements(left, self.arrays[0]), elements(right, self.arrays[1])) {
                    (None, None) => self.op.holds(left, right),
                    (Some(lefts), None) => lefts.iter().any(|left| self.op.holds(Item::Text(left), right)),
                    (None, Some(rights)) => rights.iter().any(|right| self.op.holds(left, Item::Text(right))),
                    (Some(lefts), Some(rights)) => lefts.iter().any(|left| {
                        rights.iter().any(|right| self.op.holds(Item::Text(left), Item::Text(right)))
                    }),
                })
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(results)))
    }
}
