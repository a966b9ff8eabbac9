//! Text → tokens.

use std::ops::Range;

use fluo_time::Nanos;

use super::problem::Problem;
use crate::diagnostic::Code;
use crate::matcher::{Number, Value};

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A name with its dots: `count`, `span.http.route`, `.http.route`; also the words of operators.
    Word(String),
    /// A number, a percentage or a duration.
    Constant(Value),
    /// A quoted text without its quotes and escapes.
    Text(String),
    /// An attribute of `TraceQL`, whose keys are spelt otherwise.
    Key {
        /// As expressions call it; `any` without one.
        scope: &'static str,
        key: String,
    },
    /// `TraceQL`'s word for no value.
    Nil,
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Behind the last token.
    End,
}

/// Longest first, so that `<=` is not `<`.
const SYMBOLS: [&str; 24] = [
    "||", "&&", "==", "!=", "<=", ">=", "=~", "!~", "!", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[",
    "]", "{", "}", ",", ";",
];

/// The characters that word processors, and other languages, put for a quote.
const TYPOGRAPHIC_QUOTES: [char; 6] = ['`', '“', '”', '„', '‘', '’'];

/// All tokens, the last one [`TokenKind::End`]; or everything that is not one.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Vec<Problem>> {
    let mut lexer = Lexer::new(text, 0);
    while let Some(c) = lexer.rest().chars().next() {
        lexer.token(c);
    }
    lexer.tokens.push(Token { kind: TokenKind::End, at: text.len()..text.len() });
    if lexer.problems.is_empty() { Ok(lexer.tokens) } else { Err(lexer.problems) }
}

