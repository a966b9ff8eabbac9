//! Annotations → the texts that people read.
//!
//! Values come from whoever can send a request to the user's services, and templates from the team; neither may
//! stop an alert. Every text from outside is made [`plain`] before a template sees it, a template runs with
//! bounded steps and output, and where it fails the alert goes out with the default text and the reason.

mod subject;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use fluo_rules::rule::{Rule, Severity};
use fluo_rules::template::is_template;
use minijinja::value::Value as Any;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};

use crate::escape::plain;
use crate::reading::{Reading, readings};
use crate::value::Value;
use crate::violation::Violation;

pub use subject::{NO_VALUE, Subject};

/// The longest text that a template may make, in bytes.
pub const MAX_OUTPUT: usize = 16 * 1024;

/// The annotation that becomes a violation's summary.
pub const SUMMARY: &str = "summary";

/// The annotation that says what to do.
pub const RUNBOOK_URL: &str = "runbook_url";

/// Steps that a template may take: a thousand times what a message needs, and a few milliseconds.
const FUEL: u64 = 50_000;

/// A text for people, and why it is not the one that the rule asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text to show.
    pub text: String,
    /// The reason why the annotation could not be rendered; `text` is the default then.
    pub failure: Option<String>,
}

/// Renders annotations. Making one is costly next to using it: keep it for an evaluation.
#[derive(Debug)]
pub struct Renderer {
    environment: Environment<'static>,
    /// The template of links to traces.
    link: Option<String>,
}

impl Renderer {
    /// With `trace_url` as the template of links to traces: `https://traces.example/{trace_id}`. Without it
    /// `trace_url(…)` is the empty text, and false in a condition.
    pub fn new(trace_url: Option<&str>) -> Self {
        let mut environment = limited();
        crate::filters::add(&mut environment);
        let link = trace_url.map(str::to_owned);
        let of_templates = link.clone();
        environment.add_function("trace_url", move |trace_id: &str| {
            of_templates.as_deref().map_or_else(String::new, |link| link_to(link, trace_id))
        });
        Self { environment, link }
    }

    /// The link to a trace; none where no template of links is configured.
    pub fn trace_url(&self, trace_id: &str) -> Option<String> {
        self.link.as_deref().map(|link| link_to(link, trace_id))
    }

    /// The text of `template` for what is told.
    ///
    /// The error is one line for people. It is not an error of the program: the alert goes out without this text.
    pub fn render(&self, template: &str, subject: &Subject<'_>) -> Result<String, String> {
        self.render_with(template, subject.variables(None))
    }

    /// The texts of all annotations. `runbook_url` is rendered first, so that the others can name it.
    pub fn annotations(
        &self,
        annotations: &BTreeMap<String, String>,
        subject: &Subject<'_>,
    ) -> BTreeMap<String, Result<String, String>> {
        let mut texts = BTreeMap::new();
        let runbook = annotations.get(RUNBOOK_URL).map(|template| self.render(template, subject));
        let variables = subject.variables(runbook.as_ref().and_then(|text| text.as_deref().ok()));
        for (name, template) in annotations.iter().filter(|(name, _)| *name != RUNBOOK_URL) {
            texts.insert(name.clone(), self.render_with(template, variables.clone()));
        }
        texts.extend(runbook.map(|runbook| (RUNBOOK_URL.to_owned(), runbook)));
        texts
    }

