//! Parquet of others as a table of spans: its columns and rows, for `fluo_spans::flat`.
//!
//! Nothing of the file is believed. What it says of Arrow is not looked at. Text is read as bytes, so that bytes which are
//! not UTF-8 cost themselves. A row group is a part of its own: one that cannot be read, or on which a library panics, is
//! set aside, and the others are read. What its pages decompress to is known before ([`pages`]), and so is how many rows
//! are read at once ([`levels`]).

mod levels;
mod pages;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use bytes::Bytes;
use fluo_spans::decode::Rest;
use fluo_spans::flat::Part;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_spans::{Batch, DecodeError, Limits, SpanTable, decode_rows};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use crate::guard::guarded;

/// The most rows that are read at once.
const ROWS_AT_ONCE: u64 = 1_024;

/// Bytes of memory that a value of a list takes in rows that are read at once: its levels, and a view of its bytes.
const VALUE: u64 = 20;

/// The most bytes that such values may take together.
const VALUES_AT_ONCE: u64 = 64 << 20;

/// The deepest that a column of the family nests: a list of structures with a map.
const DEEPEST: usize = 8;

/// Returns whether bytes are Parquet. No OTLP begins so.
pub(super) fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PAR1")
}

/// Reads a table, and hands its spans to `sink` in small batches, until it wants no more.
///
/// # Errors
///
/// Those of [`decode_rows`]; [`DecodeError::Parquet`] where the footer cannot be read; [`DecodeError::NotSpanTable`] and
/// [`DecodeError::NotTraces`] by its columns; [`DecodeError::DataFile`] where fluo wrote it; [`DecodeError::TooLarge`] where a row group decompresses to too much.
pub(super) fn decode(
    bytes: &Bytes,
    limits: &Limits,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<Rest, DecodeError> {
    decode_within(bytes, limits, VALUES_AT_ONCE, sink)
}

fn decode_within(
    bytes: &Bytes,
    limits: &Limits,
    values_at_once: u64,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<Rest, DecodeError> {
    let opened = guarded(|| Opened::of(bytes, limits)).map_err(unreadable)??;
    let mut too_large = false;
    let Opened { table, metadata, mask } = opened;
    let parts = RowGroups {
        bytes,
        metadata,
        mask,
        limits,
        values_at_once,
        next: 0,
        open: None,
        too_large: &mut too_large,
    };
    let rest = decode_rows(&table, parts, limits, sink);
    if too_large { Err(DecodeError::TooLarge { limit: limits.max_bytes }) } else { rest }
}

fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> DecodeError {
    DecodeError::Parquet { source: source.into() }
}

/// A file whose columns are known.
struct Opened {
    table: SpanTable,
    metadata: ArrowReaderMetadata,
    /// The columns that say something of spans.
    mask: ProjectionMask,
}

impl Opened {
    fn of(bytes: &Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        let mut footer = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        footer.try_parse(bytes).map_err(unreadable)?;
        let footer = footer.finish().map_err(unreadable)?;
        let columns = footer.file_metadata().schema_descr().root_schema().get_fields();
        let table = SpanTable::of(columns.iter().map(|column| column.name()));
        let table = table.map_err(|error| if is_own(&footer) { DecodeError::DataFile } else { error })?;
        // Every row is a span, or counts as one.
        let rows =
            footer.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
        let rows = rows.fold(0, u64::saturating_add);
        if rows.saturating_mul(size_of::<Span>() as u64) > limits.max_object_cost {
            return Err(DecodeError::TooCostly { limit: limits.max_object_cost });
        }
        let metadata = as_bytes(bytes, columns, &table).map_err(unreadable)?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), table.places());
        Ok(Self { table, metadata, mask })
    }
}

/// Returns whether fluo wrote a file.
fn is_own(footer: &ParquetMetaData) -> bool {
    let pairs = || footer.file_metadata().key_value_metadata().into_iter().flatten();
    let value = |key: &str| pairs().find(|pair| pair.key == key)?.value.as_deref();
    Layout::from_metadata(value).is_some()
}

/// The metadata of a file whose text is to be read as bytes.
fn as_bytes(
    bytes: &Bytes,
    columns: &[TypePtr],
    table: &SpanTable,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let mut columns = columns.to_vec();
    for place in table.places() {
        if let Some(column) = columns.get_mut(place) {
            *column = without_text(column, DEEPEST)?;
        }
    }
    let root = Type::group_type_builder("schema").with_fields(columns).build()?;
    let parquet = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let arrow = parquet_to_arrow_schema(&parquet, None)?;
    let arrow = Schema::new(arrow.fields().iter().map(as_views).collect::<Fields>());
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .with_parquet_schema(parquet)
        .with_schema(Arc::new(arrow));
    ArrowReaderMetadata::load(bytes, options)
}

