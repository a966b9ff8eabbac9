//! A finished Parquet file → the same with checksums.
//!
//! The parquet crate checks page checksums and writes none. So they are put into the headers of its pages afterwards,
//! which makes each page a few bytes longer and moves whatever lies behind: offsets are counted anew, and the crate
//! writes the footer again. That is the time to leave out of it what no reader of ours asks for, and the indexes of pages
//! where every column has but one.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, OffsetIndexBuilder, ParquetMetaData, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::TrackedWrite;

use super::{CRC_DIGITS, PAGES, PREFIX, SEAL, text};

/// The bytes of a file with checksums. `metadata` is what its writer returned when it finished the file.
pub(crate) fn sealed(bytes: &[u8], metadata: ParquetMetaData) -> Result<Vec<u8>, ParquetError> {
    let mut sealed = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let behind_pages = write(bytes, metadata, &mut sealed)?;
    close(&mut sealed, behind_pages)?;
    Ok(sealed)
}

/// Writes the file with a seal that is to be filled in, and returns where its pages end.
fn write(bytes: &[u8], metadata: ParquetMetaData, sealed: &mut Vec<u8>) -> Result<usize, ParquetError> {
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups();
    let indexes = builder.take_offset_index().unwrap_or_default();
    if groups.len() != indexes.len() {
        return Err(unexpected("it has no offset index"));
    }
    let indexed = indexes.iter().flatten().any(|index| index.page_locations().len() > 1);
    let mut written = TrackedWrite::new(sealed);
    written.write_all(b"PAR1")?;
    let mut file = Pages { from: bytes, to: written, sums: Vec::new(), indexed };
    let (mut moved, mut moved_indexes) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
    for (group, index) in groups.into_iter().zip(&indexes) {
        let (group, index) = file.group(group, index)?;
        moved.push(group);
        moved_indexes.push(index);
    }
    let Pages { to, sums, .. } = file;
    let behind_pages = to.bytes_written();
    let column_index = builder.take_column_index();
    let described = described(builder.build().file_metadata(), &sums, behind_pages as u64);
    let mut metadata = ParquetMetaData::new(described, moved).into_builder();
    if indexed {
        metadata = metadata.set_column_index(column_index).set_offset_index(Some(moved_indexes));
    }
    ParquetMetaDataWriter::new_with_tracked(to, &metadata.build()).finish()?;
    Ok(behind_pages)
}

/// What the footer says of the file as a whole, with the checksums and a seal that is to be filled in.
fn described(file: &FileMetaData, sums: &[u8], behind_pages: u64) -> FileMetaData {
    let mut pairs = file.key_value_metadata().cloned().unwrap_or_default();
    pairs.push(KeyValue::new(PAGES.to_owned(), STANDARD.encode(sums)));
    pairs.push(KeyValue::new(SEAL.to_owned(), text(0, behind_pages)));
    FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        Some(pairs),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    )
}

/// Fills in the seal.
fn close(file: &mut [u8], behind_pages: usize) -> Result<(), ParquetError> {
    let behind = &mut file[behind_pages..];
    let open = text(0, behind_pages as u64);
    let at = behind.windows(open.len()).rposition(|bytes| bytes == open.as_bytes());
    let at = at.ok_or_else(|| unexpected("its footer lost the seal"))? + PREFIX.len();
    let crc = format!("{:0CRC_DIGITS$x}", crc32fast::hash(behind));
    behind[at..at + CRC_DIGITS].copy_from_slice(crc.as_bytes());
    Ok(())
}

/// Pages on their way from one file to another.
struct Pages<'a, W: Write> {
    from: &'a [u8],
    to: TrackedWrite<W>,
    /// What goes into [`PAGES`].
    sums: Vec<u8>,
    /// True if the file says where each of its pages lies.
    indexed: bool,
}

