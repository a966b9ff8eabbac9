//! Alerts whose spans share traces: the evaluator groups and orders them as the naive reference does, however the spans are
//! spread over files, and in whatever order rules stand.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_alerts::notification::{Event, Notification};
use fluo_evaluator::arrivals::Scheduled;
use fluo_evaluator::replay::replay;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Evaluator, RuleSet, Settings};
use fluo_rules::SourceFile;
use fluo_spans::layout::Layout;
use fluo_spans::span::{Resource, Span};
use fluo_store::{Content, Packing, Root, write_spans};
use fluo_tests::generate::spans::BASE_NS;
use fluo_tests::reference::together::{Alert, Place, places};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::block_on;
use crate::live::live;

const SECOND: i64 = Nanos::SECOND.0;
const MINUTE: i64 = Nanos::MINUTE.0;

/// The moment at which the first of two minutes begins.
const BEGIN: i64 = BASE_NS - BASE_NS % MINUTE;

const SERVICES: u8 = 6;

/// A span as it is drawn.
#[derive(Debug, Clone)]
struct Drawn {
    trace: u8,
    service: u8,
    /// The place of its parent among the spans of the trace before it; one that is not known where there is none so far
    /// back.
    parent: Option<u8>,
    slow: bool,
    /// Seconds from the begin of its minute.
    end: i64,
    minute: i64,
    /// The file that it comes in.
    file: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let place = (0..4_u8, 0..SERVICES, prop::option::weighted(0.8, 1..5_u8));
    (place, prop::bool::weighted(0.6), 0..40_i64, 0..2_i64, 0..3_u8).prop_map(
        |((trace, service, parent), slow, end, minute, file)| Drawn {
            trace,
            service,
            parent,
            slow,
            end,
            minute,
            file,
        },
    )
}

/// The spans of a case. No two of them end at once.
fn spans(all: &[Drawn]) -> Vec<Span> {
    let mut of_trace: BTreeMap<u8, u8> = BTreeMap::new();
    let span = |(nth, drawn): (usize, &Drawn)| {
        let before = of_trace.entry(drawn.trace).or_default();
        let parent = drawn.parent.map(|back| before.checked_sub(back).map_or(200, |at| at + 1));
        *before += 1;
        let nth = i64::try_from(nth).unwrap();
        let end = BEGIN + drawn.minute * MINUTE + drawn.end * SECOND + nth + 1;
        let mut trace = [7; 16];
        trace[3] = drawn.trace;
        Span {
            parent_span_id: parent.map(|parent| [parent; 8]),
            start_ns: end - if drawn.slow { 2 * SECOND } else { SECOND / 2 },
            end_ns: end,
            resource: Arc::new(Resource {
                service_name: Some(format!("s{}", drawn.service)),
                ..Resource::default()
            }),
            ..Span::bare(trace, [*before; 8])
        }
    };
    all.iter().enumerate().map(span).collect()
}

/// A rule a service, half of them judged as spans end, half by the minute; each alert of a slow span goes on.
fn rules(seed: u64) -> RuleSet {
    let mut texts: Vec<String> = (0..SERVICES)
        .map(|service| {
            let head = format!("- name: s{service}\n  window: 1m\n  keep_firing_for: 10m\n");
            if service % 2 == 0 {
                format!("{head}  span: {{service_name: s{service}, where: 'duration > 1s'}}\n  condition: count > 0\n")
            } else {
                format!(
                    "{head}  span: {{service_name: s{service}}}\n  every: 1m\n  aggregation: {{p99: {{p99: duration}}}}\n  \
                     condition: p99 > 1s\n"
                )
            }
        })
        .collect();
    let at = usize::try_from(seed).unwrap() % texts.len();
    texts.rotate_left(at);
    let files: Vec<SourceFile> =
        texts.into_iter().enumerate().map(|(at, text)| SourceFile::new(format!("{at}.yml"), text)).collect();
    let rules = RuleSet::load(&files, &BTreeMap::new());
    assert!(rules.errors.is_empty(), "{:?}", rules.errors);
    rules
}

/// Returns what is told by evaluations at the end of both minutes.
async fn told(all: &[Drawn], spans: &[Span], seed: u64) -> Vec<Notification> {
    let root = Root::in_memory().unwrap();
    let mut arrivals = Scheduled { live: live(&root), arrival: BTreeMap::new() };
    for minute in 0..2 {
        for file in 0..3 {
            let of_file =
                all.iter().zip(spans).filter(|(drawn, _)| (drawn.minute, drawn.file) == (minute, file));
            let mut of_file: Vec<Span> = of_file.map(|(_, span)| span.clone()).collect();
            if of_file.is_empty() {
                continue;
            }
            let at = usize::try_from(seed).unwrap() % of_file.len();
            of_file.rotate_left(at);
            let arrives = BEGIN + minute * MINUTE + (45 + i64::from(file)) * SECOND;
            let content = Content::of(format!("{minute} {file}").as_bytes());
            let (store, folder) = (root.store.as_ref(), arrivals.live.spans.clone());
            let layout = Layout::builtin();
            let written =
                write_spans(store, &folder, of_file, content, arrives / 1_000_000, &layout, Packing::Small);
            for file in written.await.unwrap() {
                arrivals.arrival.insert(file.location.to_string(), arrives);
            }
        }
    }
    let settings = Settings { eval_delay: Nanos(0), always_alive: true, ..Settings::default() };
    let evaluator = Evaluator::new(settings, SpanData::new(root));
    let times = (0..3).map(|minute| BEGIN + minute * MINUTE);
    let replayed = replay(&evaluator, &rules(seed), &arrivals, times).await.unwrap();
    replayed.notifications.into_iter().filter(|told| told.event == Event::Firing).collect()
}

