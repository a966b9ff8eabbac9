//! A rule's value against its limit over time, and how close it came.
//!
//! Closeness is a share of the limit: 1 where the value is at it, 0.5 where it is half as high, or where what must not fall
//! to it is twice as high. Of conditions joined by `and` the least close counts, of those joined by `or` the closest.

use fluo_rules::comparison::{Compared, decisive};
use fluo_rules::condition::Level;
use fluo_rules::expr::{Expr, ExprKind, Values};
use fluo_rules::rule::{Rule, Severity};
use serde::{Deserialize, Serialize};

use super::{Side, whole_nanos};
use crate::escape::plain;
use crate::value::{Value, human_duration, human_number, significant};
use crate::wire;

/// Closeness ends here: a value may be any number of times its limit, and a limit may be zero.
pub const MOST: f64 = 1000.0;

/// The unit in which people read a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number.
    #[default]
    Number,
    /// Nanoseconds.
    Duration,
    /// A part of a whole, in percent.
    Share,
}

impl Unit {
    /// Returns a value as people read it: `6`, `1.2s`, `45.2 %`.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Number => human_number(significant(value, 5)),
            Self::Duration => human_duration(whole_nanos(value.round())),
            Self::Share => format!("{} %", significant(value * 100.0, 3)),
        }
    }
}

/// A rule's value against its limit, at the moments that were looked at.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Track {
    /// The compared expression: `errors / total`; empty where the condition compares nothing that is more or less.
    pub what: String,
    /// Its unit.
    pub unit: Unit,
    /// True if it is worse the less it is.
    #[serde(default)]
    pub falls: bool,
    /// The limits of the levels of the condition that are the same at all moments, by their severity.
    #[serde(default)]
    pub levels: Vec<(LevelOf, f64)>,
    /// Points are at most so far apart where there was something to read, in nanoseconds.
    #[serde(default)]
    pub step: i64,
    /// The closest of all groups in each step, in order of time.
    pub points: Vec<Mark>,
    /// The closest moments of the groups that came closest, those first.
    pub groups: Vec<Mark>,
    /// The number of groups.
    pub group_total: usize,
}

/// The severity of a level, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LevelOf(#[serde(with = "wire::severity")] pub Severity);

/// A group at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The moment; nanoseconds since the epoch.
    pub at: i64,
    /// Keys as the rule writes them, and values as they may be shown.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The reading there.
    #[serde(flatten)]
    pub reading: Against,
}

/// A value, its limit, and how close it is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Against {
    /// The value; none where there is none.
    pub value: Option<f64>,
    /// The limit.
    pub limit: Option<f64>,
    /// The closeness of the whole condition, in [0, [`MOST`]]; none where it is not known.
    pub closeness: Option<f64>,
    /// True if the condition holds.
    pub holds: bool,
}

impl Against {
    /// Returns whether it is closer than another.
    pub fn is_closer(&self, than: &Self) -> bool {
        let rank = |of: &Self| (of.holds, of.closeness.unwrap_or(-1.0));
        let (own, other) = (rank(self), rank(than));
        own.0 && !other.0 || own.0 == other.0 && own.1 > other.1
    }
}

/// A rule's condition, ready to be read at many moments.
#[derive(Debug)]
pub struct Gauge<'a> {
    rule: &'a Rule,
    /// The comparison that says what is wrong; it has a bound.
    side: Option<Side<'a>>,
}

impl<'a> Gauge<'a> {
    /// The gauge of a rule, by the lowest level of its condition.
    pub fn of(rule: &'a Rule) -> Self {
        let side = decisive(rule, &|_| None).into_iter().find_map(|compared| {
            compared.sides()?;
            Side::of(rule, &compared).filter(|side| side.bound.is_some())
        });
        Self { rule, side }
    }

    /// Returns what is read at some values. `holds`: whether the condition holds there.
    pub fn at(&self, values: &[(String, Value)], holds: bool) -> Against {
        let number = |name: &str| super::found(values, name).and_then(Value::as_f64);
        let finite = |expr: &Expr| expr.number(&number).filter(|number| number.is_finite());
        let side = self.side.as_ref();
        let closeness = closeness(&self.rule.condition.lowest.condition.expr, false, &number);
        Against {
            value: side.and_then(|side| finite(side.moving)),
            limit: side.and_then(|side| finite(side.bound?)),
            // Rounding may leave what holds a little below its limit.
            closeness: if holds { Some(closeness.unwrap_or(1.0).max(1.0)) } else { closeness },
            holds,
        }
    }

    /// Returns a track without points.
    pub fn track(&self) -> Track {
        let Some(side) = &self.side else { return Track::default() };
        let unit = match (side.is_duration(), side.share) {
            (true, _) => Unit::Duration,
            (_, true) => Unit::Share,
            _ => Unit::Number,
        };
        let condition = &self.rule.condition;
        let levels = condition.levels().filter(|_| condition.has_levels());
        Track {
            what: plain(&side.moving.to_string()).into_owned(),
            unit,
            falls: side.falls(),
            levels: levels.filter_map(|level| self.limit_of(level)).collect(),
            ..Track::default()
        }
    }

    /// The limit of a level, where it compares the same with a constant.
    fn limit_of(&self, level: &Level) -> Option<(LevelOf, f64)> {
        let moving = self.side.as_ref()?.moving.to_string();
        let limit = compared(&level.condition.expr).into_iter().find_map(|(left, right)| {
            let other = if left.to_string() == moving {
                right
            } else if right.to_string() == moving {
                left
            } else {
                return None;
            };
            other.number(&|_| None).filter(|limit| limit.is_finite())
        })?;
        Some((LevelOf(self.rule.severity_of(level)), limit))
    }
}

