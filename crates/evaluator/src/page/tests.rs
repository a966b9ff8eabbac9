use std::sync::Arc;

use fluo_alerts::fingerprint::fingerprint;
use fluo_alerts::life_cycle::transition::Status;
use fluo_alerts::notification::Id;
use fluo_alerts::reading::gauge::{Against, Mark};
use fluo_alerts::violation::{Evidence, Violation};
use fluo_engine::{Range, SpanSource};
use fluo_rules::SourceFile;
use fluo_rules::rule::Severity;
use fluo_spans::span::Span;
use fluo_tests::span::blank;
use fluo_time::Nanos;
use object_store::ObjectStoreExt;

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

/// A violation of the rule, with a span of one trace that shows it.
fn record(status: Status) -> ViolationRecord {
    let span = Evidence {
        trace_id: hex::encode([1; 16]),
        span_id: hex::encode([2; 8]),
        service_name: Some("shop".to_owned()),
        name: "pay".to_owned(),
        end_time: MARK_STEP,
        duration_ns: 5,
        status: None,
        status_message: Some("refused: u-7".to_owned()),
        attributes: [("user.id".to_owned(), "u-7".to_owned())].into(),
    };
    let violation = Violation {
        rule: "r".to_owned(),
        severity: Severity::Warning,
        labels: BTreeMap::new(),
        group: vec![("user.id".to_owned(), Some("u-7".to_owned()))],
        fingerprint: fingerprint("r", &[("user.id", Some("u-7"))]),
        condition: "count > 5".to_owned(),
        starts_at: MARK_STEP,
        ends_at: MARK_STEP,
        ongoing: false,
        window: Nanos::MINUTE,
        values: Vec::new(),
        peak: Vec::new(),
        evidence: vec![span],
        top: Vec::new(),
        failed: Vec::new(),
        summary: "r: count = 6 for u-7".to_owned(),
        partial: false,
    };
    let id = Id::of_episode(&violation.fingerprint, violation.starts_at);
    ViolationRecord { id, revision: 1, status, rule_hash: "h".to_owned(), violation }
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
        page.add([], &tracks(at, value), &rules, at, Vec::new());
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
        page.add([], &tracks(at, value), &rules, at, Vec::new());
        page.keep(&root, &state(at), &rules, &Report::default()).await.unwrap();
    }
    assert!(stored(&root).await.unwrap().contains("between 1 and 4"), "the first value is there still");
}

#[tokio::test]
async fn what_was_taken_back_while_the_history_could_not_be_read_is_not_shown() {
    let (root, rules) = (Root::in_memory().unwrap(), rules());
    let earlier = KeptPage::default();
    earlier.open(&root).await;
    earlier.add([&record(Status::Valid)], &tracks(MARK_STEP, 4.0), &rules, MARK_STEP, Vec::new());
    earlier.keep(&root, &state(MARK_STEP), &rules, &Report::default()).await.unwrap();
    assert!(stored(&root).await.unwrap().contains("r: count = 6"));
    let page = KeptPage::default();
    page.add([&record(Status::Withdrawn)], &BTreeMap::new(), &rules, 2 * MARK_STEP, Vec::new());
    page.open(&root).await;
    page.add([], &BTreeMap::new(), &rules, 3 * MARK_STEP, Vec::new());
    page.keep(&root, &state(3 * MARK_STEP), &rules, &Report::default()).await.unwrap();
    let html = stored(&root).await.unwrap();
    assert!(!html.contains("r: count = 6"));
    assert!(html.contains("between 4 and 4"), "the values are there still");
}

#[tokio::test]
async fn values_of_before_the_times_that_a_chart_shows_are_not_drawn() {
    let (rules, page) = (rules(), KeptPage::default());
    let (first, last) = (MARK_STEP, 180 * MARK_STEP);
    for at in [first, last] {
        page.add([], &tracks(at, 4.0), &rules, at, Vec::new());
    }
    let kept = kept::page(&state(last), &rules, &Report::default(), &page.inner().history);
    assert!(first < kept.shows.from);
    let drawn = kept.rules[0].track.as_ref().unwrap().points.iter().map(|mark| mark.at);
    assert_eq!(drawn.collect::<Vec<_>>(), [last]);
}

