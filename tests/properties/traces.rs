//! Rules about whole traces: engine against reference, whatever the layout, the files and their order, and whatever other
//! rules are judged with them.

use std::sync::Arc;

use fluo_engine::{AsOf, Asked, Observed, evaluate, judge, moments, session};
use fluo_plan::RulePlan;
use fluo_rules::SourceFile;
use fluo_rules::rule::Rule;
use fluo_spans::span::Span;
use fluo_tests::generate::spans::BASE_NS;
use fluo_tests::generate::traces::across;
use fluo_tests::generate::{self, Case, arrival, traces};
use fluo_tests::reference::Range;
use fluo_tests::structure::CASES;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::block_on;
use crate::engine::{check, check_stored, source};

/// The spans of a case in a line each, and the rule, so that a person can work out what is right.
fn in_words(case: &Case) -> String {
    let second = |ns: i64| {
        let since = ns - BASE_NS;
        let (whole, rest) = ((since + 500_000_000).div_euclid(1_000_000_000), 0);
        format!("{whole}s{:+}", since - whole * 1_000_000_000 + rest)
    };
    let mut spans: Vec<&Span> = case.spans.iter().collect();
    spans.sort_by_key(|span| (span.trace_id, span.end_ns, span.span_id));
    let lines = spans.iter().map(|span| {
        let parent = span.parent_span_id.map_or_else(String::new, |parent| format!("<{}", parent[0]));
        let links: Vec<String> =
            span.links.iter().map(|link| format!("->{}/{}", link.trace_id[0], link.span_id[0])).collect();
        let (trace, id) = (span.trace_id[0], span.span_id[0]);
        let (start, end) = (second(span.start_ns), second(span.end_ns));
        let (service, own) = (&span.resource.service_name, &span.attributes);
        format!(
            "{trace}/{id}{parent} {:?} {start}..{end} {} {service:?} {own:?} {:?}\n",
            span.name,
            links.join(" "),
            span.resource.attributes
        )
    });
    let trace = case.rule.trace();
    let rule = &case.rule;
    let range = (case.range.from.map(second), case.range.to.map(second));
    let groups: Vec<&str> = rule.group_by.iter().map(|key| key.key.as_str()).collect();
    format!(
        "{}{range:?}\n{}\nwindow {:?} every {:?} for {:?} by {groups:?} expect {:?} limit {}\n{:?}\n{trace:#?}\n",
        lines.collect::<String>(),
        rule.condition.text,
        rule.window,
        rule.every,
        rule.hold_for,
        rule.expect,
        rule.evidence_limit,
        rule.aggregates,
    )
}

/// Judges all rules together, each in its own range, and holds what is found of each against what is found of it alone.
pub(crate) fn check_together(
    rules: impl Iterator<Item = (Rule, Range)>,
    spans: &[Span],
) -> Result<(), TestCaseError> {
    let source = source(&[spans.to_vec()], 0);
    let rules: Vec<(RulePlan, fluo_engine::Range)> = rules
        .map(|(rule, Range { from, to })| {
            (RulePlan::new(Arc::new(rule)).unwrap(), fluo_engine::Range { from, to })
        })
        .collect();
    let asked: Vec<Asked<'_>> = rules
        .iter()
        .map(|(plan, range)| Asked {
            as_of: range.to.map_or(AsOf::ALL, AsOf::of),
            ..Asked::new(plan, moments(plan, &source, *range).into_iter().collect())
        })
        .collect();
    block_on(async {
        let session = session();
        let together = judge(&session, &source, &asked).await.unwrap();
        for ((plan, range), together) in rules.iter().zip(together.rules) {
            let alone = evaluate(&session, plan, &source, *range).await;
            let together: Result<Vec<Observed>, String> = together.map_err(|error| error.to_string());
            let alone = alone.map(|alone| alone.violations).map_err(|error| error.to_string());
            prop_assert_eq!(together, alone, "{:#?}", plan.rule());
        }
        Ok(())
    })
}

#[test]
fn operators_between_filters_select_as_the_reference_does() {
    for case in CASES {
        let loaded = fluo_rules::load(&[SourceFile::new("r.yml", case.rule())]);
        assert_eq!(loaded.findings, [], "{}", case.when);
        let rule = loaded.rules.into_iter().next().unwrap();
        let case = Case { rule, spans: case.stored(BASE_NS), range: Range::default() };
        check(&case, std::slice::from_ref(&case.spans), 0).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_about_traces_agree_with_the_reference(case in traces::case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)
            .map_err(|error| TestCaseError::fail(format!("{}\n{error}", in_words(&case))))?;
    }

    #[test]
    fn rules_whose_occasions_are_related_agree_with_the_reference(case in traces::related_case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)
            .map_err(|error| TestCaseError::fail(format!("{}\n{error}", in_words(&case))))?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(traces::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
        check_stored(&case, &files, first_layout)?;
    }

    #[test]
    fn rules_that_are_judged_together_find_what_each_finds_alone(
        spans in traces::universe(),
        of_traces in vec((traces::rules::rule(), traces::range()), 1..6),
        of_spans in vec((generate::rules::rule(), traces::range()), 0..3),
    ) {
        let rules = of_traces.into_iter().chain(of_spans);
        check_together(rules, &spans)?;
    }

    #[test]
    fn rules_across_traces_agree_with_the_reference(case in across::case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)
            .map_err(|error| TestCaseError::fail(format!("{}\n{error}", in_words(&case))))?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing_across_traces(
        (case, files) in arrival::delivered(across::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
        check_stored(&case, &files, first_layout)?;
    }

    #[test]
    fn rules_across_traces_find_together_with_others_what_each_finds_alone(
        spans in across::universe(),
        across in vec((across::rule(), traces::range()), 1..5),
        of_traces in vec((traces::rules::rule(), traces::range()), 0..3),
        of_spans in vec((generate::rules::rule(), traces::range()), 0..3),
    ) {
        let rules = across.into_iter().chain(of_traces).chain(of_spans);
        check_together(rules, &spans)?;
    }
}
