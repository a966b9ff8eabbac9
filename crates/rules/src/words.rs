//! Selectors in words, for people who read what a rule means.

use std::fmt::Write as _;

use crate::matcher::{Matcher, Number, Test, Value};
use crate::rule::Selector;

/// The spans that a selector selects.
pub fn selector(selector: &Selector) -> String {
    match selector {
        Selector::All(all) if all.is_empty() => "every span".to_owned(),
        Selector::All(all) => all.iter().map(inner).collect::<Vec<_>>().join(" and "),
        Selector::Any(any) => any.iter().map(inner).collect::<Vec<_>>().join(" or "),
        Selector::Not(not) => format!("not {}", inner(not)),
        Selector::Match(field, matcher) => self::matcher(&field.to_string(), matcher),
        Selector::Event { name, attributes } => {
            let name = name.iter().map(|name| matcher("name", name));
            let attributes = attributes.iter().map(|(key, value)| matcher(key, value));
            format!("an event with {}", name.chain(attributes).collect::<Vec<_>>().join(" and "))
        }
        Selector::Where(expr) => expr.to_string(),
    }
}

fn inner(one: &Selector) -> String {
    match one {
        Selector::All(many) | Selector::Any(many) if many.len() > 1 => format!("({})", selector(one)),
        Selector::Where(_) => format!("({})", selector(one)),
        _ => selector(one),
    }
}

fn matcher(field: &str, matcher: &Matcher) -> String {
    matcher.tests.iter().map(|test| format!("{field} {}", self::test(test))).collect::<Vec<_>>().join(" and ")
}

fn test(test: &Test) -> String {
    match test {
        Test::Eq(value) => format!("= {}", self::value(value)),
        Test::Ne(value) => format!("!= {}", self::value(value)),
        Test::Gt(value) => format!("> {}", self::value(value)),
        Test::Gte(value) => format!(">= {}", self::value(value)),
        Test::Lt(value) => format!("< {}", self::value(value)),
        Test::Lte(value) => format!("<= {}", self::value(value)),
        Test::In(values) => format!("in {}", self::values(values)),
        Test::NotIn(values) => format!("not in {}", self::values(values)),
        Test::Contains(part) => format!("contains {part:?}"),
        Test::StartsWith(part) => format!("starts with {part:?}"),
        Test::EndsWith(part) => format!("ends with {part:?}"),
        Test::Matches(pattern) => format!("matches {pattern:?}"),
        Test::Exists(true) => "exists".to_owned(),
        Test::Exists(false) => "does not exist".to_owned(),
    }
}

fn values(values: &[Value]) -> String {
    let mut text = String::from("[");
    for (at, value) in values.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = write!(text, "{}{}", if at == 0 { "" } else { ", " }, self::value(value));
    }
    text + "]"
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(Number::Int(int)) => int.to_string(),
        Value::Number(Number::Float(float)) => float.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Duration(nanos) => nanos.to_string(),
    }
}
