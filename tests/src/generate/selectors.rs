//! Selectors and matchers.

use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::{Matcher, Test, Value};
use fluo_rules::rule::Selector;
use fluo_spans::span::{Kind, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::expressions::{attribute_constant, duration, filter, number};
use super::vocabulary::{
    EVENT_KEYS, EVENT_NAMES, NAMES, PATTERNS, SERVICES, TEXTS, attribute, item_attribute, one_of,
    text_intrinsic,
};

/// Any selector. About one in three selects every span or every failed login, so that conditions have something
/// to count.
pub fn selector() -> impl Strategy<Value = Selector> {
    let any = leaf().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 0..3).prop_map(Selector::All),
            2 => vec(inner.clone(), 0..3).prop_map(Selector::Any),
            1 => inner.prop_map(|inner| Selector::Not(Box::new(inner))),
        ]
    });
    let wide = prop_oneof![
        Just(Selector::All(Vec::new())),
        Just(Selector::Match(Field::Intrinsic(Intrinsic::ServiceName), equals("auth-service"))),
        Just(Selector::Match(Field::Intrinsic(Intrinsic::Status), equals("error"))),
    ];
    prop_oneof![2 => any, 1 => wide]
}

fn leaf() -> BoxedStrategy<Selector> {
    prop_oneof![
        5 => (attribute(), attribute_matcher()).prop_map(|(field, matcher)| Selector::Match(field, matcher)),
        3 => intrinsic(),
        1 => (item_attribute(), attribute_matcher()).prop_map(|(field, matcher)| Selector::Match(field, matcher)),
        1 => event(),
        2 => filter().prop_map(Selector::Where),
    ]
    .boxed()
}

fn intrinsic() -> impl Strategy<Value = Selector> {
    let of = |intrinsic, words: Vec<&'static str>| {
        words_matcher(words).prop_map(move |matcher| Selector::Match(Field::Intrinsic(intrinsic), matcher))
    };
    prop_oneof![
        of(Intrinsic::Kind, Kind::ALL.iter().map(|kind| kind.as_str()).collect()),
        of(Intrinsic::Status, Status::ALL.iter().map(|status| status.as_str()).collect()),
        of(Intrinsic::Name, NAMES.to_vec()),
        of(Intrinsic::ServiceName, SERVICES.to_vec()),
        of(Intrinsic::StatusMessage, vec!["", "token expired", "401"]),
        of(Intrinsic::ScopeName, vec!["", "lib"]),
        (text_intrinsic(), text_test())
            .prop_map(|(field, test)| Selector::Match(field, Matcher { tests: vec![test] })),
        (duration(), ordering()).prop_map(|(value, test)| {
            Selector::Match(Field::Intrinsic(Intrinsic::Duration), Matcher { tests: vec![test(value)] })
        }),
        proptest::bool::ANY.prop_map(|root| {
            let matcher = Matcher { tests: vec![Test::Eq(Value::Bool(root))] };
            Selector::Match(Field::Intrinsic(Intrinsic::Root), matcher)
        }),
    ]
}

fn event() -> impl Strategy<Value = Selector> {
    let attributes = vec((one_of(&EVENT_KEYS).prop_map(str::to_owned), attribute_matcher()), 0..3);
    (option::of(words_matcher(EVENT_NAMES.to_vec())), attributes)
        .prop_map(|(name, attributes)| Selector::Event { name, attributes })
}

/// One to three tests of an attribute's value.
fn attribute_matcher() -> impl Strategy<Value = Matcher> {
    let test = prop_oneof![
        4 => attribute_constant().prop_map(Test::Eq),
        1 => attribute_constant().prop_map(Test::Ne),
        2 => (number(), ordering()).prop_map(|(value, test)| test(value)),
        1 => vec(attribute_constant(), 1..4).prop_map(Test::In),
        1 => vec(attribute_constant(), 1..4).prop_map(Test::NotIn),
        1 => text_test(),
        1 => proptest::bool::ANY.prop_map(Test::Exists),
    ];
    prop_oneof![3 => vec(test.clone(), 1), 1 => vec(test, 2..4)].prop_map(|tests| Matcher { tests })
}

fn words_matcher(words: Vec<&'static str>) -> impl Strategy<Value = Matcher> {
    let word = select(words).prop_map(|word| Value::Text(word.to_owned()));
    prop_oneof![
        3 => word.clone().prop_map(Test::Eq),
        1 => word.clone().prop_map(Test::Ne),
        1 => vec(word.clone(), 1..3).prop_map(Test::In),
        1 => vec(word, 1..3).prop_map(Test::NotIn),
    ]
    .prop_map(|test| Matcher { tests: vec![test] })
}

fn text_test() -> impl Strategy<Value = Test> {
    prop_oneof![
        one_of(&TEXTS).prop_map(|part| Test::Contains(part.to_owned())),
        one_of(&TEXTS).prop_map(|part| Test::StartsWith(part.to_owned())),
        one_of(&TEXTS).prop_map(|part| Test::EndsWith(part.to_owned())),
        one_of(&PATTERNS).prop_map(|pattern| Test::Matches(pattern.to_owned())),
    ]
}

fn ordering() -> impl Strategy<Value = fn(Value) -> Test> {
    select(vec![Test::Gt as fn(Value) -> Test, Test::Gte, Test::Lt, Test::Lte])
}

fn equals(text: &str) -> Matcher {
    Matcher { tests: vec![Test::Eq(Value::Text(text.to_owned()))] }
}
