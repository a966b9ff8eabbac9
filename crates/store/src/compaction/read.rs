//! The files that are merged, read from the first row to the last.
//!
//! Thousands of small files are fetched ahead, each whole and by one request: what is read of them is all of it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::errors::ParquetError;
use tokio::task::JoinHandle;

use crate::data_file::DataFile;
use crate::fault::FileFault;
use crate::file_reader::FileReader;
use crate::file_schema::Schemas;
use crate::guard::{guarded, guarded_stream};
use crate::open_file::{OpenFile, arrow_metadata, open};

/// Spans a batch.
const BATCH: usize = 8192;

/// The largest file that is fetched ahead, in bytes.
const SMALL: u64 = 2 << 20;

/// Files that are fetched ahead at a time.
const AHEAD: usize = 16;

/// Batches of a file, or what is wrong with it.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, FileFault>>;

/// Opens a file for reading from its first row to its last.
pub(crate) async fn batches(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    schemas: &Schemas,
) -> Result<(OpenFile, Batches), FileFault> {
    let (opened, footer) = open(store, file, schemas).await?;
    let location = file.location.clone();
    let build = || -> Result<_, ParquetError> {
        let metadata = arrow_metadata(&footer, &opened.layout)?;
        let reader = FileReader::new(Arc::clone(store), location.clone(), file.size, Arc::clone(&footer));
        ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata).with_batch_size(BATCH).build()
    };
    let built = guarded(build).map_err(|panic| FileFault::corrupt(&location, panic))?;
    let stream = built.map_err(|error| FileFault::corrupt(&location, error))?;
    let batches = guarded_stream(stream.boxed()).map(move |batch| match batch {
        Ok(batch) => batch.map_err(|error| FileFault::corrupt(&location, error)),
        Err(panic) => Err(FileFault::corrupt(&location, panic)),
    });
    Ok((opened, batches.boxed()))
}

/// A file on its way into a store of its own.
type Fetching = JoinHandle<Result<Arc<dyn ObjectStore>, FileFault>>;

/// Files that are fetched before they are read, in their order.
pub(super) struct Ahead {
    store: Arc<dyn ObjectStore>,
    files: Vec<(Path, u64)>,
    next: usize,
    under_way: Vec<Option<Fetching>>,
}

impl Ahead {
    pub(super) fn new(store: &Arc<dyn ObjectStore>, files: &[&DataFile]) -> Self {
        Self {
            store: Arc::clone(store),
            files: files.iter().map(|file| (file.location.clone(), file.size)).collect(),
            next: 0,
            under_way: files.iter().map(|_| None).collect(),
        }
    }

    /// The store that a file is to be read from: one that holds the file, if it was fetched.
    pub(super) async fn store_of(&mut self, at: usize) -> Result<Arc<dyn ObjectStore>, FileFault> {
        while self.next < self.files.len() && self.next < at + AHEAD {
            let (location, size) = self.files[self.next].clone();
            if size <= SMALL {
                let store = Arc::clone(&self.store);
                self.under_way[self.next] = Some(tokio::spawn(fetch(store, location)));
            }
            self.next += 1;
        }
        match self.under_way.get_mut(at).and_then(Option::take) {
            Some(task) => task.await.map_err(|error| FileFault::unavailable(&self.files[at].0, error))?,
            None => Ok(Arc::clone(&self.store)),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.under_way.iter().flatten().for_each(JoinHandle::abort);
    }
}

async fn fetch(store: Arc<dyn ObjectStore>, location: Path) -> Result<Arc<dyn ObjectStore>, FileFault> {
    let unavailable = |error| FileFault::unavailable(&location, error);
    let bytes = store.get(&location).await.map_err(unavailable)?.bytes().await.map_err(unavailable)?;
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    memory.put(&location, bytes.into()).await.map_err(unavailable)?;
    Ok(memory)
}
