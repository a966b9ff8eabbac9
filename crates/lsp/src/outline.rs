//! The keys of a YAML text, and where a byte stands among them: also in one that is being written and does not parse.
//!
//! Indentation and brackets say where a line belongs, which holds for nearly everything that people write. The text before
//! a byte says what the byte is about: [`Outline::of`] of that part ends where the byte stands.

mod scanner;

use std::ops::Range;

use fluo_rules::expected::Step;

/// The keys of a text.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    nodes: Vec<Node>,
    /// The end of the text.
    end: End,
}

/// A key, or an item of a list.
#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    step: Step,
    /// The bytes of the key, or of what begins the item.
    at: Range<usize>,
    /// Those of its scalar, as far as it is on one line.
    value: Range<usize>,
}

impl Node {
    /// Returns whether it is this key.
    fn is_key(&self, key: &str) -> bool {
        matches!(&self.step, Step::Key(own) if own == key)
    }
}

/// The node and the word that the end of a text stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct End {
    /// The node whose value it is in; none at the root.
    node: Option<usize>,
    role: Role,
    /// The first byte of the word, or scalar, that it stands in.
    start: usize,
}

/// The part of a text that a byte may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// A key.
    Key,
    /// The value of a key.
    Value,
    /// Either: nothing says so yet.
    #[default]
    Any,
    /// A comment, or a mark.
    Nothing,
}

/// The place of a byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The keys and items that lead there.
    pub(crate) path: Vec<Step>,
    pub(crate) role: Role,
    /// The bytes of the word around it; of a scalar, those to the end of its line.
    pub(crate) word: Range<usize>,
    /// The keys beside it.
    pub(crate) siblings: Vec<String>,
    /// The type of the sink that it belongs to, where it is in one.
    pub(crate) sink: Option<String>,
    /// The names that the rule declares under `aggregation`.
    pub(crate) aggregates: Vec<String>,
}

impl Place {
    /// Finds where a byte of a text stands.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let before = Outline::of(&text[..offset]);
        let end = before.end;
        let path = before.path(end.node);
        let whole = Outline::of(text);
        let rest = text.get(offset..).unwrap_or("");
        let stop = match end.role {
            Role::Key | Role::Any => rest.find([':', ',', '}', ']', '\n', '\r', ' ']),
            Role::Value | Role::Nothing => rest.find(['\n', '\r']),
        };
        let word = end.start.min(offset)..offset + stop.unwrap_or(rest.len());
        // What is written before and behind the place has the same nodes up to it.
        let around = end.node;
        let siblings =
            whole.keys_below(around).filter(|(_, at)| !at.contains(&word.start)).map(|(key, _)| key);
        let siblings = siblings.map(str::to_owned).collect();
        Self {
            role: if end.role == Role::Any && rest[word.end - offset..].starts_with(':') {
                Role::Key
            } else {
                end.role
            },
            path,
            word,
            siblings,
            sink: whole.of_item(around, "sinks").and_then(|item| whole.scalar_below(text, item, "type")),
            aggregates: whole.aggregates(around),
        }
    }
}

/// The scalar of `key` in the mapping that the first `depth` steps to a byte lead to.
pub(crate) fn scalar_beside(text: &str, offset: usize, depth: usize, key: &str) -> Option<String> {
    let end = Outline::of(text.get(..offset)?).end.node;
    let whole = Outline::of(text);
    let mut above: Vec<usize> = whole.above(end).collect();
    above.reverse();
    let holder = *above.get(depth.checked_sub(1)?)?;
    whole.scalar_below(text, holder, key)
}

impl Outline {
    /// Reads a text.
    pub(crate) fn of(text: &str) -> Self {
        scanner::read(text)
    }

    fn path(&self, node: Option<usize>) -> Vec<Step> {
        let mut path: Vec<Step> =
            self.above(node).filter_map(|node| Some(self.nodes.get(node)?.step.clone())).collect();
        path.reverse();
        path
    }

    /// A node and those above it.
    fn above(&self, node: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(node, |node| self.nodes.get(*node)?.parent)
    }

    /// The keys right below a node.
    fn keys_below(&self, node: Option<usize>) -> impl Iterator<Item = (&str, &Range<usize>)> {
        self.nodes.iter().filter(move |it| it.parent == node).filter_map(|node| match &node.step {
            Step::Key(key) => Some((key.as_str(), &node.at)),
            Step::Item => None,
        })
    }

    /// The item of the list `key` that a node is, or lies in.
    fn of_item(&self, node: Option<usize>, key: &str) -> Option<usize> {
        self.above(node).find(|node| {
            let list =
                self.nodes.get(*node).filter(|node| node.step == Step::Item).and_then(|node| node.parent);
            list.and_then(|list| self.nodes.get(list)).is_some_and(|list| list.is_key(key))
        })
    }

    fn child(&self, node: usize, key: &str) -> Option<usize> {
        self.nodes.iter().position(|it| it.parent == Some(node) && it.is_key(key))
    }

    fn scalar_below(&self, text: &str, node: usize, key: &str) -> Option<String> {
        let value = self.nodes.get(self.child(node, key)?)?.value.clone();
        Some(text.get(value)?.trim().trim_matches(['"', '\'']).to_owned())
    }

    /// The names of aggregates of the rule that a node lies in.
    fn aggregates(&self, node: Option<usize>) -> Vec<String> {
        let rule = self
            .above(node)
            .filter(|node| self.nodes.get(*node).is_some_and(|it| it.step == Step::Item))
            .last();
        let Some(declared) = rule.and_then(|rule| self.child(rule, "aggregation")) else { return Vec::new() };
        self.keys_below(Some(declared)).map(|(key, _)| key.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests;
