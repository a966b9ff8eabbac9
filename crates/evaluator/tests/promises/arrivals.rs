//! Evaluations that are asked for by arrival, between those of the schedule: a violation is told seconds after its file,
//! nothing is told twice, and where nothing has arrived nothing is done.

use std::sync::atomic::AtomicI64;

use fluo_evaluator::{Cause, Timetable};
use fluo_rules::SourceFile;
use fluo_spans::span::Status;

use crate::support::{
    Due, Fate, Gate, MINUTE, NOON, SECOND, Turns, World, failures, good, minute, random, rules_of_all_kinds,
    span,
};

/// A second after a minute after noon.
fn at(minutes: i64, seconds: i64) -> i64 {
    minute(minutes) + seconds * SECOND
}

/// An evaluator that was called twice by its schedule; the rules are judged from 12:00 on.
async fn running() -> (World, Vec<SourceFile>) {
    let mut world = World::in_memory();
    let rules = rules_of_all_kinds();
    for end in 0..=1 {
        world
            .arrive(
                at(end, -5),
                [good("checkout", minute(end - 1), 5), good("heartbeat", minute(end - 1), 2)].concat(),
            )
            .await;
        world.tick(Due::at(minute(end), &rules)).await;
    }
    (world, rules)
}

#[tokio::test]
async fn a_violation_is_told_before_the_next_minute() {
    let (mut world, rules) = running().await;
    world.arrive(at(1, 26), failures("auth", "a", at(1, 2), 6)).await;
    let ticked = world.tick(Due::by_arrival(at(1, 30), &rules)).await;
    assert_eq!(world.news(), ["firing auth-failures a"]);
    assert_eq!((ticked.reports.len(), ticked.nothing_new), (1, false));
    // What the watermark has not passed is left to whoever comes when it has.
    assert_eq!(world.state().await.rules["checkout-errors"].judged_to, at(0, 30));
    world.tick(Due::at(minute(2), &rules)).await;
    assert_eq!(world.news(), Vec::<String>::new(), "nothing is told again");
}

#[tokio::test]
async fn a_grid_rule_is_told_by_the_first_request_behind_the_watermark() {
    let (mut world, rules) = running().await;
    world.arrive(at(1, 50), failures("checkout", "z", at(1, 10), 9)).await;
    world.tick(Due::by_arrival(at(1, 55), &rules)).await;
    world.tick(Due::at(minute(2), &rules)).await;
    assert_eq!(world.news(), Vec::<String>::new(), "12:02 is not behind the watermark yet");
    world.arrive(at(3, 1), good("heartbeat", minute(2), 2)).await;
    world.tick(Due::by_arrival(at(3, 5), &rules)).await;
    assert_eq!(world.news(), ["firing checkout-errors"]);
}

#[tokio::test]
async fn where_nothing_has_arrived_nothing_is_evaluated_and_nothing_written() {
    let (mut world, rules) = running().await;
    let before = world.objects("").await;
    let gate = Gate::open();
    // The watermark has passed a moment of the grid since then: that is the schedule's.
    for seconds in [5, 10, 59, 90] {
        let due = Due::by_arrival(at(1, seconds), &rules);
        let ticked = world.try_tick(due, &gate).await.unwrap().unwrap();
        assert!(ticked.nothing_new && ticked.reports.is_empty(), "{seconds}: {ticked:?}");
    }
    // The process wrote anew what it does not know to be written, which changes nothing.
    assert_eq!(world.objects("").await, before);
}

/// A look that comes late sees files that were written behind its time, and leaves what ended there to the next one.
#[tokio::test]
async fn what_was_seen_ahead_of_its_time_is_told_by_the_next_look() {
    let (mut world, rules) = running().await;
    for evaluation in [Due::by_arrival(at(1, 30), &rules), Due::at(minute(2), &rules)] {
        let time = evaluation.eval_time;
        let region = if time == minute(2) { "b" } else { "a" };
        let spans = (0..6).map(|nth| span("auth", region, Status::Error, time + SECOND + nth)).collect();
        world.arrive(time + 2 * SECOND, spans).await;
        world.tick(evaluation).await;
        assert_eq!(world.news(), Vec::<String>::new(), "it is not that time yet");
        world.tick(Due::by_arrival(time + 5 * SECOND, &rules)).await;
        assert_eq!(world.news(), [format!("firing auth-failures {region}")]);
        let idle = world.tick(Due::by_arrival(time + 10 * SECOND, &rules)).await;
        assert!(idle.nothing_new);
    }
}

