//! One file a target.

pub(crate) mod config;
pub(crate) mod duration;
pub(crate) mod event;
pub(crate) mod expression;
pub(crate) mod limits;
pub(crate) mod notification;
pub(crate) mod otlp;
pub(crate) mod parquet;
pub(crate) mod rules;
pub(crate) mod silences;
pub(crate) mod span_table;
pub(crate) mod sql;
pub(crate) mod template;
pub(crate) mod tests;
pub(crate) mod traceql;
mod words;

use crate::target::Target;

/// Every target, by name.
pub fn all() -> Vec<Target> {
    vec![
        config::TARGET,
        duration::TARGET,
        event::TARGET,
        expression::TARGET,
        limits::TARGET,
        notification::TARGET,
        otlp::TARGET,
        parquet::TARGET,
        rules::TARGET,
        silences::TARGET,
        span_table::TARGET,
        sql::TARGET,
        template::TARGET,
        tests::TARGET,
        traceql::TARGET,
    ]
}
