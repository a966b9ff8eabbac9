//! Columns → a sealed file.
//!
//! The parquet crate encodes the columns and their pages. It checks checksums of pages and writes none, compresses each
//! column with a compressor of its own, and writes more into a footer than any reader of ours asks for. So pages are
//! packed here, and the file is put together here: pages with their checksums, the indexes of pages unless every column has
//! but one, and a footer with the seal.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, OffsetIndexBuilder, ParquetMetaData, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedFileWriter, TrackedWrite};
use parquet::schema::types::SchemaDescPtr;

use super::pages::{Packed, Page, Shared};
use super::{CRC_DIGITS, PAGES, PREFIX, SEAL, text, unexpected};
use crate::parquet_write::described::Described;

const MAGIC: &[u8] = b"PAR1";

/// A file while its rows come in.
pub(crate) struct SealedWriter {
    schema: SchemaRef,
    described: SchemaDescPtr,
    columns: ArrowRowGroupWriterFactory,
    shelf: Shared,
    properties: Arc<WriterProperties>,
    /// The writers of the present row group, and its rows.
    open: Option<(Vec<ArrowColumnWriter>, usize)>,
    file: File,
}

/// The file so far.
struct File {
    bytes: Vec<u8>,
    /// The checksums that go into [`PAGES`].
    sums: Vec<u8>,
    groups: Vec<RowGroupMetaData>,
    column_indexes: Vec<Vec<ColumnIndexMetaData>>,
    offset_indexes: Vec<Vec<OffsetIndexMetaData>>,
    /// True if a column has several pages.
    indexed: bool,
}

impl SealedWriter {
    /// An empty file. `properties` say how columns are encoded, without compression, and `levels` how far the pages of
    /// each are then compressed.
    pub(crate) fn try_new(
        columns: Described,
        properties: WriterProperties,
        levels: Vec<Option<i32>>,
    ) -> Result<Self, ParquetError> {
        let properties = Arc::new(properties);
        let Described { arrow: schema, parquet: described } = columns;
        // The factory takes schema and properties from a writer; this one writes nothing.
        let file =
            SerializedFileWriter::new(io::sink(), described.root_schema_ptr(), Arc::clone(&properties))?;
        let shelf = Shared::new(levels);
        let columns = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        let columns = columns.with_page_store_factory(Arc::new(shelf.clone()));
        let file = File {
            bytes: MAGIC.to_vec(),
            sums: Vec::new(),
            groups: Vec::new(),
            column_indexes: Vec::new(),
            offset_indexes: Vec::new(),
            indexed: false,
        };
        Ok(Self { schema, described, columns, shelf, properties, open: None, file })
    }

    /// Adds rows, and ends row groups that are full.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let most = self.properties.max_row_group_row_count().unwrap_or(usize::MAX);
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let (writers, rows) = match &mut self.open {
                Some(open) => open,
                none => none.insert((self.columns.create_column_writers(self.file.groups.len())?, 0)),
            };
            let part = rest.slice(0, rest.num_rows().min(most - *rows));
            let mut writers = writers.iter_mut();
            for (field, array) in self.schema.fields().iter().zip(part.columns()) {
                for leaf in compute_leaves(field, array)? {
                    writers.next().ok_or_else(|| unexpected("a column is too many"))?.write(&leaf)?;
                }
            }
            *rows += part.num_rows();
            if *rows == most {
                self.flush()?;
            }
            rest = rest.slice(part.num_rows(), rest.num_rows() - part.num_rows());
        }
        Ok(())
    }

    /// Ends the row group.
    pub(crate) fn flush(&mut self) -> Result<(), ParquetError> {
        let Some((writers, rows)) = self.open.take() else { return Ok(()) };
        let rows = i64::try_from(rows).map_err(|_| unexpected("it has too many rows"))?;
        let start = self.file.offset()?;
        let (mut columns, mut column_indexes, mut offset_indexes) = (Vec::new(), Vec::new(), Vec::new());
        for (index, writer) in writers.into_iter().enumerate() {
            let mut chunk = writer.close()?;
            let packed = self.shelf.take(index)?;
            let (column, offsets) = self.file.column(chunk.close(), &packed, rows)?;
            column_indexes.push(chunk.close_mut().column_index.take().unwrap_or(ColumnIndexMetaData::NONE));
            offset_indexes.push(offsets);
            columns.push(column);
        }
        let size = columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let ordinal =
            i16::try_from(self.file.groups.len()).map_err(|_| unexpected("it has too many groups"))?;
        let group = RowGroupMetaData::builder(Arc::clone(&self.described))
            .set_num_rows(rows)
            .set_total_byte_size(size)
            .set_sorting_columns(self.properties.sorting_columns().cloned())
            .set_column_metadata(columns)
            .set_file_offset(start)
            .set_ordinal(ordinal);
        self.file.groups.push(group.build()?);
        self.file.column_indexes.push(column_indexes);
        self.file.offset_indexes.push(offset_indexes);
        Ok(())
    }

    /// Returns about how many bytes of memory the columns of the file take so far, and how many row groups it has.
    pub(crate) fn size(&self) -> (usize, usize) {
        let open = self.open.iter().flat_map(|(writers, _)| writers).map(ArrowColumnWriter::memory_size);
        (self.file.bytes.len() + self.shelf.size() + open.sum::<usize>(), self.file.groups.len())
    }

    /// The file, with `pairs` in its footer beside those of the properties.
    pub(crate) fn finish(mut self, pairs: Vec<KeyValue>) -> Result<Vec<u8>, ParquetError> {
        self.flush()?;
        let File { mut bytes, sums, groups, column_indexes, offset_indexes, indexed } = self.file;
        let behind_pages = bytes.len();
        let rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
        let mut all = self.properties.key_value_metadata().cloned().unwrap_or_default();
        all.extend(pairs);
        all.push(KeyValue::new(PAGES.to_owned(), STANDARD.encode(sums)));
        all.push(KeyValue::new(SEAL.to_owned(), text(0, behind_pages as u64)));
        let version = self.properties.writer_version().as_num();
        let by = Some(self.properties.created_by().to_owned());
        let described = FileMetaData::new(version, rows, by, Some(all), self.described, None);
        let mut metadata = ParquetMetaData::new(described, groups).into_builder();
        if indexed {
            metadata = metadata.set_column_index(Some(column_indexes)).set_offset_index(Some(offset_indexes));
        }
        let mut behind = Behind { pages: behind_pages, bytes: Vec::new() };
        let mut to = TrackedWrite::new(&mut behind);
        // So that it counts offsets from the beginning of the file.
        to.write_all(&bytes)?;
        ParquetMetaDataWriter::new_with_tracked(to, &metadata.build()).finish()?;
        close(&mut behind.bytes, behind_pages)?;
        bytes.extend(behind.bytes);
        Ok(bytes)
    }
}

