//! Raw tree → checked tree: every name resolved, every type and unit agreed.
//!
//! All mistakes are collected. A node with a mistake has no type, and what is built on it is not judged: one
//! mistake is told once.

mod earlier;

use std::ops::Range;

use super::context::{Context, LimitScope, NO_LIMITS};
use super::functions::{self, Callable};
use super::names::{self, Meaning, Words};
use super::nearest::nearest;
use super::problem::Problem;
use super::raw::{Raw, RawKind};
use super::tree::{Arithmetic, Comparison, Expr, ExprKind, Function};
use super::types::{self, Type, Typed};
use super::{pattern, traceql};
use crate::check::beyond_patterns;
use crate::diagnostic::{Code, Hint};
use crate::field::{Field, Intrinsic};
use crate::limits::PREFIX;
use crate::matcher::{Matcher, Test, Value};
use crate::rule::Selector;

/// The checked tree, which is boolean; or all mistakes, in the order of the text.
pub(super) fn check(raw: Raw, context: Context<'_>, limits: &LimitScope) -> Result<Expr, Vec<Problem>> {
    let mut checker = Checker::new(context, limits);
    let whole = raw.at.clone();
    let expr = checker.boolean(raw);
    if checker.problems.is_empty() && checker.aggregates_named == 0 && !matches!(context, Context::Where) {
        let problem = Problem::new(Code::NoAggregate, whole, "the condition depends on no aggregate");
        checker
            .problems
            .push(problem.hint("it is always true or always false; compare an aggregate, as in `count > 5`"));
    }
    match expr {
        Some(expr) if checker.problems.is_empty() => Ok(expr),
        _ => {
            checker.problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
            Err(checker.problems)
        }
    }
}

/// The checked tree, which is a number or a duration of one span; or all mistakes, in the order of the text.
pub(super) fn measure(raw: Raw, limits: &LimitScope) -> Result<Expr, Vec<Problem>> {
    let mut checker = Checker::new(Context::Where, limits);
    let measure = checker.value(raw, None);
    if let Some(Typed { expr, ty }) = &measure {
        let at = expr.at.clone();
        let fields = expr.fields();
        if !ty.has_number() && *ty != Type::Duration {
            checker.problems.push(not_a_number(*ty, at));
        } else if let Some(many) = fields.iter().find_map(|field| field.many()) {
            let message = format!("a span may have many {many}: their values are no number");
            checker.problems.push(Problem::new(Code::NotAggregatable, at, message));
        } else if fields.is_empty() {
            let message = "it depends on no field, and is the same of every span";
            checker.problems.push(Problem::new(Code::NotAggregatable, at, message));
        }
    }
    match measure {
        Some(Typed { expr, .. }) if checker.problems.is_empty() => Ok(expr),
        _ => {
            checker.problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
            Err(checker.problems)
        }
    }
}

/// The selector that a spanset filter is; or all mistakes, in the order of the text.
pub(super) fn spanset(raw: Raw) -> Result<Selector, Vec<Problem>> {
    let mut checker = Checker { traceql: true, ..Checker::new(Context::Where, NO_LIMITS) };
    let selector = checker.selector(raw);
    match selector {
        Some(selector) if checker.problems.is_empty() => Ok(selector),
        _ => {
            checker.problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
            Err(checker.problems)
        }
    }
}

struct Checker<'a> {
    context: Context<'a>,
    limits: &'a LimitScope,
    /// `true` where a bare attribute stands for its being true.
    traceql: bool,
    problems: Vec<Problem>,
    aggregates_named: usize,
}

impl<'a> Checker<'a> {
    fn new(context: Context<'a>, limits: &'a LimitScope) -> Self {
        Self { context, limits, traceql: false, problems: Vec::new(), aggregates_named: 0 }
    }

