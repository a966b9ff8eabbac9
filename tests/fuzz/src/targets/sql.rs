//! Queries of rules: whatever is accepted reads the spans of its window, and nothing else.
//!
//! Each input is looked at twice: as the text of a query, and as the tape by which a query is written from a grammar
//! of sound and hostile parts, so that many are accepted. The oracle looks at the plan, not at the text: its leaves are
//! the one table, and each of its functions gives the same for the same.

mod grammar;

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::builder::LogicalTableSource;
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource, Volatility, WindowFunctionDefinition};
use fluo_plan::RulePlan;
use fluo_plan::query::table_schema;
use fluo_rules::{SourceFile, load};
use fluo_time::TimeRange;

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "sql",
    form: Form::Text,
    run: |input| {
        try_query(&String::from_utf8_lossy(input));
        try_query(&grammar::query(input));
    },
    seeds: &[],
    endings: &[],
    examples: EXAMPLES,
    words: WORDS,
};

/// Loads and plans a query, and looks at its plan. Returns whether it has one.
fn try_query(query: &str) -> bool {
    let text = format!("- {{name: r, sql: {}}}", serde_json::Value::String(query.to_owned()));
    let mut rules = load(&[SourceFile::new("r.yml", text)]).rules.into_iter();
    let plan = rules.next().and_then(|rule| RulePlan::new(Arc::new(rule)).ok());
    plan.as_ref().map(look_at).is_some()
}

/// Fails where the plan of an accepted query reads anything but its table.
fn look_at(plan: &RulePlan) {
    let query = plan.query();
    assert!(query.is_some(), "the query is lost");
    let Some(query) = query else { return };
    let table: Arc<dyn TableSource> = Arc::new(LogicalTableSource::new(table_schema()));
    let Ok(logical) = query.over(&table, TimeRange { from: 0, to: 1 }) else { return };
    let text = logical.display_indent().to_string();
    let looked = logical.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                assert_eq!(scan.table_name, TableReference::bare("spans"), "{text}");
                assert_eq!(scan.source.schema(), table_schema(), "{text}");
            }
            node => assert!(
                !node.inputs().is_empty() || matches!(node, LogicalPlan::EmptyRelation(_)),
                "a leaf that is not the table: {text}"
            ),
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                assert!(gives_the_same(expr), "{expr} in {text}");
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    assert!(looked.is_ok(), "{text}");
}

/// Returns whether an expression, by itself, gives the same for the same.
fn gives_the_same(expr: &Expr) -> bool {
    let immutable = |volatility: Volatility| volatility == Volatility::Immutable;
    match expr {
        Expr::ScalarFunction(call) => immutable(call.func.signature().volatility),
        Expr::AggregateFunction(call) => immutable(call.func.signature().volatility),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(of) => immutable(of.signature().volatility),
            WindowFunctionDefinition::WindowUDF(of) => immutable(of.signature().volatility),
        },
        Expr::ScalarVariable(..) | Expr::Placeholder(_) | Expr::Unnest(_) => false,
        _ => true,
    }
}