fn without_old_bounds(statistics: Statistics) -> Statistics {
    match statistics {
        Statistics::Int32(values) => Statistics::Int32(values.with_backwards_compatible_min_max(false)),
        Statistics::Int64(values) => Statistics::Int64(values.with_backwards_compatible_min_max(false)),
        others => others,
    }
}

/// Fills in the seal of what lies behind the pages.
fn close(behind: &mut [u8], behind_pages: usize) -> Result<(), ParquetError> {
    let open = text(0, behind_pages as u64);
    let at = behind.windows(open.len()).rposition(|bytes| bytes == open.as_bytes());
    let at = at.ok_or_else(|| unexpected("its footer lost the seal"))? + PREFIX.len();
    let crc = format!("{:0CRC_DIGITS$x}", crc32fast::hash(behind));
    behind[at..at + CRC_DIGITS].copy_from_slice(crc.as_bytes());
    Ok(())
}

/// Bytes that follow so many bytes of pages.
struct Behind {
    pages: usize,
    bytes: Vec<u8>,
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let known = self.pages.min(bytes.len());
        self.pages -= known;
        self.bytes.extend(&bytes[known..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl File {
    fn offset(&self) -> Result<i64, ParquetError> {
        i64::try_from(self.bytes.len()).map_err(|_| unexpected("it is too large"))
    }

    /// Writes the pages of a column: its dictionary, if it has one, and then the others.
    fn column(
        &mut self,
        closed: &ColumnCloseResult,
        packed: &Packed,
        rows: i64,
    ) -> Result<(ColumnChunkMetaData, OffsetIndexMetaData), ParquetError> {
        let known = closed.offset_index.as_ref().ok_or_else(|| unexpected("a column has no offset index"))?;
        let firsts = known.page_locations().iter().map(|page| page.first_row_index);
        if known.page_locations().len() != packed.pages.len() {
            return Err(unexpected("a column has other pages than its index"));
        }
        let start = self.offset()?;
        let mut uncompressed = 0;
        if let Some(page) = &packed.dictionary {
            uncompressed += self.page(page)?.1;
        }
        let data = self.offset()?;
        let mut index = OffsetIndexBuilder::new();
        let ends = firsts.clone().skip(1).chain([rows]);
        for (page, (first, end)) in packed.pages.iter().zip(firsts.zip(ends)) {
            let at = self.offset()?;
            let (length, unpacked) = self.page(page)?;
            uncompressed += unpacked;
            index.append_offset_and_size(at, length);
            index.append_row_count(end - first);
        }
        self.indexed |= packed.pages.len() > 1;
        // How pages are encoded, how often each level occurs, how large texts are: dozens of bytes a column.
        let column = closed.metadata.clone().into_builder();
        let column = column
            .set_compression(packed.codec)
            .set_dictionary_page_offset(packed.dictionary.is_some().then_some(start))
            .set_data_page_offset(data)
            .set_total_compressed_size(self.offset()? - start)
            .set_total_uncompressed_size(uncompressed)
            .clear_page_encoding_stats()
            .set_unencoded_byte_array_data_bytes(None)
            .set_repetition_level_histogram(None)
            .set_definition_level_histogram(None);
        // Nor the bounds once more, as readers before 2017 look for them.
        let column = match closed.metadata.statistics().cloned().map(without_old_bounds) {
            Some(statistics) => column.set_statistics(statistics),
            None => column,
        };
        Ok((column.build()?, index.build()))
    }

    /// Writes a page with its checksum, and returns its length, and what that would be without compression.
    fn page(&mut self, page: &Page) -> Result<(i32, i64), ParquetError> {
        let header = page.header.of(&page.data)?;
        let start = self.bytes.len();
        self.bytes.extend(&header);
        self.bytes.extend(&page.data);
        self.sums.extend(crc32fast::hash(&self.bytes[start..]).to_le_bytes());
        let length =
            i32::try_from(self.bytes.len() - start).map_err(|_| unexpected("a page is too large"))?;
        Ok((length, i64::from(page.header.size) + i64::try_from(header.len()).unwrap_or(i64::MAX)))
    }
}