    /// Records a mistake; the node has no type.
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// An expression where true or false is needed.
    fn boolean(&mut self, raw: Raw) -> Option<Expr> {
        let Typed { expr, ty } = self.value(raw, None)?;
        if ty == Type::Bool {
            return Some(expr);
        }
        if ty == Type::Attribute && self.traceql {
            let at = expr.at.clone();
            let yes = Expr { kind: ExprKind::Literal(Value::Bool(true)), at: at.clone() };
            return Some(Expr { kind: ExprKind::Compare(Comparison::Eq, Box::new(expr), Box::new(yes)), at });
        }
        let message = format!("{ty} stands where a comparison is needed");
        let hint = match ty {
            Type::Attribute => format!("compare it: `{expr} == true`"),
            Type::Duration => format!("compare it: `{expr} > 1s`"),
            Type::Kind => format!("compare it: `{expr} = server`"),
            Type::Status => format!("compare it: `{expr} = error`"),
            Type::Text => format!("compare it: `{expr} = \"…\"`"),
            Type::Number | Type::Bool => format!("compare it: `{expr} > 0`"),
        };
        self.fail(Problem::new(Code::TypeMismatch, expr.at, message).hint(hint))
    }

    /// A filter as a selector: presence (`!= nil`) is a matter of selectors, all else of one expression.
    fn selector(&mut self, raw: Raw) -> Option<Selector> {
        if !asks_presence(&raw) {
            return self.boolean(raw).map(Selector::Where);
        }
        let all = |checker: &mut Self, parts: Vec<Raw>| {
            let parts: Vec<_> = parts.into_iter().map(|part| checker.selector(part)).collect();
            parts.into_iter().collect::<Option<Vec<_>>>()
        };
        match raw.kind {
            RawKind::And(left, right) => all(self, vec![*left, *right]).map(Selector::All),
            RawKind::Or(left, right) => all(self, vec![*left, *right]).map(Selector::Any),
            RawKind::Not(inner) => self.selector(*inner).map(|inner| Selector::Not(Box::new(inner))),
            RawKind::Compare(comparison @ (Comparison::Eq | Comparison::Ne), left, right) => {
                let field = if matches!(left.kind, RawKind::Nil) { *right } else { *left };
                self.presence(field, comparison == Comparison::Ne)
            }
            _ => self.boolean(raw).map(Selector::Where),
        }
    }

    /// `field = nil`, `field != nil`
    fn presence(&mut self, raw: Raw, there: bool) -> Option<Selector> {
        let matching = |field, test| Some(Selector::Match(field, Matcher { tests: vec![test] }));
        if matches!(&raw.kind, RawKind::Word(word) if word == traceql::PARENT_ID) {
            return matching(Field::Intrinsic(Intrinsic::Root), Test::Eq(Value::Bool(!there)));
        }
        let Typed { expr, .. } = self.value(raw, None)?;
        match expr.kind {
            ExprKind::Field(field) => matching(field, Test::Exists(there)),
            _ => self.fail(Problem::new(Code::TypeMismatch, expr.at, "only a field is compared with `nil`")),
        }
    }

    fn booleans(&mut self, left: Raw, right: Raw) -> Option<(Box<Expr>, Box<Expr>)> {
        let (left, right) = (self.boolean(left), self.boolean(right));
        Some((Box::new(left?), Box::new(right?)))
    }

