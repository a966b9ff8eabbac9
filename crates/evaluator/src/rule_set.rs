//! Rules as a set: a file that does not load leaves its rules at their last good text.
//!
//! A rule that only `fluo check` refuses is loaded: once deployed, it goes on as it is written.

use fluo_store::guard::locked;
use std::collections::{BTreeMap, BTreeSet};
use std::path::MAIN_SEPARATOR;
use std::sync::{Arc, Mutex};

use fluo_alerts::escape::chain;
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::Place;
use fluo_rules::rule::Rule;
use fluo_rules::standalone::standalone_all;
use fluo_rules::tables::is_table;
use fluo_rules::{SourceFile, load, tables_named};

const SEPARATORS: [char; 2] = ['/', MAIN_SEPARATOR];

/// The folder of all files.
const EVERYTHING: &str = ".";

/// The reason that is given where no rule file is left.
const ALL_GONE: &str = "no rule file is there any more. Rule files end in .yml or .yaml; *.test.yml, silences.yml and \
                        fluo.yml are none. To have no rule, leave one that says `enabled: false`";

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
    /// `true` where every file loaded, or its last good text did: what is not among the rules was removed.
    pub whole: bool,
}

/// A rule, and what it is known by.
#[derive(Debug, Clone)]
pub struct Known {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its plan, or the reason for which it has none. It is made once, and keeps what it compiles.
    pub plan: Result<Arc<RulePlan>, String>,
    /// SHA-256 of what decides of it.
    pub hash: String,
    /// A rule file of this rule alone.
    pub text: String,
}

impl Known {
    /// A rule, planned. `text`: a rule file of it alone.
    pub fn new(rule: Rule, text: String) -> Self {
        let (hash, rule) = (rule.source.hash.clone(), Arc::new(rule));
        let plan = RulePlan::new(Arc::clone(&rule)).map(Arc::new).map_err(|error| chain(&error));
        Self { rule, plan, hash, text }
    }
}

/// The rules that were loaded last: they are the same from evaluation to evaluation until somebody edits them.
#[derive(Debug, Default)]
pub(crate) struct LastLoaded(Mutex<Option<Loaded>>);

#[derive(Debug)]
struct Loaded {
    files: Vec<SourceFile>,
    last_good: BTreeMap<String, String>,
    rules: Arc<RuleSet>,
}

impl LastLoaded {
    /// Loads rule files as [`RuleSet::load`] does.
    pub(crate) fn load(&self, files: &[SourceFile], last_good: &BTreeMap<String, String>) -> Arc<RuleSet> {
        let mut last = locked(&self.0);
        if let Some(loaded) = &*last
            && loaded.files == files
            && loaded.last_good == *last_good
        {
            return Arc::clone(&loaded.rules);
        }
        let rules = Arc::new(RuleSet::load(files, last_good));
        let loaded =
            Loaded { files: files.to_vec(), last_good: last_good.clone(), rules: Arc::clone(&rules) };
        *last = Some(loaded);
        rules
    }
}

