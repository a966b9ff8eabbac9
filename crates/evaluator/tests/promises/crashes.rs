//! A process that is killed, is asked to end, or loses a request or an answer, at each of its effects (a swap of the state, a
//! record written, a notification sent) over an incident with everything in it: what is told and recorded in the end is
//! what an undisturbed evaluator tells and records.

use std::collections::{BTreeMap, BTreeSet};

use fluo_evaluator::State;
use fluo_rules::SourceFile;
use fluo_spans::span::Span;

use crate::support::{
    Due, Fate, Gate, MINUTE, NOON, Refuses, SECOND, World, failures, good, named, random, rules_of_all_kinds,
    short, step,
};

/// A step of the incident: what arrives, and the tick after it.
#[derive(Debug, Clone, Default)]
struct Step {
    arriving: Vec<(i64, Vec<Span>)>,
    eval_time: i64,
    silenced: Vec<(&'static str, &'static str)>,
}

fn minute(minute: i64) -> i64 {
    NOON + minute * MINUTE
}

/// Returns the spans of every minute: heartbeats, unless they are missing, and checkouts.
fn usual(minute_begins: i64, heart_beats: bool) -> Vec<Span> {
    let mut spans = good("checkout", minute_begins, 5);
    if heart_beats {
        spans.extend(good("heartbeat", minute_begins, 2));
    }
    spans
}

/// The minute that ends at `end` arrives a second later.
fn arriving(end: i64, more: Vec<Span>) -> (i64, Vec<Span>) {
    let begins = minute(end - 1);
    let heart_beats = !(10..14).contains(&end);
    (minute(end) + SECOND, [usual(begins, heart_beats), more].concat())
}

fn incident() -> Vec<Step> {
    let more = |end: i64| match end {
        2 => failures("auth", "a", minute(1) + 5 * SECOND, 7),
        3 => {
            let b = failures("auth", "b", minute(2) + 5 * SECOND, 12);
            [b, failures("checkout", "z", minute(2) + 10 * SECOND, 9)].concat()
        }
        4 => {
            let paid = [
                step(1, "pay", Some("root"), minute(3) + 20 * SECOND),
                step(1, "root", None, minute(3) + 21 * SECOND),
                step(2, "pay", Some("root"), minute(3) + 30 * SECOND),
            ];
            // One that is confirmed late, and one that must not be.
            let ordered = [
                named("u", "cancel", minute(3) + 10 * SECOND),
                named("v", "order", minute(3) + 20 * SECOND),
                named("u", "order", minute(3) + 30 * SECOND),
                named("u", "confirm", minute(3) + 40 * SECOND),
            ];
            let b = failures("auth", "b", minute(3) + 5 * SECOND, 12);
            [b, paid.to_vec(), ordered.to_vec()].concat()
        }
        // The rest of the second, which is checked in time, and something that must not be.
        5 => {
            let rest = [
                step(2, "check", Some("root"), minute(4) + 40 * SECOND),
                step(2, "root", None, minute(4) + 41 * SECOND),
                step(3, "pay", Some("root"), minute(4) + 50 * SECOND),
                step(3, "bypass", Some("root"), minute(4) + 51 * SECOND),
            ];
            // A call that took five seconds, of which its server took two.
            let called = step(4, "call", None, minute(4) + 30 * SECOND);
            let far = [
                Span { start_ns: called.end_ns - 5 * SECOND, ..called },
                step(4, "serve", Some("call"), minute(4) + 29 * SECOND),
            ];
            [failures("auth", "b", minute(4) + 5 * SECOND, 12), rest.to_vec(), far.to_vec()].concat()
        }
        6 => failures("auth", "b", minute(5) + 5 * SECOND, 12),
        // Within the outage: one that is over, one that goes on.
        13 => failures("auth", "d", minute(12) + 5 * SECOND, 8),
        21 | 22 => failures("auth", "e", minute(end - 1) + 5 * SECOND, 12),
        _ => Vec::new(),
    };
    let mut steps: Vec<Step> = (1..=7)
        .map(|end| Step {
            arriving: vec![arriving(end, more(end))],
            eval_time: minute(end) + 10 * SECOND,
            silenced: if (3..6).contains(&end) { vec![("region", "b")] } else { Vec::new() },
        })
        .collect();
    // Late: what moves a start, what fired and is over, and checkouts enough that their alert was none.
    steps[3].arriving.push((minute(4), failures("auth", "a", minute(1) + 2 * SECOND, 2)));
    steps[4].arriving.push((minute(5), failures("auth", "c", minute(0) + 30 * SECOND, 6)));
    steps[5].arriving.push((minute(6), good("checkout", minute(2) + 2 * SECOND, 14)));
    // The first was checked, too.
    let late = [
        step(1, "check", Some("root"), minute(3) + 10 * SECOND),
        named("v", "confirm", minute(4) + 20 * SECOND),
    ];
    steps[6].arriving.push((minute(7), late.to_vec()));
    steps.push(Step {
        arriving: (8..=22).map(|end| arriving(end, more(end))).collect(),
        eval_time: minute(22) + 10 * SECOND,
        silenced: Vec::new(),
    });
    steps.extend((23..=27).map(|end| Step {
        arriving: vec![arriving(end, Vec::new())],
        eval_time: minute(end) + 10 * SECOND,
        silenced: Vec::new(),
    }));
    steps
}

