//! Rules that are a query, against rules of the language that mean the same: the reference evaluator says of these what
//! the engine must find of those.

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::violation::declared;
use fluo_engine::{EngineError, Observed};
use fluo_rules::rule::Rule;
use fluo_rules::{SourceFile, load};
use fluo_spans::identity::dedupe;
use fluo_spans::span::Span;
use fluo_tests::generate::traces::across;
use fluo_tests::generate::{self, arrival, kin, spans, traces};
use fluo_tests::reference::{self, Episode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::block_on;
use crate::engine::{judged, same_values, source, with_givens};
use crate::evaluator::{Course, course, evaluated, found_of};
use crate::traces::check_together;

/// A rule said twice: in the language, and as a query. `@` is a small number.
struct Twice {
    of_language: &'static str,
    query: &'static str,
    /// The other keys of the query's rule.
    keys: &'static str,
}

/// Pairs of the same meaning. All spans are selected: of copies that differ, the language has the first that it selects,
/// and a query sees one.
const PAIRS: [Twice; 8] = [
    Twice {
        of_language: "group_by: [service_name], condition: count > @",
        query: "SELECT service_name, count(*) AS count FROM spans GROUP BY service_name",
        keys: "condition: count > @",
    },
    Twice {
        of_language: "group_by: [service_name], condition: count > @",
        query: "SELECT service_name, count(*) AS count FROM spans GROUP BY service_name HAVING count(*) > @",
        keys: "",
    },
    Twice {
        of_language: "group_by: [service_name, name], aggregation: {total: count, errors: {count: {where: status = error}}}, \
                      condition: errors / total > 30% and total >= @",
        query: "SELECT service_name, name, count(*) AS total, count(*) FILTER (WHERE status = 'error') AS errors \
                FROM spans GROUP BY 1, 2",
        keys: "condition: errors / total > 30% and total >= @",
    },
    Twice {
        of_language: "group_by: [service_name, name], aggregation: {total: count, errors: {count: {where: status = error}}}, \
                      condition: errors / total > 30% and total >= @",
        query: "WITH counted AS (SELECT service_name AS service, name, count(*) AS total FROM spans GROUP BY 1, 2), \
                failed AS (SELECT service_name, name, count(*) AS errors FROM spans WHERE status = 'error' GROUP BY 1, 2) \
                SELECT c.service AS service_name, c.name, c.total, f.errors FROM counted c JOIN failed f \
                ON (f.service_name IS NOT DISTINCT FROM c.service) AND f.name = c.name \
                WHERE 1.0 * f.errors / c.total > 0.3 AND c.total >= @",
        keys: "",
    },
    Twice {
        of_language: "aggregation: {worst: {max: duration}, sum: {sum: duration}, best: {min: duration}}, condition: worst > @s",
        query: "SELECT max(duration) AS worst, nanoseconds(sum(duration_ns)) AS sum, min(duration) AS best FROM spans",
        keys: "condition: worst > @s",
    },
    Twice {
        of_language: "aggregation: {n: count}, condition: n < @",
        query: "SELECT count(*) AS n FROM spans WHERE end_time > $window_start AND end_time <= $window_end",
        keys: "condition: n < @",
    },
    Twice {
        of_language: "group_by: [n], aggregation: {names: {count_distinct: name}, failed: {count: {where: status = error}}}, \
                      condition: {warning: names >= 1 and failed > 0, critical: names >= @}, resolve_condition: names < 1",
        query: "SELECT coalesce(attributes['n'], resource_attributes['n']) AS n, \
                count(DISTINCT name) AS names, count(*) FILTER (WHERE status = 'error') AS failed FROM spans GROUP BY 1",
        keys: "condition: {warning: names >= 1 and failed > 0, critical: names >= @}, resolve_condition: names < 1",
    },
    Twice {
        of_language: "group_by: [span.http.method], aggregation: {roots: {count: {where: root}}}, condition: roots >= @",
        query: "SELECT attributes['http.method'] AS \"span.http.method\", \
                count(*) FILTER (WHERE parent_span_id IS NULL) AS roots FROM spans GROUP BY 1",
        keys: "condition: roots >= @",
    },
];

/// Both rules of a pair.
fn rules(pair: usize, n: u8, window: u8, every: u8) -> [Rule; 2] {
    let Twice { of_language, query, keys } = &PAIRS[pair];
    let common = format!("name: r, semantic_conventions: exact, window: {window}s, every: {every}s");
    let rule = |keys: String, is_query: bool| {
        let common =
            if is_query { common.replace("semantic_conventions: exact, ", "") } else { common.clone() };
        let keys = keys.replace('@', &n.to_string());
        let text = format!("- {{{common}, {keys}}}");
        let mut loaded = load(&[SourceFile::new("r.yml", text.clone())]);
        assert!(!loaded.is_partial(), "{text}: {:?}", loaded.findings);
        loaded.rules.remove(0)
    };
    let query = query.replace('@', &n.to_string());
    let query = serde_json::to_string(&query).unwrap();
    let keys = if keys.is_empty() { String::new() } else { format!(", {keys}") };
    [rule(format!("span: {{}}, {of_language}"), false), rule(format!("sql: {query}{keys}"), true)]
}

fn same(expected: &Episode, found: &Observed) -> bool {
    expected.group == found.group
        && expected.starts_at == found.starts_at
        && expected.ends_at == found.ends_at
        && expected.ongoing == found.ongoing
        && expected.worst == found.worst.severity
        && expected.severity == found.severity
        && same_values(&expected.values, &found.values)
        && same_values(&expected.latest, &found.latest)
}

/// Holds a query over files against the reference of its pair. Returns the number of violations.
fn check(
    [of_language, query]: &[Rule; 2],
    files: &[Vec<Span>],
    spans: &[Span],
    range: reference::Range,
    first_layout: usize,
) -> Result<usize, TestCaseError> {
    let expected = with_givens(|givens| reference::evaluate(of_language, spans, range, givens));
    let found = judged(query, &source(files, first_layout), range);
    match (expected, found) {
        (Err(_), Err(EngineError::GroupOverflow { .. })) => Ok(0),
        (Ok(expected), Ok(found)) => {
            let agree = expected.len() == found.violations.len()
                && expected.iter().zip(&found.violations).all(|(expected, found)| same(expected, found));
            prop_assert!(agree, "{}\nexpected {expected:#?}\nfound {found:#?}", query.sql().unwrap().text);
            Ok(expected.len())
        }
        (expected, found) => {
            prop_assert!(false, "expected {expected:?}, found {found:?}");
            Ok(0)
        }
    }
}

fn any_rules() -> impl Strategy<Value = [Rule; 2]> {
    (
        0..PAIRS.len(),
        1_u8..5,
        prop_oneof![Just(5_u8), Just(10), Just(30), Just(60)],
        prop_oneof![Just(10_u8), Just(20)],
    )
        .prop_map(|(pair, n, window, every)| rules(pair, n, window, every))
}

/// Evaluates a query among other rules as files arrive, and holds what is recorded of each in the end against what is found
/// of it alone in all spans at once.
fn check_live(rules: Vec<Rule>, files: &[Vec<Span>], course: &Course) -> Result<(), TestCaseError> {
    let named = rules.into_iter().enumerate().map(|(at, rule)| Rule {
        name: format!("r{at}"),
        group_limit: 10_000,
        eval_delay: None,
        allowed_lateness: None,
        redact: Vec::new(),
        ..rule
    });
    let rules: Vec<Rule> = named.collect();
    let (replayed, ranges) = block_on(evaluated(&rules, files, course));
    let failed: Vec<&String> = replayed.reports.iter().flat_map(|report| &report.failed_rules).collect();
    prop_assert!(failed.is_empty(), "{failed:?}");
    // Of copies in one file, ingest keeps one.
    let stored: Vec<Vec<Span>> = files.iter().map(|file| dedupe(file.clone()).spans).collect();
    for (rule, range) in rules.iter().zip(ranges) {
        let found: Vec<_> = found_of(rule, &replayed)
            .into_iter()
            .map(|ViolationRecord { violation, .. }| {
                let group = violation.group.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
                (group, violation.starts_at, violation.ends_at, violation.ongoing, violation.values)
            })
            .collect();
        let alone = judged(rule, &source(&stored, 0), range).unwrap().violations.into_iter();
        let expected: Vec<_> = alone
            .map(|alone| {
                let values = declared(rule, &alone.values);
                (alone.group, alone.starts_at, alone.ends_at, alone.ongoing, values)
            })
            .collect();
        prop_assert_eq!(found, expected, "{:#?}", rule);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        // Each case is some dozen evaluations, which plan a query for every moment.
        cases: (ProptestConfig::default().cases / 8).min(4),
        ..ProptestConfig::default()
    })]

    #[test]
    fn arrival_order_and_delays_change_nothing_of_queries_among_other_rules(
        queries in vec(any_rules(), 1..3),
        others in vec(prop_oneof![generate::rules::rule().boxed(), kin::rule().boxed(), across::rule().boxed()], 0..3),
        files in spans::universe().prop_flat_map(arrival::redelivered_files),
        course in course(),
    ) {
        let queries = queries.into_iter().map(|[_, query]| query);
        check_live(queries.chain(others).collect(), &files, &course)?;
    }
}

