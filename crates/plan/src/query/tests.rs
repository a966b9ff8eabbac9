//! Queries that were accepted: their plans, and what the last look refuses.

use std::collections::BTreeSet;

use datafusion::logical_expr::builder::LogicalTableSource;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use fluo_rules::rule::Rule;
use fluo_rules::sql::functions::FUNCTIONS;
use fluo_rules::{SourceFile, load};

use super::provider::ALLOWED;
use super::*;

fn rule(query: &str) -> Rule {
    let lines: Vec<String> = query.lines().map(|line| format!("    {line}")).collect();
    let text = format!("- name: r\n  sql: |\n{}\n", lines.join("\n"));
    let mut loaded = load(&[SourceFile::new("r.yml", text)]);
    assert!(!loaded.is_partial(), "{query}: {:?}", loaded.findings);
    loaded.rules.remove(0)
}

fn query(query: &str) -> Result<Query, PlanError> {
    Query::new(rule(query).sql().expect("it is a query"))
}

fn table() -> Arc<dyn TableSource> {
    Arc::new(LogicalTableSource::new(table_schema()))
}

#[test]
fn every_function_of_the_list_is_there_and_gives_the_same_for_the_same() {
    let listed: BTreeSet<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    let missing: Vec<_> = listed.difference(&ALLOWED.names()).copied().collect();
    assert!(missing.is_empty(), "not in DataFusion, or not immutable: {missing:?}");
}

#[test]
fn a_query_reads_the_columns_that_it_needs() {
    for (text, expected) in [
        ("SELECT count(*) AS n FROM spans", ""),
        ("SELECT service_name, max(duration) AS worst FROM spans GROUP BY 1", "duration service_name"),
        (
            "SELECT name, count(*) AS n FROM (SELECT * FROM spans) s WHERE s.attributes['a'] = 'b' GROUP BY name",
            "attributes name",
        ),
        (
            "SELECT count(*) AS n FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE status = 'error')",
            "status trace_id",
        ),
        ("SELECT (SELECT count(*) FROM spans WHERE kind = 'server') AS n FROM spans LIMIT 1", "kind"),
    ] {
        let reads: Vec<String> = query(text).unwrap().reads().iter().cloned().collect();
        assert_eq!(reads.join(" "), expected, "{text}");
    }
}

#[test]
fn the_bounds_of_the_window_are_those_that_are_asked_about() {
    let query =
        query("SELECT count(*) AS n, max($window_end) AS at FROM spans WHERE end_time > $window_start")
            .unwrap();
    let plan = query.over(&table(), TimeRange { from: 5, to: 7 }).unwrap();
    let plan = plan.display_indent().to_string();
    assert!(plan.contains("TimestampNanosecond(5") && plan.contains("TimestampNanosecond(7"), "{plan}");
}

#[test]
fn what_the_planner_refuses_is_told_in_one_line_with_its_place() {
    let refused = |text: &str| match query(text) {
        Err(PlanError::Query(refused)) => refused,
        other => panic!("{text}: {other:?}"),
    };
    let ungrouped = refused("SELECT service_name, count(*) AS n\nFROM spans");
    assert!(!ungrouped.message.contains('\n') && !ungrouped.message.is_empty(), "{ungrouped:?}");
    let rule = rule("SELECT service_name, count(*) AS n\nFROM spans");
    let findings = crate::findings(std::slice::from_ref(&rule));
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(finding.code, fluo_rules::code::Code::SqlRefused);
    let place = &finding.place;
    assert_eq!(&rule.source.text[place.bytes.clone()], "service_name", "{finding:?}");
    assert_eq!((place.start.line, place.start.column), (3, 12));
}

#[test]
fn the_last_look_refuses_what_no_text_can_say() {
    let scan = |name: &str| LogicalPlanBuilder::scan(name, table(), None).unwrap();
    let refused = |plan: LogicalPlan| look::look(&plan).map_err(|error| error.to_string());
    assert!(refused(scan("spans").build().unwrap()).is_ok());
    assert!(refused(scan("users").build().unwrap()).is_err(), "another table");
    let random = datafusion::functions::math::random().call(vec![]);
    assert!(refused(scan("spans").filter(random.gt(lit(0.5))).unwrap().build().unwrap()).is_err(), "dice");
    let explained = scan("spans").explain(false, false).unwrap().build().unwrap();
    assert!(refused(explained).is_err(), "EXPLAIN");
    let values = LogicalPlanBuilder::values(vec![vec![lit(1)]]).unwrap().build().unwrap();
    assert!(refused(values).is_err(), "VALUES");
    let repeated = datafusion::functions::string::expr_fn::repeat(col("name"), lit(9));
    assert!(
        refused(scan("spans").project([repeated]).unwrap().build().unwrap()).is_err(),
        "a function of no list"
    );
}
