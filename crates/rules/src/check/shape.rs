//! Values of the shapes that keys take, and keys that no table knows.

use std::collections::BTreeMap;

use fluo_time::Nanos;
use fluo_time::duration::with_unit;

use super::Report;
use super::elsewhere::{elsewhere, word_elsewhere};
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::keys::Table;
use crate::matcher::Number;
use crate::yaml::{Entry, Node, Yaml};

/// Reports the keys that `table` does not know. `within` names the mapping.
pub(crate) fn known_keys(report: &mut Report, entries: &[Entry], table: Table, within: &str) {
    for entry in entries {
        if table.key(&entry.key).is_none() {
            unknown_key(report, entry, table, within);
        }
    }
}

/// Reports one key as unknown.
pub(super) fn unknown_key(report: &mut Report, entry: &Entry, table: Table, within: &str) {
    let known = table.keys().iter().map(|key| key.name);
    let message = format!("unknown key `{}` in {within}", entry.key);
    let finding = report.add(Code::UnknownKey, entry.key_at.clone(), message);
    match elsewhere(table, &entry.key) {
        Some(hint) => finding.hint(hint),
        None => finding.did_you_mean(nearest(&entry.key, known)),
    };
}

/// Reports the keys that `table` asks for and `node` does not have. `within` names the mapping.
pub(super) fn required_keys(report: &mut Report, node: &Node, table: Table, within: &str) {
    let known = || table.keys().iter().map(|key| key.name);
    let entries = node.entries().unwrap_or_default();
    // A key that is only misspelt has been reported as that.
    let unknown = entries.iter().filter(|entry| table.key(&entry.key).is_none());
    let misspelt: Vec<_> = unknown.filter_map(|entry| nearest(&entry.key, known())).collect();
    let missing = |key: &&&str| node.get(key).is_none() && !misspelt.contains(*key);
    for key in table.required().iter().filter(missing) {
        // The first line stands for the mapping: one underlined as a whole hides what is wrong.
        let start = node.extent().start;
        let first = entries.iter().map(|entry| entry.key_at.clone());
        let place = first.filter(|at| at.start >= start).min_by_key(|at| at.start);
        let finding = report.add(
            Code::MissingKey,
            place.unwrap_or_else(|| node.extent()),
            format!("{within} has no `{key}`"),
        );
        if let Some(key) = table.key(key) {
            finding.hint(format!("`{}`: {}", key.name, key.doc));
        }
    }
}

/// The entries of an item of a list that must be a mapping with keys of `table`. `within` names it.
pub(super) fn item_map<'a>(
    report: &mut Report,
    item: &'a Node,
    table: Table,
    within: &str,
) -> Option<&'a [Entry]> {
    let Some(entries) = item.entries() else {
        report.at(Code::WrongType, item, format!("{within} is a mapping, not {}", item.describe()));
        return None;
    };
    known_keys(report, entries, table, within);
    required_keys(report, item, table, within);
    Some(entries)
}

/// Reports a value of another shape.
pub(super) fn wrong_type(report: &mut Report, entry: &Entry, takes: &str) {
    let message = format!("`{}` takes {takes}, not {}", entry.key, entry.value.describe());
    report.value(Code::WrongType, entry, message);
}

/// A mapping's entries.
pub(super) fn map<'a>(report: &mut Report, entry: &'a Entry, takes: &str) -> Option<&'a [Entry]> {
    let entries = entry.value.entries();
    if entries.is_none() {
        wrong_type(report, entry, takes);
    }
    entries
}

/// A list's items.
pub(super) fn list<'a>(report: &mut Report, entry: &'a Entry, takes: &str) -> Option<&'a [Node]> {
    if let Yaml::List(items) = &entry.value.value {
        return Some(items);
    }
    wrong_type(report, entry, takes);
    None
}

/// A text; numbers and booleans are taken as they are spelt.
pub(super) fn text(report: &mut Report, entry: &Entry) -> Option<String> {
    let text = entry.value.scalar_text(&report.text()).map(str::to_owned);
    if text.is_none() {
        wrong_type(report, entry, "text");
    }
    text
}

/// A text that is not empty.
pub(super) fn some_text(report: &mut Report, entry: &Entry) -> Option<String> {
    let text = text(report, entry)?;
    if text.trim().is_empty() {
        report.value(Code::InvalidValue, entry, format!("`{}` is empty", entry.key));
        return None;
    }
    Some(text)
}

/// The items of a list of texts.
pub(super) fn items<'a>(report: &mut Report, entry: &'a Entry) -> Option<&'a [Node]> {
    if let Yaml::List(items) = &entry.value.value {
        return Some(items);
    }
    let spelling =
        entry.value.scalar_text(&report.text()).map(|text| Hint::from(format!("write `[{text}]`")));
    let message = format!("`{}` takes a list, not {}", entry.key, entry.value.describe());
    report.value(Code::WrongType, entry, message).hint = spelling;
    None
}

/// A list of texts, none empty.
pub(super) fn texts(report: &mut Report, entry: &Entry) -> Option<Vec<String>> {
    let texts: Vec<_> =
        items(report, entry)?.iter().map(|item| item_text(report, item, &entry.key)).collect();
    texts.into_iter().collect()
}

