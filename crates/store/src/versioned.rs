//! Objects that are replaced only by whoever has seen what is there: the evaluator's state.
//!
//! Everything that is promised exactly once rests on this file (I3): two evaluators at once, a retry, a process
//! that is killed at any instruction; of all that try to replace one version, one wins.
//!
//! | store | version | conditional write |
//! | --- | --- | --- |
//! | S3 and its relatives, memory | `ETag` | [`ConditionalStore`]: `If-Match`, `If-None-Match: *` |
//! | a folder | replacements, and hash of the bytes | [`VersionedFolder`]: lock, compare, rename |
//!
//! S3's `ETag` is a hash of the bytes, so that there the version of A returns when A is written again after B.
//! Bytes that never repeat, because a nonce is among them, have no such returns; the evaluator's state is so.

use std::fmt;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;

use crate::error::StoreError;

mod folder;
mod object;

pub use folder::VersionedFolder;
pub(crate) use folder::sync_folder;
pub use object::ConditionalStore;

/// The version of an object, as a store calls it. It means nothing but itself, and only to the store it came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    /// A version that was kept as text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text, to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The outcome of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It was written, and this is its version.
    Swapped(Version),
    /// It was not written: something else was there, or was just being written. Read again.
    Lost,
}

/// A store of objects that are replaced conditionally.
#[async_trait]
pub trait Versioned: Send + Sync + Debug {
    /// An object and its version; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] or [`StoreError::File`] where the store fails.
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError>;

    /// Writes the object if its version is still `expected` (`None`: if there is none yet).
    ///
    /// # Errors
    ///
    /// [`StoreError::OutcomeUnknown`] where the bytes may be there or not; every other error says that they
    /// are not. After [`StoreError::Interrupted`], too, they may be there.
    async fn swap(&self, path: &Path, expected: Option<&Version>, bytes: Bytes) -> Result<Swap, StoreError>;

    /// Removes the object, whatever its version, and forgets that it was there; success where there is none. For
    /// what nobody will swap again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] or [`StoreError::File`] where the store fails.
    async fn remove(&self, path: &Path) -> Result<(), StoreError>;
}

/// Tries whether the store below `root` really writes conditionally: to be called once, before anything is begun.
/// Some servers ignore the conditions, and say nothing.
///
/// `nonce`: text that no other process tries at the same time, since they would disturb each other; letters, digits,
/// `-`. The object `state/probe-<nonce>` is removed at the end.
///
/// # Errors
///
/// [`StoreError::Unconditional`] where it does not; [`StoreError::NoVersion`]; what reading and writing fail with.
pub async fn probe(store: &dyn Versioned, root: &Path, nonce: &str) -> Result<(), StoreError> {
    let path = root.clone().join("state").join(format!("probe-{nonce}"));
    let seen = try_conditions(store, &path).await;
    // What was found out matters more than that cleaning up failed, too.
    let removed = store.remove(&path).await;
    match seen? {
        Some(seen) => Err(StoreError::Unconditional { seen }),
        None => removed,
    }
}

/// Returns what the store does wrong, if anything.
async fn try_conditions(store: &dyn Versioned, path: &Path) -> Result<Option<&'static str>, StoreError> {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let Swap::Swapped(first) = store.swap(path, None, text("first")).await? else {
        return Ok(Some("it says that an object exists which was never written"));
    };
    if store.swap(path, None, text("again")).await? != Swap::Lost {
        return Ok(Some("it creates an object that exists"));
    }
    let Swap::Swapped(second) = store.swap(path, Some(&first), text("second")).await? else {
        return Ok(Some("it refuses to replace the version that is there"));
    };
    if second == first {
        return Ok(Some("it gives other bytes the same version"));
    }
    if store.swap(path, Some(&first), text("stale")).await? != Swap::Lost {
        return Ok(Some("it replaces a version that is no longer there"));
    }
    let read = store.read(path).await?;
    let is_second = read.is_some_and(|(bytes, version)| bytes == "second" && version == second);
    Ok((!is_second).then_some("it does not read what was written last"))
}
