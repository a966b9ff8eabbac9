//! The seal and the pages of a file against its bytes.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::{CRC_DIGITS, OFFSET_DIGITS, PAGES, PREFIX, SEAL};

/// Bytes that are not those that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Occurs when the seal itself was altered.
    #[error("its seal cannot be read")]
    Seal,
    /// Occurs when what lies behind the pages is not what was sealed.
    #[error("its footer is not what was written: the checksum differs")]
    Footer,
    /// Occurs when the footer names other pages than there are checksums of.
    #[error("its pages are others than those that were written")]
    Pages,
    /// Occurs when a page is not what was written.
    #[error("a page of it is not what was written: the checksum of byte {0} and following differs")]
    Page(u64),
}

/// The seal of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The end of the pages: everything from there on is sealed.
    pub(crate) from: u64,
    pub(super) crc: u32,
}

impl Seal {
    /// The seal in a footer; none in that of a file that was never sealed.
    ///
    /// Key and value are looked for as bytes, since a damaged footer is not to be parsed. One of them alone is a seal
    /// that was altered.
    pub(crate) fn find(footer: &[u8]) -> Result<Option<Self>, Broken> {
        let key = footer.windows(SEAL.len()).rposition(|bytes| bytes == SEAL.as_bytes());
        let value = footer.windows(VALUE).rposition(|bytes| read(bytes).is_some());
        match (key, value) {
            (None, None) => Ok(None),
            // Two bytes between them: the type and the length of the value.
            (Some(key), Some(value)) if value == key + SEAL.len() + 2 => {
                Ok(read(&footer[value..value + VALUE]))
            }
            _ => Err(Broken::Seal),
        }
    }

    /// Checks everything behind the pages, as it lies in the file.
    pub(crate) fn check(&self, behind: &[u8]) -> Result<(), Broken> {
        let value = behind.windows(VALUE).rposition(|bytes| read(bytes).is_some()).ok_or(Broken::Seal)?;
        let digits = value + PREFIX.len();
        let mut sum = crc32fast::Hasher::new();
        sum.update(&behind[..digits]);
        sum.update(&[b'0'; CRC_DIGITS]);
        sum.update(&behind[digits + CRC_DIGITS..]);
        if sum.finalize() == self.crc { Ok(()) } else { Err(Broken::Footer) }
    }
}

/// Bytes of a seal's value.
const VALUE: usize = PREFIX.len() + CRC_DIGITS + 1 + OFFSET_DIGITS;

fn read(value: &[u8]) -> Option<Seal> {
    let digits = value.strip_prefix(PREFIX.as_bytes())?;
    let (crc, offset) = digits.split_at_checked(CRC_DIGITS)?;
    let number = |digits: &[u8]| {
        // As it is written: no sign, no capitals.
        let lower = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let text = std::str::from_utf8(digits).ok().filter(|_| lower)?;
        u64::from_str_radix(text, 16).ok()
    };
    Some(Seal { crc: u32::try_from(number(crc)?).ok()?, from: number(offset.strip_prefix(b":")?)? })
}

/// The pages of a sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages {
    /// In the order of the file, one behind the other.
    pub(super) pages: Vec<Page>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) at: u64,
    pub(super) end: u64,
    crc: u32,
}

impl Pages {
    /// The pages that the footer of a sealed file names.
    pub(crate) fn of(metadata: &ParquetMetaData) -> Result<Self, Broken> {
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let sums = pairs.filter(|pair| pair.key == PAGES).find_map(|pair| pair.value.as_deref());
        let sums = sums.and_then(|sums| STANDARD.decode(sums).ok()).ok_or(Broken::Pages)?;
        let (sums, rest) = sums.as_chunks::<4>();
        let mut sums = sums.iter().map(|sum| u32::from_le_bytes(*sum));
        let mut pages = Vec::with_capacity(sums.len());
        let mut add = |at: i64, length: i64| {
            let at = u64::try_from(at).map_err(|_| Broken::Pages)?;
            let length = u64::try_from(length).map_err(|_| Broken::Pages)?;
            let crc = sums.next().ok_or(Broken::Pages)?;
            pages.push(Page { at, end: at.checked_add(length).ok_or(Broken::Pages)?, crc });
            Ok(())
        };
        let mut indexes = metadata.offset_index().map(|groups| groups.iter().flatten());
        for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
            let first = column.data_page_offset();
            if let Some(dictionary) = column.dictionary_page_offset() {
                add(dictionary, first.saturating_sub(dictionary))?;
            }
            if let Some(indexes) = &mut indexes {
                for page in indexes.next().ok_or(Broken::Pages)?.page_locations() {
                    add(page.offset, i64::from(page.compressed_page_size))?;
                }
            } else {
                // Where no column has more than one, there is no index.
                let start = column.dictionary_page_offset().unwrap_or(first);
                add(first, start.saturating_add(column.compressed_size()).saturating_sub(first))?;
            }
        }
        let whole = sums.next().is_none() && rest.is_empty();
        let in_order = pages.windows(2).all(|pair| pair[0].end == pair[1].at);
        if whole && in_order { Ok(Self { pages }) } else { Err(Broken::Pages) }
    }

    /// The smallest range of whole pages that holds `range`.
    pub(crate) fn around(&self, range: &Range<u64>) -> Range<u64> {
        let touched = self.touched(range);
        match (touched.first(), touched.last()) {
            (Some(first), Some(last)) => first.at.min(range.start)..last.end.max(range.end),
            _ => range.clone(),
        }
    }

    /// Checks the pages in the bytes that lie from `at` on in the file.
    pub(crate) fn check(&self, at: u64, bytes: &[u8]) -> Result<(), Broken> {
        for page in self.touched(&(at..at.saturating_add(bytes.len() as u64))) {
            let within = page.at.checked_sub(at).zip(page.end.checked_sub(at));
            let range =
                within.and_then(|(from, to)| Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?));
            let whole = range.and_then(|range| bytes.get(range));
            if whole.map(crc32fast::hash) != Some(page.crc) {
                return Err(Broken::Page(page.at));
            }
        }
        Ok(())
    }

    /// The pages of which some byte lies in `range`.
    fn touched(&self, range: &Range<u64>) -> &[Page] {
        let first = self.pages.partition_point(|page| page.end <= range.start);
        let behind = self.pages.partition_point(|page| page.at < range.end);
        self.pages.get(first..behind).unwrap_or_default()
    }

    /// Bytes that they take in memory.
    pub(crate) fn memory_size(&self) -> usize {
        self.pages.len() * size_of::<Page>()
    }
}
