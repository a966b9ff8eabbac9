//! Files that are gone, damaged, or not readable now: they prove nothing, and what they held is judged once it can be.

use fluo_evaluator::state::Loss;
use fluo_rules::SourceFile;
use fluo_spans::span::Span;
use fluo_time::Nanos;

use crate::support::{Due, FAILING, Gate, SECOND, World, evaluated, failures, files, good, minute};

/// An exact rule, and one of the grid.
fn rules() -> Vec<SourceFile> {
    files(&[("rules.yml", FAILING)])
}

/// Failures of the whole of a minute, which break both rules.
fn broken(region: &str, end: i64) -> Vec<Span> {
    let from = minute(end - 1) + 5 * SECOND;
    let mut spans = failures("auth", region, from, 12);
    spans.extend(failures("checkout", region, from + SECOND, 12));
    spans
}

/// Spans of a minute in which all is well.
fn well(end: i64) -> Vec<Span> {
    let mut spans = good("auth", minute(end - 1), 3);
    spans.extend(good("checkout", minute(end - 1) + SECOND, 3));
    spans
}

fn news(world: &World) -> Vec<String> {
    let mut news = world.news();
    news.sort();
    news
}

#[tokio::test]
async fn nothing_is_taken_back_because_files_are_gone() {
    let rules = rules();
    for restored in [false, true] {
        let mut world = World::in_memory();
        world.minute(1, well(1), &rules).await;
        let places = world.arrive(minute(2) + SECOND, broken("a", 2)).await;
        world.quiet(2, &rules).await;
        world.minute(3, well(3), &rules).await;
        assert_eq!(news(&world), ["firing auth-failures a", "firing checkout-errors"]);
        let bytes = world.read(&places[0]).await;
        world.delete(&places[0]).await;
        // Spans that come late for the same minute: without the others, nothing of it holds.
        world.arrive(minute(3) + 30 * SECOND, well(2)).await;
        world.minute(4, well(4), &rules).await;
        let state = world.state().await;
        assert_eq!(state.damaged.iter().map(|it| it.loss).collect::<Vec<_>>(), [Loss::Gone]);
        // Later minutes, of which nothing is missing, show that it is over.
        let told = news(&world);
        assert_eq!(told, ["file_error", "resolved auth-failures a", "resolved checkout-errors"]);
        if restored {
            world.overwrite(&places[0], bytes).await;
        }
        for end in 5..8 {
            world.minute(end, well(end), &rules).await;
        }
        let expected: &[&str] = if restored { &["file_error_over"] } else { &[] };
        assert_eq!(news(&world), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_owed_and_the_rest_is_judged_meanwhile() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, well(1), &rules).await;
    // Two files of one minute: the store gives one of them.
    let unread = world.arrive(minute(2) + SECOND, broken("a", 2)).await;
    world.cut_off.reads = unread;
    world.minute(2, failures("auth", "b", minute(1) + 5 * SECOND, 12), &rules).await;
    assert_eq!(news(&world), ["file_error", "firing auth-failures b"]);
    // For longer than late spans re-open anything.
    for end in [3, 4, 68, 69] {
        world.minute(end, well(end), &rules).await;
    }
    let state = world.state().await;
    assert_eq!((state.damaged.len(), state.unread.len()), (0, 1));
    assert_eq!(news(&world), ["resolved auth-failures b"], "one event for an outage");
    world.cut_off.reads.clear();
    world.minute(70, well(70), &rules).await;
    assert_eq!(news(&world), ["file_error_over", "fired_late auth-failures a", "fired_late checkout-errors"]);
    let state = world.state().await;
    assert!(state.unread.is_empty());
    assert!(state.rules.values().all(|rule| rule.owed.is_empty()));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_fault_of_the_rules() {
    let rules = rules();
    let mut world = World::in_memory();
    world.settings.rule_time = Nanos(SECOND);
    world.minute(1, well(1), &rules).await;
    let unread = world.arrive(minute(2) + SECOND, broken("a", 2)).await;
    (world.cut_off.reads, world.cut_off.hangs) = (unread, true);
    // A rule that used up its time in two evaluations in a row leaves out what it had to judge.
    for end in 2..5 {
        world.quiet(end, &rules).await;
    }
    assert_eq!(news(&world), ["file_error"]);
    world.cut_off.reads.clear();
    world.minute(5, well(5), &rules).await;
    assert_eq!(news(&world), ["file_error_over", "fired_late auth-failures a", "fired_late checkout-errors"]);
}

#[tokio::test]
async fn what_there_was_no_time_for_is_judged_later() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, well(1), &rules).await;
    world.settings.rule_time = Nanos(1);
    // Together, and then alone, which is told.
    world.minute(2, broken("a", 2), &rules).await;
    assert_eq!(news(&world), [""; 0]);
    world.quiet(3, &rules).await;
    assert_eq!(news(&world), ["rule_error auth-failures", "rule_error checkout-errors"]);
    world.settings.rule_time = Nanos(30 * SECOND);
    world.quiet(4, &rules).await;
    assert_eq!(
        news(&world),
        [
            "firing auth-failures a",
            "firing checkout-errors",
            "rule_error_over auth-failures",
            "rule_error_over checkout-errors"
        ]
    );
}

