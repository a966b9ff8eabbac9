//! The files of a source as streams of batches: columns that somebody needs, files and pages that can hold them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_time::range::meet;
use futures::{StreamExt, stream};

use crate::error::EngineError;
use crate::files::{Batches, Files};
use crate::pages::Sought;
use crate::row_test::RowTest;
use crate::source::{Part, Stored};

/// Some columns of a part of a source.
pub(crate) struct Columns {
    /// Their places in the schema of the part's layout, ascending.
    places: Vec<usize>,
    /// Of the batches that come.
    pub(crate) schema: SchemaRef,
}

impl Columns {
    /// The named columns of a layout.
    pub(crate) fn named(layout: &Layout, names: &BTreeSet<&str>) -> Result<Self, EngineError> {
        let schema = span_schema(layout);
        let places: Vec<usize> = (0..schema.fields().len())
            .filter(|at| names.contains(schema.field(*at).name().as_str()))
            .collect();
        let schema = Arc::new(schema.project(&places)?);
        Ok(Self { places, schema })
    }

    /// All columns of a layout.
    pub(crate) fn all(layout: &Layout) -> Self {
        let schema = span_schema(layout);
        Self { places: (0..schema.fields().len()).collect(), schema }
    }

    /// These columns of a batch of all columns.
    pub(crate) fn of(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        Ok(batch.project(&self.places)?)
    }

    /// The place of a column among these.
    pub(crate) fn place(&self, name: &str) -> Result<usize, EngineError> {
        self.schema.index_of(name).map_err(|_| EngineError::Column(name.to_owned()))
    }
}

impl Part {
    /// Streams that together give the batches in which spans that are sought may be, one for each thread. Rows that fail a
    /// test may be left out.
    pub(crate) fn scan(
        &self,
        session: &SessionContext,
        columns: &Columns,
        sought: &Sought,
        test: Option<RowTest>,
    ) -> Result<Vec<Batches>, EngineError> {
        let threads = session.state_ref().read().config().target_partitions();
        match &self.spans {
            Stored::Memory { batches, .. } => {
                let projected: Vec<RecordBatch> =
                    batches.iter().map(|batch| columns.of(batch)).collect::<Result<_, _>>()?;
                let share = projected.len().div_ceil(threads).max(1);
                Ok(projected.chunks(share).map(|some| stream::iter(some.to_vec()).map(Ok).boxed()).collect())
            }
            Stored::Files { cache, files } => {
                let needed = files.iter().filter(|file| meet(&sought.ranges, file.ends));
                let needed: Vec<_> = needed.cloned().collect();
                if needed.is_empty() {
                    return Ok(Vec::new());
                }
                let files = Files {
                    cache: Arc::clone(cache),
                    shared: needed,
                    layout: self.layout.clone(),
                    schema: Arc::clone(&columns.schema),
                    sought: sought.clone(),
                    test,
                };
                Ok(files.streams(threads))
            }
        }
    }
}