/// Returns whether `c` may stand in a name.
pub(super) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) tokens: Vec<Token>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Lexer<'t> {
    /// Reads `text` from byte `at` on.
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, tokens: Vec::new(), problems: Vec::new() }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Reads the token that begins with `first`.
    pub(super) fn token(&mut self, first: char) {
        let start = self.at;
        if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if first.is_ascii_digit() || self.starts_with_point_and_digit() {
            self.constant();
        } else if in_word(first) {
            let end = self.rest().find(|c| !in_word(c)).unwrap_or(self.rest().len());
            self.at += end;
            self.push(start, TokenKind::Word(self.text[start..self.at].to_owned()));
        } else if matches!(first, '"' | '\'') {
            self.quoted(first);
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            self.at += symbol.len();
            self.push(start, TokenKind::Symbol(symbol));
        } else {
            self.unreadable(first);
        }
    }

    /// Adds a token, which ends here.
    pub(super) fn push(&mut self, start: usize, kind: TokenKind) {
        self.tokens.push(Token { kind, at: start..self.at });
    }

    fn starts_with_point_and_digit(&self) -> bool {
        self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// A number, percentage or duration: everything up to the next space or symbol.
    fn constant(&mut self) {
        let start = self.at;
        self.at += constant_length(self.rest());
        match constant(&self.text[start..self.at]) {
            Ok(value) => self.push(start, TokenKind::Constant(value)),
            Err((message, hint)) => {
                self.problems.push(Problem::new(Code::ExprSyntax, start..self.at, message).hint(hint));
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        let start = self.at;
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = characters.next() {
            if c == quote {
                self.at = start + offset + 1;
                self.push(start, TokenKind::Text(value));
                return;
            }
            if c != '\\' {
                value.push(c);
                continue;
            }
            let body = &self.text[start + offset + 1..];
            let (length, unescaped) = escape(body);
            if let Some(unescaped) = unescaped {
                value.push(unescaped);
            } else {
                let at = start + offset..start + offset + 1 + length;
                let shown = &self.text[at.clone()];
                let problem =
                    Problem::new(Code::ExprSyntax, at.clone(), format!("`{shown}` is not an escape"));
                self.problems.push(problem.hint(format!("for a backslash itself, write two: `\\{shown}`")));
            }
            for _ in body[..length].chars() {
                characters.next();
            }
        }
        self.at = self.text.len();
        self.problems.push(
            Problem::new(Code::ExprSyntax, start..self.at, "the text is not closed")
                .hint(format!("it lacks a {quote} at its end")),
        );
    }

    /// A run of one and the same unreadable character is one problem.
    fn unreadable(&mut self, first: char) {
        let start = self.at;
        self.at += match TYPOGRAPHIC_QUOTES
            .contains(&first)
            .then(|| self.rest()[first.len_utf8()..].find(TYPOGRAPHIC_QUOTES))
        {
            // With what it quotes, which would be a mistake of its own.
            Some(Some(end)) => {
                let end = first.len_utf8() + end;
                end + self.rest()[end..].chars().next().map_or(0, char::len_utf8)
            }
            _ => self.rest().find(|c| c != first).unwrap_or(self.rest().len()),
        };
        let problem =
            Problem::new(Code::ExprSyntax, start..self.at, format!("unexpected {}", shown_character(first)));
        self.problems.push(match first {
            '&' => problem.hint("for both, write `and` or `&&`"),
            '|' => problem.hint("for either, write `or` or `||`"),
            '%' => problem.hint("a percentage is a number with `%` right behind it: `5%`"),
            quote if TYPOGRAPHIC_QUOTES.contains(&quote) => problem.hint("quote texts with \" or '"),
            _ => problem,
        });
    }
}

fn shown_character(c: char) -> String {
    if c.is_control() { format!("character U+{:04X}", u32::from(c)) } else { format!("`{c}`") }
}

/// Returns the length of the run that starts like a number: `1_000`, `2.5e-3`, `5%`, `1h30m`.
fn constant_length(text: &str) -> usize {
    let end = text.find(|c| !in_word(c)).unwrap_or(text.len());
    let run = &text[..end];
    let behind = &text[end..];
    let mantissa = run.strip_suffix(['e', 'E']).filter(|rest| is_decimal(rest));
    if mantissa.is_some()
        && let Some(digits) = behind.strip_prefix(['+', '-'])
        && digits.starts_with(|c: char| c.is_ascii_digit())
    {
        let end = end + 1 + digits.find(|c| !in_word(c)).unwrap_or(digits.len());
        return end + usize::from(text[end..].starts_with('%'));
    }
    end + usize::from(behind.starts_with('%'))
}

fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
}

/// The value of a number, percentage or duration, with or without a sign; otherwise message and hint.
pub(super) fn constant(text: &str) -> Result<Value, (String, String)> {
    let (number, percent) = text.strip_suffix('%').map_or((text, false), |number| (number, true));
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let Some((mantissa, exponent)) = split_exponent(unsigned) else {
        return Nanos::parse(text).map(Value::Duration).map_err(|error| {
            let hint = error.hint();
            (format!("`{text}` is neither a number nor a duration: {error}"), hint)
        });
    };
    let plain: String = mantissa.chars().filter(|&c| c != '_').collect();
    let underscores_between_digits =
        mantissa.split('.').all(|part| !part.starts_with('_') && !part.ends_with('_'));
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || plain.matches('.').count() > 1 || plain.ends_with('.') || !underscores_between_digits {
        return Err((
            format!("`{text}` is not a number"),
            "write `1000`, `1_000`, `0.05`, `5%` or `2.5e6`".to_owned(),
        ));
    }
    let sign = if number.starts_with('-') { "-" } else { "" };
    if exponent.is_none() && !percent && !plain.contains('.') {
        // Beyond 64 bits an integer is still a number.
        if let Ok(int) = format!("{sign}{plain}").parse() {
            return Ok(Value::Number(Number::Int(int)));
        }
    }
    // The percentage goes into the exponent: dividing by 100 would round a second time.
    let exponent = exponent.unwrap_or(0) - if percent { 2 } else { 0 };
    match format!("{sign}{plain}e{exponent}").parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Value::Number(Number::Float(float))),
        _ => Err((format!("`{text}` is too large for a number"), "numbers go up to 1.7e308".to_owned())),
    }
}

/// Mantissa and exponent of a text that looks like a number; `None` for anything else.
fn split_exponent(text: &str) -> Option<(&str, Option<i32>)> {
    if is_decimal(text) {
        return Some((text, None));
    }
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !is_decimal(mantissa) || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An exponent of many digits is as good as 10⁵: the number is out of range, or zero.
    let size = digits.parse::<i32>().unwrap_or(100_000).min(100_000);
    Some((mantissa, Some(if exponent.starts_with('-') { -size } else { size })))
}

/// Reads an escape behind its backslash. Returns how many bytes belong to it, and the character it stands for.
fn escape(body: &str) -> (usize, Option<char>) {
    let Some(c) = body.chars().next() else { return (0, None) };
    let plain = match c {
        '"' | '\'' | '\\' | '/' => Some(c),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        'u' => {
            let Some(braced) = body[1..].strip_prefix('{') else { return (1, None) };
            let digits = braced.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
            if !braced[digits..].starts_with('}') {
                return (2 + digits, None);
            }
            let code = u32::from_str_radix(&braced[..digits], 16);
            return (3 + digits, code.ok().and_then(char::from_u32));
        }
        _ => None,
    };
    (c.len_utf8(), plain)
}
