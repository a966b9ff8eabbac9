//! The direction in which a condition moves when spans are added to its window: it decides between *exact* and *grid*.
//!
//! A condition that more spans can only make truer may be judged at every moment and reported at once: nothing that
//! arrives later takes it back. That is so for `and`/`or` of comparisons *increasing* `>` *constant* and
//! *decreasing* `<` *constant*. Everything else is judged on a grid, behind the watermark. Being told "grid" of a
//! condition that is monotone costs a minute; the reverse would cost a false alert, so every case not listed is grid.
//!
//! A condition with levels is exact where each of them is: then how bad it is only rises, too. What ends a violation
//! (`resolve_condition`) must be the reverse, so that more spans can only keep it going: *increasing* `<` *constant*, of
//! what has a value in every window.

use std::ops::Range;

use fluo_rules::condition::{Condition, Written};
use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind};
use fluo_rules::limits::Limits;
use fluo_rules::matcher::Value;
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_rules::trace::spanset::Spanset;
use fluo_rules::trace::{Demand, StepCount, TraceRule};

use crate::project::is_duration;

/// At which moments a rule is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judging {
    /// At the end of every matching span.
    Exact,
    /// At multiples of the grid step.
    Grid(Reason),
}

/// The reason why a rule is judged on the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It says `every`.
    Every,
    /// It says `for`.
    For,
    /// It asks for the parents or children of spans.
    Kin,
    /// It is a query.
    Sql,
    /// Its condition, a level of it, or what ends it, is not monotone.
    Condition {
        /// The part that is not.
        part: String,
        /// The reason why it is not monotone, as the end of a sentence.
        because: String,
    },
}

impl Judging {
    /// Decides for a rule.
    pub fn of(rule: &Rule) -> Self {
        if rule.kin.is_some() {
            return Self::Grid(Reason::Kin);
        }
        if rule.sql().is_some() {
            return Self::Grid(Reason::Sql);
        }
        if rule.every.is_some() {
            return Self::Grid(Reason::Every);
        }
        if rule.hold_for.0 > 0 {
            return Self::Grid(Reason::For);
        }
        let Condition { resolve, .. } = &rule.condition;
        let levels = rule.condition.levels().map(|level| (&level.condition, Moved::Truer));
        for (Written { text, expr }, moved) in levels.chain(resolve.iter().map(|end| (end, Moved::Falser))) {
            let around = Around { named: &|name| rule.aggregate(name), limits: rule.limits.as_deref() };
            if let Err(NotMonotone { at, because }) = monotone(around, expr, moved) {
                let part = text.get(at).unwrap_or(text).to_owned();
                return Self::Grid(Reason::Condition { part, because });
            }
        }
        Self::Exact
    }

    /// Returns whether every moment is judged.
    pub fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

/// The reason of what is about earlier windows.
const EARLIER: &str = "spans of earlier windows, too, move the value either way";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Increasing,
    Decreasing,
}

/// The way in which more spans may move a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// Never from true to false: a level of a condition.
    Truer,
    /// Never from false to true: what ends a violation.
    Falser,
}

/// The part of an expression that is not monotone, and why.
struct NotMonotone {
    at: Range<usize>,
    because: String,
}

/// The names that a condition may use.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Aggregates.
    named: &'a dyn Fn(&str) -> Option<Aggregate>,
    /// Limits by group.
    limits: Option<&'a Limits>,
}

/// Returns whether a demand on a trace that is broken stays broken, whatever spans arrive later. Where they may take the
/// occasion away, none does.
pub fn is_final(trace: &TraceRule, demand: Demand<'_>) -> bool {
    if !trace.when.as_ref().is_none_or(Spanset::only_grows) {
        return false;
    }
    match demand {
        Demand::Always(_) | Demand::Sequence(_) => false,
        Demand::Never(_) => true,
        Demand::Condition(condition) => stays_true(trace, &condition.expr),
    }
}

/// Returns whether more spans of a trace can only make its condition over counts truer.
fn stays_true(trace: &TraceRule, condition: &Expr) -> bool {
    let count =
        |name: &str| trace.counts.iter().find(|count| count.name == name).map(StepCount::as_aggregate);
    monotone(Around { named: &count, limits: None }, condition, Moved::Truer).is_ok()
}

