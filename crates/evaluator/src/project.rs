//! Files that are checked together: rules, tests, silences and configurations, and what is wrong with them.
//!
//! ```text
//!  rule files ─▶ part of each ─▶ compared ─▶ rules of all ──┬──────────────┬──────────────┐
//!  test files ─▶ tests of each ──────────── against the rules that they name              │
//!  silences ──────────────────────────────────────────────── against all ──┘              │
//!  fluo.yml ────────────────────────────────────────────── against the rules that it names┘
//! ```
//!
//! `fluo check` looks once, and a language server after every key that is pressed: what was found in a file by itself is
//! kept until the file changes, and only what crosses files is made anew.

mod against;
mod paths;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;

use fluo_rules::diagnostic::{Finding, in_order};
use fluo_rules::files::Kind;
use fluo_rules::load::{Across, Item, Part, across};
use fluo_rules::rule::Rule;
use fluo_rules::tables::{Tables, is_table};
use fluo_rules::{SourceFile, silence, test_file};

use crate::Config;
use crate::config::Loading;
use paths::plain;

/// The files around those of a project, which some of them name.
pub trait Surroundings {
    /// The reason why rule files that are named cannot be had.
    type Error;

    /// The rule files at or below these paths, with the tables that they name.
    fn rules(&self, paths: &[PathBuf]) -> Result<Vec<SourceFile>, Self::Error>;

    /// Returns whether something is there.
    fn exists(&self, path: &Path) -> bool;

    /// The names of what lies in a folder, sorted; none where it cannot be listed.
    fn names_in(&self, folder: &Path) -> Vec<String>;
}

/// Files that are checked together.
#[derive(Debug, Default)]
pub struct Project {
    /// The paths that its files are, or lie below.
    roots: Vec<PathBuf>,
    members: Vec<Member>,
    /// The rules of all files, in their order; none where a file has changed.
    rules: Option<Rules>,
}

/// A file, and what was found in it by itself.
#[derive(Debug)]
struct Member {
    kind: Kind,
    file: SourceFile,
    /// Its path in its shortest form.
    path: PathBuf,
    checked: Option<Checked>,
}

#[derive(Debug)]
enum Checked {
    Rules(CheckedRules),
    Tests(CheckedTests),
}

#[derive(Debug)]
struct CheckedRules {
    part: Part,
    /// The findings of the planner, each with the number of its item.
    refused: Vec<(usize, Finding)>,
}

#[derive(Debug)]
struct CheckedTests {
    loaded: test_file::Loaded,
    /// The findings against the rules that it names; none where one of them has changed.
    against: Option<Vec<Finding>>,
}

/// The rules of all files.
#[derive(Debug, Default)]
struct Rules {
    all: Vec<Rule>,
    /// Those that the planner refuses.
    refused: usize,
    /// The findings in rule files, and between them.
    findings: Vec<Finding>,
    /// Some rule could not be loaded.
    partial: bool,
}

/// The number of what is sound, by its kind; none where there are no files of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sound {
    /// Rules.
    pub rules: usize,
    /// Tests.
    pub tests: Option<usize>,
    /// Silences.
    pub silences: Option<usize>,
    /// Configurations.
    pub configurations: Option<usize>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Everything that is wrong or doubtful, in the order of files and places.
    pub findings: Vec<Finding>,
    /// The number of what is sound.
    pub sound: Sound,
}

