//! `silences.yml` → [`Silence`]s.

use std::collections::BTreeMap;

use super::{Report, moment, pattern, shape};
use crate::diagnostic::{Code, Hint, Place};
use crate::keys::Table;
use crate::silence::{
    Day, Matcher, Matchers, NoMatcher, Part, Refusal, Silence, SilenceError, TimeOfDay, Weekly, WeeklyError,
    Written, Zone, joined,
};
use crate::yaml::{Entry, Node, Yaml};

/// Reads the silences of a file's documents, and the matchers with their places. `ids` are those of all before them.
pub(crate) fn silences(
    report: &mut Report,
    roots: &[Node],
    ids: &mut BTreeMap<String, Place>,
) -> (Vec<Silence>, Vec<Written>) {
    let mut silences = Vec::new();
    let mut all_written = Vec::new();
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
            let (silence, written) = silence(report, item, ids);
            silences.extend(silence);
            all_written.extend(written);
        }
    }
    (silences, all_written)
}

/// A silence, where it is sound; and its matchers, where they are, whatever else is wrong.
fn silence(
    report: &mut Report,
    item: &Node,
    ids: &mut BTreeMap<String, Place>,
) -> (Option<Silence>, Option<Written>) {
    let errors = report.errors();
    if shape::item_map(report, item, Table::Silence, "a silence").is_none() {
        return (None, None);
    }
    let id = item.get("id").and_then(|entry| id(report, entry, ids));
    let comment = item.get("comment").and_then(|entry| shape::some_text(report, entry));
    let written = item.get("matchers").and_then(|entry| matchers(report, entry));
    let from = item.get("from").and_then(|entry| moment::instant(report, entry));
    let until = item.get("until").and_then(|entry| moment::instant(report, entry));
    let weekly = item.get("weekly").and_then(|entry| weekly(report, entry));
    let (Some(comment), Some(matchers)) = (comment, written.as_ref().map(|written| written.matchers.clone()))
    else {
        return (None, written);
    };
    if report.errors() > errors || item.incomplete {
        return (None, written);
    }
    match Silence::new(id, comment, matchers, (from, until), weekly) {
        Ok(silence) => (Some(silence), written),
        Err(error) => {
            let key = if error == SilenceError::Backwards { "until" } else { "comment" };
            if let Some(entry) = item.get(key) {
                report.value(Code::NeverSilent, entry, error.to_string());
            }
            (None, written)
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

/// A list of matchers as texts, or a mapping of label to what its value must be.
fn matchers(report: &mut Report, entry: &Entry) -> Option<Written> {
    let read: Option<Vec<(Matcher, Part)>> = match &entry.value.value {
        Yaml::List(items) => {
            let read: Vec<_> = items.iter().map(|item| text(report, item)).collect();
            read.into_iter().collect()
        }
        Yaml::Map(entries) => {
            let read: Vec<_> = entries.iter().map(|inner| of_label(report, inner)).collect();
            read.into_iter().collect::<Option<Vec<_>>>().map(|read| read.into_iter().flatten().collect())
        }
        _ => {
            let text = entry.value.scalar_text(&report.text()).map(|text| format!("write `[{text}]`"));
            let takes = "a list of matchers, or a mapping of label to value";
            let message = format!("`matchers` takes {takes}, not {}", entry.value.describe());
            report.value(Code::WrongType, entry, message).hint = text.map(Hint::from);
            return None;
        }
    };
    let joined = joined(read?);
    let parts: Vec<Vec<Part>> = joined.iter().map(|(_, parts)| parts.clone()).collect();
    let place = if entry.value.extent().is_empty() { entry.key_at.clone() } else { entry.value.extent() };
    match Matchers::new(joined.into_iter().map(|(matcher, _)| matcher)) {
        Ok(matchers) => Some(Written { matchers, place: report.place(place), parts }),
        Err(refusals) => {
            for Refusal { matcher, message, hint } in refusals {
                let part = matcher.and_then(|number| parts.get(number)?.first());
                let (code, at) = match part {
                    Some(part) => (Code::BadMatcher, part.value.bytes.clone()),
                    None => (Code::SilencesAll, place.clone()),
                };
                report.add(code, at, message).hint = hint.map(Hint::from);
            }
            None
        }
    }
}

/// A matcher as a text: `rule=~"auth-.*"`.
fn text(report: &mut Report, item: &Node) -> Option<(Matcher, Part)> {
    let file = report.text();
    let Some(text) = item.scalar_text(&file) else {
        let message = format!("a matcher is a text, not {}", item.describe());
        let one = item.entries().and_then(|entries| match entries {
            [only] => Some(format!("write `{}={}`", only.key, only.value.scalar_text(&file)?)),
            _ => None,
        });
        let hint =
            one.unwrap_or_else(|| "write `rule=X`, `severity!=critical`, `team=~\"pay.*\"`".to_owned());
        report.at(Code::WrongType, item, message).hint(hint);
        return None;
    };
    match Matcher::parse(text) {
        Ok(matcher) => {
            let pattern = matcher.pattern_text().unwrap_or_default();
            pattern::refuse_control_character(report, item, pattern);
            let place = report.place(item.extent());
            Some((matcher, Part { label: place.clone(), value: place }))
        }
        Err(NoMatcher { message, hint, at, is_pattern }) => {
            let code = if is_pattern { Code::BadPattern } else { Code::BadMatcher };
            report.within(code, item, text, &at, message).hint = hint.map(Hint::from);
            None
        }
    }
}

/// The matchers of one label: its text, one of several, or `{matches: …}`.
fn of_label(report: &mut Report, entry: &Entry) -> Option<Vec<(Matcher, Part)>> {
    let label = report.place(entry.key_at.clone());
    if entry.key.is_empty() {
        report.add(Code::BadMatcher, entry.key_at.clone(), "a matcher has no label");
        return None;
    }
    let part = |report: &Report, node: &Node| {
        let at = if node.extent().is_empty() { entry.key_at.clone() } else { node.extent() };
        Part { label: label.clone(), value: report.place(at) }
    };
    match &entry.value.value {
        Yaml::List(items) => {
            if items.is_empty() {
                let message =
                    format!("the matcher of `{}` lists no value, so that nothing matches", entry.key);
                report.value(Code::NeverSilent, entry, message);
                return None;
            }
            let values = shape::texts(report, entry)?;
            let matchers = items.iter().zip(values);
            let matchers =
                matchers.map(|(item, value)| (Matcher::equal(entry.key.as_str(), value), part(report, item)));
            Some(matchers.collect())
        }
        Yaml::Map(_) => {
            let within = format!("the matcher of `{}`", entry.key);
            shape::item_map(report, &entry.value, Table::SilenceMatcher, &within)?;
            let inner = entry.value.get("matches")?;
            let text = shape::some_text(report, inner)?;
            if !pattern::check(report, &inner.value, &text) {
                return None;
            }
            // Whatever is wrong with it has been reported.
            let matcher = Matcher::found(entry.key.as_str(), &text).ok()?;
            Some(vec![(matcher, part(report, &inner.value))])
        }
        _ => {
            let value = shape::text(report, entry)?;
            // A value that is written as amtool writes matchers is compared as it stands, which nobody means.
            let operator = ["=~", "!~", "!=", "~="].into_iter().find(|operator| value.starts_with(operator));
            if let Some(operator) = operator {
                let rest = value.trim_start_matches(operator);
                let operator = if operator == "~=" { "=~" } else { operator };
                report
                    .value(
                        Code::BadMatcher,
                        entry,
                        format!("`{}` is compared with the text `{value}`", entry.key),
                    )
                    .hint(format!("write matchers as a list: `matchers: ['{}{operator}{rest}']`", entry.key));
                return None;
            }
            Some(vec![(Matcher::equal(entry.key.as_str(), value), part(report, &entry.value))])
        }
    }
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
