//! The keys of `silences.yml`.

use super::key::{Key, Shape, Table, key};

pub(super) const FILE: &[Key] = &[key("silences", Shape::ListOf(Table::Silence), None, "The silences.")];

pub(super) const SILENCE: &[Key] = &[
    key("id", Shape::Text, None, "What to call it by; unique."),
    key("comment", Shape::Text, None, "Why, and whom to ask."),
    key(
        "matchers",
        Shape::SilenceMatchers,
        None,
        "Which alerts: a list of matchers as `rule=X`, `severity!=critical`, `team=~\"pay.*\"` (anchored), `team!~x`, or a mapping of rule, severity, labels and group keys to values. All of them must hold.",
    ),
    key("from", Shape::Instant, None, "In force from this moment on, in RFC 3339. Left out: it always was."),
    key("until", Shape::Instant, None, "Over from this moment on, in RFC 3339. Left out: it has no end."),
    key("weekly", Shape::Map(Table::Weekly), None, "In force at these times of the week only."),
];

pub(super) const SILENCE_MATCHER: &[Key] = &[key(
    "matches",
    Shape::Text,
    None,
    "This regular expression (Rust's regex crate, unanchored) is found in the value.",
)];

pub(super) const WEEKLY: &[Key] = &[
    key(
        "days",
        Shape::Days,
        None,
        "Days on which it begins: `[sat, sun]`, `[mon..fri]`. Left out: every day.",
    ),
    key("from", Shape::TimeOfDay, None, "When it begins, as `HH:MM`."),
    key(
        "to",
        Shape::TimeOfDay,
        None,
        "When it ends, as `HH:MM`, up to `24:00`; on the day after where that is not later than `from`.",
    ),
    key("timezone", Shape::Text, Some("UTC"), "The clock's place in the IANA database: `Europe/Berlin`."),
];
