//! Addresses of files ↔ paths.

use std::path::{Path, PathBuf};

use lsp_types::Uri;
use url::Url;

/// The path of a file's address; none of other addresses, as those of texts that lie nowhere yet.
pub(crate) fn path(uri: &Uri) -> Option<PathBuf> {
    let url = Url::parse(&uri.0).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// The address of a file; none of a path that does not start at the root.
pub(crate) fn uri(path: &Path) -> Option<Uri> {
    Url::from_file_path(path).ok().map(|url| Uri(url.into()))
}
