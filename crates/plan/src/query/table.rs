//! The table `spans` as queries see it.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use fluo_rules::sql::SPAN_COLUMNS;
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::schema::{columns, map_type, time_type};

/// The column that stored spans have as a number of nanoseconds.
const DURATION: &str = "duration";

/// The columns of the table: no id is a number of bytes, no text a dictionary, and no attribute a column.
pub fn table_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = SPAN_COLUMNS.iter().map(|column| {
            let is_there = matches!(
                column.name,
                columns::TRACE_ID
                    | columns::SPAN_ID
                    | columns::NAME
                    | columns::KIND
                    | columns::STATUS
                    | columns::START_TIME
                    | columns::END_TIME
                    | DURATION
                    | columns::DURATION_NS
            );
            Field::new(column.name, type_of(column.name), !is_there)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

fn type_of(column: &str) -> DataType {
    match column {
        columns::START_TIME | columns::END_TIME => time_type(),
        DURATION => DataType::Duration(TimeUnit::Nanosecond),
        columns::DURATION_NS => DataType::Int64,
        columns::ATTRIBUTES | columns::RESOURCE_ATTRIBUTES | columns::SCOPE_ATTRIBUTES => map_type(),
        _ => DataType::Utf8,
    }
}

/// The columns of stored spans of a layout that some columns of the table are made of.
pub fn columns_of_spans<'a>(reads: &BTreeSet<String>, layout: &'a Layout) -> BTreeSet<&'a str> {
    let mut stored: BTreeSet<&'a str> = BTreeSet::new();
    for column in SPAN_COLUMNS.iter().filter(|column| reads.contains(column.name)) {
        stored.insert(if column.name == DURATION { columns::DURATION_NS } else { column.name });
        let of_scope = match column.name {
            columns::ATTRIBUTES => Some(AttributeScope::Span),
            columns::RESOURCE_ATTRIBUTES => {
                stored.insert(columns::SERVICE_NAME);
                Some(AttributeScope::Resource)
            }
            _ => None,
        };
        let promoted = layout.columns.iter().filter(|promoted| Some(promoted.scope) == of_scope);
        stored.extend(promoted.map(|promoted| promoted.column.as_str()));
    }
    stored
}
