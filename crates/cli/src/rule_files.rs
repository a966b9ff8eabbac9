//! Rule files from disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluo_evaluator::live::Files;
use fluo_evaluator::state;
use fluo_rules::diagnostic::Finding;
use fluo_rules::files::{Kind, is_rule_file, is_silences_file};
use fluo_rules::{Loaded, SourceFile, load, render, tables_named};
use fluo_store::entries::{BrokenEntry, Entry, entries};

use crate::bounded;
use crate::exit::{Failure, Status};
use crate::terminal;

/// Folders below a rules folder; what lies deeper is a mistake.
const MAX_DEPTH: usize = 64;

/// Reads the rule files that are, or lie below, the given paths.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, is_rule_file, &mut seen, &mut files);
        } else {
            // A file that is named is meant, whatever its name.
            add(path, &mut seen, &mut files)?;
        }
    }
    add_tables(&mut seen, &mut files);
    if files.is_empty() {
        return Err(Failure::usage("there is no rule file in what was given")
            .hint("rule files end in .yml or .yaml; *.test.yml, silences.yml and fluo.yml are none"));
    }
    Ok(files)
}

/// Reads the files of rules and silences of a deployment. What is not there, or cannot be read, is among them as such: it
/// costs itself, and rules go on at their last good text.
pub(crate) fn read_deployed(paths: &[PathBuf]) -> Files {
    let is_wanted = |name: &str| is_rule_file(name) || is_silences_file(name);
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(data) if data.is_dir() => below(path, is_wanted, &mut seen, &mut files),
            Ok(_) => files.extend(read_or_unread(path, &mut seen)),
            Err(error) => files.push(unread(path, error.to_string())),
        }
    }
    add_tables(&mut seen, &mut files);
    let (silences, rules) = files.into_iter().partition(|file| is_silences_file(last_name(file)));
    Files { rules, silences }
}

/// Reads the files of rules, tests, silences and configuration that are, or lie below, the given paths.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<(Kind, SourceFile)>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, |name| Kind::of(name).is_some(), &mut seen, &mut files);
        } else {
            add(path, &mut seen, &mut files)?;
        }
    }
    add_tables(&mut seen, &mut files);
    if files.is_empty() {
        return Err(Failure::usage(
            "there is no file of rules, tests, silences or configuration in what was given",
        )
        .hint("they end in .yml or .yaml"));
    }
    Ok(with_kinds(files))
}

/// The same, where nothing has to be there, and what cannot be read is among them as such.
pub(crate) fn read_any(paths: &[PathBuf]) -> Vec<(Kind, SourceFile)> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(data) if data.is_dir() => below(path, |name| Kind::of(name).is_some(), &mut seen, &mut files),
            Ok(_) => files.extend(read_or_unread(path, &mut seen)),
            Err(_) => {}
        }
    }
    add_tables(&mut seen, &mut files);
    with_kinds(files)
}

fn with_kinds(files: Vec<SourceFile>) -> Vec<(Kind, SourceFile)> {
    // A file that is named is meant, whatever its name.
    let kind_of = |file: &SourceFile| Kind::of(last_name(file)).unwrap_or(Kind::Rules);
    files.into_iter().map(|file| (kind_of(&file), file)).collect()
}

/// Reads a file, or says why it cannot be read.
pub(crate) fn read_as_it_is(path: &Path) -> SourceFile {
    match bounded::read(path, bounded::TEXT_FILE) {
        Ok(content) => SourceFile::new(path.to_string_lossy().as_ref(), content),
        Err(error) => unread(path, error.to_string()),
    }
}

fn last_name(file: &SourceFile) -> &str {
    file.name.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or_default()
}

