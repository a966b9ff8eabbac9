//! The DataFusion session that plans run in.

use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with the settings that fluo's plans are made for.
pub fn session() -> SessionContext {
    let config = SessionConfig::new()
        .with_information_schema(false)
        // Text columns are dictionaries; views would undo that.
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false);
    SessionContext::new_with_config(config)
}