    /// Any expression. `words` are those that a bare word may be, beside a kind or a status.
    fn value(&mut self, raw: Raw, words: Option<Words>) -> Option<Typed> {
        let at = raw.at;
        let typed = |kind, ty| Some(Typed { expr: Expr { kind, at: at.clone() }, ty });
        match raw.kind {
            RawKind::Literal(Value::Text(text)) => match words {
                Some(words) if !words.all().contains(&text.as_str()) => self.fail(words.unknown(&text, at)),
                _ => typed(ExprKind::Literal(Value::Text(text)), Type::Text),
            },
            RawKind::Literal(value) => {
                let ty = types::of_value(&value);
                typed(ExprKind::Literal(value), ty)
            }
            RawKind::Nil => {
                let problem = Problem::new(Code::TypeMismatch, at, "`nil` is no value to compute with");
                self.fail(problem.hint("whether a key is there is asked with `= nil` and `!= nil`"))
            }
            RawKind::Word(word) => self.word(word, at, words),
            RawKind::Indexed { scope, key } => match (names::index(&scope, &key, at.clone()), self.context) {
                (Ok(field), Context::Where) => {
                    let ty = types::of_field(&field);
                    typed(ExprKind::Field(field), ty)
                }
                (Ok(field), Context::Condition { .. } | Context::Counts { .. }) => self.fail(
                    Problem::new(
                        Code::UnknownName,
                        at,
                        "a condition is about a window of spans, not about one span's fields",
                    )
                    .hint(format!("declare an aggregate over it: `different: {{count_distinct: {field}}}`")),
                ),
                (Err(problem), _) => self.fail(problem),
            },
            RawKind::Not(operand) => typed(ExprKind::Not(Box::new(self.boolean(*operand)?)), Type::Bool),
            RawKind::And(left, right) => {
                let (left, right) = self.booleans(*left, *right)?;
                typed(ExprKind::And(left, right), Type::Bool)
            }
            RawKind::Or(left, right) => {
                let (left, right) = self.booleans(*left, *right)?;
                typed(ExprKind::Or(left, right), Type::Bool)
            }
            RawKind::Compare(comparison, left, right) => self.comparison(comparison, *left, *right, at),
            RawKind::Regex { item, pattern, negated } => self.regex(*item, *pattern, negated, at),
            RawKind::In(item, values) => self.membership(*item, values, at),
            RawKind::Negate(operand) => {
                let operand = self.value(*operand, None)?;
                let ty = match operand.ty {
                    Type::Duration => Type::Duration,
                    ty if ty.has_number() => Type::Number,
                    ty => return self.fail(not_a_number(ty, operand.expr.at)),
                };
                typed(ExprKind::Negate(Box::new(operand.expr)), ty)
            }
            RawKind::Arithmetic(operator, left, right) => self.arithmetic(operator, *left, *right, at),
            RawKind::Call { name, name_at, arguments } => self.call(&name, &name_at, arguments, at),
        }
    }

    fn word(&mut self, word: String, at: Range<usize>, words: Option<Words>) -> Option<Typed> {
        if words.is_some_and(|words| words.all().contains(&word.as_str())) {
            let kind = ExprKind::Literal(Value::Text(word));
            return Some(Typed { expr: Expr { kind, at }, ty: Type::Text });
        }
        if let Some(key) = word.strip_prefix(PREFIX) {
            return self.limit(key, at);
        }
        match names::resolve(&word, &at, self.context) {
            Ok(Meaning::Field(field)) => {
                let ty = types::of_field(&field);
                Some(Typed { expr: Expr { kind: ExprKind::Field(field), at }, ty })
            }
            Ok(Meaning::Aggregate(name)) => {
                self.aggregates_named += 1;
                let ty = match self.context {
                    Context::Condition { aggregates } => types::of_aggregate(&name, aggregates),
                    Context::Where | Context::Counts { .. } => Type::Number,
                };
                Some(Typed { expr: Expr { kind: ExprKind::Aggregate(name), at }, ty })
            }
            Err(_) if words.is_some_and(|_| !word.contains('.')) => {
                words.and_then(|words| self.fail(words.unknown(&word, at)))
            }
            Err(problem) => self.fail(problem),
        }
    }

