//! Data files as tests read them: opened, and every span of them.

use std::sync::Arc;

use bytes::Bytes;
use fluo_spans::batch::from_batch;
use fluo_spans::span::Span;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::data_file::DataFile;
use crate::file_schema::Schemas;
use crate::open_file::{arrow_metadata, open};

/// The spans of a data file, in its order.
pub(crate) async fn read_back(parquet: Bytes) -> Vec<Span> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let location = Path::from("spans/x.parquet");
    let size = parquet.len() as u64;
    store.put(&location, parquet.clone().into()).await.unwrap();
    let file = DataFile { location, size, e_tag: None, last_modified_ms: 0, name: None, within: None };
    let (file, footer) = open(&store, &file, &Schemas::default()).await.unwrap();
    let metadata = arrow_metadata(&footer, &file.layout).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(parquet, metadata).build().unwrap();
    reader.flat_map(|batch| from_batch(&batch.unwrap()).unwrap()).collect()
}
