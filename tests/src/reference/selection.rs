//! The spans that a rule is about: selectors and matchers.

use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Test};
use fluo_rules::rule::Selector;

use super::datum::Datum;
use super::expression::{Environment, holds};
use super::lookup::{Subject, items};
use super::pattern;

/// Returns whether the selector selects the span.
pub(super) fn selects(selector: &Selector, subject: Subject<'_>) -> bool {
    match selector {
        Selector::All(selectors) => selectors.iter().all(|selector| selects(selector, subject)),
        Selector::Any(selectors) => selectors.iter().any(|selector| selects(selector, subject)),
        Selector::Not(selector) => !selects(selector, subject),
        Selector::Where(expr) => holds(expr, &Environment::Span(subject)),
        Selector::Match(field, matcher) if field.many().is_some() => {
            let items: Vec<Subject<'_>> =
                items(field, subject).into_iter().filter(|at_item| at_item.value(field).is_some()).collect();
            if items.is_empty() {
                accepts_absence(matcher)
            } else {
                items.iter().any(|at_item| matches(field, matcher, *at_item))
            }
        }
        Selector::Match(field, matcher) => matches(field, matcher, subject),
        Selector::Event { name, attributes } => subject.span.events.iter().any(|event| {
            let at_event = subject.at(event);
            let name_matches = name
                .as_ref()
                .is_none_or(|matcher| matches(&Field::Intrinsic(Intrinsic::EventName), matcher, at_event));
            name_matches
                && attributes.iter().all(|(key, matcher)| {
                    let field = Field::Attribute { scope: Scope::Event, key: key.clone() };
                    matches(&field, matcher, at_event)
                })
        }),
    }
}

fn matches(field: &Field, matcher: &Matcher, subject: Subject<'_>) -> bool {
    if subject.value(field).is_none() {
        return accepts_absence(matcher);
    }
    // Presence is asked of the value as a whole. What denies something holds of every element, and one and the same element
    // passes all else.
    let candidates = subject.candidates(field);
    let affirms = |test: &&Test| !matches!(test, Test::Exists(_) | Test::Ne(_) | Test::NotIn(_));
    let affirmed =
        |candidate: &Datum| matcher.tests.iter().filter(affirms).all(|test| passes(test, candidate));
    let denied = |test: &Test| match test {
        Test::Exists(expected) => *expected,
        test => candidates.iter().all(|candidate| passes(test, candidate)),
    };
    matcher.tests.iter().filter(|test| !affirms(test)).all(denied)
        && (!matcher.tests.iter().any(|test| affirms(&test)) || candidates.iter().any(affirmed))
}

/// Returns whether the matcher holds where there is no value.
fn accepts_absence(matcher: &Matcher) -> bool {
    matcher.tests.iter().all(|test| matches!(test, Test::Exists(false)))
}

fn passes(test: &Test, candidate: &Datum) -> bool {
    let equals = |value| candidate.equals(&Datum::constant(value));
    let ordering = |value| candidate.compare(&Datum::constant(value));
    let text = |accepts: &dyn Fn(&str) -> bool| candidate.text().is_some_and(|text| accepts(&text));
    match test {
        Test::Eq(value) => equals(value),
        Test::Ne(value) => !equals(value),
        Test::Gt(value) => ordering(value).is_some_and(std::cmp::Ordering::is_gt),
        Test::Gte(value) => ordering(value).is_some_and(std::cmp::Ordering::is_ge),
        Test::Lt(value) => ordering(value).is_some_and(std::cmp::Ordering::is_lt),
        Test::Lte(value) => ordering(value).is_some_and(std::cmp::Ordering::is_le),
        Test::In(values) => values.iter().any(equals),
        Test::NotIn(values) => !values.iter().any(equals),
        Test::Contains(part) => text(&|text| text.contains(part)),
        Test::StartsWith(part) => text(&|text| text.starts_with(part)),
        Test::EndsWith(part) => text(&|text| text.ends_with(part)),
        Test::Matches(regex) => text(&|text| pattern::found(regex, text)),
        Test::Exists(expected) => *expected,
    }
}
