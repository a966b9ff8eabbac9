//! The headers of pages, before any page is read: what reading them takes.
//!
//! A page of a few bytes may say that it holds two thousand million values in two gigabytes, and the library takes it at its
//! word. Only three numbers of a header matter here, so it is read here: the library keeps its own reader to itself.

use bytes::Bytes;
use parquet::file::metadata::ColumnChunkMetaData;

/// A page header that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header of the page at byte {at} cannot be")]
pub(super) struct Broken {
    at: usize,
}

/// The pages of a part of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pages {
    /// Bytes of all of them, decompressed.
    pub(super) bytes: u64,
    /// Values in them, in dictionaries too.
    pub(super) values: u64,
}

/// The sum of what the headers of a part of a column say.
pub(super) fn sum(file: &Bytes, chunk: &ColumnChunkMetaData) -> Result<Pages, Broken> {
    let (from, length) = chunk.byte_range();
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let (mut at, end) = (place(from), place(from.saturating_add(length)));
    if end > file.len() {
        return Err(Broken { at });
    }
    let mut sum = Pages::default();
    while at < end {
        let broken = Broken { at };
        let mut header = Reader { bytes: file.get(at..end).unwrap_or_default(), at: 0 };
        let page = header.page().ok_or(broken)?;
        at = at.saturating_add(header.at).saturating_add(place(page.compressed));
        // Every entry of a dictionary has a byte at least.
        if at > end || page.is_dictionary && page.values > page.uncompressed {
            return Err(broken);
        }
        sum.bytes = sum.bytes.saturating_add(page.uncompressed);
        sum.values = sum.values.saturating_add(page.values);
    }
    Ok(sum)
}

/// The content of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Page {
    is_dictionary: bool,
    uncompressed: u64,
    compressed: u64,
    values: u64,
}

/// A reader of Thrift's compact protocol.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// Types of the compact protocol.
mod types {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const STRUCT: u8 = 12;
}

/// The deepest nesting of a header: a page of data has statistics.
const DEEPEST: usize = 4;

impl Reader<'_> {
    fn page(&mut self) -> Option<Page> {
        let mut page = Page::default();
        self.fields(DEEPEST, &mut |reader, id, kind, depth| {
            match (id, kind) {
                (2, types::I32) => page.uncompressed = reader.count()?,
                (3, types::I32) => page.compressed = reader.count()?,
                // Of data, of a dictionary, of data in the second form.
                (5 | 7 | 8, types::STRUCT) => {
                    page.is_dictionary = id == 7;
                    reader.fields(depth, &mut |reader, id, kind, depth| match (id, kind) {
                        (1, types::I32) => {
                            page.values = reader.count()?;
                            Some(())
                        }
                        _ => reader.skip(kind, depth),
                    })?;
                }
                _ => reader.skip(kind, depth)?,
            }
            Some(())
        })?;
        Some(page)
    }

    /// Hands the id and type of each field of a structure to `field`, which must read it.
    fn fields(
        &mut self,
        depth: usize,
        field: &mut dyn FnMut(&mut Self, u64, u8, usize) -> Option<()>,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let mut id: u64 = 0;
        loop {
            let head = self.byte()?;
            let kind = head & 0xf;
            if kind == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => self.count()?,
                more => id + u64::from(more),
            };
            field(self, id, kind, depth)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            types::TRUE | types::FALSE => {}
            types::BYTE => self.step(1)?,
            types::I16 | types::I32 | types::I64 => {
                self.varint()?;
            }
            types::DOUBLE => self.step(8)?,
            types::BINARY => {
                let length = self.varint()?;
                self.step(length)?;
            }
            types::STRUCT => self.fields(depth, &mut |reader, _, kind, depth| reader.skip(kind, depth))?,
            // Headers have no lists, sets or maps.
            _ => return None,
        }
        Some(())
    }

    fn step(&mut self, bytes: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(bytes).ok()?).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number that is not negative.
    fn count(&mut self) -> Option<u64> {
        let zigzag = self.varint()?;
        (zigzag & 1 == 0).then_some(zigzag >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 values in 300 bytes, compressed to 100, with a checksum and statistics.
    const DATA: [u8; 23] = [
        0x15, 0, 0x15, 0xd8, 4, 0x15, 0xc8, 1, 0x15, 7, 0x1c, 0x15, 50, 0x15, 0, 0x4c, 0x18, 2, b'a', b'z',
        0, 0, 0,
    ];

    #[test]
    fn a_header_says_what_its_page_takes() {
        let mut reader = Reader { bytes: &DATA, at: 0 };
        let page = Page { is_dictionary: false, uncompressed: 300, compressed: 100, values: 25 };
        assert_eq!(reader.page(), Some(page));
        assert_eq!(reader.at, DATA.len());
        for length in 0..DATA.len() {
            assert_eq!(Reader { bytes: &DATA[..length], at: 0 }.page(), None, "{length} bytes of it");
        }
    }

    #[test]
    fn what_no_header_can_be_is_none() {
        let negative = [0x15, 0, 0x15, 1, 0];
        let nested = [0x5c; 64];
        let list = [0x59, 0x15, 0, 0];
        let endless = [0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
        for bytes in [&negative[..], &nested[..], &list[..], &endless[..]] {
            assert_eq!(Reader { bytes, at: 0 }.page(), None, "{bytes:x?}");
        }
    }
}
