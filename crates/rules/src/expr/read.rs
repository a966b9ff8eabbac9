//! The way of a text through all stages.

use super::context::Context;
use super::lexer::{self, TokenKind};
use super::names::parse_field;
use super::problem::Problem;
use super::tree::{Expr, ExprKind};
use super::{check, parser, spansets};
use crate::rule::Selector;
use crate::trace::spanset::Spanset;

/// Reads and checks an expression: syntax, names, types and units. It is boolean.
///
/// All problems that can be told apart are reported, in the order of the text: every unreadable character, or
/// else the first mistake of syntax, or else every mistake of names, types and units.
pub fn parse(text: &str, context: Context<'_>) -> Result<Expr, Vec<Problem>> {
    let raw = parser::parse(text)?;
    check::check(raw, context)
}

/// Reads what an aggregate takes of a span: a field, or an expression over fields that is a number or a duration.
pub fn parse_measure(text: &str) -> Result<Expr, Vec<Problem>> {
    match parse_field(text) {
        Ok(field) => {
            let start = text.len() - text.trim_start().len();
            Ok(Expr { kind: ExprKind::Field(field), at: start..text.trim_end().len() })
        }
        Err(_) if computes(text) => check::measure(parser::parse(text)?),
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
