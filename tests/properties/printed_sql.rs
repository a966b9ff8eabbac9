//! The printed SQL, run in DataFusion alone, gives the holding moments that the reference finds.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use fluo_plan::{RulePlan, sql};
use fluo_rules::rule::Rule;
use fluo_spans::batch::to_batch;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_spans::span::Span;
use fluo_spans::text;
use fluo_tests::generate::{self, Case};
use fluo_tests::reference;
use proptest::prelude::*;

use crate::engine::{layouts, with_givens};

/// The (group, moment) pairs that the statement selects, sorted.
fn selected(rule: &Rule, spans: &[Span], layout: &Layout) -> Vec<(Vec<Option<String>>, i64)> {
    let statement = sql::statement(&RulePlan::new(Arc::new(rule.clone())).unwrap(), layout).unwrap();
    let config = SessionConfig::new()
        .set_str("datafusion.sql_parser.dialect", "duckdb")
        // DataFusion's two planners disagree now and then on what may be null, and refuse their own plan for it.
        .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true);
    let context = SessionContext::new_with_config(config);
    let batch = to_batch(spans, 0, layout).unwrap();
    let table = MemTable::try_new(span_schema(layout), vec![vec![batch]]).unwrap();
    context.register_table("spans", Arc::new(table)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batches: Vec<RecordBatch> = runtime.block_on(async {
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

/// Whether SQL's functions see the same in a text: not so in arrays whose elements contain what separates them, or are
/// arrays or nulls themselves, nor in numbers whose sums and products leave the doubles.
fn is_plain(text: &str) -> bool {
    let simple = |text: &str| {
        let number = text::number(text).unwrap_or(0.0).abs();
        !text.contains(['[', ']', '"', ',', '{', '\\']) && text != "null" && number < 1e30
    };
    match text::array(text) {
        Some(elements) => {
            let compact = !text.contains(", ") && !text.starts_with(' ') && !text.ends_with(' ');
            compact && !elements.is_empty() && elements.iter().all(|element| !element.is_empty() && simple(element))
        }
        None => simple(text),
    }
}

fn plain(spans: Vec<Span>) -> Vec<Span> {
    // Of copies that differ, SQL keeps any: one copy each.
    dedupe(spans)
        .spans
        .into_iter()
        .filter(|span| {
            let events = span.events.iter().map(|event| &event.attributes);
            let mut all = [&span.attributes, &span.resource.attributes, &span.scope.attributes].into_iter().chain(events);
            all.all(|attributes| attributes.iter().all(|(_, value)| is_plain(value)))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_printed_sql_selects_the_holding_moments(
        Case { rule, spans, .. } in generate::case(),
        layout in 0_usize..3,
    ) {
        let spans = plain(spans);
        let expected = with_givens(|givens| {
            reference::holding_moments(&rule, &spans, reference::Range::default(), givens)
        });
        prop_assume!(expected.is_ok() && !spans.is_empty());
        let mut expected: Vec<_> =
            expected.unwrap().into_iter().map(|holding| (holding.group, holding.at)).collect();
        expected.sort();
        prop_assert_eq!(selected(&rule, &spans, &layouts(&spans)[layout]), expected);
    }
}
