//! Tests what matches: by meaning, under every name, one element or one event being enough.

use std::sync::Arc;

use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Number, Test, Value};
use fluo_rules::rule::{Conventions, Selector};
use fluo_spans::span::{InstrumentationScope, Link, Resource, Span};

use super::build::{equals, event, failure, finds, span_attribute, with};
use crate::span::attributes;

fn number(float: f64) -> Value {
    Value::Number(Number::Float(float))
}

fn integer(int: i64) -> Value {
    Value::Number(Number::Int(int))
}

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn values_compare_by_meaning() {
    let big = "9007199254740993";
    for (value, test, expected) in [
        (Some("401"), Test::Eq(word("401")), true),
        (Some("401.0"), Test::Eq(word("401")), false),
        (Some("401.0"), Test::Eq(integer(401)), true),
        (Some("4.01e2"), Test::Eq(integer(401)), true),
        (Some("0401"), Test::Eq(integer(401)), true),
        (Some("abc"), Test::Eq(integer(401)), false),
        (Some("abc"), Test::Ne(integer(401)), true),
        (None, Test::Ne(integer(401)), false),
        (Some("true"), Test::Eq(Value::Bool(true)), true),
        (Some("1"), Test::Eq(Value::Bool(true)), false),
        (Some("10"), Test::Gt(integer(9)), true),
        (Some("abc"), Test::Gt(integer(9)), false),
        (Some("inf"), Test::Gt(integer(9)), false),
        (Some("9.5"), Test::Lte(number(9.5)), true),
        (Some(big), Test::Gt(integer(9_007_199_254_740_992)), true),
        (Some(big), Test::Gt(number(9_007_199_254_740_992.0)), false),
        (Some("1s"), Test::Gt(Value::Duration(fluo_time::Nanos(1))), false),
        (Some("401"), Test::In(vec![word("400"), integer(401)]), true),
        (Some("401"), Test::NotIn(vec![word("400"), integer(401)]), false),
        (Some("402"), Test::NotIn(vec![word("400"), integer(401)]), true),
        (None, Test::NotIn(vec![word("400")]), false),
        (Some("[401, 200]"), Test::Eq(integer(200)), true),
        (Some("[401, 200]"), Test::Ne(integer(200)), false),
        (Some("[401, 200]"), Test::Ne(integer(500)), true),
        (Some("[401, 200]"), Test::NotIn(vec![word("500"), integer(401)]), false),
        (Some("[401, 200]"), Test::NotIn(vec![word("500"), integer(403)]), true),
        (Some("[401, 200]"), Test::Contains(",".to_owned()), false),
        (Some("[]"), Test::Ne(integer(200)), true),
        (Some("[]"), Test::Eq(integer(200)), false),
        (Some("[]"), Test::Exists(true), true),
        (Some("[]"), Test::Exists(false), false),
        (Some(""), Test::Exists(true), true),
        (Some(""), Test::Eq(word("")), true),
        (None, Test::Exists(false), true),
        (None, Test::Exists(true), false),
        (None, Test::Eq(word("")), false),
        (Some("Grün"), Test::Matches("^gr.n$".to_owned()), false),
        (Some("Grün"), Test::Matches("(?i)^GR.N$".to_owned()), true),
        (Some("Grün"), Test::StartsWith("Gr".to_owned()), true),
        (Some("Grün"), Test::EndsWith("Gr".to_owned()), false),
    ] {
        let pairs: Vec<(&str, &str)> = value.map(|value| ("x", value)).into_iter().collect();
        let selector = Selector::Match(span_attribute("x"), Matcher { tests: vec![test.clone()] });
        let span = with(1, 0, &pairs);
        assert_eq!(finds(selector, Conventions::Renamed, &span), expected, "{value:?} {test:?}");
    }
}