#[tokio::test]
async fn what_is_owed_for_too_long_is_said_to_be_unjudged() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, well(1), &rules).await;
    let unread = world.arrive(minute(2) + SECOND, broken("a", 2)).await;
    world.cut_off.reads = unread;
    world.quiet(2, &rules).await;
    assert_eq!(news(&world), ["file_error"]);
    let mut told = Vec::new();
    for hours in [1, 24, 26] {
        let end = 2 + hours * 60;
        world.minute(end, well(end), &rules).await;
        told.extend(world.post().taken.iter().filter(|sent| sent.short().starts_with("unjudged")).cloned());
        world.news();
    }
    let titles: Vec<&str> = told.iter().map(|sent| sent.notification.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "WARNING past of auth-failures not judged: 2026-11-22 12:01:00 UTC to 2026-11-22 12:02:10 UTC",
            "WARNING past of checkout-errors not judged: 2026-11-22 12:01:00 UTC to 2026-11-22 12:02:59 UTC",
        ]
    );
    assert!(world.state().await.rules.values().all(|rule| rule.owed.is_empty()));
}

#[tokio::test]
async fn a_store_that_does_not_list_is_told_of_and_its_files_are_judged_afterwards() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, well(1), &rules).await;
    world.arrive(minute(2) + SECOND, broken("a", 2)).await;
    world.cut_off.lists = true;
    for end in 2..5 {
        let ticked = world.try_tick(Due::at(evaluated(end), &rules), &Gate::open()).await.unwrap();
        assert!(ticked.is_err());
    }
    assert_eq!(news(&world), ["file_error"]);
    world.cut_off.lists = false;
    world.minute(5, well(5), &rules).await;
    let told = news(&world);
    assert_eq!(told, ["file_error_over", "fired_late auth-failures a", "fired_late checkout-errors"]);
}

#[tokio::test]
async fn a_damaged_file_that_is_removed_is_over_and_one_that_is_replaced_arrives() {
    let rules = rules();
    for replaced in [false, true] {
        let mut world = World::in_memory();
        world.minute(1, well(1), &rules).await;
        let places = world.arrive(minute(2) + SECOND, broken("a", 2)).await;
        let bytes = world.read(&places[0]).await;
        world.overwrite(&places[0], b"no Parquet".to_vec()).await;
        world.quiet(2, &rules).await;
        world.minute(3, well(3), &rules).await;
        assert_eq!(news(&world), ["file_error"]);
        if replaced {
            world.overwrite(&places[0], bytes).await;
        } else {
            world.delete(&places[0]).await;
        }
        world.minute(4, well(4), &rules).await;
        world.minute(5, well(5), &rules).await;
        let losses: Vec<Loss> = world.state().await.damaged.iter().map(|damaged| damaged.loss).collect();
        if replaced {
            let told = news(&world);
            assert_eq!(told, ["file_error_over", "fired_late auth-failures a", "fired_late checkout-errors"]);
            assert_eq!(losses, []);
        } else {
            assert_eq!(news(&world), ["file_error_over"]);
            assert_eq!(losses, [Loss::Removed]);
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_read_hides_its_files_and_a_link_to_nothing_is_told() {
    use std::os::unix::fs::symlink;
    let rules = rules();
    let mut world = World::in_folder();
    world.minute(1, well(1), &rules).await;
    world.minute(2, broken("a", 2), &rules).await;
    world.minute(3, well(3), &rules).await;
    assert_eq!(news(&world), ["firing auth-failures a", "firing checkout-errors"]);
    let hour = world.folder().join("spans/date=2026-11-22/hour=12");
    let link = hour.join("elsewhere.parquet");
    symlink("nowhere", &link).unwrap();
    world.minute(4, well(4), &rules).await;
    // Spans of that hour may lie behind it: nothing of the hour can be said to be over.
    assert_eq!(news(&world), ["file_error"]);
    let damaged = world.state().await.damaged;
    assert_eq!((damaged[0].reason.as_str(), damaged[0].loss), ("a link that leads nowhere", Loss::Damaged));
    std::fs::remove_file(&link).unwrap();
    world.minute(5, well(5), &rules).await;
    assert_eq!(news(&world), ["file_error_over", "resolved auth-failures a", "resolved checkout-errors"]);

    // Root may read everything: a folder that leads back to itself is one that cannot be looked into.
    let aside = world.folder().join("aside");
    std::fs::rename(&hour, &aside).unwrap();
    symlink("hour=12", &hour).unwrap();
    world.quiet(6, &rules).await;
    let state = world.state().await;
    assert!(state.damaged.iter().all(|damaged| damaged.loss != Loss::Gone), "{:?}", state.damaged);
}
