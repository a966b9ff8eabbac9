//! The footer of a data file, read and checked.
//!
//! ```text
//! end of the file ─▶ of the size listed? ─▶ mark ─▶ seal? ─┬ holds ─▶ parsed
//!                                                          └ none ──▶ parsed; nothing that it says of values is used
//! ```
//!
//! A seal is checked before anything is parsed. Where there is none, statistics may lie, and a reader that leaves out
//! pages by them would silently miss spans.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
};

use crate::fault::FileFault;
use crate::file_schema::{FileSchema, Schemas};
use crate::guard::guarded;
use crate::seal::{Broken, Pages, Seal};

/// Bytes at the end of a file that are fetched at once: they hold the footer of most.
const PROBABLY_ENOUGH: u64 = 64 << 10;

/// Bytes of the length and the mark that a file ends with.
const TRAILER: u64 = 8;

/// A footer that was read and checked.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Its content.
    metadata: Arc<ParquetMetaData>,
    /// The place of each page of a sealed file, and what its bytes must be.
    pages: Option<Pages>,
    for_readers: Arc<ParquetMetaData>,
    schema: Arc<FileSchema>,
}

impl Footer {
    /// Reads the footer of a file of known size. `schemas`: those that were met in the store.
    ///
    /// # Errors
    ///
    /// [`FileFault::Unavailable`] where requests fail, or the file is of another size now; [`FileFault::Corrupt`]
    /// where it is no Parquet, or not what was written.
    pub async fn read(
        store: &dyn ObjectStore,
        location: &Path,
        size: u64,
        schemas: &Schemas,
    ) -> Result<Self, FileFault> {
        let end = End { store, location, size };
        let mut tail = end.from(size.saturating_sub(PROBABLY_ENOUGH)).await?;
        let Some((_, [a, b, c, d, b'P', b'A', b'R', b'1'])) = tail.split_last_chunk() else {
            return Err(FileFault::corrupt(location, "it does not end as Parquet does"));
        };
        let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
        let from = size.checked_sub(length + TRAILER);
        let from = from.ok_or_else(|| FileFault::corrupt(location, "its footer is larger than the file"))?;
        tail = end.reaching(tail, from).await?;
        let broken = |broken: Broken| FileFault::corrupt(location, broken);
        let seal = Seal::find(end.part(&tail, from)).map_err(broken)?;
        if let Some(seal) = seal {
            if seal.from > from {
                return Err(broken(Broken::Seal));
            }
            tail = end.reaching(tail, seal.from).await?;
            seal.check(end.part(&tail, seal.from)).map_err(broken)?;
        }
        // Without a seal, not even the place of page indexes is known for certain.
        let indexes = if seal.is_some() { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
        let footer = end.part(&tail, from);
        let known = schemas.of(footer);
        let options = known.as_ref().map(|schema| schema.options());
        let metadata =
            parsed(&tail, size, indexes, options).map_err(|error| FileFault::corrupt(location, error))?;
        let schema = known.unwrap_or_else(|| schemas.keep(footer, &metadata));
        let metadata = Arc::new(metadata);
        let pages = seal.map(|_| Pages::of(&metadata)).transpose().map_err(broken)?;
        let for_readers = match pages {
            Some(_) => Arc::clone(&metadata),
            None => Arc::new(without_claims(&metadata).map_err(|error| FileFault::corrupt(location, error))?),
        };
        Ok(Self { metadata, pages, for_readers, schema })
    }

    /// Its content, whether or not anything vouches for it. Statistics of times are always there, others only if the schema
    /// was new.
    pub fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    /// Returns the metadata that readers may go by: of a file without a seal, nothing that is said of values.
    pub fn for_readers(&self) -> &Arc<ParquetMetaData> {
        &self.for_readers
    }

    /// Its columns.
    pub fn schema(&self) -> &FileSchema {
        &self.schema
    }

    /// Returns whether checksums vouch for what it says, and for every page.
    pub fn is_sealed(&self) -> bool {
        self.pages.is_some()
    }

    pub(crate) fn pages(&self) -> Option<&Pages> {
        self.pages.as_ref()
    }

    /// Bytes that it takes in memory.
    pub fn memory_size(&self) -> usize {
        let pages = self.pages.as_ref().map_or(0, Pages::memory_size);
        let shared = Arc::ptr_eq(&self.metadata, &self.for_readers);
        let for_readers = if shared { 0 } else { self.for_readers.memory_size() };
        self.metadata.memory_size() + for_readers + pages
    }
}

/// The end of a file.
struct End<'a> {
    store: &'a dyn ObjectStore,
    location: &'a Path,
    size: u64,
}

impl End<'_> {
    /// The bytes from `from` on.
    async fn from(&self, from: u64) -> Result<Bytes, FileFault> {
        self.range(from, self.size).await
    }

    async fn range(&self, from: u64, to: u64) -> Result<Bytes, FileFault> {
        let unavailable = |error: object_store::Error| FileFault::unavailable(self.location, error);
        if from >= to {
            return Ok(Bytes::new());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(from..to)), ..GetOptions::default() };
        let answer = self.store.get_opts(self.location, options).await;
        let answer = answer.map_err(unavailable)?;
        let size = answer.meta.size;
        let bytes = answer.bytes().await.map_err(unavailable)?;
        if size != self.size || bytes.len() as u64 != to - from {
            let reason = format!("it has {size} bytes, and was listed with {}", self.size);
            return Err(FileFault::unavailable(self.location, reason));
        }
        Ok(bytes)
    }

    /// `tail`, or more of the end: from `from` on.
    async fn reaching(&self, tail: Bytes, from: u64) -> Result<Bytes, FileFault> {
        let known = self.size - tail.len() as u64;
        if from >= known {
            return Ok(tail);
        }
        let before = self.range(from, known).await?;
        Ok([before, tail].concat().into())
    }

    /// The part of `tail` from `from` on, which it reaches.
    fn part<'t>(&self, tail: &'t [u8], from: u64) -> &'t [u8] {
        let length = usize::try_from(self.size - from).unwrap_or(usize::MAX);
        &tail[tail.len().saturating_sub(length)..]
    }
}

fn parsed(
    tail: &Bytes,
    size: u64,
    indexes: PageIndexPolicy,
    options: Option<ParquetMetaDataOptions>,
) -> Result<ParquetMetaData, ParquetError> {
    let parsing = || {
        let mut reader =
            ParquetMetaDataReader::new().with_page_index_policy(indexes).with_metadata_options(options);
        reader.try_parse_sized(tail, size)?;
        reader.finish()
    };
    guarded(parsing).map_err(|panic| ParquetError::External(Box::new(panic)))?
}

/// The same without statistics, page indexes and filters.
fn without_claims(metadata: &ParquetMetaData) -> Result<ParquetMetaData, ParquetError> {
    let bare = |group: &parquet::file::metadata::RowGroupMetaData| {
        let mut builder = group.clone().into_builder();
        for column in builder.take_columns() {
            let column = column
                .into_builder()
                .clear_statistics()
                .set_bloom_filter_offset(None)
                .set_bloom_filter_length(None)
                .set_column_index_offset(None)
                .set_column_index_length(None)
                .set_offset_index_offset(None)
                .set_offset_index_length(None)
                .build()?;
            builder = builder.add_column_metadata(column);
        }
        builder.build()
    };
    let groups = metadata.row_groups().iter().map(bare).collect::<Result<Vec<_>, ParquetError>>()?;
    Ok(ParquetMetaData::new(metadata.file_metadata().clone(), groups))
}
