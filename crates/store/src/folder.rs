//! A folder as an object store, for people's disks: what was written is on disk when a call returns, and one bad
//! entry costs itself.
//!
//! `LocalFileSystem` of `object_store` does all else. It leaves writing to the system, which may lose it when the
//! power fails, and its listing ends at the first link that leads back and the first folder that may not be read;
//! here these are [`BrokenEntry`]s among the objects, and the listing goes on.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, future, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use walkdir::{DirEntry, WalkDir};

use crate::versioned::sync_folder;

/// Name of the store in errors.
const STORE: &str = "folder";

/// Entries that a listing reads before it gives the first of them.
const ENTRIES_AT_A_TIME: usize = 1024;

/// An entry of a folder that a listing cannot look into: the source of an [`Error::Generic`], after which the listing
/// goes on.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is {reason}", file.display())]
pub struct BrokenEntry {
    /// Which.
    pub file: PathBuf,
    /// The same as the path of an object, where characters that no path may have are replaced.
    pub location: Path,
    /// What it is.
    pub reason: &'static str,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

impl BrokenEntry {
    /// The broken entry that an error of a listing stands for; `None` where the listing ended.
    pub fn of(error: &Error) -> Option<&Self> {
        match error {
            Error::Generic { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

/// A folder. Paths are relative to it.
#[derive(Debug, Clone)]
pub struct Folder {
    files: LocalFileSystem,
    root: PathBuf,
    /// Folders whose own names this process has brought to disk: a sync costs milliseconds, and spans of an hour come
    /// in thousands of files.
    lasting: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Folder {
    /// A folder that exists.
    ///
    /// # Errors
    ///
    /// What the system says where there is none.
    pub fn new(root: &FilePath) -> Result<Self> {
        let files = LocalFileSystem::new_with_prefix(root)?;
        let failed = |source| Error::Generic { store: STORE, source: Box::new(source) };
        Ok(Self { files, root: fs::canonicalize(root).map_err(failed)?, lasting: Arc::default() })
    }

    /// The folder itself, absolute and without links.
    pub fn root(&self) -> &FilePath {
        &self.root
    }

    /// The entries below `prefix`, so many levels down.
    fn walk(&self, prefix: Option<&Path>, levels: usize) -> Walk {
        let parts = prefix.into_iter().flat_map(Path::parts);
        let from: PathBuf = parts.fold(self.root.clone(), |file, part| file.join(part.as_ref()));
        WalkDir::new(from).min_depth(1).max_depth(levels).follow_links(true).into_iter()
    }

    /// Some of what a walk meets, on a thread that may wait for the disk; nothing at its end.
    async fn some_of(self, mut walk: Walk) -> Result<(Vec<Result<Entry>>, Walk)> {
        let some = move || {
            let mut entries = Vec::new();
            while entries.len() < ENTRIES_AT_A_TIME
                && let Some(entry) = walk.next()
            {
                entries.extend(self.entry(entry).transpose());
            }
            (entries, walk)
        };
        Ok(tokio::task::spawn_blocking(some).await?)
    }

    fn entries(&self, walk: Walk) -> BoxStream<'static, Result<Entry>> {
        let folder = self.clone();
        let chunks = stream::try_unfold(walk, move |walk| {
            let some = folder.clone().some_of(walk);
            async move {
                let (entries, walk) = some.await?;
                Ok::<_, Error>((!entries.is_empty()).then(|| (stream::iter(entries), walk)))
            }
        });
        chunks.try_flatten().boxed()
    }

    /// What an entry is; `None` for what is no object yet or no longer: files that are being written, what went away
    /// meanwhile.
    fn entry(&self, entry: walkdir::Result<DirEntry>) -> Result<Option<Entry>> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return self.broken_walk(error).map_or(Ok(None), Err),
        };
        let location = match entry.path().strip_prefix(&self.root).ok().and_then(FilePath::to_str) {
            // As it is, not encoded once more: names were encoded when they became paths.
            Some(relative) => {
                Path::parse(relative).map_err(|error| (io::Error::other(error), "no valid name"))
            }
            None => Err((io::Error::from(io::ErrorKind::InvalidData), "not named in UTF-8")),
        };
        let location = location.map_err(|(cause, reason)| self.broken(entry.path(), reason, cause))?;
        if entry.file_type().is_dir() {
            return Ok(Some(Entry::Folder(location)));
        }
        if !entry.file_type().is_file() {
            let cause = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(self.broken(entry.path(), "neither a file nor a folder", cause));
        }
        // `LocalFileSystem` writes to such files and then renames them; it does not read them.
        if self.files.path_to_filesystem(&location).is_err() {
            return Ok(None);
        }
        match entry.metadata() {
            Ok(metadata) => Ok(Some(Entry::Object(ObjectMeta {
                location,
                last_modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).into(),
                size: metadata.len(),
                // Inode and time say nothing of the content, and change when a file is copied.
                e_tag: None,
                version: None,
            }))),
            Err(error) => self.broken_walk(error).map_or(Ok(None), Err),
        }
    }

    fn broken_walk(&self, error: walkdir::Error) -> Option<Error> {
        let file = error.path().map_or_else(|| self.root.clone(), FilePath::to_owned);
        let is_loop = error.loop_ancestor().is_some();
        let cause = io::Error::from(error);
        let reason = match cause.kind() {
            _ if is_loop => "a link to a folder that it lies in",
            // Gone since its folder was read, or never there.
            io::ErrorKind::NotFound if fs::symlink_metadata(&file).is_err() => return None,
            io::ErrorKind::NotFound => "a link that leads nowhere",
            io::ErrorKind::PermissionDenied => "not readable: permission denied",
            _ => "not readable",
        };
        Some(self.broken(&file, reason, cause))
    }

    fn broken(&self, file: &FilePath, reason: &'static str, cause: io::Error) -> Error {
        let relative = file.strip_prefix(&self.root).unwrap_or(file);
        let parts = relative.components().map(|part| part.as_os_str().to_string_lossy());
        let location = parts.collect::<Vec<_>>().iter().map(AsRef::<str>::as_ref).collect();
        let entry = BrokenEntry { file: file.to_owned(), location, reason, cause };
        Error::Generic { store: STORE, source: Box::new(entry) }
    }

    /// Brings a file's bytes and the names that lead to it to disk.
    fn sync(&self, file: &FilePath) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        File::open(file)?.sync_all()?;
        let known = || self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in file.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)) {
            sync_folder(folder)?;
            if known().contains(folder) {
                return Ok(());
            }
        }
        known().extend(file.parent().map(FilePath::to_owned));
        Ok(())
    }
}

