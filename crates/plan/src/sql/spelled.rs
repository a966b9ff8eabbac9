//! The tests of [`crate::functions`] in SQL's own functions.
//!
//! They differ from those in what SQL cannot say, or not readably: only equality with a text looks into arrays, and finds
//! their elements by taking brackets and quotes away and splitting at commas; results of arithmetic beyond the doubles
//! are infinite, integers above 2⁵³ compare as doubles, and the text `-0` is less than 0. Lambdas stand for events alone:
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
use fluo_rules::matcher::{Test, Value};
use fluo_spans::schema::columns;

use crate::functions::{Compared, Compiled, EventValue, ValueTest};
use crate::predicate::{binary, literal};

const EVENT: &str = "event";

/// The test of the first candidate that has a value. Equality with texts looks into arrays, by the list that
/// [`elements`] makes of an attribute.
pub(crate) fn value_test(test: &ValueTest, candidates: Vec<Expr>) -> Expr {
    let list = match candidates.as_slice() {
        [Expr::Column(column)] if test.arrays => Some(ident(elements_column(&column.name))),
        _ => None,
    };
    let text = first(candidates);
    if test.missing {
        return text.is_null();
    }
    if let ([Compiled::Plain(only)], Some(list)) = (test.tests.as_slice(), list) {
        match only {
            Test::Eq(Value::Text(value)) => return array_has(list, lit(value.as_str())),
            Test::In(values) => {
                let texts = values.iter().map(|value| match value {
                    Value::Text(text) => Some(lit(text.as_str())),
                    _ => None,
                });
                if let Some(texts) = texts.collect::<Option<Vec<Expr>>>() {
                    return array_has_any(list, make_array(texts));
                }
            }
            _ => {}
        }
    }
    test.tests.iter().map(|test| one_test(test, &text)).reduce(Expr::and).unwrap_or_else(|| lit(true))
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
        EventValue::Attribute(spellings) => first(
            spellings.iter().map(|key| get_field(get_field(event(), "attributes"), key.as_str())).collect(),
        ),
    }
}