#[test]
fn one_and_the_same_element_passes_all_tests() {
    let between = vec![Test::Gt(integer(3)), Test::Lt(integer(5))];
    let not_four = vec![Test::Gt(integer(3)), Test::Ne(integer(4))];
    for (tests, value, expected) in [
        (&between, "[1, 9]", false),
        (&between, "[1, 4]", true),
        (&between, "4", true),
        // What denies something holds of every element.
        (&not_four, "[1, 4]", false),
        (&not_four, "[4, 9]", false),
        (&not_four, "[1, 9]", true),
        (&not_four, "[1, 2]", false),
    ] {
        let selector = Selector::Match(span_attribute("x"), Matcher { tests: tests.clone() });
        assert_eq!(finds(selector, Conventions::Renamed, &with(1, 0, &[("x", value)])), expected, "{value}");
    }
}

#[test]
fn a_name_answers_under_its_other_spellings_unless_told_exactly() {
    let old = "http.status_code";
    let new = "http.response.status_code";
    let absent = || Matcher { tests: vec![Test::Exists(false)] };
    for (scenario, key, pairs, matcher, conventions, expected) in [
        ("the old name finds the new", old, vec![(new, "401")], equals("401"), Conventions::Renamed, true),
        ("the new name finds the old", new, vec![(old, "401")], equals("401"), Conventions::Renamed, true),
        (
            "its own comes first",
            old,
            vec![(old, "1"), (new, "401")],
            equals("401"),
            Conventions::Renamed,
            false,
        ),
        ("absent is none of them", old, vec![(new, "401")], absent(), Conventions::Renamed, false),
        ("exactly", old, vec![(new, "401")], equals("401"), Conventions::Exact, false),
        ("exactly absent", old, vec![(new, "401")], absent(), Conventions::Exact, true),
    ] {
        let selector = Selector::Match(span_attribute(key), matcher);
        assert_eq!(finds(selector, conventions, &with(1, 0, &pairs)), expected, "{scenario}");
    }
}

#[test]
fn scopes_are_looked_up_where_they_say() {
    let span = Span {
        resource: Arc::new(Resource {
            service_name: None,
            attributes: attributes(&[("x", "resource"), ("http.status_code", "1"), ("only", "here")]),
        }),
        scope: Arc::new(InstrumentationScope {
            name: "lib".to_owned(),
            version: String::new(),
            attributes: attributes(&[("x", "scope")]),
        }),
        events: vec![event("e", &[("x", "event")])],
        ..with(1, 0, &[("x", "span"), ("http.response.status_code", "2")])
    };
    let field = |scope, key| Field::attribute(scope, key);
    for (scenario, field, value, expected) in [
        ("span", field(Scope::Span, "x"), "span", true),
        ("resource", field(Scope::Resource, "x"), "resource", true),
        ("instrumentation scope", field(Scope::Scope, "x"), "scope", true),
        ("event", field(Scope::Event, "x"), "event", true),
        ("unscoped: the span first", field(Scope::Either, "x"), "span", true),
        ("unscoped: then the resource", field(Scope::Either, "only"), "here", true),
        // Any spelling in the span comes before the own spelling in the resource.
        ("unscoped spellings", field(Scope::Either, "http.status_code"), "2", true),
        ("not the resource", field(Scope::Span, "only"), "here", false),
        ("scope.name", field(Scope::Scope, "name"), "lib", true),
        ("scope.version is empty", field(Scope::Scope, "version"), "", false),
        ("no service name", field(Scope::Resource, "service.name"), "auth-service", false),
        ("status_message is empty", Field::Intrinsic(Intrinsic::StatusMessage), "", false),
    ] {
        let selector = Selector::Match(field, equals(value));
        assert_eq!(finds(selector, Conventions::Renamed, &span), expected, "{scenario}");
    }
}

