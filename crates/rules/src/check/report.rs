//! Findings of one file, as they are made.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Code, Finding, Hint, Place, Related};
use crate::expr::{LimitScope, NO_LIMITS, Problem};
use crate::position::Lines;
use crate::yaml::{Entry, Node, locate};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Report {
    file: Arc<str>,
    text: Arc<str>,
    lines: Lines,
    findings: Vec<Finding>,
    errors: usize,
    /// The reason why the parents and children of spans cannot be asked for in what is read, if they cannot.
    refuses_kin: Option<&'static str>,
    /// The limits by group that can be asked for in what is read.
    limits: LimitScope,
}

impl Report {
    pub(crate) fn new(file: Arc<str>, text: Arc<str>) -> Self {
        let lines = Lines::of(&text);
        Self {
            file,
            text,
            lines,
            findings: Vec::new(),
            errors: 0,
            refuses_kin: None,
            limits: NO_LIMITS.clone(),
        }
    }

    /// The file as named to the loader.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The file's text.
    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// These bytes with their lines and columns.
    pub(crate) fn place(&self, bytes: Range<usize>) -> Place {
        let start = self.lines.position(&self.text, bytes.start);
        let end = self.lines.position(&self.text, bytes.end);
        Place { file: Arc::clone(&self.file), bytes, start, end }
    }

    /// A finding about these bytes.
    pub(crate) fn add(
        &mut self,
        code: Code,
        bytes: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Finding {
        let place = self.place(bytes);
        self.told(code, place, message)
    }

    /// A finding about a place, which may be in another file.
    pub(crate) fn told(&mut self, code: Code, place: Place, message: impl Into<String>) -> &mut Finding {
        self.found(Finding { code, message: message.into(), place, hint: None, related: Vec::new() })
    }

    /// Takes in a finding.
    pub(crate) fn found(&mut self, finding: Finding) -> &mut Finding {
        self.errors += usize::from(finding.code.stops_loading());
        self.findings.push_mut(finding)
    }

    /// A finding about a value; where an alias brought it here, the alias is the second place.
    pub(crate) fn at(&mut self, code: Code, node: &Node, message: impl Into<String>) -> &mut Finding {
        let alias = node.alias.clone().map(|alias| self.place(alias));
        let bytes = if node.alias.is_some() { node.at.clone() } else { node.extent() };
        let finding = self.add(code, bytes, message);
        if let Some(place) = alias {
            finding.related.push(Related { place, message: "used here".to_owned() });
        }
        finding
    }

    /// A finding about `part` of `text`, which is the value of `node`: there, or about the whole where it cannot be found in
    /// the file, or an alias brought it here.
    pub(crate) fn within(
        &mut self,
        code: Code,
        node: &Node,
        text: &str,
        part: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Finding {
        let place = if node.alias.is_none() { locate(&self.text, &node.at, text, part) } else { None };
        match place {
            Some(bytes) => self.add(code, bytes, message),
            None => self.at(code, node, message),
        }
    }

    /// A finding about a mistake in `text`, which is the value of `node`. Where the mistake itself cannot be pointed at, no
    /// edit is proposed: it would replace the whole.
    pub(crate) fn problem(&mut self, node: &Node, text: &str, problem: Problem) {
        let Problem { code, at, message, hint } = problem;
        let place = if node.alias.is_none() { locate(&self.text, &node.at, text, &at) } else { None };
        match place {
            Some(bytes) => self.add(code, bytes, message).hint = hint,
            None => self.at(code, node, message).hint = hint.map(Hint::without_edit),
        }
    }

    /// A finding about an entry's value, or about its key where there is no value to point at.
    pub(crate) fn value(&mut self, code: Code, entry: &Entry, message: impl Into<String>) -> &mut Finding {
        if entry.value.extent().is_empty() {
            self.add(code, entry.key_at.clone(), message)
        } else {
            self.at(code, &entry.value, message)
        }
    }

    /// Reads something in which the parents and children of spans cannot be asked for. `why`: the end of a sentence.
    pub(crate) fn without_kin<T>(&mut self, why: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.refuses_kin.replace(why);
        let read = read(self);
        self.refuses_kin = before;
        read
    }

    /// The reason why the parents and children of spans cannot be asked for, if they cannot.
    pub(crate) fn refuses_kin(&self) -> Option<&'static str> {
        self.refuses_kin
    }

    /// Says which limits by group can be asked for in what is read from here on.
    pub(crate) fn set_limits(&mut self, limits: LimitScope) {
        self.limits = limits;
    }

    /// The limits by group that can be asked for.
    pub(crate) fn limits(&self) -> &LimitScope {
        &self.limits
    }

    /// Takes in what was found in another file.
    pub(crate) fn take(&mut self, other: Self) {
        self.errors += other.errors;
        self.findings.extend(other.findings);
    }

    /// The number of errors so far that keep what they are about from being used.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Everything that was found.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

impl Finding {
    /// Says what to do about it.
    pub(crate) fn hint(&mut self, hint: impl Into<Hint>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// "Did you mean", where there is something near.
    pub(crate) fn did_you_mean(&mut self, nearest: Option<&str>) -> &mut Self {
        if let Some(nearest) = nearest {
            self.hint = Some(Hint::did_you_mean(nearest));
        }
        self
    }

    /// Names a second place.
    pub(crate) fn also(&mut self, place: Place, message: impl Into<String>) -> &mut Self {
        self.related.push(Related { place, message: message.into() });
        self
    }
}
