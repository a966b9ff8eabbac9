//! The DataFusion session that plans run in.

use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with the settings that fluo's plans are made for.
pub fn session() -> SessionContext {
    let config = SessionConfig::new()
        .with_information_schema(false)
        // The check compares what DataFusion's two planners think of nullability, where they disagree now and then;
        // the results are the same.
        .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true)
        // Text columns are dictionaries; views would undo that.
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false);
    SessionContext::new_with_config(config)
}
