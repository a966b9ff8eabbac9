//! `fluo check --format github`: workflow commands, which GitHub shows beside the lines of a pull request.

use crate::diagnostic::Finding;
use crate::printable;

/// One command a line: `::error file=…,line=…::message`.
pub fn render(findings: &[Finding]) -> String {
    findings.iter().map(command).collect()
}

fn command(finding: &Finding) -> String {
    let place = &finding.place;
    let mut message = finding.message.clone();
    if let Some(hint) = &finding.hint {
        message.push_str("\nhelp: ");
        message.push_str(hint);
    }
    for related in &finding.related {
        let at = &related.place;
        let line = format!("\nnote: {} ({}:{}:{})", related.message, at.file, at.start.line, at.start.column);
        message.push_str(&line);
    }
    // GitHub ignores columns of a place that spans lines, and warns about them.
    let columns = if place.start.line == place.end.line {
        format!(",col={},endColumn={}", place.start.column, place.end.column)
    } else {
        String::new()
    };
    format!(
        "::{} file={},line={},endLine={}{columns},title={}::{}\n",
        finding.level(),
        property(&place.file),
        place.start.line,
        place.end.line,
        property(&format!("fluo {}", finding.code)),
        data(&message),
    )
}

/// Escapes a message: a raw line break would end the command, and the next line could begin another. What is not seen
/// is replaced: the log of a workflow is read in a terminal, too.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable::line).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

/// Escapes a property's value.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
