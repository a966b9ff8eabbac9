//! The folder of proposals: files that others made, or changed, are never touched.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fluo_suggest::mark::{Owner, owner};

use crate::bounded;
use crate::exit::Failure;

/// A folder that proposals are written to.
pub(super) struct Folder {
    path: PathBuf,
    /// The names of files that are as we wrote them.
    ours: BTreeSet<String>,
    /// The names of others.
    others: BTreeSet<String>,
    /// The names of ours that somebody changed.
    changed: BTreeSet<String>,
}

/// The outcome of writing files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// The number of files that are new, or say something else now.
    pub(super) files: usize,
    /// Files of an earlier run that are proposed no more, and were removed.
    pub(super) removed: Vec<String>,
    /// Changed files that stay as they are.
    pub(super) kept: Vec<String>,
}

impl Folder {
    /// Looks at what lies in a folder, which need not be there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable =
            |error: std::io::Error| Failure::because(format!("could not read `{}`", path.display()), error);
        let mut folder = Self {
            path: path.to_owned(),
            ours: BTreeSet::new(),
            others: BTreeSet::new(),
            changed: BTreeSet::new(),
        };
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().extension().is_none_or(|ending| ending != "yml") || !entry.path().is_file() {
                folder.others.insert(name);
                continue;
            }
            let content = bounded::read(&entry.path(), bounded::TEXT_FILE).map_err(unreadable)?;
            let of_owner = match owner(&String::from_utf8_lossy(&content)) {
                Owner::Ours => &mut folder.ours,
                Owner::Changed => &mut folder.changed,
                Owner::Others => &mut folder.others,
            };
            of_owner.insert(name);
        }
        Ok(folder)
    }

    /// Writes files by their names, and removes those of an earlier run that are not among them. A file that is not ours
    /// is a failure before anything is written; one that was changed stays, and so does what belongs to it.
    pub(super) fn write(&self, files: &[(String, String)]) -> Result<Written, Failure> {
        let path = self.path.display();
        if let Some((name, _)) = files.iter().find(|(name, _)| self.others.contains(name)) {
            let file = self.path.join(name);
            return Err(Failure::usage(format!(
                "`{}` is there already, and is not of fluo suggest",
                file.display()
            ))
            .hint("give --out another folder, or move the file away"));
        }
        let failed = |error: std::io::Error| Failure::because(format!("could not write to `{path}`"), error);
        fs::create_dir_all(&self.path).map_err(failed)?;
        let mut done = Written::default();
        let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let kept: BTreeSet<String> = self.changed.iter().map(|name| stem(name)).collect();
        for (name, text) in files.iter().filter(|(name, _)| !kept.contains(&stem(name))) {
            let file = self.path.join(name);
            let is_same = self.ours.contains(name) && fs::read(&file).is_ok_and(|old| old == text.as_bytes());
            if !is_same {
                fs::write(&file, text).map_err(failed)?;
                done.files += 1;
            }
        }
        for name in &self.ours {
            let is_proposed = files.iter().any(|(file, _)| file == name);
            if !is_proposed && !kept.contains(&stem(name)) {
                fs::remove_file(self.path.join(name)).map_err(failed)?;
                done.removed.push(name.clone());
            }
        }
        done.kept = self.changed.iter().cloned().collect();
        Ok(done)
    }
}
