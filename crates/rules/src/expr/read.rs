//! The way of a text through all stages.

use fluo_time::Nanos;

use super::context::{Context, LimitScope, NO_LIMITS};
use super::lexer::{self, TokenKind};
use super::names::parse_field;
use super::problem::Problem;
use super::tree::{Expr, ExprKind};
use super::{check, parser, spansets};
use crate::limits::PREFIX;
use crate::matcher::{Number, Value};
use crate::rule::Selector;
use crate::trace::spanset::Spanset;

/// Reads and checks an expression: syntax, names, types and units. It is boolean.
///
/// All problems that can be told apart are reported, in the order of the text: every unreadable character, or
/// else the first mistake of syntax, or else every mistake of names, types and units.
pub fn parse(text: &str, context: Context<'_>) -> Result<Expr, Vec<Problem>> {
    parse_with(text, context, NO_LIMITS)
}

/// The same of an expression that may name limits by group.
///
/// An expression that names a limit which may exist or not ([`LimitScope::Unknown`]) is not read, and is no problem.
pub fn parse_with(text: &str, context: Context<'_>, limits: &LimitScope) -> Result<Expr, Vec<Problem>> {
    let raw = parser::parse(text)?;
    check::check(raw, context, limits)
}

/// Reads what an aggregate takes of a span: a field, or an expression over fields that is a number or a duration.
pub fn parse_measure(text: &str, limits: &LimitScope) -> Result<Expr, Vec<Problem>> {
    let has_limits = *limits != *NO_LIMITS;
    match parse_field(text) {
        // Nobody gives an attribute the name of a limit and sums it up.
        Ok(_) if has_limits && text.trim().starts_with(PREFIX) => {
            check::measure(parser::parse(text)?, limits)
        }
        Ok(field) => {
            let start = text.len() - text.trim_start().len();
            Ok(Expr { kind: ExprKind::Field(field), at: start..text.trim_end().len() })
        }
        Err(_) if computes(text) => check::measure(parser::parse(text)?, limits),
        Err(problem) => Err(vec![problem]),
    }
}

/// Returns whether a text is more than a name: `-` and `/` compute where they stand apart.
fn computes(text: &str) -> bool {
    let apart = |at: &std::ops::Range<usize>| {
        text[..at.start].ends_with(char::is_whitespace) || text[at.end..].starts_with(char::is_whitespace)
    };
    let Ok(tokens) = lexer::tokens(text) else { return false };
    tokens.iter().any(|token| match token.kind {
        TokenKind::Symbol("+" | "*" | "(") => true,
        TokenKind::Symbol("-" | "/") => apart(&token.at),
        _ => false,
    })
}

/// Reads a `TraceQL` spanset filter, `{ resource.service.name = "auth" && span.http.status_code = 401 }`: one `where`
/// expression, but for tests of presence (`!= nil`). The empty filter `{ }` is `true`.
pub fn parse_spanset(text: &str) -> Result<Selector, Vec<Problem>> {
    let raw = parser::parse_spanset(text)?;
    check::spanset(raw)
}

/// Reads `TraceQL` filters with operators between them: `{ name = "a" } >> ({ status = error } || { .b })`.
///
/// The mistakes of all filters are reported, and the first one between them.
pub fn parse_spansets(text: &str) -> Result<Spanset<Selector>, Vec<Problem>> {
    spansets::parse(text)
}

/// Reads a number, a percentage or a duration as expressions write it, with or without a sign.
pub fn parse_constant(text: &str) -> Option<Value> {
    let kinds: Vec<TokenKind> = lexer::tokens(text).ok()?.into_iter().map(|token| token.kind).collect();
    let negated = |value: &Value| match value {
        Value::Number(Number::Int(int)) => int.checked_neg().map(|int| Value::Number(Number::Int(int))),
        Value::Number(Number::Float(float)) => Some(Value::Number(Number::Float(-float))),
        Value::Duration(nanos) => nanos.0.checked_neg().map(|nanos| Value::Duration(Nanos(nanos))),
        Value::Text(_) | Value::Bool(_) => None,
    };
    match kinds.as_slice() {
        [TokenKind::Constant(value), TokenKind::End] => Some(value.clone()),
        [TokenKind::Symbol("-"), TokenKind::Constant(value), TokenKind::End] => negated(value),
        _ => None,
    }
}
