//! Some columns of a small data file as Arrow has them: fetched together, checked, and decoded in one piece.
//!
//! The parquet crate's stream of batches makes Arrow's schema anew for each file, and plans how the file is to be read. Of
//! a file of some thousand rows there is nothing to plan.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::fault::FileFault;
use crate::file_reader::FileReader;
use crate::file_schema::Selection;
use crate::guard::guarded;
use crate::seal::Unpacker;

impl FileReader {
    /// Reads all rows of some columns into one batch.
    ///
    /// # Errors
    ///
    /// [`FileFault::Unavailable`] where requests fail; [`FileFault::Corrupt`] where the file is not what was written, or
    /// cannot be decoded.
    pub async fn whole_columns(&self, selection: &Selection) -> Result<RecordBatch, FileFault> {
        let metadata = self.metadata();
        let ranges = || {
            let groups = metadata.row_groups().iter();
            let chunks = groups.flat_map(|group| selection.leaves.iter().map(|leaf| group.column(*leaf)));
            chunks
                .map(|chunk| {
                    let (at, length) = chunk.byte_range();
                    at..at.saturating_add(length)
                })
                .collect::<Vec<_>>()
        };
        let ranges = guarded(ranges).map_err(|panic| self.corrupt(panic))?;
        let fetched = self.ranges(&ranges).await?;
        let decode =
            || Columns::of(metadata, self.is_sealed(), selection, &ranges, fetched)?.batch(selection);
        guarded(decode).map_err(|panic| self.corrupt(panic))?.map_err(|error| self.corrupt(error))
    }
}

/// Columns that were fetched.
struct Columns {
    metadata: Arc<ParquetMetaData>,
    /// By leaf, those of each row group.
    by_leaf: HashMap<usize, Vec<Arc<Chunk>>>,
}

impl Columns {
    /// Those of each row group, in the order in which they are selected.
    fn of(
        metadata: &Arc<ParquetMetaData>,
        is_sealed: bool,
        selection: &Selection,
        ranges: &[Range<u64>],
        fetched: Vec<Bytes>,
    ) -> Result<Self, ParquetError> {
        let mut by_leaf: HashMap<usize, Vec<Arc<Chunk>>> =
            selection.leaves.iter().map(|leaf| (*leaf, Vec::new())).collect();
        let mut unpacker = Unpacker::default();
        let mut fetched = ranges.iter().zip(fetched);
        for group in metadata.row_groups() {
            for (leaf, (range, bytes)) in selection.leaves.iter().zip(fetched.by_ref()) {
                let column = group.column(*leaf);
                let (column, bytes) =
                    if is_sealed { unpacker.unpacked(column, bytes)? } else { (column.clone(), bytes) };
                by_leaf.entry(*leaf).or_default().push(Arc::new(Chunk { column, at: range.start, bytes }));
            }
        }
        Ok(Self { metadata: Arc::clone(metadata), by_leaf })
    }

    fn batch(&self, selection: &Selection) -> Result<RecordBatch, ParquetError> {
        let rows = self.num_rows();
        let mut batches =
            ParquetRecordBatchReader::try_new_with_row_groups(&selection.levels, self, rows.max(1), None)?;
        match (batches.next().transpose()?, batches.next()) {
            (Some(batch), None) if batch.num_rows() == rows => Ok(batch),
            (None, _) if rows == 0 => Ok(RecordBatch::new_empty(batches.schema())),
            _ => Err(ParquetError::General("its columns have other numbers of rows than it says".to_owned())),
        }
    }
}

