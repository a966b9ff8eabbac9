//! Puts a file where there is none.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::project::File;
use crate::bounded;
use crate::exit::Failure;

/// The folder that a file's path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// That of the project.
    Project,
    /// That of the repository around it.
    Repository,
}

/// The outcome for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// It was written.
    Made,
    /// It was there, and holds what it should.
    Same,
    /// It was there, and holds something else.
    Differs,
}

/// Makes a folder, and those above it.
pub(super) fn folder(path: &Path) -> Result<(), Failure> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(path)
        .map_err(|error| Failure::because(format!("could not make the folder `{}`", path.display()), error))
}

/// Writes a file, unless something is there.
pub(super) fn place(path: &Path, file: &File) -> Result<Became, Failure> {
    let failed = |error| {
        Failure::because(format!("could not write `{}`", path.display()), error)
            .hint("what was made stays; `fluo init` goes on from there")
    };
    // Not followed: a link that leads nowhere is something, too.
    if path.symlink_metadata().is_ok() {
        return present(path, file).map_err(failed);
    }
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    let mut opened = match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(opened) => opened,
        // Somebody was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return present(path, file).map_err(failed);
        }
        Err(error) => return Err(failed(error)),
    };
    if let Err(error) = opened.write_all(file.content.as_bytes()).and_then(|()| opened.flush()) {
        // Half a file would be kept the next time. Where it stays nevertheless, the error of the write is told.
        let _ = fs::remove_file(path);
        return Err(failed(error));
    }
    Ok(Became::Made)
}

/// Compares a file that is there with what would be made.
fn present(path: &Path, file: &File) -> io::Result<Became> {
    let present = bounded::read(path, bounded::TEXT_FILE)?;
    let present = String::from_utf8_lossy(&present);
    let is_as_it_should = present == file.content
        || match &file.lines {
            Some(lines) => holds(&present, lines),
            // A file that is made to be changed is not compared.
            None => !file.is_derived,
        };
    Ok(if is_as_it_should { Became::Same } else { Became::Differs })
}

/// Returns whether a text has all lines of another, in whatever order, indentation and between whatever commas.
fn holds(text: &str, lines: &str) -> bool {
    let plain = |line: &str| line.trim().trim_end_matches(',').to_owned();
    let present: Vec<String> = text.lines().map(plain).collect();
    lines.lines().map(plain).filter(|line| !line.is_empty()).all(|line| present.contains(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_added_by_hand_are_found() {
        let lines = "\"a\": {\n  \"b\": 1\n},\n";
        assert!(holds("{\n    \"x\": 1,\n    \"a\": {\n        \"b\": 1,\n    }\n}\n", lines));
        assert!(!holds("{\n    \"a\": {\n    }\n}\n", lines));
    }
}
