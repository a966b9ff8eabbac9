//! The two forms of an expression: what is evaluated, and what people read.

/// In what a test that SQL has no single word for is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Functions of fluo: precise and fast; what is evaluated.
    Functions,
    /// SQL's own functions: what people read, and can run elsewhere.
    Sql,
}