impl RowGroups for Columns {
    fn num_rows(&self) -> usize {
        let groups = self.metadata.row_groups().iter();
        groups.map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let chunks = self.by_leaf.get(&leaf);
        let chunks = chunks.ok_or_else(|| ParquetError::General(format!("column {leaf} was not fetched")))?;
        let chunks = chunks.clone().into_iter().enumerate();
        Ok(Box::new(Chunks { metadata: Arc::clone(&self.metadata), chunks }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column.
struct Chunks {
    metadata: Arc<ParquetMetaData>,
    chunks: std::iter::Enumerate<std::vec::IntoIter<Arc<Chunk>>>,
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (group, chunk) = self.chunks.next()?;
        let rows = usize::try_from(self.metadata.row_group(group).num_rows()).unwrap_or(0);
        let pages = SerializedPageReader::new(Arc::clone(&chunk), &chunk.column, rows, None);
        Some(pages.map(|pages| Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunks {}

/// The bytes of a column in one row group, and where they lie in the file.
struct Chunk {
    column: ColumnChunkMetaData,
    at: u64,
    bytes: Bytes,
}

impl Chunk {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let at = start.checked_sub(self.at).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= self.bytes.len());
        Ok(self.bytes.slice(at.ok_or_else(|| outside(start))?..))
    }
}

fn outside(start: u64) -> ParquetError {
    ParquetError::General(format!("byte {start} lies outside of its column"))
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(bytes::Buf::reader(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() { Err(outside(start)) } else { Ok(bytes.slice(..length)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::compute::concat_batches;
    use arrow::datatypes::Schema;
    use fluo_spans::batch::to_batch;
    use fluo_spans::layout::Layout;
    use fluo_spans::schema::{columns, span_schema};
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::{WriterProperties, WriterVersion};

    use super::*;
    use crate::counts::FileCounts;
    use crate::file_schema::Schemas;
    use crate::footer::Footer;
    use crate::open_file::tests::spans;
    use crate::parquet_write::{Packing, SpanFileWriter};

    fn sealed(packing: Packing) -> Vec<u8> {
        let layout = Layout::builtin();
        let mut writer = SpanFileWriter::new(&layout, packing);
        writer.add(&spans(200), 7).unwrap();
        writer.finish(&FileCounts::default(), true).unwrap()
    }

    /// As another program may write it.
    fn of_others(version: WriterVersion) -> Vec<u8> {
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(64))
            .build();
        let schema = span_schema(&Layout::builtin());
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
        writer.write(&to_batch(&spans(200), 7, &Layout::builtin()).unwrap()).unwrap();
        writer.into_inner().unwrap()
    }

    async fn reader(file: Vec<u8>, opened: &[u8]) -> FileReader {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Path::from("spans/x.parquet");
        let size = file.len() as u64;
        store.put(&location, opened.to_vec().into()).await.unwrap();
        let footer = Footer::read(store.as_ref(), &location, size, &Schemas::default()).await.unwrap();
        store.put(&location, file.into()).await.unwrap();
        FileReader::new(store, location, size, Arc::new(footer))
    }

    fn names(some: &[&str]) -> BTreeSet<String> {
        some.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn columns_hold_what_was_written() {
        let whole = to_batch(&spans(200), 7, &Layout::builtin()).unwrap();
        let all: Vec<String> =
            Schema::fields(&whole.schema()).iter().map(|field| field.name().clone()).collect();
        let files = [
            ("packed", sealed(Packing::Small)),
            ("not packed", sealed(Packing::Quick)),
            ("of others, in row groups", of_others(WriterVersion::PARQUET_1_0)),
            ("of others, in another form", of_others(WriterVersion::PARQUET_2_0)),
        ];
        for (scenario, file) in files {
            let reader = reader(file.clone(), &file).await;
            for some in [all.clone(), vec![columns::END_TIME.to_owned()], all[3..12].to_vec()] {
                let some: BTreeSet<String> = some.into_iter().collect();
                let selection = reader.schema().selected(&Layout::builtin(), &some).unwrap();
                let read = reader.whole_columns(&selection).await.unwrap();
                let places: Vec<usize> = (0..all.len()).filter(|at| some.contains(&all[*at])).collect();
                let expected = whole.project(&places).unwrap();
                assert_eq!(read.num_rows(), expected.num_rows(), "{scenario}");
                let texts = |batch: &RecordBatch| {
                    let batch = concat_batches(&batch.schema(), [batch]).unwrap();
                    arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string()
                };
                assert_eq!(texts(&read), texts(&expected), "{scenario}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_without_rows_has_columns_without_rows() {
        let layout = Layout::builtin();
        let file = SpanFileWriter::new(&layout, Packing::Small).finish(&FileCounts::default(), true).unwrap();
        let reader = reader(file.clone(), &file).await;
        let selection = reader.schema().selected(&layout, &names(&[columns::END_TIME])).unwrap();
        let read = reader.whole_columns(&selection).await.unwrap();
        assert_eq!((read.num_rows(), read.num_columns()), (0, 1));
    }

    #[tokio::test]
    async fn a_flipped_bit_of_a_column_is_told() {
        let file = sealed(Packing::Small);
        for at in [4, 20, 60] {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            let reader = reader(damaged, &file).await;
            let selection =
                reader.schema().selected(&Layout::builtin(), &names(&[columns::TRACE_ID])).unwrap();
            let read = reader.whole_columns(&selection).await;
            assert!(matches!(read, Err(FileFault::Corrupt { .. })), "{at}: {read:?}");
        }
    }
}