/// Brings the spans that arrive before the tick of a step.
async fn begin(world: &mut World, step: &Step) {
    for (at, spans) in &step.arriving {
        world.arrive(*at, spans.clone()).await;
    }
}

fn due<'a>(step: &'a Step, rules: &'a [SourceFile]) -> Due<'a> {
    Due { silenced: &step.silenced, ..Due::at(step.eval_time, rules) }
}

/// Payloads by sink and id; an id stands for one payload.
fn delivered(world: &World) -> BTreeMap<(String, String), String> {
    let mut delivered = BTreeMap::new();
    for sent in world.post().taken {
        let key = (sent.sink.clone(), sent.notification.id.to_string());
        let known = delivered.entry(key).or_insert_with(|| sent.payload());
        assert_eq!(*known, sent.payload(), "one id, one payload");
    }
    delivered
}

/// The results of a run that do not depend on who wrote them when.
#[derive(Debug, PartialEq)]
struct Left {
    delivered: BTreeMap<(String, String), String>,
    violations: BTreeMap<String, Vec<u8>>,
    evaluations: BTreeSet<String>,
    state: State,
}

async fn left(world: &World) -> Left {
    let mut state = world.state().await;
    state.writes = 0;
    state.nonce.clear();
    state.sinks.clear();
    for unwritten in &mut state.unwritten {
        unwritten.evaluation.clear();
    }
    Left {
        delivered: delivered(world),
        violations: world.objects("violations").await,
        evaluations: world.objects("evaluations").await.into_keys().collect(),
        state,
    }
}

/// A step of an undisturbed run.
struct Undisturbed {
    /// The world before its tick.
    before: World,
    /// Effects of its tick.
    effects: usize,
    /// The results after it.
    left: Left,
}

async fn undisturbed(mut world: World) -> Vec<Undisturbed> {
    let rules = rules_of_all_kinds();
    let mut steps = Vec::new();
    for step in incident() {
        begin(&mut world, &step).await;
        let before = world.fork();
        let gate = Gate::open();
        world.try_tick(due(&step, &rules), &gate).await.unwrap().unwrap();
        steps.push(Undisturbed { before, effects: gate.effects(), left: left(&world).await });
    }
    steps
}

fn two_receivers(world: World) -> World {
    let world = world.with_sinks(&["chat", "mail"]);
    // One of which is away for a moment.
    let away = Refuses { times: 1, permanent: false, only: None };
    world.post.lock().unwrap().refuses.insert("chat".to_owned(), away);
    world
}

/// Ticks as the scheduler does: whoever failed is called again with the same time, when leases are over; whoever was
/// asked to end is followed at once, since it holds none.
async fn tick_until_done(world: &mut World, due: Due<'_>, fates: &[(usize, Fate)]) {
    for (effect, fate) in fates {
        let gate = Gate::with(*effect, *fate);
        let ticked = world.try_tick(due.clone(), &gate).await;
        if gate.stop.is_asked() {
            assert!(!gate.stop.is_sending() && matches!(ticked, Some(Ok(_))), "it ends by itself");
            world.clock += SECOND;
            continue;
        }
        if let Some(Ok(_)) = ticked {
            return;
        }
        world.clock += 90 * SECOND;
    }
    world.tick(due).await;
}

/// Lets fates befall the tick of the step `at`, and goes on until what is left is what an undisturbed run leaves after
/// the same step: from there on both are the same. At the end of the incident it must be.
async fn disturb(steps: &[Undisturbed], at: usize, fates: &[(usize, Fate)]) {
    let rules = rules_of_all_kinds();
    let mut world = steps[at].before.fork();
    for (number, (step, undisturbed)) in incident().iter().zip(steps).enumerate().skip(at) {
        if number > at {
            begin(&mut world, step).await;
        }
        tick_until_done(&mut world, due(step, &rules), if number == at { fates } else { &[] }).await;
        let left = left(&world).await;
        if left == undisturbed.left {
            return;
        }
        if number + 1 == steps.len() {
            left.differs(&undisturbed.left, &format!("step {at}, {fates:?}"));
        }
    }
}

