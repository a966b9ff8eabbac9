//! Expressions over a span: what `where` can say.

use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind, Function};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::{Number, Value};
use fluo_spans::span::{Kind, Status};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::vocabulary::{
    EVENT_NAMES, NAMES, PATTERNS, SERVICES, TEXTS, attribute, item_attribute, numeric_attribute, one_of,
    text_intrinsic,
};
use super::writing;

/// A checked boolean expression over a span, with the positions of its text.
pub fn filter() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![6 => comparison(), 2 => text_test(), 1 => root()];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| of(ExprKind::Not(Box::new(inner)))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| of(ExprKind::And(Box::new(left), Box::new(right)))),
            (inner.clone(), inner)
                .prop_map(|(left, right)| of(ExprKind::Or(Box::new(left), Box::new(right)))),
        ]
    })
    .prop_map(|expr| writing::written(&expr).1)
}

/// A comparison of any two sides that may be compared.
fn comparison() -> BoxedStrategy<Expr> {
    prop_oneof![
        // An attribute with a constant: equality of any type, order of numbers.
        3 => (attribute(), equality(), attribute_constant())
            .prop_map(|(field, operator, value)| compare(operator, self::field(field), literal(value))),
        2 => (attribute(), operator(), number())
            .prop_map(|(field, operator, value)| compare(operator, self::field(field), literal(value))),
        // The constant on the left.
        1 => (attribute(), operator(), number())
            .prop_map(|(field, operator, value)| compare(operator, literal(value), self::field(field))),
        2 => (attribute(), operator(), attribute())
            .prop_map(|(left, operator, right)| compare(operator, field(left), field(right))),
        2 => (intrinsic_with_word(), equality())
            .prop_map(|((field, word), operator)| compare(operator, self::field(field), literal(word))),
        1 => (item_attribute(), equality(), attribute_constant())
            .prop_map(|(field, operator, value)| compare(operator, self::field(field), literal(value))),
        1 => (item_attribute(), operator(), number())
            .prop_map(|(field, operator, value)| compare(operator, self::field(field), literal(value))),
        2 => (number_term(), operator(), number_term())
            .prop_map(|(left, operator, right)| compare(operator, left, right)),
        2 => (duration_term(), operator(), duration_term())
            .prop_map(|(left, operator, right)| compare(operator, left, right)),
        1 => (attribute(), vec(attribute_constant(), 1..4))
            .prop_map(|(field, values)| of(ExprKind::In(Box::new(self::field(field)), values))),
        1 => (numeric_attribute(), number(), number()).prop_map(|(field, low, high)| {
            of(ExprKind::Between(
                Box::new(self::field(field)),
                Box::new(literal(low)),
                Box::new(literal(high)),
            ))
        }),
    ]
    .boxed()
}

/// A test of a text: a pattern, a part, or a comparison of a computed text.
fn text_test() -> BoxedStrategy<Expr> {
    let item = || prop_oneof![3 => attribute(), 1 => text_intrinsic()].prop_map(field);
    prop_oneof![
        (item(), one_of(&PATTERNS), proptest::bool::ANY).prop_map(|(item, pattern, negated)| {
            of(ExprKind::Regex { item: Box::new(item), pattern: pattern.to_owned(), negated })
        }),
        (
            select(vec![Function::Contains, Function::StartsWith, Function::EndsWith]),
            prop_oneof![item(), item().prop_map(|item| call(Function::Lower, vec![item]))],
            one_of(&TEXTS),
        )
            .prop_map(|(function, item, part)| call(function, vec![item, literal(text(part))])),
        (select(vec![Function::Lower, Function::Upper]), item(), equality(), one_of(&TEXTS)).prop_map(
            |(function, item, operator, with)| {
                let computed = call(function, vec![item]);
                compare(operator, computed, literal(text(with)))
            }
        ),
        (attribute(), attribute(), equality(), attribute()).prop_map(|(first, second, operator, with)| {
            let computed = call(Function::Coalesce, vec![field(first), field(second)]);
            compare(operator, computed, field(with))
        }),
        (item(), one_of(&TEXTS), equality(), one_of(&TEXTS)).prop_map(|(item, other, operator, with)| {
            let computed = call(Function::Coalesce, vec![item, literal(text(other))]);
            compare(operator, computed, literal(text(with)))
        }),
    ]
    .boxed()
}

fn root() -> impl Strategy<Value = Expr> {
    Just(of(ExprKind::Field(Field::Intrinsic(Intrinsic::Root))))
}

/// Numbers, numeric attributes, lengths, and arithmetic and functions of them.
fn number_term() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        2 => numeric_attribute().prop_map(field),
        2 => number().prop_map(literal),
        1 => attribute().prop_map(|attribute| call(Function::Length, vec![field(attribute)])),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            3 => (arithmetic(), inner.clone(), inner.clone()).prop_map(|(operator, left, right)| {
                of(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
            }),
            1 => inner.clone().prop_map(negated),
            1 => (rounding(), inner.clone()).prop_map(|(function, inner)| call(function, vec![inner])),
            1 => (select(vec![Function::Min, Function::Max]), vec(inner.clone(), 2..4))
                .prop_map(|(function, arguments)| call(function, arguments)),
            1 => (inner, number())
                .prop_map(|(inner, other)| call(Function::Coalesce, vec![inner, literal(other)])),
        ]
    })
    .boxed()
}

