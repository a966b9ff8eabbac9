//! The limits of an expression: its length, its nesting, its height.

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// The deepest nesting of parentheses, calls, lists, `not` and unary minus.
pub const MAX_NESTING: usize = 64;

/// The longest chain of operators on one level (`a or b or c …`), and the greatest height of a tree.
pub const MAX_HEIGHT: usize = 256;
