//! Reading files of strangers: never more than they may have.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes of a file that people write: rules, tests, silences, configuration, an alert.
pub(crate) const TEXT_FILE: u64 = 16 << 20;

/// Returns a file's bytes.
///
/// # Errors
///
/// [`io::ErrorKind::FileTooLarge`] where it has more than `limit`: by its size before it is read, and by what comes while
/// it is read, since it may grow, or have no size.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(&format!("it has {size} bytes"), limit));
    }
    read_from(file, limit)
}

/// Returns the path that a file is known by, whatever it is called: that of a pipe, as `<(command)` in a shell gives one, is
/// its own.
///
/// # Errors
///
/// As [`Path::canonicalize`].
pub(crate) fn one_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        // The link of an open file leads to nothing that has a name.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => std::path::absolute(path),
        other => other,
    }
}

/// [`read`] for what is text.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// [`read`] from what is open already, such as standard input.
pub(crate) fn read_from(reader: impl io::Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large("it has more", limit));
    }
    Ok(bytes)
}

/// Bytes as text.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn too_large(what: &str, limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("{what}, and {limit} are the most that are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        let refused = read(&file, 4).unwrap_err();
        assert_eq!(refused.to_string(), "it has 5 bytes, and 4 are the most that are read");
        let refused = read_from(io::repeat(0), 4).unwrap_err();
        assert_eq!(refused.to_string(), "it has more, and 4 are the most that are read");
        std::fs::write(&file, [0xff]).unwrap();
        assert_eq!(read_text(&file, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