fn because(expr: &Expr, because: impl Into<String>) -> NotMonotone {
    NotMonotone { because: because.into(), at: expr.at.clone() }
}

/// Returns `Ok` where more spans can move a boolean in that way only, and otherwise the reason why not.
fn monotone(around: Around<'_>, expr: &Expr, moved: Moved) -> Result<(), NotMonotone> {
    match &expr.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            monotone(around, left, moved)?;
            monotone(around, right, moved)
        }
        ExprKind::Compare(op, left, right) => {
            let (op, moving, bound) =
                if around.is_constant(left) { (op.mirrored(), right, left) } else { (*op, left, right) };
            if let Some(call) = expr.first_earlier() {
                return Err(because(call, EARLIER));
            }
            if !around.is_constant(bound) {
                return Err(because(bound, "the bound is not a constant"));
            }
            let direction = direction(around, moving)?;
            let truer = match (op, direction) {
                (Comparison::Gt | Comparison::Gte, Direction::Increasing)
                | (Comparison::Lt | Comparison::Lte, Direction::Decreasing) => Moved::Truer,
                (Comparison::Eq | Comparison::Ne, _) => {
                    return Err(because(expr, "one more span can make an equality false"));
                }
                _ => Moved::Falser,
            };
            let always = moving.aggregates().iter().all(|name| around.has_always_a_value(name));
            match direction {
                // Without a value a comparison is false, and more spans may give it one.
                _ if truer == moved && moved == Moved::Falser && !always => {
                    Err(because(expr, "a span that is still to come can give it a value"))
                }
                _ if truer == moved => Ok(()),
                Direction::Increasing => {
                    Err(because(expr, "a span that is still to come can lift the value above the bound"))
                }
                Direction::Decreasing => {
                    Err(because(expr, "a span that is still to come can push the value below the bound"))
                }
            }
        }
        ExprKind::Not(_) => Err(because(expr, "`not` turns the direction around")),
        ExprKind::Between(..) => Err(because(expr, "one more span can lift the value out of the range")),
        ExprKind::Earlier(_) => Err(because(expr, EARLIER)),
        _ => Err(because(expr, "it is not a comparison with a constant")),
    }
}

impl Around<'_> {
    /// Returns whether an aggregate has a value in a window without any span.
    fn has_always_a_value(self, name: &str) -> bool {
        (self.named)(name).is_some_and(|aggregate| aggregate.function.counts())
    }

    /// Returns whether no span moves an expression: it is made of constants, and of limits, which are constants of the group.
    fn is_constant(self, expr: &Expr) -> bool {
        self.constants(expr).is_some()
    }

    /// Returns whether it is that, and above zero in every group in which it has a value.
    fn is_positive(self, expr: &Expr) -> bool {
        self.constants(expr).is_some_and(|numbers| numbers.into_iter().all(|number| number > 0.0))
    }

    /// The values of an expression of constants: the one, or those that it has in the rows of limits.
    fn constants(self, expr: &Expr) -> Option<Vec<f64>> {
        if moves(expr) {
            return None;
        }
        match self.limits {
            Some(limits) if !expr.limits().is_empty() => Some(limits.numbers(expr).flatten().collect()),
            _ => Some(vec![expr.number(&|_| None)?]),
        }
    }
}

/// Returns whether it is anything else than numbers, durations and limits in arithmetic.
fn moves(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(Value::Number(_) | Value::Duration(_)) | ExprKind::Limit(_) => false,
        ExprKind::Negate(inner) => moves(inner),
        ExprKind::Arithmetic(_, left, right) => moves(left) || moves(right),
        _ => true,
    }
}

