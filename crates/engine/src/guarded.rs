//! A guard around each file of a scan: whatever goes wrong in it is told as that file's fault.
//!
//! Readers of Parquet fail, and panic, without a word of which file it was. DataFusion opens files and reads them in
//! its own tasks; the guard wraps each step that it takes with one file.

use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer, PendingMorselPlanner};
use fluo_store::FileFault;
use fluo_store::guard::{guarded, guarded_future, guarded_stream};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::ObjectStore;
use object_store::path::Path;

/// A source of files, guarded.
pub(crate) struct Guarded(pub(crate) Arc<dyn FileSource>);

impl Guarded {
    fn again(inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self(inner))
    }
}

impl FileSource for Guarded {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.0.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        Ok(Box::new(Files(self.0.create_morselizer(store, config, partition)?)))
    }

    fn table_schema(&self) -> &TableSchema {
        self.0.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Self::again(self.0.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.0.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.0.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.0.metrics()
    }

    fn file_type(&self) -> &str {
        self.0.file_type()
    }

    fn fmt_extra(&self, format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_extra(format, formatter)
    }

    fn supports_repartitioning(&self) -> bool {
        self.0.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        self.0.repartitioned(target_partitions, repartition_file_min_size, output_ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let FilterPushdownPropagation { filters, updated_node } =
            self.0.try_pushdown_filters(filters, config)?;
        Ok(FilterPushdownPropagation { filters, updated_node: updated_node.map(Self::again) })
    }

    /// Columns alone: what is computed is not the file's, and neither is what goes wrong there.
    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        if projection.iter().any(|projected| projected.expr.downcast_ref::<Column>().is_none()) {
            return Ok(None);
        }
        Ok(self.0.try_pushdown_projection(projection)?.map(Self::again))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(visit)
    }
}

/// The error of a file, in which it went wrong: a fault of it, unless it is of something else.
fn of_file(location: &Path, error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        // The query's own limits.
        DataFusionError::ResourcesExhausted(_) => error,
        _ => DataFusionError::External(Box::new(FileFault::corrupt(location, error))),
    }
}

/// Does one step of work with a file.
fn step<T>(location: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    match guarded(work) {
        Ok(result) => result.map_err(|error| of_file(location, error)),
        Err(panic) => Err(DataFusionError::External(Box::new(FileFault::corrupt(location, panic)))),
    }
}

#[derive(Debug)]
struct Files(Box<dyn Morselizer>);

impl Morselizer for Files {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let location = file.object_meta.location.clone();
        let inner = step(&location, || self.0.plan_file(file))?;
        Ok(Box::new(Opening { inner, location }))
    }
}

/// A file that is being opened.
#[derive(Debug)]
struct Opening {
    inner: Box<dyn MorselPlanner>,
    location: Path,
}

impl MorselPlanner for Opening {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, location } = *self;
        let Some(mut plan) = step(&location, || inner.plan())? else { return Ok(None) };
        let opening = |inner| Box::new(Self { inner, location: location.clone() }) as Box<dyn MorselPlanner>;
        let reading = |inner| Box::new(Reading { inner, location: location.clone() }) as Box<dyn Morsel>;
        let mut guarded = MorselPlan::new()
            .with_morsels(plan.take_morsels().into_iter().map(reading).collect())
            .with_planners(plan.take_ready_planners().into_iter().map(opening).collect());
        if let Some(pending) = plan.take_pending_planner() {
            guarded.set_pending_planner(waiting(pending, location));
        }
        Ok(Some(guarded))
    }
}

/// A file whose bytes are being fetched.
fn waiting(
    pending: PendingMorselPlanner,
    location: Path,
) -> BoxFuture<'static, Result<Box<dyn MorselPlanner>>> {
    Box::pin(async move {
        let fetched = guarded_future(pending.into_future()).await;
        let inner = step(&location, || match fetched {
            Ok(result) => result,
            Err(panic) => Err(DataFusionError::External(Box::new(panic))),
        })?;
        Ok(Box::new(Opening { inner, location }) as Box<dyn MorselPlanner>)
    })
}

/// A file that is being read.
#[derive(Debug)]
struct Reading {
    inner: Box<dyn Morsel>,
    location: Path,
}

impl Morsel for Reading {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { inner, location } = *self;
        match step(&location, || Ok(inner.into_stream())) {
            Ok(stream) => guarded_stream(stream)
                .map(move |item| match item {
                    Ok(result) => result.map_err(|error| of_file(&location, error)),
                    Err(panic) => {
                        Err(DataFusionError::External(Box::new(FileFault::corrupt(&location, panic))))
                    }
                })
                .boxed(),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }
}
