//! Files → rules and findings: the driver.
//!
//! ```text
//!  bytes ─ text ─▶ documents ─▶ nodes ─▶ items + defaults ─▶ checked rules ─▶ names compared over all files
//! ```
//!
//! One file's mistakes keep nothing of the others: every file is read to its end, and all findings of all
//! files are given at once, sorted by file (in the order given) and place.

use std::collections::BTreeMap;
use std::ops::Range;
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
    let mut loading = Loading { tables: Tables::of(files), ..Loading::default() };
    for (number, file) in files.iter().enumerate() {
        loading.numbers.entry(Arc::clone(&file.name)).or_insert(number);
    }
    for (number, file) in files.iter().enumerate().filter(|(_, file)| !is_table(&file.name)) {
        loading.file(number, file);
    }
    loading.finish()
}

#[derive(Default)]
struct Loading<'a> {
    /// The tables that rules may name.
    tables: Tables<'a>,
    /// The place of each file among all.
    numbers: BTreeMap<Arc<str>, usize>,
    rules: Vec<Rule>,
    /// Each with the number of its file.
    findings: Vec<(usize, Finding)>,
    /// The first rule of each name, sound or not.
    first: BTreeMap<String, Place>,
    inhibits: Vec<Inhibited>,
    items: usize,
}

impl Loading<'_> {
    fn file(&mut self, number: usize, file: &SourceFile) {
        let findings = match document::text(file) {
            Ok(mut report) => {
                self.documents(number, &mut report);
                report.into_findings()
            }
            Err(finding) => vec![*finding],
        };
        // Some are about tables.
        let of_file = |finding: &Finding| self.numbers.get(&finding.place.file).copied().unwrap_or(number);
        self.findings.extend(findings.into_iter().map(|finding| (of_file(&finding), finding)));
    }

    fn documents(&mut self, file: usize, report: &mut Report) {
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
        for item in &items {
            self.item(file, report, item, &defaults);
        }
        if items.is_empty() && report.errors() == 0 {
            report.add(Code::NoRules, 0..0, "the file holds no rules");
        }
    }

    fn item(&mut self, file: usize, report: &mut Report, item: &Node, defaults: &Defaults<'_>) {
        self.items += 1;
        if self.items > MAX_RULES {
            if self.items == MAX_RULES + 1 {
                let message =
                    format!("this is the rule after {MAX_RULES}, and {MAX_RULES} can be loaded together");
                report.add(Code::TooManyRules, item.extent().start..item.extent().start, message);
            }
            return;
        }
        if item.entries().is_none() {
            report.at(Code::WrongType, item, format!("a rule is a mapping, not {}", item.describe()));
            return;
        }
        let whole = merged(item, defaults.node);
        let Checked { names, rules, inhibits } = check::rule(report, item, &whole, &self.tables);
        // Of the names of an objective, one that is there already is enough to tell.
        let unique = names.iter().all(|(name, at)| self.register(report, name, at.clone()));
        let mut own: Vec<Option<&String>> = names.iter().map(|(name, _)| Some(name)).collect();
        if own.is_empty() {
            own.push(None);
        }
        for own in own {
            self.inhibits.extend(inhibits.iter().map(|entry| {
                let equal = entry.inhibit.equal.iter().flatten().zip(&entry.equal);
                Inhibited {
                    file,
                    by: entry.inhibit.rule.clone(),
                    rule: own.cloned(),
                    place: report.place(entry.at.clone()),
                    equal: equal.map(|(key, at)| (key.clone(), report.place(at.clone()))).collect(),
                }
            }));
        }
        if unique && defaults.sound {
            self.rules.extend(rules);
        }
    }

    /// Returns whether no rule had this name before.
    fn register(&mut self, report: &mut Report, name: &str, at: Range<usize>) -> bool {
        let place = report.place(at.clone());
        let Some(first) = self.first.get(name) else {
            self.first.insert(name.to_owned(), place);
            return true;
        };
        report
            .add(Code::DuplicateRule, at, format!("a rule named `{name}` exists already"))
            .hint("a rule's name is its identity: give this one another")
            .also(first.clone(), "the first one is here");
        false
    }

    fn finish(mut self) -> Loaded {
        self.findings.extend(inhibition::findings(&self.inhibits, &self.rules, &self.first));
        in_order(&mut self.findings);
        Loaded {
            rules: self.rules,
            findings: self.findings.into_iter().map(|(_, finding)| finding).collect(),
        }
    }
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
