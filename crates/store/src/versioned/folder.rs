//! Conditional writes on a folder, among processes of one machine. Network file systems are not supported: their
//! locks and renames promise less.
//!
//! ```text
//! state/.lock                              held by whoever writes
//! state/evaluator.json.zst                 the object, as it is: other tools read it
//! state/.evaluator.json.zst.generation     how often its replacement was begun, in decimal
//! state/.evaluator.json.zst.tmp            the next one, while it is being written
//! ```
//!
//! A version is `<generation>-<SHA-256 of the object>`. The hash alone would return when A is written again after
//! B; the count never does, and the hash tells what was edited by hand from what was swapped in.
//!
//! A swap does, under the lock, each step on disk before the next: compare the version; replace the generation by
//! the next one; write the temporary file; rename it to the object. Killed before the rename, it leaves the old
//! object under a new version, so that whoever had read the old version loses once for nothing. Killed after it,
//! the new object is there, whole. Nobody ever reads a part: a name is only ever moved to a file that is complete.
//! Since temporary files are written under the lock, one that is found there is nobody's, and is removed: it is never
//! written into, since it may be a link that leads elsewhere.
//!
//! Notifications that wait have values of spans in them: files and folders made here are their owner's alone, where the
//! system knows owners.
//!
//! Reading takes no lock, so that it works where nothing may be written. It reads the generation, then the object.
//! If a swap comes between, the version that it puts together may never have been: then it names the newer object
//! with the older generation, and loses when it is used. It cannot win wrongly: generations only grow, so one that
//! is still there when it is used leaves room for one rename since, and the hash says that the object is the same.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::versioned::{Swap, Version, Versioned};

/// A swap takes milliseconds. Who waits longer waits for a process that was stopped, and should say so.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// A folder on a local disk.
#[derive(Debug, Clone)]
pub struct VersionedFolder {
    /// Makes file names of paths, as the store that lists and reads the same folder does.
    names: LocalFileSystem,
    lock: PathBuf,
    patience: Duration,
}

impl VersionedFolder {
    /// Objects are named relative to `root`, which exists.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] where it does not.
    pub fn new(root: &FilePath) -> Result<Self, StoreError> {
        let names = LocalFileSystem::new_with_prefix(root).map_err(|source| StoreError::Request {
            action: "open",
            location: Path::default(),
            source,
        })?;
        let lock = Path::from_iter(["state", ".lock"]);
        let lock = names.path_to_filesystem(&lock).map_err(|source| StoreError::Request {
            action: "name a file for",
            location: lock,
            source,
        })?;
        Ok(Self { names, lock, patience: LOCK_PATIENCE })
    }

    /// Runs `work` on the files of an object, on a thread that may wait for disk and lock.
    async fn on<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Self, &Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = self.files(path)?;
        let folder = self.clone();
        tokio::task::spawn_blocking(move || work(&folder, &files)).await.map_err(StoreError::Interrupted)?
    }

    fn files(&self, path: &Path) -> Result<Files, StoreError> {
        // Names are ours: one that cannot be used is a mistake, which trying again does not mend.
        let refused = |source: Cause| {
            let source = object_store::Error::NotSupported { source };
            StoreError::Request { action: "name a file for", location: path.clone(), source }
        };
        let object = self.names.path_to_filesystem(path).map_err(|error| refused(error.into()))?;
        let (Some(folder), Some(name)) = (object.parent(), path.filename()) else {
            return Err(refused("it names no file".into()));
        };
        if name.starts_with('.') {
            return Err(refused("names that begin with a dot are the folder's own".into()));
        }
        let beside = |suffix| folder.join(format!(".{name}.{suffix}"));
        Ok(Files {
            location: path.clone(),
            folder: folder.to_owned(),
            generation: beside("generation"),
            temporary: beside("tmp"),
            object,
        })
    }

    fn swap_files(
        &self,
        files: &Files,
        expected: Option<&Version>,
        bytes: &[u8],
    ) -> Result<Swap, StoreError> {
        let _held = self.lock()?;
        let generation = files.read_generation()?;
        let current = read_if_there(&files.object)?.map(|stored| version(generation, &stored));
        if current.as_ref() != expected {
            return Ok(Swap::Lost);
        }
        let damaged = || StoreError::Generation { file: files.generation.clone() };
        let next = generation.checked_add(1).ok_or_else(damaged)?;
        create_folder(&files.folder)?;
        files.replace(&files.generation, next.to_string().as_bytes())?;
        sync_folder(&files.folder)?;
        files.replace(&files.object, bytes)?;
        // It is there, but may be gone again after a power failure.
        sync_folder(&files.folder).map_err(|source| StoreError::OutcomeUnknown {
            location: files.location.clone(),
            source: Box::new(source),
        })?;
        Ok(Swap::Swapped(version(next, bytes)))
    }

    fn remove_files(&self, files: &Files) -> Result<(), StoreError> {
        let _held = self.lock()?;
        for file in [&files.object, &files.temporary, &files.generation] {
            match fs::remove_file(file) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", file)(source));
                }
                _ => {}
            }
        }
        if files.folder.exists() { sync_folder(&files.folder) } else { Ok(()) }
    }

    /// The lock, which is let go when its file is dropped, or its process ends in whatever way.
    fn lock(&self) -> Result<File, StoreError> {
        if let Some(folder) = self.lock.parent() {
            create_folder(folder)?;
        }
        let file = private().create(true).truncate(false).write(true).open(&self.lock);
        let file = file.map_err(failed("open", &self.lock))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(failed("lock", &self.lock)(source)),
                Err(TryLockError::WouldBlock) if waited >= self.patience => {
                    return Err(StoreError::Locked {
                        lock: self.lock.clone(),
                        seconds: self.patience.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(LOCK_RETRY);
                    waited += LOCK_RETRY;
                }
            }
        }
    }
}

