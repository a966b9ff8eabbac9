//! The first, the smallest or the largest of some numbers, as it is: a whole number stays one, however large it is.
//!
//! It is told as a text, because a text is compared exactly with whole numbers and with other texts, and a column of
//! doubles is not.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::numbers::{Item, Side};

/// The number that is chosen of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// The first that there is.
    First,
    /// The smallest; none where one has no value.
    Least,
    /// The largest; none where one has no value.
    Greatest,
}

/// The text of the number that is chosen; null where there is none. Texts among the numbers count where they are numeric.
pub(crate) fn chosen(choice: Choice, numbers: Vec<Expr>) -> Expr {
    ScalarUDF::new_from_impl(Chosen { choice, signature: Signature::variadic_any(Volatility::Immutable) })
        .call(numbers)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Chosen {
    choice: Choice,
    signature: Signature,
}

impl Choice {
    /// The number of a row that is chosen, given those that there are.
    fn of<'a>(self, items: impl Iterator<Item = Option<Item<'a>>>) -> Option<Item<'a>> {
        let mut items = items.map(|item| item.and_then(Item::if_number));
        let better = match self {
            Self::First => return items.flatten().next(),
            Self::Least => Ordering::Less,
            Self::Greatest => Ordering::Greater,
        };
        let first = items.next()??;
        items.try_fold(first, |best, item| {
            let item = item?;
            Some(if item.order(&best) == Some(better) { item } else { best })
        })
    }
}

impl ScalarUDFImpl for Chosen {
    fn name(&self) -> &'static str {
        match self.choice {
            Choice::First => "first_number",
            Choice::Least => "least_number",
            Choice::Greatest => "greatest_number",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let sides = super::arrays(&arguments)?.iter().map(Side::new).collect::<Result<Vec<Side>>>()?;
        let of_row = |row: usize| self.choice.of(sides.iter().map(|side| side.get(row))).map(Item::into_text);
        let texts: StringArray = (0..arguments.number_rows).map(of_row).collect();
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_stays_as_it_is() {
        let (large, larger) = (9_007_199_254_740_992, 9_007_199_254_740_993);
        let text = |text: &'static str| Some(Item::Text(text.into()));
        for (scenario, choice, items, expected) in [
            (
                "whole",
                Choice::First,
                vec![text("9007199254740993"), Some(Item::Integer(0))],
                Some("9007199254740993"),
            ),
            (
                "no number",
                Choice::First,
                vec![text("x"), None, Some(Item::Integer(larger))],
                Some("9007199254740993"),
            ),
            ("none", Choice::First, vec![text("x"), None], None),
            (
                "next to each other",
                Choice::Greatest,
                vec![Some(Item::Integer(large)), text("9007199254740993")],
                Some("9007199254740993"),
            ),
            (
                "the smaller",
                Choice::Least,
                vec![text("9007199254740993"), Some(Item::Integer(large))],
                Some("9007199254740992"),
            ),
            ("of equals the first", Choice::Least, vec![text("1.0"), Some(Item::Integer(1))], Some("1.0")),
            ("a fraction", Choice::Greatest, vec![Some(Item::Number(0.5)), text("0.25")], Some("0.5")),
            ("one is missing", Choice::Least, vec![Some(Item::Integer(1)), None], None),
            ("one is no number", Choice::Greatest, vec![Some(Item::Integer(1)), text("x")], None),
        ] {
            assert_eq!(choice.of(items.into_iter()).map(Item::into_text).as_deref(), expected, "{scenario}");
        }
    }
}
