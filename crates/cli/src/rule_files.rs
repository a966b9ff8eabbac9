//! Rule files from disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fluo_rules::diagnostic::Finding;
use fluo_rules::files::{is_config_file, is_rule_file, is_silences_file, is_test_file};
use fluo_rules::{Loaded, SourceFile, load, render};

use crate::bounded;
use crate::exit::{Failure, Status};
use crate::terminal;

/// Folders below a rules folder; deeper is a loop of links or a mistake.
const MAX_DEPTH: usize = 64;

/// Reads the rule files that are, or lie below, the given paths.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, is_rule_file, &mut seen, &mut files)?;
        } else {
            // A file that is named is meant, whatever its name.
            add(path, &mut seen, &mut files)?;
        }
    }
    if files.is_empty() {
        return Err(Failure::usage("there is no rule file in what was given")
            .hint("rule files end in .yml or .yaml; *.test.yml, silences.yml and fluo.yml are none"));
    }
    Ok(files)
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rules,
    Tests,
    Silences,
    /// `fluo.yml`.
    Config,
}

fn kind(name: &str) -> Option<Kind> {
    if is_test_file(name) {
        Some(Kind::Tests)
    } else if is_silences_file(name) {
        Some(Kind::Silences)
    } else if is_config_file(name) {
        Some(Kind::Config)
    } else {
        is_rule_file(name).then_some(Kind::Rules)
    }
}

/// Reads the files of rules, tests, silences and configuration that are, or lie below, the given paths.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<(Kind, SourceFile)>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, |name| kind(name).is_some(), &mut seen, &mut files)?;
        } else {
            add(path, &mut seen, &mut files)?;
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(
            "there is no file of rules, tests, silences or configuration in what was given",
        )
        .hint("they end in .yml or .yaml"));
    }
    let kind_of = |file: &SourceFile| {
        let name = file.name.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or_default();
        // A file that is named is meant, whatever its name.
        kind(name).unwrap_or(Kind::Rules)
    };
    Ok(files.into_iter().map(|file| (kind_of(&file), file)).collect())
}

/// Reads the files of another kind, by their names, that are, or lie below, the given paths.
pub(crate) fn read_named(paths: &[PathBuf], is_wanted: fn(&str) -> bool) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, is_wanted, &mut seen, &mut files)?;
        } else if path.file_name().is_some_and(|name| is_wanted(&name.to_string_lossy())) {
            add(path, &mut seen, &mut files)?;
        }
    }
    Ok(files)
}

fn is_folder(path: &Path) -> Result<bool, Failure> {
    let data = fs::metadata(path)
        .map_err(|error| Failure::because(format!("could not read `{}`", path.display()), error))?;
    Ok(data.is_dir())
}

/// Adds the wanted files below a folder, sorted by name.
fn below(
    folder: &Path,
    is_wanted: fn(&str) -> bool,
    seen: &mut BTreeSet<PathBuf>,
    files: &mut Vec<SourceFile>,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), 0, &mut found)
        .map_err(|error| Failure::because(format!("could not read `{}`", folder.display()), error))?;
    found.sort_unstable();
    for (name, file) in found {
        if is_wanted(&name) {
            add(&file, seen, files)?;
        }
    }
    Ok(())
}

/// Shows findings on standard error.
pub(crate) fn tell_findings(findings: &[Finding], files: &[SourceFile]) {
    if !findings.is_empty() {
        terminal::note_rendered(render::human::render(findings, files, terminal::colour_stderr()).trim_end());
    }
}

/// Reads and loads rules; findings go to standard error, and an error among them ends the command.
pub(crate) fn load_or_tell(paths: &[PathBuf]) -> Result<(Vec<SourceFile>, Loaded), Status> {
    let files = read(paths).map_err(|failure| {
        terminal::note(&failure.to_string());
        failure.status
    })?;
    let loaded = load(&files);
    tell_findings(&loaded.findings, &files);
    if loaded.has_errors() { Err(Status::Found) } else { Ok((files, loaded)) }
}

/// Reads a file, unless it was read before under whatever name.
fn add(path: &Path, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    let unreadable = |error| Failure::because(format!("could not read `{}`", path.display()), error);
    if seen.insert(path.canonicalize().map_err(unreadable)?) {
        files.push(open(path)?);
    }
    Ok(())
}

/// Reads a file.
pub(crate) fn open(path: &Path) -> Result<SourceFile, Failure> {
    let content = bounded::read(path, bounded::TEXT_FILE)
        .map_err(|error| Failure::because(format!("could not read `{}`", path.display()), error))?;
    Ok(SourceFile::new(path.to_string_lossy().as_ref(), content))
}

/// All files below `path`, with their names relative to the first.
fn walk(path: &Path, relative: &Path, depth: usize, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("folders more than {MAX_DEPTH} deep")));
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let relative = relative.join(entry.file_name());
        if fs::metadata(entry.path())?.is_dir() {
            if !entry.file_name().to_string_lossy().starts_with('.') {
                walk(&entry.path(), &relative, depth + 1, files)?;
            }
        } else {
            files.push((relative.to_string_lossy().replace('\\', "/"), entry.path()));
        }
    }
    Ok(())
}
