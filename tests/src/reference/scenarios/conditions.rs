//! Aggregates and expressions: what has a value, which, and what is true of no value.

use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind, Function};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Number, Value};
use fluo_rules::rule::{AggregateFunction, Conventions, Selector};
use fluo_spans::span::Span;
use fluo_time::Nanos;

use super::build::{
    SECOND, compare, duration, event, expr, failure, field, finds, float, int, not, span_attribute, text,
    value_of, with,
};
use crate::reference::RefValue;

#[test]
fn aggregates_are_over_what_has_a_number() {
    use AggregateFunction::{Avg, Count, CountDistinct, Max, Min, Percentile, Rate, Stddev, Sum};
    let n = || span_attribute("n");
    let took = || Expr::field(Field::Intrinsic(Intrinsic::Duration));
    let of = |values: &[&str]| -> Vec<Span> {
        values.iter().zip(1..).map(|(value, id)| with(id, i64::from(id), &[("n", value)])).collect()
    };
    let lasting = |nanos: &[i64]| -> Vec<Span> {
        nanos
            .iter()
            .zip(1..)
            .map(|(nanos, id)| {
                let span = failure(id, 0);
                Span { start_ns: span.end_ns - nanos, ..span }
            })
            .collect()
    };
    for (scenario, function, spans, expected) in [
        ("sum of integers", Sum(Expr::field(n())), of(&["1", "2", "x", "[5]", "nan"]), RefValue::Float(3.0)),
        (
            "sum beyond 64 bits",
            Sum(Expr::field(n())),
            of(&["9223372036854775807"; 2]),
            RefValue::Float(18_446_744_073_709_551_616.0),
        ),
        ("sum of others", Sum(Expr::field(n())), of(&["0.1", "0.2", "0.3"]), RefValue::Float(0.6)),
        ("sum of both", Sum(Expr::field(n())), of(&["1", "1.0"]), RefValue::Float(2.0)),
        ("sum of nothing", Sum(Expr::field(n())), of(&["x"]), RefValue::None),
        ("sum beyond all numbers", Sum(Expr::field(n())), of(&["1e308", "1e308"]), RefValue::None),
        ("sum of durations", Sum(took()), lasting(&[1, 2, SECOND]), RefValue::Int(1_000_000_003)),
        ("mean", Avg(Expr::field(n())), of(&["1", "2"]), RefValue::Float(1.5)),
        ("mean of durations", Avg(took()), lasting(&[1, 2]), RefValue::Float(1.5)),
        ("deviation", Stddev(Expr::field(n())), of(&["1", "3"]), RefValue::Float(1.0)),
        ("deviation of one", Stddev(Expr::field(n())), of(&["0.1"]), RefValue::Float(0.0)),
        ("smallest", Min(Expr::field(n())), of(&["10", "9", "x"]), RefValue::Float(9.0)),
        ("largest", Max(Expr::field(n())), of(&["10", "9", "x"]), RefValue::Float(10.0)),
        ("largest duration", Max(took()), lasting(&[0, 7]), RefValue::Int(7)),
        ("largest of nothing", Max(Expr::field(n())), of(&[""]), RefValue::None),
        (
            "median",
            Percentile { of: Expr::field(n()), p: 50.0 },
            of(&["1", "2", "3", "4"]),
            RefValue::Float(2.0),
        ),
        ("p99 of durations", Percentile { of: took(), p: 99.0 }, lasting(&[3, 1, 2]), RefValue::Int(3)),
        ("distinct texts", CountDistinct(n()), of(&["1", "1.0", "1", "", "[1]"]), RefValue::Int(4)),
        (
            "distinct durations",
            CountDistinct(Field::Intrinsic(Intrinsic::Duration)),
            lasting(&[1, 1, 2]),
            RefValue::Int(2),
        ),
        ("count", Count, of(&["x", "y"]), RefValue::Int(2)),
        ("rate a second", Rate { per: Nanos::SECOND }, of(&["x", "y", "z"]), RefValue::Float(0.05)),
        ("rate a minute", Rate { per: Nanos::MINUTE }, of(&["x", "y", "z"]), RefValue::Float(3.0)),
    ] {
        assert_eq!(value_of(function, &spans), expected, "{scenario}");
    }
}

/// Returns whether `where: condition` selects a span with these attributes, an event, and a duration of 12 ms.
fn is_true(condition: Expr) -> bool {
    let span = Span {
        events: vec![event("retry", &[("n", "1")]), event("retry", &[("n", "2")])],
        ..with(
            1,
            0,
            &[
                ("n", "10"),
                ("m", "9"),
                ("t", "Straße"),
                ("list", "[1,20]"),
                ("big", "9007199254740993"),
                ("e", ""),
            ],
        )
    };
    finds(Selector::Where(condition), Conventions::Renamed, &span)
}

fn at(key: &str) -> Expr {
    field(span_attribute(key))
}

fn calc(operator: Arithmetic, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
}

fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    expr(ExprKind::Call(function, arguments))
}

#[test]
fn comparisons_with_no_value_are_false_and_their_negation_true() {
    use Comparison::{Eq, Gt, Lt, Ne};
    for comparison in [Eq, Ne, Gt, Lt] {
        assert!(!is_true(compare(comparison, at("gone"), int(1))), "{comparison:?}");
        assert!(is_true(not(compare(comparison, at("gone"), int(1)))), "not {comparison:?}");
        let by_zero = || calc(Arithmetic::Divide, at("n"), int(0));
        assert!(!is_true(compare(comparison, by_zero(), int(1))), "n / 0 {comparison:?}");
    }
}