/// A column of which nothing says any more that its bytes are text.
fn without_text(column: &TypePtr, levels: usize) -> Result<TypePtr, ParquetError> {
    let info = column.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if column.is_group() {
        let Some(levels) = levels.checked_sub(1) else { return Ok(Arc::clone(column)) };
        let fields = column.get_fields().iter().map(|field| without_text(field, levels));
        let group = Type::group_type_builder(column.name())
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_fields(fields.collect::<Result<_, _>>()?)
            .with_id(id);
        return Ok(Arc::new(group.build()?));
    }
    let is_number = matches!(info.logical_type_ref(), Some(LogicalType::Decimal(_)));
    if column.get_physical_type() != PhysicalType::BYTE_ARRAY || is_number {
        return Ok(Arc::clone(column));
    }
    let bytes = Type::primitive_type_builder(column.name(), PhysicalType::BYTE_ARRAY);
    Ok(Arc::new(bytes.with_repetition(info.repetition()).with_id(id).build()?))
}

/// A field whose bytes are views of pages: a value that stands in a thousand rows is one.
fn as_views(field: &FieldRef) -> FieldRef {
    let nested = |fields: &Fields| fields.iter().map(as_views).collect::<Fields>();
    let data_type = match field.data_type() {
        DataType::Binary => DataType::BinaryView,
        DataType::List(item) => DataType::List(as_views(item)),
        DataType::Struct(fields) => DataType::Struct(nested(fields)),
        DataType::Map(entries, sorted) => DataType::Map(as_views(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// The rows of a file, one row group after the other.
struct RowGroups<'a> {
    bytes: &'a Bytes,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    limits: &'a Limits,
    /// Bytes that values of lists may take.
    values_at_once: u64,
    next: usize,
    open: Option<ParquetRecordBatchReader>,
    too_large: &'a mut bool,
}

impl Iterator for RowGroups<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(reader) = &mut self.open {
                match guarded(|| reader.next()) {
                    Ok(Some(Ok(batch))) => return Some(Ok(batch)),
                    Ok(None) => self.open = None,
                    Ok(Some(Err(error))) => {
                        self.open = None;
                        return Some(Err(error.into()));
                    }
                    Err(panic) => {
                        self.open = None;
                        return Some(Err(panic.into()));
                    }
                }
                continue;
            }
            if *self.too_large || self.next >= self.metadata.metadata().num_row_groups() {
                return None;
            }
            let group = self.next;
            self.next += 1;
            match guarded(|| self.reader(group)) {
                Ok(Ok(reader)) => self.open = Some(reader),
                Ok(Err(error)) => {
                    *self.too_large |= matches!(error, Unopened::TooLarge);
                    return Some(Err(error.into()));
                }
                Err(panic) => return Some(Err(panic.into())),
            }
        }
    }
}

/// The reason why a row group is not read.
#[derive(Debug, thiserror::Error)]
enum Unopened {
    /// Occurs when its pages decompress to too much.
    #[error("a row group decompresses to too much")]
    TooLarge,
    /// Occurs when a row's lists are longer than memory should bear.
    #[error("a row of it has more in its lists than can be read")]
    Row,
    /// Occurs when a page's header cannot be.
    #[error(transparent)]
    Pages(#[from] pages::Broken),
    /// Occurs when the library refuses it.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

impl RowGroups<'_> {
    fn reader(&self, group: usize) -> Result<ParquetRecordBatchReader, Unopened> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone());
        let builder = builder.with_row_groups(vec![group]).with_projection(self.mask.clone());
        Ok(builder.with_batch_size(self.rows_at_once(group)?).build()?)
    }

    /// The rows of a group that may be read at once, whatever their pages and their lists hold.
    fn rows_at_once(&self, group: usize) -> Result<usize, Unopened> {
        let group = self.metadata.metadata().row_group(group);
        let chunks = group.columns().iter().enumerate();
        let chunks = || chunks.clone().filter(|(leaf, _)| self.mask.leaf_included(*leaf));
        let (mut bytes, mut values): (u64, u64) = (0, 0);
        let is_list = |chunk: &ColumnChunkMetaData| chunk.column_descr().max_rep_level() > 0;
        for (_, chunk) in chunks() {
            let pages = pages::sum(self.bytes, chunk)?;
            bytes = bytes.saturating_add(pages.bytes);
            if is_list(chunk) {
                values = values.saturating_add(pages.values);
            }
        }
        if bytes > self.limits.max_bytes {
            return Err(Unopened::TooLarge);
        }
        let rows = if values.saturating_mul(VALUE) <= self.values_at_once {
            ROWS_AT_ONCE
        } else {
            // They may all stand in one row, or in a million.
            let rows = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
            let mut widest: u64 = 1;
            for (_, chunk) in chunks().filter(|(_, chunk)| is_list(chunk)) {
                widest = widest.saturating_add(levels::longest_row(self.bytes, chunk, rows)?);
            }
            ROWS_AT_ONCE.min(self.values_at_once / widest.saturating_mul(VALUE))
        };
        if rows == 0 {
            return Err(Unopened::Row);
        }
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }
}
