//! Characters that mean something in a matcher's text.

/// Characters of operators.
pub(super) fn is_operator(c: char) -> bool {
    matches!(c, '=' | '!' | '~')
}

/// Characters of operators that nobody has here.
pub(super) fn is_angle(c: char) -> bool {
    matches!(c, '<' | '>')
}

/// Characters that a label has in quotes only.
pub(super) fn is_reserved(c: char) -> bool {
    let is_other = c.is_whitespace() || c.is_control() || matches!(c, '{' | '}' | ',');
    is_operator(c) || is_angle(c) || is_quote(c) || is_other
}

/// Characters that a text in quotes begins with.
pub(super) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}