impl Left {
    /// Says how, smallest difference first.
    fn differs(&self, expected: &Self, scenario: &str) {
        let ids = |left: &Self| left.delivered.keys().cloned().collect::<Vec<_>>();
        let names = |left: &Self| left.violations.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(self), ids(expected), "{scenario}: ids");
        assert_eq!(self.delivered, expected.delivered, "{scenario}: payloads");
        assert_eq!(names(self), names(expected), "{scenario}: names of violation records");
        assert!(self.violations == expected.violations, "{scenario}: bytes of violation records");
        assert_eq!(self.evaluations, expected.evaluations, "{scenario}: evaluation records");
        assert_eq!(self.state, expected.state, "{scenario}: state");
        panic!("{scenario}: something else differs");
    }
}

#[tokio::test]
async fn the_incident_has_everything_in_it() {
    let steps = undisturbed(two_receivers(World::in_memory())).await;
    let Left { delivered, violations, .. } = &steps[steps.len() - 1].left;
    let mut told: Vec<String> = delivered
        .iter()
        .filter(|((sink, _), _)| sink == "mail")
        .map(|(_, payload)| short(&serde_json::from_str(payload).unwrap()))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "fired_late auth-failures c",
            "firing auth-failures a",
            "firing auth-failures b",
            "firing auth-failures e",
            "firing checkout-errors",
            "firing failed-regions a",
            "firing far-away shop",
            "firing unchecked",
            "firing unchecked",
            "firing unconfirmed u",
            "firing unconfirmed v",
            "resolved auth-failures a",
            "resolved auth-failures b",
            "resolved auth-failures e",
            "resolved checkout-errors",
            "resolved far-away shop",
            "resolved unchecked",
            "resolved unchecked",
            "resolved unconfirmed u",
            "summary auth-failures",
            "summary failed-regions",
            "summary heartbeat-missing",
            "withdrawn checkout-errors",
            "withdrawn unchecked",
            "withdrawn unconfirmed v",
        ]
    );
    assert_eq!(delivered.len(), 2 * told.len(), "both receivers have everything");
    assert!(violations.len() > 7, "{}", violations.len());
}

/// Every effect of the incident, or some of them, with one fate.
async fn everywhere(fate: Fate, of: impl Fn(usize) -> bool) -> usize {
    let steps = undisturbed(two_receivers(World::in_memory())).await;
    let mut points = 0;
    for (at, step) in steps.iter().enumerate() {
        for effect in (0..step.effects).filter(|effect| of(*effect)) {
            disturb(&steps, at, &[(effect, fate)]).await;
            points += 1;
        }
    }
    eprintln!("{fate:?}: {points} points");
    points
}

#[tokio::test]
async fn killed_before_each_effect() {
    assert!(everywhere(Fate::KilledBefore, |_| true).await > 75);
}

#[tokio::test]
async fn killed_after_each_effect() {
    assert!(everywhere(Fate::KilledAfter, |_| true).await > 75);
}

/// A process that ends by itself leaves what one leaves that was killed; a third of the points is enough.
#[tokio::test]
async fn asked_to_end_at_effects() {
    assert!(everywhere(Fate::AskedToEnd, |effect| effect % 3 == 1).await > 20);
}

/// A process that is cut off, and not killed, looks from outside as if it were killed before or after. So half of the
/// points each are enough.
#[tokio::test]
async fn requests_and_answers_lost() {
    assert!(everywhere(Fate::RequestLost, |effect| effect.is_multiple_of(2)).await > 35);
    assert!(everywhere(Fate::AnswerLost, |effect| !effect.is_multiple_of(2)).await > 35);
}

/// The same where a swap is a lock, a comparison and a rename: the steps in which an alert begins and is sent again.
#[tokio::test]
async fn killed_after_each_effect_on_a_folder() {
    let steps = undisturbed(two_receivers(World::in_folder())).await;
    let mut points = 0;
    for (at, step) in steps.iter().enumerate().take(3) {
        for effect in 0..step.effects {
            disturb(&steps, at, &[(effect, Fate::KilledAfter)]).await;
            points += 1;
        }
    }
    eprintln!("on a folder: {points} points");
    assert!(points > 15, "{points}");
}

/// Two in a row: at an effect, and at one of the next process, which begins with cleaning up.
#[tokio::test]
async fn killed_again_while_cleaning_up() {
    let steps = undisturbed(two_receivers(World::in_memory())).await;
    let mut seed = 7;
    let mut pairs = 0;
    for (at, step) in steps.iter().enumerate() {
        for effect in (at % 3..step.effects).step_by(3) {
            // The second process has no more effects than the first and what it finds undone.
            let second = usize::try_from(random(&mut seed)).unwrap() % 8;
            let fate = |number: u64| Fate::ALL[usize::try_from(number % 5).unwrap()];
            let (one, other) = (fate(random(&mut seed)), fate(random(&mut seed)));
            disturb(&steps, at, &[(effect, one), (second, other)]).await;
            pairs += 1;
        }
    }
    eprintln!("{pairs} pairs");
    assert!(pairs > 25, "{pairs}");
}
