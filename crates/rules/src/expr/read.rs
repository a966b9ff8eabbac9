//! The way of a text through all stages.

use super::context::Context;
use super::problem::Problem;
use super::tree::Expr;
use super::{check, parser};
use crate::rule::Selector;

/// Reads and checks an expression: syntax, names, types and units. It is boolean.
///
/// All problems that can be told apart are reported, in the order of the text: every unreadable character, or
/// else the first mistake of syntax, or else every mistake of names, types and units.
pub fn parse(text: &str, context: Context<'_>) -> Result<Expr, Vec<Problem>> {
    let raw = parser::parse(text)?;
    check::check(raw, context)
}

/// Reads a `TraceQL` spanset filter, `{ resource.service.name = "auth" && span.http.status_code = 401 }`: one `where`
/// expression, but for tests of presence (`!= nil`). The empty filter `{ }` is `true`.
pub fn parse_spanset(text: &str) -> Result<Selector, Vec<Problem>> {
    let raw = parser::parse_spanset(text)?;
    check::spanset(raw)
}
