//! Footers of data files, checked when they are read, and kept for as long as there is room.

use std::fmt;
use std::sync::Arc;

use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheValue};
use fluo_store::{FileFault, Footer};
use object_store::ObjectStore;
use object_store::path::Path;

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

    /// The footer of a file of this size.
    pub(crate) async fn get(&self, location: &Path, size: u64) -> Result<Arc<Footer>, FileFault> {
        if let Some(kept) = self.kept.get(location).filter(|kept| kept.size == size) {
            return Ok(kept.footer);
        }
        let footer = Arc::new(Footer::read(self.store.as_ref(), location, size).await?);
        self.keep(location, size, Arc::clone(&footer));
        Ok(footer)
    }
}
