//! Bytes of a data file for readers of Parquet, each page checked before it is handed on.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

use crate::fault::FileFault;
use crate::file_schema::FileSchema;
use crate::footer::Footer;

/// Reads a file whose footer is known. Its errors are, or lead to, a [`FileFault`].
#[derive(Debug, Clone)]
pub struct FileReader {
    store: Arc<dyn ObjectStore>,
    location: Path,
    size: u64,
    footer: Arc<Footer>,
}

impl FileReader {
    /// Of the file at `location`, of `size` bytes.
    pub fn new(store: Arc<dyn ObjectStore>, location: Path, size: u64, footer: Arc<Footer>) -> Self {
        Self { store, location, size, footer }
    }

    /// The part of the footer that readers may go by.
    pub(crate) fn metadata(&self) -> &Arc<ParquetMetaData> {
        self.footer.for_readers()
    }

    /// Its columns.
    pub fn schema(&self) -> &FileSchema {
        self.footer.schema()
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.footer.is_sealed()
    }

    pub(crate) fn corrupt(&self, error: impl Error + Send + Sync + 'static) -> FileFault {
        FileFault::corrupt(&self.location, error)
    }

    pub(crate) async fn ranges(&self, asked: &[Range<u64>]) -> std::result::Result<Vec<Bytes>, FileFault> {
        if asked.iter().any(|range| range.start > range.end || range.end > self.size) {
            return Err(FileFault::corrupt(&self.location, "it names bytes that lie behind its end"));
        }
        let pages = self.footer.pages();
        let whole: Vec<Range<u64>> = asked
            .iter()
            .map(|range| pages.map_or_else(|| range.clone(), |pages| pages.around(range)))
            .collect();
        let read = self.store.get_ranges(&self.location, &whole).await;
        let read = read.map_err(|error| FileFault::unavailable(&self.location, error))?;
        let mut parts = Vec::with_capacity(asked.len());
        for ((asked, whole), bytes) in asked.iter().zip(whole).zip(read) {
            if bytes.len() as u64 != whole.end - whole.start {
                return Err(FileFault::unavailable(&self.location, "fewer bytes came than were asked for"));
            }
            if let Some(pages) = pages {
                pages
                    .check(whole.start, &bytes)
                    .map_err(|broken| FileFault::corrupt(&self.location, broken))?;
            }
            // What was read has a length that fits.
            let at = |place: u64| usize::try_from(place - whole.start).unwrap_or(usize::MAX).min(bytes.len());
            parts.push(bytes.slice(at(asked.start)..at(asked.end)));
        }
        Ok(parts)
    }
}

fn as_parquet(fault: FileFault) -> ParquetError {
    ParquetError::External(Box::new(fault))
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { Ok(self.ranges(&[range]).await.map_err(as_parquet)?.concat().into()) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.ranges(&ranges).await.map_err(as_parquet) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let metadata = Arc::clone(self.metadata());
        async move { Ok(metadata) }.boxed()
    }
}
