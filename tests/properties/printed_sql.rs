//! The printed SQL, run in DataFusion alone, gives the holding moments that the reference finds.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use fluo_evaluator::rule_test;
use fluo_plan::{RulePlan, keys_read, sql};
use fluo_rules::rule::Rule;
use fluo_rules::{SourceFile, load, test_file};
use fluo_spans::batch::to_batch;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_spans::span::{Attributes, Span};
use fluo_spans::text;
use fluo_tests::files::files_below;
use fluo_tests::generate::{self, Case};
use fluo_tests::program::repository;
use fluo_tests::reference;
use fluo_tests::span::blank;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::block_on;
use crate::engine::{layouts, with_givens};

/// The (group, moment) pairs that the statement selects, sorted.
fn selected(rule: &Rule, spans: &[Span], layout: &Layout) -> Vec<(Vec<Option<String>>, i64)> {
    let statement = sql::statement(&RulePlan::new(Arc::new(rule.clone())).unwrap(), layout).unwrap();
    let config = SessionConfig::new().set_str("datafusion.sql_parser.dialect", "duckdb");
    let context = SessionContext::new_with_config(config);
    let batch = to_batch(spans, 0, layout).unwrap();
    let table = MemTable::try_new(span_schema(layout), vec![vec![batch]]).unwrap();
    context.register_table("spans", Arc::new(table)).unwrap();
    let batches: Vec<RecordBatch> = block_on(async {
        let frame = context.sql(&statement).await.unwrap_or_else(|error| panic!("{error}\n{statement}"));
        frame.collect().await.unwrap_or_else(|error| panic!("{error}\n{statement}"))
    });
    let mut found = Vec::new();
    for batch in &batches {
        let moment = cast(batch.column_by_name("moment").unwrap(), &DataType::Int64).unwrap();
        let groups: Vec<_> = (0..rule.group_by.len())
            .map(|at| cast(batch.column(at), &DataType::Utf8).unwrap().as_string::<i32>().clone())
            .collect();
        for row in 0..batch.num_rows() {
            let group = groups.iter().map(|texts| texts.is_valid(row).then(|| texts.value(row).to_owned()));
            found.push((group.collect(), moment.as_primitive::<Int64Type>().value(row)));
        }
    }
    found.sort();
    found
}

/// Returns whether SQL's functions see the same in a text: not so in arrays, in integers that no double holds, in
/// numbers whose sums and products leave the doubles, and in -0, which `DataFusion` orders before 0.
fn is_plain(text: &str) -> bool {
    let number: f64 = text.parse().unwrap_or(0.0);
    !text.starts_with('[')
        && text::array(text).is_none()
        && number.abs() < 9_007_199_254_740_992.0
        && !(number == 0.0 && number.is_sign_negative())
}

fn plain(spans: Vec<Span>) -> Vec<Span> {
    // Of copies that differ, SQL keeps any: one copy each.
    dedupe(spans)
        .spans
        .into_iter()
        .filter(|span| {
            let own = [&span.attributes, &span.resource.attributes, &span.scope.attributes];
            let events = span.events.iter().map(|event| &event.attributes);
            own.into_iter()
                .chain(events)
                .all(|attributes| attributes.iter().all(|(_, value)| is_plain(value)))
        })
        .collect()
}

#[test]
fn equality_with_a_text_and_what_denies_something_look_into_arrays() {
    let span = |tag: &str, status: &str, id: u8| {
        let attributes =
            vec![("tag".to_owned(), tag.to_owned()), ("http.status_code".to_owned(), status.to_owned())];
        Span { attributes: Attributes::new(attributes), trace_id: [id; 16], end_ns: i64::from(id), ..blank() }
    };
    let spans = [span("[\"a\",\"b\"]", "[401,500]", 1), span("[\"a\"]", "401", 2), span("b", "[500]", 3)];
    for (matchers, expected) in [
        ("tag: b, http.status_code: ['401', '403']", vec![1]),
        ("tag: {ne: b}", vec![2]),
        ("tag: {not_in: [a, c]}", vec![3]),
        ("http.status_code: {ne: 401}", vec![3]),
        ("http.status_code: {not_in: ['500', 1]}", vec![2]),
    ] {
        let rule = format!("- {{name: r, span: {{attributes: {{{matchers}}}}}, condition: count > 0}}");
        let rule = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", rule)]).rules.remove(0);
        let found = selected(&rule, &spans, &Layout::builtin());
        assert_eq!(found.into_iter().map(|(_, at)| at).collect::<Vec<i64>>(), expected, "{matchers}");
    }
}

/// Holds the moments that the rule's statement selects, from files of one of the layouts, to the reference.
pub(crate) fn check_printed(Case { rule, spans, .. }: &Case, layout: usize) -> Result<(), TestCaseError> {
    let spans = plain(spans.clone());
    let expected =
        with_givens(|givens| reference::holding_moments(rule, &spans, reference::Range::default(), givens));
    // Events and links take lambdas, which DataFusion does not plan in every place; the rule library has the common ones.
    let lambdas = keys_read(rule).iter().any(|field| field.many().is_some());
    let has_sql = rule.condition.earlier().is_empty();
    prop_assume!(has_sql && expected.is_ok() && !spans.is_empty() && !lambdas);
    let mut expected: Vec<_> =
        expected.unwrap().into_iter().map(|holding| (holding.group, holding.at)).collect();
    expected.sort();
    prop_assert_eq!(selected(rule, &spans, &layouts(&spans)[layout]), expected);
    Ok(())
}

/// Every rule of the library that has a form in SQL, over the spans of its own tests.
#[test]
fn the_library_s_rules_hold_at_the_same_moments_in_datafusion_alone() {
    let (mut compared, mut without, mut never_held) = (0, 0, Vec::new());
    for file in files_below(&repository().join("rules")).unwrap() {
        let name = file.to_str().unwrap().to_owned();
        let Some(beside) = name.strip_suffix(".test.yml") else { continue };
        let source = |name: &str| SourceFile::new(name, std::fs::read(name).unwrap());
        let rules = load(&[source(&format!("{beside}.yml"))]).rules;
        let tests = test_file::load(&[source(&name)]);
        assert!(!rules.is_empty() && tests.findings.is_empty(), "{name}: {:?}", tests.findings);
        for rule in rules {
            if !sql::has_form(&rule) {
                without += 1;
                continue;
            }
            let mut held = 0;
            for test in tests.tests.iter().flat_map(|file| &file.tests) {
                let spans = plain(rule_test::spans_of(test).into_iter().map(|(span, _)| span).collect());
                let range = reference::Range::default();
                let holding = with_givens(|givens| reference::holding_moments(&rule, &spans, range, givens));
                let mut expected: Vec<_> =
                    holding.unwrap().into_iter().map(|holding| (holding.group, holding.at)).collect();
                expected.sort();
                held += expected.len();
                let found =
                    if spans.is_empty() { Vec::new() } else { selected(&rule, &spans, &Layout::builtin()) };
                assert_eq!(found, expected, "{}: {}", rule.name, test.name);
            }
            compared += 1;
            if held == 0 {
                never_held.push(rule.name.clone());
            }
        }
    }
    assert!(compared >= 20 && without >= 10, "{compared} have a form in SQL, {without} have none");
    assert!(never_held.is_empty(), "{never_held:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_printed_sql_selects_the_holding_moments(
        case in generate::case(),
        layout in 0_usize..3,
    ) {
        check_printed(&case, layout)?;
    }
}
