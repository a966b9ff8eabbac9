//! Rules as a set: a file that does not load leaves its rules at their last good text.
//!
//! What only `fluo check` refuses is loaded: a rule that was deployed goes on as it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::diagnostic::Place;
use fluo_rules::rule::Rule;
use fluo_rules::standalone::{hashes, standalone_all};
use fluo_rules::{SourceFile, load};

/// The rules of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// The enabled ones, by name, each with the hash and the text that stands for it alone.
    pub rules: BTreeMap<String, Known>,
    /// The good text of every file that loads.
    pub texts: BTreeMap<String, String>,
    /// Of these, the files that hold no rule.
    pub without_rules: BTreeSet<String>,
    /// Files that do not load, and why.
    pub errors: BTreeMap<String, String>,
    /// Whether every file loaded, or its last good text did: what is not among the rules was removed.
    pub whole: bool,
}

/// A rule, and what it is known by.
#[derive(Debug, Clone)]
pub struct Known {
    /// The rule.
    pub rule: Arc<Rule>,
    /// SHA-256 of what decides of it.
    pub hash: String,
    /// A rule file of this rule alone.
    pub text: String,
}

impl RuleSet {
    /// Loads rule files; `last_good` are texts that loaded before.
    pub fn load(files: &[SourceFile], last_good: &BTreeMap<String, String>) -> Self {
        let mut set = Self { whole: true, ..Self::default() };
        let mut files: Vec<SourceFile> = files.to_vec();
        // Every round takes at least one broken text away, so it ends.
        let loaded = loop {
            let loaded = load(&files);
            let mut broken: BTreeMap<String, String> = BTreeMap::new();
            for finding in loaded.findings.iter().filter(|finding| finding.stops_loading()) {
                let Place { file, start, .. } = &finding.place;
                let reason = format!("{file}:{}:{}: {}", start.line, start.column, finding.message);
                broken.entry(file.to_string()).or_insert(reason);
            }
            if broken.is_empty() {
                break loaded;
            }
            files = files
                .into_iter()
                .filter_map(|file| {
                    let name = file.name.to_string();
                    let Some(reason) = broken.get(&name) else { return Some(file) };
                    let again = set.errors.insert(name.clone(), reason.clone()).is_some();
                    let good = last_good.get(&name).filter(|_| !again);
                    set.whole &= good.is_some();
                    good.map(|text| SourceFile::new(name, text.clone()))
                })
                .collect();
        };
        for file in &files {
            set.texts.insert(file.name.to_string(), String::from_utf8_lossy(&file.content).into_owned());
        }
        set.without_rules = set.texts.keys().cloned().collect();
        for rule in &loaded.rules {
            set.without_rules.remove(rule.source.file.as_ref());
        }
        let rules: Vec<Rule> = loaded.rules.into_iter().filter(|rule| rule.enabled).collect();
        let texts = standalone_all(&rules).into_iter().zip(hashes(&rules));
        for ((text, hash), rule) in texts.zip(rules) {
            set.rules.insert(rule.name.clone(), Known { rule: Arc::new(rule), hash, text });
        }
        set
    }

    /// The rules of texts that loaded before, by the names of their files.
    pub(crate) fn of_texts(texts: &BTreeMap<String, String>) -> Self {
        let files: Vec<SourceFile> =
            texts.iter().map(|(name, text)| SourceFile::new(name.as_str(), text.as_str())).collect();
        Self::load(&files, &BTreeMap::new())
    }

    /// The rules by name.
    pub fn by_name(&self) -> BTreeMap<String, Arc<Rule>> {
        self.rules.iter().map(|(name, known)| (name.clone(), Arc::clone(&known.rule))).collect()
    }
}
