//! For a terminal: the source line, the mistake underlined, what to do.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{self, Finding, Place};
use crate::position::Lines;
use crate::printable;
use crate::source_file::SourceFile;

/// Longest line, in bytes, that is shown whole: a line may be as long as the file.
const WHOLE: usize = 200;

/// Characters that are shown before and behind the mistake in a longer line.
const AROUND: usize = 60;

/// Most characters of the mistake itself that are shown.
const LONGEST: usize = 200;

/// Most findings that are shown with their source lines. Nobody reads more, and each costs a drawing.
const DRAWN: usize = 500;

/// Wider than any line that is left after that: the renderer's own cutting would count bytes for columns.
const WIDTH: usize = 10_000;

/// All findings, each with its source lines from `files` (later than the 500th, each in a line of its own), and a
/// last line that counts them; nothing if there are none. Coloured (with ANSI escapes) only if `colour`.
pub fn render(findings: &[Finding], files: &[SourceFile], colour: bool) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut sources = Sources { files, read: BTreeMap::new() };
    let mut text = String::new();
    let (drawn, named) = findings.split_at(findings.len().min(DRAWN));
    for finding in drawn {
        text.push_str(&one(finding, &mut sources, &renderer));
        text.push_str("\n\n");
    }
    for finding in named {
        text.push_str(&in_a_line(finding));
        text.push('\n');
    }
    text.push_str(&summary(findings));
    text
}

/// The files' texts, their lines found once and only where a finding needs them.
struct Sources<'a> {
    files: &'a [SourceFile],
    read: BTreeMap<String, Option<Source<'a>>>,
}

/// A file's text with its lines.
struct Source<'a> {
    text: &'a str,
    lines: Lines,
}

impl<'a> Sources<'a> {
    fn get(&mut self, name: &str) -> Option<&Source<'a>> {
        if !self.read.contains_key(name) {
            let file = self.files.iter().find(|file| *file.name == *name);
            self.read.insert(name.to_owned(), file.map(Source::of));
        }
        self.read.get(name)?.as_ref()
    }
}

impl<'a> Source<'a> {
    /// Of a file that is not text, what is readable before that.
    fn of(file: &'a SourceFile) -> Self {
        let text = match std::str::from_utf8(&file.content) {
            Ok(text) => text,
            Err(error) => file
                .content
                .get(..error.valid_up_to())
                .and_then(|valid| std::str::from_utf8(valid).ok())
                .unwrap_or(""),
        };
        Self { text, lines: Lines::of(text) }
    }
}

fn one(finding: &Finding, sources: &mut Sources<'_>, renderer: &Renderer) -> String {
    let level = match finding.level() {
        diagnostic::Level::Error => Level::ERROR,
        diagnostic::Level::Warning => Level::WARNING,
    };
    let title = level.primary_title(printable::line(&finding.message)).id(finding.code.as_str());
    let mut elements = source_line(&finding.place, sources, AnnotationKind::Primary);
    if let Some(hint) = &finding.hint {
        elements.push(Level::HELP.message(printable::line(hint)).into());
    }
    let mut report = vec![title.elements(elements)];
    for related in &finding.related {
        let title = Level::NOTE.secondary_title(printable::line(&related.message));
        let elements = source_line(&related.place, sources, AnnotationKind::Context);
        report.push(Group::with_title(title).elements(elements));
    }
    renderer.render(&report)
}

/// A finding without its source line.
fn in_a_line(finding: &Finding) -> String {
    let (file, at) = (printable::line(&finding.place.file), finding.place.start);
    format!(
        "{level}[{code}]: {message} --> {file}:{line}:{column}",
        level = finding.level(),
        code = finding.code.as_str(),
        message = printable::line(&finding.message),
        line = at.line,
        column = at.column,
    )
}

/// Returns a place's origin, and its source line with the part of it underlined.
fn source_line(place: &Place, sources: &mut Sources<'_>, kind: AnnotationKind) -> Vec<Element<'static>> {
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let path = printable::line(&place.file);
    let line = number(place.start.line);
    let origin = |path| Origin::path(path).line(line).char_column(number(place.start.column));
    let Some(source) = sources.get(&place.file) else { return vec![origin(path).into()] };
    let shown = Shown::of(source, &place.bytes);
    let snippet =
        Snippet::source(shown.line).line_start(line).fold(false).annotation(kind.span(shown.underlined));
    // Of a line without its beginning the snippet would count wrong columns.
    if shown.beheaded { vec![origin(path).into(), snippet.into()] } else { vec![snippet.path(path).into()] }
}

/// The line that a place begins in, made harmless.
struct Shown {
    line: String,
    /// Bytes of `line`. A place of several lines is underlined to the end of the first.
    underlined: Range<usize>,
    /// `true` where the line's beginning was left out.
    beheaded: bool,
}

impl Shown {
    /// Of a long line, the part around the mistake.
    fn of(source: &Source<'_>, bytes: &Range<usize>) -> Self {
        let text = source.text;
        let line = source.lines.line_at(text, bytes.start);
        let start = bytes.start.clamp(line.start, line.end);
        let end = bytes.end.clamp(start, line.end);
        let part = |range: Range<usize>| text.get(range).unwrap_or("");
        let (around, longest) = if line.len() <= WHOLE { (WHOLE, WHOLE) } else { (AROUND, LONGEST) };
        let before = part(line.start..start);
        let first = before.char_indices().rev().nth(around - 1).map_or(0, |(at, _)| at);
        let mistake = part(start..end);
        let kept = mistake.char_indices().nth(longest).map_or(mistake.len(), |(at, _)| at);
        let behind = part(end..line.end);
        let last = behind.char_indices().nth(around).map_or(behind.len(), |(at, _)| at);

        let mut shown = if first > 0 { "…".to_owned() } else { String::new() };
        shown.push_str(&printable::line(&before[first..]));
        let underlined = shown.len();
        shown.push_str(&printable::line(&mistake[..kept]));
        let underlined = underlined..shown.len();
        if kept == mistake.len() {
            shown.push_str(&printable::line(&behind[..last]));
        }
        if kept < mistake.len() || last < behind.len() {
            shown.push('…');
        }
        Self { line: shown, underlined, beheaded: first > 0 }
    }
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