/// One text of a list.
pub(super) fn item_text(report: &mut Report, item: &Node, key: &str) -> Option<String> {
    match item.scalar_text(&report.text()) {
        Some(text) if !text.is_empty() => Some(text.to_owned()),
        Some(_) => {
            report.at(Code::InvalidValue, item, format!("an entry of `{key}` is empty"));
            None
        }
        None => {
            report.at(
                Code::WrongType,
                item,
                format!("an entry of `{key}` must be text, not {}", item.describe()),
            );
            None
        }
    }
}

/// A mapping of text to text.
pub(super) fn text_map(report: &mut Report, entry: &Entry) -> Option<BTreeMap<String, String>> {
    let entries = map(report, entry, "a mapping of text to text")?;
    let pairs: Vec<_> = entries.iter().map(|inner| Some((inner.key.clone(), text(report, inner)?))).collect();
    pairs.into_iter().collect()
}

/// `true` or `false`.
pub(super) fn boolean(report: &mut Report, entry: &Entry) -> Option<bool> {
    if let Yaml::Bool(value) = entry.value.value {
        return Some(value);
    }
    let meant = match entry.value.scalar_text(&report.text()).map(str::to_lowercase).as_deref() {
        Some("yes" | "y" | "on" | "true" | "1") => Some("true"),
        Some("no" | "n" | "off" | "false" | "0") => Some("false"),
        _ => None,
    };
    let message = format!("`{}` takes `true` or `false`, not {}", entry.key, entry.value.describe());
    let finding = report.value(Code::WrongType, entry, message);
    finding.hint = meant.map(|word| Hint::from(format!("write `{word}`")).instead(word));
    None
}

/// One of `words`.
pub(super) fn word(report: &mut Report, entry: &Entry, words: &[&'static str]) -> Option<&'static str> {
    let text = text(report, entry)?;
    let known = words.iter().copied().find(|word| *word == text);
    if known.is_none() {
        let message = format!("`{}` is `{text}`, which is none of {}", entry.key, listed(words));
        let near = nearest(&text, words.iter().copied()).or_else(|| word_elsewhere(&entry.key, &text));
        report.value(Code::InvalidValue, entry, message).did_you_mean(near);
    }
    known
}

/// `a, b and c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A duration that is not negative.
pub(super) fn duration(report: &mut Report, entry: &Entry) -> Option<Nanos> {
    let value = match &entry.value.value {
        Yaml::Text(text) => match Nanos::parse(text) {
            Ok(value) => value,
            Err(error) => {
                let message = format!("`{}` is not a duration: {error}", entry.key);
                report.value(Code::BadDuration, entry, message).hint(&error);
                return None;
            }
        },
        // Zero is zero in every unit.
        Yaml::Number(Number::Int(0)) => Nanos(0),
        Yaml::Number(_) | Yaml::Unusable(_) => {
            let spelling = entry.value.scalar_text(&report.text()).unwrap_or("").to_owned();
            let message = format!("`{}` takes a duration, and `{spelling}` has no unit", entry.key);
            report.value(Code::DurationUnit, entry, message).hint(with_unit(&spelling));
            return None;
        }
        _ => {
            wrong_type(report, entry, "a duration");
            return None;
        }
    };
    if value.0 < 0 {
        report.value(Code::InvalidValue, entry, format!("`{}` cannot be negative", entry.key));
        return None;
    }
    Some(value)
}

/// A duration above zero.
pub(super) fn positive_duration(report: &mut Report, entry: &Entry) -> Option<Nanos> {
    let value = duration(report, entry)?;
    if value.0 == 0 {
        report.value(Code::InvalidValue, entry, format!("`{}` must be longer than nothing", entry.key));
        return None;
    }
    Some(value)
}

/// A whole number from `min` to `max`.
pub(super) fn integer(report: &mut Report, entry: &Entry, min: u32, max: u32) -> Option<u32> {
    match entry.value.value {
        Yaml::Number(Number::Int(value)) => {
            let fitting = u32::try_from(value).ok().filter(|value| (min..=max).contains(value));
            if fitting.is_none() {
                let message = format!("`{}` must be from {min} to {max}", entry.key);
                report.value(Code::BadNumber, entry, message);
            }
            fitting
        }
        Yaml::Number(Number::Float(_)) | Yaml::Unusable(_) => {
            report.value(Code::BadNumber, entry, format!("`{}` must be a whole number", entry.key));
            None
        }
        _ => {
            wrong_type(report, entry, "a whole number");
            None
        }
    }
}

/// A finite number.
pub(super) fn number(report: &mut Report, entry: &Entry) -> Option<f64> {
    match entry.value.value {
        Yaml::Number(value) => Some(value.as_f64()),
        Yaml::Unusable(why) => {
            report.value(Code::BadNumber, entry, format!("`{}` cannot be used: {why}", entry.key));
            None
        }
        _ => {
            wrong_type(report, entry, "a number");
            None
        }
    }
}
