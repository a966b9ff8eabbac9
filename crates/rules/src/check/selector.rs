//! `span:` → [`Selector`].

use super::{Report, attribute, expression, matcher, shape};
use crate::diagnostic::Code;
use crate::field::{Field, Intrinsic, Scope};
use crate::keys::Table;
use crate::matcher::{Matcher, Test, Value};
use crate::rule::Selector;
use crate::yaml::{Entry, Node, Yaml};

/// The selector that is the value of `span:`: a mapping, or a `TraceQL` spanset filter as text.
pub(super) fn selector(report: &mut Report, entry: &Entry) -> Option<Selector> {
    if let Yaml::Text(_) = entry.value.value {
        return expression::spanset(report, entry);
    }
    let entries = shape::map(report, entry, "a mapping, or a TraceQL spanset filter")?;
    if entries.iter().any(is_unquoted_filter) {
        let text = report.text();
        let extent = entry.value.extent();
        // A mapping ends behind its last entry, before its brace.
        let close = text.get(extent.end..).and_then(|behind| behind.find('}')).map(|at| extent.end + at + 1);
        let written = close.and_then(|close| text.get(extent.start..close));
        let written = written.filter(|written| !written.contains('\n')).unwrap_or("{ … }");
        let quoted = written.replace('\'', "\'\'");
        let message = "a TraceQL filter without quotes, which YAML reads as a mapping";
        report
            .value(Code::WrongType, entry, message)
            .hint(format!("put it in quotes: `{}: '{quoted}'`", entry.key));
        return None;
    }
    mapping(report, entries, &format!("`{}`", entry.key))
}

/// The selector that entries are, all of which must hold. `table`: that of the mapping in which they stand, which
/// `within` names.
pub(super) fn of_entries(
    report: &mut Report,
    entries: &[&Entry],
    table: Table,
    within: &str,
) -> Option<Selector> {
    let parts: Vec<_> = entries.iter().map(|entry| part(report, entry, table, within)).collect();
    let parts: Option<Vec<Vec<Selector>>> = parts.into_iter().collect();
    let mut parts: Vec<Selector> = parts?.into_iter().flatten().collect();
    Some(match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => Selector::All(parts.into_iter().chain(last).collect()),
    })
}

/// Returns whether it is a part of `{ status = error }`, which is a key without a value to YAML.
fn is_unquoted_filter(entry: &Entry) -> bool {
    let known = Table::Selector.key(&entry.key).is_some();
    let is_test = entry.key.contains(['=', '<', '>', '!', '&', '|']) || entry.key.starts_with('.');
    entry.value.value == Yaml::Null && !known && is_test
}

fn mapping(report: &mut Report, entries: &[Entry], within: &str) -> Option<Selector> {
    of_entries(report, &entries.iter().collect::<Vec<_>>(), Table::Selector, within)
}

/// Reads one key of a selector; all of the selectors that it returns must hold.
fn part(report: &mut Report, entry: &Entry, table: Table, within: &str) -> Option<Vec<Selector>> {
    let own = |report: &mut Report, intrinsic| {
        let field = Field::Intrinsic(intrinsic);
        let matcher = matcher::matcher(report, entry, &field)?;
        Some(vec![Selector::Match(field, matcher)])
    };
    match entry.key.as_str() {
        "service_name" => own(report, Intrinsic::ServiceName),
        "name" => own(report, Intrinsic::Name),
        "kind" => own(report, Intrinsic::Kind),
        "status" => own(report, Intrinsic::Status),
        "status_message" => own(report, Intrinsic::StatusMessage),
        "duration" => own(report, Intrinsic::Duration),
        "root" => {
            let root = shape::boolean(report, entry)?;
            let matcher = Matcher { tests: vec![Test::Eq(Value::Bool(root))] };
            Some(vec![Selector::Match(Field::Intrinsic(Intrinsic::Root), matcher)])
        }
        "attributes" => attributes(report, entry, Scope::Span),
        "resource" => attributes(report, entry, Scope::Resource),
        "scope" => attributes(report, entry, Scope::Scope),
        "event" => event(report, entry).map(|event| vec![event]),
        "where" => expression::filter(report, entry).map(|expr| vec![Selector::Where(expr)]),
        "any" => any(report, entry).map(|any| vec![any]),
        "not" => {
            let entries = shape::map(report, entry, "a selector")?;
            let inner = mapping(report, entries, "`not`")?;
            Some(vec![Selector::Not(Box::new(inner))])
        }
        _ => {
            shape::unknown_key(report, entry, table, within);
            None
        }
    }
}

fn attributes(report: &mut Report, entry: &Entry, scope: Scope) -> Option<Vec<Selector>> {
    let entries = shape::map(report, entry, "a mapping of attribute key to matcher")?;
    let matches: Vec<_> = entries
        .iter()
        .map(|inner| {
            let field = Field::attribute(scope, attribute_key(report, inner)?);
            attribute::warn_of_key(report, inner.key_at.clone(), scope, &inner.key);
            let matcher = matcher::matcher(report, inner, &field)?;
            Some(Selector::Match(field, matcher))
        })
        .collect();
    matches.into_iter().collect()
}

fn attribute_key<'a>(report: &mut Report, entry: &'a Entry) -> Option<&'a str> {
    if entry.key.is_empty() {
        report.add(Code::InvalidValue, entry.key_at.clone(), "an attribute's key is empty");
        return None;
    }
    Some(&entry.key)
}

fn any(report: &mut Report, entry: &Entry) -> Option<Selector> {
    let items = shape::list(report, entry, "a list of selectors")?;
    if items.is_empty() {
        report.value(Code::InvalidValue, entry, "`any` lists no selectors, so that no span matches");
        return None;
    }
    let selectors: Vec<_> = items.iter().map(|item| alternative(report, item)).collect();
    selectors.into_iter().collect::<Option<_>>().map(Selector::Any)
}

fn alternative(report: &mut Report, item: &Node) -> Option<Selector> {
    if let Some(entries) = item.entries() {
        return mapping(report, entries, "`any`");
    }
    report.at(
        Code::WrongType,
        item,
        format!("an entry of `any` must be a selector, not {}", item.describe()),
    );
    None
}

fn event(report: &mut Report, entry: &Entry) -> Option<Selector> {
    let entries = shape::map(report, entry, "a mapping")?;
    let errors = report.errors();
    shape::known_keys(report, entries, Table::Event, "`event`");
    let mut name = None;
    let mut matchers = Vec::new();
    for part in entries {
        match part.key.as_str() {
            "name" => name = matcher::matcher(report, part, &Field::Intrinsic(Intrinsic::EventName)),
            "attributes" => {
                for inner in
                    shape::map(report, part, "a mapping of attribute key to matcher").unwrap_or_default()
                {
                    let Some(key) = attribute_key(report, inner) else { continue };
                    attribute::warn_of_key(report, inner.key_at.clone(), Scope::Event, key);
                    // Not `Field::attribute`: here `name` is an attribute of that name, not the event's name.
                    let field = Field::Attribute { scope: Scope::Event, key: key.to_owned() };
                    if let Some(matcher) = matcher::matcher(report, inner, &field) {
                        matchers.push((key.to_owned(), matcher));
                    }
                }
            }
            _ => {}
        }
    }
    (report.errors() == errors).then_some(Selector::Event { name, attributes: matchers })
}
