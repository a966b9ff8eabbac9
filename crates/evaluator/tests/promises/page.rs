//! The page beside the state: that it cannot be written fails no evaluation, holds up nobody for long, and is told.

use std::time::{Duration, Instant};

use fluo_evaluator::layout::LayoutChange;
use fluo_rules::SourceFile;
use fluo_spans::layout::AttributeScope;
use fluo_spans::span::{Span, Status};
use object_store::path::Path;
use serde_json::Value;

use crate::support::{CutOff, Due, SECOND, World, evaluated, failures, files, good, minute};

const PAGE: &str = "report/index.html";
const HISTORY: &str = "report/history.json.zst";

fn rules() -> Vec<SourceFile> {
    let text = "- {name: auth-failures, span: {service_name: auth, status: error}, group_by: [region], condition: count > 5}\n";
    files(&[("rules.yml", text)])
}

#[tokio::test]
async fn a_page_that_cannot_be_written_is_told_and_written_once_it_can_be() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    world.cut_off.writes = vec![Path::from(PAGE)];
    let ticked = world.minute(2, failures("auth", "a", minute(1), 8), &rules()).await;
    assert!(ticked.page_error.is_some_and(|reason| reason.contains("connection broke")));
    assert!(ticked.delivered.failed.is_empty());
    assert!(
        world.post().taken.iter().any(|sent| sent.short() == "firing auth-failures a"),
        "it is told all the same"
    );
    world.cut_off.writes.clear();
    let ticked = world.minute(3, good("auth", minute(2), 3), &rules()).await;
    assert_eq!(ticked.page_error, None);
}

#[tokio::test]
async fn a_store_that_does_not_answer_holds_up_nobody_for_long() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    world.cut_off.writes = vec![Path::from(PAGE)];
    world.cut_off.hangs = true;
    let began = Instant::now();
    let ticked = world.minute(2, failures("auth", "a", minute(1), 8), &rules()).await;
    assert!(ticked.page_error.is_some_and(|reason| reason.contains("within 5 seconds")));
    assert!(world.post().taken.iter().any(|sent| sent.short() == "firing auth-failures a"));
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_traces_of_violations_are_shown_whole_and_read_once() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    let mut spans = failures("auth", "a", minute(1), 8);
    let root = |span: &mut Span| {
        span.parent_span_id = Some([9; 8]);
        let status = Status::Ok;
        Span { span_id: [9; 8], parent_span_id: None, name: "checkout".to_owned(), status, ..span.clone() }
    };
    let roots: Vec<Span> = spans.iter_mut().map(root).collect();
    spans.extend(roots);
    let files = world.arrive(minute(2) + SECOND, spans).await;
    let page = async |world: &World| String::from_utf8(world.read(&Path::from(PAGE)).await).unwrap();
    world.tick(Due::at(evaluated(2), &rules())).await;
    let first = page(&world).await;
    assert!(first.contains("<bdi>checkout</bdi>") && !first.contains("the whole trace was not read"));
    // Another process does not read them again: their file is away.
    world.cut_off.reads = files;
    world.minute(3, good("auth", minute(2), 3), &rules()).await;
    let second = page(&world).await;
    assert!(second.contains("<bdi>checkout</bdi>") && !second.contains("the whole trace was not read"));
}

#[tokio::test]
async fn no_page_is_kept_where_none_is_wanted() {
    let mut world = World::in_memory();
    world.settings.page = false;
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    let ticked = world.minute(2, failures("auth", "a", minute(1), 8), &rules()).await;
    assert_eq!(ticked.page_error, None);
    assert!(world.objects("report").await.is_empty());
    assert!(world.post().taken.iter().any(|sent| sent.short() == "firing auth-failures a"));
}

