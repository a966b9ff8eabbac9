//! The tests of [`crate::functions`] in SQL's own functions.
//!
//! They differ from those in what SQL cannot say, or not readably: only equality with a text, and being different from
//! something, look into arrays, and find their elements by taking brackets and quotes away and splitting at commas; results of arithmetic beyond the doubles
//! are infinite, integers above 2⁵³ compare as doubles, and the text `-0` is less than 0. Lambdas stand for events and links alone:
//! DataFusion plans them, but not yet in every place.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::functions::regex::expr_fn::regexp_like;
use datafusion::functions::string::expr_fn::{contains, ends_with, starts_with};
use datafusion::functions::unicode::expr_fn::translate;
use datafusion::functions_nested::array_any_match::array_any_match;
use datafusion::functions_nested::array_has::{array_has, array_has_any};
use datafusion::functions_nested::array_transform::array_transform;
use datafusion::functions_nested::make_array::make_array;
use datafusion::functions_nested::string::{array_to_string, string_to_array};
use datafusion::logical_expr::{Expr, ident, lambda, lit, try_cast, when};
use fluo_rules::expr::Comparison;
use fluo_rules::matcher::{Number, Test, Value};

use crate::functions::{Compared, Compiled, ItemValue, ValueTest};
use crate::operators::{binary, literal};

