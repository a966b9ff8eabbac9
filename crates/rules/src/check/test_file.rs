//! A test file's documents → [`TestFile`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_time::Nanos;

use super::{Report, expectation, moment, shape, test_span};
use crate::diagnostic::{Code, Place};
use crate::expr::nearest::nearest;
use crate::keys::{MANY_SPANS, PIPELINES, Table};
use crate::test_file::{DEFAULT_START, Id, Pipeline, SpanFile, SpanId, Template, Test, TestFile};
use crate::yaml::{Entry, Node, Yaml};

/// Reads the one document of a test file; none where it is not known what is tested.
pub(crate) fn test_file(report: &mut Report, roots: &[Node]) -> Option<TestFile> {
    let roots: Vec<&Node> = roots.iter().filter(|root| root.value != Yaml::Null).collect();
    let [root, more @ ..] = roots.as_slice() else {
        report.add(Code::NoTests, 0..0, "the file holds no tests");
        return None;
    };
    for second in more {
        let start = second.extent().start;
        report.add(Code::Conflict, start..start, "a test file is one YAML document, and this is another");
    }
    let errors = report.errors();
    shape::item_map(report, root, Table::TestFile, "a test file")?;
    let rules = root.get("rules").and_then(|entry| rules(report, entry));
    let sound = report.errors() == errors;
    let tests = root.get("tests").map(|entry| tests(report, entry)).unwrap_or_default();
    Some(TestFile { file: Arc::clone(report.file()), rules: rules.filter(|_| sound)?, tests })
}

fn rules(report: &mut Report, entry: &Entry) -> Option<Vec<String>> {
    let items = shape::items(report, entry)?;
    if items.is_empty() {
        report.value(Code::InvalidValue, entry, "`rules` lists no file, so that there is nothing to test");
        return None;
    }
    let paths: Vec<_> = items
        .iter()
        .map(|item| {
            let path = shape::item_text(report, item, &entry.key)?;
            relative(report, item, &path).then_some(path)
        })
        .collect();
    paths.into_iter().collect()
}

/// Returns whether a path is one that means the same wherever the files are checked out.
fn relative(report: &mut Report, node: &Node, path: &str) -> bool {
    let wrong = if path.contains('\\') {
        "the parts of a path are separated by `/`"
    } else if path.starts_with('/') || path.contains(':') {
        "a path is relative to the test file"
    } else if path.chars().any(char::is_control) {
        "a path has no control characters"
    } else {
        return true;
    };
    report.at(Code::InvalidValue, node, wrong);
    false
}

fn tests(report: &mut Report, entry: &Entry) -> Vec<Test> {
    let items = match &entry.value.value {
        Yaml::List(items) => items.as_slice(),
        Yaml::Null => &[],
        _ => {
            shape::wrong_type(report, entry, "a list of tests");
            return Vec::new();
        }
    };
    if items.is_empty() {
        report.value(Code::NoTests, entry, "the file holds no tests");
    }
    let mut names = BTreeMap::new();
    items.iter().filter_map(|item| test(report, item, &mut names)).collect()
}

/// Reads a test. `names` are those of the tests before it.
fn test(report: &mut Report, item: &Node, names: &mut BTreeMap<String, Place>) -> Option<Test> {
    let errors = report.errors();
    shape::item_map(report, item, Table::Test, "a test")?;
    let name = item.get("name").and_then(|entry| name(report, entry, names));
    let start = item.get("start").map_or(Some(DEFAULT_START), |entry| moment::instant(report, entry));
    // Where the start is not known, offsets are read for what else may be wrong with them.
    let start = start.unwrap_or(DEFAULT_START);
    let until = item.get("until").and_then(|entry| moment::moment(report, entry, start));
    let pipeline = item.get("pipeline").and_then(|entry| shape::word(report, entry, PIPELINES));
    let late = item.get("late").and_then(|entry| shape::duration(report, entry)).unwrap_or_default();
    let templates = item.get("spans").map(|entry| templates(report, entry, start, late)).unwrap_or_default();
    let span_files = item.get("spans_from").map(|entry| span_files(report, entry, late)).unwrap_or_default();
    let expect = item.get("expect").and_then(|entry| {
        let items = shape::list(report, entry, "a list of expectations, or `[]`")?;
        Some(
            items.iter().filter_map(|item| expectation::expectation(report, item, start)).collect::<Vec<_>>(),
        )
    });
    let sound = report.errors() == errors && !item.incomplete;
    let (name, place) = name?;
    let test = Test {
        name,
        place,
        start,
        until,
        pipeline: if pipeline == Some("stops") { Pipeline::Stops } else { Pipeline::Alive },
        templates,
        span_files,
        expect: expect?,
    };
    check_span_count(report, item, &test);
    if sound {
        check_until(report, item, &test);
    }
    (sound && report.errors() == errors).then_some(test)
}

fn name(report: &mut Report, entry: &Entry, names: &mut BTreeMap<String, Place>) -> Option<(String, Place)> {
    let name = shape::some_text(report, entry)?;
    let place = report.place(entry.value.at.clone());
    if name.chars().any(char::is_control) {
        report.value(Code::BadName, entry, "the test's name has a control character or line break in it");
        return None;
    }
    if let Some(first) = names.get(&name) {
        report
            .value(Code::DuplicateTest, entry, format!("a test named `{name}` exists already"))
            .also(first.clone(), "the first one is here");
        return None;
    }
    names.insert(name.clone(), place.clone());
    Some((name, place))
}

