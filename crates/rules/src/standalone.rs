//! A rule's text by itself: what is kept of every rule that was ever used.
//!
//! In its file a rule may lean on `defaults`, on anchors of other rules, and on where it is indented. By itself it is
//! a file of its own that loads as the same [`Rule`]: the file's `defaults` as they are written, and the rule as it
//! is written, with its comments. Several forms are tried, the nearest to the author's text first, and each is
//! **loaded and compared** before it is taken:
//!
//! | form | of |
//! | --- | --- |
//! | `defaults: …`, `rules:`, `- …`, as written and indented anew | nearly everything |
//! | the same with the blank lines at its end | texts that keep them (`|+`) |
//! | as a comment, and below it the same on one line, aliases and merge keys resolved | lines that end in a lone carriage return, and whatever else the forms above do not carry over |
//! | the same with `defaults` merged in | rules so deep that nothing may stand around them |
//!
//! Limits that stand in a file of their own are written into the rule first: what is kept needs no other file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::defaults::merged;
use crate::load::load;
use crate::rule::Rule;
use crate::source_file::SourceFile;
use crate::tables::{FILE, LIMITS};
use crate::yaml::{self, Document, Excerpt, Node, Part, Yaml};

/// A text that [`load()`] reads as this rule alone; all but its `source` is the same.
///
/// The one exception is a rule whose aliases expand to more than a file may hold: its text cannot be loaded. For a
/// rule that came from no file the text is empty.
///
/// For many rules, [`standalone_all`] reads each file once.
pub fn standalone(rule: &Rule) -> String {
    Sources::default().standalone(rule)
}

/// [`standalone`] of each rule. Rules of one file must stand together, as [`load()`] gives them.
pub fn standalone_all(rules: &[Rule]) -> Vec<String> {
    let mut sources = Sources::default();
    rules.iter().map(|rule| sources.standalone(rule)).collect()
}

/// The file that rules were taken from last, read.
#[derive(Default)]
struct Sources {
    last: Option<(Arc<str>, Source)>,
}

impl Sources {
    fn standalone(&mut self, rule: &Rule) -> String {
        let text = &rule.source.text;
        let source = match self.last.take() {
            Some((known, source)) if Arc::ptr_eq(&known, text) => source,
            _ => Source::read(text),
        };
        let found = source.candidates(rule, text);
        self.last = Some((Arc::clone(text), source));
        found
    }
}

/// Returns whether limits stand in a file of their own.
fn is_of_file(limits: &Node) -> bool {
    limits.get(FILE).is_some()
}

/// A rule, or the defaults of its file, with its limits in it: `node` where they are.
fn with_limits(node: &Node, limits: Option<&Node>) -> Node {
    let mut node = node.clone();
    if let (Some(limits), Yaml::Map(entries)) = (limits, &mut node.value) {
        for entry in entries.iter_mut().filter(|entry| entry.key == LIMITS && is_of_file(&entry.value)) {
            entry.value = limits.clone();
        }
    }
    node
}

/// A file, read.
struct Source {
    documents: Vec<Document>,
    /// The resolved root of each document.
    roots: Vec<Node>,
    /// The byte where items begin → their documents and numbers in them. An alias may bring several to one place.
    items: BTreeMap<usize, Vec<(usize, usize)>>,
}

/// The parts of a rule.
struct Parts {
    item: Node,
    item_text: Option<Excerpt>,
    defaults: Option<Node>,
    defaults_text: Option<Excerpt>,
}

impl Source {
    /// The rules came from this text, so that it can be read; of any other, nothing is found.
    fn read(text: &str) -> Self {
        let documents = yaml::read(text).unwrap_or_default();
        let roots: Vec<Node> =
            documents.iter().map(|document| yaml::resolve(document.clone(), text).0).collect();
        let mut items: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (document, root) in roots.iter().enumerate() {
            for (number, item) in rules_of(root).iter().enumerate() {
                items.entry(item.extent().start).or_default().push((document, number));
            }
        }
        Self { documents, roots, items }
    }

    fn candidates(&self, rule: &Rule, text: &str) -> String {
        let mut last = text.get(rule.source.range.clone()).unwrap_or("").to_owned();
        for place in self.items.get(&rule.source.range.start).into_iter().flatten() {
            let Some(parts) = self.parts(*place, text, rule) else { continue };
            let forms: [&dyn Fn() -> Option<String>; 5] = [
                &|| block(&parts),
                &|| block_with_its_end(&parts),
                &|| Some(resolved(&parts, text)),
                &|| Some(on_one_line(&parts, text)),
                &|| Some(whole(&parts, text)),
            ];
            for form in forms {
                let Some(candidate) = form() else { continue };
                if loads_as(&candidate, rule) {
                    return candidate;
                }
                last = candidate;
            }
        }
        last
    }