#[async_trait]
impl Versioned for VersionedFolder {
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.on(path, |_, files| {
            // In this order: see above.
            let generation = files.read_generation()?;
            let stored = read_if_there(&files.object)?;
            Ok(stored.map(|bytes| {
                let version = version(generation, &bytes);
                (Bytes::from(bytes), version)
            }))
        })
        .await
    }

    async fn swap(&self, path: &Path, expected: Option<&Version>, bytes: Bytes) -> Result<Swap, StoreError> {
        let expected = expected.cloned();
        self.on(path, move |folder, files| folder.swap_files(files, expected.as_ref(), &bytes)).await
    }

    async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        self.on(path, Self::remove_files).await
    }
}

/// The reason why a path names no file.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The files of one object.
struct Files {
    location: Path,
    folder: PathBuf,
    object: PathBuf,
    generation: PathBuf,
    temporary: PathBuf,
}

impl Files {
    /// Zero where nothing was ever swapped: also of an object that came by other ways.
    fn read_generation(&self) -> Result<u64, StoreError> {
        let Some(bytes) = read_if_there(&self.generation)? else { return Ok(0) };
        let number = str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        number.ok_or_else(|| StoreError::Generation { file: self.generation.clone() })
    }

    /// Moves `file` to new content, which is on disk before.
    fn replace(&self, file: &FilePath, bytes: &[u8]) -> Result<(), StoreError> {
        let write = || {
            if fs::symlink_metadata(&self.temporary).is_ok() {
                fs::remove_file(&self.temporary)?;
            }
            let mut temporary = private().write(true).create_new(true).open(&self.temporary)?;
            temporary.write_all(bytes)?;
            temporary.sync_all()
        };
        write().map_err(failed("write", &self.temporary))?;
        fs::rename(&self.temporary, file).map_err(failed("replace", file))
    }
}

fn version(generation: u64, bytes: &[u8]) -> Version {
    Version(format!("{generation}-{}", hex::encode(Sha256::digest(bytes))))
}

fn read_if_there(file: &FilePath) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", file)(source)),
    }
}

/// Creates a folder and those above it, so that they are still there after a power failure.
fn create_folder(folder: &FilePath) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent();
    if let Some(above) = above {
        create_folder(above)?;
    }
    match create_private_folder(folder) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => created.map_err(failed("create", folder))?,
    }
    above.map_or(Ok(()), sync_folder)
}

/// Returns options to open files with: those that are created are their owner's alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn create_private_folder(folder: &FilePath) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Brings the names in a folder to disk.
pub(crate) fn sync_folder(folder: &FilePath) -> Result<(), StoreError> {
    // Elsewhere a folder cannot be opened, nor need it be.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))?;
    }
    Ok(())
}

fn failed(action: &'static str, file: &FilePath) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::File { action, file: file.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[cfg(unix)]
    #[tokio::test]
    async fn the_state_is_its_owners_and_a_link_at_a_temporary_name_is_not_followed() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let folder = VersionedFolder::new(root.path()).unwrap();
        let path = Path::from("state/a");
        let elsewhere = root.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        fs::create_dir(root.path().join("state")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.path().join("state/.a.tmp")).unwrap();
        let swap = folder.swap(&path, None, Bytes::from_static(b"A")).await.unwrap();
        assert!(matches!(swap, Swap::Swapped(_)));
        assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
        assert_eq!(fs::read(root.path().join("state/a")).unwrap(), b"A");
        folder.swap(&Path::from("other/b"), None, Bytes::from_static(b"B")).await.unwrap();
        for (file, mode) in [("state/a", 0o600), ("state/.lock", 0o600), ("other/b", 0o600), ("other", 0o700)]
        {
            let found = fs::symlink_metadata(root.path().join(file)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{file}");
        }
    }

    #[tokio::test]
    async fn a_process_that_stopped_while_it_wrote_holds_nobody_up_forever() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = VersionedFolder::new(root.path()).unwrap();
        folder.patience = LOCK_RETRY * 5;
        let path = Path::from("state/a");
        let held = folder.lock().unwrap();
        let error = folder.swap(&path, None, Bytes::from_static(b"A")).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert_eq!(error.class(), Class::Retry);
        // Reading waits for nobody.
        assert_eq!(folder.read(&path).await.unwrap(), None);
        drop(held);
        let swap = folder.swap(&path, None, Bytes::from_static(b"A")).await.unwrap();
        assert!(matches!(swap, Swap::Swapped(_)));
    }
}
