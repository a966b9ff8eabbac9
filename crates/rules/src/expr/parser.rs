//! Tokens → raw tree, by precedence climbing. Stops at the first mistake: what follows one is guesswork.

use std::ops::Range;

use super::level::Level;
use super::lexer::{self, Token, TokenKind};
use super::limits::{MAX_BYTES, MAX_HEIGHT, MAX_NESTING};
use super::problem::Problem;
use super::raw::{Raw, RawKind};
use super::tree::{Arithmetic, Comparison};
use super::{traceql, unsupported};
use crate::diagnostic::Code;
use crate::matcher::Value;

/// The raw tree of a whole text.
pub(super) fn parse(text: &str) -> Result<Raw, Vec<Problem>> {
    let tokens = readable(text)?;
    whole(text, &tokens).map_err(|problem| vec![problem])
}

/// The raw tree of `{ … }`.
pub(super) fn parse_spanset(text: &str) -> Result<Raw, Vec<Problem>> {
    short_enough(text)?;
    let tokens = traceql::tokens(text)?;
    filter(text, &tokens).map_err(|problem| vec![problem])
}

/// The raw tree of what stands in the braces of a filter.
pub(super) fn filter(text: &str, tokens: &[Token]) -> Result<Raw, Problem> {
    match tokens {
        [end] => Ok(Raw { kind: RawKind::Literal(Value::Bool(true)), at: end.at.clone() }),
        tokens => whole(text, tokens),
    }
}

pub(super) fn short_enough(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    let at = text.floor_char_boundary(MAX_BYTES)..text.len();
    let message = format!("the expression has {} bytes, more than {MAX_BYTES}", text.len());
    let problem = Problem::new(Code::ExprTooLong, at, message);
    Err(vec![problem.hint("lists are shorter with `in […]`; or make it several rules")])
}

/// Tokens, if the text is of a size and a language that can be parsed.
fn readable(text: &str) -> Result<Vec<Token>, Vec<Problem>> {
    short_enough(text)?;
    let tokens = lexer::tokens(text)?;
    match unsupported::traces(&tokens) {
        Some(problem) => Err(vec![problem]),
        None => Ok(tokens),
    }
}

