//! Files that lie on the disk.

use std::path::{Path, PathBuf};

use fluo_rules::SourceFile;
use fluo_rules::files::Kind;

/// The disk, as the server asks it. A file that cannot be read is among the answers as such.
pub trait Disk {
    /// The files of rules, tests, silences and configurations at or below paths, with the tables that rules name.
    fn below(&self, paths: &[PathBuf]) -> Vec<(Kind, SourceFile)>;

    /// The rule files at or below paths, with the tables that they name.
    fn rules(&self, paths: &[PathBuf]) -> Vec<SourceFile>;

    /// A file.
    fn read(&self, path: &Path) -> SourceFile;

    /// Returns whether something is there.
    fn exists(&self, path: &Path) -> bool;

    /// The names of what lies in a folder, sorted.
    fn names_in(&self, folder: &Path) -> Vec<String>;

    /// The files called `fluo.yml` in a folder, and not far below.
    fn configurations(&self, folder: &Path) -> Vec<PathBuf>;
}
