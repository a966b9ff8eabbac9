//! The lists of a column, before they are read: how many values stand in one row.
//!
//! A repetition level of zero begins a row. Levels are runs of one level, or of eight packed ones, so that a few bytes may
//! say that millions of values stand in one row.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::pages::Reader;

/// Levels that cannot be.
const BROKEN: &str = "repetition levels that cannot be";

/// The most values that stand in one row of a part of a column with lists.
pub(super) fn longest_row(
    file: &Bytes,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> Result<u64, ParquetError> {
    let broken = || ParquetError::General(BROKEN.to_owned());
    let width = i16::BITS - chunk.column_descr().max_rep_level().leading_zeros();
    let mut pages = SerializedPageReader::new(Arc::new(file.clone()), chunk, rows, None)?;
    let mut longest = Rows::default();
    while let Some(page) = pages.get_next_page()? {
        let (levels, values) = match &page {
            Page::DictionaryPage { .. } => continue,
            Page::DataPage { buf, num_values, rep_level_encoding: Encoding::RLE, .. } => {
                let (length, levels) = buf.split_first_chunk::<4>().ok_or_else(broken)?;
                let length = usize::try_from(u32::from_le_bytes(*length)).ok();
                (length.and_then(|length| levels.get(..length)).ok_or_else(broken)?, *num_values)
            }
            Page::DataPage { .. } => return Err(broken()),
            Page::DataPageV2 { buf, num_values, rep_levels_byte_len, .. } => {
                let length = usize::try_from(*rep_levels_byte_len).ok();
                (length.and_then(|length| buf.get(..length)).ok_or_else(broken)?, *num_values)
            }
        };
        longest.read(levels, width, values.into()).ok_or_else(broken)?;
    }
    Ok(longest.longest)
}

/// Rows as their levels come.
#[derive(Debug, Default)]
struct Rows {
    /// Values of the row so far.
    present: u64,
    longest: u64,
}

impl Rows {
    /// Reads so many levels; none where there are fewer.
    fn read(&mut self, bytes: &[u8], width: u32, mut left: u64) -> Option<()> {
        let mut reader = Reader { bytes, at: 0 };
        while left > 0 {
            let head = reader.varint()?;
            if head & 1 == 0 {
                // A level has fewer than eight bits.
                let level = reader.byte()?;
                let run = (head >> 1).min(left);
                if run == 0 {
                    return None;
                }
                self.add(level == 0, run);
                left -= run;
                continue;
            }
            let packed = head >> 1;
            if packed == 0 {
                return None;
            }
            for _ in 0..packed {
                let mut eight: u64 = 0;
                for place in 0..width {
                    eight |= u64::from(reader.byte()?) << (8 * place);
                }
                for place in 0..left.min(8) {
                    let level = eight >> (place * u64::from(width)) & ((1 << width) - 1);
                    self.add(level == 0, 1);
                }
                left = left.saturating_sub(8);
                if left == 0 {
                    break;
                }
            }
        }
        Some(())
    }

    fn add(&mut self, begins: bool, values: u64) {
        self.present = if begins { 1 } else { self.present.saturating_add(values) };
        self.longest = self.longest.max(self.present);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(pages: &[(&[u8], u64)], width: u32) -> Option<u64> {
        let mut rows = Rows::default();
        for (levels, values) in pages {
            rows.read(levels, width, *values)?;
        }
        Some(rows.longest)
    }

    #[test]
    fn the_longest_row_is_found_whatever_levels_are_packed_as() {
        // 0 1 1 0 1 1 1 0, the first at the lowest bit.
        assert_eq!(longest(&[(&[3, 0b0111_0110], 8)], 1), Some(4));
        assert_eq!(longest(&[(&[3, 0b0111_0110], 3)], 1), Some(3), "what follows is padding");
        // 0, then a million ones.
        let million = [2, 0, 0x80, 0x89, 0x7a, 1];
        assert_eq!(longest(&[(&million, 1_000_001)], 1), Some(1_000_001));
        assert_eq!(
            longest(&[(&million, 1_000_001), (&[16, 1], 8)], 1),
            Some(1_000_009),
            "rows go on in pages"
        );
        assert_eq!(longest(&[(&[16, 0], 8)], 1), Some(1), "eight rows of one");
        // 0 2 1 2 0 1 2 2 in two bits each.
        assert_eq!(longest(&[(&[3, 0b1001_1000, 0b1010_0100], 8)], 2), Some(4));
    }

    #[test]
    fn levels_that_break_off_are_none() {
        for levels in [&[][..], &[2], &[3], &[0x80], &[0, 0], &[1, 0]] {
            assert_eq!(longest(&[(levels, 8)], 1), None, "{levels:?}");
        }
    }
}
