//! The test of a field's text against a rule's matcher: where "values compare by meaning" is decided.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_rules::expr::{compile_pattern, compile_whole_pattern};
use fluo_rules::matcher::{Matcher, Number, Test, Value};
use fluo_spans::text;
use regex::Regex;

use super::text_column::TextColumn;
use crate::error::PlanError;

/// Tests that a value must all satisfy. Where it is an array, those that deny something hold of every element, and one
/// element satisfies all the others.
#[derive(Debug, Clone)]
pub(crate) struct ValueTest {
    pub(crate) tests: Vec<Compiled>,
    /// True if the elements of a JSON array are tested one by one. It is false for the span's own fields.
    pub(crate) arrays: bool,
    /// The result where there is no value.
    pub(crate) missing: bool,
}

/// A test, its pattern compiled.
#[derive(Debug, Clone)]
pub(crate) enum Compiled {
    /// Any test but a pattern.
    Plain(Test),
    /// A pattern that must be found, or must not.
    Pattern {
        /// The pattern.
        regex: Regex,
        /// Must not be found.
        negated: bool,
    },
}

impl ValueTest {
    /// Compiles a matcher. Patterns were checked when the rule was loaded.
    pub(crate) fn new(matcher: &Matcher, arrays: bool) -> Result<Self, PlanError> {
        let missing = matcher.tests.iter().all(|test| *test == Test::Exists(false));
        let tests = matcher
            .tests
            .iter()
            .map(|test| match test {
                Test::Matches(pattern) => Self::pattern(pattern, compile_pattern(pattern), false),
                other => Ok(Compiled::Plain(other.clone())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { tests, arrays, missing })
    }

    /// There is a value.
    pub(crate) fn presence() -> Self {
        Self { tests: vec![Compiled::Plain(Test::Exists(true))], arrays: false, missing: false }
    }

    /// A regular expression that must (or, negated, must not) match the whole text.
    pub(crate) fn regex(pattern: &str, negated: bool, arrays: bool) -> Result<Self, PlanError> {
        let compiled = Self::pattern(pattern, compile_whole_pattern(pattern), negated)?;
        Ok(Self { tests: vec![compiled], arrays, missing: false })
    }

    fn pattern(
        pattern: &str,
        compiled: Result<Regex, regex::Error>,
        negated: bool,
    ) -> Result<Compiled, PlanError> {
        let regex = compiled
            .map_err(|source| PlanError::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })?;
        Ok(Compiled::Pattern { regex, negated })
    }

    /// Returns whether a field's value satisfies the tests. A field without a value has the result `missing`.
    pub(super) fn holds_for(&self, value: Option<&str>) -> bool {
        value.map_or(self.missing, |value| self.holds(value))
    }

    /// Returns whether the text of a field satisfies the tests.
    fn holds(&self, value: &str) -> bool {
        let of_presence = |test: &Compiled| matches!(test, Compiled::Plain(Test::Exists(_)));
        if !self.arrays || self.tests.iter().all(of_presence) {
            return self.tests.iter().all(|test| test.holds(value));
        }
        let Some(elements) = text::array(value) else {
            return self.tests.iter().all(|test| test.holds(value));
        };
        let (affirming, others): (Vec<&Compiled>, Vec<&Compiled>) =
            self.tests.iter().partition(|test| !of_presence(test) && !test.denies());
        let (of_presence, denying): (Vec<&Compiled>, Vec<&Compiled>) =
            others.into_iter().partition(|test| of_presence(test));
        of_presence.iter().all(|test| test.holds(value))
            && denying.iter().all(|test| elements.iter().all(|element| test.holds(element)))
            && (affirming.is_empty()
                || elements.iter().any(|element| affirming.iter().all(|test| test.holds(element))))
    }

    /// The call of this test over a field's candidate columns: the first that has a value is tested.
    pub(crate) fn call(self, candidates: Vec<Expr>) -> Expr {
        ScalarUDF::new_from_impl(ValueTestFunction::new(self)).call(candidates)
    }
}

impl Compiled {
    /// Returns whether it holds of an array when no element makes it false, rather than when one makes it true.
    pub(crate) fn denies(&self) -> bool {
        matches!(self, Self::Plain(Test::Ne(_) | Test::NotIn(_)) | Self::Pattern { negated: true, .. })
    }

