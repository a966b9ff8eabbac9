//! `defaults` under a rule: mappings merge key by key, and the rule wins.
//!
//! Merging goes as deep as a mapping is a collection of independent entries (labels, annotations, the
//! entries of `span` and of its attribute maps, aggregates, `realert`), and no deeper: an entry is one
//! statement, and half a matcher from here and half from there would be one that nobody wrote.

use crate::yaml::{Entry, Node, Yaml};

/// The rule `item` with what it does not say taken from `defaults`.
pub(crate) fn merged(item: &Node, defaults: Option<&Node>) -> Node {
    match defaults {
        Some(defaults) => merge(item, defaults, &["labels", "annotations", "span", "aggregation", "realert"]),
        None => item.clone(),
    }
}

/// Merges two mappings, and those values of theirs whose keys are in `collections`.
fn merge(own: &Node, defaults: &Node, collections: &[&str]) -> Node {
    let (Yaml::Map(entries), Yaml::Map(more)) = (&own.value, &defaults.value) else { return own.clone() };
    let mut merged: Vec<Entry> = Vec::with_capacity(entries.len() + more.len());
    for entry in entries {
        let default = more.iter().find(|default| default.key == entry.key);
        let value = match default {
            Some(default) if collections.contains(&entry.key.as_str()) => {
                let inner: &[&str] =
                    if entry.key == "span" { &["attributes", "resource", "scope"] } else { &[] };
                merge(&entry.value, &default.value, inner)
            }
            _ => entry.value.clone(),
        };
        merged.push(Entry { value, ..entry.clone() });
    }
    // A name among defaults is an error of its own, and would make every nameless rule a duplicate besides.
    let missing = |default: &&Entry| default.key != "name" && own.get(&default.key).is_none();
    merged.extend(more.iter().filter(missing).cloned());
    Node { value: Yaml::Map(merged), ..own.clone() }
}
