//! Pages of a row group on their way into a file: as the columns' writers hand them over → packed.
//!
//! The parquet crate would open a compressor for every column of every file, which of small files is most of the work.
//! So it hands its pages over as they are encoded, and all of them share one compressor. A column that compression makes
//! no smaller stays as it is, so that nobody has to unpack it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::page_store::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::ParquetError;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::header::Header;
use super::unexpected;

/// The most bytes of a column that wait until it is known whether compression makes it smaller. Larger columns are
/// compressed as they come.
const MAX_WAITING: usize = 64 << 10;

/// One page.
pub(super) struct Page {
    pub(super) header: Header,
    /// As encoded, or compressed.
    pub(super) data: Bytes,
}

/// One column of the row group so far.
#[derive(Default)]
struct Column {
    /// The header whose page comes next.
    header: Option<Header>,
    dictionary: Option<Page>,
    pages: Vec<Page>,
    /// Bytes as encoded.
    size: usize,
    compressed: bool,
}

/// A column whose pages have all come.
pub(super) struct Packed {
    pub(super) codec: Compression,
    /// Its dictionary, if it has one.
    pub(super) dictionary: Option<Page>,
    pub(super) pages: Vec<Page>,
}

/// The pages of all columns of one row group.
pub(super) struct Shelf {
    /// The level of compression of each column; none for those that stay as they are.
    levels: Vec<Option<i32>>,
    packer: Packer,
    columns: BTreeMap<usize, Column>,
}

/// The shelf, for the columns' writers.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Shelf>>);

impl Shared {
    pub(super) fn new(levels: Vec<Option<i32>>) -> Self {
        Self(Arc::new(Mutex::new(Shelf { levels, packer: Packer::default(), columns: BTreeMap::new() })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shelf) -> T) -> T {
        // What a writer left behind that panicked is never read.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a column whose pages have all come.
    pub(super) fn take(&self, column: usize) -> Result<Packed, ParquetError> {
        self.with(|shelf| shelf.take(column))
    }

    /// The bytes on it.
    pub(super) fn size(&self) -> usize {
        self.with(|shelf| shelf.columns.values().map(Column::held).sum())
    }
}

impl Shelf {
    fn put(&mut self, index: usize, bytes: Bytes) -> Result<(), ParquetError> {
        let column = self.columns.entry(index).or_default();
        // A page comes as its header and its data.
        let Some(header) = column.header.take() else {
            column.header = Some(Header::read(&bytes)?);
            return Ok(());
        };
        column.size += bytes.len();
        let mut page = Page { header, data: bytes };
        let level = self.levels.get(index).copied().flatten();
        if let Some(level) = level.filter(|_| column.size > MAX_WAITING) {
            if !column.compressed {
                column.compressed = true;
                for waiting in column.dictionary.iter_mut().chain(&mut column.pages) {
                    waiting.data = self.packer.compressed(level, &waiting.data)?;
                }
            }
            page.data = self.packer.compressed(level, &page.data)?;
        }
        if page.header.is_dictionary() {
            column.dictionary = Some(page);
        } else {
            column.pages.push(page);
        }
        Ok(())
    }

    fn take(&mut self, index: usize) -> Result<Packed, ParquetError> {
        let column = self.columns.remove(&index).ok_or_else(|| unexpected("a column has no page"))?;
        let level = self.levels.get(index).copied().flatten();
        let Column { mut dictionary, mut pages, size, compressed: mut smaller, .. } = column;
        if let Some(level) = level.filter(|_| !smaller) {
            let all = || dictionary.iter().chain(&pages);
            let packed = all().map(|page| self.packer.compressed(level, &page.data));
            let packed: Vec<Bytes> = packed.collect::<Result<_, _>>()?;
            smaller = packed.iter().map(Bytes::len).sum::<usize>() < size;
            if smaller {
                for (page, packed) in dictionary.iter_mut().chain(&mut pages).zip(packed) {
                    page.data = packed;
                }
            }
        }
        let codec = match level.filter(|_| smaller) {
            Some(level) => Compression::ZSTD(ZstdLevel::try_new(level)?),
            None => Compression::UNCOMPRESSED,
        };
        Ok(Packed { codec, dictionary, pages })
    }
}

impl Column {
    fn held(&self) -> usize {
        self.dictionary.iter().chain(&self.pages).map(|page| page.data.len()).sum()
    }
}

/// The compressor of all pages, with a place for its output.
#[derive(Default)]
struct Packer {
    compressor: Compressor<'static>,
    output: Vec<u8>,
}

impl Packer {
    fn compressed(&mut self, level: i32, data: &[u8]) -> Result<Bytes, ParquetError> {
        self.compressor.set_compression_level(level)?;
        self.output.clear();
        self.output.reserve(compress_bound(data.len()));
        self.compressor.compress_to_buffer(data, &mut self.output)?;
        Ok(Bytes::copy_from_slice(&self.output))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl PageStoreFactory for Shared {
    fn create(&self, args: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>, ParquetError> {
        Ok(Box::new(ColumnStore { shelf: self.clone(), column: args.column_index() }))
    }
}

/// The part of a shelf that one column's writer sees.
struct ColumnStore {
    shelf: Shared,
    column: usize,
}

impl PageStore for ColumnStore {
    fn put(&mut self, value: Bytes) -> Result<PageKey, ParquetError> {
        self.shelf.with(|shelf| shelf.put(self.column, value))?;
        Ok(PageKey::new(0))
    }

    fn take(&mut self, _: PageKey) -> Result<Bytes, ParquetError> {
        // Whoever writes the file takes whole columns.
        Err(unexpected("a page is asked back"))
    }
}
