//! `silences.yml` → [`Silence`]s.

use std::collections::BTreeMap;

use super::{Report, moment, pattern, shape};
use crate::diagnostic::{Code, Place};
use crate::keys::Table;
use crate::silence::{Day, Labels, Pattern, Silence, SilenceError, TimeOfDay, Weekly, WeeklyError, Zone};
use crate::yaml::{Entry, Node, Yaml};

/// Reads the silences of a file's documents, and the rules that they name. `ids` are those of all before them.
pub(crate) fn silences(
    report: &mut Report,
    roots: &[Node],
    ids: &mut BTreeMap<String, Place>,
) -> (Vec<Silence>, Vec<(String, Place)>) {
    let mut silences = Vec::new();
    let mut named = Vec::new();
    for root in roots.iter().filter(|root| root.value != Yaml::Null) {
        if shape::item_map(report, root, Table::SilenceFile, "a file of silences").is_none() {
            continue;
        }
        let Some(entry) = root.get("silences") else { continue };
        let items = match &entry.value.value {
            Yaml::List(items) => items.as_slice(),
            Yaml::Null => &[],
            _ => {
                shape::wrong_type(report, entry, "a list of silences");
                &[]
            }
        };
        for item in items {
            silences.extend(silence(report, item, ids));
            named.extend(rules(report, item));
        }
    }
    (silences, named)
}

fn silence(report: &mut Report, item: &Node, ids: &mut BTreeMap<String, Place>) -> Option<Silence> {
    let errors = report.errors();
    shape::item_map(report, item, Table::Silence, "a silence")?;
    let id = item.get("id").and_then(|entry| id(report, entry, ids));
    let comment = item.get("comment").and_then(|entry| shape::some_text(report, entry));
    let matchers = item.get("matchers").and_then(|entry| matchers(report, entry));
    let from = item.get("from").and_then(|entry| moment::instant(report, entry));
    let until = item.get("until").and_then(|entry| moment::instant(report, entry));
    let weekly = item.get("weekly").and_then(|entry| weekly(report, entry));
    if report.errors() > errors || item.incomplete {
        return None;
    }
    match Silence::new(id, comment?, matchers?, (from, until), weekly) {
        Ok(silence) => Some(silence),
        Err(error) => {
            let key = if error == SilenceError::Backwards { "until" } else { "matchers" };
            if let Some(entry) = item.get(key) {
                report.value(Code::NeverSilent, entry, error.to_string());
            }
            None
        }
    }
}

fn id(report: &mut Report, entry: &Entry, ids: &mut BTreeMap<String, Place>) -> Option<String> {
    let id = shape::some_text(report, entry)?;
    let place = report.place(entry.value.at.clone());
    if let Some(first) = ids.get(&id) {
        report
            .value(Code::DuplicateSilence, entry, format!("a silence of the id `{id}` exists already"))
            .also(first.clone(), "the first one is here");
        return None;
    }
    ids.insert(id.clone(), place);
    Some(id)
}

fn matchers(report: &mut Report, entry: &Entry) -> Option<BTreeMap<String, Labels>> {
    let entries = shape::map(report, entry, "a mapping of label to text, list of texts or pattern")?;
    if entries.is_empty() {
        report.value(Code::InvalidValue, entry, SilenceError::NoMatcher.to_string());
        return None;
    }
    let pairs: Vec<_> =
        entries.iter().map(|inner| Some((inner.key.clone(), labels(report, inner)?))).collect();
    pairs.into_iter().collect()
}

fn labels(report: &mut Report, entry: &Entry) -> Option<Labels> {
    match &entry.value.value {
        Yaml::List(_) => {
            let values = shape::texts(report, entry)?;
            if values.is_empty() {
                let message = SilenceError::EmptyMatcher { label: entry.key.clone() }.to_string();
                report.value(Code::NeverSilent, entry, message);
                return None;
            }
            Some(Labels::AnyOf(values))
        }
        Yaml::Map(_) => {
            let within = format!("the matcher of `{}`", entry.key);
            shape::item_map(report, &entry.value, Table::SilenceMatcher, &within)?;
            let inner = entry.value.get("matches")?;
            let text = shape::text(report, inner)?;
            // Whatever is wrong with it is reported with its place.
            pattern::check(report, &inner.value, &text).then(|| Pattern::new(text).ok())?.map(Labels::Matches)
        }
        _ => shape::text(report, entry).map(|text| Labels::AnyOf(vec![text])),
    }
}

/// The rules that a silence names as texts.
fn rules(report: &mut Report, item: &Node) -> Vec<(String, Place)> {
    let Some(entry) = item.get("matchers").and_then(|matchers| matchers.value.get("rule")) else {
        return Vec::new();
    };
    let items: &[Node] = match &entry.value.value {
        Yaml::List(items) => items,
        _ => std::slice::from_ref(&entry.value),
    };
    let text = report.text();
    let named = items.iter().filter_map(|item| Some((item.scalar_text(&text)?.to_owned(), item.extent())));
    named.map(|(name, at)| (name, report.place(at))).collect()
}

fn weekly(report: &mut Report, entry: &Entry) -> Option<Weekly> {
    let node = &entry.value;
    shape::item_map(report, node, Table::Weekly, "`weekly`")?;
    let days = match node.get("days") {
        Some(entry) => days(report, entry),
        None => Some(Day::all()),
    };
    let from = node.get("from").and_then(|entry| time_of_day(report, entry));
    let to = node.get("to").and_then(|entry| time_of_day(report, entry));
    let zone = match node.get("timezone") {
        Some(entry) => zone(report, entry),
        None => Some(Zone::utc()),
    };
    match Weekly::new(days?, from?, to?, zone?) {
        Ok(weekly) => Some(weekly),
        Err(error) => {
            report.value(Code::NeverSilent, entry, error.to_string());
            None
        }
    }
}

fn days(report: &mut Report, entry: &Entry) -> Option<Vec<Day>> {
    let items = shape::items(report, entry)?;
    let mut days = Vec::new();
    let mut sound = true;
    for item in items {
        let Some(text) = shape::item_text(report, item, &entry.key) else {
            sound = false;
            continue;
        };
        match Day::parse(&text) {
            Ok(more) => days.extend(more),
            Err(error) => {
                let near = match &error {
                    WeeklyError::NotADay(name) => Day::nearest(name),
                    _ => None,
                };
                report.at(Code::InvalidValue, item, error.to_string()).did_you_mean(near);
                sound = false;
            }
        }
    }
    sound.then_some(days)
}

fn time_of_day(report: &mut Report, entry: &Entry) -> Option<TimeOfDay> {
    let text = shape::text(report, entry)?;
    match TimeOfDay::parse(&text) {
        Ok(time) => Some(time),
        Err(error) => {
            report.value(Code::BadTime, entry, format!("`{}`: {error}", entry.key));
            None
        }
    }
}

fn zone(report: &mut Report, entry: &Entry) -> Option<Zone> {
    let text = shape::text(report, entry)?;
    match Zone::get(&text) {
        Ok(zone) => Some(zone),
        Err(error) => {
            let near = Zone::nearest(&text);
            report.value(Code::UnknownTimeZone, entry, error.to_string()).did_you_mean(near.as_deref());
            None
        }
    }
}
