//! Some spans of a store, the newest first: what somebody looks at who wants to know what they are called.

use std::sync::Arc;

use fluo_spans::batch::from_batch;
use fluo_spans::span::Span;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::data_file::DataFile;
use crate::error::StoreError;
use crate::file_schema::Schemas;
use crate::list::{list, resolve_root};
use crate::names::current;
use crate::open_file::{arrow_metadata, open};
use crate::root::Root;

/// The bounds of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleLimits {
    /// Most files.
    pub files: usize,
    /// Most bytes of one file; a larger one is passed over.
    pub file_bytes: u64,
    /// Most spans of one file.
    pub spans: usize,
}

impl Default for SampleLimits {
    fn default() -> Self {
        Self { files: 16, file_bytes: 32 << 20, spans: 20_000 }
    }
}

/// Gives spans of the newest data files of a store to `take`, file by file. Files that cannot be read are passed over: a
/// sample of the others is one, too.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn sample(
    root: &Root,
    limits: SampleLimits,
    mut take: impl FnMut(&[Span]),
) -> Result<(), StoreError> {
    let store = &root.store;
    let spans = resolve_root(store.as_ref(), &root.at(&Path::from("spans"))).await?;
    let mut files = current(list(store.as_ref(), &spans).await?.files, |file| file.name.as_ref()).current;
    files.sort_by(|one, other| {
        other.ends_ns().end().cmp(one.ends_ns().end()).then(one.location.cmp(&other.location))
    });
    let schemas = Schemas::default();
    for file in files.iter().filter(|file| file.size <= limits.file_bytes).take(limits.files) {
        if let Some(spans) = read(store, file.stored(), &schemas, limits.spans).await {
            take(&spans);
        }
    }
    Ok(())
}

/// The first spans of a data file; none where it cannot be read.
async fn read(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    schemas: &Schemas,
    most: usize,
) -> Option<Vec<Span>> {
    let (opened, footer) = open(store, file, schemas).await.ok()?;
    let metadata = arrow_metadata(&footer, &opened.layout).ok()?;
    let bytes = store.get(&file.location).await.ok()?.bytes().await.ok()?;
    let reader =
        ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata).with_limit(most).build().ok()?;
    let mut spans = Vec::new();
    for batch in reader {
        spans.extend(from_batch(&batch.ok()?).ok()?);
    }
    Some(spans)
}
