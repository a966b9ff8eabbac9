//! The comparisons of a condition, with their values: `errors / total = 45.2 % (271 of 600), limit 10 %`.

mod burn;
pub mod gauge;

use std::fmt::Write as _;

use fluo_rules::comparison::{Compared, decisive};
use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind, Type, type_of};
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_time::Nanos;
use serde::{Deserialize, Serialize};

use crate::escape::plain;
use crate::value::{Value, human_duration, human_number, significant};

/// One thing that a condition compares, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The compared expression: `errors / total`.
    pub what: String,
    /// Its value, and what that is made of: `45.2 % (271 of 600)`.
    pub value: String,
    /// The same when the condition was exceeded most.
    pub peak: String,
    /// The bound: `limit 10 % in 5m`, `at least 95 % in 1m`; empty where the condition does not compare it.
    pub limit: String,
    /// True if it is worse the less it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub falls: bool,
}

impl Reading {
    /// `errors / total = 45.2 % (271 of 600)`.
    pub fn now(&self) -> String {
        format!("{} = {}", self.what, self.value)
    }

    /// `45.2 % (271 of 600), limit 10 % in 5m`.
    pub fn against(&self) -> String {
        if self.limit.is_empty() { self.value.clone() } else { format!("{}, {}", self.value, self.limit) }
    }

    /// Returns the name of its worst value: `peak`, or `lowest` of what must not fall.
    pub fn worst(&self) -> &'static str {
        if self.falls { "lowest" } else { "peak" }
    }
}

/// Returns the comparisons of the rule's condition that say what is wrong `at` some values of its aggregates (`count` among
/// them), with `values` and those of the peak. Guards are left out; a declared value that is in no comparison stands behind,
/// without a limit.
pub fn readings(
    rule: &Rule,
    at: &[(String, Value)],
    values: &[(String, Value)],
    peak: &[(String, Value)],
) -> Vec<Reading> {
    if let Some(readings) = rule.objective().and_then(|objective| burn::readings(objective, values, peak)) {
        return readings;
    }
    let number = |name: &str| found(at, name).and_then(Value::as_f64);
    let compared = decisive(rule, &number);
    let mut readings: Vec<Reading> = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for compared in &compared {
        let names = compared.expr.values_named();
        // A rule that was edited meanwhile may name what was never observed.
        if names.iter().any(|name| found(values, name).is_none()) {
            continue;
        }
        if let Some(reading) = Side::of(rule, compared).map(|side| side.reading(values, peak))
            && !readings.iter().any(|known| known.what == reading.what && known.limit == reading.limit)
        {
            readings.push(reading);
            said.extend(names);
        }
    }
    // A limit is told with what it is the limit of.
    let is_told = |name: &str| rule.declares(name) && rule.limit(name).is_none();
    for (name, value) in values.iter().filter(|(name, _)| is_told(name) && !said.contains(&name.as_str())) {
        readings.push(Reading {
            what: plain(name).into_owned(),
            value: typed(rule, name, *value).human(),
            peak: found(peak, name).map_or(Value::None, |peak| typed(rule, name, peak)).human(),
            limit: String::new(),
            falls: false,
        });
    }
    readings
}

/// Values without a rule: as they are.
pub fn bare_readings(values: &[(String, Value)], peak: &[(String, Value)]) -> Vec<Reading> {
    let reading = |(name, value): &(String, Value)| Reading {
        what: plain(name).into_owned(),
        value: value.human(),
        peak: found(peak, name).unwrap_or(Value::None).human(),
        limit: String::new(),
        falls: false,
    };
    values.iter().map(reading).collect()
}

/// Values as people read them.
pub fn shown(rule: Option<&Rule>, values: &[(String, Value)]) -> Vec<(String, String)> {
    let human = |name: &str, value: Value| rule.map_or(value, |rule| typed(rule, name, value)).human();
    values.iter().map(|(name, value)| (name.clone(), human(name, *value))).collect()
}