    /// A limit by group.
    fn limit(&mut self, key: &str, at: Range<usize>) -> Option<Typed> {
        const OF_ONE_TRACE: &LimitScope = &LimitScope::Refused("a condition of `trace` is about one trace");
        let limits = if matches!(self.context, Context::Counts { .. }) { OF_ONE_TRACE } else { self.limits };
        match names::limit(key, &at, limits)? {
            Ok(limit) => {
                let ty = types::of_limit(&limit);
                Some(Typed { expr: Expr { kind: ExprKind::Limit(limit), at }, ty })
            }
            Err(problem) => self.fail(problem),
        }
    }

    /// The words that may stand beside `raw`: those of kind and status, also where it is a misspelling of them.
    /// Otherwise one mistake in `statuss = error` would be told twice.
    fn words_beside(&self, raw: &Raw) -> Option<Words> {
        let (RawKind::Word(word), Context::Where) = (&raw.kind, self.context) else { return None };
        let word = word.trim_start_matches("parent.");
        let near = match names::resolve(word, &raw.at, self.context) {
            Ok(_) => word,
            Err(_) => nearest(word, [Words::Kind.as_str(), Words::Status.as_str()])?,
        };
        [Words::Kind, Words::Status].into_iter().find(|words| words.as_str() == near)
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: Raw,
        right: Raw,
        at: Range<usize>,
    ) -> Option<Typed> {
        let (beside_left, beside_right) = (self.words_beside(&left), self.words_beside(&right));
        let left = self.value(left, beside_right);
        let right = self.value(right, beside_left);
        let (mut left, mut right) = (left?, right?);
        if let Err(problem) = types::compare(comparison, &mut left, &mut right, &at) {
            return self.fail(problem);
        }
        let kind = ExprKind::Compare(comparison, Box::new(left.expr), Box::new(right.expr));
        Some(Typed { expr: Expr { kind, at }, ty: Type::Bool })
    }

    fn between(&mut self, arguments: Vec<Raw>, at: Range<usize>) -> Option<Typed> {
        let typed: Vec<_> = arguments.into_iter().map(|argument| self.value(argument, None)).collect();
        let mut typed = typed.into_iter().collect::<Option<Vec<_>>>()?;
        let [item, low, high] = typed.as_mut_slice() else { return None };
        for bound in [low, high] {
            if let Err(problem) = types::compare(Comparison::Lte, item, bound, &at) {
                return self.fail(problem);
            }
        }
        let mut exprs = typed.into_iter().map(|typed| Box::new(typed.expr));
        let kind = ExprKind::Between(exprs.next()?, exprs.next()?, exprs.next()?);
        Some(Typed { expr: Expr { kind, at }, ty: Type::Bool })
    }

    fn regex(&mut self, item: Raw, pattern: Raw, negated: bool, at: Range<usize>) -> Option<Typed> {
        let item = self.value(item, None);
        let RawKind::Literal(Value::Text(text)) = pattern.kind else {
            let problem =
                Problem::new(Code::TypeMismatch, pattern.at, "a regular expression is a text in quotes");
            return self.fail(problem.hint("write `name =~ \"^GET /api\"`"));
        };
        if let Err(error) = pattern::compile_whole_pattern(&text) {
            let complaint = pattern::complaint(&error);
            let hint = beyond_patterns(&complaint);
            let message = format!("the regular expression does not parse: {complaint}");
            let mut problem = Problem::new(Code::BadPattern, pattern.at.clone(), message);
            problem.hint = hint.map(Hint::from);
            self.problems.push(problem);
            return None;
        }
        let item = item?;
        if !item.ty.has_text() {
            let message = format!("{} has no text to search in", item.ty);
            return self.fail(Problem::new(Code::TypeMismatch, item.expr.at, message));
        }
        let kind = ExprKind::Regex { item: Box::new(item.expr), pattern: text, negated };
        Some(Typed { expr: Expr { kind, at }, ty: Type::Bool })
    }

