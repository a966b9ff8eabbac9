//! One query, asked of one window after the other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::datasource::provider_as_source;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use fluo_plan::RulePlan;
use fluo_plan::query::pairs::{TooManyPairs, counted};
use fluo_store::guard::guarded_future;
use fluo_time::TimeRange;
use futures::TryStreamExt;

use super::spans::Spans;
use super::table::Window;
use crate::error::EngineError;

/// The most rows that a query gives of one window.
const MOST_ROWS: usize = 100_000;

/// A session of queries: one thread, the memory of another, no disk, no table, no function to be called by name.
pub(crate) fn session_of(other: &SessionContext) -> Result<SessionState, EngineError> {
    let nowhere = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::clone(&other.runtime_env().memory_pool))
        .with_disk_manager_builder(nowhere)
        .build_arc()?;
    let config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    Ok(SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).build())
}

/// The rows of a rule's query, of the spans that ended in `(window.from, window.to]`.
pub(crate) async fn ask(
    session: &SessionState,
    plan: &RulePlan,
    spans: &Spans,
    window: TimeRange,
) -> Result<Vec<RecordBatch>, EngineError> {
    let Some(query) = plan.query() else { return Ok(Vec::new()) };
    let table = Window::new(spans.schema(), spans.batches(window));
    let logical = query.over(&provider_as_source(Arc::new(table)), window)?;
    let running = async {
        let logical = counted(logical)?;
        let physical = session.query_planner().create_physical_plan(&logical, session).await?;
        let mut stream = execute_stream(physical, session.task_ctx())?;
        let (mut batches, mut rows) = (Vec::new(), 0);
        while let Some(batch) = stream.try_next().await? {
            rows += batch.num_rows();
            if rows > MOST_ROWS {
                return Ok(Err(EngineError::TooManyRows { limit: MOST_ROWS }));
            }
            batches.push(batch);
        }
        Ok(Ok(batches))
    };
    // A library's panic is the rule's own.
    match guarded_future(running).await {
        Ok(Ok(rows)) => rows,
        Ok(Err(error)) => Err(failed(error)),
        Err(panic) => Err(failed(DataFusionError::External(Box::new(panic)))),
    }
}

fn failed(error: DataFusionError) -> EngineError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => EngineError::Memory(Box::new(error)),
        DataFusionError::External(source) if source.downcast_ref::<TooManyPairs>().is_some() => {
            EngineError::TooManyPairs(TooManyPairs)
        }
        _ => EngineError::Sql(Box::new(error)),
    }
}
