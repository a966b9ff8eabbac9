//! The table `spans` of one window.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use fluo_plan::query::table_schema;

/// Spans of a window. Of the table's columns, those are there that the query reads.
#[derive(Debug)]
pub(super) struct Window {
    schema: SchemaRef,
    /// The columns that are there.
    present: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Window {
    pub(super) fn new(present: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema: table_schema(), present, batches }
    }
}

#[async_trait]
impl TableProvider for Window {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(projection)?);
        let places = schema.fields().iter().map(|field| {
            let place = self.present.index_of(field.name());
            place.map_err(|_| internal_datafusion_err!("the column `{}` was not read", field.name()))
        });
        let places = places.collect::<Result<Vec<usize>>>()?;
        let projected = self.batches.iter().map(|batch| {
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = places.iter().map(|place| Arc::clone(batch.column(*place))).collect();
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows)?)
        });
        let batches = projected.collect::<Result<Vec<_>>>()?;
        let exec: Arc<dyn ExecutionPlan> = MemorySourceConfig::try_new_exec(&[batches], schema, None)?;
        Ok(exec)
    }
}
