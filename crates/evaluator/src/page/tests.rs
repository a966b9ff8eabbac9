use fluo_alerts::reading::gauge::{Against, Mark};
use fluo_rules::SourceFile;

use super::*;

fn rules() -> RuleSet {
    let text = "- {name: r, span: {}, condition: count > 5}\n";
    RuleSet::load(&[SourceFile::new("r.yml", text)], &BTreeMap::new())
}

fn tracks(at: i64, value: f64) -> BTreeMap<String, Track> {
    let reading =
        Against { value: Some(value), limit: Some(5.0), closeness: Some(value / 5.0), holds: false };
    let track = Track { points: vec![Mark { at, group: Vec::new(), reading }], ..Track::default() };
    [("r".to_owned(), track)].into()
}

fn state(eval_time: i64) -> State {
    State { eval_time, generation: 1, ..State::new() }
}

async fn stored(root: &Root) -> Option<String> {
    let bytes = root.store.get(&root.at(&Path::from(LOCATION))).await.ok()?.bytes().await.ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

#[tokio::test]
async fn the_page_is_written_where_something_changed_and_only_then() {
    let (root, rules, page) = (Root::in_memory().unwrap(), rules(), KeptPage::default());
    page.open(&root).await;
    let keep = async |at: i64, value: f64| {
        page.add([], &tracks(at, value), &rules, at);
        page.keep(&root, &state(at), &rules, &Report::default()).await.unwrap();
        stored(&root).await.unwrap()
    };
    let first = keep(MARK_STEP, 1.0).await;
    let same = keep(2 * MARK_STEP, 1.0).await;
    assert_eq!(first, same, "time passed, and nothing else changed");
    let changed = keep(3 * MARK_STEP, 4.0).await;
    assert_ne!(first, changed);
    assert!(changed.contains("80 %"), "{changed}");
}

#[tokio::test]
async fn another_process_goes_on_with_what_earlier_ones_found() {
    let (root, rules) = (Root::in_memory().unwrap(), rules());
    for (at, value) in [(MARK_STEP, 4.0), (2 * MARK_STEP, 1.0)] {
        let page = KeptPage::default();
        page.open(&root).await;
        page.add([], &tracks(at, value), &rules, at);
        page.keep(&root, &state(at), &rules, &Report::default()).await.unwrap();
    }
    assert!(stored(&root).await.unwrap().contains("between 1 and 4"), "the first value is there still");
}
