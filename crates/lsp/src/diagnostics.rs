//! Findings as the protocol shows them.

use std::path::Path;

use fluo_rules::diagnostic::{Finding, Level};
use lsp_types::{Code, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, Message};

use crate::disk::Disk;
use crate::text::{Encoding, Text};
use crate::workspace::Workspace;

/// Returns a finding in a file of this text as the protocol shows it.
pub(crate) fn diagnostic<D: Disk>(
    finding: &Finding,
    text: &Text,
    encoding: Encoding,
    workspace: &Workspace<D>,
) -> Diagnostic {
    let message = match &finding.hint {
        Some(hint) => format!("{}\nhelp: {hint}", finding.message),
        None => finding.message.clone(),
    };
    let related = finding.related.iter().filter_map(|related| {
        let path = Path::new(&*related.place.file);
        let text = workspace.text(path)?;
        Some(DiagnosticRelatedInformation {
            location: Location {
                uri: workspace.uri(path)?,
                range: text.range(&related.place.bytes, encoding),
            },
            message: related.message.clone(),
        })
    });
    let related: Vec<_> = related.collect();
    Diagnostic {
        range: text.range(&finding.place.bytes, encoding),
        severity: Some(match finding.level() {
            Level::Error => DiagnosticSeverity::Error,
            Level::Warning => DiagnosticSeverity::Warning,
        }),
        code: Some(Code::String(finding.code.as_str().to_owned())),
        source: Some("fluo".to_owned()),
        message: Message::String(message),
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}
