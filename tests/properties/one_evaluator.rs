//! Live, in a replay and in a rule test, the same incident gives the same records: there is one evaluator.

use fluo_alerts::life_cycle::{Mutes, ViolationRecord};
use fluo_evaluator::arrivals::Live;
use fluo_evaluator::past::{Arrival, Past};
use fluo_evaluator::replay::replay;
use fluo_evaluator::rule_test;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Deployed, Evaluator, Host, RuleSet, Settings, Stop, tick};
use fluo_rules::SourceFile;
use fluo_rules::duration::Nanos;
use fluo_rules::test_file;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_store::records::read_violations;
use fluo_store::{Content, Packing, Root, write_spans};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const MINUTE: i64 = Nanos::MINUTE.0;

const RULES: &str = "
- name: AuthFailuresRule
  span: {service_name: auth-service, attributes: {http.status_code: 401}}
  window: 1m
  condition: count > 5
- name: by-name
  span: {service_name: auth-service}
  group_by: [name]
  window: 2m
  every: 30s
  for: 30s
  aggregation: {failed: {count: {where: status = error}}, all: count}
  condition: failed / all > 0.5
";

/// Failures that come in bursts, some of them late, between spans that are well.
const TEST: &str = "
rules: [rules.yml]
tests:
  - name: the incident
    until: 20m
    spans:
      - {at: 0s..15m, every: 7s, service_name: auth-service, name: login}
      - {at: 2m..4m, every: 5s, service_name: auth-service, name: login, status: error, attributes: {http.status_code: 401}}
      - {at: 150s..170s, every: 2s, late: 4m, service_name: auth-service, name: pay, status: error, attributes: {http.status_code: 401}}
      - {at: 9m..10m, every: 3s, service_name: auth-service, name: login, status: error, attributes: {http.status_code: 401}}
    expect: []
";

fn lines(records: &[ViolationRecord]) -> Vec<String> {
    let mut lines: Vec<String> =
        records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    lines.sort();
    lines
}

/// The records that lie in the store.
async fn stored(root: &Root) -> Vec<String> {
    let objects: Vec<_> = root.store.list(Some(&Path::from("violations"))).try_collect().await.unwrap();
    let mut lines = Vec::new();
    for object in objects {
        let bytes = root.store.get(&object.location).await.unwrap().bytes().await.unwrap();
        lines.extend(read_violations(bytes).unwrap().into_iter().map(|row| row.record));
    }
    lines.sort();
    lines
}

fn evaluator(root: &Root, settings: &Settings) -> Evaluator {
    let data = SpanData::new(root.clone());
    Evaluator::new(settings.clone(), data)
}

#[tokio::test]
async fn live_replay_and_rule_test_give_the_same_records() {
    let files = [SourceFile::new("rules.yml", RULES)];
    let rules = RuleSet::load(&files, &BTreeMap::new());
    assert!(rules.errors.is_empty(), "{:?}", rules.errors);
    let loaded = test_file::load(&[SourceFile::new("rules.test.yml", TEST)]);
    assert_eq!(loaded.findings, []);
    let test = &loaded.tests[0].tests[0];
    let settings = Settings::default();

    let spans = rule_test::spans_of(test);
    let (tested, times) = rule_test::evaluate(test, &rules, spans.clone(), &settings).await.unwrap();
    let expected = lines(&tested.records);
    assert!(tested.alerts.len() >= 3, "there is something to compare: {:?}", tested.alerts.keys());

    let root = Root::in_memory().unwrap();
    let folder = Path::from("spans");
    let live = Live { store: Arc::clone(&root.store), spans: folder.clone() };
    let clock = AtomicI64::new(0);
    let mutes = Mutes { silenced: &|_| None };
    let evaluating = evaluator(&root, &settings);
    let mut by_tick: BTreeMap<i64, Vec<Span>> = BTreeMap::new();
    for (span, arrives) in spans {
        by_tick.entry(-((-arrives).div_euclid(MINUTE)) * MINUTE).or_default().push(span);
    }
    for &at in &times {
        if let Some(spans) = by_tick.remove(&at) {
            let content = Content::of(at.to_string().as_bytes());
            let layout = Layout::builtin();
            let (store, at_ms) = (root.store.as_ref(), at / 1_000_000);
            write_spans(store, &folder, spans, content, at_ms, &layout, Packing::Small).await.unwrap();
        }
        clock.store(at, Ordering::Relaxed);
        let now = || clock.load(Ordering::Relaxed);
        let host = Host {
            root: &root,
            sinks: &[],
            clock: &now,
            nonce: "live",
            deadline: None,
            stop: &Stop::default(),
            evaluated: &|_| {},
        };
        let deployed = Deployed { rules: &files, mutes };
        let ticked = tick(&evaluating, &live, deployed, host, at).await.unwrap();
        assert_eq!(ticked.reports.len(), 1);
    }
    assert!(by_tick.is_empty());
    assert_eq!(stored(&root).await, expected, "live");

    let (from, to) = (times[0], times[times.len() - 1]);
    let past = Past::find(&root, live, (from, to), &settings, Arrival::Recorded).await.unwrap();
    let replayed = replay(&evaluator(&root, &settings), &rules, &past.arrivals, times).await.unwrap();
    assert_eq!(lines(&replayed.records), expected, "replay");
}
