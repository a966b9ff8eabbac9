//! Footers of one store's data files, and columns of the small ones, kept for as long as there is room.
//!
//! An evaluation a minute reads a file as often as windows reach back to it. To open a small file and to begin each of
//! its columns takes longer than all else that is done with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheValue};
use fluo_store::{FileFault, Footer, Schemas};
use object_store::ObjectStore;
use object_store::path::Path;

/// Bytes of footers that are kept: those of two thousand small files.
const FOOTERS: usize = 64 << 20;

/// Bytes of columns that are kept.
const COLUMNS: usize = 32 << 20;

/// The most rows of a file whose columns are kept, if nobody says otherwise.
pub(crate) const FEW_ROWS: u64 = 16_384;

/// Footers and columns of the data files of a store.
pub(crate) struct FileCache {
    store: Arc<dyn ObjectStore>,
    /// The most rows of a file whose columns are kept.
    pub(crate) few_rows: u64,
    pub(crate) schemas: Schemas,
    footers: DefaultCache<Path, Kept<Arc<Footer>>>,
    columns: DefaultCache<Path, Kept<Arc<BTreeMap<String, ArrayRef>>>>,
}

/// Something of a file.
#[derive(Clone)]
struct Kept<T> {
    /// Of the file: one of another size is another file.
    size: u64,
    what: T,
    bytes: usize,
}

impl<T: Clone + Send + Sync> CacheValue for Kept<T> {
    fn size(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for FileCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FileCache").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

impl FileCache {
    /// Of a store, of which nothing is known.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, few_rows: u64) -> Self {
        Self {
            store,
            few_rows,
            schemas: Schemas::default(),
            footers: DefaultCache::new(FOOTERS),
            columns: DefaultCache::new(COLUMNS),
        }
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Keeps the footer of a file that was opened, and forgets what is known of one that lay there before.
    pub(crate) fn opened(&self, location: &Path, size: u64, footer: Arc<Footer>) {
        self.columns.remove(location);
        self.keep(location, size, footer);
    }

    fn keep(&self, location: &Path, size: u64, footer: Arc<Footer>) {
        let bytes = footer.memory_size();
        self.footers.put(location, Kept { size, what: footer, bytes });
    }

    /// The footer of a file of this size.
    pub(crate) async fn footer(&self, location: &Path, size: u64) -> Result<Arc<Footer>, FileFault> {
        if let Some(kept) = self.footers.get(location).filter(|kept| kept.size == size) {
            return Ok(kept.what);
        }
        let footer = Arc::new(Footer::read(self.store.as_ref(), location, size, &self.schemas).await?);
        self.keep(location, size, Arc::clone(&footer));
        Ok(footer)
    }

    /// The columns that are kept of a file of this size, by name.
    pub(crate) fn columns(&self, location: &Path, size: u64) -> Arc<BTreeMap<String, ArrayRef>> {
        let kept = self.columns.get(location).filter(|kept| kept.size == size);
        kept.map(|kept| kept.what).unwrap_or_default()
    }

    /// Keeps columns of a file in the place of those that were kept of it.
    pub(crate) fn keep_columns(&self, location: &Path, size: u64, columns: Arc<BTreeMap<String, ArrayRef>>) {
        let bytes = columns.values().map(Array::get_array_memory_size).sum();
        self.columns.put(location, Kept { size, what: columns, bytes });
    }
}
