//! One entry of a test's `spans` → [`Template`].

use fluo_time::Nanos;

use super::{Report, literal, moment, shape};
use crate::diagnostic::Code;
use crate::keys::{KINDS, MANY_SPANS, STATUSES, Table};
use crate::test_file::{Event, Id, Kind, Link, Literal, Status, Template};
use crate::yaml::{Entry, Node, Yaml};

/// Longest word that stands for an id, in bytes.
const MAX_WORD: usize = 100;

/// Reads a template of a test that starts at `start` and whose spans are late by `late` where they do not say.
pub(super) fn template(report: &mut Report, item: &Node, start: i64, late: Nanos) -> Option<Template> {
    let errors = report.errors();
    shape::item_map(report, item, Table::Span, "a span")?;
    let times = times(report, item, start);
    let text = |report: &mut Report, key| item.get(key).and_then(|entry| shape::text(report, entry));
    let duration_of =
        |report: &mut Report, key| item.get(key).and_then(|entry| shape::duration(report, entry));
    let literals = |report: &mut Report, key| {
        let read = item.get(key).and_then(|entry| literal::literals(report, entry));
        read.unwrap_or_default()
    };
    let resource = literals(report, "resource");
    if let (Some(own), true) =
        (item.get("service_name"), resource.iter().any(|(key, _)| key == "service.name"))
    {
        let message = "the service's name is given twice, here and in `resource`";
        report.add(Code::Conflict, own.key_at.clone(), message);
    }
    let mut scope = literals(report, "scope");
    let scope_name = scope_text(report, item, &mut scope, "name");
    let scope_version = scope_text(report, item, &mut scope, "version");
    let kind = word(report, item, "kind", KINDS);
    let status = word(report, item, "status", STATUSES);
    let count = item.get("count").and_then(|entry| shape::integer(report, entry, 1, MANY_SPANS));
    let template = Template {
        times: times.unwrap_or_default(),
        count: count.unwrap_or(1),
        late: duration_of(report, "late").unwrap_or(late),
        duration: duration_of(report, "duration").unwrap_or(Nanos(10_000_000)),
        service_name: text(report, "service_name"),
        name: text(report, "name").unwrap_or_else(|| "span".to_owned()),
        kind: Kind::ALL.into_iter().find(|known| kind == Some(known.as_str())).unwrap_or_default(),
        status: Status::ALL.into_iter().find(|known| status == Some(known.as_str())).unwrap_or_default(),
        status_message: text(report, "status_message").unwrap_or_default(),
        trace_id: item.get("trace_id").and_then(|entry| id(report, entry)),
        span_id: item.get("span_id").and_then(|entry| id(report, entry)),
        parent: item.get("parent").and_then(|entry| id(report, entry)),
        trace_state: text(report, "trace_state").unwrap_or_default(),
        attributes: literals(report, "attributes"),
        resource,
        scope_name,
        scope_version,
        scope,
        events: item.get("events").and_then(|entry| events(report, entry)).unwrap_or_default(),
        links: item.get("links").and_then(|entry| links(report, entry)).unwrap_or_default(),
        place: report.place(item.extent()),
    };
    check_times(report, item, &template);
    check_span_id(report, item, &template);
    (report.errors() == errors && !item.incomplete).then_some(template)
}

