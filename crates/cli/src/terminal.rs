//! Writes the output of commands, and tells whether it goes to a terminal.

use std::io::{self, IsTerminal, StdoutLock, Write};

use fluo_alerts::log::{Level, line, written};
use fluo_rules::{json, printable};
use serde::Serialize;
use serde_json::Value;

use crate::edge::now;
use crate::exit::Failure;

/// Standard output for data.
pub(crate) struct Output(io::BufWriter<StdoutLock<'static>>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(io::BufWriter::new(io::stdout().lock()))
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(closed)
    }

    /// Writes text and a line break.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let text = json::to_string(value).map_err(|error| Failure::because("could not write JSON", error))?;
        self.line(&text)
    }

    /// Writes what is still held back.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.0.flush().map_err(closed)
    }
}

fn closed(error: io::Error) -> Failure {
    Failure::because("could not write to standard output", error)
}

/// Lines for people on standard error. Whatever of them came from outside, a terminal has nothing to obey.
pub(crate) fn note(text: &str) {
    let lines: Vec<String> = text.split('\n').map(printable::line).collect();
    note_rendered(&lines.join("\n"));
}

/// The same of a text that was made safe where it was rendered, and has colours.
pub(crate) fn note_rendered(text: &str) {
    // Where nobody can be told there is nobody to tell that either.
    let _ = writeln!(io::stderr(), "{text}");
}

/// A line of JSON on standard error, of a command that runs unattended.
pub(crate) fn log(level: Level, message: &str, fields: Value) {
    note(&written(&line(level, now(), message, fields)));
}

/// Returns whether to colour what goes to standard output.
pub(crate) fn colour_stdout() -> bool {
    io::stdout().is_terminal() && wants_colour()
}

/// Returns whether to colour what goes to standard error.
pub(crate) fn colour_stderr() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

/// <https://no-color.org>: present and not empty means no colour.
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
