//! The manual's queries for DuckDB.

use std::fs;

use fluo_tests::manual::{blocks, pages};
use fluo_tests::program::{Program, repository};
use tempfile::TempDir;

use crate::duckdb;

#[test]
fn every_query_runs_over_what_its_page_stores_and_gives_rows() {
    let mut queries = 0;
    for (page, text) in pages(&repository().join("docs")).unwrap() {
        let folder = TempDir::new().unwrap();
        for block in blocks(&text) {
            match block.info.as_str() {
                "sh" if text.contains("```sql duckdb") => {
                    let beside = std::path::Path::new(env!("CARGO_BIN_EXE_fluo")).parent().unwrap();
                    for step in block.steps() {
                        let script = format!(
                            "PATH='{}':\"$PATH\"; TMP='{}'; {}",
                            beside.display(),
                            folder.path().display(),
                            step.command
                        );
                        Program::new("sh").run(&["-euc", &script]).expect(step.status);
                    }
                }
                "sql duckdb" | "sql duckdb view" => {
                    let view = if block.info.ends_with("view") {
                        fs::read_to_string(folder.path().join("spans.sql")).unwrap() + ";\n"
                    } else {
                        String::new()
                    };
                    let rows = duckdb(folder.path(), &(view + &block.text));
                    assert!(!rows.is_empty(), "{}:{} gives nothing", page.display(), block.line);
                    queries += 1;
                }
                _ => {}
            }
        }
    }
    assert!(queries > 5, "{queries} queries in the manual");
}
