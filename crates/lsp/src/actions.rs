//! Quick fixes: the edits that hints ask for.

use std::collections::HashMap;

use lsp_types::{CodeAction, CodeActionKind, Range, TextEdit, Uri, WorkspaceEdit};

use crate::diagnostics::diagnostic;
use crate::disk::Disk;
use crate::text::Encoding;
use crate::workspace::{At, Workspace};

/// The fixes of what is found within a range.
pub(crate) fn fixes<D: Disk>(
    at: &At<'_>,
    uri: &Uri,
    range: Range,
    encoding: Encoding,
    workspace: &Workspace<D>,
) -> Vec<CodeAction> {
    let (start, end) = (at.text.offset(range.start, encoding), at.text.offset(range.end, encoding));
    let own = at.findings.iter().filter(|it| *it.place.file == *at.name);
    let touched = own.filter(|it| it.place.bytes.start <= end && start <= it.place.bytes.end);
    let fix = touched.filter_map(|finding| {
        let edit = finding.edit(at.text.as_str())?;
        let text = TextEdit { range: at.text.range(&edit.bytes, encoding), new_text: edit.text.clone() };
        Some(CodeAction {
            title: format!("Write `{}`", edit.text),
            kind: Some(CodeActionKind::QuickFix),
            diagnostics: Some(vec![diagnostic(finding, at.text, encoding, workspace)]),
            is_preferred: Some(true),
            edit: Some(WorkspaceEdit {
                changes: Some(HashMap::from([(uri.clone(), vec![text])])),
                ..WorkspaceEdit::default()
            }),
            ..CodeAction::default()
        })
    });
    fix.collect()
}
