//! Tables beside rule files: `limits: {file: limits.csv}` names one, relative to the file that names it.
//!
//! Whoever reads rule files asks which tables they name ([`tables_named`]), reads those, and loads all of them together.

use std::collections::{BTreeMap, BTreeSet};

use crate::document;
use crate::source_file::SourceFile;
use crate::yaml::{Node, Yaml};

/// The ending of tables' names.
pub const ENDING: &str = ".csv";

/// The key of a rule whose value may name a table, and the key of that value.
pub(crate) const LIMITS: &str = "limits";
pub(crate) const FILE: &str = "file";

/// Returns whether a file is a table, by its name.
pub fn is_table(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// The names of the tables that rule files name, as these files are named themselves.
pub fn tables_named(files: &[SourceFile]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for file in files.iter().filter(|file| !is_table(&file.name)) {
        // Most name none, and are read again soon.
        let Ok(text) = std::str::from_utf8(&file.content) else { continue };
        if !text.contains(LIMITS) || !text.contains(ENDING) {
            continue;
        }
        let Ok(mut report) = document::text(file) else { continue };
        let roots = document::roots(&mut report).unwrap_or_default();
        named.extend(roots.iter().flat_map(paths_named).filter_map(|path| beside(&file.name, path)));
    }
    named
}

/// The paths of the tables that the rules of a document, and its defaults, name.
fn paths_named(root: &Node) -> Vec<&str> {
    let rules = root.get("rules").map_or(root, |entry| &entry.value);
    let rules = match &rules.value {
        Yaml::List(items) => items.as_slice(),
        _ => &[],
    };
    let defaults = root.get("defaults").map(|entry| &entry.value);
    rules.iter().chain(defaults).filter_map(path_named).collect()
}

/// The path of the table that a rule names.
fn path_named(rule: &Node) -> Option<&str> {
    match &rule.get(LIMITS)?.value.get(FILE)?.value.value {
        Yaml::Text(path) => Some(path),
        _ => None,
    }
}

/// The name of the file at `path` from the folder of another file; none of what is no path of a table there.
pub(crate) fn beside(file: &str, path: &str) -> Option<String> {
    let is_relative = !path.starts_with(['/', '\\']) && !path.contains(['\0', ':']);
    if !is_relative || !is_table(path) {
        return None;
    }
    let folder = file.rfind(['/', std::path::MAIN_SEPARATOR]).map_or("", |end| &file[..=end]);
    let mut parts: Vec<&str> = Vec::new();
    let separators = ['/', std::path::MAIN_SEPARATOR];
    for part in folder.split(separators).chain(path.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    Some(format!("{root}{}", parts.join("/")))
}

/// The tables among files that are loaded together, by their names.
#[derive(Debug, Clone, Default)]
pub struct Tables<'a>(BTreeMap<String, &'a SourceFile>);

impl<'a> Tables<'a> {
    /// Finds them.
    pub fn of(files: impl IntoIterator<Item = &'a SourceFile>) -> Self {
        Self(files.into_iter().filter_map(|file| Some((plain(&file.name)?, file))).collect())
    }

    /// The table at `path` from the folder of another file.
    pub(crate) fn beside(&self, file: &str, path: &str) -> Option<&'a SourceFile> {
        self.0.get(&beside(file, path)?).copied()
    }
}

/// The name of a table as [`beside`] makes it; none of any other file.
fn plain(name: &str) -> Option<String> {
    beside(name, name.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_from_the_folder_of_the_file_that_names_it() {
        for (file, path, expected) in [
            ("rules.yml", "limits.csv", Some("limits.csv")),
            ("./rules.yml", "./limits.csv", Some("limits.csv")),
            ("rules/auth.yml", "limits.csv", Some("rules/limits.csv")),
            ("rules/auth.yml", "../tables/limits.csv", Some("tables/limits.csv")),
            ("../rules/auth.yml", "../../limits.csv", Some("../../limits.csv")),
            ("/etc/fluo/auth.yml", "eu/limits.csv", Some("/etc/fluo/eu/limits.csv")),
            ("rules.yml", "/etc/limits.csv", None),
            ("rules.yml", "s3://bucket/limits.csv", None),
            ("rules.yml", "../secrets.txt", None),
        ] {
            assert_eq!(beside(file, path).as_deref(), expected, "{file} {path}");
        }
    }

    #[test]
    fn the_tables_of_rules_and_of_defaults_are_named_once() {
        let texts = [
            ("a/r.yml", "- {name: r, limits: {file: one.csv}}\n- {name: s, limits: {file: one.csv}}"),
            ("b.yml", "defaults: {limits: {file: two.csv}}\nrules: [{name: t, limits: [{x: 1}]}]"),
            ("c.yml", "- {name: u, limits: three, description: four.csv}"),
            ("d.yml", "limits: {file: five.csv"),
        ];
        let files = texts.map(|(name, text)| SourceFile::new(name, text));
        assert_eq!(tables_named(&files).into_iter().collect::<Vec<_>>(), ["a/one.csv", "two.csv"]);
    }
}