    fn parts(&self, (document, number): (usize, usize), text: &str, rule: &Rule) -> Option<Parts> {
        let item = rules_of(self.roots.get(document)?).get(number)?;
        let root = self.documents.get(document)?.root();
        let written = root.entry("rules").unwrap_or(root).items().nth(number);
        let defaults = self.roots.iter().find_map(|root| root.get("defaults"));
        let defaults = defaults.map(|entry| &entry.value).filter(|node| node.entries().is_some());
        let defaults_written: Option<Part<'_>> =
            self.documents.iter().find_map(|document| document.root().entry("defaults"));
        let keys: Vec<&str> = rule.group_by.iter().map(|key| key.key.as_str()).collect();
        let limits = rule.limits.as_ref().map(|limits| limits.node(&keys));
        // As written, but for limits of another file.
        let excerpt = |part: Part<'_>| {
            let limits = limits.as_ref().map(|limits| yaml::flow(limits, ""));
            part.excerpt(text, |key, value| limits.clone().filter(|_| key == LIMITS && value.names(FILE)))
        };
        Some(Parts {
            item: with_limits(item, limits.as_ref()),
            item_text: written.and_then(excerpt),
            defaults_text: defaults_written.filter(|_| defaults.is_some()).and_then(excerpt),
            defaults: defaults.map(|node| with_limits(node, limits.as_ref())),
        })
    }
}

/// The items of a document.
fn rules_of(root: &Node) -> &[Node] {
    let list = root.get("rules").map_or(root, |entry| &entry.value);
    match &list.value {
        Yaml::List(items) => items,
        _ => &[],
    }
}

/// Returns whether `text` is a file of this rule and nothing else; an objective is several rules.
fn loads_as(text: &str, rule: &Rule) -> bool {
    let loaded = load(&[SourceFile::new(Arc::clone(&rule.source.file), text)]);
    let is_one = loaded.rules.windows(2).all(|pair| pair[0].source.range == pair[1].source.range);
    let same = |read: &Rule| Rule { source: rule.source.clone(), ..read.clone() } == *rule;
    !loaded.is_partial() && is_one && loaded.rules.iter().any(same)
}

/// As written. Blank lines at the end belong to whatever comes next in the file.
fn block(parts: &Parts) -> Option<String> {
    in_block(parts, indented(parts.item_text.as_ref()?, 2).trim_end_matches(['\n', '\r', ' ']))
}

/// As written, to the end of its last text.
fn block_with_its_end(parts: &Parts) -> Option<String> {
    in_block(parts, &indented(parts.item_text.as_ref()?, 2))
}

fn in_block(parts: &Parts, item: &str) -> Option<String> {
    let end = if item.ends_with('\n') { "" } else { "\n" };
    match (&parts.defaults, &parts.defaults_text) {
        (None, _) => Some(format!("- {item}{end}")),
        (Some(_), Some(defaults)) => {
            let defaults = indented(defaults, 0);
            Some(format!("{}\nrules:\n- {item}{end}", defaults.trim_end_matches(['\n', '\r', ' '])))
        }
        (Some(_), None) => None,
    }
}

/// On one line, below what was written.
fn resolved(parts: &Parts, text: &str) -> String {
    let written = [&parts.defaults_text, &parts.item_text].into_iter().flatten();
    let mut comment = String::new();
    for excerpt in written {
        let text = indented(excerpt, 0);
        let lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
        comment.extend(lines.flat_map(|line| ["# ", line, "\n"]));
    }
    comment + &on_one_line(parts, text)
}

/// On one line.
fn on_one_line(parts: &Parts, text: &str) -> String {
    let item = yaml::flow(&parts.item, text);
    match &parts.defaults {
        Some(defaults) => format!("defaults: {}\nrules:\n- {item}\n", yaml::flow(defaults, text)),
        None => format!("- {item}\n"),
    }
}

/// On one line, with `defaults` in the rule.
fn whole(parts: &Parts, text: &str) -> String {
    let whole = merged(&parts.item, parts.defaults.as_ref());
    format!("- {}\n", yaml::flow(&whole, text))
}

/// The excerpt as if it began in `column`: its other lines move as far as its first.
///
/// Lines that have fewer spaces than they are to lose are within quotes or braces, where none are needed.
fn indented(excerpt: &Excerpt, column: usize) -> String {
    let mut lines = excerpt.text.split_inclusive('\n');
    let mut text = lines.next().unwrap_or("").to_owned();
    for line in lines {
        let blank = line.trim_end_matches(['\r', '\n']).is_empty();
        if column >= excerpt.column && !blank {
            text.extend(std::iter::repeat_n(' ', column - excerpt.column));
        }
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let lost = excerpt.column.saturating_sub(column).min(spaces);
        text.push_str(&line[lost..]);
    }
    text
}
