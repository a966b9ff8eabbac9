//! A column of a sealed file → the same as if it had never been compressed.
//!
//! The parquet crate would open a decompressor and a compressor for every column of every file, which of small files is
//! most of the work.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use zstd::bulk::Decompressor;

use super::header::Header;

/// Opens pages of sealed files.
#[derive(Default)]
pub(crate) struct Unpacker {
    decompressor: Option<Decompressor<'static>>,
}

impl Unpacker {
    /// A column's metadata and bytes, unpacked. They stay as they are where readers have nothing to unpack, or where the
    /// pages are others than fluo writes.
    pub(crate) fn unpacked(
        &mut self,
        column: &ColumnChunkMetaData,
        bytes: Bytes,
    ) -> Result<(ColumnChunkMetaData, Bytes), ParquetError> {
        if !matches!(column.compression(), Compression::ZSTD(_)) {
            return Ok((column.clone(), bytes));
        }
        let mut pages = Vec::with_capacity(4 * bytes.len());
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let Some((header, data, following)) = Header::sealed(rest) else {
                return Ok((column.clone(), bytes));
            };
            let decompressor = match &mut self.decompressor {
                Some(opened) => opened,
                none => none.insert(Decompressor::new()?),
            };
            let size = usize::try_from(header.size).unwrap_or(usize::MAX);
            let data = decompressor.decompress(data, size)?;
            if data.len() != size {
                return Err(ParquetError::General("a page has another size than its header says".to_owned()));
            }
            pages.extend(header.plain(&data)?);
            pages.extend(data);
            rest = following;
        }
        let size = i64::try_from(pages.len()).map_err(|error| ParquetError::External(Box::new(error)))?;
        let column = column.clone().into_builder();
        let column =
            column.set_compression(Compression::UNCOMPRESSED).set_total_compressed_size(size).build()?;
        Ok((column, pages.into()))
    }
}
