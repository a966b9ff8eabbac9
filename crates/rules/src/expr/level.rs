//! The order in which operators bind, which says where parentheses are needed.

/// The strength with which an operator binds, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Compare,
    Add,
    Multiply,
    Unary,
    /// No operator.
    Operand,
}

impl Level {
    /// Returns that of a left-associative operator's right operand.
    pub(super) fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Add,
            Self::Add => Self::Multiply,
            Self::Multiply | Self::Unary => Self::Unary,
            Self::Operand => Self::Operand,
        }
    }
}
