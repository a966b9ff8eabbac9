//! Engine against reference: episodes, values, evidence, whatever the layout, the files and their order.

use std::sync::Arc;

use fluo_alerts::value::Value;
use fluo_engine::{DataFiles, EngineError, Observed, Outcome, Range, SpanSource, evaluate, session};
use fluo_plan::RulePlan;
use fluo_rules::rule::Rule;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::semconv;
use fluo_spans::span::{Attributes, Span};
use fluo_store::{Content, Packing, Root, write_spans};
use fluo_tests::generate::{self, Case, arrival};
use fluo_tests::reference::{self, Episode, Givens, RefValue};
use fluo_tests::span::blank;
use object_store::path::Path;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::block_on;

/// The given facts that the reference takes from outside: hashes and spellings.
pub(crate) fn with_givens<T>(run: impl FnOnce(Givens<'_>) -> T) -> T {
    run(Givens::new(&Span::content_hash, &semconv::spellings))
}

/// Layouts as unlike each other as they can be: the built-in one, none promoted, all keys of these spans promoted.
pub(crate) fn layouts(spans: &[Span]) -> [Layout; 3] {
    let keys = spans.iter().flat_map(|span| {
        let own = span.attributes.iter().map(|(key, _)| (AttributeScope::Span, key.to_owned()));
        let resource =
            span.resource.attributes.iter().map(|(key, _)| (AttributeScope::Resource, key.to_owned()));
        own.chain(resource).collect::<Vec<_>>()
    });
    [Layout::builtin(), Layout::new(2, [] as [(AttributeScope, &str); 0]), Layout::new(3, keys)]
}

/// Spans that arrived in files, each file in the next layout.
pub(crate) fn source(files: &[Vec<Span>], first_layout: usize) -> SpanSource {
    let all: Vec<Span> = files.iter().flatten().cloned().collect();
    let layouts = layouts(&all);
    let mut source = SpanSource::default();
    for (at, file) in files.iter().enumerate() {
        source.add_spans(file, &layouts[(first_layout + at) % layouts.len()]).unwrap();
    }
    source
}

/// Writes files to a store as ingest does, each in the next layout.
pub(crate) async fn write(root: &Root, folder: &Path, files: &[Vec<Span>], first_layout: usize) {
    let all: Vec<Span> = files.iter().flatten().cloned().collect();
    let layouts = layouts(&all);
    let next = |number: usize| layouts[(first_layout + number) % layouts.len()].clone();
    write_in(root, folder, files, next).await;
}

/// Writes files to a store as ingest does, each in the layout of its number.
pub(crate) async fn write_in(
    root: &Root,
    folder: &Path,
    files: &[Vec<Span>],
    layout_of: impl Fn(usize) -> Layout,
) {
    for (number, file) in files.iter().enumerate() {
        let content = Content::of(&number.to_be_bytes());
        let (layout, spans) = (layout_of(number), dedupe(file.clone()).spans);
        let (store, written) = (root.store.as_ref(), i64::try_from(number).unwrap());
        write_spans(store, folder, spans, content, written, &layout, Packing::Quick).await.unwrap();
    }
}

/// Spans in files, of which only the rows that matter are read.
async fn stored(files: &[Vec<Span>], first_layout: usize) -> SpanSource {
    let (root, folder) = (Root::in_memory().unwrap(), Path::from("spans"));
    write(&root, &folder, files, first_layout).await;
    let opened = DataFiles::with_small_files(Arc::clone(&root.store), 0).below(&folder).await.unwrap();
    assert!(opened.faults.is_empty(), "{:?}", opened.faults);
    opened.source
}

/// Holds what is found in files against what is found of the same spans in memory.
pub(crate) fn check_stored(
    case: &Case,
    files: &[Vec<Span>],
    first_layout: usize,
) -> Result<(), TestCaseError> {
    let files: Vec<Vec<Span>> = files.iter().map(|file| dedupe(file.clone()).spans).collect();
    let of_files = block_on(stored(&files, first_layout));
    let found = |source: &SpanSource| {
        let outcome = judged(&case.rule, source, case.range);
        outcome.map(|outcome| outcome.violations).map_err(|error| error.to_string())
    };
    prop_assert_eq!(found(&of_files), found(&source(&files, first_layout)));
    Ok(())
}

pub(crate) fn judged(
    rule: &Rule,
    source: &SpanSource,
    range: reference::Range,
) -> Result<Outcome, EngineError> {
    let plan = RulePlan::new(Arc::new(rule.clone()))?;
    let range = Range { from: range.from, to: range.to };
    block_on(evaluate(&session(), &plan, source, range))
}

fn same_value(expected: RefValue, found: Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "compared within a relative error")]
    let number = |value: Value| match value {
        Value::None | Value::Moment(_) => None,
        Value::Int(int) | Value::Duration(int) => Some(int as f64),
        Value::Float(float) => Some(float),
    };
    #[expect(clippy::cast_precision_loss, reason = "compared within a relative error")]
    let expected = match expected {
        RefValue::None => None,
        RefValue::Int(int) => Some(int as f64),
        RefValue::Float(float) => Some(float),
    };
    match (expected, number(found)) {
        (None, None) => true,
        (Some(expected), Some(found)) => (expected - found).abs() <= 1e-12 * expected.abs().max(1e-300),
        _ => false,
    }
}

pub(crate) fn same_values(expected: &[(String, RefValue)], found: &[(String, Value)]) -> bool {
    // Beside the declared ones there may be `count`.
    let mut found = found.iter();
    expected.iter().all(|(name, value)| {
        found.any(|(found_name, found)| name == found_name && same_value(*value, *found))
    })
}