/// Reads the files of another kind, by their names, that are, or lie below, the given paths.
pub(crate) fn read_named(paths: &[PathBuf], is_wanted: fn(&str) -> bool) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_folder(path)? {
            below(path, is_wanted, &mut seen, &mut files);
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

/// Adds the wanted files below a folder, sorted by name. What is there and cannot be read is among them, as such: it
/// costs itself, and is found when it is loaded.
fn below(
    folder: &Path,
    is_wanted: fn(&str) -> bool,
    seen: &mut BTreeSet<PathBuf>,
    files: &mut Vec<SourceFile>,
) {
    let mut found: Vec<_> = entries(folder, MAX_DEPTH)
        .filter(|entry| match entry {
            Ok(entry) => {
                entry.metadata.is_file() && is_wanted(&entry.name) && !is_of_a_state(folder, &entry.file)
            }
            Err(entry) => is_wanted(&entry.name) || entry.may_hide_files(),
        })
        .collect();
    found.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    for entry in found {
        match entry {
            Ok(Entry { file, .. }) => files.extend(read_or_unread(&file, seen)),
            Err(entry) => files.push(unread(&entry.file, entry.reason)),
        }
    }
}

/// Returns whether a file below a folder lies in the state of a store, which keeps the text of every rule that it judged.
fn is_of_a_state(folder: &Path, file: &Path) -> bool {
    let above = file.ancestors().skip(1).take_while(|above| above.starts_with(folder));
    above.map(|root| root.join(state::LOCATION)).any(|state| {
        let of_state = state.parent().is_some_and(|of_state| file.starts_with(of_state));
        of_state && state.exists()
    })
}

fn name_of(entry: &Result<Entry, BrokenEntry>) -> &str {
    match entry {
        Ok(entry) => &entry.name,
        Err(entry) => &entry.name,
    }
}

fn unread(file: &Path, reason: impl Into<Arc<str>>) -> SourceFile {
    SourceFile::unread(file.to_string_lossy().as_ref(), reason)
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
    if loaded.is_partial() { Err(Status::Found) } else { Ok((files, loaded)) }
}

/// Adds the tables that rules among the files name. What cannot be read is among them as such.
fn add_tables(seen: &mut BTreeSet<PathBuf>, files: &mut Vec<SourceFile>) {
    for name in tables_named(files) {
        files.extend(read_or_unread(Path::new(&name), seen));
    }
}

/// Reads a file that was named, unless it was read before under whatever name.
fn add(path: &Path, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    let unreadable = |error| Failure::because(format!("could not read `{}`", path.display()), error);
    files.extend(seen_or_read(path, seen).map_err(unreadable)?);
    Ok(())
}

/// Reads a file, or says why it cannot be read; nothing where it was read before under whatever name.
fn read_or_unread(path: &Path, seen: &mut BTreeSet<PathBuf>) -> Option<SourceFile> {
    seen_or_read(path, seen).unwrap_or_else(|error| Some(unread(path, error.to_string())))
}

/// Reads a file; nothing where it was read before under whatever name.
fn seen_or_read(path: &Path, seen: &mut BTreeSet<PathBuf>) -> io::Result<Option<SourceFile>> {
    if !seen.insert(bounded::one_path(path)?) {
        return Ok(None);
    }
    let content = bounded::read(path, bounded::TEXT_FILE)?;
    Ok(Some(SourceFile::new(path.to_string_lossy().as_ref(), content)))
}

/// Returns whether a rule file lies below a folder, if there is one. Entries that cannot be looked into are none.
pub(crate) fn has_rules(folder: &Path) -> bool {
    entries(folder, MAX_DEPTH).filter_map(Result::ok).any(|entry| is_rule_file(&entry.name))
}

/// The names of what lies in a folder, sorted; none where it cannot be listed.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).ok().into_iter().flatten();
    let name = |entry: io::Result<fs::DirEntry>| Some(entry.ok()?.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

/// Reads a file.
pub(crate) fn open(path: &Path) -> Result<SourceFile, Failure> {
    let content = bounded::read(path, bounded::TEXT_FILE)
        .map_err(|error| Failure::because(format!("could not read `{}`", path.display()), error))?;
    Ok(SourceFile::new(path.to_string_lossy().as_ref(), content))
}
