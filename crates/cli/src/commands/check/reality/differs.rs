//! A selection against what is known → findings.

use std::collections::BTreeSet;

use fluo_rules::diagnostic::{Code, Finding};
use fluo_rules::field::Scope;
use fluo_rules::hint::Hint;
use fluo_rules::rule::{Rule, Selector};
use fluo_rules::{is_registered, nearest};
use fluo_suggest::FewValues;

use super::known::Known;
use super::matching::{Spans, may};
use super::place::{place_of, word_in};
use super::terms::{Role, Term, What, of_selector};

/// Most names that a hint lists.
const MOST_NAMED: usize = 8;

/// The result of holding a selection against what is known.
pub(super) struct Selected<'a> {
    /// The operations of which spans may be selected.
    pub(super) spans: Vec<Spans<'a>>,
    /// It names a service or a name of spans that occurs: it is about this system.
    pub(super) is_here: bool,
    /// Something about it was found to be wrong.
    pub(super) is_wrong: bool,
}

/// Holds a selection against what is known.
pub(super) fn selection<'a>(
    rule: &Rule,
    selector: &Selector,
    known: &Known<'a>,
    findings: &mut Vec<Finding>,
) -> Selected<'a> {
    let conventions = rule.conventions;
    let all = known.operations.iter().map(|(operation, profile)| Spans { operation, profile, conventions });
    let spans: Vec<Spans<'a>> = all.filter(|spans| spans.may_be(selector)).collect();
    let terms = of_selector(selector);
    let is_here = terms.iter().any(|term| names_what_occurs(term, known));
    let before = findings.len();
    for term in &terms {
        let needed = term.role == Role::Needed && is_here && !(term.of_parent && spans.is_empty());
        findings.extend(term_differs(rule, term, needed, &terms, known));
    }
    if spans.is_empty() && findings.len() == before && is_here {
        findings.extend(never_together(rule, &terms, known));
    }
    Selected { spans, is_here, is_wrong: findings.len() > before }
}

/// Returns whether a selection needs a service or a name that occurs.
fn names_what_occurs(term: &Term, known: &Known<'_>) -> bool {
    !term.of_parent
        && term.role == Role::Needed
        && match &term.what {
            What::Service(service) => known.services.contains(service.as_str()),
            What::Name(name) => known.names.contains(name.as_str()),
            _ => false,
        }
}

/// The finding about something that does not occur. `needed`: it must, and the rule is about this system.
pub(super) fn term_differs(
    rule: &Rule,
    term: &Term,
    needed: bool,
    terms: &[Term],
    known: &Known<'_>,
) -> Option<Finding> {
    match &term.what {
        What::Service(service) => {
            if known.services.contains(service.as_str()) {
                return None;
            }
            let near = near(service, &others(&known.services, terms));
            (near.is_some() || needed).then(|| {
                let hint = near.map_or_else(|| listed("services are", &known.services), did_you_mean);
                finding(
                    rule,
                    Code::UnknownService,
                    service,
                    format!("no span is of the service `{service}`"),
                    hint,
                )
            })
        }
        What::Name(name) => name_differs(rule, name, needed, terms, known),
        What::Key(scope, key) => key_differs(rule, *scope, key, needed, known),
        What::Value(scope, key, value) => {
            let values = known.values(*scope, key, rule.conventions);
            // What is left out need not be there.
            if term.role == Role::Not { None } else { value_differs(rule, key, value, &values, terms) }
        }
        What::Event(name) => {
            let FewValues::Few(few) = &known.events else { return None };
            if few.contains_key(name) {
                return None;
            }
            let names: BTreeSet<&str> = few.keys().map(String::as_str).collect();
            let near = near(name, &names);
            (near.is_some() || needed).then(|| {
                let hint = near.map_or_else(|| listed("events are", &names), did_you_mean);
                finding(rule, Code::UnknownSpanName, name, format!("no span has an event `{name}`"), hint)
            })
        }
    }
}

fn name_differs(rule: &Rule, name: &str, needed: bool, terms: &[Term], known: &Known<'_>) -> Option<Finding> {
    let is_service = |term: &&Term| term.role == Role::Needed && !term.of_parent;
    let service = terms.iter().filter(is_service).find_map(|term| match &term.what {
        What::Service(service) if known.services.contains(service.as_str()) => Some(service.as_str()),
        _ => None,
    });
    if known.names.contains(name) {
        return None;
    }
    let own = service.map_or_else(|| known.names.clone(), |service| known.names_of(service));
    let near = near(name, &others(&own, terms)).or_else(|| near(name, &others(&known.names, terms)));
    (near.is_some() || needed).then(|| {
        let message = match service {
            Some(service) => format!("no span of `{service}` has the name `{name}`"),
            None => format!("no span has the name `{name}`"),
        };
        let hint = near.map_or_else(|| listed("names are", &own), did_you_mean);
        finding(rule, Code::UnknownSpanName, name, message, hint)
    })
}

