//! Conditional writes as object stores offer them: by `ETag`.
//!
//! The effect of a write that was not answered cannot be known: sent once more, it would be refused because of itself,
//! and a win would look like a loss. So the store that writes must not send anything twice by itself (whoever opens a
//! store configures it so), and what has no answer is [`StoreError::OutcomeUnknown`].

use std::error::Error as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

use crate::error::StoreError;
use crate::get::get_if_present;
use crate::versioned::{Swap, Version, Versioned};

/// An object store that knows `PutMode::Create` and `PutMode::Update`.
#[derive(Debug, Clone)]
pub struct ConditionalStore {
    reads: Arc<dyn ObjectStore>,
    writes: Arc<dyn ObjectStore>,
}

impl ConditionalStore {
    /// A store that never sends a request again by itself, as one in memory.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { reads: Arc::clone(&store), writes: store }
    }

    /// Two clients of one store: `reads` may send again what failed, `writes` must not.
    pub fn with_writer(reads: Arc<dyn ObjectStore>, writes: Arc<dyn ObjectStore>) -> Self {
        Self { reads, writes }
    }
}

#[async_trait]
impl Versioned for ConditionalStore {
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
        let failed = |source| StoreError::Request { action: "read", location: path.clone(), source };
        let Some(found) = get_if_present(self.reads.as_ref(), path).await? else { return Ok(None) };
        let no_version = || StoreError::NoVersion { location: path.clone() };
        let version = found.meta.e_tag.clone().map(Version).ok_or_else(no_version)?;
        Ok(Some((found.bytes().await.map_err(failed)?, version)))
    }

    async fn swap(&self, path: &Path, expected: Option<&Version>, bytes: Bytes) -> Result<Swap, StoreError> {
        let mode = match expected {
            None => PutMode::Create,
            Some(version) => {
                PutMode::Update(UpdateVersion { e_tag: Some(version.as_str().to_owned()), version: None })
            }
        };
        match self.writes.put_opts(path, PutPayload::from(bytes), PutOptions::from(mode)).await {
            Ok(put) => match put.e_tag {
                Some(e_tag) => Ok(Swap::Swapped(Version(e_tag))),
                None => Err(StoreError::OutcomeUnknown {
                    location: path.clone(),
                    source: Box::new(StoreError::NoVersion { location: path.clone() }),
                }),
            },
            // "Exists" is also how a conflict (409) is told: another write to the object was under way.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Swap::Lost),
            Err(source) if was_refused(&source) => {
                Err(StoreError::Request { action: "write", location: path.clone(), source })
            }
            Err(source) => {
                Err(StoreError::OutcomeUnknown { location: path.clone(), source: Box::new(source) })
            }
        }
    }

    async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.reads.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StoreError::Request { action: "remove", location: path.clone(), source }),
        }
    }
}

/// Returns whether an error says that nothing was written: by its kind, or because there was no connection to send
/// over.
fn was_refused(error: &Error) -> bool {
    match error {
        Error::Generic { .. } | Error::JoinError { .. } => {}
        _ => return true,
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return http.kind() == HttpErrorKind::Connect;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;

    use super::*;
    use crate::error::Class;
    use crate::versioned::probe;

    #[test]
    fn only_what_was_surely_not_written_is_said_not_to_be() {
        let http = |kind| {
            let source = std::io::Error::other("because");
            Error::Generic { store: "S3", source: Box::new(HttpError::new(kind, source)) }
        };
        let path = || "x".to_owned();
        let cause = || "because".into();
        let cases = [
            ("no connection", http(HttpErrorKind::Connect), true),
            ("no answer in time", http(HttpErrorKind::Timeout), false),
            ("a connection that broke", http(HttpErrorKind::Interrupted), false),
            ("an answer that is none", http(HttpErrorKind::Decode), false),
            ("a server's error", Error::Generic { store: "S3", source: cause() }, false),
            ("no permission", Error::PermissionDenied { path: path(), source: cause() }, true),
            ("no bucket", Error::NotFound { path: path(), source: cause() }, true),
        ];
        for (scenario, error, refused) in cases {
            assert_eq!(was_refused(&error), refused, "{scenario}");
        }
    }

    #[tokio::test]
    async fn a_store_that_cannot_write_conditionally_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let local = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let error = probe(&ConditionalStore::new(local), &Path::default(), "a").await.unwrap_err();
        assert!(matches!(error, StoreError::Request { .. }), "{error}");
        assert_ne!(error.class(), Class::Retry);
        assert_eq!(std::fs::read_dir(folder.path().join("state")).unwrap().count(), 0);

        let memory = ConditionalStore::new(Arc::new(InMemory::new()));
        probe(&memory, &Path::from("a"), "a").await.unwrap();
        assert_eq!(memory.read(&Path::from("a/state/probe-a")).await.unwrap(), None);
    }
}