impl<W: Write + Send> Pages<'_, W> {
    fn group(
        &mut self,
        group: RowGroupMetaData,
        indexes: &[OffsetIndexMetaData],
    ) -> Result<(RowGroupMetaData, Vec<OffsetIndexMetaData>), ParquetError> {
        let (rows, size) = (group.num_rows(), group.total_byte_size());
        let file_offset = offset(self.to.bytes_written())?;
        let mut builder = group.into_builder();
        let mut moved = Vec::with_capacity(indexes.len());
        let mut grown = 0;
        for (column, index) in builder.take_columns().into_iter().zip(indexes) {
            let before = column.compressed_size();
            let (column, index) = self.column(column, index, rows)?;
            grown += column.compressed_size() - before;
            builder = builder.add_column_metadata(column);
            moved.push(index);
        }
        let builder = builder.set_total_byte_size(size + grown).set_file_offset(file_offset);
        Ok((builder.build()?, moved))
    }

    /// The pages of a column: its dictionary, if it has one, and then those of its offset index.
    fn column(
        &mut self,
        column: ColumnChunkMetaData,
        index: &OffsetIndexMetaData,
        rows: i64,
    ) -> Result<(ColumnChunkMetaData, OffsetIndexMetaData), ParquetError> {
        let pages = index.page_locations();
        let first = pages.first().ok_or_else(|| unexpected("a column has no page"))?.offset;
        let dictionary = match column.dictionary_page_offset() {
            Some(at) => {
                let moved = offset(self.to.bytes_written())?;
                self.page(at, first - at)?;
                Some(moved)
            }
            None => None,
        };
        let data = offset(self.to.bytes_written())?;
        let mut moved = OffsetIndexBuilder::new();
        let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([rows]);
        for (page, end) in pages.iter().zip(ends) {
            let start = offset(self.to.bytes_written())?;
            let length = self.page(page.offset, i64::from(page.compressed_page_size))?;
            moved.append_offset_and_size(start, length);
            moved.append_row_count(end - page.first_row_index);
        }
        let end = offset(self.to.bytes_written())?;
        let size = end - dictionary.unwrap_or(data);
        let uncompressed = column.uncompressed_size() + size - column.compressed_size();
        // How pages are encoded, how often each level occurs, how large texts are: dozens of bytes a column.
        let mut column = column
            .into_builder()
            .set_dictionary_page_offset(dictionary)
            .set_data_page_offset(data)
            .set_total_compressed_size(size)
            .set_total_uncompressed_size(uncompressed)
            .clear_page_encoding_stats()
            .set_unencoded_byte_array_data_bytes(None)
            .set_repetition_level_histogram(None)
            .set_definition_level_histogram(None);
        if !self.indexed {
            column = column
                .set_column_index_offset(None)
                .set_column_index_length(None)
                .set_offset_index_offset(None)
                .set_offset_index_length(None);
        }
        Ok((column.build()?, moved.build()))
    }

    /// Copies a page with its checksum in its header, and returns its new length.
    fn page(&mut self, at: i64, length: i64) -> Result<i32, ParquetError> {
        let range = usize::try_from(at).ok().zip(usize::try_from(length).ok());
        let page = range.and_then(|(at, length)| self.from.get(at..at.checked_add(length)?));
        let page = page.ok_or_else(|| unexpected("a page lies outside"))?;
        let (header, data) = with_checksum(page).ok_or_else(|| unexpected("a page has another header"))?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&header);
        sum.update(data);
        self.sums.extend(sum.finalize().to_le_bytes());
        self.to.write_all(&header)?;
        self.to.write_all(data)?;
        i32::try_from(header.len() + data.len()).map_err(|_| unexpected("a page is too large"))
    }
}

/// The header of a page with the checksum of its data, and the data; nothing where the header is another than the
/// parquet crate writes.
///
/// A header in Thrift's compact protocol begins with three integers: each one byte that says by how much the field's
/// number is higher than the last one's (1) and that it is a 32-bit integer (5), and then a varint. The checksum is
/// field 4; the field that follows counts from it.
fn with_checksum(page: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    const NEXT_INTEGER: u8 = 0x15;
    let mut at = 0;
    let mut last = 0;
    for _ in 0..3 {
        if *page.get(at)? != NEXT_INTEGER {
            return None;
        }
        (last, at) = varint(page, at + 1)?;
    }
    // Zigzag: sizes are not negative.
    let length = usize::try_from(last / 2).ok()?;
    let data = page.get(page.len().checked_sub(length)?..)?;
    let rest = page.get(at..page.len() - length)?;
    let (following, rest) = rest.split_first()?;
    let mut header = page[..at].to_vec();
    header.push(NEXT_INTEGER);
    let crc = crc32fast::hash(data).cast_signed();
    let mut zigzag = ((crc << 1) ^ (crc >> 31)).cast_unsigned();
    loop {
        let [low, ..] = zigzag.to_le_bytes();
        zigzag >>= 7;
        header.push(low & 0x7f | if zigzag > 0 { 0x80 } else { 0 });
        if zigzag == 0 {
            break;
        }
    }
    // One number less to count. Field 4 itself is not there: no writer of ours puts it.
    if following >> 4 < 2 {
        return None;
    }
    header.push(following - 0x10);
    header.extend(rest);
    Some((header, data))
}

/// A varint, and where it ends.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

fn offset(at: usize) -> Result<i64, ParquetError> {
    i64::try_from(at).map_err(|_| unexpected("it is too large"))
}

fn unexpected(what: &str) -> ParquetError {
    ParquetError::General(format!("a file that was just written cannot be sealed: {what}"))
}
