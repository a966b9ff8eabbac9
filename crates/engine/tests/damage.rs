//! Flipped bits and cuts in data files: each is told or harmless, no result silently differs, other files are judged.
//!
//! `FLUO_DAMAGES=2000 cargo test -p fluo-engine --test damage` tries so many; what a number does to a file is the same
//! on every machine.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use datafusion::prelude::SessionContext;
use fluo_engine::{DataFiles, LeftOut, Observed, Range, SpanSource, evaluate, session, without_faulty};
use fluo_plan::RulePlan;
use fluo_rules::{SourceFile, load};
use fluo_spans::layout::Layout;
use fluo_spans::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};
use fluo_store::{Content, FileFault, Packing, list, write_spans};
use fluo_tests::span::blank;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

const NOON: i64 = 1_795_348_800_000_000_000;
const SECOND: i64 = 1_000_000_000;

const HOUR: Range = Range { from: Some(NOON), to: Some(NOON + 3600 * SECOND) };

/// Rules that together read every column.
const RULES: &str = "
- {name: errors, span: {status: error}, group_by: [service_name], condition: count > 3}
- {name: routes, span: {attributes: {http.route: {starts_with: /a}}}, group_by: [http.route], condition: count > 5}
- {name: carts, span: {attributes: {cart.size: {gt: 3}}}, condition: count > 5}
- {name: slow, span: {kind: server}, aggregation: {p: {p95: duration}}, every: 1m, condition: p > 10ms}
- {name: hosts, span: {resource: {host.name: {exists: true}}}, aggregation: {n: {count_distinct: http.route}}, every: 1m, condition: n > 2}
- {name: exceptions, span: {event: {name: exception}}, group_by: [service_name], condition: count > 1}
- {name: scopes, span: {scope: {name: {exists: true}}}, condition: count > 20}
";

fn span(random: &mut fastrand::Rng, from: i64) -> Span {
    let end = from + random.i64(0..600) * SECOND;
    let text = |random: &mut fastrand::Rng, texts: &[&str]| texts[random.usize(..texts.len())].to_owned();
    let exception = Event {
        time_ns: end - 1,
        name: "exception".to_owned(),
        attributes: Attributes::new(vec![("exception.type".to_owned(), "Timeout".to_owned())]),
    };
    let link = Link {
        trace_id: [3; 16],
        span_id: [4; 8],
        trace_state: "a=b".to_owned(),
        attributes: Attributes::default(),
    };
    Span {
        trace_id: random.u128(1..).to_be_bytes(),
        span_id: random.u64(1..).to_be_bytes(),
        parent_span_id: random.bool().then(|| random.u64(1..).to_be_bytes()),
        flags: 1,
        name: text(random, &["GET /", "POST /cart", "query"]),
        kind: if random.bool() { Kind::Server } else { Kind::Client },
        status: if random.u8(..3) == 0 { Status::Error } else { Status::Ok },
        status_message: text(random, &["", "", "no answer"]),
        start_ns: end - random.i64(0..50_000_000),
        end_ns: end,
        attributes: Attributes::new(vec![
            ("http.route".to_owned(), text(random, &["/a", "/a/b", "/c", "/d"])),
            ("cart.size".to_owned(), random.u8(..9).to_string()),
        ]),
        resource: Arc::new(Resource {
            service_name: Some(text(random, &["auth", "shop", "pay"])),
            attributes: Attributes::new(vec![("host.name".to_owned(), text(random, &["one", "two"]))]),
        }),
        scope: Arc::new(InstrumentationScope { name: "lib".to_owned(), ..InstrumentationScope::default() }),
        events: if random.u8(..5) == 0 { vec![exception] } else { Vec::new() },
        links: if random.u8(..9) == 0 { vec![link] } else { Vec::new() },
        ..blank()
    }
}

/// A store of three data files, two of them of one time.
async fn store(random: &mut fastrand::Rng) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for (number, from) in [NOON, NOON, NOON + 1200 * SECOND].into_iter().enumerate() {
        let spans = (0..150).map(|_| span(random, from)).collect();
        let content = Content::of(&number.to_le_bytes());
        let root = Path::from("spans");
        let layout = Layout::builtin();
        write_spans(store.as_ref(), &root, spans, content, 7, &layout, Packing::Small).await.unwrap();
    }
    store
}

