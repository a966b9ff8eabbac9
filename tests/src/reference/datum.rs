//! A value in the middle of an evaluation, and what it means for two of them to be equal or ordered:
//! "values compare by meaning, not by wire type".

use std::cmp::Ordering;

use fluo_rules::matcher;

use super::number::Number;

/// One value. Where something has no value there is no `Datum`.
#[derive(Debug, Clone)]
pub(super) enum Datum {
    /// Canonical text of an attribute, or of an element of one: a number if it reads like one.
    Attribute(String),
    /// Text by nature: an intrinsic field, a constant, the result of a text function.
    Text(String),
    /// A number.
    Number(Number),
    /// Nanoseconds.
    Duration(Number),
    /// True or false.
    Bool(bool),
}

impl Datum {
    /// A constant of the rule.
    pub(super) fn constant(value: &matcher::Value) -> Self {
        match value {
            matcher::Value::Text(text) => Self::Text(text.clone()),
            matcher::Value::Number(matcher::Number::Int(int)) => Self::Number(Number::Int(i128::from(*int))),
            matcher::Value::Number(matcher::Number::Float(float)) => Self::Number(Number::Float(*float)),
            matcher::Value::Bool(bool) => Self::Bool(*bool),
            matcher::Value::Duration(nanos) => Self::Duration(Number::Int(i128::from(nanos.0))),
        }
    }

    /// Its text form; durations and computed numbers have none that a rule could compare.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Attribute(text) | Self::Text(text) => Some(text.clone()),
            Self::Bool(bool) => Some(bool.to_string()),
            Self::Number(_) | Self::Duration(_) => None,
        }
    }

    /// The number that it is or reads like.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Attribute(text) | Self::Text(text) => Number::from_text(text),
            Self::Number(number) => Some(*number),
            Self::Duration(_) | Self::Bool(_) => None,
        }
    }

    /// Returns whether both mean the same.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Duration(left), Self::Duration(right)) => left.compare(*right) == Ordering::Equal,
            (Self::Number(_), _) | (_, Self::Number(_)) => self.compare(other) == Some(Ordering::Equal),
            (Self::Attribute(left), Self::Attribute(right)) => match self.compare(other) {
                Some(ordering) => ordering == Ordering::Equal,
                None => left == right,
            },
            // A duration has no text, and so equals nothing but durations.
            _ => match (self.text(), other.text()) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }

    /// Their order, if both are durations or both are numbers or read like ones.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Duration(left), Self::Duration(right)) => Some(left.compare(*right)),
            _ => Some(self.number()?.compare(other.number()?)),
        }
    }
}
