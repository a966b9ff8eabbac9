//! `fluo test`: the rules' unit tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fluo_alerts::escape::plain;
use fluo_evaluator::rule_test::{self, Arriving, Mismatch, Verdict};
use fluo_evaluator::{RuleSet, Settings};
use fluo_rules::diagnostic::Level;
use fluo_rules::files::is_test_file;
use fluo_rules::printable::is_unseen;
use fluo_rules::test_file::{self, TestFile};
use fluo_rules::{SourceFile, load};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::args::{Test, TestFormat};
use crate::bounded;
use crate::exit::{Failure, Status, chain};
use crate::rule_files;
use crate::terminal::Output;

/// A test file that was run.
struct Run {
    file: String,
    verdicts: Vec<Verdict>,
}

pub(crate) async fn run(args: &Test) -> Result<Status, Failure> {
    let files = rule_files::read_named(&args.paths, is_test_file)?;
    if files.is_empty() {
        return Err(
            Failure::usage("there is no test file in what was given").hint("test files end in .test.yml")
        );
    }
    let loaded = test_file::load(&files);
    let mut findings = loaded.findings;
    let mut shown = files.clone();
    let (mut runs, mut cases) = (Vec::new(), Vec::new());
    for tests in loaded.tests {
        let tests = Arc::new(tests);
        let rules = rules_of(&tests)?;
        let checked = load(&rules);
        let broken = checked.is_partial();
        findings.extend(checked.findings.iter().filter(|finding| finding.level() == Level::Error).cloned());
        shown.extend(rules.iter().cloned());
        if broken {
            continue;
        }
        let against = tests.against(&checked.rules);
        let wrong = against.iter().any(|finding| finding.level() == Level::Error);
        findings.extend(against);
        if wrong {
            continue;
        }
        let set = Arc::new(RuleSet::load(&rules, &BTreeMap::new()));
        for (at, test) in tests.tests.iter().enumerate() {
            let mut spans = rule_test::spans_of(test);
            spans.extend(spans_from(&tests, test)?);
            cases.push(Case {
                run: runs.len(),
                tests: Arc::clone(&tests),
                at,
                rules: Arc::clone(&set),
                spans,
            });
        }
        runs.push(Run { file: tests.file.to_string(), verdicts: Vec::new() });
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Verdicts come in order: more than one a thread, so that none waits for a test that takes long.
    let mut verdicts = stream::iter(cases).map(Case::verdict).buffered(4 * threads);
    while let Some((run, verdict)) = verdicts.try_next().await? {
        runs[run].verdicts.push(verdict);
    }
    findings.dedup();
    rule_files::tell_findings(&findings, &shown);
    let errors = findings.iter().filter(|finding| finding.level() == Level::Error).count();
    let mut output = Output::new();
    match args.format {
        TestFormat::Human => output.text(&human(&runs))?,
        TestFormat::Json => output.json(&as_json(&runs))?,
        TestFormat::Junit => output.text(&junit(&runs))?,
    }
    output.finish()?;
    let failed = runs.iter().flat_map(|run| &run.verdicts).any(|verdict| !verdict.failures.is_empty());
    Ok(if failed || errors > 0 { Status::Found } else { Status::Done })
}

/// A test that is to be run.
struct Case {
    /// The run that it belongs to.
    run: usize,
    tests: Arc<TestFile>,
    /// Its place among the tests of its file.
    at: usize,
    rules: Arc<RuleSet>,
    spans: Vec<Arriving>,
}

impl Case {
    /// Runs it on a thread of its own.
    async fn verdict(self) -> Result<(usize, Verdict), Failure> {
        let Self { run, tests, at, rules, spans } = self;
        let named = format!("could not run `{}` of {}", tests.tests[at].name, tests.file);
        let runtime = Handle::current();
        let running = spawn_blocking(move || {
            runtime.block_on(rule_test::run(&tests.tests[at], &rules, spans, &Settings::default()))
        });
        match running.await {
            Ok(Ok(verdict)) => Ok((run, verdict)),
            Ok(Err(error)) => Err(Failure::because(named, error)),
            Err(error) => Err(Failure::because(named, error)),
        }
    }
}

/// The rule files that a test file names.
pub(crate) fn rules_of(tests: &TestFile) -> Result<Vec<SourceFile>, Failure> {
    let folder = folder_of(tests);
    let paths: Vec<_> = tests.rules.iter().map(|rules| folder.join(rules)).collect();
    rule_files::read(&paths)
}

/// Returns the folder that the paths of a test file start from.
pub(crate) fn folder_of(tests: &TestFile) -> &Path {
    Path::new(&*tests.file).parent().unwrap_or(Path::new(""))
}

/// The spans of the files that a test names.
fn spans_from(tests: &TestFile, test: &test_file::Test) -> Result<Vec<Arriving>, Failure> {
    let mut spans = Vec::new();
    for file in &test.span_files {
        let path = folder_of(tests).join(&file.path);
        let unreadable = |reason: String| {
            Failure::usage(format!(
                "{}:{}: `{}` cannot be read: {reason}",
                tests.file,
                file.place.start.line,
                path.display()
            ))
        };
        let limits = fluo_spans::Limits::default();
        let bytes = bounded::read(&path, limits.max_bytes).map_err(|error| unreadable(error.to_string()))?;
        let decoded = fluo_spans::decode(&bytes, &limits).map_err(|error| unreadable(chain(&error)))?;
        if !decoded.set_aside.is_empty() {
            return Err(unreadable(decoded.set_aside.in_words()));
        }
        spans.extend(decoded.spans.into_iter().map(|span| {
            let arrives = span.end_ns.saturating_add(file.late.0);
            (span, arrives)
        }));
    }
    Ok(spans)
}

/// `auth.test.yml: 2 of 3 passed`, and what failed.
fn human(runs: &[Run]) -> String {
    let mut text = String::new();
    let (mut all, mut passed) = (0, 0);
    for run in runs {
        for verdict in &run.verdicts {
            all += 1;
            if verdict.failures.is_empty() {
                passed += 1;
                continue;
            }
            // Writing to a `String` cannot fail.
            let _ =
                writeln!(text, "failed: {}:{}: {}", run.file, verdict.place.start.line, plain(&verdict.name));
            for Mismatch { place, message, expected, actual } in &verdict.failures {
                let line = place.as_ref().map_or(verdict.place.start.line, |place| place.start.line);
                let _ = writeln!(text, "  {}:{line}: {}", run.file, plain(message));
                let _ = writeln!(text, "    expected: {}\n    actual:   {}", plain(expected), plain(actual));
            }
        }
    }
    let _ = writeln!(text, "{passed} of {all} tests passed");
    text
}

fn as_json(runs: &[Run]) -> Vec<serde_json::Value> {
    runs.iter()
        .flat_map(|run| {
            run.verdicts.iter().map(|verdict| {
                let failures: Vec<serde_json::Value> = verdict
                    .failures
                    .iter()
                    .map(|failure| {
                        json!({
                            "line": failure.place.as_ref().map(|place| place.start.line),
                            "message": failure.message,
                            "expected": failure.expected,
                            "actual": failure.actual,
                        })
                    })
                    .collect();
                json!({
                    "file": run.file,
                    "line": verdict.place.start.line,
                    "test": verdict.name,
                    "passed": verdict.failures.is_empty(),
                    "failures": failures,
                })
            })
        })
        .collect()
}

/// The XML of `JUnit`, as CI systems read it.
///
/// Not by `quick-junit`: there a test case has one failure, where each of ours has its own message, and marks that turn
/// text around stand in its output as they are.
fn junit(runs: &[Run]) -> String {
    let failures = |run: &Run| run.verdicts.iter().filter(|verdict| !verdict.failures.is_empty()).count();
    let all: usize = runs.iter().map(|run| run.verdicts.len()).sum();
    let failed: usize = runs.iter().map(failures).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"fluo\" tests=\"{all}\" failures=\"{failed}\">\n"
    );
    for run in runs {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            xml(&run.file),
            run.verdicts.len(),
            failures(run)
        );
        for verdict in &run.verdicts {
            let _ = write!(
                text,
                "    <testcase classname=\"{}\" name=\"{}\"",
                xml(&run.file),
                xml(&verdict.name)
            );
            if verdict.failures.is_empty() {
                text.push_str("/>\n");
                continue;
            }
            text.push_str(">\n");
            for failure in &verdict.failures {
                let detail = format!("expected: {}\nactual:   {}", failure.expected, failure.actual);
                let _ = writeln!(
                    text,
                    "      <failure message=\"{}\">{}</failure>",
                    xml(&failure.message),
                    xml(&detail)
                );
            }
            text.push_str("    </testcase>\n");
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text as XML content or attribute; characters that XML does not know are left out.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            // Writing to a `String` cannot fail.
            c if is_unseen(c) => _ = write!(escaped, "&#x{:X};", u32::from(c)),
            c => escaped.push(c),
        }
    }
    escaped
}