    fn membership(&mut self, item: Raw, values: Vec<Raw>, at: Range<usize>) -> Option<Typed> {
        let words = self.words_beside(&item);
        let item = self.value(item, None);
        let mut constants = Vec::with_capacity(values.len());
        if values.is_empty() {
            self.problems.push(Problem::new(Code::ExprSyntax, at.clone(), "nothing is in an empty list"));
        }
        let mut item = item;
        for value in values {
            let value_at = value.at.clone();
            if words.is_none() && !matches!(value.kind, RawKind::Literal(_)) {
                let problem = Problem::new(Code::TypeMismatch, value_at, "a list holds constants only");
                self.problems.push(match &value.kind {
                    RawKind::Word(word) => problem.hint(format!("a text is quoted: \"{word}\"")),
                    _ => problem,
                });
                continue;
            }
            let (Some(mut member), Some(item)) = (self.value(value, words), item.as_mut()) else { continue };
            if let Err(problem) = types::compare(Comparison::Eq, item, &mut member, &value_at) {
                self.problems.push(problem);
            } else if let ExprKind::Literal(value) = member.expr.kind {
                constants.push(value);
            } else {
                self.problems.push(Problem::new(Code::TypeMismatch, value_at, "a list holds constants only"));
            }
        }
        let kind = ExprKind::In(Box::new(item?.expr), constants);
        Some(Typed { expr: Expr { kind, at }, ty: Type::Bool })
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: Raw, right: Raw, at: Range<usize>) -> Option<Typed> {
        let (left, right) = (self.value(left, None), self.value(right, None));
        let (left, right) = (left?, right?);
        if let Some(ty) = types::of_arithmetic(operator, left.ty, right.ty) {
            let kind = ExprKind::Arithmetic(operator, Box::new(left.expr), Box::new(right.expr));
            return Some(Typed { expr: Expr { kind, at }, ty });
        }
        for operand in [&left, &right] {
            if !operand.ty.has_number() && operand.ty != Type::Duration {
                return self.fail(not_a_number(operand.ty, operand.expr.at.clone()));
            }
        }
        let problem = match operator {
            Arithmetic::Add => types::units(&left, &right, at, "added"),
            Arithmetic::Subtract => types::units(&left, &right, at, "subtracted"),
            Arithmetic::Multiply => {
                Problem::new(Code::UnitMismatch, at, "a duration cannot be multiplied by a duration")
            }
            Arithmetic::Divide => {
                Problem::new(Code::UnitMismatch, at, "a number cannot be divided by a duration")
                    .hint("a count per second is the aggregate `{rate: 1s}`")
            }
        };
        self.fail(problem)
    }

    fn call(
        &mut self,
        name: &str,
        name_at: &Range<usize>,
        arguments: Vec<Raw>,
        at: Range<usize>,
    ) -> Option<Typed> {
        let callable = match functions::resolve(name, name_at, &at, arguments.len(), self.context) {
            Ok(callable) => callable,
            Err(problem) => return self.fail(problem),
        };
        match callable {
            Callable::Between => self.between(arguments, at),
            Callable::And => self.fold(ExprKind::And, arguments, &at),
            Callable::Or => self.fold(ExprKind::Or, arguments, &at),
            Callable::Compare(comparison) => {
                let mut arguments = arguments.into_iter();
                self.comparison(comparison, arguments.next()?, arguments.next()?, at)
            }
            Callable::Value(function) => self.function(function, arguments, at),
            Callable::Earlier(name) => self.earlier(name, arguments, at),
        }
    }

    /// `and(a, b, c)` is `a and b and c`.
    fn fold(
        &mut self,
        operator: fn(Box<Expr>, Box<Expr>) -> ExprKind,
        arguments: Vec<Raw>,
        at: &Range<usize>,
    ) -> Option<Typed> {
        let checked: Vec<_> = arguments.into_iter().map(|argument| self.boolean(argument)).collect();
        let folded = checked
            .into_iter()
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .reduce(|left, right| Expr { kind: operator(Box::new(left), Box::new(right)), at: at.clone() });
        Some(Typed { expr: folded?, ty: Type::Bool })
    }

