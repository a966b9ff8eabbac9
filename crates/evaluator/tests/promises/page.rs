//! The page beside the state: that it cannot be written fails no evaluation, holds up nobody for long, and is told.

use std::time::{Duration, Instant};

use fluo_rules::SourceFile;
use object_store::path::Path;

use crate::support::{World, failures, files, good, minute};

const PAGE: &str = "report/index.html";

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
