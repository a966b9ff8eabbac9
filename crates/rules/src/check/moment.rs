//! Moments: RFC 3339, offsets from a test's start, and ranges of both.

use fluo_time::duration::with_unit;
use fluo_time::{Nanos, moment};

use super::{Report, shape};
use crate::diagnostic::{Code, Hint};
use crate::test_file::Times;
use crate::yaml::{Entry, Node, Yaml};

/// A moment in RFC 3339.
pub(super) fn instant(report: &mut Report, entry: &Entry) -> Option<i64> {
    let text = shape::text(report, entry)?;
    match moment::parse_rfc3339(&text) {
        Ok(at) => Some(at),
        Err(error) => {
            report.value(Code::BadTime, entry, format!("`{}`: {error}", entry.key));
            None
        }
    }
}

/// A moment in RFC 3339, or an offset from `start`.
pub(super) fn moment(report: &mut Report, entry: &Entry, start: i64) -> Option<i64> {
    let text = shape::text(report, entry)?;
    one(report, &entry.value, &entry.key, &text, start)
}

/// The value of `at` of spans: a moment, a range, or a list of both. `every` is the step of ranges.
pub(super) fn times(
    report: &mut Report,
    entry: &Entry,
    every: Option<(&Entry, Option<Nanos>)>,
    start: i64,
) -> Option<Vec<Times>> {
    let items: &[Node] = match &entry.value.value {
        Yaml::List(items) => items,
        _ => std::slice::from_ref(&entry.value),
    };
    if items.is_empty() {
        report.value(Code::BadRange, entry, format!("`{}` lists no time", entry.key));
        return None;
    }
    let mut times = Vec::new();
    let mut ranges = false;
    let mut sound = true;
    for item in items {
        let Some(text) = item.scalar_text(&report.text()).map(str::to_owned) else {
            let message = format!("`{}` takes times, not {}", entry.key, item.describe());
            report.at(Code::WrongType, item, message);
            sound = false;
            continue;
        };
        let read = if let Some((first, last)) = text.split_once("..") {
            ranges = true;
            range(report, item, entry, (first.trim(), last.trim()), every, start)
        } else {
            one(report, item, &entry.key, &text, start).map(Times::once)
        };
        match read {
            Some(read) => times.push(read),
            None => sound = false,
        }
    }
    if let (Some((every, _)), false) = (every, ranges) {
        let message = "`every` is the step of a range, and `at` has none";
        report.add(Code::BadRange, every.key_at.clone(), message).hint("write a range as `at: 0s..50s`");
        sound = false;
    }
    sound.then_some(times)
}

fn range(
    report: &mut Report,
    item: &Node,
    entry: &Entry,
    (first, last): (&str, &str),
    every: Option<(&Entry, Option<Nanos>)>,
    start: i64,
) -> Option<Times> {
    if first.is_empty() || last.is_empty() {
        report
            .at(Code::BadRange, item, "a range of times has a beginning and an end")
            .hint("write a range as `0s..50s`");
        return None;
    }
    let ends = (one(report, item, &entry.key, first, start), one(report, item, &entry.key, last, start));
    if every.is_none() {
        report
            .at(Code::BadRange, item, "a range of times needs `every`, the distance from one to the next")
            .hint("add `every: 10s`");
    }
    let (Some(first_at), Some(last_at)) = ends else { return None };
    if last_at < first_at {
        report.at(Code::BadRange, item, format!("`{last}` comes before `{first}`"));
        return None;
    }
    let every = every?.1?;
    Some(Times { first: first_at, last: last_at, every })
}

/// The moment that `text`, which stands in `node`, says.
fn one(report: &mut Report, node: &Node, key: &str, text: &str, start: i64) -> Option<i64> {
    // No duration has a dash behind four digits, and every moment has.
    if text.as_bytes().get(4) == Some(&b'-') {
        return match moment::parse_rfc3339(text) {
            Ok(at) => Some(at),
            Err(error) => {
                report.at(Code::BadTime, node, format!("`{key}`: {error}"));
                None
            }
        };
    }
    let offset = match Nanos::parse(text) {
        Ok(offset) => offset,
        Err(error) => {
            let message = format!("`{key}`: `{text}` is neither an offset (`50s`) nor a moment: {error}");
            let plain = matches!(node.value, Yaml::Number(_));
            let hint = if plain { Hint::from(with_unit(text)) } else { Hint::from(&error) };
            report.at(Code::BadTime, node, message).hint(hint);
            return None;
        }
    };
    let at = start.checked_add(offset.0);
    if at.is_none() {
        report.at(Code::BadTime, node, format!("`{key}`: `{text}` is outside the years 1677 to 2262"));
    }
    at
}