pub(crate) fn same(expected: &Episode, found: &Observed) -> bool {
    let evidence: Vec<_> = found.evidence.iter().map(Span::key).collect();
    expected.group == found.group
        && expected.starts_at == found.starts_at
        && expected.ends_at == found.ends_at
        && expected.ongoing == found.ongoing
        && same_values(&expected.values, &found.values)
        && same_values(&expected.peak, &found.peak)
        && same_values(&expected.latest, &found.latest)
        && expected.worst == found.worst.severity
        && expected.severity == found.severity
        && expected.evidence == evidence
        && expected.failed == found.failed
}

pub(crate) fn check(case: &Case, files: &[Vec<Span>], first_layout: usize) -> Result<(), TestCaseError> {
    let expected = with_givens(|givens| reference::evaluate(&case.rule, &case.spans, case.range, givens));
    let found = judged(&case.rule, &source(files, first_layout), case.range);
    match (expected, found) {
        (Err(_), Err(EngineError::GroupOverflow { .. })) => Ok(()),
        (Ok(expected), Ok(found)) => {
            let agree = expected.len() == found.violations.len()
                && expected.iter().zip(&found.violations).all(|(expected, found)| same(expected, found));
            let differ =
                expected.iter().zip(&found.violations).find(|(expected, found)| !same(expected, found));
            let shown = |found: &Observed| {
                let evidence: Vec<_> = found.evidence.iter().map(Span::key).collect();
                let Observed { group, starts_at, ends_at, ongoing, values, peak, latest, .. } = found;
                let Observed { severity, worst, failed, .. } = found;
                format!(
                    "{group:?} {starts_at} to {ends_at} ongoing {ongoing} {values:?} peak {peak:?} latest {latest:?} \
                     {severity:?} {:?} {failed:?} {evidence:?}",
                    worst.severity
                )
            };
            let differ =
                differ.map(|(expected, found)| format!("expected {expected:?}\nfound {}", shown(found)));
            let found: Vec<String> = found.violations.iter().map(shown).collect();
            prop_assert!(agree, "{differ:?}\nof expected {expected:?}\nof found {found:#?}");
            Ok(())
        }
        (expected, found) => {
            prop_assert!(false, "expected {expected:?}, found {found:?}");
            Ok(())
        }
    }
}

/// Whole numbers that no double holds stay what they are, until something is computed of them.
#[test]
fn whole_numbers_are_compared_exactly() {
    let (large, larger) = ("9007199254740992", "9007199254740993");
    let attributes = [("large", large), ("larger", larger), ("text", "x"), ("half", "0.5")];
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let span = Span { attributes: Attributes::new(attributes), end_ns: 1_000_000_000, ..blank() };
    for (filter, expected) in [
        (".larger = 9007199254740993", true),
        (".larger = 9007199254740992", false),
        (".larger in [9007199254740992]", false),
        (".larger > .large", true),
        ("coalesce(.larger, 0) = 9007199254740993", true),
        ("coalesce(.larger, 0) = 9007199254740992", false),
        ("coalesce(.gone, 9007199254740993) = .larger", true),
        ("coalesce(.gone, 9007199254740993) = .large", false),
        ("coalesce(.text, .larger, 1) > 9007199254740992", true),
        ("coalesce(length(.gone), 9007199254740992) >= coalesce(.larger, 9007199254740993)", false),
        ("coalesce(length(.gone), 9007199254740992) >= coalesce(.gone, 9007199254740993)", false),
        ("max(.large, .larger) = 9007199254740993", true),
        ("min(.large, .larger) in [9007199254740993, 1]", false),
        ("min(.large, .larger) in [9007199254740992, 1]", true),
        ("max(.large, .half) != 9007199254740993", true),
        ("max(.larger, .text) > 0", false),
        ("between(max(.large, .larger), 9007199254740993, 9007199254740993)", true),
        ("between(coalesce(.large, 0), 9007199254740993, 9007199254740993)", false),
        ("max(min(.large, .larger), 1) < .larger", true),
        ("not (coalesce(.larger, 0) in [9007199254740992])", true),
        // What is computed is a double.
        (".larger * 1 = 9007199254740992", true),
        ("coalesce(.larger, 0) + 0 = 9007199254740992", true),
        ("abs(.larger) = 9007199254740992", true),
        ("coalesce(.larger * 1, 0) = 9007199254740992", true),
        ("max(duration, 2s) = 2s and min(duration, 2s) in [1s, 0s]", true),
        ("max(duration, 2s) = 2s and min(duration, 2s) in [3s, 0s]", false),
        ("coalesce(duration, 2s) = 1s", true),
    ] {
        let rule = format!("- name: r\n  span: {{where: '{filter}'}}\n  condition: count > 0\n");
        let loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", rule)]);
        assert!(!loaded.is_partial(), "{filter}: {:?}", loaded.findings);
        let rule = loaded.rules.into_iter().next().unwrap();
        let case = Case { rule, spans: vec![span.clone()], range: reference::Range::default() };
        check(&case, std::slice::from_ref(&case.spans), 0)
            .unwrap_or_else(|error| panic!("{filter}: {error}"));
        let found = judged(&case.rule, &source(std::slice::from_ref(&case.spans), 0), case.range).unwrap();
        assert_eq!(!found.violations.is_empty(), expected, "{filter}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exact_rules_agree_with_the_reference(case in generate::exact_case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn grid_rules_agree_with_the_reference(case in generate::grid_case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(generate::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
        check_stored(&case, &files, first_layout)?;
    }
}
