//! One cause breaks many rules and groups: what shares traces is one message, headed by the service that all others wait
//! for; each alert keeps its own id and end; and nothing is lost or told twice, whoever dies while it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fluo_alerts::life_cycle::RuleState;
use fluo_alerts::notification::{Event, Notification, Together};
use fluo_rules::SourceFile;
use fluo_rules::rule::Severity;
use fluo_sinks::Filter;
use fluo_spans::span::{Resource, Span, Status};

use crate::support::{
    Due, Fate, Gate, MINUTE, SECOND, Sent, Turns, World, evaluated, files, minute, random, span,
};

/// Services that call each other, the outermost first; their names say nothing of it.
const SERVICES: [&str; 10] =
    ["gateway", "shop", "cart", "orders", "auth", "stock", "prices", "tax", "ledger", "bank"];

const SLOW: &str = "
- name: slow
  span: {kind: server}
  window: 1m
  every: 1m
  group_by: [service_name]
  aggregation: {p99: {p99: duration}}
  condition: p99 > 1s
";

const FAILING: &str = "
- name: failing
  severity: critical
  span: {status: error}
  group_by: [service_name]
  condition: count > 5
";

/// A trace: each of the services is called by the one before, and waits for it. `id`: tells traces apart.
fn trace(id: u64, services: &[&str], end: i64, duration: i64) -> Vec<Span> {
    let mut seed = id;
    let (high, low) = (random(&mut seed), random(&mut seed));
    let trace_id = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    let id_of = |at: usize| (u64::try_from(at).unwrap() + 1).to_be_bytes();
    let of_service = |(at, service): (usize, &&str)| {
        let within = i64::try_from(at).unwrap() * 1_000_000;
        Span {
            trace_id,
            span_id: id_of(at),
            parent_span_id: at.checked_sub(1).map(id_of),
            start_ns: end - duration + within,
            end_ns: end - within,
            resource: Arc::new(Resource { service_name: Some((*service).to_owned()), ..Resource::default() }),
            ..span(service, "z", Status::Ok, end)
        }
    };
    services.iter().enumerate().map(of_service).collect()
}

/// Traces of a minute, one every four seconds. `what`: tells kinds of traces apart.
fn traces(what: u64, services: &[&str], end: i64, duration: i64) -> Vec<Span> {
    let number = |nth: i64| what << 32 | u64::try_from(end * 100 + nth).unwrap();
    let ends = |nth: i64| minute(end - 1) + 5 * SECOND + nth * 4 * SECOND;
    (0..12).flat_map(|nth| trace(number(nth), services, ends(nth), duration)).collect()
}

/// All that is well, and a slow bank from the second minute to the fourth. Beside it, something that has nothing to do
/// with it.
fn arriving(end: i64) -> Vec<Span> {
    let is_slow = (2..=4).contains(&end);
    let shop = traces(1, &SERVICES, end, if is_slow { 3 * SECOND } else { SECOND / 10 });
    let search = traces(2, &["search"], end, if is_slow { 2 * SECOND } else { SECOND / 10 });
    [shop, search].concat()
}

fn together(told: &Notification) -> &Together {
    told.together.as_ref().unwrap()
}

/// The service of an alert, and those that are told with it.
fn named(told: &Notification) -> (String, Vec<String>) {
    let group = told.alert.as_ref().unwrap().violation.group[0].1.clone().unwrap();
    let others = together(told).alerts.iter().map(|other| other.group[0].1.clone().unwrap());
    (group, others.collect())
}

/// The services from the innermost on.
fn inwards(skipped: usize) -> Vec<String> {
    SERVICES.iter().rev().skip(skipped).map(|service| (*service).to_owned()).collect()
}

fn taken(world: &World, sink: &str) -> Vec<Notification> {
    world.post().to(sink).map(|sent: &Sent| sent.notification.clone()).collect()
}

/// A world with a receiver of each kind.
fn world() -> World {
    let mut world = World::in_memory().with_sinks(&["mail", "pager", "critical"]);
    world.routes.insert("pager".to_owned(), (Filter::default(), false));
    let critical = Filter { severity: vec![Severity::Critical], ..Filter::default() };
    world.routes.insert("critical".to_owned(), (critical, true));
    world
}