    fn holds(&self, value: &str) -> bool {
        let test = match self {
            Self::Pattern { regex, negated } => return regex.is_match(value) != *negated,
            Self::Plain(test) => test,
        };
        match test {
            Test::Eq(expected) => equals(value, expected),
            Test::Ne(expected) => !equals(value, expected),
            Test::Gt(bound) => compare(value, bound).is_some_and(std::cmp::Ordering::is_gt),
            Test::Gte(bound) => compare(value, bound).is_some_and(std::cmp::Ordering::is_ge),
            Test::Lt(bound) => compare(value, bound).is_some_and(std::cmp::Ordering::is_lt),
            Test::Lte(bound) => compare(value, bound).is_some_and(std::cmp::Ordering::is_le),
            Test::In(values) => values.iter().any(|expected| equals(value, expected)),
            Test::NotIn(values) => !values.iter().any(|expected| equals(value, expected)),
            Test::Contains(part) => value.contains(part.as_str()),
            Test::StartsWith(part) => value.starts_with(part.as_str()),
            Test::EndsWith(part) => value.ends_with(part.as_str()),
            Test::Matches(_) => false, // compiled to `Pattern` above
            Test::Exists(exists) => *exists,
        }
    }
}

/// Equality by the type of the rule's constant.
fn equals(value: &str, expected: &Value) -> bool {
    match expected {
        Value::Text(expected) => value == expected,
        Value::Bool(expected) => value == if *expected { "true" } else { "false" },
        Value::Number(_) => compare(value, expected).is_some_and(std::cmp::Ordering::is_eq),
        Value::Duration(_) => false, // an attribute has no unit
    }
}

/// Numeric order of a text and a rule's number: integers as integers, else as `f64`.
fn compare(value: &str, bound: &Value) -> Option<std::cmp::Ordering> {
    let Value::Number(bound) = bound else { return None };
    if let (Number::Int(bound), Some(value)) = (bound, text::integer(value)) {
        return Some(value.cmp(bound));
    }
    text::number(value)?.partial_cmp(&bound.as_f64())
}

#[derive(Debug)]
struct ValueTestFunction {
    test: Arc<ValueTest>,
    /// Tells this function from others: the tests in words.
    identity: String,
    signature: Signature,
}

impl ValueTestFunction {
    fn new(test: ValueTest) -> Self {
        let identity = test.to_string();
        Self { test: Arc::new(test), identity, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl fmt::Display for ValueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value_test{:?}{}", self.tests, if self.arrays { "" } else { " plain" })
    }
}

impl PartialEq for ValueTestFunction {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for ValueTestFunction {}

impl Hash for ValueTestFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl ScalarUDFImpl for ValueTestFunction {
    fn name(&self) -> &str {
        &self.identity
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if let Some(other) = arguments.iter().find(|data_type| !TextColumn::accepts(data_type)) {
            return plan_err!("a value test reads text, not {other}");
        }
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut results: Vec<Option<bool>> = vec![None; arguments.number_rows];
        for candidate in super::arrays(&arguments)? {
            let tested = TextColumn::new(&candidate)?.map(|value| self.test.holds(value));
            for (result, tested) in results.iter_mut().zip(tested) {
                *result = result.or(tested);
            }
        }
        let missing = self.test.missing;
        let results: BooleanArray =
            results.into_iter().map(|result| Some(result.unwrap_or(missing))).collect();
        Ok(ColumnarValue::Array(Arc::new(results)))
    }
}
