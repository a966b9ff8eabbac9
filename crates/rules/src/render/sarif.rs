//! `fluo check --format sarif`: SARIF 2.1.0, for code scanning.
//!
//! Columns count Unicode code points (`columnKind`), as everywhere in fluo. The specification is
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Finding, Level, Place};
use crate::json::to_string_pretty;

/// One SARIF log with one run.
pub fn render(findings: &[Finding]) -> String {
    let rules: Vec<Value> = Code::ALL.iter().map(|&code| rule(code)).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "fluo", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // A value that was made of texts and numbers has a JSON form.
    let text = to_string_pretty(&log).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"));
    text + "\n"
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "name": format!("{code:?}"),
        "shortDescription": {"text": code.meaning()},
        "defaultConfiguration": {"level": code.level().as_str()},
    })
}

fn result(finding: &Finding) -> Value {
    let mut message = finding.message.clone();
    if let Some(hint) = &finding.hint {
        message.push_str("\nhelp: ");
        message.push_str(hint);
    }
    let related: Vec<Value> = finding
        .related
        .iter()
        .enumerate()
        .map(|(id, related)| {
            let mut location = location(&related.place);
            location["id"] = json!(id);
            location["message"] = json!({"text": related.message});
            location
        })
        .collect();
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "level": match finding.level() { Level::Error => "error", Level::Warning => "warning" },
        "message": {"text": message},
        "locations": [location(&finding.place)],
    });
    if let Some(index) = Code::ALL.iter().position(|code| *code == finding.code) {
        result["ruleIndex"] = json!(index);
    }
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    result
}

fn location(place: &Place) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&place.file)},
        "region": {
            "startLine": place.start.line,
            "startColumn": place.start.column,
            "endLine": place.end.line,
            "endColumn": place.end.column,
        },
    }})
}

/// A path as a relative URI reference; names that are URIs already (`s3://…`) keep their scheme.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    let scheme = path.find("://").map_or(0, |at| at + 3);
    uri.push_str(&path[..scheme]);
    for byte in path[scheme..].replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            uri.push(char::from(byte));
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
