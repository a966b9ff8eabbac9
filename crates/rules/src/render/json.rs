//! `fluo check --format json`: one array, `[]` when all is well.

use serde::Serialize;

use crate::diagnostic::{Finding, Place};
use crate::json;

/// The findings as one JSON array, one finding a line.
pub fn render(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(|finding| to_line(&Shown::of(finding))).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[{}]\n", lines.join(",\n ")) }
}

/// Serialising texts and numbers does not fail; a finding is never left out silently either way.
fn to_line(shown: &Shown<'_>) -> String {
    json::to_string(shown)
        .unwrap_or_else(|error| format!("{{\"code\":\"{}\",\"message\":\"{error}\"}}", shown.code))
}

#[derive(Serialize)]
struct Shown<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    hint: Option<&'a str>,
    related: Vec<ShownRelated<'a>>,
}

#[derive(Serialize)]
struct ShownRelated<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    message: &'a str,
}

impl<'a> Shown<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Place { file, start, end, .. } = &finding.place;
        let related = finding.related.iter().map(|related| ShownRelated {
            file: &related.place.file,
            line: related.place.start.line,
            column: related.place.start.column,
            message: &related.message,
        });
        Self {
            code: finding.code.as_str(),
            severity: finding.level().as_str(),
            message: &finding.message,
            file,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            hint: finding.hint.as_deref(),
            related: related.collect(),
        }
    }
}