#[tokio::test]
async fn ids_that_were_used_twice_are_told_beside_what_was_set_aside() {
    let span = Span { trace_id: [1; 16], span_id: [2; 8], start_ns: 10, end_ns: 20, ..blank() };
    let other = Span { name: "other".to_owned(), ..span.clone() };
    for (scenario, spans, expected) in [
        ("a copy", vec![span.clone(), span.clone()], None),
        ("another span of the same ids", vec![span, other], Some("1 spans are copies that differ")),
    ] {
        let mut source = SpanSource::from_spans(&spans[..1]).unwrap();
        source.extend(SpanSource::from_spans(&spans[1..]).unwrap());
        // Ids are read of windows that hold.
        let file = SourceFile::new("r.yml", "- {name: r, span: {}, condition: count > 0}\n");
        let rules = fluo_rules::load(&[file]).rules.into_iter().map(Arc::new).collect();
        let session = fluo_engine::session();
        let looked =
            look::look(&session, rules, &mut source, Range::default(), look::ReadSpans::default()).await;
        let told = looked.page.data.iter().find(|fact| fact.name == "ids used twice");
        let text = told.map(|fact| fact.text.as_str());
        assert_eq!(text.is_some(), expected.is_some(), "{scenario}");
        assert!(text.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{scenario}: {text:?}");
    }
}

#[tokio::test]
async fn what_a_rule_redacts_now_is_not_shown_of_violations_that_were_recorded_before() {
    let text = "- {name: r, span: {}, group_by: [user.id], condition: count > 5}\n";
    let redacting = text.replace("condition", "redact: [user.id, status_message, name], condition");
    let rules = |text: &str| RuleSet::load(&[SourceFile::new("r.yml", text)], &BTreeMap::new());
    let (before, now, page) = (rules(text), rules(&redacting), KeptPage::default());
    page.add([&record(Status::Valid)], &BTreeMap::new(), &before, MARK_STEP, Vec::new());
    page.add_traces(read("pay"), &state(MARK_STEP), &before);
    let shown = |rules: &RuleSet| {
        fluo_report::html(&kept::page(&state(MARK_STEP), rules, &Report::default(), &page.inner().history))
    };
    let (then, masked) = (shown(&before), shown(&now));
    for secret in ["u-7", "<bdi>pay</bdi>", "refused"] {
        assert!(then.contains(secret), "{secret}");
        assert!(!masked.contains(secret), "{secret}");
    }
    assert!(masked.contains("class=\"waterfall\"") && masked.contains("(redacted)"));
}

/// The trace of the record, with a span whose name is given and one that is no evidence.
fn read(name: &str) -> BTreeMap<[u8; 16], WholeTrace> {
    let span = Span {
        trace_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: Some([3; 8]),
        name: name.to_owned(),
        end_ns: MARK_STEP,
        ..blank()
    };
    let root = Span { span_id: [3; 8], parent_span_id: None, name: "root".to_owned(), ..span.clone() };
    [([1; 16], WholeTrace { spans: vec![root, span], left_out: 0 })].into()
}

#[tokio::test]
async fn a_trace_that_was_read_once_is_shown_whole_by_later_processes() {
    let (root, rules) = (Root::in_memory().unwrap(), rules());
    let page = KeptPage::default();
    page.open(&root).await;
    page.add([&record(Status::Valid)], &tracks(MARK_STEP, 4.0), &rules, MARK_STEP, Vec::new());
    let asked = |page: &KeptPage| page.to_read(&state(MARK_STEP), &rules).0.by_id();
    assert_eq!(asked(&page).len(), 1, "it is asked for");
    assert_eq!(asked(&page).len(), 0, "it is asked for once");
    let kept = async |page: &KeptPage, at: i64| {
        page.keep(&root, &state(at), &rules, &Report::default()).await.unwrap();
        stored(&root).await.unwrap()
    };
    let without = kept(&page, MARK_STEP).await;
    assert!(without.contains("the whole trace was not read") && !without.contains("<bdi>root</bdi>"));
    page.add_traces(read("pay"), &state(MARK_STEP), &rules);
    let with = kept(&page, MARK_STEP).await;
    assert!(!with.contains("the whole trace was not read") && with.contains("<bdi>root</bdi>"));
    let next = KeptPage::default();
    next.open(&root).await;
    next.add([&record(Status::Valid)], &tracks(2 * MARK_STEP, 1.0), &rules, 2 * MARK_STEP, Vec::new());
    assert_eq!(asked(&next).len(), 0, "it is known");
    assert!(kept(&next, 2 * MARK_STEP).await.contains("<bdi>root</bdi>"));
}