#[tokio::test]
async fn what_waits_for_a_sink_is_sent_though_nothing_has_arrived() {
    let (mut world, rules) = running().await;
    let refuses = crate::support::Refuses { times: 1, permanent: false, only: None };
    world.post.lock().unwrap().refuses.insert("mail".to_owned(), refuses);
    world.arrive(at(1, 26), failures("auth", "a", at(1, 2), 6)).await;
    world.tick(Due::by_arrival(at(1, 30), &rules)).await;
    assert_eq!(world.news(), Vec::<String>::new(), "it was refused");
    world.clock = at(2, 30);
    let ticked = world.tick(Due::by_arrival(at(1, 35), &rules)).await;
    assert!(ticked.nothing_new);
    assert_eq!(world.news(), ["firing auth-failures a"]);
}

/// SQS delivers a message twice once in a while.
#[tokio::test]
async fn a_request_that_comes_twice_is_told_once() {
    let (mut world, rules) = running().await;
    world.arrive(at(1, 26), failures("auth", "a", at(1, 2), 6)).await;
    world.tick(Due::by_arrival(at(1, 30), &rules)).await;
    let objects = world.objects("").await;
    let again = world.tick(Due::by_arrival(at(1, 30), &rules)).await;
    assert_eq!((again.reports.len(), again.overtaken), (0, false));
    assert_eq!(world.news(), ["firing auth-failures a"]);
    assert_eq!(world.objects("").await, objects);
}

#[tokio::test]
async fn a_request_that_is_older_than_the_state_is_a_success_without_work() {
    let (mut world, rules) = running().await;
    world.tick(Due::at(minute(2), &rules)).await;
    let objects = world.objects("").await;
    // A file has come meanwhile, which the next evaluation sees.
    world.arrive(at(2, 1), failures("auth", "a", at(1, 2), 6)).await;
    let ticked = world.tick(Due::by_arrival(at(1, 55), &rules)).await;
    assert_eq!((ticked.reports.len(), ticked.future), (0, None));
    assert_eq!(world.news(), Vec::<String>::new());
    let after = world.objects("").await;
    assert!(objects.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "nothing is written");
    world.tick(Due::by_arrival(at(2, 5), &rules)).await;
    assert_eq!(world.news(), ["firing auth-failures a"]);
}

#[tokio::test]
async fn a_request_for_a_time_that_has_not_come_is_refused() {
    let (mut world, rules) = running().await;
    world.clock = minute(2);
    let clock = AtomicI64::new(minute(2));
    let due = Due::by_arrival(minute(8), &rules);
    let refused = world.process(due, &Gate::open(), "one", &clock).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("has not come"));
}

/// A hundred files within twenty seconds, and looks every five.
#[tokio::test]
async fn a_burst_of_files_makes_one_evaluation_an_interval() {
    let (mut world, rules) = running().await;
    let timetable = Timetable { every: MINUTE, on_arrival: Some(5 * SECOND) };
    let mut seed = 7;
    let mut arriving: Vec<i64> = (0..100)
        .map(|_| at(1, 0) + i64::try_from(random(&mut seed) % (20 * SECOND).unsigned_abs()).unwrap())
        .collect();
    arriving.sort_unstable();
    let mut arriving = arriving.into_iter().enumerate().peekable();
    let (mut last, mut made) = (minute(1), Vec::new());
    while last < minute(2) {
        let request = timetable.next(last, last + SECOND);
        last = request.eval_time;
        while let Some((nth, time)) = arriving.next_if(|(_, time)| *time <= last) {
            world.arrive(time, good(&format!("shop-{nth}"), time - 2 * SECOND, 1)).await;
        }
        let due = Due { cause: request.cause, ..Due::at(request.eval_time, &rules) };
        let ticked = world.tick(due).await;
        made.extend(ticked.reports.iter().map(|report| (report.eval_time - minute(1)) / SECOND));
    }
    assert_eq!(made, [5, 10, 15, 20, 60]);
}

