//! The inside of `.where(…)` behind `trace.has` and `trace.count` → a selector.
//!
//! A bare word on the left of an operator is an attribute, of the span or its resource; one on the right is a text.
//! Fields are written `span:status`, and another attribute on the right `.quota`.

use std::ops::Range;

use fluo_time::Nanos;

use super::limits::MAX_NESTING;
use super::names::parse_field;
use super::pattern;
use super::problem::Problem;
use super::tree::{Comparison, Expr, ExprKind};
use crate::diagnostic::Code;
use crate::field::{Field, Scope};
use crate::matcher::{Matcher, Number, Test, Value};
use crate::rule::Selector;

/// The selector that the bytes `at` of `text` are; or the first mistake.
pub(crate) fn parse_where(text: &str, at: Range<usize>) -> Result<Selector, Problem> {
    let tokens = tokens(text, at.clone())?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: at.end, depth: 0 };
    let selector = parser.any()?;
    match parser.peek() {
        None => Ok(selector),
        Some(token) => Err(unexpected(token)),
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    kind: Kind,
    at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// The longest first.
const SIGNS: [&str; 16] =
    ["==", "!=", ">=", "<=", "&&", "||", "=", ">", "<", "!", "(", ")", "[", "]", ",", ";"];

fn tokens(text: &str, at: Range<usize>) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut from = at.start;
    while from < at.end {
        let rest = &text[from..at.end];
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            from += first.len_utf8();
            continue;
        }
        let (kind, length) = if first == '"' || first == '\'' {
            quoted(rest)
                .ok_or_else(|| Problem::new(Code::ExprSyntax, from..from + 1, "a text that does not end"))?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Kind::Sign(sign), sign.len())
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>&|()[],;\"'".contains(c);
            let length = rest.find(ends).unwrap_or(rest.len());
            (Kind::Word(rest[..length].to_owned()), length)
        };
        tokens.push(Token { kind, at: from..from + length });
        from += length;
    }
    Ok(tokens)
}

/// A text in quotes, and how many bytes it takes.
pub(crate) fn quoted_text(rest: &str) -> Option<(String, usize)> {
    let quote = rest.chars().next()?;
    let mut text = String::new();
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            c if escaped => {
                text.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Some((text, at + c.len_utf8())),
            c => text.push(c),
        }
    }
    None
}

fn quoted(rest: &str) -> Option<(Kind, usize)> {
    quoted_text(rest).map(|(text, length)| (Kind::Quoted(text), length))
}

fn unexpected(token: &Token) -> Problem {
    let shown = match &token.kind {
        Kind::Word(word) => format!("`{word}`"),
        Kind::Quoted(text) => format!("the text {text:?}"),
        Kind::Sign(sign) => format!("`{sign}`"),
    };
    Problem::new(Code::ExprSyntax, token.at.clone(), format!("{shown} is not expected here"))
        .hint("write `amount > 1000 and region = eu`")
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    end: usize,
    depth: usize,
}

/// The right side of an operator.
enum Right {
    Value(Value, Range<usize>, bool),
    Field(Field, Range<usize>),
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Result<Token, Problem> {
        let token = self.peek().cloned();
        self.next += 1;
        token.ok_or_else(|| Problem::new(Code::ExprSyntax, self.end..self.end, "something is missing here"))
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let is_next = self.peek().is_some_and(|token| match &token.kind {
            Kind::Word(word) => words.contains(&word.as_str()),
            Kind::Sign(sign) => words.contains(sign),
            Kind::Quoted(_) => false,
        });
        self.next += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> Result<Selector, Problem> {
        let mut all = vec![self.all()?];
        while self.takes(&["or", "||"]) {
            all.push(self.all()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Selector::Any(all) })
    }

    fn all(&mut self) -> Result<Selector, Problem> {
        let mut all = vec![self.one()?];
        while self.takes(&["and", "&&"]) {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Selector::All(all) })
    }

