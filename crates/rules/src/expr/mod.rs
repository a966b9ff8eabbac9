//! The expression language of `where`, of aggregates' `where` and of `condition`: one tree for all.
//!
//! `text → tokens (lexer) → tree (parser) → checked tree (check)`; every node knows the bytes of the
//! expression's text that it came from, so that findings can underline them. The function form
//! (`gt(count, 5)`) and the infix form (`count > 5`) give the same tree.
//!
//! ```text
//!  text ── lexer ──▶ tokens ── parser ──▶ raw tree ── check ──▶ Expr ── print ──▶ text
//!                                                       │
//!                          names, functions, earlier, types, pattern, unsupported
//!
//! `traceql` makes the same tokens of a spanset filter, and `spansets` reads the operators between filters.
//! ```
//!
//! A tree is never higher than [`MAX_HEIGHT`], so that walks over it may recurse.

mod check;
mod context;
pub mod documentation;
mod earlier;
mod evaluate;
mod functions;
mod level;
mod lexer;
mod limits;
mod names;
pub(crate) mod nearest;
mod parser;
mod pattern;
mod print;
mod problem;
mod raw;
mod read;
mod spansets;
#[cfg(test)]
mod tests;
mod traceql;
mod tree;
mod types;
mod unsupported;
mod where_clause;

pub use context::{Context, LimitScope, NO_LIMITS};
pub use evaluate::{Exact, ExactValues, Values};
pub use limits::{MAX_BYTES, MAX_HEIGHT, MAX_NESTING};
pub use names::{is_reserved, parse_field};
pub use pattern::{PATTERN_SIZE_LIMIT, compile_pattern, compile_whole_pattern};
pub use problem::Problem;
pub use read::{parse, parse_constant, parse_measure, parse_spanset, parse_spansets, parse_with};
pub use tree::{Arithmetic, Comparison, EarlierCall, EarlierFunction, Expr, ExprKind, Function, Total};
pub use types::{Type, type_of};
pub(crate) use where_clause::{parse_where, quoted_text};