/// The test of the first candidate that has a value. Some look into arrays, by the list that [`elements`] makes of an
/// attribute.
pub(crate) fn value_test(test: &ValueTest, candidates: Vec<Expr>) -> Expr {
    let list = match candidates.as_slice() {
        [Expr::Column(column)] if test.arrays => Some(ident(elements_column(&column.name))),
        _ => None,
    };
    let text = first(candidates);
    if test.missing {
        return text.is_null();
    }
    // Of several tests that affirm something, one and the same element satisfies all, which a list does not tell.
    let alone = test.tests.iter().filter(|test| !test.denies()).count() == 1;
    let tests = test.tests.iter().map(|test| {
        let list = list.as_ref().filter(|_| alone || test.denies());
        list.and_then(|list| of_elements(test, &text, list)).unwrap_or_else(|| one_test(test, &text))
    });
    tests.reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// A test of the elements of an attribute, where a list of them can say it.
fn of_elements(test: &Compiled, text: &Expr, list: &Expr) -> Option<Expr> {
    let Compiled::Plain(test) = test else { return None };
    let none_of = |values: &[Value]| {
        let among = array_has_any(list.clone(), make_array(values.iter().map(element).collect()));
        differs(text, values).and(Expr::IsNotTrue(Box::new(among)))
    };
    match test {
        Test::Eq(Value::Text(value)) => Some(array_has(list.clone(), lit(value.as_str()))),
        Test::In(values) if values.iter().all(|value| matches!(value, Value::Text(_))) => {
            Some(array_has_any(list.clone(), make_array(values.iter().map(element).collect())))
        }
        Test::Ne(value) => Some(none_of(std::slice::from_ref(value))),
        Test::NotIn(values) => Some(none_of(values)),
        _ => None,
    }
}

/// The text of an element that is equal to `value`, as it is usually written.
fn element(value: &Value) -> Expr {
    lit(match value {
        Value::Text(text) => text.clone(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(Number::Int(int)) => int.to_string(),
        Value::Number(Number::Float(float)) => fluo_spans::text::double_text(*float),
        Value::Duration(nanos) => nanos.to_string(),
    })
}

/// The column that holds an attribute's elements.
pub(crate) fn elements_column(field: &str) -> String {
    format!("{field}[]")
}

/// The elements of a text: those of the array that it is, else itself.
pub(crate) fn elements(text: Expr) -> Expr {
    let bare = translate(text.clone(), lit("[]\""), lit(""));
    let split = string_to_array(bare, lit(","), lit(datafusion::common::ScalarValue::Utf8(None)));
    let itself = make_array(vec![text.clone()]);
    when(text.clone().like(lit("[%")), split.clone()).when(text.is_not_null(), itself).end().unwrap_or(split)
}

/// The first of several texts that is not null.
pub(crate) fn first(mut candidates: Vec<Expr>) -> Expr {
    if candidates.len() == 1 { candidates.swap_remove(0) } else { coalesce(candidates) }
}

fn one_test(test: &Compiled, text: &Expr) -> Expr {
    let text = text.clone();
    let test = match test {
        Compiled::Pattern { regex, negated } => {
            let found = regexp_like(text, lit(regex.as_str()), None);
            return if *negated { Expr::Not(Box::new(found)) } else { found };
        }
        Compiled::Plain(test) => test,
    };
    match test {
        Test::Eq(value) => equals(text, value),
        Test::Ne(value) => differs(&text, std::slice::from_ref(value)),
        Test::Gt(bound) => binary(number_of(text), Comparison::Gt, literal(bound)),
        Test::Gte(bound) => binary(number_of(text), Comparison::Gte, literal(bound)),
        Test::Lt(bound) => binary(number_of(text), Comparison::Lt, literal(bound)),
        Test::Lte(bound) => binary(number_of(text), Comparison::Lte, literal(bound)),
        Test::In(values) => values
            .iter()
            .map(|value| equals(text.clone(), value))
            .reduce(Expr::or)
            .unwrap_or_else(|| lit(false)),
        Test::NotIn(values) => differs(&text, values),
        Test::Contains(part) => contains(text, lit(part.as_str())),
        Test::StartsWith(part) => starts_with(text, lit(part.as_str())),
        Test::EndsWith(part) => ends_with(text, lit(part.as_str())),
        Test::Matches(pattern) => regexp_like(text, lit(pattern.as_str()), None),
        Test::Exists(true) => text.is_not_null(),
        Test::Exists(false) => text.is_null(),
    }
}

fn equals(text: Expr, value: &Value) -> Expr {
    match value {
        Value::Text(value) => text.eq(lit(value.as_str())),
        Value::Bool(value) => text.eq(lit(value.to_string())),
        Value::Number(_) => number_of(text).eq(literal(value)),
        Value::Duration(_) => lit(false),
    }
}

/// Has a value, which is none of these.
fn differs(text: &Expr, values: &[Value]) -> Expr {
    let present = text.clone().is_not_null();
    values.iter().fold(present, |all, value| all.and(Expr::IsNotTrue(Box::new(equals(text.clone(), value)))))
}

/// The number that a text stands for. The pattern keeps out the words that SQL reads as numbers (`NaN`, `inf`).
pub(crate) fn number_of(text: Expr) -> Expr {
    let numeric = regexp_like(text.clone(), lit("^[-+]?[.0-9]"), None);
    let number = try_cast(text, DataType::Float64);
    when(numeric, number.clone()).end().unwrap_or(number)
}

/// `left op right`, numerically where both are numbers.
pub(crate) fn compare_values(op: Comparison, left: Compared, right: Compared) -> Expr {
    let number = |side: &Compared| {
        if side.number { side.expr.clone() } else { number_of(side.expr.clone()) }
    };
    let numbers = binary(number(&left), op, number(&right));
    let texts = matches!(op, Comparison::Eq | Comparison::Ne) && !left.number && !right.number;
    if texts { coalesce(vec![numbers, binary(left.expr, op, right.expr)]) } else { numbers }
}

/// Returns whether one item of a column satisfies all tests.
pub(crate) fn item_test(column: &str, tests: &[(ItemValue, ValueTest)]) -> Expr {
    let tests = tests.iter().map(|(value, test)| value_test(test, vec![of_item(column, value)]));
    let all = tests.reduce(Expr::and).unwrap_or_else(|| lit(true));
    array_any_match(ident(column), lambda([item(column)], all))
}

/// The values of all items as the text of an array.
pub(crate) fn item_values(column: &str, value: &ItemValue) -> Expr {
    let value = of_item(column, value);
    let values = array_transform(ident(column), lambda([item(column)], value));
    let joined = array_to_string(values, lit(","));
    datafusion::functions::string::expr_fn::concat(vec![lit("["), joined, lit("]")])
}

/// The lambda's parameter: `event` of `events`, `link` of `links`.
fn item(column: &str) -> &str {
    column.strip_suffix('s').unwrap_or(column)
}

fn of_item(column: &str, value: &ItemValue) -> Expr {
    // Only printed: the lambda's parameter is named as a column is.
    let item = || ident(item(column));
    match value {
        ItemValue::Text(field) => get_field(item(), *field),
        ItemValue::Id(field) => {
            datafusion::functions::encoding::expr_fn::encode(get_field(item(), *field), lit("hex"))
        }
        ItemValue::Attribute(spellings) => first(
            spellings.iter().map(|key| get_field(get_field(item(), "attributes"), key.as_str())).collect(),
        ),
    }
}