proptest! {
    // Each case plans a query for every moment, which takes its time without optimisation.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases.min(48),
        ..ProptestConfig::default()
    })]

    #[test]
    fn queries_agree_with_the_reference_of_rules_that_mean_the_same(
        rules in any_rules(),
        (spans, files) in spans::universe().prop_flat_map(|spans| {
            (Just(spans.clone()), arrival::redelivered_files(spans))
        }),
        range in traces::range(),
        first_layout in 0_usize..3,
    ) {
        check(&rules, &files, &spans, range, first_layout)?;
    }

    #[test]
    fn queries_that_are_judged_with_other_rules_find_what_each_finds_alone(
        spans in prop_oneof![spans::universe().boxed(), traces::universe().boxed()],
        queries in vec((any_rules(), traces::range()), 1..3),
        others in vec(
            (
                prop_oneof![
                    generate::rules::rule().boxed(),
                    traces::rules::rule().boxed(),
                    across::rule().boxed(),
                    kin::rule().boxed(),
                ],
                traces::range(),
            ),
            0..3,
        ),
    ) {
        let queries = queries.into_iter().map(|([_, query], range)| (query, range));
        check_together(queries.chain(others), &spans)?;
    }
}

#[test]
fn every_pair_is_decided_by_random_cases() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut found = [0; PAIRS.len()];
    for round in 0..12 {
        let spans = spans::universe().new_tree(&mut runner).unwrap().current();
        for (pair, found) in found.iter_mut().enumerate() {
            let rules = rules(pair, 1 + round % 2, 30, 20);
            let range = reference::Range { from: None, to: None };
            *found += check(&rules, std::slice::from_ref(&spans), &spans, range, 0).unwrap();
        }
    }
    assert!(found.iter().all(|violations| *violations >= 3), "violations by pair: {found:?}");
}
