//! Panes are a cache: what is found does not depend on which are there, in the process or beside the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_evaluator::report::Report;
use fluo_evaluator::request::Request;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Evaluator, Settings};
use fluo_rules::SourceFile;
use fluo_spans::layout::Layout;
use fluo_spans::span::{Kind, Resource, Span, Status};
use fluo_store::compaction::{Options, Sizes, compact};
use fluo_store::{Content, Hour, Packing, Root, list, write_spans};
use fluo_tests::span::blank;
use fluo_time::Nanos;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::block_on;
use crate::live::{stored, ticked};

const MINUTE: i64 = Nanos::MINUTE.0;

/// 2026-11-22T00:10:00Z.
const START: i64 = 1_795_306_200_000_000_000;

/// Windows in which whole hours lie, and shorter ones; sums of every kind; exact rules and such with a grid.
const RULES: &str = "
- name: ratio
  span: {service_name: a}
  window: 3h
  every: 10m
  aggregation: {failed: {count: {where: status = error}}, all: count}
  condition: failed / all > 0.5
- name: many
  span: {service_name: a}
  window: 4h
  condition: count > 40
- name: names
  span: {kind: server}
  window: 150m
  every: 6m
  group_by: [service_name]
  aggregation: {names: {count_distinct: name}, busy: {sum: duration}}
  condition: names > 3
- name: slow
  span: {kind: server}
  window: 5h
  every: 20m
  group_by: [name]
  aggregation: {slow: {p90: duration}, mean: {avg: duration}, spread: {stddev: duration}, most: {max: duration}}
  condition: slow > 700ms and mean > 200ms
- name: few
  span: {service_name: b}
  window: 130m
  every: 1m
  condition: count < 2
- name: short
  span: {service_name: b}
  window: 5m
  condition: count >= 3
- name: budget
  span: {kind: server}
  group_by: [service_name]
  slo: {objective: 90%, good: status != error, min_events: 3}
";

/// The fate of the panes before an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The process goes on.
    Kept,
    /// Another process evaluates.
    Stored,
    /// Another process evaluates, and finds nothing beside the state.
    Gone,
    /// Another process evaluates, and some of what it finds is of no use.
    Damaged,
}

