//! The few words that spans and rules are made of, so that they meet.

use fluo_rules::field::{Field, Intrinsic, Scope};
use proptest::prelude::Strategy;
use proptest::sample::select;

/// Values of `service.name`; spans may also have none.
pub const SERVICES: [&str; 2] = ["auth-service", "shop"];

/// Names of spans. One looks like an array, which the name of a span never is; one is empty.
pub const NAMES: [&str; 4] = ["login", "pay", "[1]", ""];

/// Keys of span attributes. The first two are one attribute under two names, the next two another.
pub const SPAN_KEYS: [&str; 7] = [
    "http.status_code",
    "http.response.status_code",
    "http.method",
    "http.request.method",
    "n",
    "tag",
    "weird key!",
];

/// Keys of resource attributes; `n` is also one of spans.
pub const RESOURCE_KEYS: [&str; 2] = ["deployment.environment", "n"];

/// Keys of attributes of the instrumentation scope.
pub const SCOPE_KEYS: [&str; 1] = ["layer"];

/// Names of events.
pub const EVENT_NAMES: [&str; 2] = ["exception", "retry"];

/// Keys of event attributes.
pub const EVENT_KEYS: [&str; 2] = ["exception.type", "attempt"];

/// Keys of link attributes.
pub const LINK_KEYS: [&str; 1] = ["peer"];

/// Canonical texts of attribute values that comparing by meaning can get wrong.
pub const VALUES: [&str; 40] = [
    "401",
    "401",
    "200",
    "5",
    "1",
    "0",
    "-0",
    "-3",
    "+5",
    "007",
    "401.0",
    "4.01e2",
    "0.1",
    "0.2",
    "0.3",
    "-2.5",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "1e308",
    "-1e308",
    "1e400",
    "5e-324",
    "NaN",
    "inf",
    "1_000",
    " 1",
    "",
    "true",
    "false",
    "abc",
    "Straße",
    "İx",
    "[401,200]",
    r#"["abc","401",true,null]"#,
    "[1.0,2.5,[5],{\"k\":1}]",
    "[]",
    "[401",
    r#"{"k":1}"#,
];

/// Texts that rules compare with.
pub const TEXTS: [&str; 10] = ["401", "200", "5", "1", "", "true", "abc", "straße", "[401,200]", "401.0"];

/// Patterns: anchored, alternating, empty, case-insensitive, Unicode; those that match a part, and a whole.
pub const PATTERNS: [&str; 10] = [
    "^40",
    "01$",
    "4.*",
    "a|abc",
    "^(abc|200)$",
    "",
    "(?i)STRASSE|straße",
    r"\d{3}",
    r"^\p{L}+$",
    "(?x) 4 0 . # any",
];

/// One of the words.
pub fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    select(words)
}

/// An attribute of the span, the resource, the instrumentation scope, or looked up in span and resource.
pub fn attribute() -> impl Strategy<Value = Field> {
    let mut fields: Vec<Field> = Vec::new();
    for key in SPAN_KEYS {
        fields.push(Field::attribute(Scope::Span, key));
        fields.push(Field::attribute(Scope::Either, key));
    }
    fields.extend(RESOURCE_KEYS.map(|key| Field::attribute(Scope::Resource, key)));
    fields.extend(RESOURCE_KEYS.map(|key| Field::attribute(Scope::Either, key)));
    fields.extend(SCOPE_KEYS.map(|key| Field::attribute(Scope::Scope, key)));
    fields.push(Field::attribute(Scope::Span, "never.seen"));
    select(fields)
}

/// An attribute that is often numeric: where sums and comparisons are of interest.
pub fn numeric_attribute() -> impl Strategy<Value = Field> {
    select(vec![
        Field::attribute(Scope::Span, "n"),
        Field::attribute(Scope::Either, "n"),
        Field::attribute(Scope::Span, "http.status_code"),
        Field::attribute(Scope::Either, "http.response.status_code"),
    ])
}

/// An attribute of events or links.
pub fn item_attribute() -> impl Strategy<Value = Field> {
    let of_events = EVENT_KEYS.map(|key| Field::attribute(Scope::Event, key));
    let of_links = LINK_KEYS.map(|key| Field::attribute(Scope::Link, key));
    select([of_events.as_slice(), &of_links].concat())
}

/// A field of the span itself that is free text.
pub fn text_intrinsic() -> impl Strategy<Value = Field> {
    select(
        [
            Intrinsic::Name,
            Intrinsic::StatusMessage,
            Intrinsic::ServiceName,
            Intrinsic::ScopeName,
            Intrinsic::ScopeVersion,
        ]
        .map(Field::Intrinsic)
        .to_vec(),
    )
}

/// A field that groups can be made of: one value a span.
pub fn group_field() -> impl Strategy<Value = Field> {
    select(vec![
        Field::Intrinsic(Intrinsic::ServiceName),
        Field::Intrinsic(Intrinsic::Name),
        Field::Intrinsic(Intrinsic::Status),
        Field::attribute(Scope::Span, "http.status_code"),
        Field::attribute(Scope::Span, "http.request.method"),
        Field::attribute(Scope::Either, "n"),
        Field::attribute(Scope::Resource, "deployment.environment"),
        Field::attribute(Scope::Span, "weird key!"),
    ])
}
