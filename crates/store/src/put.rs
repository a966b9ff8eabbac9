//! Writing what is written once: data files, and records of what an evaluator committed; and what is replaced.
//!
//! The name of such an object says what it holds, so that "exists" is success (I2). *Exists* means that a whole
//! object exists. Object stores guarantee that. A folder does as long as the machine runs (files are written beside
//! and then linked into place), but after a power failure a name may stand for an empty file, where its bytes were
//! not forced to disk before. A file that was found there is therefore believed only if it ends as its kind ends,
//! and replaced otherwise.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use crate::error::StoreError;
use crate::root::Root;

/// The outcome of putting an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was written now.
    Created,
    /// It had been there.
    Existed,
}

/// A store may say that an object exists while another writer of it is under way, and that one may yet fail.
const TRIES: usize = 3;

/// Writes an object if there is none of its name.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails; the object may then be there.
pub async fn put_if_absent(store: &dyn ObjectStore, path: &Path, bytes: Bytes) -> Result<Put, StoreError> {
    let failed = |action| move |source| StoreError::Request { action, location: path.clone(), source };
    let mut tries = 0;
    loop {
        let payload = PutPayload::from(bytes.clone());
        let exists = match store.put_opts(path, payload, PutMode::Create.into()).await {
            Ok(_) => return Ok(Put::Created),
            Err(exists @ Error::AlreadyExists { .. }) => exists,
            Err(source) => return Err(failed("write")(source)),
        };
        match is_whole(store, path, bytes.len() as u64).await {
            Ok(true) => return Ok(Put::Existed),
            Ok(false) => {
                store.put(path, bytes.into()).await.map_err(failed("replace"))?;
                return Ok(Put::Created);
            }
            Err(Error::NotFound { .. }) => {
                tries += 1;
                if tries == TRIES {
                    return Err(failed("write")(exists));
                }
            }
            Err(source) => return Err(failed("read")(source)),
        }
    }
}

/// Writes an object, in place of one of its name, that says which media type it has. It is as private as its root.
///
/// # Errors
///
/// [`StoreError::Request`] where the store fails.
pub async fn replace(
    root: &Root,
    relative: &Path,
    bytes: Bytes,
    media_type: &'static str,
) -> Result<(), StoreError> {
    let location = root.at(relative);
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, media_type.into());
    // Whoever looks at it again wants the newest.
    attributes.insert(Attribute::CacheControl, "no-cache".into());
    let options = PutOptions { attributes, ..PutOptions::default() };
    match root.store.put_opts(&location, bytes.into(), options).await {
        Ok(_) => Ok(()),
        Err(source) => Err(StoreError::Request { action: "write", location, source }),
    }
}

/// Returns whether an object ends as it should: a Parquet file with the length of its footer, which fits, and the mark
/// (its size depends on who wrote it); any other with as many bytes as `expected`, of which the last is not zero.
async fn is_whole(store: &dyn ObjectStore, location: &Path, expected: u64) -> Result<bool, Error> {
    const MARK: &[u8; 4] = b"PAR1";
    let size = store.head(location).await?.size;
    if !location.as_ref().ends_with(".parquet") {
        return match size {
            _ if size != expected => Ok(false),
            0 => Ok(true),
            _ => Ok(store.get_range(location, size - 1..size).await?.last() != Some(&0)),
        };
    }
    // Two marks and a length.
    if size < 12 {
        return Ok(false);
    }
    let tail = store.get_range(location, size - 8..size).await?;
    let Some((length, mark)) = tail.split_first_chunk::<4>() else { return Ok(false) };
    Ok(mark == MARK && u64::from(u32::from_le_bytes(*length)) <= size - 12)
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    /// Scenario, name, what is there, what is to be written, what becomes of it.
    type Case<'a> = (&'a str, &'a str, Option<&'a [u8]>, &'a [u8], Put);

    #[tokio::test]
    async fn what_is_there_is_believed_if_it_is_whole() {
        let parquet: &[u8] = b"PAR1....\x04\0\0\0PAR1";
        let cases: [Case<'_>; 8] = [
            ("nothing there", "a.ndjson", None, b"{}\n", Put::Created),
            ("the same", "a.ndjson", Some(b"{}\n"), b"{}\n", Put::Existed),
            ("an empty file", "a.ndjson", Some(b""), b"{}\n", Put::Created),
            ("zeros where text was meant to be", "a.ndjson", Some(b"\0\0\0"), b"{}\n", Put::Created),
            ("a part", "a.ndjson", Some(b"{}"), b"{}\n", Put::Created),
            ("nothing to write, and that is there", "a.ndjson", Some(b""), b"", Put::Existed),
            ("another writer's Parquet", "a.parquet", Some(parquet), b"PAR1..PAR1", Put::Existed),
            ("half of a Parquet file", "a.parquet", Some(&parquet[..14]), parquet, Put::Created),
        ];
        for (scenario, name, there, bytes, expected) in cases {
            let store = InMemory::new();
            let path = Path::from(name);
            if let Some(there) = there {
                store.put(&path, there.to_vec().into()).await.unwrap();
            }
            let put = put_if_absent(&store, &path, Bytes::copy_from_slice(bytes)).await.unwrap();
            assert_eq!(put, expected, "{scenario}");
            let stored = store.get(&path).await.unwrap().bytes().await.unwrap();
            let whole = if put == Put::Created { bytes } else { there.unwrap() };
            assert_eq!(stored, whole, "{scenario}");
            assert_eq!(put_if_absent(&store, &path, stored).await.unwrap(), Put::Existed, "{scenario}");
        }
    }
}