fn whole(text: &str, tokens: &[Token]) -> Result<Raw, Problem> {
    let mut parser = Parser { text, tokens, next: 0, nesting: 0 };
    if parser.peek().kind == TokenKind::End {
        return Err(Problem::new(Code::ExprSyntax, parser.peek().at.clone(), "the expression is empty"));
    }
    let node = parser.expression(Level::Or)?;
    if parser.peek().kind != TokenKind::End {
        return Err(parser.no_operator());
    }
    Ok(node.raw)
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Infix {
    Or,
    And,
    Compare(Comparison),
    Regex { negated: bool },
    In,
    Arithmetic(Arithmetic),
}

impl Infix {
    fn of(token: &TokenKind) -> Option<Self> {
        Some(match token {
            TokenKind::Symbol("||") => Self::Or,
            TokenKind::Symbol("&&") => Self::And,
            TokenKind::Symbol("=" | "==") => Self::Compare(Comparison::Eq),
            TokenKind::Symbol("!=") => Self::Compare(Comparison::Ne),
            TokenKind::Symbol("<") => Self::Compare(Comparison::Lt),
            TokenKind::Symbol("<=") => Self::Compare(Comparison::Lte),
            TokenKind::Symbol(">") => Self::Compare(Comparison::Gt),
            TokenKind::Symbol(">=") => Self::Compare(Comparison::Gte),
            TokenKind::Symbol("=~") => Self::Regex { negated: false },
            TokenKind::Symbol("!~") => Self::Regex { negated: true },
            TokenKind::Symbol("+") => Self::Arithmetic(Arithmetic::Add),
            TokenKind::Symbol("-") => Self::Arithmetic(Arithmetic::Subtract),
            TokenKind::Symbol("*") => Self::Arithmetic(Arithmetic::Multiply),
            TokenKind::Symbol("/") => Self::Arithmetic(Arithmetic::Divide),
            TokenKind::Word(word) => match word.as_str() {
                "or" => Self::Or,
                "and" => Self::And,
                "in" => Self::In,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn level(self) -> Level {
        match self {
            Self::Or => Level::Or,
            Self::And => Level::And,
            Self::Compare(_) | Self::Regex { .. } | Self::In => Level::Compare,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => Level::Add,
            Self::Arithmetic(Arithmetic::Multiply | Arithmetic::Divide) => Level::Multiply,
        }
    }
}

/// A tree and its height, which is bounded while it grows.
struct Node {
    raw: Raw,
    height: usize,
}

impl Node {
    fn leaf(kind: RawKind, at: Range<usize>) -> Self {
        Self { raw: Raw { kind, at }, height: 1 }
    }
}

struct Parser<'t> {
    text: &'t str,
    /// The last one is [`TokenKind::End`].
    tokens: &'t [Token],
    next: usize,
    nesting: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &'t Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> &'t Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take(&mut self, symbol: &'static str) -> Option<&'t Token> {
        (self.peek().kind == TokenKind::Symbol(symbol)).then(|| self.advance())
    }

    fn expression(&mut self, loosest: Level) -> Result<Node, Problem> {
        let mut left = self.prefix(loosest)?;
        while let Some(infix) = Infix::of(&self.peek().kind).filter(|infix| infix.level() >= loosest) {
            let operator = self.advance();
            left = self.infix(left, infix, operator)?;
        }
        Ok(left)
    }

    fn infix(&mut self, left: Node, infix: Infix, operator: &Token) -> Result<Node, Problem> {
        if infix == Infix::In {
            return self.members(left);
        }
        let right = self.expression(infix.level().tighter())?;
        if infix.level() == Level::Compare {
            self.refuse_chain()?;
        }
        let height = higher(left.height.max(right.height), &operator.at)?;
        let at = left.raw.at.start..right.raw.at.end;
        let (left, right) = (Box::new(left.raw), Box::new(right.raw));
        let kind = match infix {
            Infix::Or => RawKind::Or(left, right),
            Infix::And => RawKind::And(left, right),
            Infix::Compare(comparison) => RawKind::Compare(comparison, left, right),
            Infix::Arithmetic(arithmetic) => RawKind::Arithmetic(arithmetic, left, right),
            Infix::Regex { negated } => RawKind::Regex { item: left, pattern: right, negated },
            Infix::In => return Err(self.expected("a list")),
        };
        Ok(Node { raw: Raw { kind, at }, height })
    }

    fn refuse_chain(&self) -> Result<(), Problem> {
        let token = self.peek();
        match Infix::of(&token.kind) {
            Some(infix) if infix.level() == Level::Compare => {
                Err(Problem::new(Code::ExprSyntax, token.at.clone(), "comparisons do not chain")
                    .hint("write `a < b and b < c`, or `between(b, a, c)`"))
            }
            _ => Ok(()),
        }
    }

    /// `[a, b]` or `(a, b)` behind `in`.
    fn members(&mut self, item: Node) -> Result<Node, Problem> {
        let open = self.peek();
        let close = match open.kind {
            TokenKind::Symbol("[") => "]",
            TokenKind::Symbol("(") => ")",
            _ => return Err(self.expected("a list").hint("write `in [a, b]`")),
        };
        self.advance();
        let (values, _, end) = self.list(close, open)?;
        self.refuse_chain()?;
        let at = item.raw.at.start..end;
        let height = higher(item.height, &open.at)?;
        let values = values.into_iter().map(|value| value.raw).collect();
        Ok(Node { raw: Raw { kind: RawKind::In(Box::new(item.raw), values), at }, height })
    }

    /// Expressions up to and with `close`; their greatest height, and where the list ends.
    fn list(&mut self, close: &'static str, open: &Token) -> Result<(Vec<Node>, usize, usize), Problem> {
        self.enter(&open.at)?;
        let mut nodes = Vec::new();
        let mut height = 0;
        let end = loop {
            if nodes.is_empty()
                && let Some(end) = self.take(close)
            {
                break end;
            }
            let node = self.expression(Level::Or)?;
            height = height.max(node.height);
            nodes.push(node);
            if let Some(end) = self.take(close) {
                break end;
            }
            if self.take(",").is_none() {
                return Err(self.unclosed(close, open));
            }
        };
        self.nesting -= 1;
        Ok((nodes, height, end.at.end))
    }

    fn enter(&mut self, at: &Range<usize>) -> Result<(), Problem> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            let message = format!("nested more than {MAX_NESTING} deep");
            return Err(Problem::new(Code::ExprTooDeep, at.clone(), message).hint("make it several rules"));
        }
        Ok(())
    }

    /// An operand with what stands before it.
    fn prefix(&mut self, loosest: Level) -> Result<Node, Problem> {
        let token = self.peek();
        match &token.kind {
            TokenKind::Symbol("!") => self.not(token, loosest),
            TokenKind::Word(word) if word == "not" => self.not(token, loosest),
            TokenKind::Symbol("-") => self.negate(token),
            TokenKind::Symbol("(") => {
                self.advance();
                self.enter(&token.at)?;
                let mut node = self.expression(Level::Or)?;
                let Some(close) = self.take(")") else { return Err(self.unclosed(")", token)) };
                self.nesting -= 1;
                node.raw.at = token.at.start..close.at.end;
                Ok(node)
            }
            TokenKind::Constant(value) => {
                self.advance();
                Ok(Node::leaf(RawKind::Literal(value.clone()), token.at.clone()))
            }
            TokenKind::Text(text) => {
                self.advance();
                Ok(Node::leaf(RawKind::Literal(Value::Text(text.clone())), token.at.clone()))
            }
            TokenKind::Key { scope, key } => {
                self.advance();
                let kind = RawKind::Indexed { scope: (*scope).to_owned(), key: key.clone() };
                Ok(Node::leaf(kind, token.at.clone()))
            }
            TokenKind::Nil => {
                self.advance();
                Ok(Node::leaf(RawKind::Nil, token.at.clone()))
            }
            TokenKind::Word(word) => self.word(token, word),
            TokenKind::Symbol(_) | TokenKind::End => Err(self.no_operand()),
        }
    }

    fn not(&mut self, token: &Token, loosest: Level) -> Result<Node, Problem> {
        if loosest > Level::Not {
            return Err(Problem::new(Code::ExprSyntax, token.at.clone(), "`not` cannot be an operand here")
                .hint("put it in parentheses: `(not …)`"));
        }
        self.advance();
        self.enter(&token.at)?;
        let operand = self.expression(Level::Not)?;
        self.nesting -= 1;
        let at = token.at.start..operand.raw.at.end;
        let height = higher(operand.height, &token.at)?;
        Ok(Node { raw: Raw { kind: RawKind::Not(Box::new(operand.raw)), at }, height })
    }

    fn negate(&mut self, minus: &Token) -> Result<Node, Problem> {
        self.advance();
        let operand = self.peek();
        if matches!(operand.kind, TokenKind::Constant(_)) {
            self.advance();
            let at = minus.at.start..operand.at.end;
            // Read again with its sign: the smallest integer has no positive counterpart.
            let value = lexer::constant(&format!("-{}", &self.text[operand.at.clone()]))
                .map_err(|(message, hint)| Problem::new(Code::ExprSyntax, at.clone(), message).hint(hint))?;
            return Ok(Node::leaf(RawKind::Literal(value), at));
        }
        self.enter(&minus.at)?;
        let operand = self.expression(Level::Unary)?;
        self.nesting -= 1;
        let at = minus.at.start..operand.raw.at.end;
        let height = higher(operand.height, &minus.at)?;
        Ok(Node { raw: Raw { kind: RawKind::Negate(Box::new(operand.raw)), at }, height })
    }

    /// A name, a call, or a key in brackets.
    fn word(&mut self, token: &Token, word: &str) -> Result<Node, Problem> {
        match word {
            "true" => {
                self.advance();
                return Ok(Node::leaf(RawKind::Literal(Value::Bool(true)), token.at.clone()));
            }
            "false" => {
                self.advance();
                return Ok(Node::leaf(RawKind::Literal(Value::Bool(false)), token.at.clone()));
            }
            _ => {}
        }
        let after = &self.tokens[(self.next + 1).min(self.tokens.len() - 1)];
        if after.kind == TokenKind::Symbol("(") && word != "in" {
            return self.call(token, word);
        }
        if matches!(word, "and" | "or" | "in") {
            return Err(self.expected("a value"));
        }
        self.advance();
        if after.kind == TokenKind::Symbol("[") {
            return self.indexed(token, word);
        }
        Ok(Node::leaf(RawKind::Word(word.to_owned()), token.at.clone()))
    }

    fn call(&mut self, token: &Token, name: &str) -> Result<Node, Problem> {
        self.advance();
        let open = self.advance();
        let (arguments, below, end) = self.list(")", open)?;
        // `and(a, b, c)` becomes as many levels as it has arguments.
        let levels = if matches!(name, "and" | "or") { arguments.len().max(1) } else { 1 };
        let height = higher(below + levels - 1, &token.at)?;
        let arguments = arguments.into_iter().map(|argument| argument.raw).collect();
        let kind = RawKind::Call { name: name.to_owned(), name_at: token.at.clone(), arguments };
        Ok(Node { raw: Raw { kind, at: token.at.start..end }, height })
    }

    fn indexed(&mut self, token: &Token, scope: &str) -> Result<Node, Problem> {
        let open = self.advance();
        let key = self.peek();
        let TokenKind::Text(text) = &key.kind else {
            let problem = self.expected("a key in quotes");
            return Err(match &key.kind {
                TokenKind::Constant(Value::Duration(window)) => problem.hint(format!(
                    "how far it looks back is the rule's window: `window: {window}`, beside `condition:`"
                )),
                _ => problem.hint("write `span[\"weird key!\"]`"),
            });
        };
        self.advance();
        let Some(close) = self.take("]") else { return Err(self.unclosed("]", open)) };
        let kind = RawKind::Indexed { scope: scope.to_owned(), key: text.clone() };
        Ok(Node::leaf(kind, token.at.start..close.at.end))
    }

    fn expected(&self, what: &str) -> Problem {
        let token = self.peek();
        let found = described(token, self.text);
        Problem::new(Code::ExprSyntax, token.at.clone(), format!("expected {what}, found {found}"))
    }

    /// Returns the problem where an operand should stand; some operators of other languages end up here.
    fn no_operand(&self) -> Problem {
        let token = self.peek();
        let problem = self.expected("a value");
        let operator = self.next.checked_sub(1).map(|before| self.tokens[before].at.start..token.at.end);
        match operator.map(|at| &self.text[at]) {
            Some("=>") => problem.hint("greater or equal is `>=`"),
            Some("=<") => problem.hint("less or equal is `<=`"),
            Some("<>") => problem.hint("not equal is `!=`"),
            None if matches!(token.kind, TokenKind::Symbol("<" | "<=" | ">" | ">=" | "=" | "==" | "!=")) => {
                problem.hint("say what is compared: `count > 5`")
            }
            _ => problem,
        }
    }

    fn unclosed(&self, close: &str, open: &Token) -> Problem {
        let shown = &self.text[open.at.clone()];
        let problem = self.expected(&format!("`{close}`"));
        match &self.peek().kind {
            TokenKind::End => Problem { at: open.at.clone(), ..problem }
                .with_message(format!("`{shown}` is not closed"))
                .hint(format!("it lacks a `{close}`")),
            _ => match self.no_operator().hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            },
        }
    }

    /// Returns the problem where an expression could have ended, and did not.
    fn no_operator(&self) -> Problem {
        let token = self.peek();
        let problem = self.expected("an operator");
        let before = &self.text[..token.at.start];
        match &token.kind {
            TokenKind::Symbol(")" | "]" | "}") => {
                let shown = &self.text[token.at.clone()];
                problem.with_message(format!("`{shown}` was never opened"))
            }
            TokenKind::Symbol("!") => problem.hint("not equal is `!=`"),
            TokenKind::Word(word) if word == "for" => {
                problem.hint("how long it must hold is a key of its own: `for: 5m`, beside `condition:`")
            }
            TokenKind::Word(word) if matches!(word.as_str(), "by" | "without" | "over" | "on") => {
                problem.hint("groups and the window are keys of the rule: `group_by: [service_name]`, `window: 5m`")
            }
            TokenKind::Symbol("{" ) => problem
                .hint("spans are selected by `span:`, beside `condition:`, which compares what is computed over them"),
            TokenKind::Word(word) if word == "not" => problem.hint("write `not (x in […])`, or `x != y`"),
            TokenKind::Word(word)
                if matches!(word.as_str(), "between" | "contains" | "starts_with" | "ends_with") =>
            {
                problem.hint(format!("it is a function: `{word}(…)`"))
            }
            TokenKind::Word(word) if matches!(word.to_lowercase().as_str(), "and" | "or" | "in") => {
                problem.hint(format!("operators are in lower case: `{}`", word.to_lowercase()))
            }
            TokenKind::Word(_) | TokenKind::Text(_) | TokenKind::Constant(_)
                if before.trim_end().ends_with(['"', '\'']) =>
            {
                problem.hint("a quote inside a text is written `\\\"` or `\\'`")
            }
            _ => problem,
        }
    }
}

/// The height of a node above one of height `below`.
pub(super) fn higher(below: usize, at: &Range<usize>) -> Result<usize, Problem> {
    if below < MAX_HEIGHT {
        return Ok(below + 1);
    }
    let message = format!("more than {MAX_HEIGHT} operators in a row");
    Err(Problem::new(Code::ExprTooDeep, at.clone(), message)
        .hint("lists are shorter with `in […]`; or make it several rules"))
}

impl Problem {
    fn with_message(mut self, message: String) -> Self {
        self.message = super::problem::one_line(message);
        self
    }
}

/// A token as messages name it.
fn described(token: &Token, text: &str) -> String {
    match &token.kind {
        TokenKind::End if token.at.is_empty() => "the end".to_owned(),
        TokenKind::Word(_)
        | TokenKind::Key { .. }
        | TokenKind::Nil
        | TokenKind::Constant(_)
        | TokenKind::Symbol(_)
        | TokenKind::End => format!("`{}`", &text[token.at.clone()]),
        TokenKind::Text(_) => "a text".to_owned(),
    }
}