    fn one(&mut self) -> Result<Selector, Problem> {
        if self.depth >= MAX_NESTING {
            let at = self.peek().map_or(self.end..self.end, |token| token.at.clone());
            return Err(Problem::new(Code::ExprTooDeep, at, "it is nested too deep"));
        }
        self.depth += 1;
        let selector = if self.takes(&["not", "!"]) {
            Selector::Not(Box::new(self.one()?))
        } else if self.takes(&["("]) {
            let inner = self.any()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(selector)
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Problem> {
        let token = self.take()?;
        if token.kind == Kind::Sign(sign) { Ok(()) } else { Err(unexpected(&token)) }
    }

    fn comparison(&mut self) -> Result<Selector, Problem> {
        let left = self.take()?;
        let field = field(&left)?;
        let operator = self.take()?;
        let name = match &operator.kind {
            Kind::Word(word) => word.as_str(),
            Kind::Sign(sign) => sign,
            Kind::Quoted(_) => return Err(unexpected(&operator)),
        };
        let test = match name {
            "in" => Test::In(self.values()?),
            "not" if self.takes(&["in"]) => Test::NotIn(self.values()?),
            "contains" => Test::Contains(self.text()?.0),
            "matches" => {
                let (pattern, at) = self.text()?;
                if let Err(error) = pattern::compile_pattern(&pattern) {
                    let message =
                        format!("the regular expression does not parse: {}", pattern::complaint(&error));
                    return Err(Problem::new(Code::BadPattern, at, message));
                }
                Test::Matches(pattern)
            }
            "==" | "=" | "!=" | ">" | ">=" | "<" | "<=" => return self.compared(field, &left, name),
            _ => {
                let message = format!("`{name}` compares nothing");
                return Err(Problem::new(Code::ExprSyntax, operator.at, message)
                    .hint("one of == != > >= < <= in, not in, matches, contains"));
            }
        };
        Ok(Selector::Match(field, Matcher { tests: vec![test] }))
    }

    fn compared(&mut self, field: Field, left: &Token, operator: &str) -> Result<Selector, Problem> {
        let orders = !matches!(operator, "==" | "=" | "!=");
        match self.right()? {
            Right::Field(other, at) => {
                let comparison = match operator {
                    "!=" => Comparison::Ne,
                    ">" => Comparison::Gt,
                    ">=" => Comparison::Gte,
                    "<" => Comparison::Lt,
                    "<=" => Comparison::Lte,
                    _ => Comparison::Eq,
                };
                let whole = left.at.start..at.end;
                let side = |field, at| Box::new(Expr { kind: ExprKind::Field(field), at });
                let kind =
                    ExprKind::Compare(comparison, side(field, left.at.clone()), side(other, at.clone()));
                Ok(Selector::Where(Expr { kind, at: whole }))
            }
            Right::Value(value, at, bare) => {
                if let (Value::Text(text), true) = (&value, orders) {
                    let problem = Problem::new(
                        Code::TypeMismatch,
                        at,
                        format!("a text has no order: `{operator}` takes a number or a duration"),
                    );
                    let hint = if bare {
                        format!("another attribute is written `.{text}`")
                    } else {
                        "compare it with `==`, or with a number".to_owned()
                    };
                    return Err(problem.hint(hint));
                }
                let test = match operator {
                    "!=" => Test::Ne(value),
                    ">" => Test::Gt(value),
                    ">=" => Test::Gte(value),
                    "<" => Test::Lt(value),
                    "<=" => Test::Lte(value),
                    _ => Test::Eq(value),
                };
                Ok(Selector::Match(field, Matcher { tests: vec![test] }))
            }
        }
    }

    fn right(&mut self) -> Result<Right, Problem> {
        let token = self.take()?;
        match &token.kind {
            Kind::Word(word) if word.starts_with('.') && word.len() > 1 => {
                Ok(Right::Field(Field::attribute(Scope::Either, &word[1..]), token.at))
            }
            Kind::Word(word) => Ok(Right::Value(constant(word), token.at, true)),
            Kind::Quoted(text) => Ok(Right::Value(Value::Text(text.clone()), token.at, false)),
            Kind::Sign(_) => Err(unexpected(&token)),
        }
    }

    fn values(&mut self) -> Result<Vec<Value>, Problem> {
        let open = self.take()?;
        let close = match open.kind {
            Kind::Sign("[") => "]",
            Kind::Sign("(") => ")",
            _ => return Err(unexpected(&open).hint("a list is written `[a, b]`")),
        };
        let mut values = Vec::new();
        loop {
            match self.right()? {
                Right::Value(value, ..) => values.push(value),
                Right::Field(_, at) => {
                    return Err(Problem::new(Code::TypeMismatch, at, "a list holds constants only"));
                }
            }
            if !self.takes(&[","]) {
                self.expect(close)?;
                return Ok(values);
            }
        }
    }

    fn text(&mut self) -> Result<(String, Range<usize>), Problem> {
        let token = self.take()?;
        match token.kind {
            Kind::Word(text) | Kind::Quoted(text) => Ok((text, token.at)),
            Kind::Sign(_) => Err(unexpected(&token)),
        }
    }
}

/// Returns the field that the left side of an operator names.
fn field(token: &Token) -> Result<Field, Problem> {
    match &token.kind {
        Kind::Quoted(key) => Ok(Field::attribute(Scope::Either, key)),
        Kind::Word(word) => match word.strip_prefix("span:") {
            Some(name) => match parse_field(name) {
                Ok(field @ Field::Intrinsic(_)) if !field.is_of_kin() => Ok(field),
                _ => Err(Problem::new(
                    Code::UnknownName,
                    token.at.clone(),
                    format!("a span has no field `{name}`"),
                )
                .hint("span:name, span:kind, span:status, span:duration …")),
            },
            None => Ok(Field::attribute(Scope::Either, word.strip_prefix('.').unwrap_or(word))),
        },
        Kind::Sign(_) => Err(unexpected(token)),
    }
}

/// A bare word on the right: a number, a duration, true or false, else a text.
fn constant(word: &str) -> Value {
    if let Ok(int) = word.parse() {
        return Value::Number(Number::Int(int));
    }
    if let Some(float) = word.parse::<f64>().ok().filter(|float| float.is_finite()) {
        return Value::Number(Number::Float(float));
    }
    match word {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let is_duration = word.starts_with(|c: char| c.is_ascii_digit());
    match Nanos::parse(word) {
        Ok(duration) if is_duration => Value::Duration(duration),
        _ => Value::Text(word.to_owned()),
    }
}
