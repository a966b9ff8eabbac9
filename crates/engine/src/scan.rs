//! The files of a source as streams of batches: columns that somebody needs, files and pages that can hold them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::ToDFSchema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::prelude::SessionContext;
use fluo_plan::TimeRange;
use fluo_plan::project::ended_within;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::EngineError;
use crate::ranges::few;
use crate::session::physical;
use crate::source::{Part, Stored};
use crate::span_files::SpanFiles;

/// Some columns of a part of a source.
pub(crate) struct Columns {
    /// Their places in the schema of the part's layout, ascending.
    places: Vec<usize>,
    /// Of the batches that come.
    pub(crate) schema: SchemaRef,
}

/// Batches of one thread.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, EngineError>>;

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

    /// The place of a column among these.
    pub(crate) fn place(&self, name: &str) -> Result<usize, EngineError> {
        self.schema.index_of(name).map_err(|_| EngineError::Column(name.to_owned()))
    }
}

impl Part {
    /// Streams that together give the batches in which spans that ended in one of the ranges may be, one for each thread.
    /// `kept`: what a span that is needed satisfies besides; a batch may hold others.
    pub(crate) fn scan(
        &self,
        session: &SessionContext,
        columns: &Columns,
        ranges: &[TimeRange],
        kept: Option<Expr>,
    ) -> Result<Vec<Batches>, EngineError> {
        let threads = session.copied_config().target_partitions();
        match &self.spans {
            Stored::Memory { batches, .. } => {
                let projected: Vec<RecordBatch> =
                    batches.iter().map(|batch| batch.project(&columns.places)).collect::<Result<_, _>>()?;
                let share = projected.len().div_ceil(threads).max(1);
                Ok(projected.chunks(share).map(|some| stream::iter(some.to_vec()).map(Ok).boxed()).collect())
            }
            Stored::Files { store, files } => {
                let schema = span_schema(&self.layout);
                let needed: Vec<_> = files
                    .iter()
                    .filter(|file| {
                        ranges.iter().any(|range| range.from <= file.ends.to && file.ends.from <= range.to)
                    })
                    .map(|file| file.object.clone())
                    .collect();
                if needed.is_empty() {
                    return Ok(Vec::new());
                }
                // Few enough for the pruning of pages; to read more is harmless.
                let within = ended_within(&few(ranges.iter().copied()));
                let pruning = kept.map_or(within.clone(), |kept| within.and(kept));
                let pruning = physical(session, pruning, &schema.as_ref().clone().to_dfschema()?)?;
                let files = SpanFiles {
                    schema,
                    url: store.url.clone(),
                    footers: Arc::clone(&store.footers),
                    files: needed,
                };
                let plan = files.plan(session, &columns.places, pruning)?;
                let streams = (0..plan.output_partitioning().partition_count()).map(|partition| {
                    let stream: SendableRecordBatchStream = plan.execute(partition, session.task_ctx())?;
                    let schema = Arc::clone(&columns.schema);
                    Ok(stream
                        .map_err(EngineError::from)
                        .and_then(move |batch| {
                            let batch = conform(&batch, &schema);
                            async { batch }
                        })
                        .boxed())
                });
                streams.collect()
            }
        }
    }
}

/// A batch with the columns of `schema` by name, in its types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, EngineError> {
    if Schema::fields(&batch.schema()) == schema.fields() {
        return Ok(batch.clone());
    }
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let column = batch
                .column_by_name(field.name())
                .ok_or_else(|| EngineError::Column(field.name().clone()))?;
            Ok(arrow::compute::cast(column, field.data_type())?)
        })
        .collect::<Result<_, EngineError>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