#[tokio::test]
async fn attributes_that_are_pinned_have_columns_though_no_rule_asks_for_them() {
    let mut world = World::in_memory();
    world.settings.columns = [(AttributeScope::Span, "shop.tenant".to_owned())].into();
    let ticked = world.minute(1, good("auth", minute(0), 3), &rules()).await;
    let Some(LayoutChange::New { added, .. }) = ticked.layout else { panic!("{:?}", ticked.layout) };
    assert!(added.contains(&"span.shop.tenant".to_owned()), "{added:?}");
    assert_eq!(world.minute(2, good("auth", minute(1), 3), &rules()).await.layout, None, "once is enough");
}

/// The history that is stored.
async fn history(world: &World) -> Value {
    let json = zstd::decode_all(&world.read(&Path::from(HISTORY)).await[..]).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// The regions of the violations that it holds.
fn regions(history: &Value) -> Vec<&str> {
    let records = history["violations"].as_object().unwrap().values();
    let mut regions: Vec<&str> =
        records.map(|record| record["violation"]["group"]["region"].as_str().unwrap()).collect();
    regions.sort_unstable();
    regions
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_neither_lost_nor_overwritten() {
    for hangs in [false, true] {
        let mut world = World::in_memory();
        world.minute(1, good("auth", minute(0), 3), &rules()).await;
        world.minute(2, failures("auth", "a", minute(1), 8), &rules()).await;
        // What is over is in the history, and not in the state.
        for end in 3..=5 {
            world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
        }
        let before = world.read(&Path::from(HISTORY)).await;
        assert_eq!(regions(&history(&world).await), ["a"]);

        let evaluator = world.evaluator();
        world.cut_off = CutOff { reads: vec![Path::from(HISTORY)], hangs, ..CutOff::default() };
        let began = Instant::now();
        let ticked = world.minute_of(&evaluator, 6, failures("auth", "b", minute(5), 8), &rules()).await;
        assert!(ticked.reports[0].page_error.is_some(), "{hangs}: it is told");
        assert!(began.elapsed() < Duration::from_secs(30), "{hangs}: {:?}", began.elapsed());
        assert!(world.post().taken.iter().any(|sent| sent.short() == "firing auth-failures b"));
        assert_eq!(world.read(&Path::from(HISTORY)).await, before, "{hangs}: it is left as it was");

        world.cut_off = CutOff::default();
        let ticked = world.minute_of(&evaluator, 7, good("auth", minute(6), 3), &rules()).await;
        assert_eq!(ticked.page_error, None);
        let stored = history(&world).await;
        assert_eq!(regions(&stored), ["a", "b"], "{hangs}");
        let points = stored["rules"]["auth-failures"]["track"]["points"].as_array().unwrap();
        let within = |end: i64| {
            let (from, to) = (minute(end - 1), evaluated(end));
            points.iter().any(|point| point["at"].as_i64().is_some_and(|at| from < at && at <= to))
        };
        assert!(within(2) && within(6), "{hangs}: values of before and of meanwhile: {points:?}");

        // Another process goes on with both.
        for end in 8..=10 {
            world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
        }
        let page = String::from_utf8(world.read(&Path::from(PAGE)).await).unwrap();
        assert!(page.contains("<bdi>a</bdi>") && page.contains("<bdi>b</bdi>"), "{hangs}");
    }
}

#[tokio::test]
async fn a_layout_that_is_not_read_holds_up_nobody_for_long() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    world.cut_off = CutOff { reads: vec![Path::from("state/layout.json")], hangs: true, ..CutOff::default() };
    let began = Instant::now();
    let ticked = world.minute(2, failures("auth", "a", minute(1), 8), &rules()).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let Some(LayoutChange::NotKept(reason)) = ticked.layout else { panic!("{:?}", ticked.layout) };
    assert!(reason.contains("within 5 seconds"), "{reason}");
    assert_eq!(ticked.page_error, None, "the page is written all the same");
    assert!(world.post().taken.iter().any(|sent| sent.short() == "firing auth-failures a"));
}