pub(super) fn key_differs(
    rule: &Rule,
    scope: Scope,
    key: &str,
    needed: bool,
    known: &Known<'_>,
) -> Option<Finding> {
    if known.has(scope, key, rule.conventions) {
        return None;
    }
    let own = in_words(scope);
    if let Some(other) = known.others_with(scope, key, rule.conventions).first() {
        let message = format!("`{key}` is no attribute of {own}, but of {}", in_words(*other));
        let hint = match other {
            Scope::Event => format!("write it below `event`, or as `event.{key}`"),
            Scope::Scope => format!("write it below `scope`, or as `scope.{key}`"),
            Scope::Resource => format!("write it below `resource`, or as `resource.{key}`"),
            _ => format!("write it below `attributes`, or as `span.{key}`"),
        };
        return Some(finding(rule, Code::AbsentAttribute, key, message, hint));
    }
    // What conventions know is no misspelling, and no mistake where nobody sets it.
    let keys = known.keys(scope);
    let near = near(key, &keys).filter(|_| !is_registered(key));
    (near.is_some() || needed).then(|| {
        let message = format!("no span has `{key}` among the attributes of {own}");
        let hint = near.map_or_else(|| "nothing that asks for it is ever found".to_owned(), did_you_mean);
        finding(rule, Code::AbsentAttribute, key, message, hint)
    })
}

fn value_differs(rule: &Rule, key: &str, value: &str, values: &FewValues, terms: &[Term]) -> Option<Finding> {
    let FewValues::Few(few) = values else { return None };
    let is_number = value.parse::<f64>().is_ok();
    if few.is_empty() || is_number || few.contains_key(value) || few.keys().any(|text| text.starts_with('['))
    {
        return None;
    }
    let values = others(&few.keys().map(String::as_str).collect(), terms);
    let near = near(value, &values).or_else(|| shortened(value, &values))?;
    let message = format!("`{key}` never has the value `{value}`");
    Some(finding(rule, Code::AbsentValue, value, message, did_you_mean(near)))
}

/// Each of the tests holds somewhere, and nowhere all of them.
fn never_together(rule: &Rule, terms: &[Term], known: &Known<'_>) -> Option<Finding> {
    let needed = || terms.iter().filter(|term| term.role == Role::Needed && !term.of_parent);
    let service = needed().find_map(|term| match &term.what {
        What::Service(service) => Some(service.as_str()),
        _ => None,
    });
    let name = needed().find_map(|term| match &term.what {
        What::Name(name) => Some(name.as_str()),
        _ => None,
    });
    let word = name.or(service)?;
    let message = match (service, name) {
        (Some(service), Some(name)) if !known.names_of(service).contains(name) => {
            format!("no span of `{service}` has the name `{name}`")
        }
        (_, Some(name)) => format!("no span of the name `{name}` is all that is asked of it"),
        (Some(service), None) => format!("no span of `{service}` is all that is asked of it"),
        (None, None) => return None,
    };
    let hint = match (service, name) {
        (Some(service), Some(name)) if !known.names_of(service).contains(name) => {
            listed("such spans are of", &known.services_with(name))
        }
        _ => "each test by itself holds for some spans: look at kind, status and attributes together"
            .to_owned(),
    };
    Some(finding(rule, Code::NeverTogether, word, message, hint))
}

/// A finding about a word of a rule.
pub(super) fn finding(rule: &Rule, code: Code, word: &str, message: String, hint: String) -> Finding {
    Finding { code, message, place: word_in(rule, word), hint: Some(hint.into()), related: Vec::new() }
}

/// A finding about a rule.
pub(super) fn of_rule(rule: &Rule, code: Code, message: String, hint: impl Into<Hint>) -> Finding {
    Finding { code, message, place: place_of(rule), hint: Some(hint.into()), related: Vec::new() }
}

/// The owner of attributes, in words.
fn in_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Span => "spans",
        Scope::Resource => "resources",
        Scope::Scope => "instrumentation scopes",
        Scope::Event => "events",
        Scope::Link => "links",
        Scope::Either => "spans or resources",
    }
}

/// The one that was probably meant.
pub(super) fn near<'a>(word: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    nearest(word, known.iter().copied())
}

/// The known words without those that the rule names beside it: these were not meant.
fn others<'a>(known: &BTreeSet<&'a str>, terms: &[Term]) -> BTreeSet<&'a str> {
    let is_named = |text: &str| terms.iter().any(|term| term.what.text() == text);
    known.iter().copied().filter(|text| !is_named(text)).collect()
}

/// The one that a word is the beginning of, or the reverse.
fn shortened<'a>(word: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let is_enough = |part: &str| part.chars().count() >= 3;
    known.iter().copied().find(|other| {
        (is_enough(word) && other.starts_with(word)) || (is_enough(other) && word.starts_with(other))
    })
}

/// The hint without its edit: a word that is not found has the place of the rule.
pub(super) fn did_you_mean(near: &str) -> String {
    Hint::did_you_mean(near).to_string()
}

/// `services are a, b and 3 more`
pub(super) fn listed(begin: &str, known: &BTreeSet<&str>) -> String {
    let named: Vec<&str> = known.iter().copied().take(MOST_NAMED).collect();
    let more = known.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{begin} {}{rest}", named.join(", "))
}

/// Returns whether an attribute is a number in any of some spans; true where nothing is known of its values.
pub(super) fn may_be_number(values: &FewValues) -> bool {
    may(values, |text| text.trim().parse::<f64>().is_ok())
}
