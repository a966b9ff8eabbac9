//! The bytes that attributes take, as columns and in maps: measured on spans of the store, which are written again in
//! memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::schema::columns;
use fluo_spans::span::Span;
use object_store::ObjectStore;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};

use super::Attribute;
use crate::data_file::DataFile;
use crate::error::StoreError;
use crate::fault::FileFault;
use crate::parquet_write::to_parquet;
use crate::sample::{SampleLimits, Sampled};

/// Some spans of a store.
#[derive(Debug, Default)]
pub struct Sample {
    /// The spans.
    pub spans: Vec<Span>,
    /// The number of files that they are of.
    pub files: u64,
    /// Files that could not be read.
    pub faults: Vec<FileFault>,
}

/// The bytes that a column takes in Parquet, by its name, of those that take any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnSizes(BTreeMap<String, u64>);

/// Reads spans of files, of the newest of them first, until there are `most`. A file that cannot be read is passed over.
pub async fn sample(store: &Arc<dyn ObjectStore>, files: &[DataFile], most: usize) -> Sample {
    let limits = SampleLimits { spans: most, ..SampleLimits::NONE };
    let mut spans = Vec::new();
    let Sampled { files, faults } =
        crate::sample::sample(store, files, limits, |some| spans.extend(some)).await;
    Sample { spans, files, faults }
}

/// Returns what the columns of spans take in a layout.
///
/// # Errors
///
/// [`StoreError::Batch`] and [`StoreError::Parquet`], which are bugs.
pub fn sizes(spans: &[Span], layout: &Layout) -> Result<ColumnSizes, StoreError> {
    let parquet = Bytes::from(to_parquet(spans, 0, layout)?);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&parquet)?;
    let mut sizes = ColumnSizes::default();
    for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let name = column.column_path().parts().first().cloned().unwrap_or_default();
        *sizes.0.entry(name).or_default() += column.compressed_size().max(0).unsigned_abs();
    }
    Ok(sizes)
}

impl ColumnSizes {
    /// Returns the bytes that are read to get at an attribute in files of a layout: those of its column, or of the map.
    pub fn to_read(&self, layout: &Layout, (scope, key): &Attribute) -> u64 {
        self.of(layout.column(*scope, key).unwrap_or(map_of(*scope)))
    }

    fn of(&self, column: &str) -> u64 {
        self.0.get(column).copied().unwrap_or_default()
    }
}

impl Sample {
    /// Returns the number of spans that have an attribute.
    pub fn occurrences(&self, (scope, key): &Attribute) -> u64 {
        let has = |span: &&Span| match scope {
            AttributeScope::Span => span.attributes.get(key).is_some(),
            AttributeScope::Resource => span.resource.attributes.get(key).is_some(),
        };
        self.spans.iter().filter(has).count() as u64
    }
}

fn map_of(scope: AttributeScope) -> &'static str {
    match scope {
        AttributeScope::Span => columns::ATTRIBUTES,
        AttributeScope::Resource => columns::RESOURCE_ATTRIBUTES,
    }
}