/// A process dies at each of its effects while it evaluates by arrival; whoever is called next, by the schedule or by
/// another file, finishes.
#[tokio::test]
async fn a_crash_loses_nothing_and_tells_nothing_twice() {
    let (mut template, rules) = running().await;
    template.arrive(at(1, 26), failures("auth", "a", at(1, 2), 6)).await;
    let undisturbed = {
        let mut world = template.fork();
        let gate = Gate::open();
        world.try_tick(Due::by_arrival(at(1, 30), &rules), &gate).await.unwrap().unwrap();
        gate.effects()
    };
    assert!(undisturbed >= 4, "swap, records, notification, swap: {undisturbed}");
    for effect in 0..undisturbed {
        for fate in Fate::ALL {
            for next in [Cause::Arrival, Cause::Schedule] {
                let mut world = template.fork();
                let gate = Gate::with(effect, fate);
                let _died = world.try_tick(Due::by_arrival(at(1, 30), &rules), &gate).await;
                // The lease of whoever died ends.
                world.clock = at(3, 0);
                if next == Cause::Arrival {
                    world.arrive(at(1, 57), good("heartbeat", minute(1), 2)).await;
                }
                for eval_time in [minute(2), at(2, 5)] {
                    world.tick(Due { cause: next, ..Due::at(eval_time, &rules) }).await;
                }
                let told = world.post().taken;
                let ids: std::collections::BTreeSet<_> =
                    told.iter().map(|sent| sent.notification.id).collect();
                let place = format!("{fate:?} at {effect}, then {next:?}: {:?}", world.post().shorts("mail"));
                assert_eq!(ids.len(), 1, "{place}");
                assert_eq!(told[0].short(), "firing auth-failures a", "{place}");
                assert_eq!(world.state().await.outbox.len(), 0, "{place}");
            }
        }
    }
}

/// A request and the schedule at once, as a function that may run twice has it.
#[tokio::test]
async fn a_request_and_the_schedule_at_once_tell_everything_once() {
    let (mut template, rules) = running().await;
    template.arrive(at(1, 56), failures("auth", "a", at(1, 22), 6)).await;
    for seed in 0..40 {
        let world = template.fork();
        let turns = Turns::new(seed);
        let clock = AtomicI64::new(at(2, 2));
        let gates = [Gate::in_turn(0, &turns), Gate::in_turn(1, &turns)];
        let one = world.process(Due::by_arrival(minute(2), &rules), &gates[0], "one", &clock);
        let other = world.process(Due::at(minute(2), &rules), &gates[1], "other", &clock);
        let (one, other) = Box::pin(turns.run(one, other)).await;
        let evaluations = one.unwrap().unwrap().reports.len() + other.unwrap().unwrap().reports.len();
        assert_eq!(evaluations, 1, "seed {seed}");
        assert_eq!(world.post().shorts("mail"), ["firing auth-failures a"], "seed {seed}");
    }
}

/// The first evaluation may be one by arrival, and an outage is caught up whoever asks.
#[tokio::test]
async fn a_request_begins_and_catches_up_like_the_schedule() {
    let rules = rules_of_all_kinds();
    let mut world = World::in_memory();
    let first = world.tick(Due::by_arrival(NOON, &rules)).await;
    assert_eq!((first.reports.len(), world.state().await.eval_time), (1, NOON));
    world.arrive(at(12, 30), failures("auth", "a", at(12, 2), 6)).await;
    let late = world.tick(Due::by_arrival(at(25, 5), &rules)).await;
    let times: Vec<i64> = late.reports.iter().map(|report| (report.eval_time - NOON) / SECOND).collect();
    assert_eq!(times, [600, 1200, 1505]);
    assert_eq!(world.news(), ["firing auth-failures a", "firing heartbeat-missing"]);
}
