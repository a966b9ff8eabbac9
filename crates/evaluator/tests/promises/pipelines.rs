//! A pipeline that stops: nothing is resolved and nothing taken to be absent for want of spans, and people are told.

use fluo_rules::SourceFile;

use crate::support::{MINUTE, SECOND};
use crate::support::{World, failures, files, good, minute};

const RULES: &str = "
rules:
  - name: auth-failures
    span: {service_name: auth, status: error}
    condition: count > 5
  - name: heartbeat-missing
    span: {service_name: heartbeat}
    window: 2m
    condition: count < 1
";

#[tokio::test]
async fn nothing_is_made_of_silence_but_one_notice() {
    let rules = files(&[("rules.yml", RULES)]);
    let mut world = World::in_memory();
    world.minute(1, good("heartbeat", minute(0), 2), &rules).await;
    let failing = failures("auth", "a", minute(1) + 5 * SECOND, 9);
    world.minute(2, [good("heartbeat", minute(1), 2), failing].concat(), &rules).await;
    assert_eq!(world.news(), ["firing auth-failures"]);
    for end in 3..12 {
        world.quiet(end, &rules).await;
    }
    assert_eq!(world.news(), Vec::<String>::new(), "not even ten minutes");
    for end in 12..16 {
        world.quiet(end, &rules).await;
    }
    let stale = world.post().taken;
    assert_eq!(world.news(), ["pipeline_stale"]);

    // What was held up arrives at once: there was a heartbeat all the time, and the alert was over long ago.
    let held_up = (2..16).flat_map(|begins| good("heartbeat", minute(begins), 2)).collect();
    world.minute(16, held_up, &rules).await;
    let over = world.post().taken;
    assert_eq!(world.news(), ["pipeline_stale_over", "resolved auth-failures"]);
    assert_eq!(over[0].notification.about(), stale[0].notification.about());

    // It stops again, and is told again.
    for end in 17..30 {
        world.quiet(end, &rules).await;
    }
    let again = world.post().taken;
    assert_eq!(world.news(), ["pipeline_stale"]);
    assert_ne!(again[0].notification.id, stale[0].notification.id);
}

#[tokio::test]
async fn what_really_was_absent_is_told_once_files_come_again() {
    let rules = files(&[("rules.yml", RULES)]);
    let mut world = World::in_memory();
    world.minute(1, good("heartbeat", minute(0), 2), &rules).await;
    for end in 2..6 {
        world.quiet(end, &rules).await;
    }
    assert_eq!(world.news(), Vec::<String>::new());
    world.minute(6, good("checkout", minute(5), 2), &rules).await;
    assert_eq!(world.news(), ["firing heartbeat-missing"]);
    let post = world.post();
    assert!(post.taken.is_empty());
    let state = world.state().await;
    let (_, alert) = state.rules["heartbeat-missing"].firing().next().unwrap();
    // The last heartbeat ended at 12:00:05, and is in the windows up to 12:02.
    assert_eq!(alert.starts_at, minute(3));
    assert_eq!(alert.starts_at % MINUTE, 0);
}

/// Both stand still, the pipeline and the evaluator: what is caught up in long chunks is no reason to take for absent what
/// may be on its way.
#[tokio::test]
async fn a_pipeline_that_stops_while_nothing_is_evaluated_is_no_absence() {
    let rules = files(&[("rules.yml", RULES)]);
    let mut world = World::in_memory();
    world.minute(1, good("heartbeat", minute(0), 2), &rules).await;
    world.minute(2, good("heartbeat", minute(1), 2), &rules).await;
    for end in 3..=5 {
        world.arrive(minute(end) + SECOND, good("heartbeat", minute(end - 1), 2)).await;
    }
    world.quiet(40, &rules).await;
    assert_eq!(world.news(), ["pipeline_stale"]);
    world.minute(41, (5..41).flat_map(|begins| good("heartbeat", minute(begins), 2)).collect(), &rules).await;
    world.minute(42, good("heartbeat", minute(41), 2), &rules).await;
    assert_eq!(world.news(), ["pipeline_stale_over"]);
}

/// A rule of the library.
fn fell_silent() -> Vec<SourceFile> {
    const TEXT: &str = include_str!("../../../../rules/telemetry/service-fell-silent.yml");
    files(&[("service-fell-silent.yml", TEXT)])
}

/// It is judged for minutes in which spans of some services come in.
async fn pass(world: &mut World, minutes: std::ops::RangeInclusive<i64>, services: &[&str]) {
    for end in minutes {
        let spans: Vec<_> = services.iter().flat_map(|service| good(service, minute(end - 1), 3)).collect();
        if spans.is_empty() {
            world.quiet(end, &fell_silent()).await;
        } else {
            world.minute(end, spans, &fell_silent()).await;
        }
    }
}

#[tokio::test]
async fn a_dead_service_is_told_from_a_dead_pipeline() {
    // Of two services one dies, and the other's spans show that it is dead.
    let mut world = World::in_memory();
    pass(&mut world, 1..=15, &["checkout", "frontend"]).await;
    let died = world.fork();
    pass(&mut world, 16..=25, &["frontend"]).await;
    assert_eq!(world.news(), Vec::<String>::new(), "it may yet be on its way");
    pass(&mut world, 26..=40, &["frontend"]).await;
    assert_eq!(
        world.news(),
        ["firing service-fell-silent checkout"],
        "and nothing is wrong with the pipeline"
    );
    pass(&mut world, 41..=43, &["checkout", "frontend"]).await;
    assert_eq!(world.news(), ["resolved service-fell-silent checkout"]);

    // Of both nothing comes any more: that says nothing of either.
    let mut world = died;
    pass(&mut world, 16..=45, &[]).await;
    assert_eq!(world.news(), ["pipeline_stale"]);
    // It was the pipeline, which delivers what it held up; and one of them died meanwhile.
    let held_up = (15..46).flat_map(|begins| good("frontend", minute(begins), 3)).collect();
    world.minute(46, held_up, &fell_silent()).await;
    pass(&mut world, 47..=50, &["frontend"]).await;
    assert_eq!(world.news(), ["pipeline_stale_over", "firing service-fell-silent checkout"]);
}