fn word(report: &mut Report, item: &Node, key: &str, words: &[&'static str]) -> Option<&'static str> {
    item.get(key).and_then(|entry| shape::word(report, entry, words))
}

fn times(report: &mut Report, item: &Node, start: i64) -> Option<Vec<crate::test_file::Times>> {
    let every = item.get("every").map(|entry| (entry, shape::positive_duration(report, entry)));
    moment::times(report, item.get("at")?, every, start)
}

/// Takes a text out of the scope's attributes: its name and version are fields of their own.
fn scope_text(report: &mut Report, item: &Node, scope: &mut Vec<(String, Literal)>, key: &str) -> String {
    let Some(at) = scope.iter().position(|(known, _)| known == key) else { return String::new() };
    scope.remove(at);
    let entry = item.get("scope").and_then(|scope| scope.value.get(key));
    entry.and_then(|entry| shape::text(report, entry)).unwrap_or_default()
}

fn events(report: &mut Report, entry: &Entry) -> Option<Vec<Event>> {
    let items = shape::list(report, entry, "a list of events")?;
    let events: Vec<_> = items.iter().map(|item| event(report, item)).collect();
    events.into_iter().collect()
}

fn event(report: &mut Report, item: &Node) -> Option<Event> {
    shape::item_map(report, item, Table::SpanEvent, "an event")?;
    let name = item.get("name").and_then(|entry| shape::text(report, entry));
    let at = item.get("at").and_then(|entry| shape::duration(report, entry));
    let attributes = item.get("attributes").and_then(|entry| literal::literals(report, entry));
    Some(Event { name: name?, at, attributes: attributes.unwrap_or_default() })
}

fn links(report: &mut Report, entry: &Entry) -> Option<Vec<Link>> {
    let items = shape::list(report, entry, "a list of other spans' ids")?;
    let links: Vec<_> = items.iter().map(|item| link(report, entry, item)).collect();
    links.into_iter().collect()
}

/// The id of the other span, or that with more about the link.
fn link(report: &mut Report, entry: &Entry, item: &Node) -> Option<Link> {
    if let Yaml::Map(entries) = &item.value {
        shape::known_keys(report, entries, Table::SpanLink, "a link");
        shape::required_keys(report, item, Table::SpanLink, "a link");
        let attributes = item.get("attributes").and_then(|entry| literal::literals(report, entry));
        let trace_id = item.get("trace_id").map(|entry| id(report, entry));
        let span_id = item.get("span_id").and_then(|entry| id(report, entry));
        return Some(Link {
            span_id: span_id?,
            trace_id: trace_id.map_or(Some(None), |id| id.map(Some))?,
            attributes: attributes.unwrap_or_default(),
        });
    }
    let text = shape::item_text(report, item, &entry.key)?;
    let span_id = read_id(&text, "span_id").map_err(|wrong| {
        report.at(Code::BadId, item, wrong);
    });
    Some(Link { span_id: span_id.ok()?, trace_id: None, attributes: Vec::new() })
}

/// A trace or span id.
fn id<const N: usize>(report: &mut Report, entry: &Entry) -> Option<Id<[u8; N]>> {
    let text = shape::some_text(report, entry)?;
    let read = read_id(&text, &entry.key);
    read.map_err(|wrong| {
        report.value(Code::BadId, entry, wrong);
    })
    .ok()
}

/// Digits, or a word; or a message that says why it is no id. `key` takes such an id.
fn read_id<const N: usize>(text: &str, key: &str) -> Result<Id<[u8; N]>, String> {
    let digits = 2 * N;
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; N];
    Err(if hex::decode_to_slice(text, &mut bytes).is_ok() {
        if bytes != [0; N] {
            return Ok(Id::Given(bytes));
        }
        "an id is not all zeros".to_owned()
    } else if hexadecimal && text.len() >= 8 {
        // Long enough to be meant as digits: a digit lost would make it another trace without a word.
        format!("this has {} hexadecimal digits, and `{key}` has {digits}", text.len())
    } else if text.len() > MAX_WORD {
        format!("a word that stands for an id has at most {MAX_WORD} bytes")
    } else {
        return Ok(Id::Named(text.to_owned()));
    })
}

/// OTLP's times begin in 1970, and arrival must be a moment, too.
fn check_times(report: &mut Report, item: &Node, template: &Template) {
    let Some(entry) = item.get("at") else { return };
    let early = |first: i64| first.checked_sub(template.duration.0).is_none_or(|start| start < 0);
    if template.times.iter().any(|times| early(times.first)) {
        report.value(Code::BadTime, entry, "a span cannot start before 1970");
    }
    if template.times.iter().any(|times| times.last.checked_add(template.late.0).is_none()) {
        report.value(Code::BadTime, entry, "a span cannot arrive after 2262");
    }
}

/// A span's own id is that of one span.
fn check_span_id(report: &mut Report, item: &Node, template: &Template) {
    let spans = template.spans();
    if let (Some(entry), true) = (item.get("span_id"), spans > 1) {
        let message = format!("this `span_id` would be that of {spans} spans");
        report.value(Code::BadId, entry, message).hint("leave it out: each span gets an id of its own");
    }
}