/// The places that the reference gives to what was told, by evaluation.
fn expected(spans: &[Span], told: &[Notification]) -> BTreeMap<String, Place> {
    let mut known: BTreeMap<String, Place> = BTreeMap::new();
    for minute in 1..3 {
        let at = BEGIN + minute * MINUTE;
        let stored: Vec<Span> = spans.iter().filter(|span| span.end_ns <= at).cloned().collect();
        let alerts: Vec<Alert<'_>> = told
            .iter()
            .filter(|told| told.at <= at)
            .map(|told| {
                let name = told.rule.clone().unwrap();
                let shows = |span: &&Span| {
                    span.resource.service_name.as_ref() == Some(&name) && span.end_ns - span.start_ns > SECOND
                };
                let starts_at = told.alert.as_ref().unwrap().violation.starts_at;
                let spans = stored.iter().filter(shows).collect();
                Alert { told: known.get(&name).cloned(), name, starts_at, spans }
            })
            .collect();
        let places = places(&alerts, &stored);
        known.extend(alerts.iter().map(|alert| alert.name.clone()).zip(places));
    }
    known
}

/// The same as it was told.
fn found(told: &[Notification]) -> BTreeMap<String, Place> {
    let names: BTreeMap<_, _> = told.iter().map(|told| (told.about(), told.rule.clone().unwrap())).collect();
    let place = |told: &Notification| {
        let together = told.together.as_ref().unwrap();
        (told.rule.clone().unwrap(), Place { group: names[&together.key].clone(), place: together.place })
    };
    told.iter().map(place).collect()
}

/// Each names the others of its group that are told by the same evaluation, in the order of their places.
fn check_names(told: &[Notification], places: &BTreeMap<String, Place>) {
    for one in told {
        let own = &places[one.rule.as_ref().unwrap()];
        let mut expected: Vec<(u64, String)> = told
            .iter()
            .filter(|other| other.at == one.at && other.id != one.id)
            .filter_map(|other| {
                let name = other.rule.clone().unwrap();
                (places[&name].group == own.group).then(|| (places[&name].place, name))
            })
            .collect();
        expected.sort();
        let named: Vec<(u64, String)> = one
            .together
            .as_ref()
            .unwrap()
            .alerts
            .iter()
            .filter(|other| other.event.is_some())
            .map(|other| (other.place, other.rule.clone()))
            .collect();
        assert_eq!(named, expected, "{:?}", one.rule);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        // Six evaluations each.
        cases: ProptestConfig::default().cases / 8,
        ..ProptestConfig::default()
    })]

    #[test]
    fn alerts_are_related_and_ordered_as_the_reference_says(all in vec(drawn(), 1..24), seed in any::<u64>()) {
        let spans = spans(&all);
        let told = block_on(self::told(&all, &spans, 0));
        let places = found(&told);
        prop_assert_eq!(&places, &expected(&spans, &told));
        check_names(&told, &places);
        // Other files, in which the spans stand in another order, and rules in another order.
        let others: Vec<Drawn> = all
            .iter()
            .enumerate()
            .map(|(at, drawn)| {
                let file = u8::try_from((seed >> (at % 60)) % 3).unwrap();
                Drawn { file, ..drawn.clone() }
            })
            .collect();
        let again = block_on(self::told(&others, &spans, seed));
        prop_assert_eq!(found(&again), places);
        let texts = |told: &[Notification]| told.iter().map(|told| (told.id, told.text.clone())).collect::<Vec<_>>();
        prop_assert_eq!(texts(&again), texts(&told));
    }
}

#[test]
fn enough_cases_have_something_to_group_and_to_order() {
    let (related, headed, later, apart) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let count = |cell: &Cell<u32>, is: bool| cell.set(cell.get() + u32::from(is));
    let mut runner = TestRunner::deterministic();
    for _ in 0..60 {
        let all = vec(drawn(), 1..24).new_tree(&mut runner).unwrap().current();
        let told = block_on(told(&all, &spans(&all), 0));
        let places = found(&told);
        let groups: std::collections::BTreeSet<&str> =
            places.values().map(|place| place.group.as_str()).collect();
        count(&related, groups.len() < places.len());
        count(&apart, groups.len() > 1);
        // By name alone, another would be first.
        count(&headed, places.iter().any(|(name, place)| name < &place.group && place.place > 0));
        let at = |name: &str| told.iter().find(|told| told.rule.as_deref() == Some(name)).unwrap().at;
        count(&later, places.iter().any(|(name, place)| at(name) > at(&place.group)));
    }
    let counts = [related.get(), headed.get(), later.get(), apart.get()];
    assert!(counts.iter().all(|count| *count >= 6), "of 60: {counts:?}");
}
