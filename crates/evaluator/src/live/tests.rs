//! Ticks over what is deployed, in a store in memory.

use fluo_store::Root;
use fluo_time::Nanos;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::Stop;
use crate::report::Report;
use crate::settings::Settings;
use crate::span_data::SpanData;

/// 2026-11-22T11:00:00Z.
const BEGAN: i64 = 1_795_345_200_000_000_000;

const RULE: &str = "- {name: slow, span: {service_name: shop}, condition: count > 5}\n";

/// A deployment without sinks.
struct Deployment {
    root: Root,
    evaluator: Evaluator,
}

impl Deployment {
    fn new() -> Self {
        let root = Root::in_memory().unwrap();
        let data = SpanData::new(root.clone());
        Self { evaluator: Evaluator::new(Settings::default(), data), root }
    }

    async fn tick(&self, rules: &[&str], eval_time: i64) -> Result<LiveTick, TickError> {
        self.tick_and_tell(rules, eval_time, &|_| {}, &|| BEGAN, None).await
    }

    async fn tick_and_tell(
        &self,
        rules: &[&str],
        eval_time: i64,
        evaluated: &(dyn Fn(&Report) + Sync),
        clock: &(dyn Fn() -> i64 + Sync),
        deadline: Option<i64>,
    ) -> Result<LiveTick, TickError> {
        let rules = rules.iter().map(|text| SourceFile::new("rules/a.yml", (*text).to_owned())).collect();
        let host = Host {
            root: &self.root,
            sinks: &[],
            clock,
            nonce: "one",
            deadline,
            stop: &Stop::default(),
            evaluated,
        };
        tick_live(
            &self.evaluator,
            &Files { rules, silences: Vec::new() },
            host,
            Request::scheduled(eval_time),
        )
        .await
    }
}

#[tokio::test]
async fn before_the_first_rule_there_is_nothing_to_judge_and_nothing_wrong() {
    let new = Deployment::new();
    for minute in 0..2 {
        let tick = new.tick(&[], BEGAN + minute * Nanos::MINUTE.0).await.unwrap();
        assert_eq!(tick.ticked.reports.len(), 1, "minute {minute}");
        assert_eq!(tick.warnings, ["there is no rule yet: nothing is judged until there is one"]);
    }
    let tick = new.tick(&[RULE], BEGAN + 2 * Nanos::MINUTE.0).await.unwrap();
    assert_eq!((tick.ticked.reports[0].rules, tick.warnings), (1, Vec::new()));
}

#[tokio::test]
async fn that_all_rules_are_gone_is_taken_for_a_mistake_and_told() {
    let deployment = Deployment::new();
    deployment.tick(&[RULE], BEGAN).await.unwrap();
    let events = async |rules: &[&str], minute: i64| {
        let tick = deployment.tick(rules, BEGAN + minute * Nanos::MINUTE.0).await.unwrap();
        assert_eq!(tick.ticked.reports[0].rules, 1, "minute {minute}");
        tick.ticked.troubles.iter().map(|told| told.event.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(events(&[], 1).await, ["rule_error"]);
    assert_eq!(events(&[], 2).await, Vec::<&str>::new());
    assert_eq!(events(&[RULE], 3).await, ["rule_error_over"]);
}

#[tokio::test]
async fn a_rule_that_is_switched_off_may_be_the_last() {
    let deployment = Deployment::new();
    deployment.tick(&[RULE], BEGAN).await.unwrap();
    let off = RULE.replace("name: slow", "name: slow, enabled: false");
    let tick = deployment.tick(&[&off], BEGAN + Nanos::MINUTE.0).await.unwrap();
    assert_eq!(tick.ticked.reports[0].rules, 0);
}

/// The alarm on evaluations that are missed looks at the last five minutes, and a catch-up takes longer.
#[tokio::test]
async fn evaluations_of_a_catch_up_are_told_one_by_one_and_not_at_its_end() {
    let deployment = Deployment::new();
    deployment.tick(&[RULE], BEGAN).await.unwrap();
    let told = Mutex::new(Vec::new());
    let end = BEGAN + 6 * Nanos::HOUR.0;
    let now = AtomicI64::new(end);
    // Time is up when the third is told.
    let evaluated = |report: &Report| {
        let mut told = told.lock().unwrap();
        told.push(report.eval_time);
        if told.len() == 3 {
            now.store(end + 1, Ordering::Relaxed);
        }
    };
    let clock = || now.load(Ordering::Relaxed);
    let tick =
        deployment.tick_and_tell(&[RULE], end, &evaluated, &clock, Some(end + 1)).await.unwrap().ticked;
    let made: Vec<i64> = tick.reports.iter().map(|report| report.eval_time).collect();
    assert_eq!(*told.lock().unwrap(), made);
    assert_eq!((made.len(), tick.unfinished), (3, true));
}
