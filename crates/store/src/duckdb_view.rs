//! `spans.sql`: stored spans as other people's SQL wants them, for `DuckDB`.
//!
//! The files read as they are. What the view adds: files of different layouts side by side (a key may be a
//! column in one and an entry of the map in another), attributes as one map again, and ids in hex.

use std::fmt::Write;

use fluo_spans::layout::{AttributeScope, Layout, Promoted};
use fluo_spans::schema::columns as c;
use fluo_spans::semconv::SERVICE_NAME;

/// The SQL of a view `spans` over the files below `root` (a folder or URI, the one with the `date=` folders),
/// for a store whose newest layout is `layout`.
///
/// The view has every column of the schema; `attributes` and `resource_attributes` are whole; the column of
/// a promoted key has its value also from files that keep the key in the map. Keys that only files of a
/// layout newer than this one promote are missing: write the view again when the layout changes.
pub fn duckdb_view(layout: &Layout, root: &str) -> String {
    let files = literal(&format!("{}/**/*.parquet", root.trim_end_matches('/')));
    let promoted = || layout.columns.iter().map(|promoted| promoted.column.as_str());
    // No rows: it gives the columns that no file has yet, without which the view could not be made.
    let missing = if layout.columns.is_empty() {
        String::new()
    } else {
        let columns = list(promoted().map(|column| format!("NULL::VARCHAR AS {column}")));
        format!("    UNION ALL BY NAME SELECT {columns} WHERE false\n")
    };
    let replaced = [c::TRACE_ID, c::SPAN_ID, c::PARENT_SPAN_ID, c::ATTRIBUTES, c::RESOURCE_ATTRIBUTES];
    let replaced = list(replaced.into_iter().chain(promoted()).map(str::to_owned));
    let mut sql = format!(
        "-- Spans of layout {} and older, as one table. Written by fluo; safe to run again.\n\
         CREATE OR REPLACE VIEW spans AS\n\
         WITH stored AS (\n    \
             SELECT * FROM read_parquet({files}, union_by_name = true, hive_partitioning = true)\n\
         {missing})\n\
         SELECT\n    \
             lower(hex(trace_id)) AS trace_id,\n    \
             lower(hex(span_id)) AS span_id,\n    \
             lower(hex(parent_span_id)) AS parent_span_id,\n    \
             * EXCLUDE ({replaced}),\n",
        layout.number,
    );
    for promoted in layout.columns.iter() {
        let Promoted { column, key, scope } = promoted;
        // Writing to a String cannot fail.
        let _ = writeln!(sql, "    coalesce({column}, {}[{}]) AS {column},", map_of(*scope), literal(key));
    }
    for scope in [AttributeScope::Span, AttributeScope::Resource] {
        // A resource's service name is a column of every layout.
        let fixed = (scope == AttributeScope::Resource).then_some((c::SERVICE_NAME, SERVICE_NAME));
        let promoted = layout.columns.iter().filter(|promoted| promoted.scope == scope);
        let promoted = promoted.map(|Promoted { column, key, .. }| (column.as_str(), key.as_str()));
        let entries = list(
            fixed
                .into_iter()
                .chain(promoted)
                .map(|(column, key)| format!("{{'k': {}, 'v': {column}}}", literal(key))),
        );
        let map = map_of(scope);
        let whole = if entries.is_empty() {
            map.to_owned()
        } else {
            format!(
                "map_concat({map}, map_from_entries([entry for entry in [{entries}] if entry.v IS NOT NULL]))"
            )
        };
        let comma = if scope == AttributeScope::Span { "," } else { "" };
        let _ = writeln!(sql, "    {whole} AS {map}{comma}");
    }
    sql.push_str("FROM stored;\n");
    sql
}

fn map_of(scope: AttributeScope) -> &'static str {
    match scope {
        AttributeScope::Span => c::ATTRIBUTES,
        AttributeScope::Resource => c::RESOURCE_ATTRIBUTES,
    }
}

/// A SQL text literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_of_a_small_layout() {
        let keys = [
            (AttributeScope::Span, "http.route"),
            (AttributeScope::Span, "it's"),
            (AttributeScope::Resource, "host.name"),
        ];
        let sql = duckdb_view(&Layout::new(3, keys), "s3://lake/o'neill/spans/");
        let expected = "\
-- Spans of layout 3 and older, as one table. Written by fluo; safe to run again.
CREATE OR REPLACE VIEW spans AS
WITH stored AS (
    SELECT * FROM read_parquet('s3://lake/o''neill/spans/**/*.parquet', union_by_name = true, hive_partitioning = true)
    UNION ALL BY NAME SELECT NULL::VARCHAR AS attr_http_route, NULL::VARCHAR AS attr_it_s, NULL::VARCHAR AS res_host_name WHERE false
)
SELECT
    lower(hex(trace_id)) AS trace_id,
    lower(hex(span_id)) AS span_id,
    lower(hex(parent_span_id)) AS parent_span_id,
    * EXCLUDE (trace_id, span_id, parent_span_id, attributes, resource_attributes, attr_http_route, attr_it_s, res_host_name),
    coalesce(attr_http_route, attributes['http.route']) AS attr_http_route,
    coalesce(attr_it_s, attributes['it''s']) AS attr_it_s,
    coalesce(res_host_name, resource_attributes['host.name']) AS res_host_name,
    map_concat(attributes, map_from_entries([entry for entry in [{'k': 'http.route', 'v': attr_http_route}, {'k': 'it''s', 'v': attr_it_s}] if entry.v IS NOT NULL])) AS attributes,
    map_concat(resource_attributes, map_from_entries([entry for entry in [{'k': 'service.name', 'v': service_name}, {'k': 'host.name', 'v': res_host_name}] if entry.v IS NOT NULL])) AS resource_attributes
FROM stored;
";
        assert_eq!(sql, expected);
    }
}
