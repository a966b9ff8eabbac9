//! Rules with limits by group: of a generated rule, some constants become limits of a table that has rows for some groups.

use std::sync::Arc;

use fluo_rules::condition::{self, Condition, Level};
use fluo_rules::expr::{EarlierCall, EarlierFunction, Expr, ExprKind};
use fluo_rules::limits::{Limit, LimitRow, LimitUnit, Limits, RowKey};
use fluo_rules::matcher::{Number, Value};
use fluo_rules::rule::{Rule, Subject};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use super::Case;
use super::rewrite::Rewrite;
use super::spans::RASTER_NS;
use super::vocabulary::{VALUES, one_of};
use super::writing::written;
use crate::reference::is_exact;

/// Any rule about spans with limits over any universe, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    let cases = prop_oneof![3 => super::case().boxed(), 1 => super::grid_case().boxed()];
    in_case(cases)
}

/// The rules of other cases with a table of limits, which stand in the place of some of their constants.
pub fn in_case(case: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    (case, vec(any::<bool>(), 16), rows())
        .prop_map(|(case, choices, rows)| Case { rule: with_limits(case.rule, choices, rows), ..case })
}

fn with_limits(rule: Rule, choices: Vec<bool>, rows: Vec<Written>) -> Rule {
    let limits = table(&rule, rows);
    let mut choices = Choices { choices, next: 0 };
    let subject = match rule.subject.clone() {
        Subject::Spans(selector) => Subject::Spans(choices.selector(selector)),
        // Steps ask for none, nor do queries.
        other @ (Subject::Traces(_) | Subject::Sql(_)) => other,
    };
    let aggregates = rule.aggregates.iter().cloned().map(|one| choices.aggregate(one)).collect();
    // That of an objective says nothing of its own.
    let condition = match rule.objective() {
        Some(_) => rule.condition.clone(),
        None => choices.condition(&rule.condition),
    };
    let was_exact = is_exact(&rule);
    let rule = Rule { subject, aggregates, condition, limits: Some(Arc::new(limits)), ..rule };
    match (was_exact, is_exact(&rule)) {
        // What looks back is judged on the grid: a limit may turn a direction around.
        (false, true) if !rule.condition.earlier().is_empty() => Rule { hold_for: Nanos::MINUTE, ..rule },
        // A grid has no step of nanoseconds.
        (true, false) => Rule { window: rule.window.max(Nanos(RASTER_NS)), ..rule },
        _ => rule,
    }
}

/// The values that a row gives for two keys at most, and for the two limits.
type Written = ([RowKey; 2], [Option<Value>; 2]);

/// The limits: one of each unit.
fn names() -> Vec<Limit> {
    [("limit.n", LimitUnit::Number), ("limit.d", LimitUnit::Duration)]
        .map(|(name, unit)| Limit { name: name.to_owned(), unit })
        .into()
}

/// Rows whose keys are of two places at most: each says whether it states them, and what.
fn rows() -> impl Strategy<Value = Vec<Written>> {
    let value = prop_oneof![
        1 => Just(None),
        2 => Just(Some("401")),
        2 => Just(Some("auth-service")),
        2 => one_of(&VALUES).prop_map(Some),
    ];
    let key = || {
        prop_oneof![
            1 => Just(RowKey::Any),
            2 => value.clone().prop_map(|value| RowKey::Is(value.map(str::to_owned))),
        ]
    };
    let number = prop_oneof![
        4 => select(vec![0, 1, 2, 3, 401]).prop_map(Number::Int),
        1 => select(vec![-1.0, 0.5, 2.5]).prop_map(Number::Float),
    ];
    let duration =
        select(vec![0, 1, 1_000_000_000, 5_000_000_000]).prop_map(|nanos| Value::Duration(Nanos(nanos)));
    let values = (option::weighted(0.9, number.prop_map(Value::Number)), option::weighted(0.9, duration));
    let row = ((key(), key()), values).prop_map(|((one, other), (n, d))| ([one, other], [n, d]));
    // A last one for all others, more often than not.
    let otherwise = option::weighted(0.7, row.clone())
        .prop_map(|row| row.map(|(_, values)| ([RowKey::Any, RowKey::Any], values)));
    (vec(row, 0..4), otherwise).prop_map(|(rows, otherwise)| rows.into_iter().chain(otherwise).collect())
}

fn table(rule: &Rule, rows: Vec<Written>) -> Limits {
    let row = |(keys, values): Written| LimitRow {
        keys: keys.into_iter().chain([RowKey::Any, RowKey::Any]).take(rule.group_by.len()).collect(),
        values: values.into(),
    };
    let mut rows: Vec<LimitRow> = rows.into_iter().map(row).collect();
    if rows.is_empty() {
        let values = vec![Some(Value::Number(Number::Int(1))), Some(Value::Duration(Nanos::SECOND))];
        rows.push(LimitRow { keys: vec![RowKey::Any; rule.group_by.len()], values });
    }
    Limits::new(names(), rows)
}

/// The constants that become limits, by a choice for each in the order in which they are met.
struct Choices {
    choices: Vec<bool>,
    next: usize,
}

impl Choices {
    fn limit(&mut self, value: &Value) -> Option<Limit> {
        self.next += 1;
        let chosen = self.choices[self.next % self.choices.len()];
        let [number, duration] = <[Limit; 2]>::try_from(names()).ok()?;
        match value {
            Value::Number(_) if chosen => Some(number),
            Value::Duration(_) if chosen => Some(duration),
            _ => None,
        }
    }

    fn condition(&mut self, condition: &Condition) -> Condition {
        let mut write = |of: &condition::Written| {
            let (text, expr) = written(&self.expr(of.expr.clone()));
            condition::Written { text, expr }
        };
        let mut level = |of: &Level| Level { severity: of.severity, condition: write(&of.condition) };
        let lowest = level(&condition.lowest);
        let higher = condition.higher.iter().map(&mut level).collect();
        let resolve = condition.resolve.as_ref().map(write);
        Condition {
            text: lowest.condition.text.clone(),
            lowest,
            higher,
            resolve,
            shows: condition.shows.clone(),
        }
    }

    fn earlier(&mut self, call: EarlierCall) -> EarlierCall {
        use EarlierFunction::{Absent, Burn, IsNew, Offset, Over, PredictLinear, Previous, ZScore};
        let mut boxed = |expr: Box<Expr>| Box::new(self.expr(*expr));
        EarlierCall::new(match call.function {
            Previous { of, windows } => Previous { of: boxed(of), windows },
            Over { total, of, past } => Over { total, of: boxed(of), past },
            Offset { of, by } => Offset { of: boxed(of), by },
            ZScore { of, past } => ZScore { of: boxed(of), past },
            PredictLinear { of, past, ahead } => PredictLinear { of: boxed(of), past, ahead },
            function @ (IsNew | Absent { .. } | Burn { .. }) => function,
        })
    }
}

impl Rewrite for Choices {
    fn replaced(&mut self, kind: ExprKind) -> Result<ExprKind, ExprKind> {
        match kind {
            ExprKind::Literal(value) => Ok(match self.limit(&value) {
                Some(limit) => ExprKind::Limit(limit),
                None => ExprKind::Literal(value),
            }),
            ExprKind::Earlier(call) => Ok(ExprKind::Earlier(Box::new(self.earlier(*call)))),
            // Of an array, one element lies between two constants.
            kind @ ExprKind::Between(..) => Ok(kind),
            kind => Err(kind),
        }
    }

    fn filter(&mut self, filter: Expr) -> Expr {
        written(&self.expr(filter)).1
    }
}
