//! Files → rules and findings: the driver.
//!
//! ```text
//!  bytes ─ text ─▶ documents ─▶ nodes ─▶ items + defaults ─▶ checked rules ─▶ names compared over all files
//! ```
//!
//! One file's mistakes keep nothing of the others: every file is read to its end, and all findings of all
//! files are given at once, sorted by file (in the order given) and place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::{self, Checked, Report, known_keys};
use crate::defaults::merged;
use crate::diagnostic::{Code, Finding, Place, in_order};
use crate::document;
use crate::inhibition::{self, Inhibited};
use crate::keys::Table;
use crate::rule::Rule;
use crate::source_file::SourceFile;
use crate::tables::{Tables, is_table};
use crate::yaml::{Entry, Node, Yaml};

pub use crate::document::MAX_FILE_BYTES;

/// Most rules loaded together.
pub const MAX_RULES: usize = 10_000;

/// Most bytes that a file's `defaults` may add to its rules, counted for each rule.
const MAX_DEFAULTS_BYTES: usize = 64 * 1024 * 1024;

/// The result of a load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The rules that are sound, disabled ones included, in the order of files and places.
    pub rules: Vec<Rule>,
    /// Everything that is wrong or doubtful, sorted by file and place.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// Returns whether some rule could not be loaded, so that `rules` is not the whole set.
    pub fn is_partial(&self) -> bool {
        self.findings.iter().any(Finding::stops_loading)
    }
}

/// Reads rule files that are to be loaded together, with the tables that they name ([`crate::tables_named`]) among them.
pub fn load(files: &[SourceFile]) -> Loaded {
    let tables = Tables::of(files);
    let mut items = 0;
    let mut parts = Vec::new();
    for (number, file) in files.iter().enumerate().filter(|(_, file)| !is_table(&file.name)) {
        let part = Part::read(file, &tables, items);
        items += part.count;
        parts.push((number, part));
    }
    let Across { findings: across, kept } = across(parts.iter().map(|(_, part)| part));
    let mut numbers: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        numbers.entry(Arc::clone(&file.name)).or_insert(number);
    }
    let mut findings = Vec::new();
    // Findings of a file may be about tables.
    for (number, part) in &mut parts {
        let own = std::mem::take(&mut part.findings);
        findings
            .extend(own.into_iter().map(|it| (numbers.get(&it.place.file).copied().unwrap_or(*number), it)));
    }
    findings.extend(across.into_iter().filter_map(|(part, finding)| Some((parts.get(part)?.0, finding))));
    in_order(&mut findings);
    let mut rules = Vec::new();
    for (part, item) in kept {
        let item = parts.get_mut(part).and_then(|(_, part)| part.items.get_mut(item));
        rules.extend(item.map(|item| std::mem::take(&mut item.rules)).unwrap_or_default());
    }
    Loaded { rules, findings: findings.into_iter().map(|(_, finding)| finding).collect() }
}

/// One file's rules, before they are compared with those of other files.
#[derive(Debug, Default)]
pub struct Part {
    /// The findings in the file by itself; some may be about a table.
    pub findings: Vec<Finding>,
    /// Its rules, sound or not, in their order.
    pub items: Vec<Item>,
    /// The number of its rules, those included that were one too many to be read.
    pub count: usize,
}

/// One item of a file's list of rules.
#[derive(Debug)]
pub struct Item {
    /// Its name, where it has one, or the names of the rules that an objective stands for; and where each stands.
    pub names: Vec<(String, Place)>,
    /// All of it.
    pub place: Place,
    /// The rule, unless something is wrong with it; of an objective, the rules that it stands for.
    pub rules: Vec<Rule>,
    /// The entries of its `inhibit`.
    inhibits: Vec<Inhibited>,
}

/// The result of comparing the rules of several files.
#[derive(Debug, Default)]
pub struct Across {
    /// The findings between files, each with the number of its file's part.
    pub findings: Vec<(usize, Finding)>,
    /// The items whose rules are sound and have names of their own: the number of the part, and of the item in it.
    pub kept: Vec<(usize, usize)>,
}

/// Compares the rules of files that are loaded together, in their order.
pub fn across<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Across {
    let mut found = Across::default();
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut inhibits = Vec::new();
    let mut rules: Vec<&Rule> = Vec::new();
    for (number, part) in parts.into_iter().enumerate() {
        for (at, item) in part.items.iter().enumerate() {
            // Of the names of an objective, one that is there already is enough to tell.
            let taken = item.names.iter().find_map(|(name, place)| {
                if let Some(first) = first.get(name.as_str()) {
                    return Some((name, place, *first));
                }
                first.insert(name, place);
                None
            });
            inhibits.extend(item.inhibits.iter().map(|entry| (number, entry)));
            if let Some((name, place, first)) = taken {
                found.findings.push((number, duplicate(name, place, first)));
            } else {
                found.kept.push((number, at));
                rules.extend(&item.rules);
            }
        }
    }
    found.findings.extend(inhibition::findings(&inhibits, &rules, &first));
    found
}

fn duplicate(name: &str, place: &Place, first: &Place) -> Finding {
    let message = format!("a rule named `{name}` exists already");
    let mut finding =
        Finding { code: Code::DuplicateRule, message, place: place.clone(), hint: None, related: Vec::new() };
    finding
        .hint("a rule's name is its identity: give this one another")
        .also(first.clone(), "the first one is here");
    finding
}

impl Part {
    /// Reads one file. `tables` are those that its rules may name, `before` the number of rules in the files before it.
    pub fn read(file: &SourceFile, tables: &Tables<'_>, before: usize) -> Self {
        let mut part = Self::default();
        match document::text(file) {
            Ok(mut report) => {
                part.documents(&mut report, tables, before);
                part.findings = report.into_findings();
            }
            Err(finding) => part.findings.push(*finding),
        }
        part
    }

