//! Annotations → the texts that people read.
//!
//! Values come from whoever can send a request to the user's services, and templates from the team; neither may
//! stop an alert. Every text from outside is made [`plain`] before a template sees it, a template runs with
//! bounded steps and output, and where it fails the alert goes out with the default text and the reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use fluo_rules::duration::Nanos;
use minijinja::value::Value as Any;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, context};

use crate::escape::plain;
use crate::time;
use crate::value::Value;
use crate::violation::{Evidence, Violation};

/// The longest text that a template may make, in bytes.
pub const MAX_OUTPUT: usize = 16 * 1024;

/// What a missing group value is shown as.
pub const NO_VALUE: &str = "(none)";

/// The annotation that becomes a violation's summary.
pub const SUMMARY: &str = "summary";

/// The state that a violation's summary speaks of: a violation is what makes an alert fire.
const FIRING: &str = "firing";

/// Steps that a template may take: a thousand times what a message needs, and a few milliseconds.
const FUEL: u64 = 50_000;

/// A text for people, and why it is not the one that the rule asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What to show.
    pub text: String,
    /// Why the annotation could not be rendered; `text` is the default then.
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

    /// The text of `template` for a violation whose alert is in `state` (`firing`, `resolved`, …).
    ///
    /// The error is one line for people. It is not an error of the program: the alert goes out without this text.
    pub fn render(&self, template: &str, violation: &Violation, state: &str) -> Result<String, String> {
        let mut output = Bounded { bytes: Vec::new(), full: false };
        let rendered = self.environment.template_from_str(template).and_then(|template| {
            template.render_captured_to(variables(violation, state), &mut output).map(drop)
        });
        match rendered {
            // Only whole texts are written, so it is UTF-8.
            Ok(()) => Ok(String::from_utf8_lossy(&output.bytes).into_owned()),
            Err(_) if output.full => Err(format!("the text is longer than {MAX_OUTPUT} bytes")),
            Err(error) => Err(reason(&error)),
        }
    }

    /// The violation's summary: its annotation `summary`, or the default text.
    pub fn summary(&self, annotations: &BTreeMap<String, String>, violation: &Violation) -> Rendered {
        match annotations.get(SUMMARY).map(|template| self.render(template, violation, FIRING)) {
            Some(Ok(text)) => Rendered { text, failure: None },
            Some(Err(failure)) => Rendered { text: default_summary(violation), failure: Some(failure) },
            None => Rendered { text: default_summary(violation), failure: None },
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
/// All values are named, in the order of their declaration; line breaks of the condition become spaces.
pub fn default_summary(violation: &Violation) -> String {
    let Violation { rule, values, condition, window, group, .. } = violation;
    summary_text(rule, values, condition, *window, group)
}

fn summary_text(
    rule: &str,
    values: &[(String, Value)],
    condition: &str,
    window: Nanos,
    group: &[(String, Option<String>)],
) -> String {
    let mut text = format!("{}:", plain(rule));
    for (index, (name, value)) in values.iter().enumerate() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{} {name} = {}", if index == 0 { "" } else { "," }, value.human());
    }
    let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = write!(text, " ({}) in {window}", plain(&condition));
    for (index, (key, value)) in group.iter().enumerate() {
        let shown = value.as_deref().map_or(NO_VALUE.into(), plain);
        let _ = write!(text, "{} {}={shown}", if index == 0 { " for" } else { "," }, plain(key));
    }
    text
}

/// What a template sees; the names are [`fluo_rules::template::VARIABLES`] (`trace_url` is a function).
fn variables(violation: &Violation, state: &str) -> Any {
    context! {
        rule => plain(&violation.rule),
        severity => violation.severity.as_str(),
        labels => texts(violation.labels.iter().map(|(key, value)| (key, value.as_str()))),
        group => texts(violation.group.iter().map(|(key, value)| (key, value.as_deref().unwrap_or(NO_VALUE)))),
        value => violation.values.iter().map(|(name, value)| (name.clone(), number(*value))).collect::<BTreeMap<_, _>>(),
        condition => plain(&violation.condition),
        state => plain(state),
        window => context! {
            start => time::format(violation.starts_at.saturating_sub(violation.window.0)),
            end => time::format(violation.starts_at),
        },
        evidence => violation.evidence.iter().map(evidence).collect::<Vec<_>>(),
    }
}

fn texts<'a>(pairs: impl Iterator<Item = (&'a String, &'a str)>) -> Any {
    pairs.map(|(key, value)| (key.clone(), plain(value).into_owned())).collect::<BTreeMap<_, _>>().into()
}

fn number(value: Value) -> Any {
    match value {
        Value::Int(int) | Value::Duration(int) => Any::from(int),
        Value::Float(float) if float.is_finite() => Any::from(float),
        Value::Float(_) | Value::None => Any::from(()),
    }
}

fn evidence(span: &Evidence) -> Any {
    context! {
        trace_id => plain(&span.trace_id),
        span_id => plain(&span.span_id),
        service_name => span.service_name.as_deref().map_or(NO_VALUE.into(), plain),
        name => plain(&span.name),
        end_time => time::format(span.end_time),
        duration_ns => span.duration_ns,
        attributes => texts(span.attributes.iter().map(|(key, value)| (key, value.as_str()))),
    }
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
    /// Whether more was given than fits.
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
