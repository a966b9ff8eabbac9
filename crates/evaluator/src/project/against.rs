//! Test files and configurations against the files that they name.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use fluo_rules::config::{Loaded, Placed};
use fluo_rules::diagnostic::{Code, Finding, Place};
use fluo_rules::hint::Hint;
use fluo_rules::load::across;
use fluo_rules::position::Lines;
use fluo_rules::rule::Rule;
use fluo_rules::test_file::TestFile;
use fluo_rules::{load, nearest};

use super::paths::{is_within, plain};
use super::{Checked, Project, Surroundings};

impl Project {
    /// Holds the test files whose rules have changed against them.
    pub(super) fn check_tests<S: Surroundings>(&mut self, around: &S) -> Result<(), S::Error> {
        for at in 0..self.members.len() {
            let member = &self.members[at];
            let Some(Checked::Tests(tests)) = &member.checked else { continue };
            if tests.against.is_some() {
                continue;
            }
            let text = String::from_utf8_lossy(&member.file.content);
            let mut found = Vec::new();
            for file in &tests.loaded.tests {
                found.extend(self.tests_against(file, &text, around)?);
            }
            if let Some(Checked::Tests(tests)) = &mut self.members[at].checked {
                tests.against = Some(found);
            }
        }
        Ok(())
    }

    /// A test file against the files that it names: rules, and spans.
    fn tests_against<S: Surroundings>(
        &self,
        file: &TestFile,
        text: &str,
        around: &S,
    ) -> Result<Vec<Finding>, S::Error> {
        let folder = Path::new(&*file.file).parent().unwrap_or(Path::new(""));
        let is_missing = |path: &str| self.lacks(&folder.join(path), around);
        let mut findings: Vec<Finding> = file
            .rules
            .iter()
            .filter(|path| is_missing(path))
            .map(|path| missing(path, place_of(file, text, path)))
            .collect();
        let span_files = file.tests.iter().flat_map(|test| &test.span_files);
        let missing_spans: Vec<Finding> = span_files
            .filter(|spans| is_missing(&spans.path))
            .map(|spans| missing(&spans.path, spans.place.clone()))
            .collect();
        if findings.is_empty() {
            let paths: Vec<PathBuf> = file.rules.iter().map(|path| folder.join(path)).collect();
            // What is expected of rules that do not load cannot be held against them.
            if let Some(rules) = self.rules_at(&paths, around)? {
                findings.extend(file.against(&rules));
            }
        }
        findings.extend(missing_spans);
        Ok(findings)
    }

    /// Findings about paths of `rules` that are not there, and about sinks that ask for labels which the rules have not.
    pub(super) fn configuration_against<S: Surroundings>(
        &self,
        config: &Loaded,
        path: &Path,
        around: &S,
    ) -> Vec<Finding> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let is_missing = |rules: &&Placed| self.lacks(&folder.join(&rules.text), around);
        let findings: Vec<Finding> =
            config.rules.iter().filter(is_missing).map(|rules| not_there(rules, folder, around)).collect();
        if !findings.is_empty() {
            return findings;
        }
        let paths: Vec<PathBuf> = config.rules.iter().map(|rules| folder.join(&rules.text)).collect();
        // What cannot be read, or does not load, is told where rules are checked.
        match self.rules_at(&paths, around) {
            Ok(Some(rules)) => config.against(&rules),
            _ => findings,
        }
    }

    /// Returns whether nothing is at a path: none of its files is it, or lies below it, nor is anything around them.
    fn lacks<S: Surroundings>(&self, path: &Path, around: &S) -> bool {
        let own = plain(path);
        !self.members.iter().any(|member| is_within(&member.path, &own)) && !around.exists(path)
    }

    /// The rules at or below paths: its own where these are among them. None where some do not load.
    fn rules_at<S: Surroundings>(
        &self,
        paths: &[PathBuf],
        around: &S,
    ) -> Result<Option<Cow<'_, [Rule]>>, S::Error> {
        let wanted: Vec<PathBuf> = paths.iter().map(|path| plain(path)).collect();
        let is_own = |path: &PathBuf| self.roots.iter().any(|root| is_within(path, root));
        let is_wanted = |path: &Path| wanted.iter().any(|wanted| is_within(path, wanted));
        let parts: Vec<_> = self.parts().filter(|(member, _)| is_wanted(&member.path)).collect();
        if !wanted.iter().all(is_own) || parts.is_empty() {
            let loaded = load(&around.rules(paths)?);
            return Ok((!loaded.is_partial()).then_some(Cow::Owned(loaded.rules)));
        }
        // Mostly they are all that there are.
        if let Some(rules) = self.rules.as_ref().filter(|_| parts.len() == self.parts().count()) {
            return Ok((!rules.partial).then_some(Cow::Borrowed(rules.all.as_slice())));
        }
        let parts: Vec<_> = parts.into_iter().map(|(_, checked)| &checked.part).collect();
        let found = across(parts.iter().copied());
        let own = parts.iter().flat_map(|part| &part.findings);
        if own.chain(found.findings.iter().map(|(_, finding)| finding)).any(Finding::stops_loading) {
            return Ok(None);
        }
        let kept = found.kept.iter().filter_map(|(part, item)| parts.get(*part)?.items.get(*item));
        Ok(Some(Cow::Owned(kept.flat_map(|item| &item.rules).cloned().collect())))
    }
}

fn missing(path: &str, place: Place) -> Finding {
    Finding {
        code: Code::InvalidValue,
        message: format!("there is no file `{path}`"),
        place,
        hint: Some("paths start from the folder of the test file".into()),
        related: Vec::new(),
    }
}

/// Returns the place of a path of `rules`. A test file names it once, and before all else that could hold it.
fn place_of(file: &TestFile, text: &str, path: &str) -> Place {
    let begin = text.find("rules").and_then(|key| text[key..].find(path).map(|at| key + at));
    let bytes = begin.map_or(0..0, |begin| begin..begin + path.len());
    let lines = Lines::of(text);
    let (start, end) = (lines.position(text, bytes.start), lines.position(text, bytes.end));
    Place { file: file.file.clone(), bytes, start, end }
}

fn not_there<S: Surroundings>(rules: &Placed, folder: &Path, around: &S) -> Finding {
    let path = folder.join(&rules.text);
    let names = around.names_in(path.parent().unwrap_or(Path::new("")));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hint = match nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => Hint::did_you_mean(&Path::new(&rules.text).with_file_name(near).to_string_lossy()),
        None => Hint::from("paths start from the folder of the configuration"),
    };
    Finding {
        code: Code::MissingPath,
        message: format!("there is no `{}`", rules.text),
        place: rules.place.clone(),
        hint: Some(hint),
        related: Vec::new(),
    }
}