/// Sound queries, and such as reach for what they must not have.
const EXAMPLES: &[&str] = &[
    "SELECT service_name, count(*) AS n FROM spans GROUP BY service_name HAVING count(*) > 5",
    "SELECT trace_id, span_id, name FROM spans WHERE duration > INTERVAL '1 second' ORDER BY duration DESC LIMIT 5",
    "WITH slow AS (SELECT * FROM spans WHERE duration_ns > 5), t AS (SELECT trace_id, max(end_time) AS at FROM slow GROUP BY 1) SELECT s.name, count(*) AS n FROM slow s LEFT JOIN t USING (trace_id) GROUP BY s.name",
    "SELECT attributes['http.route'] AS route, 1.0 * count(*) FILTER (WHERE status = 'error') / count(*) AS ratio FROM spans WHERE end_time > $window_start AND end_time <= $window_end GROUP BY 1",
    "SELECT name, lag(end_time) OVER (PARTITION BY name ORDER BY end_time) - end_time AS gap FROM spans UNION ALL SELECT 'x', NULL FROM spans",
    "SELECT CASE WHEN kind = 'server' THEN 'in' ELSE 'out' END AS side, sum(TRY_CAST(attributes['amount'] AS DOUBLE)) AS amount FROM spans WHERE name ~ '^GET ' AND trace_id IN (SELECT trace_id FROM spans) GROUP BY 1",
    "SELECT (SELECT count(*) FROM spans p WHERE p.span_id = s.parent_span_id) AS n, regexp_replace(s.name, '[0-9]+', ':id', 'g') AS route FROM spans s WHERE EXISTS (SELECT 1 AS one FROM spans)",
    "SELECT now(), random() FROM information_schema.tables, '/etc/passwd', read_parquet('x'), generate_series(1, 9), UNNEST(ARRAY[1])",
    "COPY (SELECT * FROM spans) TO '/tmp/x'; CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc'; SET a = 1; EXPLAIN SELECT 1; INSERT INTO spans VALUES (1)",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 AS n FROM t) SELECT n FROM t, LATERAL (VALUES (1)) v NATURAL JOIN TABLE(range(5))",
];

/// The words of SQL, with those of what must not be reached.
const WORDS: &[&str] = &[
    "SELECT ",
    " FROM spans ",
    " FROM spans s ",
    " JOIN spans b ON ",
    " WHERE ",
    " GROUP BY ",
    " HAVING ",
    " ORDER BY ",
    " LIMIT 5",
    " UNION ALL ",
    " UNION ",
    " EXCEPT ",
    " INTERSECT ",
    "WITH t AS (",
    ") SELECT ",
    " AS n",
    " AS t",
    ", ",
    "(",
    ")",
    "*",
    "s.",
    "b.",
    "t.",
    " AND ",
    " OR ",
    "NOT ",
    " IN (",
    " = ",
    " > ",
    " || ",
    " + ",
    " / ",
    " - ",
    "::BIGINT",
    "CAST(",
    "TRY_CAST(",
    " AS DOUBLE)",
    "CASE WHEN ",
    " THEN ",
    " ELSE ",
    " END",
    "EXISTS (",
    " OVER (PARTITION BY ",
    " OVER ()",
    " FILTER (WHERE ",
    "DISTINCT ",
    "count(*)",
    "count(",
    "sum(",
    "max(",
    "min(",
    "avg(",
    "coalesce(",
    "lower(",
    "concat(",
    "substr(",
    "row_number()",
    "lag(",
    "attributes['a']",
    "resource_attributes['b']",
    "'text'",
    "1",
    "0",
    "1.5",
    "NULL",
    "true",
    "INTERVAL '1 second'",
    "$window_end",
    "$window_start",
    "$1",
    "service_name",
    "name",
    "trace_id",
    "duration",
    "end_time",
    "duration_ns",
    "status",
    "now()",
    "random()",
    "uuid()",
    "current_timestamp",
    "version()",
    "repeat(name, 9)",
    "array_agg(name)",
    "unnest(",
    "generate_series(1, 9)",
    "range(1, 9)",
    "read_csv('x')",
    "'/etc/passwd'",
    "information_schema.tables",
    "pg_catalog.pg_class",
    "\"s3://a/b\"",
    "COPY ",
    "EXPLAIN ",
    "SET a = 1",
    "; ",
    "INTO x ",
    "LATERAL ",
    "RECURSIVE ",
    "VALUES (1)",
    "ARRAY[1]",
    "{'a': 1}",
    "x -> x",
    "@@version",
    "arrow_cast(",
    "get_field(",
    "start of the window",
    "\"start of the window\"()",
    "ROLLUP (",
    "GROUPING SETS (",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_writes_queries_that_are_accepted_and_such_as_are_not() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut tape = || std::iter::repeat_with(|| random.u8(..)).take(200).collect::<Vec<u8>>();
        let accepted = (0..400).filter(|_| try_query(&grammar::query(&tape()))).count();
        assert!((40..360).contains(&accepted), "{accepted} of 400 are accepted");
    }
}
