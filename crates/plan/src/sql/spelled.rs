//! The tests of [`crate::functions`] in SQL's own functions.
//!
//! They differ from those in what SQL cannot say: the elements of an array are found by taking brackets and quotes
//! away and splitting at commas, so elements that contain these are not told apart.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::functions::regex::expr_fn::regexp_like;
use datafusion::functions::string::expr_fn::{contains, ends_with, starts_with};
use datafusion::functions::unicode::expr_fn::translate;
use datafusion::functions_nested::array_any_match::array_any_match;
use datafusion::functions_nested::array_has::array_has;
use datafusion::functions_nested::array_transform::array_transform;
use datafusion::functions_nested::repeat::array_repeat;
use datafusion::functions_nested::string::{array_to_string, string_to_array};
use datafusion::logical_expr::{Expr, ident, lambda, lambda_var, lit, try_cast, when};
use fluo_rules::expr::Comparison;
use fluo_rules::matcher::{Test, Value};
use fluo_spans::schema::columns;

use crate::functions::{Compiled, EventValue, ValueTest};
use crate::predicate::{binary, literal};

const ELEMENT: &str = "element";
const EVENT: &str = "event";

/// The test of the first candidate that has a value. An attribute is tested element by element, in the list that
/// [`elements`] makes of it.
pub(crate) fn value_test(test: &ValueTest, candidates: Vec<Expr>) -> Expr {
    let presence_only = test.tests.iter().all(|test| matches!(test, Compiled::Plain(Test::Exists(_))));
    let list = match candidates.as_slice() {
        [Expr::Column(column)] if test.arrays && !presence_only => Some(ident(elements_column(&column.name))),
        _ => None,
    };
    let text = first(candidates);
    if test.missing {
        return text.is_null();
    }
    let tests = |text: &Expr| {
        test.tests.iter().map(|test| one_test(test, text)).reduce(Expr::and).unwrap_or_else(|| lit(true))
    };
    if !test.arrays || presence_only {
        return tests(&text);
    }
    let list = list.unwrap_or_else(|| elements(text));
    match test.tests.as_slice() {
        [Compiled::Plain(Test::Eq(Value::Text(value)))] => array_has(list, lit(value.as_str())),
        _ => array_any_match(list, lambda([ELEMENT], tests(&lambda_var(ELEMENT)))),
    }
}

/// The column that holds an attribute's elements.
pub(crate) fn elements_column(field: &str) -> String {
    format!("{field}[]")
}

/// The elements of a text: those of the array that it is, else itself.
pub(crate) fn elements(text: Expr) -> Expr {
    let bare = translate(text.clone(), lit("[]\""), lit(""));
    let split = string_to_array(bare, lit(","), lit(datafusion::common::ScalarValue::Utf8(None)));
    // A literal `[text]` would read as well, but DataFusion plans those without the parameters of a lambda around them.
    let itself = array_repeat(text.clone(), lit(1_i64));
    when(text.clone().like(lit("[%")), split.clone())
        .when(text.is_not_null(), itself)
        .end()
        .unwrap_or(split)
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
        Test::Ne(value) => differs(text, std::slice::from_ref(value)),
        Test::Gt(bound) => binary(number_of(text), Comparison::Gt, literal(bound)),
        Test::Gte(bound) => binary(number_of(text), Comparison::Gte, literal(bound)),
        Test::Lt(bound) => binary(number_of(text), Comparison::Lt, literal(bound)),
        Test::Lte(bound) => binary(number_of(text), Comparison::Lte, literal(bound)),
        Test::In(values) => {
            values.iter().map(|value| equals(text.clone(), value)).reduce(Expr::or).unwrap_or_else(|| lit(false))
        }
        Test::NotIn(values) => differs(text, values),
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
fn differs(text: Expr, values: &[Value]) -> Expr {
    let present = text.clone().is_not_null();
    values.iter().fold(present, |all, value| {
        all.and(Expr::IsNotTrue(Box::new(equals(text.clone(), value))))
    })
}

/// The number that a text stands for. The pattern keeps out the words that SQL reads as numbers (`NaN`, `inf`).
pub(crate) fn number_of(text: Expr) -> Expr {
    let numeric = regexp_like(text.clone(), lit("^[-+]?[.0-9]"), None);
    let number = try_cast(text, DataType::Float64);
    when(numeric, number.clone()).end().unwrap_or(number)
}

/// `left op right`, numerically where both are numbers.
pub(crate) fn compare_values(op: Comparison, left: Expr, right: Expr) -> Expr {
    let texts = matches!(op, Comparison::Eq | Comparison::Ne);
    let numbers = binary(number_of(left.clone()), op, number_of(right.clone()));
    if texts { coalesce(vec![numbers, binary(left, op, right)]) } else { numbers }
}

/// Whether one event satisfies all tests.
pub(crate) fn event_test(tests: &[(EventValue, ValueTest)]) -> Expr {
    let tests = tests.iter().map(|(value, test)| value_test(test, vec![of_event(value)]));
    let all = tests.reduce(Expr::and).unwrap_or_else(|| lit(true));
    array_any_match(ident(columns::EVENTS), lambda([EVENT], all))
}

/// The values of all events as the text of an array.
pub(crate) fn event_values(value: &EventValue) -> Expr {
    let values = array_transform(ident(columns::EVENTS), lambda([EVENT], of_event(value)));
    let joined = array_to_string(values, lit(","));
    datafusion::functions::string::expr_fn::concat(vec![lit("["), joined, lit("]")])
}

fn of_event(value: &EventValue) -> Expr {
    // Only printed: the lambda's parameter is named as a column is.
    let event = || ident(EVENT);
    match value {
        EventValue::Name => get_field(event(), "name"),
        EventValue::Attribute(spellings) => {
            first(spellings.iter().map(|key| get_field(get_field(event(), "attributes"), key.as_str())).collect())
        }
    }
}