/// Returns the direction in which a number moves when spans are added.
fn direction(around: Around<'_>, expr: &Expr) -> Result<Direction, NotMonotone> {
    if around.is_constant(expr) {
        return Err(because(expr, "it compares constants, which no span moves"));
    }
    match &expr.kind {
        ExprKind::Aggregate(name) => {
            let Some(aggregate) = (around.named)(name) else {
                return Err(because(expr, format!("`{name}` is not known")));
            };
            match aggregate.function {
                AggregateFunction::Count
                | AggregateFunction::CountDistinct(_)
                | AggregateFunction::Rate { .. }
                | AggregateFunction::Max(_) => Ok(Direction::Increasing),
                AggregateFunction::Sum(of) if is_duration(&of) => Ok(Direction::Increasing),
                AggregateFunction::Min(_) => Ok(Direction::Decreasing),
                AggregateFunction::Sum(of) => {
                    let is_field = matches!(of.kind, ExprKind::Field(_));
                    let what = if is_field { "an attribute" } else { "an expression" };
                    Err(because(expr, format!("`{name}` sums {what}, which may be negative")))
                }
                AggregateFunction::Avg(_) => Err(because(expr, format!("`{name}` is an average"))),
                AggregateFunction::Column(_) => Err(because(expr, format!("`{name}` is of a query"))),
                AggregateFunction::Stddev(_) => Err(because(expr, format!("`{name}` is a deviation"))),
                AggregateFunction::Percentile { .. } => {
                    Err(because(expr, format!("`{name}` is a percentile")))
                }
            }
        }
        ExprKind::Arithmetic(Arithmetic::Add, left, right) => {
            match (around.is_constant(left), around.is_constant(right)) {
                (false, true) => direction(around, left),
                (true, false) => direction(around, right),
                _ => Err(because(expr, "it adds two values that move")),
            }
        }
        ExprKind::Arithmetic(Arithmetic::Multiply, left, right) => {
            match (around.is_constant(left), around.is_constant(right)) {
                (false, true) if around.is_positive(right) => direction(around, left),
                (true, false) if around.is_positive(left) => direction(around, right),
                _ => Err(because(expr, "it multiplies by something other than a positive constant")),
            }
        }
        ExprKind::Arithmetic(Arithmetic::Divide, left, right) => match around.is_constant(right) {
            true if around.is_positive(right) => direction(around, left),
            true => Err(because(expr, "it divides by a constant that is not positive")),
            false => Err(because(expr, "it divides by an aggregate")),
        },
        ExprKind::Arithmetic(Arithmetic::Subtract, ..) => Err(because(expr, "it subtracts")),
        ExprKind::Negate(_) => Err(because(expr, "it negates")),
        ExprKind::Earlier(_) => Err(because(expr, EARLIER)),
        _ => Err(because(expr, "it is more than an aggregate with constants")),
    }
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    #[test]
    fn a_limit_is_a_constant_of_the_group() {
        for (condition, why) in [
            ("slow > limit.calls", None),
            ("limit.calls <= slow", None),
            ("slow > 2 * limit.calls + 1 or fastest < limit.least / 2", None),
            ("slow * limit.calls > 5 and count / limit.calls > 1", None),
            ("count + limit.below > 5", None),
            ("slow < limit.calls", Some("a span that is still to come can lift the value above the bound")),
            // One row has a limit that is not above zero.
            ("slow * limit.below > 5", Some("it multiplies by something other than a positive constant")),
            ("slow / limit.below > 5", Some("it divides by a constant that is not positive")),
            ("limit.calls > 1 and count > 5", Some("it compares constants, which no span moves")),
            ("slow = limit.calls", Some("one more span can make an equality false")),
            ("between(slow, limit.calls, 100)", Some("one more span can lift the value out of the range")),
        ] {
            let text = format!(
                "- {{name: r, span: {{}}, group_by: [name], limits: [{{name: a, calls: 3, least: 5ms, below: 2}}, \
                 {{name: b, calls: 1, below: -1}}, {{calls: 2, least: 1s}}], aggregation: {{fastest: {{min: duration}}, \
                 slow: {{count: {{where: duration > limit.least}}}}}}, condition: '{condition}'}}"
            );
            let loaded = load(&[SourceFile::new("r.yml", text)]);
            assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
            let found = match Judging::of(&loaded.rules[0]) {
                Judging::Grid(Reason::Condition { because, .. }) => Some(because),
                judging => {
                    assert!(judging.is_exact(), "{condition}: {judging:?}");
                    None
                }
            };
            assert_eq!(found.as_deref(), why, "{condition}");
        }
    }
}
