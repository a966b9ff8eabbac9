//! For a terminal: the source line, the mistake underlined, what to do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};

use super::printable;
use crate::diagnostic::{self, Finding, Place};
use crate::load::SourceFile;
use crate::position::Lines;

/// All findings, each with its source lines from `files`, and a last line that counts them; nothing if there
/// are none. Coloured (with ANSI escapes) only if `colour`.
pub fn render(findings: &[Finding], files: &[SourceFile], colour: bool) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    let mut file: Option<Source<'_>> = None;
    for finding in findings {
        // Findings are sorted by file, so that the lines of each file are found once.
        if file.as_ref().is_none_or(|file| *file.name != *finding.place.file) {
            file = Source::of(&finding.place.file, files);
        }
        text.push_str(&one(finding, file.as_ref(), files, &renderer));
        text.push_str("\n\n");
    }
    text.push_str(&summary(findings));
    text
}

/// A file's text with its lines.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    lines: Lines,
}

impl<'a> Source<'a> {
    fn of(name: &str, files: &'a [SourceFile]) -> Option<Self> {
        let file = files.iter().find(|file| *file.name == *name)?;
        // What is readable of a file that is not text.
        let text = match std::str::from_utf8(&file.content) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&file.content[..error.valid_up_to()]).ok()?,
        };
        Some(Self { name: &file.name, text, lines: Lines::of(text) })
    }
}

fn one(finding: &Finding, file: Option<&Source<'_>>, files: &[SourceFile], renderer: &Renderer) -> String {
    let level = match finding.level() {
        diagnostic::Level::Error => Level::ERROR,
        diagnostic::Level::Warning => Level::WARNING,
    };
    let title = level.primary_title(printable::line(&finding.message)).id(finding.code.as_str());
    let mut elements = elements(&finding.place, file, AnnotationKind::Primary, None);
    if let Some(hint) = &finding.hint {
        elements.push(Level::HELP.message(printable::line(hint)).into());
    }
    let mut report = vec![title.elements(elements)];
    for related in &finding.related {
        let other = Source::of(&related.place.file, files);
        let elements = self::elements(&related.place, other.as_ref(), AnnotationKind::Context, None);
        report.push(
            Group::with_title(Level::NOTE.secondary_title(printable::line(&related.message)))
                .elements(elements),
        );
    }
    renderer.render(&report)
}

/// The source line of a place, the part of it underlined.
fn elements<'a>(
    place: &Place,
    file: Option<&Source<'_>>,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Vec<Element<'a>> {
    let path = printable::line(&place.file);
    let (line, underlined) = file.map_or((String::new(), 0..0), |file| shown(file, &place.bytes));
    let line_number = usize::try_from(place.start.line).unwrap_or(usize::MAX);
    let annotation = kind.span(underlined).label(label);
    vec![Snippet::source(line).line_start(line_number).path(path).fold(false).annotation(annotation).into()]
}

/// The line that a place begins in, made harmless, and the bytes of it to underline.
///
/// A place of several lines is underlined to the end of the first.
fn shown(file: &Source<'_>, bytes: &Range<usize>) -> (String, Range<usize>) {
    let line = file.lines.line_at(file.text, bytes.start);
    let end = bytes.end.min(line.end);
    let mut shown = String::with_capacity(line.len());
    let mut underlined = 0..0;
    let source = file.text.get(line.clone()).unwrap_or("");
    for (at, c) in source.char_indices() {
        let at = line.start + at;
        if at == bytes.start {
            underlined = shown.len()..shown.len();
        }
        shown.push(printable::visible(c).unwrap_or(c));
        if at >= bytes.start && at < end {
            underlined.end = shown.len();
        }
    }
    if bytes.start >= line.end {
        underlined = shown.len()..shown.len();
    }
    (shown, underlined)
}

fn summary(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.level() == diagnostic::Level::Error).count();
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let parts: Vec<_> = [counted(errors, "error"), counted(findings.len() - errors, "warning")]
        .into_iter()
        .flatten()
        .collect();
    format!("{}\n", parts.join(", "))
}
