//! Parquet files of one layout as a table.
//!
//! DataFusion's own listing table would list folders and ask for each file's size again; here the files are known
//! from one listing. Filters reach the Parquet reader by DataFusion's filter push-down and prune row groups and
//! pages there.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
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

#[async_trait]
impl TableProvider for SpanFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = ParquetSource::new(TableSchema::from(Arc::clone(&self.schema)))
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(Readers(Arc::clone(&self.footers))))
            .with_enable_page_index(true);
        // The schema that a file itself gives for Arrow is not looked at: nothing vouches for it in every file.
        let file = |object: &ObjectMeta| {
            PartitionedFile::new_from_meta(object.clone()).with_arrow_schema(Arc::clone(&self.schema))
        };
        let groups = FileGroup::new(self.files.iter().map(file).collect())
            .split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(Guarded(Arc::new(source))))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
