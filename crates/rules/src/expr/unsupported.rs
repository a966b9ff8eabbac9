//! Parts of the language that are recognised and not evaluated: the one place that says so.

use super::lexer::{Token, TokenKind};
use super::problem::Problem;
use crate::diagnostic::Code;

/// The first part of an expression that is about whole traces: `trace.has(…)`, `trace.count(…)`, `when { … }`.
pub(super) fn traces(tokens: &[Token]) -> Option<Problem> {
    let found = tokens.windows(2).find_map(|pair| match (&pair[0].kind, &pair[1].kind) {
        (TokenKind::Word(word), TokenKind::Symbol("("))
            if matches!(word.as_str(), "trace.has" | "trace.count") =>
        {
            Some((word, &pair[0]))
        }
        (TokenKind::Word(word), TokenKind::Symbol("{"))
            if matches!(word.as_str(), "when" | "always" | "never") =>
        {
            Some((word, &pair[0]))
        }
        _ => None,
    });
    found.map(|(word, token)| not_yet(token.at.clone(), &format!("`{word}`, a condition over whole traces,")))
}

fn not_yet(at: std::ops::Range<usize>, what: &str) -> Problem {
    Problem::new(Code::NotSupportedYet, at, format!("{what} is not supported yet"))
}
