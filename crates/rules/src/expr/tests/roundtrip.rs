//! Tests that a printed expression parses back to the same tree.

use fluo_time::Nanos;
use proptest::prelude::*;

use super::super::{ExprKind, Function, parse_field};
use super::{Arithmetic, Comparison, Context, Expr, aggregates, parse, parse_condition, parse_where};
use crate::field::{Field, Intrinsic, Scope};
use crate::matcher::{Number, Value};

#[test]
fn the_fewest_parentheses() {
    let cases = [
        ("gt(count, 5)", "count > 5"),
        ("((count) > (5))", "count > 5"),
        ("(count > 1 and count > 2) and count > 3", "count > 1 and count > 2 and count > 3"),
        ("count > 1 and (count > 2 and count > 3)", "count > 1 and (count > 2 and count > 3)"),
        ("(count > 1 and count > 2) or count > 3", "count > 1 and count > 2 or count > 3"),
        ("(count > 1 or count > 2) and count > 3", "(count > 1 or count > 2) and count > 3"),
        ("!(count > 1) && !(count > 2 || count > 3)", "not count > 1 and not (count > 2 or count > 3)"),
        ("(count - 1) - (2 - 3) > (4 * 5) / (6 / 7)", "count - 1 - (2 - 3) > 4 * 5 / (6 / 7)"),
        ("-(count + 1) < -5", "-(count + 1) < -5"),
        ("-(5) < count", "-(5) < count"),
        ("-(-5) < - - -count", "--5 < ---count"),
        ("errors / total > 5%", "errors / total > 0.05"),
        ("p99 > 90s", "p99 > 1m30s"),
        ("between(count, 1, 2.0)", "between(count, 1, 2.0)"),
        ("previous( count,1 )>previous(count , 2)", "previous(count) > previous(count, 2)"),
        ("count > sum_over((errors / total), 60m)", "count > sum_over(errors / total, 1h)"),
        ("not(is_new()) or absent(600s)", "not is_new() or absent(10m)"),
        (
            "predict_linear(p99, 30m, 90m) > zscore(count, 1h) * 1s",
            "predict_linear(p99, 30m, 1h30m) > zscore(count, 1h) * 1s",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_condition(text).to_string(), expected);
    }
    for (text, expected) in [
        ("eq(status, 'error')", "status = error"),
        ("kind in ('server', client)", "kind in [server, client]"),
        ("name = 'it\\'s \"x\"'", r#"name = "it's \"x\"""#),
        ("name !~ 'a\\\\d'", r#"name !~ "a\\d""#),
        ("span['a-b'] = any['5']", r#"span["a-b"] = any["5"]"#),
        ("(root = true) = root", "(root = true) = root"),
        (
            "parent.kind = 'client' and parent.span['a-b'] = 1",
            r#"parent.kind = client and parent.span["a-b"] = 1"#,
        ),
        ("parent.http.route = parent.any['name']", r#"parent.http.route = parent.any["name"]"#),
        ("parent.any['span.a'] = parent.span.a", r#"parent.any["span.a"] = parent.span.a"#),
        ("self_time > parent.duration - duration", "self_time > parent.duration - duration"),
    ] {
        assert_eq!(parse_where(text).to_string(), expected);
    }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, at: 0..0 }
}

fn attribute() -> impl Strategy<Value = Expr> {
    let scope =
        prop::sample::select(vec![Scope::Span, Scope::Resource, Scope::Scope, Scope::Event, Scope::Either]);
    // `scope.name` and its like are intrinsics; as keys of attributes they would be texts.
    (
        scope,
        "[a-z][a-z0-9_.]{0,8}|.{0,6}".prop_filter("not an intrinsic's key", |key| {
            !matches!(key.as_str(), "name" | "version" | "service.name")
        }),
    )
        .prop_flat_map(|(scope, key)| (Just(Field::attribute(scope, key)), any::<bool>()))
        .prop_map(|(field, of_parent)| {
            let of_parent = of_parent && field.many().is_none();
            expr(ExprKind::Field(if of_parent { Field::Parent(Box::new(field)) } else { field }))
        })
}

fn text() -> impl Strategy<Value = Expr> {
    prop_oneof![
        prop::sample::select(vec![
            Intrinsic::Name,
            Intrinsic::ServiceName,
            Intrinsic::ScopeName,
            Intrinsic::EventName
        ])
        .prop_map(|intrinsic| expr(ExprKind::Field(Field::Intrinsic(intrinsic)))),
        any::<String>().prop_map(|text| expr(ExprKind::Literal(Value::Text(text)))),
        attribute().prop_map(|argument| expr(ExprKind::Call(Function::Lower, vec![argument]))),
    ]
}

fn number_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(|int| Value::Number(Number::Int(int))),
        any::<f64>()
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(|float| Value::Number(Number::Float(float))),
    ]
}

fn arithmetic() -> impl Strategy<Value = Arithmetic> {
    prop::sample::select(vec![
        Arithmetic::Add,
        Arithmetic::Subtract,
        Arithmetic::Multiply,
        Arithmetic::Divide,
    ])
}

fn number() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![attribute(), number_value().prop_map(|value| expr(ExprKind::Literal(value)))];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| expr(ExprKind::Negate(Box::new(operand)))),
            (arithmetic(), inner.clone(), inner.clone()).prop_map(|(operator, left, right)| expr(
                ExprKind::Arithmetic(operator, Box::new(left), Box::new(right))
            )),
            prop::collection::vec(inner, 2..4)
                .prop_map(|arguments| expr(ExprKind::Call(Function::Max, arguments))),
        ]
    })
}

