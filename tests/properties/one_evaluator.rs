//! Live, in a replay and in a rule test, the same incident gives the same records: there is one evaluator, whoever asks
//! for its evaluations.

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::life_cycle::transition::Status;
use fluo_evaluator::arrivals::Live;
use fluo_evaluator::past::{Arrival, Past};
use fluo_evaluator::replay::{latest, replay, schedule};
use fluo_evaluator::rule_test;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Evaluator, Request, RuleSet, Settings, Timetable};
use fluo_rules::SourceFile;
use fluo_rules::test_file;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_store::{Content, Packing, Root, write_spans};
use fluo_time::Nanos;
use fluo_time::TimeRange;
use std::collections::BTreeMap;

use crate::live::{live, stored, ticked};

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

fn evaluator(root: &Root, settings: &Settings) -> Evaluator {
    let data = SpanData::new(root.clone());
    Evaluator::new(settings.clone(), data)
}

fn rules() -> ([SourceFile; 1], RuleSet) {
    let files = [SourceFile::new("rules.yml", RULES)];
    let rules = RuleSet::load(&files, &BTreeMap::new());
    assert!(rules.errors.is_empty(), "{:?}", rules.errors);
    (files, rules)
}

/// The outcome of the rule test: its records, the times of its evaluations, and its spans with when they arrive.
async fn tested(rules: &RuleSet) -> (Vec<ViolationRecord>, Vec<i64>, Vec<(Span, i64)>) {
    let loaded = test_file::load(&[SourceFile::new("rules.test.yml", TEST)]);
    assert_eq!(loaded.findings, []);
    let test = &loaded.tests[0].tests[0];
    let spans = rule_test::spans_of(test);
    let evaluated = rule_test::evaluate(test, rules, spans.clone(), &Settings::default()).await;
    let (tested, times) = evaluated.unwrap();
    assert!(tested.alerts.len() >= 3, "there is something to compare: {:?}", tested.alerts.keys());
    (tested.records, times, spans)
}

/// A store, and an evaluator on it.
struct Running {
    root: Root,
    live: Live,
    evaluator: Evaluator,
}

impl Running {
    fn new() -> Self {
        let root = Root::in_memory().unwrap();
        let evaluator = evaluator(&root, &Settings::default());
        Self { live: live(&root), root, evaluator }
    }

    /// Ticks, before each of which a file with those spans arrives that came since the one before: spans, with the
    /// requests whose ticks see them first. Returns how many evaluations were made.
    async fn ticks(&self, files: &[SourceFile], requests: &[Request], spans: Vec<(Span, i64)>) -> usize {
        let mut by_tick: BTreeMap<i64, Vec<Span>> = BTreeMap::new();
        for (span, arrives) in spans {
            let first = requests.iter().find(|request| request.eval_time >= arrives).unwrap();
            by_tick.entry(first.eval_time).or_default().push(span);
        }
        let mut evaluations = 0;
        for &request in requests {
            let at = request.eval_time;
            if let Some(spans) = by_tick.remove(&at) {
                let content = Content::of(at.to_string().as_bytes());
                let (store, layout, at_ms) = (self.root.store.as_ref(), Layout::builtin(), at / 1_000_000);
                let folder = &self.live.spans;
                write_spans(store, folder, spans, content, at_ms, &layout, Packing::Small).await.unwrap();
            }
            evaluations += ticked(&self.root, &self.evaluator, files, request).await.reports.len();
        }
        evaluations
    }

    /// The same evaluations as a replay finds them.
    async fn replayed(&self, rules: &RuleSet, times: Vec<i64>) -> Vec<ViolationRecord> {
        let (range, settings) =
            (TimeRange { from: times[0], to: times[times.len() - 1] }, Settings::default());
        let past =
            Past::find(&self.root, self.live.clone(), range, &settings, Arrival::Recorded).await.unwrap();
        replay(&evaluator(&self.root, &settings), rules, &past.arrivals, times).await.unwrap().records
    }
}

#[tokio::test]
async fn live_replay_and_rule_test_give_the_same_records() {
    let (files, rules) = rules();
    let (records, times, spans) = tested(&rules).await;
    let expected = lines(&records);
    let running = Running::new();
    let requests: Vec<Request> = times.iter().copied().map(Request::scheduled).collect();
    assert_eq!(running.ticks(&files, &requests, spans).await, times.len());
    assert_eq!(stored(&running.root).await, expected, "live");
    assert_eq!(lines(&running.replayed(&rules, times).await), expected, "replay");
}

/// The violations that stand in the end, each with its id.
fn found(records: &[ViolationRecord]) -> Vec<(String, String)> {
    let valid = latest(records).into_iter().filter(|record| record.status == Status::Valid);
    valid.map(|record| (record.id.to_string(), serde_json::to_string(&record.violation).unwrap())).collect()
}

#[tokio::test]
async fn looks_between_the_schedule_s_evaluations_find_what_those_alone_find_and_a_replay_does_too() {
    let (files, rules) = rules();
    let (records, times, spans) = tested(&rules).await;
    let (first, last, second) = (times[0], times[times.len() - 1], Nanos::SECOND.0);
    let timetable = Timetable { every: MINUTE, on_arrival: Some(15 * second) };
    let mut requests = vec![Request::scheduled(first)];
    while requests[requests.len() - 1].eval_time < last {
        let before = requests[requests.len() - 1].eval_time;
        requests.push(timetable.next(before, before));
    }
    let running = Running::new();
    let evaluations = running.ticks(&files, &requests, spans).await;
    assert!((times.len() + 20..requests.len()).contains(&evaluations), "{evaluations} of {}", requests.len());
    let live: Vec<ViolationRecord> =
        stored(&running.root).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    // An episode's id is that of its start as first told, which looks see earlier.
    let violations = |records: &[ViolationRecord]| -> Vec<String> {
        found(records).into_iter().map(|(_, violation)| violation).collect()
    };
    assert_eq!(violations(&live), violations(&records), "whenever it is looked at");
    let times = std::iter::once(first).chain(schedule(first, last, 15 * second)).collect();
    assert_eq!(found(&running.replayed(&rules, times).await), found(&live), "replay");
}
