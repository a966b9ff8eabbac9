//! Footers of data files, kept for as long as there is room, and readers of files that get theirs here.
//!
//! DataFusion asks for a reader of each file of each query. All of them read through [`FileReader`], which checks what
//! it hands on, with footers that were checked when they were read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::error::Result as QueryResult;
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheValue};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use fluo_store::{FileFault, FileReader, Footer};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

/// Bytes of footers that are kept: those of a thousand small files.
const KEPT: usize = 64 << 20;

/// The footers of one store's data files.
pub(crate) struct Footers {
    store: Arc<dyn ObjectStore>,
    kept: DefaultCache<Path, Kept>,
}

#[derive(Clone)]
struct Kept {
    /// Of the file: one of another size is another file.
    size: u64,
    footer: Arc<Footer>,
}

impl CacheValue for Kept {
    fn size(&self) -> usize {
        self.footer.memory_size()
    }
}

impl fmt::Debug for Footers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Footers").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

impl Footers {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, kept: DefaultCache::new(KEPT) }
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Keeps the footer of a file that was opened.
    pub(crate) fn keep(&self, location: &Path, size: u64, footer: Arc<Footer>) {
        self.kept.put(location, Kept { size, footer });
    }

    async fn get(&self, location: &Path, size: u64) -> std::result::Result<Arc<Footer>, FileFault> {
        if let Some(kept) = self.kept.get(location).filter(|kept| kept.size == size) {
            return Ok(kept.footer);
        }
        let footer = Arc::new(Footer::read(self.store.as_ref(), location, size).await?);
        self.keep(location, size, Arc::clone(&footer));
        Ok(footer)
    }
}

/// Makes readers whose footers are kept.
#[derive(Debug)]
pub(crate) struct Readers(pub(crate) Arc<Footers>);

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> QueryResult<Box<dyn AsyncFileReader + Send>> {
        let object = file.object_meta;
        let footers = Arc::clone(&self.0);
        Ok(Box::new(Unread { footers, location: object.location, size: object.size, reader: None }))
    }
}

/// A file whose footer is asked for once something of it is read.
struct Unread {
    footers: Arc<Footers>,
    location: Path,
    size: u64,
    reader: Option<FileReader>,
}

impl Unread {
    async fn reader(&mut self) -> Result<&mut FileReader> {
        if self.reader.is_none() {
            let footer = self.footers.get(&self.location, self.size).await;
            let footer = footer.map_err(|fault| ParquetError::External(Box::new(fault)))?;
            let store = Arc::clone(self.footers.store());
            self.reader = Some(FileReader::new(store, self.location.clone(), self.size, footer));
        }
        self.reader.as_mut().ok_or_else(|| ParquetError::General("a reader is missing".to_owned()))
    }
}

impl AsyncFileReader for Unread {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.reader().await?.get_bytes(range).await }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.reader().await?.get_byte_ranges(ranges).await }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move { self.reader().await?.get_metadata(options).await }.boxed()
    }
}