/// The span's duration, constants, and their sums, multiples and parts.
fn duration_term() -> BoxedStrategy<Expr> {
    let leaf = || {
        prop_oneof![
            2 => Just(field(Field::Intrinsic(Intrinsic::Duration))),
            1 => duration().prop_map(literal),
        ]
    };
    prop_oneof![
        3 => leaf(),
        1 => (select(vec![Arithmetic::Add, Arithmetic::Subtract]), leaf(), leaf()).prop_map(
            |(operator, left, right)| of(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
        ),
        1 => (select(vec![Arithmetic::Multiply, Arithmetic::Divide]), leaf(), select(vec![0.5, 2.0, 3.0, 0.0]))
            .prop_map(|(operator, left, factor)| {
                let factor = literal(Value::Number(Number::Float(factor)));
                of(ExprKind::Arithmetic(operator, Box::new(left), Box::new(factor)))
            }),
    ]
    .boxed()
}

/// An intrinsic with one of its own words.
fn intrinsic_with_word() -> impl Strategy<Value = (Field, Value)> {
    let word = |intrinsic, words: Vec<&'static str>| {
        select(words).prop_map(move |word| (Field::Intrinsic(intrinsic), text(word)))
    };
    prop_oneof![
        word(Intrinsic::Kind, Kind::ALL.iter().map(|kind| kind.as_str()).collect()),
        word(Intrinsic::Status, Status::ALL.iter().map(|status| status.as_str()).collect()),
        word(Intrinsic::Name, NAMES.to_vec()),
        word(Intrinsic::ServiceName, SERVICES.to_vec()),
        word(Intrinsic::StatusMessage, vec!["", "token expired", "401"]),
        word(Intrinsic::EventName, EVENT_NAMES.to_vec()),
        word(Intrinsic::LinkTraceId, vec!["02020202020202020202020202020202", "01"]),
        word(Intrinsic::LinkSpanId, vec!["0101010101010101"]),
    ]
}

/// A constant that an attribute may be compared with.
pub fn attribute_constant() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => one_of(&TEXTS).prop_map(text),
        3 => number(),
        1 => proptest::bool::ANY.prop_map(Value::Bool),
    ]
}

/// A number at which values of the vocabulary lie, as an integer or a float.
pub fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => select(vec![401, 400, 200, 5, 1, 0, -3, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX])
            .prop_map(|int| Value::Number(Number::Int(int))),
        1 => select(vec![401.0, 400.5, 0.1, 0.3, -2.5, 1e300])
            .prop_map(|float| Value::Number(Number::Float(float))),
    ]
}

/// A duration at which spans' durations lie.
pub fn duration() -> impl Strategy<Value = Value> {
    select(vec![0, 1, 500_000_000, 1_000_000_000, 1_500_000_001])
        .prop_map(|nanos| Value::Duration(Nanos(nanos)))
}

/// Any comparison operator.
pub fn operator() -> impl Strategy<Value = Comparison> {
    select(vec![
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Lte,
        Comparison::Gt,
        Comparison::Gte,
    ])
}

fn equality() -> impl Strategy<Value = Comparison> {
    select(vec![Comparison::Eq, Comparison::Ne])
}

/// Any arithmetic operator.
pub fn arithmetic() -> impl Strategy<Value = Arithmetic> {
    select(vec![Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Divide])
}

/// Functions of one number.
pub fn rounding() -> impl Strategy<Value = Function> {
    select(vec![Function::Abs, Function::Floor, Function::Ceil, Function::Round])
}

/// An expression whose place in the text is not known yet ([`writing::written`] finds it).
pub(super) fn of(kind: ExprKind) -> Expr {
    Expr { kind, at: 0..0 }
}

/// The negation; that of a constant is a constant, as the parser reads it.
pub(super) fn negated(inner: Expr) -> Expr {
    match inner.kind {
        ExprKind::Literal(Value::Number(Number::Int(int))) => literal(Value::Number(Number::Int(-int))),
        ExprKind::Literal(Value::Number(Number::Float(float))) => {
            literal(Value::Number(Number::Float(-float)))
        }
        _ => of(ExprKind::Negate(Box::new(inner))),
    }
}

/// A constant.
pub(super) fn literal(value: Value) -> Expr {
    of(ExprKind::Literal(value))
}

/// A comparison.
pub(super) fn compare(operator: Comparison, left: Expr, right: Expr) -> Expr {
    of(ExprKind::Compare(operator, Box::new(left), Box::new(right)))
}

/// A call.
pub(super) fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    of(ExprKind::Call(function, arguments))
}

fn field(field: Field) -> Expr {
    of(ExprKind::Field(field))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
