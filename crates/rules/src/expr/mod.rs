//! The expression language of `where`, of aggregates' `where` and of `condition`: one tree for all.
//!
//! `text → tokens (lexer) → tree (parser) → checked tree (check)`; every node knows the bytes of the
//! expression's text that it came from, so that findings can underline them. The function form
//! (`gt(count, 5)`) and the infix form (`count > 5`) give the same tree.
//!
//! ```text
//!  text ── lexer ──▶ tokens ── parser ──▶ raw tree ── check ──▶ Expr ── print ──▶ text
//!                                                       │
//!                          names, functions, types, pattern, unsupported
//!
//! `traceql` makes the same tokens of a spanset filter.
//! ```
//!
//! A tree is never higher than [`MAX_HEIGHT`], so that walks over it may recurse.

mod check;
mod evaluate;
mod functions;
mod lexer;
mod names;
pub(crate) mod nearest;
mod parser;
mod pattern;
mod print;
mod raw;
#[cfg(test)]
mod tests;
mod traceql;
mod types;
mod unsupported;

use std::ops::Range;

use crate::diagnostic::Code;
use crate::field::Field;
use crate::matcher::Value;
use crate::rule::{Aggregate, Selector};

pub use evaluate::Values;
pub use names::{is_reserved, parse_field};
pub use pattern::{PATTERN_SIZE_LIMIT, compile_pattern, compile_whole_pattern};
pub use types::{Type, type_of};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// How deep parentheses, calls, lists, `not` and unary minus may be nested.
pub const MAX_NESTING: usize = 64;

/// The longest chain of operators on one level (`a or b or c …`), and the greatest height of a tree.
pub const MAX_HEIGHT: usize = 256;

/// What names mean.
#[derive(Debug, Clone, Copy)]
pub enum Context<'a> {
    /// `where`: the fields of one span.
    Where,
    /// `condition`: the aggregates of a window.
    Condition {
        /// Those that the rule declares; `count` is always defined.
        aggregates: &'a [Aggregate],
    },
}

/// Something wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of mistake.
    pub code: Code,
    /// Bytes of the expression's text, on character boundaries; empty at the end of the text.
    pub at: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, at, message: one_line(message.into()), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }
}

/// Control characters of the expression that a message quotes, in their escaped form.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

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

/// A checked expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Bytes of the expression's text.
    pub at: Range<usize>,
}

/// Where two expressions stand does not make them different.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    /// The expressions that it is built from, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) => Vec::new(),
            ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => vec![inner],
            ExprKind::Regex { item, .. } => vec![item],
            ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::Compare(_, left, right)
            | ExprKind::Arithmetic(_, left, right) => vec![left, right],
            ExprKind::Between(item, low, high) => vec![item, low, high],
            ExprKind::Call(_, arguments) => arguments.iter().collect(),
        }
    }
}

/// An expression's forms. "No value" propagates through arithmetic and functions; a comparison, test or
/// membership with no value is false, so that every boolean is either true or false.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant; kind and status words are `Value::Text`.
    Literal(Value),
    /// A field of the span (`where` only).
    Field(Field),
    /// An aggregate by name (`condition` only).
    Aggregate(String),
    /// Logical not.
    Not(Box<Expr>),
    /// Logical and.
    And(Box<Expr>, Box<Expr>),
    /// Logical or.
    Or(Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `=~` and `!~`: the pattern (valid for the `regex` crate) matches the whole text; negated, the item has a value, and
    /// it matches none of it.
    Regex {
        /// The text.
        item: Box<Expr>,
        /// The pattern.
        pattern: String,
        /// `!~`.
        negated: bool,
    },
    /// `item in [a, b]`.
    In(Box<Expr>, Vec<Value>),
    /// `between(x, low, high)`: both ends included.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Unary minus.
    Negate(Box<Expr>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A function of values.
    Call(Function, Vec<Expr>),
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`, `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

impl Comparison {
    /// The operator that holds for swapped sides.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Lte => Self::Gte,
            Self::Gt => Self::Lt,
            Self::Gte => Self::Lte,
        }
    }
}

/// Arithmetic operators. Division by zero and results beyond the finite numbers are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, of real numbers: `1 / 2` is 0.5
    Divide,
}

/// Functions of values. All but `Coalesce` have no value where an argument has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Absolute value.
    Abs,
    /// Largest integer not above.
    Floor,
    /// Smallest integer not below.
    Ceil,
    /// Nearest integer, half away from zero.
    Round,
    /// Smallest argument.
    Min,
    /// Largest argument.
    Max,
    /// The first argument that has a value. Beside a plain number an attribute is read as one, and has no value
    /// where it is none; beside a text it is its text.
    Coalesce,
    /// Lower case (Unicode).
    Lower,
    /// Upper case (Unicode).
    Upper,
    /// The second text is in the first (boolean).
    Contains,
    /// The first text starts with the second (boolean).
    StartsWith,
    /// The first text ends with the second (boolean).
    EndsWith,
    /// Number of characters of a text.
    Length,
}
