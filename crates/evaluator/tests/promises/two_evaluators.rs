//! Two evaluators that are called for the same ticks at the same time, their steps interleaved in many ways: every
//! notification is sent once, and every tick is evaluated once.
//!
//! The gate tries some hundred ways. `FLUO_TEST_WAYS=1000` tries a thousand: minutes without optimisation.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicI64;

use crate::support::{Due, Gate, MINUTE, NOON, SECOND, Turns, World, failures, files, good, named, step};

const RULES: &str = "
- name: auth-failures
  span: {service_name: auth, status: error}
  group_by: [region]
  condition: count > 5
- name: cancelled-before
  trace: {by: [region], when: {name: order}, never: [{name: cancel, before: 3m}]}
- name: bypassed
  trace: {when: {name: pay}, always: [{name: check}], never: [{name: bypass}]}
";

/// The events that are told of them, sorted.
const TOLD: [&str; 4] =
    ["firing auth-failures a", "firing auth-failures b", "firing bypassed", "firing cancelled-before u"];

/// In how many ways they are interleaved.
fn ways() -> u64 {
    std::env::var("FLUO_TEST_WAYS").map_or(100, |ways| ways.parse().unwrap())
}

/// Four alerts are about to fire, one of them of a rule about traces, and one of a rule across traces.
async fn about_to_fire() -> World {
    let mut world = World::in_memory().with_sinks(&["chat", "mail"]);
    let rules = files(&[("rules.yml", RULES)]);
    let cancelled = named("u", "cancel", NOON + 30 * SECOND);
    world.arrive(NOON + MINUTE, [good("auth", NOON, 5), vec![cancelled]].concat()).await;
    world.tick(Due::at(NOON + MINUTE, &rules)).await;
    let ends = NOON + MINUTE + 5 * SECOND;
    let both = [failures("auth", "a", ends, 6), failures("auth", "b", ends, 7)].concat();
    let ordered = named("u", "order", ends);
    let paid = [step(1, "pay", Some("root"), ends), step(1, "bypass", Some("root"), ends + SECOND)];
    world.arrive(NOON + 2 * MINUTE, [both, vec![ordered], paid.to_vec()].concat()).await;
    world
}

#[tokio::test]
async fn one_tick_is_told_once_however_two_evaluators_take_turns() {
    told_once(0..ways() / 2).await;
}

/// The other half: side by side with the first.
#[tokio::test]
async fn one_tick_is_told_once_however_else_they_take_turns() {
    told_once(ways() / 2..ways()).await;
}

async fn told_once(seeds: std::ops::Range<u64>) {
    let rules = files(&[("rules.yml", RULES)]);
    let template = about_to_fire().await;
    let mut courses = BTreeSet::new();
    let ways = usize::try_from(seeds.end - seeds.start).unwrap();
    for seed in seeds {
        let world = template.fork();
        let turns = Turns::new(seed);
        let clock = AtomicI64::new(NOON + 2 * MINUTE + 2 * SECOND);
        let due = || Due::at(NOON + 2 * MINUTE, &rules);
        let gates = [Gate::in_turn(0, &turns), Gate::in_turn(1, &turns)];
        let one = world.process(due(), &gates[0], "one", &clock);
        let other = world.process(due(), &gates[1], "other", &clock);
        let (one, other) = Box::pin(turns.run(one, other)).await;
        let (one, other) = (one.unwrap().unwrap(), other.unwrap().unwrap());
        assert_eq!(one.reports.len() + other.reports.len(), 1, "seed {seed}: one evaluation");
        assert_eq!(one.delivered.sent + other.delivered.sent, 8, "seed {seed}: {:?}", world.post().taken);
        for sink in ["chat", "mail"] {
            // Groups are told in the order of their fingerprints.
            let mut told = world.post().shorts(sink);
            told.sort();
            assert_eq!(told, TOLD, "seed {seed}: {sink}");
        }
        let state = world.state().await;
        assert_eq!((state.generation, state.outbox.len()), (2, 0), "seed {seed}");
        assert_eq!(world.objects("evaluations").await.len(), 2, "seed {seed}");
        assert_eq!(world.objects("violations").await.len(), 1, "seed {seed}");
        courses.insert(turns.course());
    }
    assert!(courses.len() * 5 > ways, "{} of {ways} ways differ", courses.len());
}

/// One is at work on a tick while the other is called for the next one.
#[tokio::test]
async fn a_tick_that_overtakes_another_tells_everything_once() {
    let rules = files(&[("rules.yml", RULES)]);
    let template = about_to_fire().await;
    for seed in 0..ways() / 4 {
        let world = template.fork();
        let turns = Turns::new(seed);
        let clock = AtomicI64::new(NOON + 3 * MINUTE + 2 * SECOND);
        let (first, second) = (Gate::in_turn(0, &turns), Gate::in_turn(1, &turns));
        let one = world.process(Due::at(NOON + 2 * MINUTE, &rules), &first, "one", &clock);
        let other = world.process(Due::at(NOON + 3 * MINUTE, &rules), &second, "other", &clock);
        let (one, other) = Box::pin(turns.run(one, other)).await;
        let (one, other) = (one.unwrap().unwrap(), other.unwrap().unwrap());
        let evaluations = u64::try_from(one.reports.len() + other.reports.len()).unwrap();
        let state = world.state().await;
        assert_eq!(state.generation, 1 + evaluations, "seed {seed}");
        assert_eq!((state.eval_time, state.outbox.len()), (NOON + 3 * MINUTE, 0), "seed {seed}");
        for sink in ["chat", "mail"] {
            let mut told = world.post().shorts(sink);
            told.sort();
            assert_eq!(told, TOLD, "seed {seed}: {sink}");
        }
    }
}