impl Project {
    /// Takes files that are, or lie below, `roots`: all of the kinds that there are.
    pub fn new(roots: &[PathBuf], files: Vec<(Kind, SourceFile)>) -> Self {
        let members = files.into_iter().map(|(kind, file)| Member::new(kind, file)).collect();
        Self { roots: roots.iter().map(|root| plain(root)).collect(), members, rules: None }
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<(Kind, &SourceFile)> {
        self.member(name).map(|member| (member.kind, &member.file))
    }

    /// Its files as they may be shown: without the secrets of configurations.
    pub fn shown(&self) -> Vec<SourceFile> {
        let shown = |member: &Member| match member.kind {
            Kind::Config => Config::load(&member.file).checked.shown(),
            Kind::Rules | Kind::Tests | Kind::Silences => member.file.clone(),
        };
        self.members.iter().map(shown).collect()
    }

    /// Puts a file in place of the one of its name, or adds it where its name belongs among theirs.
    pub fn put(&mut self, kind: Kind, file: SourceFile) {
        let known = self.members.iter().position(|member| member.file.name == file.name);
        if known.is_some_and(|at| self.members[at].file == file) {
            return;
        }
        let member = Member::new(kind, file);
        self.forget_what_depends_on(&member);
        if let Some(at) = known {
            self.members[at] = member;
        } else {
            let at = self.members.iter().position(|it| it.file.name > member.file.name);
            self.members.insert(at.unwrap_or(self.members.len()), member);
        }
    }

    /// Takes a file out.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.members.iter().position(|member| &*member.file.name == name) {
            let member = self.members.remove(at);
            self.forget_what_depends_on(&member);
        }
    }

    /// The items of a rule file that was checked.
    pub fn items(&self, name: &str) -> &[Item] {
        match self.member(name).and_then(|member| member.checked.as_ref()) {
            Some(Checked::Rules(rules)) => &rules.part.items,
            _ => &[],
        }
    }

    /// The items of all rule files that were checked.
    pub fn all_items(&self) -> impl Iterator<Item = &Item> {
        self.parts().flat_map(|(_, checked)| &checked.part.items)
    }

    /// The sound tests of a test file that was checked.
    pub fn tests(&self, name: &str) -> &[test_file::TestFile] {
        match self.member(name).and_then(|member| member.checked.as_ref()) {
            Some(Checked::Tests(tests)) => &tests.loaded.tests,
            _ => &[],
        }
    }

    /// The sound rules of all files at the last check.
    pub fn rules(&self) -> &[Rule] {
        self.rules.as_ref().map_or(&[], |rules| &rules.all)
    }

    /// Finds everything that is wrong with its files, by themselves and with each other.
    ///
    /// # Errors
    ///
    /// [`Surroundings::Error`] where rule files that a test file names, and that are not among its own, cannot be had.
    pub fn check<S: Surroundings>(&mut self, around: &S) -> Result<Outcome, S::Error> {
        self.check_changed();
        if self.rules.is_none() {
            self.rules = Some(self.compared());
        }
        self.check_tests(around)?;
        let mut findings = Vec::new();
        let mut sound = Sound::default();
        if let Some(rules) = &self.rules {
            findings.extend(rules.findings.iter().cloned());
            sound.rules = rules.all.len() - rules.refused;
        }
        for checked in self.members.iter().filter_map(|member| member.checked.as_ref()) {
            let Checked::Tests(CheckedTests { loaded, against }) = checked else { continue };
            findings.extend(loaded.findings.iter().chain(against.iter().flatten()).cloned());
            let tests = loaded.tests.iter().map(|file| file.tests.len()).sum::<usize>();
            *sound.tests.get_or_insert(0) += tests;
        }
        self.check_silences(&mut findings, &mut sound);
        self.check_configurations(around, &mut findings, &mut sound);
        Ok(Outcome { findings: self.sorted(findings), sound })
    }

    /// Checks the files that have changed, each by itself.
    fn check_changed(&mut self) {
        let tables: Vec<SourceFile> = self
            .members
            .iter()
            .filter(|member| member.is_table())
            .map(|member| member.file.clone())
            .collect();
        let tables = Tables::of(&tables);
        let mut before = 0;
        for member in &mut self.members {
            if member.checked.is_none() && !member.is_table() {
                member.checked = match member.kind {
                    Kind::Rules => Some(Checked::Rules(CheckedRules::of(&member.file, &tables, before))),
                    Kind::Tests => {
                        let loaded = test_file::load(slice::from_ref(&member.file));
                        Some(Checked::Tests(CheckedTests { loaded, against: None }))
                    }
                    Kind::Silences | Kind::Config => None,
                };
            }
            if let Some(Checked::Rules(rules)) = &member.checked {
                before += rules.part.count;
            }
        }
    }

    /// Compares the rules of all files.
    fn compared(&self) -> Rules {
        let parts: Vec<&CheckedRules> = self.parts().map(|(_, checked)| checked).collect();
        let Across { findings, kept } = across(parts.iter().map(|checked| &checked.part));
        let mut rules = Rules::default();
        for (number, item) in kept {
            let Some(checked) = parts.get(number) else { continue };
            let refused =
                checked.refused.iter().filter(|(at, _)| *at == item).map(|(_, finding)| finding.clone());
            let before = rules.findings.len();
            rules.findings.extend(refused);
            rules.refused += rules.findings.len() - before;
            rules.all.extend(checked.part.items.get(item).into_iter().flat_map(|item| &item.rules).cloned());
        }
        let of_rules = parts.iter().flat_map(|checked| &checked.part.findings).cloned();
        let of_rules: Vec<Finding> =
            of_rules.chain(findings.into_iter().map(|(_, finding)| finding)).collect();
        rules.partial = of_rules.iter().any(Finding::stops_loading);
        rules.findings.extend(of_rules);
        rules
    }

    fn check_silences(&self, findings: &mut Vec<Finding>, sound: &mut Sound) {
        let files: Vec<SourceFile> = self.of_kind(Kind::Silences).cloned().collect();
        if files.is_empty() {
            return;
        }
        let loaded = silence::load(&files);
        // Where no rules are checked, or some do not load, which rules there are is not known.
        let has_rules = self.of_kind(Kind::Rules).next().is_some();
        if let Some(rules) = self.rules.as_ref().filter(|rules| has_rules && !rules.partial) {
            findings.extend(loaded.against(&rules.all));
        }
        findings.extend(loaded.findings);
        sound.silences = Some(loaded.silences.len());
    }

    fn check_configurations<S: Surroundings>(
        &self,
        around: &S,
        findings: &mut Vec<Finding>,
        sound: &mut Sound,
    ) {
        for file in self.of_kind(Kind::Config) {
            let Loading { config, mut checked } = Config::load(file);
            let against = self.configuration_against(&checked, Path::new(&*file.name), around);
            checked.add(against);
            findings.extend(checked.findings);
            *sound.configurations.get_or_insert(0) += usize::from(config.is_some());
        }
    }

    /// Sorts findings by file and place, and says once what is found twice.
    pub fn sorted(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, member) in self.members.iter().enumerate() {
            numbers.entry(&*member.file.name).or_insert(number);
        }
        let number = |finding: &Finding| numbers.get(&*finding.place.file).copied();
        let mut findings: Vec<_> = findings.into_iter().map(|finding| (number(&finding), finding)).collect();
        in_order(&mut findings);
        findings.into_iter().map(|(_, finding)| finding).collect()
    }

    /// Drops what was found with the help of a file, before it changes.
    fn forget_what_depends_on(&mut self, changed: &Member) {
        if changed.kind != Kind::Rules {
            return;
        }
        self.rules = None;
        let is_table = changed.is_table();
        for member in &mut self.members {
            match &mut member.checked {
                // A table changes the rules that name it.
                Some(Checked::Rules(_))
                    if is_table && member.file.content.windows(4).any(|it| it == b".csv") =>
                {
                    member.checked = None;
                }
                Some(Checked::Tests(tests))
                    if is_table || names(&member.path, &tests.loaded, &changed.path) =>
                {
                    tests.against = None;
                }
                _ => {}
            }
        }
    }

    fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| &*member.file.name == name)
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &SourceFile> {
        self.members.iter().filter(move |member| member.kind == kind).map(|member| &member.file)
    }

    /// The rule files that were checked, in their order.
    fn parts(&self) -> impl Iterator<Item = (&Member, &CheckedRules)> {
        self.members.iter().filter_map(|member| match &member.checked {
            Some(Checked::Rules(rules)) => Some((member, rules)),
            _ => None,
        })
    }
}

/// Returns whether a test file names a rule file.
fn names(test_file: &Path, tests: &test_file::Loaded, rule_file: &Path) -> bool {
    let folder = test_file.parent().unwrap_or(Path::new(""));
    let paths = tests.tests.iter().flat_map(|tests| &tests.rules);
    paths.map(|path| plain(&folder.join(path))).any(|path| paths::is_within(rule_file, &path))
}

impl Member {
    fn new(kind: Kind, file: SourceFile) -> Self {
        let path = plain(Path::new(&*file.name));
        Self { kind, file, path, checked: None }
    }

    fn is_table(&self) -> bool {
        is_table(&self.file.name)
    }
}

impl CheckedRules {
    fn of(file: &SourceFile, tables: &Tables<'_>, before: usize) -> Self {
        let part = Part::read(file, tables, before);
        let refused_of = |(at, item): (usize, &Item)| {
            fluo_plan::findings(&item.rules).into_iter().map(move |finding| (at, finding)).collect::<Vec<_>>()
        };
        let refused = part.items.iter().enumerate().flat_map(refused_of).collect();
        Self { part, refused }
    }
}

#[cfg(test)]
mod tests;
