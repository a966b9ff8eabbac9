//! The checked tree: what every expression is once its names, types and units are known.

use std::ops::Range;
use std::sync::Arc;

use fluo_time::Nanos;

use crate::field::Field;
use crate::limits::Limit;
use crate::matcher::Value;
use crate::objective::{BurnValue, Objective};

/// A checked expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// The form.
    pub kind: ExprKind,
    /// Bytes of the expression's text.
    pub at: Range<usize>,
}

/// Two expressions are equal wherever they stand.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    /// A field.
    pub fn field(field: Field) -> Self {
        Self { kind: ExprKind::Field(field), at: 0..0 }
    }

    /// The fields that it reads, in the order of the text.
    pub fn fields(&self) -> Vec<&Field> {
        match &self.kind {
            ExprKind::Field(field) => vec![field],
            _ => self.children().into_iter().flat_map(Self::fields).collect(),
        }
    }

    /// The limits of the group that it reads, in the order of the text.
    pub fn limits(&self) -> Vec<&Limit> {
        match &self.kind {
            ExprKind::Limit(limit) => vec![limit],
            _ => self.children().into_iter().flat_map(Self::limits).collect(),
        }
    }

    /// The expressions that it is built from, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) | ExprKind::Limit(_) => {
                Vec::new()
            }
            ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => vec![inner],
            ExprKind::Regex { item, .. } => vec![item],
            ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::Compare(_, left, right)
            | ExprKind::Arithmetic(_, left, right) => vec![left, right],
            ExprKind::Between(item, low, high) => vec![item, low, high],
            ExprKind::Call(_, arguments) => arguments.iter().collect(),
            ExprKind::Earlier(call) => call.of().into_iter().collect(),
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
    /// A limit of the group.
    Limit(Limit),
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
    /// A function over earlier windows (`condition` only): a value of the window, under its own name.
    Earlier(Box<EarlierCall>),
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

/// A call of a function over earlier windows.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierCall {
    /// Its text, by which its value is known.
    pub name: String,
    /// The function, with its arguments.
    pub function: EarlierFunction,
}

/// A function over earlier windows. `of` is a number or a duration, made of aggregates; `k` windows before the present
/// one, which ends at `t`, lies the window that ends at `t − k · window`.
#[derive(Debug, Clone, PartialEq)]
pub enum EarlierFunction {
    /// `previous(x, n)`: x over the window `n` before.
    Previous {
        /// x
        of: Box<Expr>,
        /// n, at least 1.
        windows: u32,
    },
    /// `avg_over(x, d)` and its like: x over the windows 1 to d / window before, in one number.
    Over {
        /// The number that is made of them.
        total: Total,
        /// x
        of: Box<Expr>,
        /// d
        past: Nanos,
    },
    /// `offset(x, d)`: x over the window that ends at t − d.
    Offset {
        /// x
        of: Box<Expr>,
        /// d
        by: Nanos,
    },
    /// `zscore(x, d)`: by how many deviations x is above its mean over the last d.
    ZScore {
        /// x
        of: Box<Expr>,
        /// d
        past: Nanos,
    },
    /// `predict_linear(x, d, ahead)`: x `ahead` of the present, on the straight line through the windows of the last d.
    PredictLinear {
        /// x
        of: Box<Expr>,
        /// d
        past: Nanos,
        /// The distance from the end of the present window.
        ahead: Nanos,
    },
    /// `is_new()`: the group has spans now, and had none in the `lookback` before the present window. 1 or 0.
    IsNew,
    /// `absent(d)`: the group has had no span for d. 1 or 0.
    Absent {
        /// d
        past: Nanos,
    },
    /// A value of a rule about an objective. It has a name and no call that could be written.
    Burn {
        /// The value that is asked for.
        value: BurnValue,
        /// The objective.
        objective: Arc<Objective>,
    },
}

/// The number that is made of the values of several windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Arithmetic mean.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sum.
    Sum,
    /// Standard deviation of the population.
    Stddev,
    /// Median; of an even number, the mean of the middle two.
    Median,
}
