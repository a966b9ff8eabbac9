//! Raw nodes → nodes: keys made texts, duplicates found, merge keys applied.
//!
//! Merging is as in YAML 1.1: `<<: *base` or `<<: [*a, *b]` adds the entries whose keys the mapping does not
//! have itself; of several, the earlier wins.

use std::collections::BTreeMap;
use std::ops::Range;

use super::read::{Document, Raw, RawValue};
use super::{Entry, Node, Yaml};
use crate::diagnostic::Code;

/// Something wrong with a mapping, before findings have a file.
#[derive(Debug)]
pub(crate) struct MappingProblem {
    pub(crate) code: Code,
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
    /// The place where the key stood first.
    pub(crate) first: Option<Range<usize>>,
}

/// The document's nodes, and what is wrong with its mappings: those entries are left out.
pub(crate) fn resolve(document: Document, file: &str) -> (Node, Vec<MappingProblem>) {
    let mut problems = Vec::new();
    let node = node(document.0, file, &mut problems);
    (node, problems)
}

fn node(raw: Raw, file: &str, problems: &mut Vec<MappingProblem>) -> Node {
    let before = problems.len();
    let Raw { at, alias, value } = raw;
    let source = file.get(at.clone()).unwrap_or("");
    let scalar = value.scalar(source);
    let value = match (scalar, value) {
        (Some(scalar), _) => scalar,
        (None, RawValue::List(items)) => {
            Yaml::List(items.into_iter().map(|item| node(item, file, problems)).collect())
        }
        (None, RawValue::Map(entries)) => Yaml::Map(mapping(entries, file, problems)),
        // `scalar` covers the scalars.
        (None, RawValue::Text(_) | RawValue::Typed(_)) => Yaml::Null,
    };
    Node { at, alias, incomplete: problems.len() > before, value }
}

fn mapping(raw: Vec<(Raw, Raw)>, file: &str, problems: &mut Vec<MappingProblem>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
    let mut places: BTreeMap<String, Range<usize>> = BTreeMap::new();
    let mut merged: Vec<Node> = Vec::new();
    for (key, value) in raw {
        let key_at = key.at.clone();
        let key = node(key, file, problems);
        let Some(text) = key.scalar_text(file).map(str::to_owned) else {
            problems.push(MappingProblem {
                code: Code::WrongType,
                at: key_at,
                message: format!("a key must be text, not {}", key.describe()),
                first: None,
            });
            continue;
        };
        let value = node(value, file, problems);
        if text == "<<" {
            merge_sources(value, &mut merged, problems);
        } else if let Some(first) = places.get(&text) {
            problems.push(MappingProblem {
                code: Code::DuplicateKey,
                at: key_at,
                message: format!("the key `{text}` is here for the second time"),
                first: Some(first.clone()),
            });
        } else {
            places.insert(text.clone(), key_at.clone());
            entries.push(Entry { key: text, key_at, value });
        }
    }
    for source in merged {
        let Yaml::Map(more) = source.value else { continue };
        for entry in more {
            if !places.contains_key(&entry.key) {
                places.insert(entry.key.clone(), entry.key_at.clone());
                entries.push(entry);
            }
        }
    }
    entries
}

/// The mappings that a merge key names.
fn merge_sources(value: Node, merged: &mut Vec<Node>, problems: &mut Vec<MappingProblem>) {
    match value {
        Node { value: Yaml::Map(_), .. } => merged.push(value),
        Node { value: Yaml::List(items), .. } => {
            for item in items {
                if item.entries().is_some() {
                    merged.push(item);
                } else {
                    problems.push(bad_merge(&item));
                }
            }
        }
        other => problems.push(bad_merge(&other)),
    }
}

fn bad_merge(value: &Node) -> MappingProblem {
    MappingProblem {
        code: Code::BadMerge,
        at: value.alias.clone().unwrap_or_else(|| value.at.clone()),
        message: format!("`<<` merges mappings, not {}", value.describe()),
        first: None,
    }
}
