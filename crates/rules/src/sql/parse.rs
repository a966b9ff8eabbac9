//! The text of a query → its tree, and the places of its words.

use std::ops::Range;

use sqlparser::ast::{Query, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::diagnostic::Code;
use crate::expr::{MAX_BYTES, Problem};
use crate::sql::dialect::Bounded;

/// The most words and signs of a query. Its tree is no deeper, so that nobody's stack is too small for it.
pub const MAX_TOKENS: usize = 2_000;

/// The words of a query, and where they stand.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    pub(super) text: &'a str,
    /// The first byte of each line.
    lines: Vec<usize>,
    /// Words in lower case, and texts, in order.
    words: Vec<(String, Range<usize>)>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str, tokens: &[TokenWithSpan]) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut found = Self { text, lines: std::iter::once(0).chain(breaks).collect(), words: Vec::new() };
        for TokenWithSpan { token, span } in tokens {
            let word = match token {
                Token::Word(word) => word.value.to_lowercase(),
                Token::SingleQuotedString(text) => text.to_lowercase(),
                _ => continue,
            };
            found.words.extend(found.at(*span).map(|at| (word, at)));
        }
        found
    }

    /// The bytes of a span; none of an empty one.
    pub(super) fn at(&self, span: Span) -> Option<Range<usize>> {
        if span.start.line == 0 || span.end.line == 0 {
            return None;
        }
        let (from, to) = (self.byte(span.start), self.byte(span.end));
        (from < to).then_some(from..to)
    }

    fn byte(&self, Location { line, column }: Location) -> usize {
        let number = |value: u64| usize::try_from(value.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.lines.get(number(line)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.char_indices().nth(number(column)).map_or(rest.len(), |(at, _)| at)
    }

    /// The first place of a word in some part of the text, or behind it; that part where it is not there.
    pub(super) fn word(&self, word: &str, within: &Range<usize>) -> Range<usize> {
        let found = self.words.iter().find(|(found, at)| found == word && within.start <= at.start);
        found.map_or_else(|| within.clone(), |(_, at)| at.clone())
    }

    /// The same place with the brackets that are opened in it, and those of a call whose name it is: the parser's places
    /// end before them.
    pub(super) fn closed(&self, at: Range<usize>) -> Range<usize> {
        let (mut open, mut quoted, mut end) = (0_u32, None, at.end);
        for (place, character) in self.text.get(at.start..).unwrap_or("").char_indices() {
            let place = at.start + place;
            let is_call = place == at.end && character == '(';
            if place >= at.end && open == 0 && quoted.is_none() && !is_call {
                break;
            }
            match (quoted, character) {
                (Some(quote), character) if quote == character => quoted = None,
                (None, '\'' | '"') => quoted = Some(character),
                (None, '(' | '[') => open += 1,
                (None, ')' | ']') => open = open.saturating_sub(1),
                _ => {}
            }
            end = end.max(place + character.len_utf8());
        }
        if open == 0 && quoted.is_none() { at.start..end } else { at }
    }
}

/// The bytes of lines and columns of a text, from 1.
pub(crate) fn bytes(text: &str, place: Range<(u64, u64)>) -> Range<usize> {
    let places = Tokens::new(text, &[]);
    let [from, to] = [place.start, place.end].map(|(line, column)| places.byte(Location { line, column }));
    from..to.max(from)
}

/// The tree of a query that was accepted before.
pub fn statement(text: &str) -> Option<Statement> {
    let (query, _) = parsed(text).ok()?;
    Some(Statement::Query(Box::new(query)))
}

/// The tree of one `SELECT`, and the places of its words.
pub(super) fn parsed(text: &str) -> Result<(Query, Tokens<'_>), Box<Problem>> {
    let all = || text.len() - text.trim_start().len()..text.trim_end().len();
    let fail = |problem: Problem| Box::new(problem);
    if text.len() > MAX_BYTES {
        let message = format!("the query is {} bytes long; it has at most 16 KiB", text.len());
        return Err(fail(Problem::new(Code::ExprTooLong, all(), message)));
    }
    let dialect = Bounded::new();
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        let empty = Tokens::new(text, &[]);
        let at = empty.byte(error.location);
        fail(Problem::new(Code::SqlSyntax, at..at, error.message))
    })?;
    let places = Tokens::new(text, &tokens);
    let place = |token: &TokenWithSpan| places.at(token.span).unwrap_or_else(all);
    let words: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    if words.len() > MAX_TOKENS {
        let message = format!("the query has {} words and signs; it has at most {MAX_TOKENS}", words.len());
        return Err(fail(Problem::new(Code::ExprTooLong, all(), message)));
    }
    let Some(first) = words.iter().find(|token| token.token != Token::LParen) else {
        return Err(fail(Problem::new(Code::SqlSyntax, all(), "the query is empty")));
    };
    match &first.token {
        Token::Word(word) if matches!(word.value.to_lowercase().as_str(), "select" | "with") => {}
        Token::Word(word) => {
            let message =
                format!("`{}` is no query: a rule is one `SELECT` over `spans`", word.value.to_uppercase());
            let problem = Problem::new(Code::SqlForbidden, place(first), message);
            return Err(fail(problem.hint("it begins with `SELECT` or `WITH`")));
        }
        token => {
            let message = format!("a query begins with `SELECT` or `WITH`, not with `{token}`");
            return Err(fail(Problem::new(Code::SqlSyntax, place(first), message)));
        }
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens.clone());
    let syntax = |error: ParserError| fail(syntax_problem(&places, &error, all()));
    let parsed = parser.parse_statement().map_err(syntax)?;
    while parser.consume_token(&Token::SemiColon) {}
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let at = places.at(next.span).unwrap_or_else(all);
        let before = text[..at.start].trim_end();
        return Err(fail(if before.ends_with(';') {
            let problem = Problem::new(Code::SqlForbidden, at, "a second statement: a rule is one `SELECT`");
            problem.hint("write two rules, or put what belongs together into `WITH`")
        } else {
            Problem::new(Code::SqlSyntax, at, format!("`{}` does not belong here", next.token))
        }));
    }
    if let Statement::Query(query) = parsed {
        return Ok((*query, places));
    }
    // `WITH … INSERT` and the like.
    let message = "this is no query: a rule is one `SELECT` over `spans`";
    Err(fail(Problem::new(Code::SqlForbidden, all(), message)))
}

/// A parser's error, whose place is in its text.
fn syntax_problem(places: &Tokens<'_>, error: &ParserError, all: Range<usize>) -> Problem {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return Problem::new(Code::ExprTooDeep, all, "the query is nested too deep");
        }
    };
    let located = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let location = Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? };
        Some((message, places.byte(location)))
    });
    let Some((message, at)) = located else {
        // It ended where more was expected.
        let message = text.trim_end_matches(", found: EOF");
        let end = places.text.trim_end().len();
        return Problem::new(Code::SqlSyntax, end..end, format!("{message} before its end"));
    };
    let word = places.text[at..].split(|c: char| c.is_whitespace()).next().unwrap_or("");
    Problem::new(Code::SqlSyntax, at..at + word.len(), message)
}
