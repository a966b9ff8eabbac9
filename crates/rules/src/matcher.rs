//! Matchers: tests on one value, by meaning rather than by wire type.

use fluo_time::Nanos;

/// All tests must hold, for one and the same element where the value is an array.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    /// At least one.
    pub tests: Vec<Test>,
}

/// One test of a value. Only [`Test::Exists`]`(false)` holds where there is no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equals.
    Eq(Value),
    /// Has a value, and it differs.
    Ne(Value),
    /// Numerically greater.
    Gt(Value),
    /// Numerically greater or equal.
    Gte(Value),
    /// Numerically less.
    Lt(Value),
    /// Numerically less or equal.
    Lte(Value),
    /// Equals one of them.
    In(Vec<Value>),
    /// Has a value, and it equals none of them.
    NotIn(Vec<Value>),
    /// The text contains this.
    Contains(String),
    /// The text starts with this.
    StartsWith(String),
    /// The text ends with this.
    EndsWith(String),
    /// The regular expression (syntax of the `regex` crate, unanchored) is found in the text.
    Matches(String),
    /// There is (or is not) a value.
    Exists(bool),
}

/// A constant in a rule. Its type says how an attribute's text is compared with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Compared with the text form: `"401"`.
    Text(String),
    /// Compared numerically: `401`, `401.0` and `"401"` are equal to it.
    Number(Number),
    /// Compared with `true` or `false`.
    Bool(bool),
    /// Compared with durations only.
    Duration(Nanos),
}

/// A number as written in a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Written without fraction or exponent, and within 64 bits.
    Int(i64),
    /// Any other finite number.
    Float(f64),
}

impl Number {
    /// The nearest `f64`.
    #[expect(clippy::cast_precision_loss, reason = "rounding to nearest is what is asked for")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}