fn duration() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        Just(expr(ExprKind::Field(Field::Intrinsic(Intrinsic::Duration)))),
        any::<i64>().prop_map(|nanos| expr(ExprKind::Literal(Value::Duration(Nanos(nanos))))),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| expr(ExprKind::Negate(Box::new(operand)))),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| expr(ExprKind::Arithmetic(
                Arithmetic::Subtract,
                Box::new(left),
                Box::new(right)
            ))),
            (inner, number()).prop_map(|(left, right)| expr(ExprKind::Arithmetic(
                Arithmetic::Divide,
                Box::new(left),
                Box::new(right)
            ))),
        ]
    })
}

fn compare(comparison: Comparison, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Compare(comparison, Box::new(left), Box::new(right)))
}

fn boolean() -> impl Strategy<Value = Expr> {
    let ordering = prop::sample::select(vec![
        Comparison::Lt,
        Comparison::Lte,
        Comparison::Gt,
        Comparison::Gte,
        Comparison::Eq,
    ]);
    let word =
        prop::sample::select(vec!["unset", "ok", "error"]).prop_map(|word| Value::Text(word.to_owned()));
    let status = || expr(ExprKind::Field(Field::Intrinsic(Intrinsic::Status)));
    let leaf = prop_oneof![
        (ordering.clone(), number(), number())
            .prop_map(|(operator, left, right)| compare(operator, left, right)),
        (ordering, duration(), duration()).prop_map(|(operator, left, right)| compare(operator, left, right)),
        (text(), text()).prop_map(|(left, right)| compare(Comparison::Ne, left, right)),
        (attribute(), any::<bool>()).prop_map(|(left, bool)| compare(
            Comparison::Eq,
            left,
            expr(ExprKind::Literal(Value::Bool(bool)))
        )),
        word.clone().prop_map(move |word| compare(Comparison::Eq, status(), expr(ExprKind::Literal(word)))),
        prop::collection::vec(word, 1..3)
            .prop_map(move |words| expr(ExprKind::In(Box::new(status()), words))),
        (
            attribute(),
            prop::collection::vec(prop_oneof![number_value(), any::<String>().prop_map(Value::Text)], 1..4)
        )
            .prop_map(|(item, values)| expr(ExprKind::In(Box::new(item), values))),
        (
            text(),
            "[a-z.*\\[\\]\"' ]{0,5}"
                .prop_filter("a pattern", |pattern| super::super::compile_pattern(pattern).is_ok()),
            any::<bool>()
        )
            .prop_map(|(item, pattern, negated)| expr(ExprKind::Regex {
                item: Box::new(item),
                pattern,
                negated
            })),
        (number(), number(), number()).prop_map(|(item, low, high)| expr(ExprKind::Between(
            Box::new(item),
            Box::new(low),
            Box::new(high)
        ))),
        (text(), text()).prop_map(|(text, part)| expr(ExprKind::Call(Function::Contains, vec![text, part]))),
        Just(expr(ExprKind::Field(Field::Intrinsic(Intrinsic::Root)))),
    ];
    leaf.prop_recursive(5, 32, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| expr(ExprKind::Not(Box::new(operand)))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| expr(ExprKind::And(Box::new(left), Box::new(right)))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| expr(ExprKind::Or(Box::new(left), Box::new(right)))),
            (inner.clone(), inner).prop_map(|(left, right)| compare(Comparison::Eq, left, right)),
        ]
    })
}

proptest! {
    #[test]
    fn expressions(expr in boolean()) {
        let text = expr.to_string();
        match parse(&text, Context::Where) {
            Ok(parsed) => prop_assert_eq!(parsed, expr, "{}", text),
            Err(problems) => prop_assert!(
                problems.iter().all(|problem| problem.code == crate::diagnostic::Code::ExprTooLong),
                "{}: {:?}", text, problems
            ),
        }
    }

    #[test]
    fn fields(scope in 0..5_usize, key in any::<String>()) {
        let scope = [Scope::Span, Scope::Resource, Scope::Scope, Scope::Event, Scope::Either][scope];
        let field = Field::attribute(scope, key);
        prop_assert_eq!(parse_field(&field.to_string()), Ok(field.clone()));
        let text = format!("{field} = {field}");
        prop_assert_eq!(parse_where(&text), compare(
            Comparison::Eq,
            expr(ExprKind::Field(field.clone())),
            expr(ExprKind::Field(field)),
        ));
    }
}

#[test]
fn conditions_read_back() {
    for text in ["errors / total > 0.05 and total >= 100", "p99 > 2 * slowest or not users in [1, 2]"] {
        let aggregates = aggregates();
        let expr = parse_condition(text);
        assert_eq!(parse(&expr.to_string(), Context::Condition { aggregates: &aggregates }), Ok(expr));
    }
}
