//! A merged portion → the hour's next generation, unless somebody was faster.
//!
//! | written | a crash behind it leaves |
//! | --- | --- |
//! | the output, its origins | files that nobody reads |
//! | the sidecar | the hour compacted |

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::merge::{Merged, compression};
use super::origins::Origins;
use super::plan::Candidate;
use super::sidecar::{Older, Output, Replaced, Sidecar};
use crate::data_file::DataFile;
use crate::error::StoreError;
use crate::put::put_if_absent;
use crate::root::{Root, etag};

/// The fate of a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// It counts.
    Yes,
    /// Another one of its generation was there before.
    Lost,
}

/// Writes a merged portion, and returns what it is in a sidecar.
pub(super) async fn write_output(
    root: &Root,
    folder: &Path,
    portion: &[Candidate],
    merged: &Merged,
    now_ms: i64,
) -> Result<Output, StoreError> {
    let store = root.store.as_ref();
    let mut files = Vec::with_capacity(portion.len());
    for (Candidate { file, name, older }, opened) in portion.iter().zip(&merged.opened) {
        let mut of_older = Vec::with_capacity(older.len());
        for file in older {
            let name = file.location.filename().unwrap_or_default().to_owned();
            of_older.push(Older { name, etag: etag(root, file).await? });
        }
        files.push(Replaced {
            name: name.to_string(),
            size: file.size,
            etag: etag(root, file).await?,
            tag: file.e_tag.clone(),
            modified_ms: file.last_modified_ms,
            ingested_at_ms: opened.ingested_at_ms,
            counts: opened.counts.clone(),
            older: of_older,
        });
    }
    let name = merged.name.to_string();
    put_if_absent(store, &Origins::place(folder, &name), merged.origins.clone()).await?;
    let location = folder.clone().join(name.as_str());
    put_if_absent(store, &location, merged.parquet.clone()).await?;
    Ok(Output { name, size: merged.parquet.len() as u64, at_ms: now_ms, files })
}

/// Writes a sidecar, if its generation has none.
pub(super) async fn publish(
    store: &dyn ObjectStore,
    folder: &Path,
    sidecar: &Sidecar,
) -> Result<Published, StoreError> {
    let location = folder.clone().join(Sidecar::name_of(sidecar.generation));
    let failed = |action| {
        let location = location.clone();
        move |source| StoreError::Request { action, location, source }
    };
    let bytes: Bytes = sidecar.to_bytes().map_err(compression)?;
    match store.put_opts(&location, PutPayload::from(bytes.clone()), PutMode::Create.into()).await {
        Ok(_) => Ok(Published::Yes),
        Err(Error::AlreadyExists { .. }) => {
            // A write that was sent again after its answer was lost finds itself.
            let read = store.get(&location).await.map_err(failed("read"))?;
            let there = read.bytes().await.map_err(failed("read"))?;
            Ok(if there == bytes { Published::Yes } else { Published::Lost })
        }
        Err(source) => Err(failed("write")(source)),
    }
}

/// Returns whether a file lies there as it was written.
pub(super) fn is_whole(output: &Output, listed: &[DataFile]) -> bool {
    listed
        .iter()
        .any(|file| file.location.filename() == Some(output.name.as_str()) && file.size == output.size)
}