    fn documents(&mut self, report: &mut Report, tables: &Tables<'_>, before: usize) {
        let Some(roots) = document::roots(report) else { return };
        let defaults = file_defaults(report, &roots);
        let items: Vec<&Node> = roots.iter().flat_map(|root| items(report, root)).collect();
        let weight = defaults.node.map_or(0, Node::weight);
        if weight.saturating_mul(items.len()) > MAX_DEFAULTS_BYTES {
            let message = format!(
                "`defaults` of this size, in {} rules, expand to more than a file may hold",
                items.len()
            );
            let place = defaults.node.map_or(0..0, |node| node.at.start..node.at.start);
            report.add(Code::TooManyAliases, place, message);
            return;
        }
        self.count = items.len();
        let room = MAX_RULES.saturating_sub(before);
        for item in items.iter().take(room) {
            self.items.extend(read_item(report, item, &defaults, tables));
        }
        if let Some(item) = items.get(room).filter(|_| before <= MAX_RULES) {
            let message =
                format!("this is the rule after {MAX_RULES}, and {MAX_RULES} can be loaded together");
            report.add(Code::TooManyRules, item.extent().start..item.extent().start, message);
        }
        if items.is_empty() && report.errors() == 0 {
            report.add(Code::NoRules, 0..0, "the file holds no rules");
        }
    }
}

/// Reads one item of a list of rules; none of what is no mapping.
fn read_item(report: &mut Report, item: &Node, defaults: &Defaults<'_>, tables: &Tables<'_>) -> Option<Item> {
    if item.entries().is_none() {
        report.at(Code::WrongType, item, format!("a rule is a mapping, not {}", item.describe()));
        return None;
    }
    let whole = merged(item, defaults.node);
    let Checked { names, rules, inhibits } = check::rule(report, item, &whole, tables);
    let mut own: Vec<Option<&String>> = names.iter().map(|(name, _)| Some(name)).collect();
    if own.is_empty() {
        own.push(None);
    }
    let of_name = |own: Option<&String>| -> Vec<Inhibited> {
        let inhibited = |entry: &check::Inhibits| {
            let equal = entry.inhibit.equal.iter().flatten().zip(&entry.equal);
            Inhibited {
                by: entry.inhibit.rule.clone(),
                rule: own.cloned(),
                place: report.place(entry.at.clone()),
                equal: equal.map(|(key, at)| (key.clone(), report.place(at.clone()))).collect(),
            }
        };
        inhibits.iter().map(inhibited).collect()
    };
    let inhibits = own.into_iter().flat_map(of_name).collect();
    let names = names.iter().map(|(name, at)| (name.clone(), report.place(at.clone()))).collect();
    let place = report.place(item.extent());
    Some(Item { names, place, rules: if defaults.sound { rules } else { Vec::new() }, inhibits })
}

/// The keys that a file's rules have in common.
struct Defaults<'a> {
    node: Option<&'a Node>,
    /// `true` where they were read without a mistake.
    sound: bool,
}

/// The `defaults` of a file: of whichever document has them.
fn file_defaults<'a>(report: &mut Report, roots: &'a [Node]) -> Defaults<'a> {
    let errors = report.errors();
    let mut all = roots.iter().filter_map(|root| root.get("defaults"));
    let first = all.next();
    for second in all {
        let place = first.map(|first| report.place(first.key_at.clone()));
        let finding = report.add(Code::Conflict, second.key_at.clone(), "a file has one `defaults`");
        if let Some(place) = place {
            finding.also(place, "the first one is here");
        }
    }
    let Some(entry) = first else { return Defaults { node: None, sound: true } };
    if entry.value.entries().is_none() {
        // `defaults:` with all its lines commented out is no mistake.
        if entry.value.value != Yaml::Null {
            let message = format!("`defaults` takes a mapping, not {}", entry.value.describe());
            report.value(Code::WrongType, entry, message);
        }
        return Defaults { node: None, sound: report.errors() == errors };
    }
    let sound = check::defaults(report, &entry.value);
    Defaults { node: Some(&entry.value), sound: sound && report.errors() == errors }
}

/// The rules' items of one document.
fn items<'a>(report: &mut Report, root: &'a Node) -> &'a [Node] {
    match &root.value {
        Yaml::List(items) => items,
        Yaml::Map(entries) => rules_entry(report, root, entries),
        Yaml::Null => &[],
        _ => {
            let message =
                format!("a rule file is a list of rules, or a mapping with `rules`, not {}", root.describe());
            report.at(Code::WrongType, root, message);
            &[]
        }
    }
}

fn rules_entry<'a>(report: &mut Report, root: &'a Node, entries: &'a [Entry]) -> &'a [Node] {
    // One rule without its dash is the commonest mistake of shape, and a key by key report of it no help.
    let single = entries.iter().any(|entry| matches!(entry.key.as_str(), "name" | "span" | "condition"));
    if single && root.get("rules").is_none() {
        let first = entries.first().map_or(root.at.clone(), |entry| entry.key_at.clone());
        let finding =
            report.add(Code::WrongType, first, "a rule file is a list of rules, and this is one rule");
        finding.hint("begin it with `- `, and indent the lines that follow by two spaces");
        return &[];
    }
    known_keys(report, entries, Table::File, "the file");
    let Some(entry) = root.get("rules") else { return &[] };
    match &entry.value.value {
        Yaml::List(items) => items,
        Yaml::Null => &[],
        _ => {
            let message = format!("`rules` takes a list of rules, not {}", entry.value.describe());
            report.value(Code::WrongType, entry, message);
            &[]
        }
    }
}
