//! Span tables as others write them: the same spans as a file of each member of the flat, ClickHouse-like family.
//!
//! Names and types are those of the programs' published schemas. Each member leaves out what it has no column for; which
//! of a span's parts that are, [`Member::kept`] says.

mod member;
mod tables;
mod values;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use fluo_spans::span::{Attributes, InstrumentationScope, Span};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

pub use member::Member;
use tables::columns;
use values::{micros, millis};

impl Member {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::ClickHouse,
        Self::ClickHouseNested,
        Self::ClickHouseJson,
        Self::Otlp2Parquet,
        Self::Otlp2ParquetJson,
        Self::Otlp2RecordsOld,
        Self::Otlp2Records,
        Self::Rotel,
    ];

    /// The spans as a Parquet file of this member.
    ///
    /// # Errors
    ///
    /// Those of the libraries.
    pub fn write(self, spans: &[Span]) -> Result<Vec<u8>, ParquetError> {
        self.write_in_groups(spans, ROWS_OF_A_GROUP)
    }

    /// The same in row groups of so many rows.
    ///
    /// # Errors
    ///
    /// Those of the libraries.
    pub fn write_in_groups(self, spans: &[Span], rows: usize) -> Result<Vec<u8>, ParquetError> {
        write(&self.batch(spans)?, self.compression(), rows)
    }

    /// The same without some of its columns.
    ///
    /// # Errors
    ///
    /// Those of the libraries.
    pub fn write_without(self, spans: &[Span], without: &[&str]) -> Result<Vec<u8>, ParquetError> {
        let mut columns = columns(self, spans)?;
        columns.retain(|(name, _)| !without.contains(name));
        write(&RecordBatch::try_from_iter(columns)?, self.compression(), ROWS_OF_A_GROUP)
    }

    fn compression(self) -> Compression {
        match self {
            Self::ClickHouse => Compression::LZ4_RAW,
            Self::ClickHouseNested => Compression::ZSTD(ZstdLevel::default()),
            Self::Otlp2Records => Compression::GZIP(GzipLevel::default()),
            Self::Rotel => Compression::UNCOMPRESSED,
            _ => Compression::SNAPPY,
        }
    }

    /// The spans as rows of this member.
    ///
    /// # Errors
    ///
    /// Those of the library.
    pub fn batch(self, spans: &[Span]) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_from_iter(columns(self, spans)?)
    }

    /// The part of a span that this member keeps.
    #[must_use]
    pub fn kept(self, span: &Span) -> Span {
        let is_records = matches!(self, Self::Otlp2RecordsOld | Self::Otlp2Records);
        let mut kept = span.clone();
        if !is_records {
            (kept.flags, kept.dropped_attributes, kept.dropped_events, kept.dropped_links) = (0, 0, 0, 0);
            let InstrumentationScope { name, version, .. } = span.scope.as_ref().clone();
            kept.scope = Arc::new(InstrumentationScope { name, version, attributes: Attributes::default() });
        }
        if matches!(self, Self::Otlp2ParquetJson | Self::Otlp2RecordsOld) {
            kept.start_ns = micros(span.start_ns) * 1_000;
            if self == Self::Otlp2ParquetJson {
                kept.end_ns = kept.start_ns + (span.end_ns - span.start_ns);
                for event in &mut kept.events {
                    event.time_ns = micros(event.time_ns) * 1_000;
                }
            } else {
                kept.end_ns = kept.start_ns + millis(span.end_ns - span.start_ns) * 1_000_000;
            }
        }
        kept
    }
}

/// The row groups that writers make unless they are told.
const ROWS_OF_A_GROUP: usize = 1 << 20;

/// A batch as a Parquet file in row groups of so many rows.
///
/// # Errors
///
/// Those of the library.
pub fn write(batch: &RecordBatch, compression: Compression, rows: usize) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(rows))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(file)
}
