//! The functions: their names, how many arguments they take, and what each becomes in the tree.

use std::ops::Range;

use super::context::Context;
use super::earlier::EarlierName;
use super::nearest::nearest;
use super::problem::Problem;
use super::tree::{Comparison, Function};
use crate::diagnostic::{Code, Hint};

/// The meaning of a called name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callable {
    /// The function form of a comparison.
    Compare(Comparison),
    /// `and(a, b, …)`
    And,
    /// `or(a, b, …)`
    Or,
    /// `between(x, low, high)`
    Between,
    /// A function of values.
    Value(Function),
    /// A function over earlier windows.
    Earlier(EarlierName),
}

/// Name, meaning, fewest and most arguments.
pub(super) const FUNCTIONS: [(&str, Callable, usize, usize); 22] = [
    ("gt", Callable::Compare(Comparison::Gt), 2, 2),
    ("gte", Callable::Compare(Comparison::Gte), 2, 2),
    ("lt", Callable::Compare(Comparison::Lt), 2, 2),
    ("lte", Callable::Compare(Comparison::Lte), 2, 2),
    ("eq", Callable::Compare(Comparison::Eq), 2, 2),
    ("neq", Callable::Compare(Comparison::Ne), 2, 2),
    ("and", Callable::And, 2, usize::MAX),
    ("or", Callable::Or, 2, usize::MAX),
    ("between", Callable::Between, 3, 3),
    ("abs", Callable::Value(Function::Abs), 1, 1),
    ("floor", Callable::Value(Function::Floor), 1, 1),
    ("ceil", Callable::Value(Function::Ceil), 1, 1),
    ("round", Callable::Value(Function::Round), 1, 1),
    ("min", Callable::Value(Function::Min), 2, usize::MAX),
    ("max", Callable::Value(Function::Max), 2, usize::MAX),
    ("coalesce", Callable::Value(Function::Coalesce), 2, usize::MAX),
    ("lower", Callable::Value(Function::Lower), 1, 1),
    ("upper", Callable::Value(Function::Upper), 1, 1),
    ("contains", Callable::Value(Function::Contains), 2, 2),
    ("starts_with", Callable::Value(Function::StartsWith), 2, 2),
    ("ends_with", Callable::Value(Function::EndsWith), 2, 2),
    ("length", Callable::Value(Function::Length), 1, 1),
];

impl Function {
    /// As written in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::Round => "round",
            Self::Min => "min",
            Self::Max => "max",
            Self::Coalesce => "coalesce",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Length => "length",
        }
    }
}

/// Of a function over spans, which other languages call in a condition, where it is declared.
fn over_spans(name: &str) -> Option<String> {
    let percentile = name.strip_prefix('p').is_some_and(|digits| digits.parse::<f64>().is_ok());
    let (form, comparison) = match name {
        "count" => ("{count: {where: \"status = error\"}}", "x > 5"),
        "count_distinct" | "uniq" | "distinct" => ("{count_distinct: user.id}", "x > 5"),
        "rate" | "increase" | "irate" | "per_second" => ("{rate: 1s}", "x > 5"),
        "sum" => ("{sum: duration}", "x > 1m"),
        "avg" | "mean" => ("{avg: duration}", "x > 1s"),
        "stddev" => ("{stddev: duration}", "x > 1s"),
        "percentile" | "quantile" | "histogram_quantile" | "quantile_over_time" => {
            ("{p99: duration}", "x > 1s")
        }
        percentile_name if percentile => {
            return Some(format!(
                "what is computed over spans is declared: `aggregation: {{x: {{{percentile_name}: duration}}}}`, `condition: x > 1s`"
            ));
        }
        _ => return None,
    };
    Some(format!(
        "what is computed over spans is declared: `aggregation: {{x: {form}}}`, `condition: {comparison}`"
    ))
}

/// Returns the meaning of `name`, called with `given` arguments.
pub(super) fn resolve(
    name: &str,
    name_at: &Range<usize>,
    call_at: &Range<usize>,
    given: usize,
    context: Context<'_>,
) -> Result<Callable, Problem> {
    if let Some((meaning, fewest, most, written)) = EarlierName::of(name) {
        if !matches!(context, Context::Condition { .. }) {
            let message = format!("`{name}` is about windows; it works in `condition` only");
            return Err(Problem::new(Code::UnknownFunction, name_at.clone(), message));
        }
        if (fewest..=most).contains(&given) {
            return Ok(Callable::Earlier(meaning));
        }
        return Err(wrong_number(name, call_at, (fewest, most), given).hint(format!("write `{written}`")));
    }
    let Some((_, callable, fewest, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        let known = FUNCTIONS.iter().map(|(known, ..)| *known).chain(EarlierName::all()).chain(["not"]);
        let hint = match name {
            "ge" => Hint::did_you_mean("gte"),
            "le" => Hint::did_you_mean("lte"),
            "ne" => Hint::did_you_mean("neq"),
            _ => match over_spans(name) {
                Some(declared) => Hint::from(declared),
                None => nearest(name, known).map_or_else(
                    || Hint::from("functions are listed under \"Expressions\" in the manual"),
                    Hint::did_you_mean,
                ),
            },
        };
        return Err(Problem::new(
            Code::UnknownFunction,
            name_at.clone(),
            format!("unknown function `{name}`"),
        )
        .hint(hint));
    };
    if (*fewest..=*most).contains(&given) {
        return Ok(*callable);
    }
    let problem = wrong_number(name, call_at, (*fewest, *most), given);
    Err(match name {
        "between" => problem.hint("write `between(x, low, high)`"),
        "min" | "max" if given == 1 => {
            problem.hint("the smallest or largest over spans is an aggregate, declared under `aggregation`")
        }
        _ => problem,
    })
}

/// A function is given another number of arguments than it takes, from the fewest to the most.
fn wrong_number(name: &str, call_at: &Range<usize>, (fewest, most): (usize, usize), given: usize) -> Problem {
    let wanted = match (fewest, most) {
        (0, 0) => "nothing".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (fewest, usize::MAX) => format!("at least {fewest} arguments"),
        (fewest, most) if fewest < most => format!("{fewest} or {most} arguments"),
        (fewest, _) => format!("{fewest} arguments"),
    };
    let message = format!("`{name}` takes {wanted}, not {given}");
    Problem::new(Code::WrongArguments, call_at.clone(), message)
}