    fn function(&mut self, function: Function, arguments: Vec<Raw>, at: Range<usize>) -> Option<Typed> {
        let checked: Vec<_> = arguments.into_iter().map(|argument| self.value(argument, None)).collect();
        let checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        let (mut exprs, mut ty) = (Vec::with_capacity(checked.len()), None);
        for Typed { expr, ty: given } in checked {
            match accept(function, ty, given, &expr) {
                Ok(so_far) => ty = Some(so_far),
                Err(problem) => return self.fail(problem),
            }
            exprs.push(expr);
        }
        let ty = match function {
            Function::Length => Type::Number,
            Function::Contains | Function::StartsWith | Function::EndsWith => Type::Bool,
            _ => ty?,
        };
        Some(Typed { expr: Expr { kind: ExprKind::Call(function, exprs), at }, ty })
    }
}

/// Returns whether it is a test of presence, or built with `and`, `or` and `not` from one.
fn asks_presence(raw: &Raw) -> bool {
    match &raw.kind {
        RawKind::And(left, right) | RawKind::Or(left, right) => asks_presence(left) || asks_presence(right),
        RawKind::Not(inner) => asks_presence(inner),
        RawKind::Compare(Comparison::Eq | Comparison::Ne, left, right) => {
            matches!(left.kind, RawKind::Nil) != matches!(right.kind, RawKind::Nil)
        }
        _ => false,
    }
}

/// The type of a function's value after one more argument, given that of those before.
fn accept(function: Function, before: Option<Type>, given: Type, argument: &Expr) -> Result<Type, Problem> {
    let at = || argument.at.clone();
    let mixed = |before: Type| {
        let code =
            if types::is_unit_mismatch(before, given) { Code::UnitMismatch } else { Code::TypeMismatch };
        let message = format!("`{}` is given {before} and {given}", function.as_str());
        Problem::new(code, at(), message).hint("all its arguments are of one type and unit")
    };
    match function {
        Function::Abs | Function::Min | Function::Max => {
            let ty = match given {
                Type::Duration => Type::Duration,
                ty if ty.has_number() => Type::Number,
                ty => return Err(not_a_number(ty, at())),
            };
            before.map_or(Ok(ty), |before| if before == ty { Ok(ty) } else { Err(mixed(before)) })
        }
        Function::Floor | Function::Ceil | Function::Round => match given {
            Type::Duration => {
                Err(Problem::new(Code::UnitMismatch, at(), "a duration is rounded in which unit?")
                    .hint(format!("divide it by one: `{}({argument} / 1ms)`", function.as_str())))
            }
            ty if ty.has_number() => Ok(Type::Number),
            ty => Err(not_a_number(ty, at())),
        },
        Function::Coalesce => match before {
            None if given == Type::Bool => {
                Err(Problem::new(Code::TypeMismatch, at(), "a comparison always has a value"))
            }
            None => Ok(given),
            Some(before) => types::either(before, given).ok_or_else(|| mixed(before)),
        },
        Function::Lower
        | Function::Upper
        | Function::Contains
        | Function::StartsWith
        | Function::EndsWith
        | Function::Length => {
            if given.has_text() {
                return Ok(Type::Text);
            }
            let message = format!("`{}` is given {given}, not a text", function.as_str());
            let problem = Problem::new(Code::TypeMismatch, at(), message);
            Err(match argument.kind {
                ExprKind::Literal(_) => problem.hint(format!("quote it: \"{argument}\"")),
                _ => problem,
            })
        }
    }
}

fn not_a_number(ty: Type, at: Range<usize>) -> Problem {
    let problem = Problem::new(Code::TypeMismatch, at, format!("{ty} stands where a number is needed"));
    match ty {
        Type::Text => problem.hint("numbers stand without quotes"),
        _ => problem,
    }
}
