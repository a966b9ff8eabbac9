//! Parquet files of one layout as a plan that reads them.
//!
//! The files are known from one listing. Row groups and pages that cannot hold what is asked for are left out.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;

use crate::footers::{Footers, Readers};
use crate::guarded::Guarded;

/// Parquet files of one schema in one store.
#[derive(Debug)]
pub(crate) struct SpanFiles {
    pub(crate) schema: SchemaRef,
    pub(crate) url: ObjectStoreUrl,
    pub(crate) footers: Arc<Footers>,
    pub(crate) files: Vec<ObjectMeta>,
}

impl SpanFiles {
    /// A plan that reads these columns of the files, but for pages that `pruning` rules out.
    pub(crate) fn plan(
        &self,
        session: &SessionContext,
        columns: &[usize],
        pruning: Arc<dyn PhysicalExpr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let config = session.copied_config();
        let source = ParquetSource::new(TableSchema::from(Arc::clone(&self.schema)))
            .with_table_parquet_options(session.copied_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(Readers(Arc::clone(&self.footers))))
            .with_enable_page_index(true)
            .with_predicate(pruning);
        // The schema that a file itself gives for Arrow is not looked at: nothing vouches for it in every file.
        let file = |object: &ObjectMeta| {
            PartitionedFile::new_from_meta(object.clone()).with_arrow_schema(Arc::clone(&self.schema))
        };
        let threads = config.target_partitions();
        let groups = FileGroup::new(self.files.iter().map(file).collect()).split_files(threads);
        let scan = FileScanConfigBuilder::new(self.url.clone(), Arc::new(Guarded(Arc::new(source))))
            .with_file_groups(groups)
            .with_projection_indices(Some(columns.to_vec()))?
            .build();
        let plan = DataSourceExec::from_data_source(scan);
        // A few large files are read by all threads.
        Ok(plan.repartitioned(threads, config.options())?.unwrap_or(plan))
    }
}
