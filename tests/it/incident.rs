//! The incident that the tests are about: logins that fail, as spans and as files, and what is found in them.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_tests::files::files_below;
use fluo_tests::otlp::{Any, Encoding, Span};
use serde_json::Value;

use crate::fluo;

/// The origin's rule file.
pub(crate) const RULE: &str = "rules/auth/auth-failures.yml";

/// 2024-05-01T12:00:00Z in nanoseconds: behind every clock, so that no span lies in the future.
pub(crate) const NOON: u64 = 1_714_564_800_000_000_000;

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;

/// A login that failed, as the origin's application tells of it: with an integer.
pub(crate) fn failed_login(number: u64, end: u64) -> Span {
    login(number, end, "http.status_code", 401)
}

/// A login that failed, with its status under `key`.
pub(crate) fn login(number: u64, end: u64, key: &str, status: impl Into<Any>) -> Span {
    Span::new(number, "auth-service", "auth_user", end)
        .with(key, status)
        .with("error.type", "AuthenticationError")
        .with("user.id", "u-42")
}

/// Six failed logins, ten seconds apart, from half a minute past noon: three in one clock minute, three in the next.
pub(crate) fn six_failures() -> Vec<Span> {
    (0..6).map(|at| failed_login(at + 1, NOON + (30 + 10 * at) * SECOND)).collect()
}

/// Writes one OTLP object.
pub(crate) fn write(folder: &Path, name: &str, encoding: Encoding, spans: &[Span]) -> PathBuf {
    let path = folder.join(format!("{name}.{}", encoding.suffix()));
    fs::write(&path, encoding.write(spans)).unwrap();
    path
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns what `fluo eval` finds of a rule file in spans, one record a violation.
pub(crate) fn violations(rules: &str, spans: &[&Path]) -> Vec<Value> {
    records(&ndjson(rules, spans))
}

/// The same, as it is printed.
pub(crate) fn ndjson(rules: &str, spans: &[&Path]) -> String {
    let mut arguments = vec!["eval", "--rules", rules, "--format", "ndjson", "--spans"];
    arguments.extend(spans.iter().map(|path| text(path)));
    fluo(&arguments).expect(0)
}

/// Lines of JSON.
pub(crate) fn records(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Turns OTLP files into a store, and gives its Parquet files, sorted.
pub(crate) fn ingest(sources: &[&Path], store: &Path) -> Vec<PathBuf> {
    let mut arguments = vec!["ingest", "--spans", text(store)];
    arguments.extend(sources.iter().map(|path| text(path)));
    fluo(&arguments).expect(0);
    data_files(store)
}

/// The Parquet files of a store, sorted.
pub(crate) fn data_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder).unwrap();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "parquet"));
    files
}