/// A value in the type of its aggregate: read back from a record, durations are plain numbers.
fn typed(rule: &Rule, name: &str, value: Value) -> Value {
    let kind = match rule.limit(name) {
        Some(limit) => ExprKind::Limit(limit.clone()),
        None => ExprKind::Aggregate(name.to_owned()),
    };
    match value {
        Value::Int(nanos) if type_of(&Expr { kind, at: 0..0 }, &rule.aggregates) == Type::Duration => {
            Value::Duration(nanos)
        }
        value => value,
    }
}

fn found(values: &[(String, Value)], name: &str) -> Option<Value> {
    values.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
}

fn number(expr: &Expr, values: &[(String, Value)]) -> Option<f64> {
    expr.number(&|name| found(values, name).and_then(Value::as_f64))
}

/// The text before the bound of what must not fall to it, or below it.
const AT_LEAST: &str = "at least";
const MORE_THAN: &str = "more than";

/// The side of a comparison that moves, and what it is held against.
#[derive(Debug)]
struct Side<'a> {
    rule: &'a Rule,
    moving: &'a Expr,
    bound: Option<&'a Expr>,
    /// The text before the bound.
    word: &'static str,
    /// True if it is shown in percent.
    share: bool,
}

impl<'a> Side<'a> {
    fn of(rule: &'a Rule, compared: &Compared<'a>) -> Option<Self> {
        let (moving, bound, word) = match &compared.expr.kind {
            ExprKind::Compare(operator, left, right) => {
                let flipped = left.values_named().is_empty();
                let (moving, bound) = if flipped { (right, left) } else { (left, right) };
                let operator = if flipped { operator.mirrored() } else { *operator };
                let word = match (operator, compared.negated) {
                    (Comparison::Gt | Comparison::Gte, false) | (Comparison::Lt | Comparison::Lte, true) => {
                        "limit"
                    }
                    (Comparison::Lt, false) | (Comparison::Gte, true) => AT_LEAST,
                    (Comparison::Lte, false) | (Comparison::Gt, true) => MORE_THAN,
                    (Comparison::Eq, false) | (Comparison::Ne, true) => "must not be",
                    (Comparison::Ne, false) | (Comparison::Eq, true) => "must be",
                };
                (&**moving, Some(&**bound), word)
            }
            ExprKind::In(item, _) | ExprKind::Between(item, ..) => (&**item, None, ""),
            ExprKind::Earlier(_) => (compared.expr, None, ""),
            _ => return None,
        };
        let share = is_share(rule, compared.text, moving, bound);
        Some(Self { rule, moving, bound, word, share })
    }

    /// Returns whether it is worse the less it is.
    fn falls(&self) -> bool {
        matches!(self.word, AT_LEAST | MORE_THAN)
    }

    fn reading(&self, values: &[(String, Value)], peak: &[(String, Value)]) -> Reading {
        let bound = self.bound.and_then(|bound| Some((bound, number(bound, values)?)));
        let limit = bound.map(|(expr, bound)| {
            let shown = self.text(bound, None);
            let name = if expr.values_named().is_empty() { String::new() } else { format!("{expr} = ") };
            format!("{} {name}{shown} in {}", self.word, self.rule.window)
        });
        let bound = bound.map(|(_, bound)| bound);
        Reading {
            what: plain(&self.moving.to_string()).into_owned(),
            value: self.value(values, bound),
            peak: self.value(peak, bound),
            limit: plain(&limit.unwrap_or_default()).into_owned(),
            falls: self.falls(),
        }
    }

    /// The value, and what it is made of.
    fn value(&self, values: &[(String, Value)], bound: Option<f64>) -> String {
        if let ExprKind::Aggregate(name) = &self.moving.kind
            && !self.share
            && let Some(value @ (Value::Int(_) | Value::None)) = found(values, name)
            && !self.is_duration()
        {
            return value.human();
        }
        let Some(number) = number(self.moving, values) else { return Value::None.human() };
        if type_of(self.moving, &self.rule.aggregates) == Type::Bool {
            return if number == 0.0 { "no" } else { "yes" }.to_owned();
        }
        let mut text = self.text(number, bound);
        match &self.moving.kind {
            ExprKind::Aggregate(_) => {}
            ExprKind::Arithmetic(Arithmetic::Divide, part, whole) if is_name(part) && is_name(whole) => {
                let of = |expr| self.aggregate_text(expr, values);
                let joined = if self.share { "of" } else { "/" };
                // Writing to a `String` cannot fail.
                let _ = write!(text, " ({} {joined} {})", of(part), of(whole));
            }
            _ => {
                let parts: Vec<String> = self
                    .moving
                    .aggregates()
                    .into_iter()
                    .filter_map(|name| {
                        Some(format!("{name} = {}", typed(self.rule, name, found(values, name)?).human()))
                    })
                    .collect();
                let _ = write!(text, " ({})", parts.join(", "));
            }
        }
        text
    }

