//! The spans of a window that show what is wrong, by the question that a condition asks of each of them. Pure.
//!
//! A span breaks a comparison
//!
//! | of | if |
//! | --- | --- |
//! | a percentile, `avg`, `min` or `max` | the comparison holds with the span's own value in the place of the aggregate |
//! | counts, rates and sums | without the span it would be exceeded by less |
//! | a `stddev`, or `=`, `!=`, `in` and `between` of counts, or `is_new()` | it takes part in it |
//!
//! So a ratio's numerator is guilty and the rest of its denominator is not; of `ok / total < 95%` it is what is in
//! `total` and not in `ok`. Only the comparisons that say what is wrong are asked ([`decisive`]). A span that breaks
//! more of them comes first, then the one with the worse value: the largest where the comparison says "more than", the
//! smallest where it says "less than". Where no span breaks anything, as of `count < 10`, those that take part show it.

use std::cmp::Ordering;

use fluo_rules::comparison::{Compared, decisive};
use fluo_rules::expr::{Arithmetic, EarlierFunction, Expr, ExprKind, Function, Values};
use fluo_rules::objective::Objective;
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};

/// The part that a span has in an aggregate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// It takes no part.
    None,
    /// It is counted.
    Counted,
    /// Its number goes into it.
    Value(f64),
}

/// The degree to which a span shows what is wrong. The greater, the clearer.
#[derive(Debug, Clone, PartialEq)]
pub struct Guilt {
    /// The number of comparisons that the span breaks.
    broken: usize,
    /// The badness of the span's value for each comparison whose values have an order. `None` where the span does not
    /// break the comparison.
    worst: Vec<Option<f64>>,
}

impl Eq for Guilt {}

