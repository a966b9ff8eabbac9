//! `TraceQL` filters with operators between them, by precedence climbing: `{ … } >> ({ … } || { … })`.
//!
//! Operators have the two ranks of Tempo's grammar: `&&` and `||` are of one, and bind looser than all that are about
//! structure. Those of one rank are taken from the left.

use std::ops::Range;

use super::limits::MAX_NESTING;
use super::problem::Problem;
use super::traceql::Filter;
use super::{check, parser, traceql};
use crate::diagnostic::Code;
use crate::rule::Selector;
use crate::trace::spanset::{Operator, Spanset};

/// The characters that operators are made of, and those that people take for them.
const OPERATORS: &str = "<>~!&|=-^+*/";

const ALL: &str =
    "between filters stand `> >> < << ~`, each with `!` or `&` before it if need be, `&&` and `||`";

/// The spanset of a whole text; or all mistakes of filters, and the first of what stands between them.
pub(super) fn parse(text: &str) -> Result<Spanset<Selector>, Vec<Problem>> {
    parser::short_enough(text)?;
    let mut reader = Reader { text, at: 0, nesting: 0, problems: Vec::new() };
    let read = reader.expression(Rank::Logical).and_then(|node| {
        if reader.rest().is_empty() { Ok(node.spanset) } else { Err(Some(reader.no_operator())) }
    });
    let Reader { mut problems, .. } = reader;
    match read {
        Ok(spanset) if problems.is_empty() => return Ok(spanset),
        Ok(_) => {}
        Err(problem) => problems.extend(problem),
    }
    problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
    Err(problems)
}

/// The rank of an operator, the one that binds looser first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Logical,
    Structural,
    /// Above all operators.
    Operand,
}

impl Rank {
    fn of(operator: Operator) -> Self {
        match operator {
            Operator::Both | Operator::Either => Self::Logical,
            Operator::Related(..) => Self::Structural,
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Logical => Self::Structural,
            Self::Structural | Self::Operand => Self::Operand,
        }
    }
}

/// A spanset, and how many operators stand above each other in it.
struct Node {
    spanset: Spanset<Selector>,
    height: usize,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
    /// The mistakes within filters.
    problems: Vec<Problem>,
}

/// A result; its error is the mistake at which reading stops, if it is not among those of the filters.
type Read<T> = Result<T, Option<Problem>>;

