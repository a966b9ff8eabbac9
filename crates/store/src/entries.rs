//! Walks a folder of this machine: files, folders, and entries that cannot be looked into, each with its reason.
//!
//! Whoever walks a folder walks it here: spans, rules, tests, objects to ingest. One bad entry costs itself: a link
//! that leads nowhere (an editor makes one while a file is edited), a pipe that would be waited for without end, a
//! folder that may not be read. It is handed on, and the walk goes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// An entry that can be looked into.
#[derive(Debug)]
pub struct Entry {
    /// Its place.
    pub file: PathBuf,
    /// The same below the folder that is walked, with `/` between its parts.
    pub name: String,
    /// Its metadata: of a file or a folder, once links are followed.
    pub metadata: fs::Metadata,
}

/// An entry that cannot be looked into.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is {reason}", file.display())]
pub struct BrokenEntry {
    /// Its place.
    pub file: PathBuf,
    /// The same below the folder that is walked, where characters that are no text are replaced.
    pub name: String,
    /// The reason why it cannot be looked into.
    pub reason: &'static str,
    /// `true` where it may be a folder, so that anything may lie behind it.
    pub may_be_folder: bool,
    /// The system's error.
    #[source]
    pub cause: io::Error,
}

/// The reason why an entry is broken that may not be read.
pub const DENIED: &str = "not readable: permission denied";
/// The reason where no better one is known. As the one above, it may not be so the next time.
pub const NOT_READABLE: &str = "not readable";

impl BrokenEntry {
    /// Returns whether the same entry may be readable the next time.
    pub fn may_pass(&self) -> bool {
        [DENIED, NOT_READABLE].contains(&self.reason)
    }

    /// Returns whether files that somebody means may lie behind it: it may be a folder, is not hidden, and is not named
    /// as a file is.
    pub fn may_hide_files(&self) -> bool {
        let is_hidden = self.name.split('/').any(|part| part.starts_with('.'));
        self.may_be_folder && !is_hidden && self.file.extension().is_none()
    }
}

/// Walks the entries below a folder, so many levels down, each folder's in the order of their names.
///
/// An entry that goes away during the walk is left out.
pub fn entries(folder: &Path, levels: usize) -> Entries {
    let walk = WalkDir::new(folder).min_depth(1).max_depth(levels).follow_links(true).sort_by_file_name();
    Entries { folder: folder.to_owned(), walk: walk.into_iter() }
}

/// A walk that has come so far.
#[derive(Debug)]
pub struct Entries {
    folder: PathBuf,
    walk: walkdir::IntoIter,
}

impl Iterator for Entries {
    type Item = Result<Entry, BrokenEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.walk.next()? {
                Ok(entry) => self.entry(&entry),
                Err(error) => self.broken_walk(error).map(Err),
            };
            if entry.is_some() {
                return entry;
            }
        }
    }
}

impl Entries {
    fn entry(&mut self, entry: &walkdir::DirEntry) -> Option<Result<Entry, BrokenEntry>> {
        let file = entry.path();
        let is_folder = entry.file_type().is_dir();
        let broken = |walk: &mut Self, reason, kind: io::ErrorKind| {
            if is_folder {
                walk.walk.skip_current_dir();
            }
            Some(Err(walk.broken(file, reason, is_folder, kind.into())))
        };
        let relative = file.strip_prefix(&self.folder).unwrap_or(file);
        let parts = relative.components().map(|part| part.as_os_str().to_str()).collect::<Option<Vec<_>>>();
        let Some(parts) = parts else {
            return broken(self, "not named in UTF-8", io::ErrorKind::InvalidData);
        };
        let name = parts.join("/");
        if name.chars().any(char::is_control) {
            return broken(self, "named with a control character", io::ErrorKind::InvalidData);
        }
        if !is_folder && !entry.file_type().is_file() {
            return broken(self, "neither a file nor a folder", io::ErrorKind::InvalidInput);
        }
        match entry.metadata() {
            Ok(metadata) => Some(Ok(Entry { file: file.to_owned(), name, metadata })),
            Err(error) => self.broken_walk(error).map(Err),
        }
    }

    fn broken_walk(&self, error: walkdir::Error) -> Option<BrokenEntry> {
        let file = error.path().map_or_else(|| self.folder.clone(), Path::to_owned);
        let is_loop = error.loop_ancestor().is_some();
        let cause = io::Error::from(error);
        let is_link = fs::symlink_metadata(&file).map(|found| found.is_symlink());
        let reason = match (cause.kind(), is_link) {
            _ if is_loop => "a link to a folder that it lies in",
            // Gone since its folder was read.
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, Err(_)) => return None,
            (io::ErrorKind::PermissionDenied, _) => DENIED,
            (_, Ok(true)) => "a link that leads nowhere",
            _ => NOT_READABLE,
        };
        Some(self.broken(&file, reason, true, cause))
    }

    fn broken(
        &self,
        file: &Path,
        reason: &'static str,
        may_be_folder: bool,
        cause: io::Error,
    ) -> BrokenEntry {
        let relative = file.strip_prefix(&self.folder).unwrap_or(file);
        let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        BrokenEntry { file: file.to_owned(), name: parts.join("/"), reason, may_be_folder, cause }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn walked(folder: &Path) -> (Vec<String>, Vec<(String, &'static str)>) {
        let (mut found, mut broken) = (Vec::new(), Vec::new());
        for entry in entries(folder, usize::MAX) {
            match entry {
                Ok(entry) => found.push(entry.name),
                Err(entry) => broken.push((entry.name, entry.reason)),
            }
        }
        (found, broken)
    }

    #[test]
    fn one_bad_entry_of_any_kind_costs_itself() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("b")).unwrap();
        for name in ["a.yml", "b/c.yml", "z.yml"] {
            fs::write(at(name), name).unwrap();
        }
        symlink("nobody@host.4711:1", at(".#a.yml")).unwrap();
        symlink("itself.yml", at("itself.yml")).unwrap();
        symlink("..", at("b/up")).unwrap();
        symlink(at("z.yml"), at("b/link.yml")).unwrap();
        let _socket = UnixListener::bind(at("socket.yml")).unwrap();
        fs::write(at("two\nlines.yml"), "").unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"latin\xe9.yml")), "").unwrap();
        fs::create_dir(at("bell\x07")).unwrap();
        fs::write(at("bell\x07/hidden.yml"), "").unwrap();
        let (found, broken) = walked(folder.path());
        assert_eq!(found, ["a.yml", "b", "b/c.yml", "b/link.yml", "z.yml"]);
        assert_eq!(
            broken.iter().map(|(name, reason)| (name.as_str(), *reason)).collect::<Vec<_>>(),
            [
                (".#a.yml", "a link that leads nowhere"),
                ("b/up", "a link to a folder that it lies in"),
                ("bell\x07", "named with a control character"),
                ("itself.yml", "a link that leads nowhere"),
                ("latin\u{fffd}.yml", "not named in UTF-8"),
                ("socket.yml", "neither a file nor a folder"),
                ("two\nlines.yml", "named with a control character"),
            ]
        );
    }

    #[test]
    fn what_is_not_there_has_no_entries() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for nothing in [folder.path().join("nowhere"), file.join("below a file"), file] {
            assert_eq!(walked(&nothing), (vec![], vec![]), "{}", nothing.display());
        }
    }
}
