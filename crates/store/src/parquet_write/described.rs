//! The columns of a layout as Arrow and as Parquet have them.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::SchemaRef;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescPtr;

/// Columns of data files.
#[derive(Clone)]
pub(crate) struct Described {
    pub(crate) arrow: SchemaRef,
    pub(crate) parquet: SchemaDescPtr,
}

/// Those of this version's layout, which nearly every file has.
static BUILTIN: LazyLock<Option<(Layout, Described)>> = LazyLock::new(|| {
    let layout = Layout::builtin();
    let described = Described::try_from(span_schema(&layout)).ok()?;
    Some((layout, described))
});

impl Described {
    /// Those of a layout.
    pub(crate) fn of(layout: &Layout) -> Result<Self, ParquetError> {
        match &*BUILTIN {
            Some((builtin, described)) if builtin == layout => Ok(described.clone()),
            _ => span_schema(layout).try_into(),
        }
    }
}

impl TryFrom<SchemaRef> for Described {
    type Error = ParquetError;

    fn try_from(arrow: SchemaRef) -> Result<Self, ParquetError> {
        let parquet = Arc::new(ArrowSchemaConverter::new().convert(&arrow)?);
        Ok(Self { arrow, parquet })
    }
}