#[tokio::test]
async fn ten_services_that_wait_for_the_innermost_are_one_message_headed_by_it() {
    let rules = files(&[("rules.yml", SLOW)]);
    let mut world = world();
    for end in 1..=8 {
        world.minute(end, arriving(end), &rules).await;
        let (mail, pager) = (taken(&world, "mail"), taken(&world, "pager"));
        match end {
            // The watermark is a minute behind.
            3 => {
                let [one, other] = <[Notification; 2]>::try_from(mail).unwrap();
                let (bank, search) = if together(&one).told > 0 { (one, other) } else { (other, one) };
                assert_eq!(named(&bank), ("bank".to_owned(), inwards(1)));
                assert_eq!(
                    named(&search),
                    ("search".to_owned(), Vec::new()),
                    "nothing but the time is common"
                );
                assert!(
                    bank.title.starts_with("WARNING firing: slow and 9 related alerts: p99 = 2.982s"),
                    "{}",
                    bank.title
                );
                let first = &together(&bank).alerts[0];
                assert_eq!(first.values, [("p99".to_owned(), "2.984s".to_owned())]);
                assert_eq!(first.event, Some(Event::Firing));
                // One by one, with a common key and an id of its own each.
                assert_eq!(pager.len(), 11);
                let key = bank.alert.as_ref().unwrap().id;
                let of_key = pager.iter().filter(|told| told.grouping_key() == key).count();
                assert_eq!((together(&bank).key, of_key), (key, 10));
                let mut ids: Vec<_> = pager.iter().map(Notification::about).collect();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), 11);
            }
            6 => {
                assert!(mail.iter().all(|told| told.event == Event::Resolved));
                let mut told: Vec<_> = mail.iter().map(named).collect();
                told.sort();
                assert_eq!(told, [("bank".to_owned(), inwards(1)), ("search".to_owned(), Vec::new())]);
                assert_eq!(pager.len(), 11);
            }
            _ => assert_eq!(mail.len() + pager.len(), 0, "12:0{end}"),
        }
        assert_eq!(taken(&world, "critical"), []);
        let state = world.state().await;
        assert_eq!(state.outbox, []);
        if end == 4 {
            let status = fluo_evaluator::status::status(&state, evaluated(4));
            let related: BTreeMap<_, _> = status
                .firing
                .iter()
                .map(|alert| (alert.group[0].1.clone().unwrap(), alert.related_to.clone()))
                .collect();
            let head = related["gateway"].as_ref().unwrap();
            assert_eq!((head.rule.as_str(), head.group[0].1.as_deref()), ("slow", Some("bank")));
            assert_eq!((&related["bank"], &related["search"]), (&None, &None));
            assert_eq!(related.values().flatten().count(), 9);
            let keys = status
                .firing
                .iter()
                .filter(|alert| alert.together.as_deref() == Some(head.id.as_str()))
                .count();
            assert_eq!(keys, 10);
        }
        world.news();
    }
}

/// The order of rules and files, and how the spans are spread over files, decide nothing.
#[tokio::test]
async fn whatever_comes_first_the_same_is_told() {
    let of_service = |service: &str| {
        format!(
            "- name: {service}-slow\n  span: {{service_name: {service}}}\n  window: 1m\n  every: 1m\n  \
             aggregation: {{p99: {{p99: duration}}}}\n  condition: p99 > 1s\n"
        )
    };
    let mut told: Vec<Vec<Notification>> = Vec::new();
    for seed in 0..6 {
        let mut seed = seed;
        let mut rules: Vec<(String, String)> =
            SERVICES.iter().map(|service| (format!("{service}.yml"), of_service(service))).collect();
        rules.sort_by_key(|_| random(&mut seed));
        let rules: Vec<SourceFile> =
            rules.iter().map(|(name, text)| SourceFile::new(name.as_str(), text.as_str())).collect();
        let mut world = World::in_memory();
        for end in 1..=3 {
            let mut parts: Vec<Vec<Span>> = vec![Vec::new(); 3];
            for span in arriving(end) {
                parts[usize::try_from(random(&mut seed) % 3).unwrap()].push(span);
            }
            for (nth, part) in parts.into_iter().enumerate() {
                world.arrive(minute(end) + (1 + i64::try_from(nth).unwrap()) * SECOND, part).await;
            }
            world.tick(Due::at(evaluated(end), &rules)).await;
        }
        let mut mail = taken(&world, "mail");
        for alert in mail.iter_mut().filter_map(|told| told.alert.as_mut()) {
            // The files are others, and a text says which rule file it is of nowhere.
            alert.files.clear();
        }
        assert_eq!(mail.len(), 1);
        assert_eq!(mail[0].rule.as_deref(), Some("bank-slow"));
        let named: Vec<&str> = together(&mail[0]).alerts.iter().map(|other| other.rule.as_str()).collect();
        assert_eq!(named, inwards(1).iter().map(|service| format!("{service}-slow")).collect::<Vec<_>>());
        told.push(mail);
    }
    assert!(told.iter().all(|one| *one == told[0]));
}