    /// The labels of an alert of this severity and group, and why those are missing that could not be rendered.
    pub fn labels(
        &self,
        rule: &Rule,
        severity: Severity,
        group: &[(String, Option<String>)],
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut labels, mut failures) = (BTreeMap::new(), Vec::new());
        let mut variables = None;
        for (name, text) in &rule.labels {
            let rendered = if is_template(text) {
                let variables = variables.get_or_insert_with(|| subject::of_labels(rule, severity, group));
                self.render_with(text, variables.clone())
            } else {
                Ok(text.clone())
            };
            match rendered {
                Ok(text) => {
                    labels.insert(name.clone(), text);
                }
                Err(reason) => {
                    failures.push(format!("the label {} could not be rendered: {reason}", plain(name)));
                }
            }
        }
        (labels, failures)
    }

    fn render_with(&self, template: &str, variables: Any) -> Result<String, String> {
        let mut output = Bounded { bytes: Vec::new(), full: false };
        let rendered = self
            .environment
            .template_from_str(template)
            .and_then(|template| template.render_captured_to(variables, &mut output).map(drop));
        match rendered {
            // Only whole texts are written, so it is UTF-8.
            Ok(()) => Ok(String::from_utf8_lossy(&output.bytes).into_owned()),
            Err(_) if output.full => Err(format!("the text is longer than {MAX_OUTPUT} bytes")),
            Err(error) => Err(reason(&error)),
        }
    }

    /// The summary of a violation's record: its annotation `summary`, or `default`.
    pub fn summary(
        &self,
        annotations: &BTreeMap<String, String>,
        subject: &Subject<'_>,
        default: String,
    ) -> Rendered {
        match annotations.get(SUMMARY) {
            Some(_) => match self.annotations(annotations, subject).remove(SUMMARY) {
                Some(Ok(text)) => Rendered { text, failure: None },
                Some(Err(failure)) => Rendered { text: default, failure: Some(failure) },
                None => Rendered { text: default, failure: None },
            },
            None => Rendered { text: default, failure: None },
        }
    }
}

/// An environment with the limits and the strictness of all annotations.
///
/// A missing value may be asked about (`{% if labels.team %}`, `| default`) but not printed: a text that names
/// nothing where it should name something must not go unnoticed.
fn limited() -> Environment<'static> {
    let mut environment = fluo_rules::template::environment();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Annotations are plain text; each sink escapes for its own format.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment
}

/// `AuthFailuresRule: count = 6 (gt(count, 5)) in 1m`, and with groups
/// `AuthFailuresRule: count = 6 (gt(count, 5)) in 1m for deployment.environment=prod, cloud.region=(none)`.
///
/// It names what the condition compares, then the other values; line breaks of the condition become spaces.
pub fn default_summary(rule: &Rule, violation: &Violation, values: &[(String, Value)]) -> String {
    let shown: Vec<String> = readings(rule, values, values, &[]).iter().map(Reading::now).collect();
    let condition = violation.condition.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = format!("{}: {}", plain(&violation.rule), shown.join(", "));
    // What an objective compares has windows of its own.
    if rule.objective().is_none() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, " ({}) in {}", plain(&condition), violation.window);
    }
    if !violation.group.is_empty() {
        text.push_str(" for ");
        text.push_str(&group_text(&violation.group));
    }
    text
}

/// `deployment.environment=prod, cloud.region=(none)`
pub(crate) fn group_text(group: &[(String, Option<String>)]) -> String {
    let shown = |value: &Option<String>| value.as_deref().map_or(NO_VALUE.into(), plain).into_owned();
    let entries: Vec<String> =
        group.iter().map(|(key, value)| format!("{}={}", plain(key), shown(value))).collect();
    entries.join(", ")
}

fn link_to(link: &str, trace_id: &str) -> String {
    link.replace("{trace_id}", &url_part(trace_id))
}

/// Everything that could end a part of a URL, or the URL itself, in percent form.
fn url_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            part.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(part, "%{byte:02X}");
        }
    }
    part
}

fn reason(error: &Error) -> String {
    let mut text = error.kind().to_string();
    if let Some(detail) = error.detail() {
        let _ = write!(text, ": {detail}");
    }
    if let Some(line) = error.line() {
        let _ = write!(text, " (line {line} of the template)");
    }
    plain(&text).into_owned()
}

/// Takes [`MAX_OUTPUT`] bytes and fails on more.
struct Bounded {
    bytes: Vec<u8>,
    /// `true` where more was given than fits.
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            self.full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
