//! The demo's folder: made new, or made anew where a former demo lies. Nobody's own files are touched.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::DemoError;

/// Says that a folder is a demo's.
const MARK: &str = ".fluo-demo";

const MARK_TEXT: &str = "`fluo demo` made this folder, and may replace raw/ and spans/ in it.\n";

/// The demo's folder when nobody names one.
pub const DEFAULT: &str = "fluo-demo";

/// Leaves `folder` ready for a demo: with the mark, and without what a former demo left.
///
/// # Errors
///
/// [`DemoError::NoFolder`], [`DemoError::NotEmpty`]; [`DemoError::Failed`] where it cannot be written to.
pub fn prepare(folder: &Path) -> Result<(), DemoError> {
    let cannot =
        |error: io::Error| DemoError::because(format!("could not write to `{}`", folder.display()), error);
    if folder.exists() && !folder.is_dir() {
        return Err(DemoError::NoFolder(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(cannot)?;
    let former = folder.join(MARK).is_file();
    let empty = fs::read_dir(folder).map_err(cannot)?.next().is_none();
    if !former && !empty {
        return Err(DemoError::NotEmpty(folder.to_owned()));
    }
    // First of all, so that a demo that is interrupted can be started again.
    fs::write(folder.join(MARK), MARK_TEXT).map_err(cannot)?;
    // Only what would mix with new files; the rest is written over.
    for old in ["raw", "spans"] {
        match fs::remove_dir_all(folder.join(old)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a file of the demo; `name` is relative to its folder.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> Result<(), DemoError> {
    let path = folder.join(name);
    let cannot =
        |error: io::Error| DemoError::because(format!("could not write `{}`", path.display()), error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(cannot)?;
    }
    fs::write(&path, content).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_folders_and_former_demos_are_taken() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new/deep");
        prepare(&folder).unwrap();
        write(&folder, "raw/old.json", "{}").unwrap();
        write(&folder, "mine.txt", "kept").unwrap();
        prepare(&folder).unwrap();
        assert!(!folder.join("raw").exists(), "a former demo's objects would be read again");
        assert!(folder.join("mine.txt").exists());

        for (scenario, path) in [("somebody's folder", place.path()), ("a file", &folder.join("mine.txt"))] {
            let refused = prepare(path).unwrap_err();
            assert!(
                matches!(refused, DemoError::NotEmpty(_) | DemoError::NoFolder(_)),
                "{scenario}: {refused}"
            );
        }
        assert!(!place.path().join(MARK).exists());
    }
}
