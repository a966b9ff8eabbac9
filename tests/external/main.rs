//! fluo's files in other programs' hands, and fluo against a stand-in of AWS. Not part of `cargo test`: `.ci/run` installs what is needed and runs it with
//! `cargo test -p fluo-cli --test external`.
//!
//! `FLUO_TEST_PYTHON` names a Python that has the packages of `requirements.txt`. Without it every test here fails: a reader that
//! was not tried is not a reader that works. `FLUO_TEST_MOTO` says where the stand-in is (`http://127.0.0.1:5555`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod aws;
mod detection;
mod docs;
mod duckdb;
mod init;
mod lsp;
mod span_tables;

use std::path::Path;

use fluo_tests::program::Program;
use serde_json::Value;

/// Runs `fluo` in the repository's root, to a good end.
fn fluo(arguments: &[&str]) -> String {
    Program::new(env!("CARGO_BIN_EXE_fluo")).run(arguments).expect(0)
}

/// Runs SQL in DuckDB in a folder: the rows of the last statement, values as text or null.
fn duckdb(folder: &Path, sql: &str) -> Vec<Vec<Value>> {
    const SCRIPT: &str = "
import duckdb, json, sys
rows = []
connection = duckdb.connect()
connection.execute(\"SET TimeZone = 'UTC'\")
for statement in connection.extract_statements(sys.argv[1]):
    connection.execute(statement)
    rows = connection.fetchall()
print(json.dumps([[None if value is None else str(value) for value in row] for row in rows]))
";
    serde_json::from_str(&python(folder, SCRIPT, &[sql])).unwrap()
}

/// Runs a script of Python in a folder: what it prints.
fn python(folder: &Path, script: &str, arguments: &[&str]) -> String {
    let python = std::env::var_os("FLUO_TEST_PYTHON")
        .expect("FLUO_TEST_PYTHON names a Python with the packages of requirements.txt; .ci/run makes one");
    Program::new(python).within(folder).run(&[&["-c", script], arguments].concat()).expect(0)
}