#[tokio::test]
async fn who_wants_some_alerts_is_told_of_them_by_the_deepest_of_these() {
    let rules = files(&[("rules.yml", &format!("{SLOW}{FAILING}"))]);
    let mut world = world();
    for end in 1..=3 {
        let mut spans = arriving(end);
        // What waits too long fails, all but the bank itself.
        for span in spans.iter_mut().filter(|span| span.end_ns - span.start_ns > SECOND) {
            let inner = ["bank", "ledger", "search"].map(|name| Some(name.to_owned()));
            if !inner.contains(&span.resource.service_name) {
                span.status = Status::Error;
            }
        }
        world.minute(end, spans, &rules).await;
        if end == 2 {
            // What can be told at once is told at once: that they fail.
            assert_eq!(named(&taken(&world, "critical")[0]), ("tax".to_owned(), inwards(3)));
            assert_eq!((taken(&world, "critical").len(), taken(&world, "mail").len()), (1, 1));
            world.news();
        }
    }
    assert_eq!(taken(&world, "critical"), [], "that they are slow is a warning");
    let mail = taken(&world, "mail");
    let of_bank = mail.iter().find(|told| together(told).told > 0).unwrap();
    assert_eq!(of_bank.title.split(": p99").next(), Some("WARNING firing: slow and 9 related alerts"));
    let Together { told, firing, alerts, .. } = together(of_bank);
    assert_eq!((*told, *firing, alerts.len()), (9, 8, 17));
    let fails = &alerts[9];
    assert_eq!((fails.rule.as_str(), fails.event, fails.severity), ("failing", None, Severity::Critical));
    let state = world.state().await;
    let keys: std::collections::BTreeSet<_> = state
        .rules
        .values()
        .flat_map(RuleState::firing)
        .map(|(_, alert)| alert.grouping.unwrap().key)
        .collect();
    assert_eq!(
        keys.len(),
        2,
        "all under the key of those that were told first, and the search under its own"
    );
}

/// In a world in which ten alerts are about to fire.
async fn about_to_fire(rules: &[SourceFile]) -> World {
    let mut world = world();
    for end in 1..=2 {
        world.minute(end, arriving(end), rules).await;
    }
    world.arrive(minute(3) + SECOND, arriving(3)).await;
    world
}

/// Payloads by sink and id.
fn delivered(world: &World) -> BTreeMap<(String, String), String> {
    let taken = world.post().taken.into_iter();
    taken.map(|sent| ((sent.sink.clone(), sent.notification.id.to_string()), sent.payload())).collect()
}

#[tokio::test]
async fn whoever_dies_while_they_are_told_nothing_is_lost_and_nothing_is_two_messages() {
    let rules = files(&[("rules.yml", SLOW)]);
    let template = about_to_fire(&rules).await;
    let due = || Due::at(evaluated(3), &rules);
    let mut undisturbed = template.fork();
    let gate = Gate::open();
    undisturbed.try_tick(due(), &gate).await.unwrap().unwrap();
    let expected = delivered(&undisturbed);
    assert_eq!(expected.len(), 2 + 11, "two messages to one receiver, all alerts to the other");
    for fate in Fate::ALL {
        // To the outside, the others are as if it were killed before or after.
        let step = if matches!(fate, Fate::KilledBefore | Fate::KilledAfter) { 1 } else { 4 };
        for effect in (0..gate.effects()).step_by(step) {
            let mut world = template.fork();
            let disturbed = Gate::with(effect, fate);
            let ticked = world.try_tick(due(), &disturbed).await;
            if !matches!(ticked, Some(Ok(_))) || disturbed.stop.is_asked() {
                world.clock += 90 * SECOND;
            }
            world.tick(due()).await;
            world.clock += 10 * MINUTE;
            world.tick(Due::at(evaluated(3) + SECOND, &rules)).await;
            assert_eq!(delivered(&world), expected, "{fate:?} at {effect}");
            assert_eq!(world.state().await.outbox, [], "{fate:?} at {effect}");
        }
    }
}