fn templates(report: &mut Report, entry: &Entry, start: i64, late: Nanos) -> Vec<Template> {
    let items = match &entry.value.value {
        Yaml::List(items) => items.as_slice(),
        Yaml::Null => &[],
        _ => {
            shape::wrong_type(report, entry, "a list of spans");
            return Vec::new();
        }
    };
    let errors = report.errors();
    let mut templates = Vec::new();
    let mut nodes = Vec::new();
    for item in items {
        if let Some(template) = test_span::template(report, item, start, late) {
            templates.push(template);
            nodes.push(item);
        }
    }
    // A span that could not be read may be the parent that is missed.
    if report.errors() == errors {
        check_family(report, &templates, &nodes);
    }
    templates
}

/// Ids of spans stand once; parents and spans with links to them exist, and no span is among its own ancestors.
fn check_family(report: &mut Report, templates: &[Template], nodes: &[&Node]) {
    let mut first: BTreeMap<&Id<SpanId>, usize> = BTreeMap::new();
    for (number, template) in templates.iter().enumerate() {
        let (Some(id), Some(entry)) = (&template.span_id, nodes[number].get("span_id")) else { continue };
        if let Some(known) = first.get(id) {
            let place = nodes[*known].get("span_id").map(|entry| report.place(entry.value.extent()));
            let finding =
                report.value(Code::BadId, entry, "another span of this test has the same `span_id`");
            if let Some(place) = place {
                finding.also(place, "the other one");
            }
        } else {
            first.insert(id, number);
        }
    }
    let unknown = |id: &Id<SpanId>| match id {
        Id::Named(word) if !first.contains_key(id) => {
            let words = templates.iter().filter_map(|template| match &template.span_id {
                Some(Id::Named(word)) => Some(word.as_str()),
                _ => None,
            });
            let message = format!("no span of this test has the `span_id` `{word}`");
            Some((message, nearest(word, words)))
        }
        _ => None,
    };
    for (template, node) in templates.iter().zip(nodes) {
        let Some(entry) = node.get("links") else { continue };
        let Yaml::List(items) = &entry.value.value else { continue };
        for (link, item) in template.links.iter().zip(items) {
            // What is in a trace that the link names may lie outside of the test.
            let Some((message, near)) = unknown(&link.span_id).filter(|_| link.trace_id.is_none()) else {
                continue;
            };
            let at = item.get("span_id").map_or(item, |entry| &entry.value);
            report.at(Code::UnknownParent, at, message).did_you_mean(near);
        }
    }
    for (number, template) in templates.iter().enumerate() {
        let (Some(parent), Some(entry)) = (&template.parent, nodes[number].get("parent")) else { continue };
        if let Some((message, near)) = unknown(parent) {
            report.value(Code::UnknownParent, entry, message).did_you_mean(near);
        }
        if descends_from_itself(number, templates, &first) {
            report.value(Code::UnknownParent, entry, "this span is among its own ancestors");
        }
    }
}

fn descends_from_itself(number: usize, templates: &[Template], by_id: &BTreeMap<&Id<SpanId>, usize>) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = number;
    while let Some(next) = templates[at].parent.as_ref().and_then(|parent| by_id.get(parent)) {
        if *next == number {
            return true;
        }
        if !seen.insert(*next) {
            return false;
        }
        at = *next;
    }
    false
}

fn span_files(report: &mut Report, entry: &Entry, late: Nanos) -> Vec<SpanFile> {
    let items: &[Node] = match &entry.value.value {
        Yaml::List(items) => items,
        _ => std::slice::from_ref(&entry.value),
    };
    items.iter().filter_map(|item| span_file(report, item, late)).collect()
}

fn span_file(report: &mut Report, item: &Node, late: Nanos) -> Option<SpanFile> {
    let (path, node, late) = if item.entries().is_some() {
        shape::item_map(report, item, Table::SpanFile, "an entry of `spans_from`")?;
        let own = item.get("late").and_then(|entry| shape::duration(report, entry));
        let entry = item.get("file")?;
        (shape::some_text(report, entry)?, &entry.value, own.unwrap_or(late))
    } else if let Some(path) = item.scalar_text(&report.text()).filter(|path| !path.is_empty()) {
        (path.to_owned(), item, late)
    } else {
        let message = format!("`spans_from` takes paths, not {}", item.describe());
        report.at(Code::WrongType, item, message).hint("write `spans_from: login.otlp.json`");
        return None;
    };
    let place = report.place(node.extent());
    relative(report, node, &path).then_some(SpanFile { path, late, place })
}

fn check_span_count(report: &mut Report, item: &Node, test: &Test) {
    let spans = test.templates.iter().fold(0_u64, |sum, template| sum.saturating_add(template.spans()));
    if let (Some(entry), true) = (item.get("spans"), spans > u64::from(MANY_SPANS)) {
        let message = format!("these are {spans} spans; a test may have {MANY_SPANS}");
        report.add(Code::TooManySpans, entry.key_at.clone(), message);
    }
}

/// Reports a test that never evaluates, or does not evaluate what it expects.
fn check_until(report: &mut Report, item: &Node, test: &Test) {
    let Some(until) = test.until else {
        if test.templates.is_empty() && test.span_files.is_empty() {
            let place = item.get("name").map_or_else(|| item.extent(), |entry| entry.value.extent());
            report
                .add(Code::NeverEvaluated, place, "a test without spans does not say how far to evaluate")
                .hint("add `until: 30m`");
        }
        return;
    };
    if let (Some(entry), true) = (item.get("until"), until <= test.start) {
        report.value(Code::NeverEvaluated, entry, "`until` must come after `start`");
        return;
    }
    for expectation in test.expect.iter().filter(|expectation| expectation.at > until) {
        let place = expectation.place.bytes.clone();
        report.add(Code::NeverEvaluated, place, "this moment comes after `until`, and is not evaluated");
    }
}
