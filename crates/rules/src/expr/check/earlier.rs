//! Calls of functions over earlier windows: their arguments, and what they are of.

use std::ops::Range;

use fluo_time::Nanos;
use fluo_time::duration::with_unit;

use super::Checker;
use crate::diagnostic::Code;
use crate::expr::earlier::EarlierName;
use crate::expr::problem::Problem;
use crate::expr::raw::{Raw, RawKind};
use crate::expr::tree::{EarlierCall, EarlierFunction, Expr, ExprKind};
use crate::expr::types::{Type, Typed};
use crate::matcher::{Number, Value};

impl Checker<'_> {
    /// A call with as many arguments as the function takes.
    pub(super) fn earlier(
        &mut self,
        name: EarlierName,
        arguments: Vec<Raw>,
        at: Range<usize>,
    ) -> Option<Typed> {
        let is_length = |raw: &Raw| matches!(raw.kind, RawKind::Literal(Value::Duration(_)));
        if let [first, second, ..] = arguments.as_slice()
            && is_length(first)
            && !is_length(second)
        {
            let message = "what it is of stands before how far it looks";
            let problem = Problem::new(Code::WrongArguments, at, message);
            return self.fail(problem.hint("write `avg_over(count, 1h)`"));
        }
        let mut arguments = arguments.into_iter();
        let mut ty = Type::Bool;
        let mut of = |checker: &mut Self, argument: Option<Raw>| {
            let Typed { expr, ty: found } = checker.over_earlier(argument?)?;
            ty = found;
            Some(Box::new(expr))
        };
        let function = match name {
            EarlierName::IsNew => Some(EarlierFunction::IsNew),
            EarlierName::Absent => {
                self.length(arguments.next()?).map(|past| EarlierFunction::Absent { past })
            }
            EarlierName::Previous => {
                let of = of(self, arguments.next());
                let windows = arguments.next().map_or(Some(1), |number| self.windows(&number));
                of.zip(windows).map(|(of, windows)| EarlierFunction::Previous { of, windows })
            }
            EarlierName::Over(total) => {
                let (of, past) = (of(self, arguments.next()), self.length(arguments.next()?));
                of.zip(past).map(|(of, past)| EarlierFunction::Over { total, of, past })
            }
            EarlierName::Offset => {
                let (of, by) = (of(self, arguments.next()), self.length(arguments.next()?));
                of.zip(by).map(|(of, by)| EarlierFunction::Offset { of, by })
            }
            EarlierName::ZScore => {
                let (of, past) = (of(self, arguments.next()), self.length(arguments.next()?));
                ty = Type::Number;
                of.zip(past).map(|(of, past)| EarlierFunction::ZScore { of, past })
            }
            EarlierName::PredictLinear => {
                let of = of(self, arguments.next());
                let (past, ahead) = (self.length(arguments.next()?), self.length(arguments.next()?));
                let (of, past, ahead) = (of?, past?, ahead?);
                Some(EarlierFunction::PredictLinear { of, past, ahead })
            }
        };
        self.aggregates_named += 1;
        let kind = ExprKind::Earlier(Box::new(EarlierCall::new(function?)));
        Some(Typed { expr: Expr { kind, at }, ty })
    }

    /// The argument that a function is of: a number or a duration that is made of aggregates.
    fn over_earlier(&mut self, raw: Raw) -> Option<Typed> {
        let mut typed = self.value(raw, None)?;
        let at = typed.expr.at.clone();
        if typed.ty.has_number() {
            typed.ty = Type::Number;
        } else if typed.ty != Type::Duration {
            return self.fail(super::not_a_number(typed.ty, at));
        }
        if let Some(inner) = typed.expr.earlier().first() {
            let message =
                format!("`{}` is about earlier windows, and stands in another such function", inner.name);
            let hint = "such a function is of aggregates: write them beside each other";
            return self.fail(Problem::new(Code::WrongArguments, at, message).hint(hint));
        }
        if typed.expr.aggregates().is_empty() {
            let message = format!("`{}` is the same in every window", typed.expr);
            let hint = "a function over earlier windows is of an aggregate: `avg_over(count, 1h)`";
            return self.fail(Problem::new(Code::NoAggregate, at, message).hint(hint));
        }
        Some(typed)
    }

    /// A length of time, as a constant above zero.
    fn length(&mut self, raw: Raw) -> Option<Nanos> {
        let problem = match &raw.kind {
            RawKind::Literal(Value::Duration(length)) if length.0 > 0 => return Some(*length),
            RawKind::Literal(Value::Duration(length)) => {
                let message = format!("`{length}` is no length of time to look back, or ahead");
                Problem::new(Code::WrongArguments, raw.at, message).hint("it is above zero: `1h`")
            }
            RawKind::Literal(Value::Number(number)) => {
                let number = ExprKind::Literal(Value::Number(*number));
                let spelling = Expr { kind: number, at: 0..0 }.to_string();
                Problem::new(Code::UnitMismatch, raw.at, format!("`{spelling}` has no unit"))
                    .hint(with_unit(&spelling))
            }
            _ => {
                let message = "how far it looks is a length of time, as it stands";
                Problem::new(Code::WrongArguments, raw.at, message).hint("write `avg_over(count, 1h)`")
            }
        };
        self.fail(problem)
    }

    /// A number of windows.
    fn windows(&mut self, raw: &Raw) -> Option<u32> {
        if let RawKind::Literal(Value::Number(Number::Int(windows))) = raw.kind
            && (1..=EarlierFunction::MOST_WINDOWS).contains(&windows)
            && let Ok(windows) = u32::try_from(windows)
        {
            return Some(windows);
        }
        let most = EarlierFunction::MOST_WINDOWS;
        let message = format!("how many windows before is a whole number from 1 to {most}");
        let problem = Problem::new(Code::WrongArguments, raw.at.clone(), message);
        self.fail(match &raw.kind {
            RawKind::Literal(Value::Duration(_)) => {
                problem.hint("the window that ended so long ago is `offset(count, 1d)`")
            }
            _ => problem.hint("write `previous(count, 3)`"),
        })
    }
}