#[tokio::test]
async fn two_evaluators_at_once_tell_them_once() {
    let rules = files(&[("rules.yml", SLOW)]);
    let template = about_to_fire(&rules).await;
    for seed in 0..12 {
        let world = template.fork();
        let turns = Turns::new(seed);
        let clock = AtomicI64::new(evaluated(3) + 2 * SECOND);
        let due = || Due::at(evaluated(3), &rules);
        let gates = [Gate::in_turn(0, &turns), Gate::in_turn(1, &turns)];
        let one = world.process(due(), &gates[0], "one", &clock);
        let other = world.process(due(), &gates[1], "other", &clock);
        let (one, other) = Box::pin(turns.run(one, other)).await;
        assert_eq!(
            one.unwrap().unwrap().delivered.sent + other.unwrap().unwrap().delivered.sent,
            13,
            "seed {seed}"
        );
        assert_eq!((taken(&world, "mail").len(), taken(&world, "pager").len()), (2, 11), "seed {seed}");
    }
}

/// A receiver that refuses the message is told of an alert's end only behind it.
#[tokio::test]
async fn the_end_of_an_alert_waits_for_the_message_that_told_of_it_with_another() {
    let rules = files(&[("rules.yml", SLOW)]);
    let mut world = about_to_fire(&rules).await;
    let refuses = crate::support::Refuses { times: 2, permanent: false, only: Some(Event::Firing) };
    world.post.lock().unwrap().refuses.insert("mail".to_owned(), refuses);
    world.tick(Due::at(evaluated(3), &rules)).await;
    assert_eq!(taken(&world, "mail"), []);
    // From now on the gateway alone is well: the others are called by something else.
    for end in 4..=9 {
        let spans = traces(1, &SERVICES[1..], end, 3 * SECOND);
        let well = traces(3, &["gateway"], end, SECOND / 10);
        world.minute(end, [spans, well].concat(), &rules).await;
    }
    let told: Vec<_> = taken(&world, "mail").iter().map(|told| (told.event, named(told).0)).collect();
    let place = |event, group: &str| told.iter().position(|one| *one == (event, group.to_owned()));
    assert!(place(Event::Firing, "bank").unwrap() < place(Event::Resolved, "gateway").unwrap(), "{told:?}");
    assert_eq!(place(Event::Firing, "gateway"), None, "{told:?}");
}

/// Alerts that began and were over while nothing was evaluated are told by a summary: what goes on is told by itself.
#[tokio::test]
async fn who_goes_on_after_an_outage_is_not_left_to_a_message_that_is_not_sent() {
    let rules = files(&[("rules.yml", SLOW)]);
    let mut world = world();
    world.minute(1, arriving(1), &rules).await;
    for end in 2..=14 {
        let is_slow = |at: i64| if at <= 4 { 3 * SECOND } else { SECOND / 10 };
        let gateway = traces(4, &SERVICES[..1], end, 3 * SECOND);
        let spans = [traces(1, &SERVICES, end, is_slow(end)), gateway].concat();
        world.arrive(minute(end) + SECOND, spans).await;
    }
    world.tick(Due::at(evaluated(14), &rules)).await;
    let mail = taken(&world, "mail");
    let [going_on, over] = <[Notification; 2]>::try_from(mail).unwrap();
    assert_eq!(named(&going_on), ("gateway".to_owned(), Vec::new()));
    assert_eq!((together(&going_on).told, together(&going_on).firing), (0, 0));
    assert!(going_on.title.starts_with("WARNING firing: slow: p99 = "), "{}", going_on.title);
    assert!(!going_on.text.contains("Related"), "{}", going_on.text);
    assert_eq!((over.event, over.summary.unwrap().alerts), (Event::Summary, 9));
}