impl<'t> Reader<'t> {
    /// The text from the next character on that is no white space.
    fn rest(&mut self) -> &'t str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn expression(&mut self, loosest: Rank) -> Read<Node> {
        let mut left = self.operand()?;
        while let Some((operator, at)) = self.operator()? {
            let rank = Rank::of(operator);
            if rank < loosest {
                break;
            }
            self.at = at.end;
            let right = self.expression(rank.next())?;
            let height = parser::higher(left.height.max(right.height), &at)?;
            left = Node { spanset: Spanset::pair(operator, left.spanset, right.spanset), height };
        }
        Ok(left)
    }

    /// A filter, or a spanset in parentheses.
    fn operand(&mut self) -> Read<Node> {
        let rest = self.rest();
        let start = self.at;
        match rest.chars().next() {
            Some('{') => {
                self.filter(start).map(|selector| Node { spanset: Spanset::Filter(selector), height: 0 })
            }
            Some('(') => {
                self.at += 1;
                self.nesting += 1;
                if self.nesting > MAX_NESTING {
                    let message = format!("nested more than {MAX_NESTING} deep");
                    let problem = Problem::new(Code::ExprTooDeep, start..self.at, message);
                    return Err(Some(problem.hint("make it several rules")));
                }
                let node = self.expression(Rank::Logical)?;
                match self.rest().chars().next() {
                    Some(')') => self.at += 1,
                    None => {
                        let problem = Problem::new(Code::ExprSyntax, start..start + 1, "`(` is not closed");
                        return Err(Some(problem.hint("it lacks a `)`")));
                    }
                    Some(_) => return Err(Some(self.no_operator())),
                }
                self.nesting -= 1;
                Ok(node)
            }
            _ => Err(Some(self.no_operand())),
        }
    }

    /// A filter. What is wrong with it is noted, and reading goes on behind it.
    fn filter(&mut self, start: usize) -> Read<Selector> {
        let Filter { tokens, problems, end } = traceql::filter(self.text, start);
        let is_readable = problems.is_empty();
        self.problems.extend(problems);
        self.at = end.ok_or(None)?;
        let nothing = Selector::All(Vec::new());
        if !is_readable {
            return Ok(nothing);
        }
        let read =
            parser::filter(self.text, &tokens).map_err(|problem| vec![problem]).and_then(check::spanset);
        Ok(read.unwrap_or_else(|problems| {
            self.problems.extend(problems);
            nothing
        }))
    }

    /// The operator that comes next, and where it stands; none at the end, or at what is no operator.
    fn operator(&mut self) -> Read<Option<(Operator, Range<usize>)>> {
        let at = self.signs();
        let signs = &self.text[at.clone()];
        match Operator::of(signs) {
            Some(operator) => Ok(Some((operator, at))),
            None if signs.is_empty() => Ok(None),
            None => Err(Some(self.no_operator())),
        }
    }

    /// Returns the range of the signs that come next.
    fn signs(&mut self) -> Range<usize> {
        let rest = self.rest();
        self.at..self.at + rest.find(|c| !OPERATORS.contains(c)).unwrap_or(rest.len())
    }

    /// The mistake where a filter should stand, and does not.
    fn no_operand(&mut self) -> Problem {
        let rest = self.rest();
        if rest.is_empty() {
            let before = self.text.trim_end();
            let at = before.trim_end_matches(|c| OPERATORS.contains(c)).len()..before.len();
            let hint = match &before[at.clone()] {
                "" => "a filter stands in braces: `{ name = \"…\" }`".to_owned(),
                operator => format!("`{operator}` stands between two filters: `{{ … }}`"),
            };
            return Problem::new(Code::ExprSyntax, at, "a filter is missing at the end").hint(hint);
        }
        let signs = self.signs();
        let found = if signs.is_empty() { self.word() } else { signs };
        let shown = &self.text[found.clone()];
        let problem = Problem::new(Code::ExprSyntax, found, format!("expected a filter, found `{shown}`"));
        match shown {
            "!" => problem.hint("a relation is negated by its operator: `!>`, `!>>`, `!<`, `!<<`, `!~`"),
            _ => problem.hint("a filter stands in braces: `{ name = \"…\" }`, or in parentheses with others"),
        }
    }

    /// The mistake where a spanset could have ended, and does not.
    fn no_operator(&mut self) -> Problem {
        let rest = self.rest();
        let signs = self.signs();
        if let Some(stage) = rest
            .strip_prefix('|')
            .map(str::trim_start)
            .filter(|stage| signs.len() == 1 && stage.starts_with(|c: char| c.is_alphabetic()))
        {
            let name =
                &stage[..stage.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(stage.len())];
            let message = format!("`| {name}` is a stage of a pipeline, and `when` has none");
            return Problem::new(Code::BeyondOneSpan, self.at..self.text.len(), message).hint(
                "numbers of spans are compared beside `when`: `count: {of: '{ … }', as: n}`, `condition: n > 2`",
            );
        }
        if !signs.is_empty() {
            let shown = &self.text[signs.clone()];
            let message = format!("TraceQL knows no operator `{shown}` between filters");
            return Problem::new(Code::ExprSyntax, signs, message).hint(ALL);
        }
        if rest.starts_with(')') {
            let at = self.at..self.at + 1;
            return Problem::new(Code::ExprSyntax, at, "`)` was never opened");
        }
        if rest.starts_with(['{', '(']) {
            let at = self.at..self.at + 1;
            let problem = Problem::new(Code::ExprSyntax, at, "an operator is missing before this filter");
            return problem.hint(ALL);
        }
        let found = self.word();
        let shown = &self.text[found.clone()];
        let problem = Problem::new(Code::ExprSyntax, found, format!("expected an operator, found `{shown}`"));
        match shown {
            "and" => problem.hint("between filters it is `&&`"),
            "or" => problem.hint("between filters it is `||`"),
            "with" => problem.hint("leave it out: hints say how Tempo searches"),
            _ => problem.hint(ALL),
        }
    }

    /// Returns the range of the next word.
    fn word(&mut self) -> Range<usize> {
        let rest = self.rest();
        let is_in = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
        let length = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        let first = rest.chars().next().map_or(0, char::len_utf8);
        self.at..self.at + length.max(first)
    }
}