    fn aggregate_text(&self, expr: &Expr, values: &[(String, Value)]) -> String {
        let ExprKind::Aggregate(name) = &expr.kind else { return expr.to_string() };
        found(values, name).map_or(Value::None, |value| typed(self.rule, name, value)).human()
    }

    fn is_duration(&self) -> bool {
        type_of(self.moving, &self.rule.aggregates) == Type::Duration
    }

    /// A number in the unit of the side; with more digits next to the bound, so that what lies beyond it looks as if it
    /// did. The bound itself (which has none) as it was written.
    fn text(&self, number: f64, bound: Option<f64>) -> String {
        let near = bound.is_none_or(|bound| (number - bound).abs() <= bound.abs() * NEAR);
        if self.is_duration() {
            // A fraction of a nanosecond means nothing.
            let nanos = whole_nanos(number.round());
            return if near { exact_duration(nanos) } else { human_duration(nanos) };
        }
        let in_digits = |digits| {
            if self.share {
                format!("{} %", significant(number * 100.0, digits))
            } else {
                significant(number, digits).to_string()
            }
        };
        let Some(bound) = bound else { return in_digits(MOST_DIGITS) };
        match (near, self.share) {
            (false, true) => in_digits(3),
            (false, false) => human_number(number),
            (true, _) => {
                let short = in_digits(6);
                if short == self.text(bound, None) { in_digits(MOST_DIGITS) } else { short }
            }
        }
    }
}

/// As many as a number that was written in decimal keeps when it is multiplied.
const MOST_DIGITS: usize = 15;

/// The distance from its bound, as a share of it, that rounding a value may add.
const NEAR: f64 = 0.01;

#[expect(clippy::cast_possible_truncation, reason = "saturates far beyond what a duration can be")]
fn whole_nanos(nanos: f64) -> i128 {
    nanos as i128
}

/// To the nanosecond: `1s400us`.
fn exact_duration(nanos: i128) -> String {
    i64::try_from(nanos).map_or_else(|_| human_duration(nanos), |nanos| Nanos(nanos).to_string())
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Aggregate(_))
}

/// Returns whether a side is a part of a whole, which people read in percent: a count divided by a count, held against
/// one at most; or anything that is held against what is written in percent.
fn is_share(rule: &Rule, text: &str, moving: &Expr, bound: Option<&Expr>) -> bool {
    let Some(bound) = bound else { return false };
    if type_of(moving, &rule.aggregates) != Type::Number {
        return false;
    }
    if text.get(bound.at.clone()).is_some_and(|text| text.trim_end().ends_with('%')) {
        return true;
    }
    let counts = |expr: &Expr| {
        expr.aggregates().into_iter().all(|name| {
            let function = rule.aggregate(name).map(|Aggregate { function, .. }| function);
            matches!(
                function,
                Some(
                    AggregateFunction::Count
                        | AggregateFunction::CountDistinct(_)
                        | AggregateFunction::Rate { .. }
                )
            )
        })
    };
    let limits = rule.limits.as_deref().filter(|_| !bound.limits().is_empty());
    let is_part = |bound: Option<f64>| bound.is_some_and(|bound| (0.0..=1.0).contains(&bound));
    let bounded = match limits {
        Some(limits) => limits.numbers(bound).flatten().all(|bound| is_part(Some(bound))),
        None => is_part(bound.number(&|_| None)),
    };
    matches!(moving.kind, ExprKind::Arithmetic(Arithmetic::Divide, ..)) && counts(moving) && bounded
}

#[cfg(test)]
mod tests;