/// The two sides of each comparison in an expression.
fn compared(expr: &Expr) -> Vec<(&Expr, &Expr)> {
    match &expr.kind {
        ExprKind::Compare(_, left, right) => vec![(&**left, &**right)],
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            compared(left).into_iter().chain(compared(right)).collect()
        }
        ExprKind::Not(inner) => compared(inner),
        _ => Vec::new(),
    }
}

/// Returns how close an expression is to being true, or false where it is `negated`; none where a side has no value.
fn closeness(expr: &Expr, negated: bool, values: Values<'_>) -> Option<f64> {
    match &expr.kind {
        ExprKind::Not(inner) => closeness(inner, !negated, values),
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            let sides = [left, right].map(|side| closeness(side, negated, values));
            let all_needed = matches!(expr.kind, ExprKind::And(..)) != negated;
            match sides {
                [Some(left), Some(right)] if all_needed => Some(left.min(right)),
                [Some(left), Some(right)] => Some(left.max(right)),
                [Some(one), None] | [None, Some(one)] if !all_needed => Some(one),
                _ => None,
            }
        }
        _ => {
            let compared = Compared { expr, negated, text: "" };
            let holds = compared.holds(values);
            let Some((above, below)) = compared.sides() else { return Some(f64::from(u8::from(holds))) };
            share(above.number(values)?, below.number(values)?, holds)
        }
    }
}

/// Returns how close `above` is to `below`, which it must not exceed.
fn share(above: f64, below: f64, holds: bool) -> Option<f64> {
    if !above.is_finite() || !below.is_finite() {
        return None;
    }
    if holds && below <= 0.0 {
        // A share of nothing, or of what is negative, says nothing but that it holds.
        return Some(if below == 0.0 && above > 0.0 { MOST } else { 1.0 });
    }
    if above <= 0.0 {
        return (below >= 0.0).then_some(0.0);
    }
    (below > 0.0).then(|| (above / below).min(MOST))
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    fn rule(condition: &str) -> Rule {
        let text = format!(
            "- {{name: r, span: {{}}, aggregation: {{total: {{count: {{where: kind = server}}}}, \
             errors: {{count: {{where: status = error}}}}, p95: {{p95: duration}}}}, condition: {condition}}}"
        );
        let mut loaded = load(&[SourceFile::new("r.yml", text)]);
        assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
        loaded.rules.remove(0)
    }

    fn values(total: i128, errors: i128, p95: i128) -> Vec<(String, Value)> {
        let values = [
            ("count", Value::Int(total)),
            ("total", Value::Int(total)),
            ("errors", Value::Int(errors)),
            ("p95", Value::Duration(p95)),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    #[test]
    fn closeness_is_a_share_of_the_limit() {
        let at = values(200, 4, 500_000_000);
        for (condition, expected) in [
            ("errors > 8", Some(0.5)),
            ("8 < errors", Some(0.5)),
            ("not (errors <= 8)", Some(0.5)),
            ("errors / total > 5%", Some(0.4)),
            ("p95 > 1s", Some(0.5)),
            ("count < 100", Some(0.5)),
            ("errors / total > 1% and total >= 400", Some(0.5)),
            ("errors > 8 or p95 > 2s", Some(0.5)),
            ("errors > 0", Some(MOST)),
            ("count = 0", Some(0.0)),
            ("count in [200, 3]", Some(1.0)),
        ] {
            let rule = rule(&format!("'{condition}'"));
            // Twelve digits: shares are not exact.
            let found = Gauge::of(&rule).at(&at, false).closeness.map(|share| significant(share, 12));
            assert_eq!(found, expected, "{condition}");
        }
    }

    #[test]
    fn what_has_no_value_is_close_to_nothing() {
        let rule = rule("'errors / total > 5%'");
        let found = Gauge::of(&rule).at(&values(0, 0, 0), false);
        assert_eq!((found.value, found.limit, found.closeness), (None, Some(0.05), None));
    }

    #[test]
    fn a_track_says_what_is_compared_with_which_limits() {
        let levels = rule("{warning: errors / total > 5%, critical: errors / total > 20%}");
        let track = Gauge::of(&levels).track();
        assert_eq!((track.what.as_str(), track.unit, track.falls), ("errors / total", Unit::Share, false));
        let limits: Vec<_> = track.levels.iter().map(|(level, limit)| (level.0.as_str(), *limit)).collect();
        assert_eq!(limits, [("warning", 0.05), ("critical", 0.2)]);
        let endless = rule("{warning: errors > 5, critical: errors > 1 / 0}");
        let limits: Vec<_> =
            Gauge::of(&endless).track().levels.iter().map(|(level, limit)| (level.0, *limit)).collect();
        assert_eq!(limits, [(Severity::Warning, 5.0)], "JSON has no infinity");
        let falling = rule("'count < 10'");
        assert!(Gauge::of(&falling).track().falls);
    }

    #[test]
    fn values_are_shown_in_their_unit() {
        for (unit, value, expected) in [
            (Unit::Number, 12.345_678, "12.346"),
            (Unit::Duration, 1.2e9, "1.2s"),
            (Unit::Share, 0.123_456, "12.3 %"),
        ] {
            assert_eq!(unit.text(value), expected);
        }
    }
}