#[test]
fn one_event_satisfies_its_whole_selector() {
    let span = Span {
        events: vec![
            event("exception", &[("exception.type", "ValueError")]),
            event("retry", &[("exception.type", "TimeoutError"), ("n", "[1,2]")]),
        ],
        ..failure(1, 0)
    };
    let of = |name: Option<&str>, key: &str, tests| Selector::Event {
        name: name.map(equals),
        attributes: vec![(key.to_owned(), Matcher { tests })],
    };
    let timeout = || vec![Test::Eq(word("TimeoutError"))];
    for (scenario, selector, expected) in [
        ("both in one", of(Some("retry"), "exception.type", timeout()), true),
        ("one in each", of(Some("exception"), "exception.type", timeout()), false),
        ("any name", of(None, "exception.type", timeout()), true),
        ("absent in one", of(None, "n", vec![Test::Exists(false)]), true),
        ("absent in that one", of(Some("retry"), "n", vec![Test::Exists(false)]), false),
        ("an element", of(None, "n", vec![Test::Eq(integer(2))]), true),
        (
            "as a field: absent in all",
            Selector::Match(
                Field::attribute(Scope::Event, "n"),
                Matcher { tests: vec![Test::Exists(false)] },
            ),
            false,
        ),
        (
            "as a field: a name",
            Selector::Match(Field::attribute(Scope::Event, "name"), equals("retry")),
            true,
        ),
        ("no such event", Selector::Event { name: Some(equals("gone")), attributes: vec![] }, false),
        ("some event", Selector::Event { name: None, attributes: vec![] }, true),
    ] {
        assert_eq!(finds(selector, Conventions::Renamed, &span), expected, "{scenario}");
    }
}

#[test]
fn one_link_is_enough() {
    let link = |id: u8, peer: &str| Link {
        trace_id: [id; 16],
        span_id: [0xcd; 8],
        trace_state: String::new(),
        attributes: attributes(&[("peer", peer)]),
    };
    let span = Span { links: vec![link(1, "[\"a\",\"b\"]"), link(0xab, "c")], ..failure(1, 0) };
    let of = |key, test| Selector::Match(Field::attribute(Scope::Link, key), Matcher { tests: vec![test] });
    for (scenario, selector, expected) in [
        ("some link's trace", of("trace_id", Test::Eq(word(&"ab".repeat(16)))), true),
        ("no link's trace", of("trace_id", Test::Eq(word(&"02".repeat(16)))), false),
        ("some link's span", of("span_id", Test::StartsWith("cdcd".to_owned())), true),
        ("some link's attribute", of("peer", Test::Eq(word("c"))), true),
        ("an element of some link's", of("peer", Test::Eq(word("b"))), true),
        ("one link without it is enough", of("peer", Test::Ne(word("c"))), true),
        ("every link has it", of("peer", Test::NotIn(vec![word("c"), word("a")])), false),
        ("no link has it", of("nope", Test::Exists(false)), true),
        ("a link has it", of("peer", Test::Exists(false)), false),
    ] {
        assert_eq!(finds(selector, Conventions::Renamed, &span), expected, "{scenario}");
    }
}

#[test]
fn intrinsics_are_plain_text_durations_and_a_boolean() {
    let span = Span { name: "[1]".to_owned(), parent_span_id: Some([1; 8]), ..failure(0xab, 0) };
    let of = |intrinsic, test| Selector::Match(Field::Intrinsic(intrinsic), Matcher { tests: vec![test] });
    let nanos = fluo_time::Nanos;
    for (scenario, selector, expected) in [
        ("a name is no array", of(Intrinsic::Name, Test::Eq(word("1"))), false),
        ("a name as it is", of(Intrinsic::Name, Test::Eq(word("[1]"))), true),
        ("duration", of(Intrinsic::Duration, Test::Eq(Value::Duration(nanos(12_000_000)))), true),
        ("duration is no number", of(Intrinsic::Duration, Test::Gt(integer(0))), false),
        ("root", of(Intrinsic::Root, Test::Eq(Value::Bool(false))), true),
        ("kind", of(Intrinsic::Kind, Test::In(vec![word("client"), word("server")])), true),
        ("lower-case hex", of(Intrinsic::SpanId, Test::Eq(word("abababababababab"))), true),
        ("not", Selector::Not(Box::new(of(Intrinsic::Name, Test::Eq(word("[1]"))))), false),
        ("any of none", Selector::Any(vec![]), false),
        ("all of none", Selector::All(vec![]), true),
    ] {
        assert_eq!(finds(selector, Conventions::Renamed, &span), expected, "{scenario}");
    }
}