#[test]
fn expressions_mean_what_the_manual_says() {
    use Arithmetic::{Add, Divide, Multiply};
    use Comparison::{Eq, Gt, Gte, Lt, Ne};
    use Function::{Coalesce, Contains, EndsWith, Length, Lower, Max, Min, Round, StartsWith, Upper};
    let took = || field(Field::Intrinsic(Intrinsic::Duration));
    let of_event = |key: &str| field(Field::attribute(Scope::Event, key));
    let regex = |item, pattern: &str, negated| {
        expr(ExprKind::Regex { item: Box::new(item), pattern: pattern.to_owned(), negated })
    };
    let between =
        |item, low, high| expr(ExprKind::Between(Box::new(item), Box::new(int(low)), Box::new(int(high))));
    for (scenario, condition, expected) in [
        ("numbers, not texts", compare(Gt, at("n"), at("m")), true),
        ("texts where one is no number", compare(Ne, at("n"), at("t")), true),
        ("equal texts", compare(Eq, at("t"), at("t")), true),
        ("no order of texts", compare(Gt, at("t"), at("n")), false),
        ("an attribute's text", compare(Eq, at("n"), text("10")), true),
        ("ordering with a text", compare(Gt, at("n"), text("9")), true),
        ("big integers", compare(Gt, at("big"), int(9_007_199_254_740_992)), true),
        (
            "big integers in arithmetic",
            compare(Gt, calc(Add, at("big"), int(0)), int(9_007_199_254_740_992)),
            false,
        ),
        ("some element", compare(Eq, at("list"), int(20)), true),
        ("not if some element is equal", compare(Ne, at("list"), int(20)), false),
        ("no element is equal", compare(Ne, at("list"), int(21)), true),
        ("not if some pair is equal", compare(Ne, at("list"), at("list")), false),
        ("some pair", compare(Lt, at("list"), at("m")), true),
        ("no array in arithmetic", compare(Gte, calc(Add, at("list"), int(0)), int(-99)), false),
        ("an element between", between(at("list"), 15, 25), true),
        ("no one element between", between(at("list"), 2, 19), false),
        ("both ends included", between(at("n"), 10, 10), true),
        (
            "in",
            expr(ExprKind::In(Box::new(at("list")), vec![Value::Number(Number::Int(20)), Value::Bool(true)])),
            true,
        ),
        ("matched from end to end", regex(at("t"), "Str.*", false), true),
        ("not matched in part", regex(at("t"), "Str", false), false),
        ("not if it matches", regex(at("t"), "Str.*", true), false),
        ("not if it matches some element", regex(at("list"), "1", true), false),
        ("it matches no element", regex(at("list"), "3", true), true),
        ("no value to match", regex(at("gone"), "1", true), false),
        ("durations", compare(Eq, took(), duration(12_000_000)), true),
        ("sums of durations", compare(Eq, calc(Add, took(), duration(1)), duration(12_000_001)), true),
        ("a multiple", compare(Eq, calc(Multiply, took(), float(0.5)), duration(6_000_000)), true),
        ("durations cancel", compare(Eq, calc(Divide, took(), duration(6_000_000)), int(2)), true),
        ("lower", compare(Eq, call(Lower, vec![at("t")]), text("straße")), true),
        ("upper", compare(Eq, call(Upper, vec![at("t")]), text("STRASSE")), true),
        ("length in characters", compare(Eq, call(Length, vec![at("t")]), int(6)), true),
        ("length of empty text", compare(Eq, call(Length, vec![at("e")]), int(0)), true),
        ("length of the whole array", compare(Eq, call(Length, vec![at("list")]), int(6)), true),
        ("an element contains", call(Contains, vec![at("list"), text("2")]), true),
        ("no element contains", call(Contains, vec![at("list"), text(",")]), false),
        ("the raw text contains", call(Contains, vec![call(Lower, vec![at("list")]), text(",")]), true),
        ("starts", call(StartsWith, vec![at("t"), text("Str")]), true),
        ("ends", call(EndsWith, vec![at("t"), text("Str")]), false),
        ("contains no value", call(Contains, vec![at("t"), at("gone")]), false),
        ("smallest", compare(Eq, call(Min, vec![at("n"), at("m")]), int(9)), true),
        ("largest with no value", compare(Gt, call(Max, vec![at("n"), at("gone")]), int(0)), false),
        ("half away from zero", compare(Eq, call(Round, vec![float(-2.5)]), int(-3)), true),
        (
            "the first with a value",
            compare(Eq, call(Coalesce, vec![at("gone"), at("m"), at("n")]), int(9)),
            true,
        ),
        (
            "the first of attributes, as an attribute",
            compare(Eq, call(Coalesce, vec![at("gone"), at("n")]), call(Coalesce, vec![at("ten"), at("n")])),
            true,
        ),
        ("the first with a number", compare(Eq, call(Coalesce, vec![at("t"), int(7)]), int(7)), true),
        ("the first text", compare(Eq, call(Coalesce, vec![at("e"), text("x")]), text("")), true),
        ("some event", compare(Eq, of_event("n"), int(2)), true),
        ("some event's name", compare(Eq, of_event("name"), text("retry")), true),
        ("no event", compare(Gt, of_event("n"), int(2)), false),
        ("some event differs", compare(Ne, of_event("name"), text("gone")), true),
        ("no event differs", compare(Ne, of_event("name"), text("retry")), false),
        ("not some event", not(compare(Eq, of_event("n"), int(2))), false),
        ("root", field(Field::Intrinsic(Intrinsic::Root)), true),
        ("not root", not(field(Field::Intrinsic(Intrinsic::Root))), false),
        (
            "root = false",
            compare(
                Eq,
                field(Field::Intrinsic(Intrinsic::Root)),
                expr(ExprKind::Literal(Value::Bool(false))),
            ),
            false,
        ),
    ] {
        assert_eq!(is_true(condition), expected, "{scenario}");
    }
}
