//! The files that a test finds.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The files below a folder, in the order of their names.
///
/// # Errors
///
/// The error of the folder, or of one in it, that cannot be read.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let entries = walk.into_iter().collect::<Result<Vec<_>, _>>()?;
    let files = entries.into_iter().filter(|entry| !entry.file_type().is_dir());
    Ok(files.map(walkdir::DirEntry::into_path).collect())
}