/// Returns the violations that each rule finds, and the faults of the files that were not read.
async fn judged(
    session: &SessionContext,
    plans: &[RulePlan],
    store: Arc<dyn ObjectStore>,
    range: Range,
) -> (Vec<Vec<Observed>>, Vec<FileFault>) {
    let files = DataFiles::new(store);
    let opened = files.below(&Path::from("spans")).await.unwrap();
    let mut faults: Vec<FileFault> = opened.faults.into_iter().map(|(_, fault)| fault).collect();
    let mut source = opened.source;
    let mut first = Vec::new();
    for again in [false, true] {
        let mut found = Vec::new();
        for plan in plans {
            let mut left_out = Vec::new();
            let look = async |source: &SpanSource| evaluate(session, plan, source, range).await;
            let outcome = without_faulty(&mut source, &mut left_out, look).await.unwrap();
            faults.extend(left_out.into_iter().map(|LeftOut { fault, .. }| fault));
            let whole = |observed| Observed { partial: false, ..observed };
            found.push(outcome.violations.into_iter().map(whole).collect());
        }
        // A file that one rule found to be damaged was there for the rules before it.
        if again || faults.is_empty() {
            return (found, faults);
        }
        first = found;
    }
    (first, faults)
}

fn plans() -> Vec<RulePlan> {
    let loaded = load(&[SourceFile::new("r.yml", RULES)]);
    assert_eq!(loaded.findings, []);
    loaded.rules.into_iter().map(|rule| RulePlan::new(Arc::new(rule)).unwrap()).collect()
}

/// Damages a file's bytes at random, and returns a description of the damage.
fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) -> String {
    let at = random.usize(..bytes.len());
    match random.u8(..10) {
        0 => {
            bytes.truncate(at);
            format!("cut to {at} bytes")
        }
        1 => {
            let length = random.usize(1..200).min(bytes.len() - at);
            bytes.drain(at..at + length);
            format!("{length} bytes gone at {at}")
        }
        2 => {
            let length = random.usize(1..600).min(bytes.len() - at);
            bytes[at..at + length].fill(0);
            format!("{length} zeros at {at}")
        }
        // The footer is a small part of a large file, and most of what can be damaged in it.
        3..=5 => {
            let at = bytes.len() - 1 - random.usize(..bytes.len().min(9000));
            let bit = random.u8(..8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        _ => {
            let bit = random.u8(..8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
    }
}

#[tokio::test]
async fn each_damage_is_told_or_harmless() {
    let cases: u64 =
        std::env::var("FLUO_DAMAGES").map_or(40, |text| text.parse().expect("FLUO_DAMAGES is a number"));
    let store = store(&mut fastrand::Rng::with_seed(20_261_126)).await;
    let (session, plans) = (session(), plans());
    let listing = list(store.as_ref(), &Path::from("spans")).await.unwrap();
    assert_eq!(listing.files.len(), 3);
    let (whole, faults) = judged(&session, &plans, Arc::<InMemory>::clone(&store), HOUR).await;
    assert!(faults.is_empty() && whole.iter().all(|found| !found.is_empty()), "every rule finds something");
    let mut without = Vec::new();
    for file in &listing.files {
        let rest = Arc::new(store.fork());
        rest.delete(&file.location).await.unwrap();
        without.push(judged(&session, &plans, rest, HOUR).await.0);
    }
    let (mut told, mut harmless) = (0, 0);
    for case in 0..cases {
        let mut random = fastrand::Rng::with_seed(case);
        let victim = random.usize(..listing.files.len());
        let location = &listing.files[victim].location;
        let bytes = store.get(location).await.unwrap().bytes().await.unwrap();
        let mut damaged = bytes.to_vec();
        let what = damage(&mut random, &mut damaged);
        let copy = Arc::new(store.fork());
        copy.put(location, damaged.into()).await.unwrap();
        let (found, faults) = judged(&session, &plans, copy, HOUR).await;
        if faults.is_empty() {
            assert_eq!(found, whole, "case {case}: {what}: silently different");
            harmless += 1;
            continue;
        }
        assert_eq!(found, without[victim], "case {case}: {what}: other files were not judged as ever");
        for fault in faults {
            assert!(!fault.is_unavailable(), "case {case}: {what}: {fault:?}");
            assert_eq!(fault.location(), location, "case {case}: {what}");
        }
        told += 1;
    }
    assert!(told > cases / 2, "{told} told, {harmless} harmless: damage was hardly tried");
}

/// Files of the time before they were sealed, with one bit flipped: they once made every command end with a panic.
#[tokio::test]
async fn one_flipped_bit_in_a_file_of_before_ends_nothing() {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/damaged");
    let (session, plans) = (session(), plans());
    for (name, damaged) in [("one-bit-in-schema.parquet", false), ("one-bit-in-data-page.parquet", true)] {
        let store = Arc::new(InMemory::new());
        let bytes = fs::read(fixtures.join(name)).unwrap();
        store.put(&Path::from("spans").join(name), bytes.into()).await.unwrap();
        let (_, faults) = judged(&session, &plans, store, Range::default()).await;
        // In the first one only what nobody needs was flipped.
        assert_eq!(faults.len(), usize::from(damaged), "{name}: {faults:?}");
        assert!(faults.iter().all(|fault| matches!(fault, FileFault::Corrupt { .. })), "{name}: {faults:?}");
    }
}