impl PartialOrd for Guilt {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Guilt {
    fn cmp(&self, other: &Self) -> Ordering {
        let worst = |one: &Option<f64>, other: &Option<f64>| match (one, other) {
            (Some(one), Some(other)) => one.total_cmp(other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        let pairs = self.worst.iter().zip(&other.worst);
        let first_difference = pairs.map(|(one, other)| worst(one, other)).find(|order| order.is_ne());
        self.broken.cmp(&other.broken).then(first_difference.unwrap_or(Ordering::Equal))
    }
}

/// The question of one window.
pub struct Question<'a> {
    rule: &'a Rule,
    values: Values<'a>,
    tests: Vec<Test<'a>>,
}

/// The test of a span by one comparison.
struct Test<'a> {
    compared: Compared<'a>,
    /// By which aggregates a span is told guilty, or innocent.
    by: By<'a>,
    /// The aggregate whose values have an order, and whether larger ones are worse.
    ranked: Option<(&'a str, bool)>,
    /// By how much it is exceeded, and the size of what was subtracted for that.
    excess: Option<(f64, f64)>,
}

enum By<'a> {
    /// The span's own value in the place of this aggregate.
    OwnValue(&'a str),
    /// That it takes part in this one.
    Spread(&'a str),
    /// The counts and sums without the span.
    Absence,
    /// That it takes part in any.
    Presence,
}

/// Differences below this share of what was subtracted are what rounding left.
const ROUNDING: f64 = 1e-12;

impl<'a> Question<'a> {
    /// Of a window with these values.
    pub fn of(rule: &'a Rule, values: Values<'a>) -> Self {
        let mut tests: Vec<Test<'a>> =
            decisive(rule, values).into_iter().map(|compared| Test::of(rule, compared, values)).collect();
        // The order in which a condition is written means nothing.
        tests.sort_by_cached_key(Test::text);
        Self { rule, values, tests }
    }

    /// Returns the guilt of a span, or `None` where it breaks no comparison. `part` says what part the span has in each
    /// aggregate.
    pub fn guilt(&self, part: &dyn Fn(&str) -> Part) -> Option<Guilt> {
        let mut guilt = Guilt { broken: 0, worst: Vec::new() };
        for test in &self.tests {
            let broken = self.breaks(test, part);
            guilt.broken += usize::from(broken);
            if let Some((name, larger_is_worse)) = test.ranked {
                guilt.worst.push(match part(name) {
                    // Without the sign of zero.
                    Part::Value(value) if broken => Some(if larger_is_worse { value } else { -value } + 0.0),
                    _ => None,
                });
            }
        }
        (guilt.broken > 0).then_some(guilt)
    }

    /// Returns whether it takes part in what is compared: what is shown where no span is guilty.
    pub fn concerns(&self, part: &dyn Fn(&str) -> Part) -> bool {
        self.tests.iter().any(|test| test.concerns(part))
    }

    fn breaks(&self, test: &Test<'_>, part: &dyn Fn(&str) -> Part) -> bool {
        match test.by {
            By::OwnValue(name) => {
                let Part::Value(own) = part(name) else { return false };
                test.compared.holds(&|other| if other == name { Some(own) } else { (self.values)(other) })
            }
            By::Spread(name) => part(name) != Part::None,
            By::Presence => test.concerns(part),
            By::Absence => {
                let Some((excess, size)) = test.excess else { return false };
                let without = excess_of(&test.compared, &|name| self.without(name, part(name)));
                without.is_none_or(|(without, _)| excess - without > ROUNDING * size)
            }
        }
    }

    /// An aggregate's value without a span.
    fn without(&self, name: &str, part: Part) -> Option<f64> {
        let value = (self.values)(name)?;
        // What earlier windows were stays as it was.
        let Some(function) = self.rule.aggregate(name).map(|aggregate| aggregate.function) else {
            return Some(value);
        };
        Some(match (function, part) {
            (_, Part::None) => value,
            (AggregateFunction::Count | AggregateFunction::CountDistinct(_), _) => value - 1.0,
            (AggregateFunction::Rate { per }, _) => value - nanos(per.0) / nanos(self.rule.window.0),
            (AggregateFunction::Sum(_), Part::Value(own)) => value - own,
            _ => value,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "in doubles")]
fn nanos(nanos: i64) -> f64 {
    nanos as f64
}

impl<'a> Test<'a> {
    fn of(rule: &Rule, compared: Compared<'a>, values: Values<'_>) -> Self {
        let names = match compared.sides() {
            Some((above, below)) => {
                let mut names = present(above);
                names.extend(present(below));
                names
            }
            None => present(compared.expr),
        };
        let first = |is: fn(&AggregateFunction) -> bool| {
            names.iter().copied().find(|name| rule.aggregate(name).is_some_and(|found| is(&found.function)))
        };
        let one_value = first(|function| {
            matches!(
                function,
                AggregateFunction::Avg(_)
                    | AggregateFunction::Min(_)
                    | AggregateFunction::Max(_)
                    | AggregateFunction::Percentile { .. }
            )
        });
        let spread = first(|function| matches!(function, AggregateFunction::Stddev(_)));
        let sum = first(|function| matches!(function, AggregateFunction::Sum(_)));
        let by = match (one_value, spread) {
            (Some(name), _) => By::OwnValue(name),
            (None, Some(name)) => By::Spread(name),
            (None, None) if compared.sides().is_some() => By::Absence,
            (None, None) => By::Presence,
        };
        let ranked = one_value.or(spread).or(sum).zip(compared.sides()).and_then(|(name, (above, below))| {
            let falls = || rises(below, name, values).map(|rises| !rises);
            rises(above, name, values).or_else(falls).map(|larger_is_worse| (name, larger_is_worse))
        });
        Self { compared, by, ranked, excess: excess_of(&compared, values) }
    }

    /// Returns whether a span takes part in one of its aggregates.
    fn concerns(&self, part: &dyn Fn(&str) -> Part) -> bool {
        present(self.compared.expr).into_iter().any(|name| part(name) != Part::None)
    }

    /// The same text in whatever direction it is written.
    fn text(&self) -> String {
        match self.compared.sides() {
            Some((above, below)) => format!("{above} > {below}"),
            None => self.compared.expr.to_string(),
        }
    }
}

/// The aggregates of the present window in an expression; `count` of what is true of a group that has spans.
fn present(expr: &Expr) -> Vec<&str> {
    match &expr.kind {
        ExprKind::Aggregate(name) => vec![name],
        ExprKind::Earlier(call) => match call.of() {
            Some(of) if call.is_of_present() => present(of),
            None if call.function == EarlierFunction::IsNew => vec![Aggregate::COUNT],
            None if call.objective().is_some() => vec![Objective::FAILED],
            _ => Vec::new(),
        },
        _ => expr.children().into_iter().flat_map(present).collect(),
    }
}

/// By how much a comparison is exceeded, and the size of what was subtracted.
fn excess_of(compared: &Compared<'_>, values: Values<'_>) -> Option<(f64, f64)> {
    let (above, below) = compared.sides()?;
    let (above, below) = (above.number(values)?, below.number(values)?);
    Some((above - below, above.abs() + below.abs()))
}

/// Returns whether an expression rises with an aggregate in it; none where it is not in it.
fn rises(expr: &Expr, name: &str, values: Values<'_>) -> Option<bool> {
    let inner = |expr| rises(expr, name, values);
    let is_negative = |expr: &Expr| expr.number(values).is_some_and(|number| number < 0.0);
    match &expr.kind {
        ExprKind::Aggregate(found) => (found == name).then_some(true),
        // Both rise with the present window.
        ExprKind::Earlier(call) if call.is_of_present() => call.of().and_then(inner),
        ExprKind::Negate(operand) => inner(operand).map(|rises| !rises),
        ExprKind::Arithmetic(operator, left, right) => match operator {
            Arithmetic::Add => inner(left).or_else(|| inner(right)),
            Arithmetic::Subtract => inner(left).or_else(|| inner(right).map(|rises| !rises)),
            Arithmetic::Multiply => inner(left)
                .map(|rises| rises != is_negative(right))
                .or_else(|| inner(right).map(|rises| rises != is_negative(left))),
            Arithmetic::Divide => inner(left)
                .map(|rises| rises != is_negative(right))
                .or_else(|| inner(right).map(|rises| rises == is_negative(left))),
        },
        ExprKind::Call(Function::Abs, arguments) => {
            let argument = arguments.first()?;
            inner(argument).map(|rises| rises != is_negative(argument))
        }
        ExprKind::Call(_, arguments) => arguments.iter().find_map(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    fn rule(condition: &str) -> Rule {
        let text = format!(
            "- {{name: r, span: {{}}, aggregation: {{errors: {{count: {{where: status = error}}}}, \
             ok: {{count: {{where: status = ok}}}}, bytes: {{sum: span.bytes}}, p95: {{p95: duration}}, \
             fastest: {{min: duration}}, spread: {{stddev: duration}}}}, condition: '{condition}'}}"
        );
        let mut loaded = load(&[SourceFile::new("r.yml", text)]);
        assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
        loaded.rules.remove(0)
    }

    /// Status, bytes and duration in seconds.
    type Described = (&'static str, f64, f64);

    const SPANS: [Described; 4] =
        [("ok", 10.0, 0.2), ("error", 40.0, 0.1), ("error", 20.0, 4.0), ("ok", 30.0, 2.0)];

    fn part(span: Described, name: &str) -> Part {
        let (status, bytes, seconds) = span;
        let counted = |is| if is { Part::Counted } else { Part::None };
        match name {
            "errors" => counted(status == "error"),
            "ok" => counted(status == "ok"),
            "count" => Part::Counted,
            "bytes" => Part::Value(bytes),
            _ => Part::Value(seconds * 1e9),
        }
    }

    fn value(name: &str) -> f64 {
        match name {
            "errors" | "ok" => 2.0,
            "count" => 4.0,
            "bytes" => 100.0,
            "p95" => 4e9,
            "fastest" => 1e8,
            _ => 1.6e9,
        }
    }

    /// Places of the guilty spans, guiltiest first, then in their order.
    fn guilty(condition: &str) -> Vec<usize> {
        let rule = rule(condition);
        let question = Question::of(&rule, &|name| Some(value(name)));
        let mut found: Vec<(Guilt, usize)> = SPANS
            .iter()
            .enumerate()
            .filter_map(|(at, span)| Some((question.guilt(&|name| part(*span, name))?, at)))
            .collect();
        found.sort_by(|left, right| right.0.cmp(&left.0));
        found.into_iter().map(|(_, at)| at).collect()
    }

    #[test]
    fn spans_that_break_the_condition_come_first_whatever_its_order() {
        for (condition, expected) in [
            ("count > 3", vec![0, 1, 2, 3]),
            ("errors > 1", vec![1, 2]),
            ("count >= 4 and errors / count > 5%", vec![1, 2]),
            ("errors / count > 5% and count >= 4", vec![1, 2]),
            ("5% < errors / count", vec![1, 2]),
            ("ok / count < 95%", vec![1, 2]),
            ("1 - ok / count > 5%", vec![1, 2]),
            ("p95 > 1s", vec![2, 3]),
            ("not (p95 * 2 <= 3s)", vec![2, 3]),
            ("p95 > 2 * fastest", vec![2, 3]),
            ("fastest < 150ms", vec![1]),
            ("fastest < 3s", vec![1, 0, 3]),
            ("bytes >= 100", vec![1, 3, 2, 0]),
            ("bytes / count > 20", vec![1, 3]),
            ("spread > 1s", vec![2, 3, 0, 1]),
            ("errors > 1 and p95 > 1s", vec![2, 3, 1]),
            ("p95 > 1s and errors > 1", vec![2, 3, 1]),
            ("p95 > 1s or errors > 5", vec![2, 3]),
            ("errors != 5", vec![1, 2]),
            ("count < 10", vec![]),
        ] {
            assert_eq!(guilty(condition), expected, "{condition}");
        }
    }

    #[test]
    fn where_too_little_happens_what_happened_is_shown() {
        let rule = rule("errors < 10");
        let question = Question::of(&rule, &|name| Some(value(name)));
        let shown: Vec<bool> =
            SPANS.iter().map(|span| question.concerns(&|name| part(*span, name))).collect();
        assert_eq!(shown, [false, true, true, false]);
    }
}