/// A span: minutes after the start, service, name, milliseconds, failed.
type Short = (i64, &'static str, u8, i64, bool);

/// An evaluation: minutes after the one before, fate of the panes, spans of a file that comes late and by how many minutes.
type Step = (i64, Fate, Option<(i64, Vec<Short>)>);

fn span(number: usize, (minute, service, name, millis, failed): Short) -> Span {
    let end = START + minute * MINUTE + i64::try_from(number).unwrap() * 7_000_001 % MINUTE;
    let resource = Resource { service_name: Some(service.to_owned()), ..Resource::default() };
    let mut trace_id = [1; 16];
    trace_id[..8].copy_from_slice(&number.to_be_bytes());
    Span {
        trace_id,
        span_id: (number + 1).to_be_bytes(),
        name: format!("n{name}"),
        kind: Kind::Server,
        status: if failed { Status::Error } else { Status::Ok },
        start_ns: end - millis * 1_000_000,
        end_ns: end,
        resource: Arc::new(resource),
        ..blank()
    }
}

async fn panes(root: &Root) -> Vec<Path> {
    let objects: Vec<_> = root.store.list(Some(&Path::from("panes"))).try_collect().await.unwrap();
    objects.into_iter().map(|object| object.location).collect()
}

/// One store, evaluated from time to time.
struct World {
    root: Root,
    evaluator: Evaluator,
    written: usize,
}

impl World {
    fn new() -> Self {
        let root = Root::in_memory().unwrap();
        Self { evaluator: Self::process(&root), root, written: 0 }
    }

    fn process(root: &Root) -> Evaluator {
        let lateness = Nanos(5 * 60 * MINUTE);
        let settings = Settings { always_alive: true, allowed_lateness: lateness, ..Settings::default() };
        Evaluator::new(settings, SpanData::new(root.clone()))
    }

    async fn write(&mut self, spans: Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        self.written += 1;
        let (content, layout) = (Content::of(&self.written.to_le_bytes()), Layout::builtin());
        let folder = Path::from("spans");
        let store = self.root.store.as_ref();
        write_spans(store, &folder, spans, content, 0, &layout, Packing::Quick).await.unwrap();
    }

    async fn meets(&mut self, fate: Fate) {
        if fate == Fate::Kept {
            return;
        }
        self.evaluator = Self::process(&self.root);
        for (nth, path) in panes(&self.root).await.iter().enumerate() {
            match fate {
                Fate::Gone => self.root.store.delete(path).await.unwrap(),
                Fate::Damaged if nth % 2 == 0 => {
                    let mut bytes = self.root.store.get(path).await.unwrap().bytes().await.unwrap().to_vec();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    self.root.store.put(path, bytes.into()).await.unwrap();
                }
                _ => {}
            }
        }
    }

    /// Compacts the hours that ended before a moment.
    async fn compact(&self, before_ns: i64) {
        let (sizes, layout) = (Sizes::default(), Layout::builtin());
        let options = Options { now_ns: before_ns, before_ns, dry_run: false, sizes, layout };
        let hours = Hour::of_ns(START)..=Hour::of_ns(before_ns);
        compact(&self.root, &Path::from("spans"), hours, &options, &|| true).await.unwrap();
    }

    async fn evaluate(&mut self, at: i64) -> Vec<Report> {
        let files = [SourceFile::new("rules.yml", RULES)];
        let ticked = ticked(&self.root, &self.evaluator, &files, Request::scheduled(at)).await;
        assert_eq!(ticked.broken_files, BTreeMap::new());
        for report in &ticked.reports {
            assert_eq!((&report.failed_rules, &report.postponed_rules), (&vec![], &vec![]));
        }
        ticked.reports
    }
}

/// Evaluates a course of steps, each after the spans of its time; `fates` or not.
async fn course(spans: &[Short], steps: &[Step], fates: bool) -> Vec<String> {
    let mut world = World::new();
    let all: Vec<Span> = spans.iter().enumerate().map(|(number, short)| span(number, *short)).collect();
    let mut at = START;
    world.evaluate(at).await;
    for (nth, (minutes, fate, late)) in steps.iter().enumerate() {
        let before = at;
        at += minutes * MINUTE;
        let of_step = all.iter().filter(|span| before <= span.end_ns && span.end_ns < at);
        world.write(of_step.cloned().collect()).await;
        if let Some((behind, shorts)) = late {
            let minute = (at - START) / MINUTE - behind;
            let spans = shorts.iter().enumerate().map(|(number, (_, service, name, millis, failed))| {
                span(10_000 * (nth + 1) + number, (minute, *service, *name, *millis, *failed))
            });
            world.write(spans.filter(|span| span.end_ns >= START).collect()).await;
        }
        world.meets(if fates { *fate } else { Fate::Gone }).await;
        world.evaluate(at + 10_000_000_000).await;
    }
    stored(&world.root).await
}

fn short() -> impl Strategy<Value = Short> {
    (0..600_i64, prop_oneof![Just("a"), Just("b")], 0..6_u8, 1..1500_i64, any::<bool>())
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![3 => Just(Fate::Kept), 3 => Just(Fate::Stored), 1 => Just(Fate::Gone), 1 => Just(Fate::Damaged)];
    let late = proptest::option::weighted(0.3, (0..240_i64, vec(short(), 1..6)));
    (prop_oneof![1..30_i64, 30..90_i64], fate, late)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        // Each case is some dozen evaluations, twice.
        cases: ProptestConfig::default().cases / 32,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_becomes_of_panes_the_same_is_recorded(
        spans in vec(short(), 50..300),
        steps in vec(step(), 4..14),
    ) {
        let kept = block_on(course(&spans, &steps, true));
        let none = block_on(course(&spans, &steps, false));
        prop_assert_eq!(kept, none);
    }
}

#[tokio::test]
async fn an_evaluation_reads_what_is_new_and_no_more() {
    for fate in [Fate::Stored, Fate::Kept] {
        reads_what_is_new(fate).await;
    }
}

async fn reads_what_is_new(fate: Fate) {
    let mut world = World::new();
    let (mut number, mut read) = (0, Vec::new());
    for minute in 0..380_i64 {
        // Of each rule less than makes it hold: then the spans of its window are read.
        let services = [("c", 1), ("a", 10), ("b", 3)].into_iter().filter(|(_, every)| minute % every == 0);
        let spans = services.map(|(service, _)| {
            number += 1;
            span(number, (minute, service, 1, 5, false))
        });
        world.write(spans.collect()).await;
        if minute % 60 == 59 {
            world.compact(START + (minute - 60) * MINUTE).await;
        }
        if minute % 10 == 9 {
            world.meets(fate).await;
            let reports = world.evaluate(START + (minute + 1) * MINUTE + 70_000_000_000).await;
            assert_eq!(reports[0].panes_error, None);
            read.push(reports[0].files_read);
        }
    }
    // Ten minutes are new; the first looks are at more, and of windows that begin or end within a pane the rest is read.

    assert!(read[3..].iter().all(|files| *files <= 20), "{fate:?}: {read:?}");
    assert!(panes(&world.root).await.len() > 4);
    // Compaction has made no pane of no use.
    let listing = list(world.root.store.as_ref(), &Path::from("spans")).await.unwrap();
    let within = listing.files.iter().filter(|file| file.within.is_some()).count();
    assert!(within > 200, "{within} files were replaced");
}
