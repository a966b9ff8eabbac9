//! OTLP files, and Parquet of others, of a local folder into a store: what `ingest` writes to disk, and `eval` to memory.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use fluo_spans::DecodeError;
use fluo_spans::error::Foreign;
use fluo_spans::layout::Layout;
use fluo_store::{IngestOptions, Ingested, StoreError, Written, ingest_object};
use object_store::ObjectStore;

use crate::bounded;
use crate::edge::now;
use crate::exit::chain;

/// The outcome of reading a file.
pub(crate) enum Became {
    /// Its spans are stored.
    Ingested(Ingested),
    /// It holds another signal: nothing is wrong with it.
    Other(Foreign),
    /// It could not be read or stored.
    Failed(String),
}

/// Ingests a file below `spans/` of a store.
pub(crate) async fn ingest_file(
    store: &dyn ObjectStore,
    layout: &Layout,
    file: &Path,
    options: &IngestOptions,
) -> Became {
    let (bytes, written) = match read(file, options.limits.max_bytes) {
        Ok(read) => read,
        Err(error) => return Became::Failed(error.to_string()),
    };
    let root = object_store::path::Path::from("spans");
    match ingest_object(store, &root, bytes, written, layout, options).await {
        Ok(ingested) => Became::Ingested(ingested),
        Err(StoreError::Decode(DecodeError::NotTraces(
            foreign @ (Foreign::Logs | Foreign::Metrics | Foreign::Profiles),
        ))) => Became::Other(foreign),
        Err(error) => Became::Failed(chain(&error)),
    }
}

/// A file's bytes, and when it was written.
fn read(file: &Path, limit: u64) -> io::Result<(Bytes, Written)> {
    let bytes = Bytes::from(bounded::read(file, limit)?);
    let modified = fs::metadata(file)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified_ms = i64::try_from(modified.as_millis()).unwrap_or(i64::MAX);
    Ok((bytes, Written::File { modified_ms, now_ms: now() / 1_000_000 }))
}
