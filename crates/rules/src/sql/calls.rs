//! Calls of functions in a query: which are allowed, how, and of which type they are.

use std::ops::Range;

use sqlparser::ast::{
    DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Spanned, WindowSpec, WindowType,
};

use super::WINDOW_END;
use super::expression::literal;
use super::functions::{Class, FUNCTIONS, Function, Gives as Of, function_called};
use super::query::{Checker, Scope, single};
use super::typed::{Kind, Typed};
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::expr::{Problem, compile_pattern};

/// The most bytes that what a pattern matches is replaced by.
const MOST_REPLACEMENT: usize = 8;

impl Checker<'_> {
    pub(super) fn call(&mut self, call: &Call, scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        let name_at = self.place_of_name(&call.name);
        let Some(function) = self.function(call, &name_at) else {
            // What is wrong in its arguments is told, too.
            self.arguments(call, scope);
            return Typed::unknown();
        };
        let FunctionArguments::List(list) = &call.args else {
            self.refuse(at, "a function without parentheses", "");
            return Typed::unknown();
        };
        let plain = matches!(call.parameters, FunctionArguments::None) && !call.uses_odbc_syntax;
        if !plain {
            self.refuse(at.clone(), "this way to call a function", "");
        }
        let is_of_rows = function.class != Class::Scalar;
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && !is_of_rows {
            self.refuse(name_at.clone(), "`DISTINCT` in a function of one row", "");
        }
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(orders) if is_of_rows => {
                    for order in orders {
                        self.order(order, scope);
                    }
                }
                FunctionArgumentClause::IgnoreOrRespectNulls(_) if is_of_rows => {}
                _ => self.refuse(name_at.clone(), "this clause of a function", ""),
            }
        }
        let mut arguments = self.arguments(call, scope);
        if let Some(filter) = &call.filter {
            self.condition(filter, scope);
        }
        for order in &call.within_group {
            self.order(order, scope);
            // `percentile_cont(0.99) WITHIN GROUP (ORDER BY x)`
            arguments.insert(0, self.expression(&order.expr, scope));
        }
        match &call.over {
            None if function.class == Class::Window => {
                self.refuse(name_at.clone(), &format!("`{}` without `OVER`", function.name), "");
            }
            None => {}
            Some(_) if matches!(function.class, Class::Scalar | Class::Aggregate) => {
                let hint = "count, sum, avg, min, max, stddev, first_value, lag and row_number can be";
                self.refuse(name_at.clone(), &format!("`{}` with `OVER`", function.name), hint);
            }
            Some(WindowType::WindowSpec(spec)) => self.over(spec, scope),
            Some(WindowType::NamedWindow(_)) => self.refuse(at.clone(), "a named window", "write `OVER (…)`"),
        }
        self.result(function, &at, call, arguments)
    }

    /// The function that is called; none, reported, where it is not allowed.
    fn function(&mut self, call: &Call, at: &Range<usize>) -> Option<&'static Function> {
        let name = single(&call.name);
        if let Some(function) = name.as_deref().and_then(function_called) {
            return Some(function);
        }
        let message = format!("`{}` is no function that a rule's query may call", call.name);
        let near = name.as_deref().and_then(|name| nearest(name, FUNCTIONS.iter().map(|known| known.name)));
        let problem = Problem::new(Code::UnknownFunction, at.clone(), message);
        let is_clock = matches!(
            name.as_deref(),
            Some("now" | "current_timestamp" | "current_date" | "current_time" | "today" | "localtimestamp")
        );
        self.problems.push(match (is_clock, near) {
            (true, _) => problem.hint(format!("the moment that is judged is `{WINDOW_END}`")),
            (false, Some(near)) => problem.hint(Hint::did_you_mean(near)),
            (false, None) => {
                problem.hint("a function that reads only what it is given is in the manual's list")
            }
        });
        None
    }

    fn arguments(&mut self, call: &Call, scope: &Scope<'_>) -> Vec<Typed> {
        let FunctionArguments::List(list) = &call.args else { return Vec::new() };
        let name = single(&call.name);
        // Of a function that there is not, only that is told.
        let takes_star = name.is_none_or(|name| name == "count" || function_called(&name).is_none());
        let mut arguments = Vec::new();
        for argument in &list.args {
            arguments.push(match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expression(expr, scope),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if takes_star => Typed::of(Kind::Whole),
                _ => {
                    let at = self.around.clone();
                    self.refused(at, "this kind of argument", "")
                }
            });
        }
        arguments
    }

    fn over(&mut self, spec: &WindowSpec, scope: &Scope<'_>) {
        if spec.window_name.is_some() {
            self.refuse(self.around.clone(), "a named window", "write `OVER (…)`");
        }
        spec.partition_by.iter().for_each(|expr| drop(self.expression(expr, scope)));
        spec.order_by.iter().for_each(|order| self.order(order, scope));
        // The bounds of its frame are constants, or the planner refuses it.
    }

    /// The type of what a function gives.
    fn result(
        &mut self,
        function: &Function,
        at: &Range<usize>,
        call: &Call,
        arguments: Vec<Typed>,
    ) -> Typed {
        let mut all = Typed { texts: 1, ..Typed::of(Kind::Null) };
        for argument in &arguments {
            all = all.reading(argument);
        }
        let first = arguments.first().map_or(Kind::Null, |argument| argument.kind);
        if first == Kind::Text
            && matches!(function.name, "sum" | "avg" | "median" | "stddev" | "percentile_cont")
        {
            let message = format!("`{}` is of numbers, and this is text", function.name);
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems
                .push(problem.hint("make a number of it: `TRY_CAST(attributes['amount'] AS DOUBLE)`"));
            return all.with(Kind::Unknown);
        }
        let of_numbers = matches!(
            function.name,
            "approx_median"
                | "approx_percentile_cont"
                | "median"
                | "percentile_cont"
                | "stddev"
                | "stddev_pop"
                | "stddev_samp"
        );
        if of_numbers && matches!(first, Kind::Duration | Kind::Moment) {
            let message = format!("`{}` is of numbers, and this is {}", function.name, first.describe());
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems.push(problem.hint(format!(
                "make a duration of what comes out: `nanoseconds({}(duration_ns))`",
                function.name
            )));
            return all.with(Kind::Unknown);
        }
        if matches!(first, Kind::Attributes(_)) && function.name != "count" {
            self.problem(Code::TypeMismatch, at.clone(), "all attributes together cannot be an argument");
            return all.with(Kind::Unknown);
        }
        let largest = arguments.iter().map(|argument| argument.texts).max().unwrap_or(1);
        if function.name.starts_with("regexp_")
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern))) = argument(call, 1)
        {
            self.pattern(pattern);
            let matches_nothing = literal(pattern).and_then(|text| compile_pattern(text).ok());
            if function.result == Of::Replaced && matches_nothing.is_some_and(|pattern| pattern.is_match(""))
            {
                let at = self.place(pattern.span());
                self.refuse(at, "a replaced pattern that matches the empty text", "");
            }
        }
        match function.result {
            Of::Text => Typed { texts: largest, ..all.with(Kind::Text) },
            Of::Whole => all.with(Kind::Whole),
            Of::Number => all.with(Kind::Number),
            Of::Duration => all.with(Kind::Duration),
            Of::Bool => all.with(Kind::Bool),
            Of::First => Typed { texts: largest, ..all.with(first) },
            Of::Mean => all.with(if first == Kind::Whole { Kind::Number } else { first }),
            Of::All => self.any_of(at, arguments),
            Of::Later => self.any_of(at, arguments.into_iter().skip(1).collect()),
            Of::Joined => {
                // Between all of them stands the separator.
                let times = if function.name == "concat_ws" { 2 } else { 1 };
                let parts = arguments
                    .into_iter()
                    .map(|part| Typed { texts: part.texts.saturating_mul(times), ..part });
                self.joined(at, parts)
            }
            Of::Replaced => {
                let by = argument(call, 2).and_then(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(by)) => literal(by),
                    _ => None,
                });
                if by.is_none_or(|by| by.len() > MOST_REPLACEMENT) {
                    let what = "a replacement that is not written out, or is long";
                    self.refuse(
                        at.clone(),
                        what,
                        &format!("write a text of at most {MOST_REPLACEMENT} bytes"),
                    );
                }
                // Each byte may become one replacement.
                let texts = largest.saturating_mul(8);
                self.grown(at, Typed { texts, ..all.with(Kind::Text) })
            }
        }
    }

    /// The type of any of some arguments.
    fn any_of(&mut self, at: &Range<usize>, arguments: Vec<Typed>) -> Typed {
        let start = Typed::of(Kind::Null);
        arguments.into_iter().fold(start, |all, argument| self.either(at, all, &argument))
    }
}

fn argument(call: &Call, at: usize) -> Option<&FunctionArg> {
    match &call.args {
        FunctionArguments::List(list) => list.args.get(at),
        _ => None,
    }
}
