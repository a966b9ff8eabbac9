//! Opens what a URI names: the store, where in it, and how its versioned objects are swapped.
//!
//! | URI | store | versions |
//! | --- | --- | --- |
//! | `some/folder`, `file:///some/folder` | [`Folder`] | [`VersionedFolder`] |
//! | `s3://bucket/prefix` | [`crate::s3`] | [`ConditionalStore`] |
//! | none; for tests: [`Root::in_memory`] | `InMemory` | [`ConditionalStore`] |
//!
//! The environment is asked through a function: only the edge knows where it lies.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use fluo_aws::Environment;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::data_file::{DataFile, Within};
use crate::error::StoreError;
use crate::folder::Folder;
use crate::missing::SaysMissing;
use crate::s3;
use crate::versioned::{ConditionalStore, Versioned, VersionedFolder};
use crate::whole_files::WholeFiles;

/// The root of a store.
#[derive(Clone)]
pub struct Root {
    /// The store that holds the objects.
    pub store: Arc<dyn ObjectStore>,
    /// The root's path in it; nothing for a folder, whose paths are relative to it.
    pub prefix: Path,
    /// Scheme and authority of the store: other for every folder and bucket.
    pub url: Url,
    /// The same objects, to be swapped.
    pub versioned: Arc<dyn Versioned>,
    tags: Tags,
}

/// The source of an [`etag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tags {
    Store,
    Content,
}

impl Root {
    /// A store in memory, for tests. All of them have the same [`url`](Self::url).
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn in_memory() -> Result<Self, StoreError> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Ok(Self {
            versioned: Arc::new(ConditionalStore::new(Arc::clone(&store))),
            store,
            prefix: Path::default(),
            url: url("memory://root", "memory://root")?,
            tags: Tags::Content,
        })
    }

    /// The same root, whose data files are fetched whole and kept: at most `bytes` of them. For a store that answers
    /// by requests; the files of a folder are kept by the system.
    #[must_use]
    pub fn keeping_files(self, bytes: u64) -> Self {
        Self { store: Arc::new(WholeFiles::new(self.store, bytes)), ..self }
    }

    /// The path in the store of what is named relative to the root: `state/evaluator.json.zst`.
    pub fn at(&self, relative: &Path) -> Path {
        relative.parts().fold(self.prefix.clone(), Path::join)
    }
}

impl fmt::Debug for Root {
    // Not the store itself, which knows credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, prefix, tags, .. } = self;
        formatter
            .debug_struct("Root")
            .field("url", &url.as_str())
            .field("prefix", prefix)
            .field("tags", tags)
            .finish_non_exhaustive()
    }
}

/// Opens the root that `uri` names. Nothing is read yet, and no connection made.
///
/// `environment` is asked for the variables that AWS's tools read: see [`crate::s3`].
///
/// # Errors
///
/// [`StoreError::NotOpened`] with what to do.
pub fn open_root(uri: &str, environment: Environment<'_>) -> Result<Root, StoreError> {
    let refused = |reason: &str| not_opened(uri, reason);
    match uri.split_once("://") {
        None => open_folder(FilePath::new(uri)),
        Some(("file", _)) => {
            let parsed = Url::parse(uri).map_err(|error| refused(&error.to_string()))?;
            let folder: PathBuf = parsed
                .to_file_path()
                .map_err(|()| refused("a file URI has an absolute path: file:///some/folder"))?;
            root_in(uri, &folder)
        }
        Some(("s3", rest)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = Path::parse(prefix).map_err(|error| refused(&error.to_string()))?;
            let client = s3::open(bucket, environment).map_err(|reason| not_opened(uri, &reason))?;
            let store: Arc<dyn ObjectStore> = Arc::new(SaysMissing(Arc::new(client.store)));
            Ok(Root {
                versioned: Arc::new(ConditionalStore::with_writer(
                    Arc::clone(&store),
                    Arc::new(client.single_requests),
                )),
                store,
                prefix,
                url: url(uri, &format!("s3://{bucket}"))?,
                tags: Tags::Store,
            })
        }
        Some((scheme @ ("gs" | "az" | "abfs" | "abfss" | "http" | "https"), _)) => {
            Err(refused(&format!("{scheme}:// is not supported yet; folders and s3:// are")))
        }
        Some((scheme, _)) => Err(refused(&format!("{scheme}:// is not known; folders and s3:// are"))),
    }
}

/// Opens the root that a folder is, whatever its name. Nothing is read yet.
///
/// # Errors
///
/// [`StoreError::NotOpened`] with what to do.
pub fn open_folder(folder: &FilePath) -> Result<Root, StoreError> {
    root_in(&folder.to_string_lossy(), folder)
}

fn root_in(uri: &str, folder: &FilePath) -> Result<Root, StoreError> {
    let refused = |reason: &str| not_opened(uri, reason);
    let found = folder.metadata().map_err(|error| refused(&error.to_string()))?;
    if !found.is_dir() {
        return Err(refused("it is no folder"));
    }
    let store = Folder::new(folder).map_err(|error| refused(&error.to_string()))?;
    let versioned = VersionedFolder::new(folder)?;
    // A name of its own, since a query engine keeps one store for scheme and authority.
    let hash = hex::encode(Sha256::digest(store.root().as_os_str().as_encoded_bytes()));
    Ok(Root {
        store: Arc::new(store),
        prefix: Path::default(),
        url: url(uri, &format!("folder://{}", &hash[..16]))?,
        versioned: Arc::new(versioned),
        tags: Tags::Content,
    })
}

fn not_opened(uri: &str, reason: &str) -> StoreError {
    StoreError::NotOpened { uri: uri.to_owned(), reason: reason.to_owned() }
}

fn url(uri: &str, url: &str) -> Result<Url, StoreError> {
    Url::parse(url).map_err(|error| not_opened(uri, &error.to_string()))
}

/// Returns what proves later that a data file is the one that was read: the store's `ETag`, or `sha256:<hex>` of the
/// bytes where the store has none that a copy keeps. Of a file that was replaced, returns what that was.
///
/// # Errors
///
/// [`StoreError::Request`] where the file cannot be read; [`StoreError::NoVersion`] where the store gives no `ETag`.
pub async fn etag(root: &Root, file: &DataFile) -> Result<String, StoreError> {
    if let Some(replaced) = file.within.as_ref().and_then(Within::replaced) {
        return Ok(replaced.etag.clone());
    }
    let failed = |source| StoreError::Request { action: "read", location: file.location.clone(), source };
    match root.tags {
        Tags::Store => {
            let e_tag = match &file.e_tag {
                Some(e_tag) => Some(e_tag.clone()),
                None => root.store.head(&file.location).await.map_err(failed)?.e_tag,
            };
            let e_tag = e_tag.ok_or_else(|| StoreError::NoVersion { location: file.location.clone() })?;
            // The quotes are HTTP's.
            Ok(e_tag.trim_matches('"').to_owned())
        }
        Tags::Content => {
            let bytes =
                root.store.get(&file.location).await.map_err(failed)?.bytes().await.map_err(failed)?;
            Ok(format!("sha256:{}", hex::encode(Sha256::digest(&bytes))))
        }
    }
}

#[cfg(test)]
mod tests;
