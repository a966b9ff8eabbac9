//! Reading what may not be there: `None` is an answer, and no failure.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::StoreError;

/// Returns an object whose bytes are yet to be read; `None` where there is none.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails.
pub async fn get_if_present(store: &dyn ObjectStore, path: &Path) -> Result<Option<GetResult>, StoreError> {
    present("read", path, store.get(path).await)
}

/// Returns the bytes of an object; `None` where there is none, or where it went away while it was read.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails.
pub async fn read_if_present(store: &dyn ObjectStore, path: &Path) -> Result<Option<Bytes>, StoreError> {
    let read = async { store.get(path).await?.bytes().await };
    present("read", path, read.await)
}

/// Returns an object's size, tag and time; `None` where there is none.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails.
pub async fn look_up(store: &dyn ObjectStore, path: &Path) -> Result<Option<ObjectMeta>, StoreError> {
    present("look up", path, store.head(path).await)
}

fn present<T>(
    action: &'static str,
    path: &Path,
    answer: object_store::Result<T>,
) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(StoreError::Request { action, location: path.clone(), source }),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn what_is_not_there_is_an_answer_and_a_failure_is_an_error() {
        let store = InMemory::new();
        let path = Path::from("a");
        assert!(get_if_present(&store, &path).await.unwrap().is_none());
        assert!(read_if_present(&store, &path).await.unwrap().is_none());
        assert!(look_up(&store, &path).await.unwrap().is_none());
        store.put(&path, "x".into()).await.unwrap();
        assert_eq!(read_if_present(&store, &path).await.unwrap().unwrap(), "x");
        assert_eq!(look_up(&store, &path).await.unwrap().unwrap().size, 1);
        let failed = present::<()>(
            "read",
            &path,
            Err(Error::NotImplemented { operation: "get".into(), implementer: "test".into() }),
        );
        assert!(failed.is_err_and(|error| error.to_string().contains("read")));
    }
}