impl RuleSet {
    /// Returns the rule of a name, where it is enabled.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.get(name).map(|known| known.rule.as_ref())
    }

    /// Loads rule files; `last_good` are texts that loaded before.
    ///
    /// That no file is left of several is taken for a mistake, since it would resolve every alert: the wrong folder was
    /// deployed, or a volume is not mounted.
    pub fn load(files: &[SourceFile], last_good: &BTreeMap<String, String>) -> Self {
        let mut set = Self { whole: true, ..Self::default() };
        let mut files: Vec<SourceFile> = files.to_vec();
        if files.is_empty() && !last_good.is_empty() {
            files.push(SourceFile::unread(EVERYTHING, ALL_GONE));
        }
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
            // A file goes back to its last good text with the tables that it named then, as they were.
            let texts = last_good.iter().filter(|(of, _)| broken.contains_key(*of));
            let texts: Vec<SourceFile> =
                texts.map(|(of, text)| SourceFile::new(of.as_str(), text.as_str())).collect();
            let named = tables_named(&texts);
            let there: BTreeSet<Arc<str>> = files.iter().map(|file| Arc::clone(&file.name)).collect();
            files = files
                .into_iter()
                .flat_map(|file| {
                    let name = file.name.to_string();
                    let Some(reason) = broken.get(&name) else {
                        let table = last_good.get(&name).filter(|_| named.contains(&name));
                        return vec![table.map_or(file, |text| SourceFile::new(name, text.as_str()))];
                    };
                    let again = set.errors.insert(name.clone(), reason.clone()).is_some();
                    // What lies below a folder that cannot be read, and what was listed of it all the same.
                    let is_of_it = |of: &str| of == name || (is_below(of, &name) && !there.contains(of));
                    let good: Vec<SourceFile> = last_good
                        .iter()
                        .filter(|(of, _)| !again && is_of_it(of))
                        .map(|(of, text)| SourceFile::new(of.as_str(), text.as_str()))
                        .collect();
                    set.whole &= !good.is_empty();
                    good
                })
                .collect();
        };
        for file in &files {
            set.texts.insert(file.name.to_string(), String::from_utf8_lossy(&file.content).into_owned());
        }
        set.without_rules = set.texts.keys().filter(|name| !is_table(name)).cloned().collect();
        for rule in &loaded.rules {
            set.without_rules.remove(rule.source.file.as_ref());
        }
        let rules: Vec<Rule> = loaded.rules.into_iter().filter(|rule| rule.enabled).collect();
        for (text, rule) in standalone_all(&rules).into_iter().zip(rules) {
            set.rules.insert(rule.name.clone(), Known::new(rule, text));
        }
        set
    }

    /// Returns whether a file that does not load, or a folder that cannot be read, goes on at texts that loaded before.
    pub(crate) fn goes_on(&self, file: &str) -> bool {
        self.texts.keys().any(|of| of == file || is_below(of, file))
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

/// Returns whether a file lies below a folder: below `.` is everything.
fn is_below(file: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches(SEPARATORS);
    folder == EVERYTHING || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with(SEPARATORS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "- {name: a, span: {}, condition: count > 5}\n";
    const B: &str = "- {name: b, span: {}, condition: count > 5}\n";

    fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn rules_are_loaded_anew_when_a_file_or_a_last_good_text_is_another() {
        let rule = |limit: u8| {
            SourceFile::new("a.yml", format!("- {{name: a, span: {{}}, condition: count > {limit}}}"))
        };
        let (last, none) = (LastLoaded::default(), BTreeMap::new());
        let first = last.load(&[rule(5)], &none);
        assert!(Arc::ptr_eq(&first, &last.load(&[rule(5)], &none)), "nobody edited it");
        let edited = last.load(&[rule(6)], &none);
        assert_ne!(first.rules["a"].hash, edited.rules["a"].hash);
        let broken = [SourceFile::unread("a.yml", "not readable")];
        assert!(last.load(&broken, &none).rules.is_empty());
        let good =
            BTreeMap::from([("a.yml".to_owned(), "- {name: a, span: {}, condition: count > 7}".to_owned())]);
        assert_eq!(last.load(&broken, &good).rules["a"].rule.condition.text, "count > 7");
    }

    #[test]
    fn rules_below_a_folder_that_cannot_be_read_go_on_at_their_last_good_texts() {
        let last_good = texts(&[("rules/a.yml", A), ("rules/eu/b.yml", B)]);
        let a = || SourceFile::new("rules/a.yml", A);
        let unread = |name: &str| SourceFile::unread(name, "not readable");
        let cases = [
            ("the folder below", vec![a(), unread("rules/eu")], "rules/eu", vec!["a", "b"], true),
            ("the whole folder", vec![unread("rules")], "rules", vec!["a", "b"], true),
            (
                "of the whole folder one file was listed",
                vec![a(), unread("rules")],
                "rules",
                vec!["a", "b"],
                true,
            ),
            ("a folder written with a slash", vec![unread("rules/")], "rules/", vec!["a", "b"], true),
            ("no file at all", vec![], ".", vec!["a", "b"], true),
            ("the folder that a store's root is", vec![unread(".")], ".", vec!["a", "b"], true),
            ("a folder that is new", vec![a(), unread("rules/e")], "rules/e", vec!["a"], false),
            ("a file", vec![a(), unread("rules/eu/b.yml")], "rules/eu/b.yml", vec!["a", "b"], true),
            ("a file that is new", vec![a(), unread("rules/c.yml")], "rules/c.yml", vec!["a"], false),
        ];
        for (scenario, files, broken, rules, goes_on) in cases {
            let set = RuleSet::load(&files, &last_good);
            assert_eq!(set.rules.keys().map(String::as_str).collect::<Vec<_>>(), rules, "{scenario}");
            assert_eq!(set.errors.keys().collect::<Vec<_>>(), [broken], "{scenario}");
            assert_eq!((set.goes_on(broken), set.whole), (goes_on, goes_on), "{scenario}");
        }
    }

    #[test]
    fn a_table_goes_on_at_its_last_good_text_and_a_file_with_the_table_that_it_had() {
        let rule = |limit: &str| {
            format!(
                "- {{name: a, span: {{}}, group_by: [name], limits: {{file: t.csv}}, condition: count > limit.{limit}}}"
            )
        };
        let (old, new) = (rule("n"), rule("m"));
        let last_good = texts(&[("a.yml", &old), ("t.csv", "name,n\nx,5\n")]);
        let file = |name: &str, text: &str| SourceFile::new(name, text);
        let gone = || SourceFile::unread("t.csv", "there is no such file");
        let broken = format!("{new} or");
        for (scenario, files, errors, limit) in [
            ("both are new", vec![file("a.yml", &new), file("t.csv", "name,m\nx,6\n")], vec![], "6"),
            (
                "a mistake in the table",
                vec![file("a.yml", &old), file("t.csv", "name,n\nx,six\n")],
                vec!["t.csv"],
                "5",
            ),
            ("the table is gone", vec![file("a.yml", &old), gone()], vec!["t.csv"], "5"),
            (
                "a mistake in the rule, and another table",
                vec![file("a.yml", &broken), file("t.csv", "name,m\nx,6\n")],
                vec!["a.yml"],
                "5",
            ),
        ] {
            let set = RuleSet::load(&files, &last_good);
            assert_eq!(set.errors.keys().collect::<Vec<_>>(), errors, "{scenario}");
            assert!(set.whole && set.without_rules.is_empty(), "{scenario}");
            let limits = set.rules["a"].rule.limits.as_ref().unwrap();
            let row = limits.row_of(&[Some("x".to_owned())]).unwrap();
            assert_eq!(row.values[0].as_ref().unwrap().to_string(), limit, "{scenario}");
            assert!(set.rules["a"].text.contains(limit), "{scenario}: {}", set.rules["a"].text);
        }
    }
}
