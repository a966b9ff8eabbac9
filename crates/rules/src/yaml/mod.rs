//! YAML as nodes that know where they stand.
//!
//! `serde_yaml` parses; this layer keeps what a rule file needs and serde's data model loses: the bytes of
//! every key and value, which two keys are the same, what a plain scalar looked like before it became a
//! number, and where an alias was used. Nothing here knows what a rule is.
//!
//! | file | does |
//! | --- | --- |
//! | `read` | text → raw nodes (`serde_yaml`), with bounds on depth and alias expansion |
//! | `scalar` | what a plain scalar means |
//! | `mapping` | raw nodes → [`Node`]: duplicate keys found, merge keys (`<<`) applied |
//! | `excerpt` | a document → the text of a part of it, aliases replaced |
//! | `flow` | nodes → YAML again, on one line |
//! | `written` | a text → a scalar |
//! | `source_map` | byte in a scalar's value → byte in the file |

mod excerpt;
mod flow;
mod mapping;
mod read;
mod scalar;
mod source_map;
mod written;

use std::ops::Range;

use crate::matcher::Number;

pub(crate) use excerpt::{Excerpt, Part};
pub(crate) use flow::flow;
pub(crate) use mapping::resolve;
pub(crate) use read::{Document, read};
pub(crate) use source_map::locate;
pub use written::as_scalar;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Bytes of the file where the value is written (for an alias: where its anchor is).
    pub(crate) at: Range<usize>,
    /// The alias through which it came here.
    pub(crate) alias: Option<Range<usize>>,
    /// `true` where something was wrong with a mapping in it, so that it holds less than is written.
    pub(crate) incomplete: bool,
    /// The value.
    pub(crate) value: Yaml,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A plain scalar that is a number.
    Number(Number),
    /// A plain scalar that looks like a number and is none that can be used, with the reason.
    Unusable(&'static str),
    /// Any other scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file, keys unique.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// Bytes of the file where the key is written.
    pub(crate) key_at: Range<usize>,
    /// The value.
    pub(crate) value: Node,
}

impl Node {
    /// Returns its kind, for messages about something else being expected.
    pub(crate) fn describe(&self) -> &'static str {
        match self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "`true` or `false`",
            Yaml::Number(_) | Yaml::Unusable(_) => "a number",
            Yaml::Text(_) => "text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// The entries of a mapping.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key` in a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The text of a scalar as a person reads it in the file: of a number or boolean its spelling.
    pub(crate) fn scalar_text<'a>(&'a self, file: &'a str) -> Option<&'a str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            Yaml::Bool(_) | Yaml::Number(_) | Yaml::Unusable(_) => file.get(self.at.clone()),
            Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    /// About how many bytes it takes to hold it, aliases expanded.
    pub(crate) fn weight(&self) -> usize {
        let inner = match &self.value {
            Yaml::Text(text) => text.len(),
            Yaml::List(items) => items.iter().map(Self::weight).sum(),
            Yaml::Map(entries) => entries.iter().map(|entry| entry.key.len() + entry.value.weight()).sum(),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Unusable(_) => 0,
        };
        size_of::<Self>() + inner
    }

    /// The bytes from its beginning to the end of the last value in it, aliases counted where they stand.
    pub(crate) fn extent(&self) -> Range<usize> {
        let own = self.alias.clone().unwrap_or_else(|| self.at.clone());
        if self.alias.is_some() {
            return own;
        }
        let end = match &self.value {
            Yaml::List(items) => items.iter().map(|item| item.extent().end).max(),
            Yaml::Map(entries) => {
                let keys = entries.iter().filter(|entry| own.start <= entry.key_at.start);
                keys.map(|entry| entry.value.extent().end.max(entry.key_at.end)).max()
            }
            _ => None,
        };
        own.start..end.unwrap_or(own.end).max(own.end)
    }
}