/// A walk that has come so far.
type Walk = walkdir::IntoIter;

enum Entry {
    Object(ObjectMeta),
    Folder(Path),
}

impl fmt::Display for Folder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Folder({})", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.files.put_opts(location, payload, options).await?;
        let file = self.files.path_to_filesystem(location)?;
        let folder = self.clone();
        tokio::task::spawn_blocking(move || folder.sync(&file))
            .await?
            .map_err(|source| Error::Generic { store: STORE, source })?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.entries(self.walk(prefix, usize::MAX)).filter_map(|entry| {
            future::ready(match entry {
                Ok(Entry::Object(object)) => Some(Ok(object)),
                Ok(Entry::Folder(_)) => None,
                Err(error) => Some(Err(error)),
            })
        });
        objects.boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut entries = self.entries(self.walk(prefix, 1));
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(Entry::Object(object)) => listed.objects.push(object),
                Ok(Entry::Folder(folder)) => listed.common_prefixes.push(folder),
                // Whoever lists it will be told.
                Err(error) => match BrokenEntry::of(&error) {
                    Some(broken) => listed.common_prefixes.push(broken.location.clone()),
                    None => return Err(error),
                },
            }
        }
        listed.common_prefixes.sort();
        listed.objects.sort_by(|left, right| left.location.cmp(&right.location));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
