//! `fluo explain`: what it says of a rule, and that the SQL it prints is SQL.

use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use fluo_tests::otlp::Encoding;
use fluo_tests::program::repository;
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{ingest, six_failures, text, write};
use crate::library::rule_names;

/// A session as anybody has it: DataFusion's defaults, and the dialect that knows lambdas.
fn plain_session() -> SessionContext {
    let dialect = ("datafusion.sql_parser.dialect", "duckdb");
    SessionContext::new_with_config(SessionConfig::new().set_str(dialect.0, dialect.1))
}

/// Real spans and the incident's, as Parquet.
fn store(folder: &TempDir) -> String {
    let store = folder.path().join("store");
    let fixtures = repository().join("tests/fixtures/collector");
    let incident = write(folder.path(), "incident", Encoding::Protobuf, &six_failures());
    ingest(&[&fixtures, &incident], &store);
    text(&store.join("spans")).to_owned()
}

#[tokio::test]
async fn the_sql_of_every_rule_in_the_library_runs_in_plain_datafusion() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let session = plain_session();
    session.register_parquet("spans", &store, ParquetReadOptions::default()).await.unwrap();
    let names = rule_names();
    assert!(names.len() >= 20, "the library has {} rules", names.len());
    let (mut failures, mut queries) = (Vec::new(), 0);
    for name in names {
        let ended = fluo(&["explain", &name, "--rules", "rules", "--format", "sql"]);
        if ended.stderr.contains("a rule about traces has no form in SQL") {
            let words = fluo(&["explain", &name, "--rules", "rules"]).expect(0);
            assert!(words.contains("\nDemands   "), "{words}");
            let plan = fluo(&["explain", &name, "--rules", "rules", "--format", "plan"]).expect(0);
            assert!(plan.contains("\nstep 0: ") && plan.contains("that breaks a demand"), "{plan}");
            continue;
        }
        if ended.stderr.contains("a condition about earlier windows has no form in SQL") {
            let words = fluo(&["explain", &name, "--rules", "rules"]).expect(0);
            assert!(words.contains("\nRecalls   "), "{words}");
            continue;
        }
        if ended.stderr.contains("that asks for the parents or children of spans has no form in SQL") {
            let words = fluo(&["explain", &name, "--rules", "rules"]).expect(0);
            assert!(
                words.contains("reported 30s after the watermark") && words.contains("children"),
                "{words}"
            );
            continue;
        }
        let sql = ended.expect(0);
        if sql.contains("its query, over the spans that ended in") {
            // Over the table that queries see.
            let words = fluo(&["explain", &name, "--rules", "rules"]).expect(0);
            assert!(words.contains("\nAsks      of the spans of each window"), "{words}");
            let plan = fluo(&["explain", &name, "--rules", "rules", "--format", "plan"]).expect(0);
            assert!(plan.contains("TableScan: spans") && plan.contains("\nwindows: "), "{plan}");
            queries += 1;
            continue;
        }
        let result = match session.sql(&sql).await {
            Ok(frame) => frame.collect().await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            failures.push(format!("{name}: {error}\n{sql}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(queries > 0, "the library has rules that are a query");
}

#[tokio::test]
async fn the_origins_sql_gives_the_moments_at_which_it_holds() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let session = plain_session();
    session.register_parquet("spans", &store, ParquetReadOptions::default()).await.unwrap();
    let sql = fluo(&["explain", "AuthFailuresRule", "--rules", "rules", "--format", "sql"]).expect(0);
    let rows = session.sql(&sql).await.unwrap().collect().await.unwrap();
    let table = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
    // Once, at the sixth failure, 80 s past noon.
    let expected = "\
+---------------------+-------+
| moment              | count |
+---------------------+-------+
| 1714564880000000000 | 6     |
+---------------------+-------+";
    assert_eq!(table, expected, "{sql}");
}

#[test]
fn words_say_what_is_read_when_it_is_judged_and_why() {
    let said = fluo(&["explain", "AuthFailuresRule", "--rules", "rules"]).expect(0);
    for part in [
        "at the end of every matching span, and reported at once",
        "no span that arrives later can make the condition false again",
        "http.status_code (column attr_http_status_code), else http.response.status_code",
        "SELECT",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let said = fluo(&["explain", "checkout-error-ratio", "--rules", "rules"]).expect(0);
    assert!(!said.contains("reported at once"), "a ratio waits for the watermark:\n{said}");
    assert!(said.contains("watermark"), "{said}");
}

#[test]
fn an_objective_is_explained_as_the_two_rules_that_it_stands_for() {
    let words = fluo(&["explain", "error-budget-burn", "--rules", "rules"]).expect(0);
    let page = fluo(&["explain", "error-budget-burn/page", "--rules", "rules"]).expect(0);
    let ticket = fluo(&["explain", "error-budget-burn/ticket", "--rules", "rules"]).expect(0);
    assert_eq!(words, format!("{page}\n{ticket}"));
    for line in [
        "error-budget-burn/page (critical)\n",
        "Objective 99.9 % of spans in 30d must not fail: the error budget is 0.1 %\n",
        "Burns     more than 14.4x over 1h and over 5m: 2 % of the budget in 1h\n",
        "       or more than 6x over 6h and over 30m: 5 % of the budget in 6h\n",
        "          with at least 100 spans in the long one of the two windows\n",
        "Computes  failed = number of spans where not status != error\n",
        "Violated  when burn_long > burn_limit and burn_short > burn_limit and total >= 100\n",
        "Judged    every 1m, and reported at the watermark:\n          an error budget burns more or less with every span.\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    for line in
        ["more than 3x over 1d and over 2h: 10 %", "more than 1x over 3d and over 6h: 10 %", "every 5m"]
    {
        assert!(ticket.contains(line), "{line}\n{ticket}");
    }
    let plan = fluo(&["explain", "error-budget-burn", "--rules", "rules", "--format", "plan"]).expect(0);
    assert!(plan.contains("sums: of (t - 30d, t - 0s]"), "{plan}");
}

#[test]
fn the_plan_says_what_is_read_selected_and_summed_up() {
    let plan = fluo(&["explain", "AuthFailuresRule", "--rules", "rules", "--format", "plan"]).expect(0);
    for line in [
        "columns: attr_error_type, ",
        "\nselected: service_name = ",
        "\nsum count: every span\n",
        "\nwindows: of 1m, one that ends with each selected span\n",
    ] {
        assert!(plan.contains(line), "no {line:?} in\n{plan}");
    }
}

#[test]
fn a_rule_that_is_not_there_is_told_with_those_that_are() {
    let ended = fluo(&["explain", "AuthFailureRule", "--rules", "rules"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("there is no rule `AuthFailureRule`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("AuthFailuresRule"), "{}", ended.stderr);
}

/// Five real spans, three of a Flask service and two of another, by filters as Grafana writes them.
#[tokio::test]
async fn filters_of_traceql_select_what_they_say_and_their_sql_runs() {
    let folder = TempDir::new().unwrap();
    let fixtures = repository().join("tests/fixtures");
    let sources = ["flask_old_semconv.otlp.json", "plain_auth_401.otlp.json"].map(|name| fixtures.join(name));
    let store = folder.path().join("store");
    ingest(&[&sources[0], &sources[1]], &store);
    let session = plain_session();
    let spans = store.join("spans");
    session.register_parquet("spans", text(&spans), ParquetReadOptions::default()).await.unwrap();
    for (filter, expected) in [
        ("{ }", 5),
        ("{ span:status = error }", 2),
        ("{ span:statusMessage =~ `.*down` }", 1),
        ("{ span:parentID = nil }", 4),
        ("{ span:parentID != nil && trace:id != nil }", 1),
        ("{ span.\"http.target\" != nil }", 3),
        ("{ instrumentation:name =~ \".*flask\" && .http.flavor = \"1.1\" }", 3),
        ("{ span.error.type = nil }", 3),
        ("{ event:name = \"exception\" || link:traceID != nil }", 2),
        ("{ link:spanID = \"0102030405060708\" }", 0),
        ("{ resource.`telemetry.sdk.language` = `python` && !(span.http.status_code >= 401) }", 1),
    ] {
        let rules = folder.path().join("rules.yml");
        let rule =
            format!("- name: filter\n  span: |-\n    {filter}\n  window: 1000d\n  condition: count > 0\n");
        std::fs::write(&rules, rule).unwrap();
        let violations = crate::incident::records(&crate::incident::ndjson(text(&rules), &[&spans]));
        let found = violations.first().map_or(0, |violation| violation["peak"]["count"].as_i64().unwrap());
        assert_eq!(found, expected, "{filter}");
        let sql = fluo(&["explain", "filter", "--rules", text(&rules), "--format", "sql"]).expect(0);
        let rows = session.sql(&sql).await.unwrap().collect().await.unwrap();
        let moments: usize = rows.iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum();
        assert_eq!(moments > 0, expected > 0, "{filter}\n{sql}");
    }
}
