//! A file's bytes → its text → its YAML documents: what rules, tests and silences have in common.

use std::sync::Arc;

use crate::check::Report;
use crate::diagnostic::{Code, Finding, Hint, Place};
use crate::position::{Lines, Position};
use crate::source_file::SourceFile;
use crate::yaml::{self, Node};

/// Largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// A report about the file's text, or why it has none.
pub(crate) fn text(file: &SourceFile) -> Result<Report, Box<Finding>> {
    let problem = |code, message: String| {
        let start = Position { line: 1, column: 1 };
        let place = Place { file: Arc::clone(&file.name), bytes: 0..0, start, end: start };
        Box::new(Finding { code, message, place, hint: None, related: Vec::new() })
    };
    if let Some(reason) = &file.unread {
        return Err(problem(Code::Unreadable, format!("it cannot be read: {reason}")));
    }
    if file.content.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; it may have 1 MiB", file.content.len());
        return Err(problem(Code::FileTooLarge, message));
    }
    match std::str::from_utf8(&file.content) {
        Ok(text) => Ok(Report::new(Arc::clone(&file.name), text.into())),
        Err(error) => {
            // The place is known, as far as the text before it is one.
            let valid = error.valid_up_to();
            let before = std::str::from_utf8(&file.content[..valid]).unwrap_or_default();
            let at = Lines::of(before).position(before, valid);
            let mut finding = problem(Code::NotText, "the file is not UTF-8 from here on".to_owned());
            finding.place = Place { file: Arc::clone(&file.name), bytes: valid..valid, start: at, end: at };
            finding.hint("save it as UTF-8");
            Err(finding)
        }
    }
}

/// The roots of the documents of the report's text, what is wrong with their mappings reported. None where the
/// text is not YAML, which is reported, too.
pub(crate) fn roots(report: &mut Report) -> Option<Vec<Node>> {
    let text = report.text();
    let documents = match yaml::read(&text) {
        Ok(documents) => documents,
        Err(failure) => {
            report.add(failure.code, failure.at, failure.message).hint = failure.hint.map(Hint::from);
            return None;
        }
    };
    let mut roots = Vec::new();
    for document in documents {
        let (root, problems) = yaml::resolve(document, &text);
        for problem in problems {
            let first = problem.first.map(|first| report.place(first));
            let finding = report.add(problem.code, problem.at, problem.message);
            if let Some(first) = first {
                finding.also(first, "it stands here first");
            }
        }
        roots.push(root);
    }
    Some(roots)
}
