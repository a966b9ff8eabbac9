//! A folder as an object store, for people's disks: what was written is on disk when a call returns, and one bad
//! entry costs itself.
//!
//! `LocalFileSystem` of `object_store` does all else. It leaves writing to the system, which may lose it when the
//! power fails, and its listing ends at the first link that leads back and the first folder that may not be read;
//! here these are [`BrokenObject`]s among the objects, and the listing goes on ([`crate::entries`]).

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, future, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::entries::{BrokenEntry, Entries, Entry, entries};
use crate::guard::locked;
use crate::versioned::sync_folder;

/// Name of the store in errors.
const STORE: &str = "folder";

/// Entries that a listing reads before it gives the first of them.
const ENTRIES_AT_A_TIME: usize = 1024;

/// An entry of a folder that a listing cannot look into: the source of an [`Error::Generic`], after which the listing
/// goes on.
#[derive(Debug, thiserror::Error)]
#[error("{entry}")]
pub struct BrokenObject {
    /// Its place as the path of an object, where characters that no path may have are replaced.
    pub location: Path,
    /// The entry.
    #[source]
    pub entry: BrokenEntry,
}

impl BrokenObject {
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
    /// Fails with the system's error where there is none.
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
    fn walk(&self, prefix: Option<&Path>, levels: usize) -> Entries {
        let parts = prefix.into_iter().flat_map(Path::parts);
        let from: PathBuf = parts.fold(self.root.clone(), |file, part| file.join(part.as_ref()));
        entries(&from, levels)
    }

    /// Some of what a walk meets, on a thread that may wait for the disk; nothing at its end.
    async fn some_of(self, mut walk: Entries) -> Result<(Vec<Result<Met>>, Entries)> {
        let some = move || {
            let mut met = Vec::new();
            while met.len() < ENTRIES_AT_A_TIME
                && let Some(entry) = walk.next()
            {
                met.extend(self.met(entry).transpose());
            }
            (met, walk)
        };
        Ok(tokio::task::spawn_blocking(some).await?)
    }

    fn met_by(&self, walk: Entries) -> BoxStream<'static, Result<Met>> {
        let folder = self.clone();
        let chunks = stream::try_unfold(walk, move |walk| {
            let some = folder.clone().some_of(walk);
            async move {
                let (met, walk) = some.await?;
                Ok::<_, Error>((!met.is_empty()).then(|| (stream::iter(met), walk)))
            }
        });
        chunks.try_flatten().boxed()
    }

    /// Returns what an entry is to a store; `None` for files that are being written.
    fn met(&self, entry: std::result::Result<Entry, BrokenEntry>) -> Result<Option<Met>> {
        let Entry { file, metadata, .. } = entry.map_err(|entry| self.broken(entry))?;
        let relative = file.strip_prefix(&self.root).unwrap_or(&file);
        // As it is, not encoded once more: names were encoded when they became paths.
        let location = Path::parse(relative.to_string_lossy()).map_err(|error| {
            let (name, reason) = (relative.to_string_lossy().into_owned(), "no valid name");
            let may_be_folder = metadata.is_dir();
            let cause = io::Error::other(error);
            self.broken(BrokenEntry { file: file.clone(), name, reason, may_be_folder, cause })
        })?;
        if metadata.is_dir() {
            return Ok(Some(Met::Folder(location)));
        }
        // `LocalFileSystem` writes to such files and then renames them; it does not read them.
        if self.files.path_to_filesystem(&location).is_err() {
            return Ok(None);
        }
        Ok(Some(Met::Object(ObjectMeta {
            location,
            last_modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).into(),
            size: metadata.len(),
            // Inode and time say nothing of the content, and change when a file is copied.
            e_tag: None,
            version: None,
        })))
    }

    fn broken(&self, entry: BrokenEntry) -> Error {
        let relative = entry.file.strip_prefix(&self.root).unwrap_or(&entry.file);
        let parts = relative.components().map(|part| part.as_os_str().to_string_lossy());
        let location = parts.collect::<Vec<_>>().iter().map(AsRef::<str>::as_ref).collect();
        Error::Generic { store: STORE, source: Box::new(BrokenObject { location, entry }) }
    }

    /// Brings a file's bytes and the names that lead to it to disk.
    fn sync(&self, file: &FilePath) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        File::open(file)?.sync_all()?;
        let known = || locked(&self.lasting);
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

/// An entry that a walk meets.
enum Met {
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
        // A file has none, and a folder is served by nobody.
        let options = PutOptions { attributes: Attributes::default(), ..options };
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
        let objects = self.met_by(self.walk(prefix, usize::MAX)).filter_map(|met| {
            future::ready(match met {
                Ok(Met::Object(object)) => Some(Ok(object)),
                Ok(Met::Folder(_)) => None,
                Err(error) => Some(Err(error)),
            })
        });
        objects.boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut all = self.met_by(self.walk(prefix, 1));
        while let Some(met) = all.next().await {
            match met {
                Ok(Met::Object(object)) => listed.objects.push(object),
                Ok(Met::Folder(folder)) => listed.common_prefixes.push(folder),
                // Whoever lists it will be told.
                Err(error) => match BrokenObject::of(&error) {
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
