//! Whole rules, checked.

use fluo_rules::condition::Condition;
use fluo_rules::rule::{
    Conventions, EvidenceKeys, GroupKey, Realert, Rule, Sampling, Severity, Source, Subject, grid_step,
};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::aggregates::aggregates;
use super::conditions::{Grid, any_condition, ending, exact_condition, with_levels};
use super::selectors::selector;
use super::spans::RASTER_NS;
use super::vocabulary::{VALUES, group_field, one_of};
use crate::reference::is_exact;

/// Any rule, about half of them exact.
pub fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![exact_rule(), grid_rule()]
}

/// A rule that is judged at the ends of its matching spans. Its window may be as short as a nanosecond.
pub fn exact_rule() -> BoxedStrategy<Rule> {
    aggregates()
        .prop_flat_map(|aggregates| {
            let window = prop_oneof![
                6 => windows(),
                1 => select(vec![1, RASTER_NS - 1, RASTER_NS + 1]).prop_map(Nanos),
            ];
            let condition = with_levels(exact_condition(&aggregates).boxed(), ending(&aggregates).boxed());
            (Just(aggregates.clone()), condition, window, frame())
        })
        .prop_map(|(aggregates, condition, window, frame)| Rule {
            window,
            aggregates,
            ..frame.with(condition)
        })
        .boxed()
}

/// A rule that is judged on a grid: by its condition, its `every` or its `for`.
pub fn grid_rule() -> BoxedStrategy<Rule> {
    let every = || {
        option::weighted(
            0.5,
            select(vec![RASTER_NS, 7_000_000_000, 2 * RASTER_NS, 30_000_000_000]).prop_map(Nanos),
        )
    };
    (aggregates(), windows(), every())
        .prop_flat_map(move |(aggregates, window, every)| {
            let grid = Grid { window, step: grid_step(every, window) };
            let condition = prop_oneof![
                3 => any_condition(&aggregates, None).boxed(),
                3 => any_condition(&aggregates, Some(grid)).boxed(),
                1 => exact_condition(&aggregates).boxed(),
            ];
            let end = prop_oneof![
                3 => any_condition(&aggregates, None).boxed(),
                1 => any_condition(&aggregates, Some(grid)).boxed(),
                1 => ending(&aggregates).boxed(),
            ];
            let condition = with_levels(condition.boxed(), end.boxed());
            (Just(aggregates), condition, Just(window), Just(every), frame())
        })
        .prop_map(|(aggregates, condition, window, every, frame)| {
            let rule = Rule { window, every, aggregates, ..frame.with(condition) };
            // A condition that is exact by chance is put on the grid by holding for a while.
            if is_exact(&rule) { Rule { hold_for: Nanos::MINUTE, ..rule } } else { rule }
        })
        .boxed()
}

/// Windows whose edges meet the raster of spans' times; the longest has a grid step shorter than itself.
fn windows() -> impl Strategy<Value = Nanos> {
    select(vec![RASTER_NS, 2 * RASTER_NS, 6 * RASTER_NS, 12 * RASTER_NS, 12 * RASTER_NS + 1, 18 * RASTER_NS])
        .prop_map(Nanos)
}

/// The part of a rule that depends neither on its aggregates nor on its window.
#[derive(Debug, Clone)]
struct Frame {
    rule: Rule,
}

impl Frame {
    fn with(self, condition: Condition) -> Rule {
        Rule { condition, ..self.rule }
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    let conventions = prop_oneof![3 => Just(Conventions::Renamed), 1 => Just(Conventions::Exact)];
    let group_limit = prop_oneof![6 => Just(10_000), 1 => 1_u32..4];
    let evidence_limit = prop_oneof![3 => Just(10), 1 => 0_u32..4];
    // A universe is 200 s long.
    let lookback = prop_oneof![
        1 => Just(Nanos(7 * Nanos::DAY.0)),
        3 => select(vec![2 * RASTER_NS, 7 * RASTER_NS + 1, 12 * RASTER_NS, 13 * RASTER_NS]).prop_map(Nanos),
    ];
    (selector(), groups(), conventions, (group_limit, evidence_limit), lookback).prop_map(
        |(selector, (group_by, expect), conventions, (group_limit, evidence_limit), lookback)| Frame {
            rule: Rule {
                name: "generated".to_owned(),
                description: None,
                severity: Severity::Warning,
                enabled: true,
                labels: [].into(),
                annotations: [].into(),
                conventions,
                sampling: Sampling::Stored,
                subject: Subject::Spans(selector),
                window: Nanos::MINUTE,
                every: None,
                group_by,
                group_limit,
                limits: None,
                expect,
                lookback,
                aggregates: Vec::new(),
                evidence_limit,
                evidence: EvidenceKeys::default(),
                top: Vec::new(),
                condition: Condition::of(
                    "true",
                    super::expressions::literal(fluo_rules::matcher::Value::Bool(true)),
                ),
                hold_for: Nanos(0),
                keep_firing_for: Nanos(0),
                realert: Realert {
                    every: Nanos(4 * Nanos::HOUR.0),
                    backoff: 1.0,
                    max: Nanos(4 * Nanos::HOUR.0),
                },
                inhibit: Vec::new(),
                notification_limit: 50,
                redact: Vec::new(),
                eval_delay: None,
                allowed_lateness: None,
                kin: None,
                source: Source {
                    file: "generated.yml".into(),
                    line: 1,
                    text: "".into(),
                    range: 0..0,
                    hash: String::new(),
                },
            },
        },
    )
}

/// None, one or two keys; with keys, up to two groups that are expected, some of which have spans.
fn groups() -> impl Strategy<Value = (Vec<GroupKey>, Vec<Vec<Option<String>>>)> {
    let keys =
        prop_oneof![3 => vec(group_field(), 0), 3 => vec(group_field(), 1), 1 => vec(group_field(), 2)];
    keys.prop_flat_map(|mut fields| {
        // A key is given once.
        fields.sort();
        fields.dedup();
        let value = prop_oneof![
            1 => Just(None),
            2 => Just(Some("401")),
            1 => Just(Some("auth-service")),
            1 => one_of(&VALUES).prop_map(Some),
        ];
        let group = vec(value.prop_map(|value| value.map(str::to_owned)), fields.len());
        let most = if fields.is_empty() { 0 } else { 2 };
        let keys: Vec<GroupKey> =
            fields.into_iter().map(|field| GroupKey { key: field.to_string(), field }).collect();
        let expect = vec(group, 0..=most).prop_map(|mut groups| {
            groups.sort();
            groups.dedup();
            groups
        });
        (Just(keys), prop_oneof![3 => Just(Vec::new()), 1 => expect])
    })
}
