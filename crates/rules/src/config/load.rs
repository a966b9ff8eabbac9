//! The driver: `fluo.yml`, or a list of sinks, to a document, findings, and a text that may be shown.

use std::sync::Arc;

use serde_json::Value;

use super::mask::{self, Masked};
use super::{Placed, SinkDocument};
use crate::check;
use crate::diagnostic::{Code, Finding, Level, in_order};
use crate::document;
use crate::expr::nearest::nearest;
use crate::rule::Rule;
use crate::source_file::SourceFile;
use crate::template::is_template;
use crate::yaml::Node;

/// The content of a file. Not to be printed: it holds secrets.
#[derive(Default)]
pub struct Loaded {
    /// The file's document, each value of the type that its key takes; none where something is wrong.
    pub document: Option<Value>,
    /// Files and folders of rules, relative to the file's folder, as written.
    pub rules: Vec<Placed>,
    /// The value of `aws_endpoint`.
    pub aws_endpoint: Option<Placed>,
    /// The values of `columns`.
    pub columns: Vec<Placed>,
    /// The sinks that are sound, whatever else is wrong.
    pub sinks: Vec<SinkDocument>,
    /// Everything that is wrong or doubtful, sorted by place.
    pub findings: Vec<Finding>,
    name: Arc<str>,
    masked: Masked,
}

/// Reads `fluo.yml`.
pub fn load(file: &SourceFile) -> Loaded {
    read(file, check::config, mask::config)
}

/// Reads a list of sinks that stands alone, as in the environment of a function.
pub fn load_sinks(file: &SourceFile) -> Loaded {
    read(file, check::sinks, mask::sinks)
}

fn read(
    file: &SourceFile,
    check: impl Fn(&mut check::Report, &[Node]) -> check::ReadConfig,
    mask: impl Fn(&str, Option<&[Node]>) -> Masked,
) -> Loaded {
    let name = Arc::clone(&file.name);
    let mut report = match document::text(file) {
        Ok(report) => report,
        Err(finding) => return Loaded { name, findings: vec![*finding], ..Loaded::default() },
    };
    let text = report.text();
    let roots = document::roots(&mut report);
    let read = roots.as_ref().map(|roots| check(&mut report, roots)).unwrap_or_default();
    let masked = mask(&text, roots.as_deref());
    let mut findings = report.into_findings();
    for finding in findings.iter_mut().filter(|finding| finding.code == Code::YamlSyntax) {
        // `url: ${NAME}` between braces.
        let braces = text.get(..finding.place.bytes.start).is_some_and(|before| before.ends_with('$'));
        if braces && text.get(finding.place.bytes.start..).is_some_and(|rest| rest.starts_with('{')) {
            finding.hint("no variable is replaced here; a secret from the environment is `{env: NAME}`");
        }
    }
    let check::ReadConfig { document, rules, aws_endpoint, columns, sinks } = read;
    let mut loaded =
        Loaded { document, rules, aws_endpoint, columns, sinks, findings: Vec::new(), name, masked };
    loaded.add(findings);
    loaded
}

impl Loaded {
    /// The file as it may be shown to anybody: of the same length, and without secrets.
    pub fn shown(&self) -> SourceFile {
        SourceFile::new(Arc::clone(&self.name), self.masked.text.as_str())
    }

    /// Returns whether it cannot be used.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level() == Level::Error)
    }

    /// Adds what others found, without the secrets in it.
    pub fn add(&mut self, more: impl IntoIterator<Item = Finding>) {
        let mut more: Vec<Finding> = more.into_iter().collect();
        self.masked.hide_in(&mut more);
        let all = std::mem::take(&mut self.findings).into_iter().chain(more);
        let mut all: Vec<_> = all.map(|finding| (0, finding)).collect();
        in_order(&mut all);
        self.findings = all.into_iter().map(|(_, finding)| finding).collect();
    }

    /// Warnings about sinks that ask for labels which none of `rules`, all that are loaded, can have: they hear of no
    /// alert.
    pub fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        let labels = self.sinks.iter().flat_map(|sink| sink.labels.iter().map(move |label| (sink, label)));
        labels.filter_map(|(sink, (key, value))| deaf(sink, key, value, rules)).collect()
    }
}

/// A finding about a label that no rule has with this value.
fn deaf(sink: &SinkDocument, key: &Placed, value: &Placed, rules: &[Rule]) -> Option<Finding> {
    let values: Vec<&str> =
        rules.iter().filter_map(|rule| rule.labels.get(&key.text)).map(String::as_str).collect();
    // A template may give any value.
    if values.iter().any(|label| *label == value.text || is_template(label)) {
        return None;
    }
    let (message, place, near) = if values.is_empty() {
        let labels = rules.iter().flat_map(|rule| rule.labels.keys()).map(String::as_str);
        (format!("no rule has a label `{}`", key.text), &key.place, nearest(&key.text, labels))
    } else {
        let message = format!("no rule has the label `{}` with the value `{}`", key.text, value.text);
        (message, &value.place, nearest(&value.text, values))
    };
    let message = format!("{message}: the sink `{}` hears of no alert", sink.name);
    let mut finding =
        Finding { code: Code::DeafSink, message, place: place.clone(), hint: None, related: Vec::new() };
    finding.did_you_mean(near);
    Some(finding)
}
