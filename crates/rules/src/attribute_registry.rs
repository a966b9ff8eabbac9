//! The attribute keys that OpenTelemetry's semantic conventions know: for "did you mean", and for where an attribute
//! stands. Nobody is bound to them: what is found here is at most a doubt.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The table; its head says where it comes from, and under which licence.
const TABLE: &str = include_str!("attribute_registry/attributes.tsv");

/// An entry of the conventions for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The place in which it stands.
    pub(crate) stands: Stands,
    /// True if its values are numbers.
    pub(crate) is_number: bool,
    is_template: bool,
}

/// The place of an attribute: on a span, or on its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// In spans.
    Span,
    /// In resources.
    Resource,
    /// In either, or that cannot be told.
    Anywhere,
}

static KEYS: LazyLock<BTreeMap<&'static str, Registered>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let (key, stands, what) = (cells.next()?, cells.next()?, cells.next()?);
        let stands = match stands {
            "span" => Stands::Span,
            "resource" => Stands::Resource,
            _ => Stands::Anywhere,
        };
        Some((key, Registered { stands, is_number: what == "number", is_template: what == "template" }))
    });
    rows.collect()
});

/// Returns whether OpenTelemetry's conventions know an attribute, of whatever age.
pub fn is_registered(key: &str) -> bool {
    registered(key).is_some()
}

/// Returns what the conventions say of `key`, where they know it.
pub(crate) fn registered(key: &str) -> Option<Registered> {
    if let Some(known) = KEYS.get(key) {
        return Some(*known);
    }
    // `http.request.header.x-request-id`
    let mut shorter = key;
    while let Some((front, _)) = shorter.rsplit_once('.') {
        shorter = front;
        if let Some(known) = KEYS.get(shorter).filter(|known| known.is_template) {
            return Some(*known);
        }
    }
    None
}

/// Returns the known key that an unknown one most likely stands for: it differs in dots, underscores and case alone, or
/// in one letter. A key without a dot is its user's own.
pub(crate) fn near(key: &str) -> Option<&'static str> {
    if !key.contains('.') || registered(key).is_some() {
        return None;
    }
    let spelt_otherwise = LETTERS.get(&letters(key)).copied();
    spelt_otherwise
        .or_else(|| KEYS.keys().copied().find(|known| is_one_edit(known.as_bytes(), key.as_bytes())))
}

/// The letters of each key → the first key that has them.
static LETTERS: LazyLock<BTreeMap<String, &'static str>> =
    LazyLock::new(|| KEYS.keys().rev().map(|key| (letters(key), *key)).collect());

/// A key without what people leave out or replace.
fn letters(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '.' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Returns whether one letter is left out, added, replaced, or swapped with its neighbour.
fn is_one_edit(one: &[u8], other: &[u8]) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let before = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[before..], &other[before..]);
    let behind = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    match (&one[..one.len() - behind], &other[..other.len() - behind]) {
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert!(rows > 900, "{rows}");
        assert_eq!(KEYS.len(), rows);
        for (key, stands, is_number) in [
            ("http.response.status_code", Stands::Span, true),
            ("http.status_code", Stands::Span, true),
            ("http.route", Stands::Span, false),
            ("service.name", Stands::Resource, false),
            ("service.version", Stands::Resource, false),
            ("k8s.pod.name", Stands::Resource, false),
            ("cloud.region", Stands::Anywhere, false),
            ("http.request.header.x-request-id", Stands::Span, false),
        ] {
            let known = registered(key).unwrap_or_else(|| panic!("{key}"));
            assert_eq!((known.stands, known.is_number), (stands, is_number), "{key}");
        }
        assert_eq!(registered("app.team"), None);
    }

    #[test]
    fn a_key_near_a_known_one_is_understood_and_others_are_left_alone() {
        for (key, meant) in [
            ("http.statuscode", Some("http.status_code")),
            ("http.status.code", Some("http.status_code")),
            ("HTTP.Status_Code", Some("http.status_code")),
            ("http.response.statuscode", Some("http.response.status_code")),
            ("http.respnse.status_code", Some("http.response.status_code")),
            ("db.sytsem", Some("db.system")),
            ("service.nmae", Some("service.name")),
            ("http.status_code", None),
            ("user_id", None),
            ("statuscode", None),
            ("app.team", None),
            ("payment.amount", None),
            ("http.request.header.accept", None),
            ("", None),
            (".", None),
            ("ä.b", None),
        ] {
            assert_eq!(near(key), meant, "{key}");
        }
    }
}
