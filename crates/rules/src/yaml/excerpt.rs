//! A document → the text of a part of it that means the same elsewhere.
//!
//! The text is the author's, with its comments. Aliases of anchors outside of it are replaced by what they stand
//! for; the others stay.

use std::ops::Range;

use super::read::{Document, Raw, RawValue};
use super::{flow, mapping};

/// A node of a document, with the key it belongs to where it is the value of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    key: Option<&'a Raw>,
    value: &'a Raw,
}

/// The text of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// From its first character to the end of its last line if only a comment follows there.
    pub(crate) text: String,
    /// The number of characters before it on its line.
    pub(crate) column: usize,
}

impl Document {
    /// The document's root.
    pub(crate) fn root(&self) -> Part<'_> {
        Part { key: None, value: &self.0 }
    }
}

impl Part<'_> {
    /// The entry `key` of a mapping, as it is written: what a merge key brings is not found.
    pub(crate) fn entry(self, key: &str) -> Option<Self> {
        let RawValue::Map(entries) = &self.value.value else { return None };
        let found =
            entries.iter().find(|(name, _)| matches!(&name.value, RawValue::Text(text) if text == key));
        found.map(|(key, value)| Self { key: Some(key), value })
    }

    /// The items of a list; of anything else, none.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let items = match &self.value.value {
            RawValue::List(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().map(|value| Self { key: None, value })
    }

    /// Returns whether it is a mapping with this key.
    pub(crate) fn names(self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Its text in `file`. Of a mapping, the value of an entry may be given by `other`, which is asked with its key.
    pub(crate) fn excerpt(
        self,
        file: &str,
        other: impl Fn(&str, Part<'_>) -> Option<String>,
    ) -> Option<Excerpt> {
        let own = extent(self.value, file);
        let own = self.key.map_or(own.start, |key| extent(key, file).start)..own.end;
        let mut others: Vec<(Range<usize>, String)> = Vec::new();
        if let RawValue::Map(entries) = &self.value.value {
            for (key, value) in entries {
                let RawValue::Text(name) = &key.value else { continue };
                let given = other(name, Part { key: Some(key), value });
                others.extend(given.map(|given| (extent(value, file), given)));
            }
        }
        let mut aliases = Vec::new();
        outside(self.value, &own, &mut aliases);
        let is_kept = |alias: &Range<usize>| others.iter().all(|(other, _)| !other.contains(&alias.start));
        aliases.retain(|(alias, _)| is_kept(alias));
        others.extend(aliases.into_iter().map(|(alias, node)| (alias, stand_in(node, file))));
        others.sort_by_key(|(at, _)| at.start);
        let mut text = String::new();
        let mut at = own.start;
        for (other, given) in others {
            text.push_str(file.get(at..other.start)?);
            text.push_str(&given);
            at = other.end;
        }
        text.push_str(file.get(at..own.end)?);
        // A block of lines ends behind its last line break, and what follows there is not its remark.
        if !text.ends_with(['\n', '\r']) {
            text.push_str(trailing_comment(file.get(own.end..)?));
        }
        let line = file.get(..own.start)?.rsplit(['\n', '\r']).next()?;
        Some(Excerpt { text, column: line.trim_start_matches('\u{feff}').chars().count() })
    }
}

/// From its first byte to its last, aliases counted where they stand.
fn extent(raw: &Raw, file: &str) -> Range<usize> {
    if let Some(alias) = &raw.alias {
        return alias.clone();
    }
    let end = match &raw.value {
        RawValue::List(items) => items.iter().map(|item| extent(item, file).end).max(),
        RawValue::Map(entries) => {
            entries.iter().map(|(key, value)| extent(value, file).end.max(extent(key, file).end)).max()
        }
        RawValue::Text(_) | RawValue::Typed(_) => return raw.at.clone(),
    };
    let end = end.unwrap_or(raw.at.start + 1).max(raw.at.end);
    raw.at.start..closed(file, raw.at.start, end).unwrap_or(end)
}

/// The end of the list or mapping in brackets that begins at `start` and whose last value ends at `end`. The parser
/// does not say it.
fn closed(file: &str, start: usize, end: usize) -> Option<usize> {
    let close = match file.as_bytes().get(start)? {
        b'{' => '}',
        b'[' => ']',
        _ => return None,
    };
    // An empty one may be known to its end.
    if end > start + 1
        && file.get(start..end)?.ends_with(close)
        && file.get(start + 1..end - 1)?.trim().is_empty()
    {
        return Some(end);
    }
    let mut rest = file.get(end..)?;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        match rest.strip_prefix('#') {
            Some(comment) => rest = comment.trim_start_matches(|c| !matches!(c, '\r' | '\n')),
            None => return rest.starts_with(close).then(|| file.len() - rest.len() + 1),
        }
    }
}

/// The aliases in `raw` whose anchors are not in `own`, in the order of the file.
fn outside<'a>(raw: &'a Raw, own: &Range<usize>, found: &mut Vec<(Range<usize>, &'a Raw)>) {
    if let Some(alias) = &raw.alias {
        if !own.contains(&raw.at.start) {
            found.push((alias.clone(), raw));
        }
        return;
    }
    match &raw.value {
        RawValue::List(items) => items.iter().for_each(|item| outside(item, own, found)),
        RawValue::Map(entries) => {
            for (key, value) in entries {
                outside(key, own, found);
                outside(value, own, found);
            }
        }
        RawValue::Text(_) | RawValue::Typed(_) => {}
    }
}

/// Returns the text that an alias stands for. What is wrong with it was found when the file was loaded.
fn stand_in(raw: &Raw, file: &str) -> String {
    let (node, _) = mapping::resolve(Document(raw.clone()), file);
    flow(&node, file)
}

/// The rest of the line, if it is a comment.
fn trailing_comment(rest: &str) -> &str {
    let line = rest.split(['\n', '\r']).next().unwrap_or("");
    let comment = line.trim_start_matches([' ', '\t']);
    if comment.starts_with('#') && comment.len() < line.len() { line } else { "" }
}
