//! Tests the troubles of fluo itself: told, and told to be over.

use fluo_alerts::notification::{Event, Notification};
use fluo_alerts::trouble::Subject;
use fluo_evaluator::State;
use fluo_evaluator::state::Pipeline;
use fluo_evaluator::status::status;
use fluo_rules::SourceFile;
use fluo_rules::rule::Severity;
use object_store::path::Path;

use crate::support::{Due, HOUR, SECOND, World, evaluated, failures, files, good, minute};

const RULES: &str = "
- name: auth-failures
  span: {service_name: auth, status: error}
  condition: count > 5
";

fn one(text: &str) -> Vec<SourceFile> {
    files(&[("rules.yml", text)])
}

fn told(world: &World, event: Event) -> Vec<Notification> {
    let of_event = world.post().taken.into_iter().map(|sent| sent.notification);
    of_event.filter(|told| told.event == event).collect()
}

#[tokio::test]
async fn a_file_that_lost_its_rules_is_told_beside_what_that_resolves() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    world.minute(2, failures("auth", "a", minute(1) + 5 * SECOND, 9), &one(RULES)).await;
    assert_eq!(world.news(), ["firing auth-failures"]);
    for (end, text) in [(3, ""), (4, "# nothing here\n")] {
        world.minute(end, good("auth", minute(end - 1), 3), &one(text)).await;
        let [lost] = &told(&world, Event::RuleError)[..] else {
            assert_eq!((end, world.news()), (4, Vec::new()), "it is told once");
            continue;
        };
        assert_eq!(lost.severity, Severity::Critical);
        assert_eq!(lost.title, "CRITICAL Rule file has no rules any more: rules.yml");
        assert_eq!(lost.reason.as_deref(), Some("it had: auth-failures"));
        let resolved = &told(&world, Event::Resolved)[0];
        assert_eq!(resolved.reason.as_deref(), Some("rule_removed"));
        assert_eq!(world.news().len(), 2);
    }
    world.minute(5, good("auth", minute(4), 3), &one(RULES)).await;
    assert_eq!(world.news(), ["rule_error_over"]);
    // A file that never had one, and one that is deleted, are as people want them.
    let with_empty = files(&[("rules.yml", RULES), ("notes.yml", "# to do\n")]);
    world.minute(6, good("auth", minute(5), 3), &with_empty).await;
    world.minute(7, good("auth", minute(6), 3), &files(&[("notes.yml", "# to do\n")])).await;
    assert_eq!(world.news(), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_in_which_no_file_ever_came_is_told_as_such() {
    let mut world = World::in_memory();
    for end in 1..=12 {
        world.quiet(end, &one(RULES)).await;
    }
    let [stale] = &told(&world, Event::PipelineStale)[..] else { panic!("{:?}", world.post().taken) };
    assert_eq!(stale.severity, Severity::Critical);
    let reason = "no data file has come since the first evaluation, at 2026-11-22 12:01:10 UTC";
    assert_eq!(stale.reason.as_deref(), Some(reason));
    assert_eq!(world.state().await.pipeline.arrived_at, 0);
    world.minute(13, good("auth", minute(12), 3), &one(RULES)).await;
    assert_eq!(told(&world, Event::PipelineStaleOver)[0].about(), stale.about());
}

/// Spans that came more than an hour after they ended, in a partition that is still listed and in one that is not.
#[tokio::test]
async fn spans_that_come_too_late_are_counted_and_told() {
    for (ended, at_once) in [(minute(-60), true), (minute(-300), false)] {
        let mut world = World::in_memory();
        for end in 1..=2 {
            world.minute(end, good("auth", minute(end - 1), 3), &one(RULES)).await;
        }
        world.arrive(minute(3) + SECOND, failures("auth", "a", ended, 7)).await;
        let mut end = 2;
        while told(&world, Event::SpansTooLate).is_empty() {
            end += 1;
            assert!(end < 3 + 24, "an older hour is looked at with every evaluation");
            world.minute(end, good("auth", minute(end - 1), 3), &one(RULES)).await;
        }
        assert_eq!(end == 3, at_once);
        let [late] = &told(&world, Event::SpansTooLate)[..] else { panic!("{:?}", world.post().taken) };
        let reason = late.reason.as_deref().unwrap();
        assert!(reason.starts_with("7 spans in 1 file(s) ended up to "), "{reason}");
        assert_eq!(late.severity, Severity::Warning);
        world.minute(end + 50, good("auth", minute(end + 49), 3), &one(RULES)).await;
        assert!(told(&world, Event::SpansTooLateOver).is_empty());
        world.minute(end + 60, good("auth", minute(end + 59), 3), &one(RULES)).await;
        let [over] = &told(&world, Event::SpansTooLateOver)[..] else { panic!("{:?}", world.post().taken) };
        assert_eq!((over.about(), over.at - late.at), (late.about(), HOUR), "after a quiet hour");
        assert_eq!(told(&world, Event::SpansTooLate).len(), 1);
    }
}

/// A request of spans that ended in a minute, each given by its trace id and its kind.
fn request(end: i64, spans: &[(u64, &str)]) -> String {
    let spans: Vec<String> = (1..)
        .zip(spans)
        .map(|(number, (trace, kind))| {
            format!(
                r#"{{"traceId":"{trace:032x}","spanId":"{number:016x}","name":"a","kind":{kind},
                "startTimeUnixNano":"1","endTimeUnixNano":"{}"}}"#,
                minute(end - 1) + number
            )
        })
        .collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

#[tokio::test]
async fn what_ingest_set_aside_and_mended_is_told_with_its_reasons_and_when_it_is_over() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    let a_hundred = [[(7, "2"); 99].as_slice(), &[(7, "[]")]].concat();
    world.ingest(minute(2) + SECOND, request(2, &a_hundred)).await;
    world.quiet(2, &one(RULES)).await;
    assert_eq!(world.news(), Vec::<String>::new(), "one of a hundred is no more than a percent");
    let now = status(&world.state().await, minute(3)).pipeline.set_aside.unwrap();
    assert_eq!((now.spans, now.mended_spans), (100, 1), "but is shown");
    world.ingest(minute(3) + SECOND, request(3, &[(0, "2"), (8, "2"), (8, "[]"), (8, "{}"), (0, "3")])).await;
    world.quiet(3, &one(RULES)).await;
    let [told_once] = &told(&world, Event::SpansSetAside)[..] else { panic!("{:?}", world.post().taken) };
    assert_eq!(told_once.severity, Severity::Warning);
    let reason = "of 105 spans that came since 2026-11-22 12:02:10 UTC, 2 could not be placed (2 × all-zero trace id), \
                  and 3 were mended (3 × value without a meaning)";
    assert_eq!(told_once.reason.as_deref(), Some(reason));
    let state = world.state().await;
    let shown = status(&state, minute(4));
    assert_eq!(shown.troubles[0].reason, reason);
    assert_eq!(shown.pipeline.set_aside.unwrap().reason, reason);
    for end in [4, 62] {
        world.minute(end, good("auth", minute(end - 1), 3), &one(RULES)).await;
        assert!(told(&world, Event::SpansSetAsideOver).is_empty());
    }
    world.minute(63, good("auth", minute(62), 3), &one(RULES)).await;
    let [over] = &told(&world, Event::SpansSetAsideOver)[..] else { panic!("{:?}", world.post().taken) };
    assert_eq!((over.about(), over.at - told_once.at), (told_once.about(), HOUR), "after a quiet hour");
    assert_eq!(told(&world, Event::SpansSetAside).len(), 1);
    assert_eq!(status(&world.state().await, minute(64)).pipeline.set_aside, None);
}

#[tokio::test]
async fn a_share_that_is_allowed_is_not_told() {
    let mut world = World::in_memory();
    world.settings.set_aside_percent = 40;
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    for (end, wrong) in [(2, 2), (3, 3)] {
        let spans: Vec<(u64, &str)> = (0..5).map(|number| (u64::from(number >= wrong), "2")).collect();
        world.ingest(minute(end) + SECOND, request(end, &spans)).await;
        world.quiet(end, &one(RULES)).await;
        assert_eq!(told(&world, Event::SpansSetAside).len(), wrong - 2);
    }
}

/// Something arrives, and no span: that is told, and is no sign of life.
#[tokio::test]
async fn an_object_of_which_no_span_could_be_placed_is_told_and_is_no_sign_of_life() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    let before = world.state().await.pipeline;
    for end in 2..=12 {
        world.ingest(minute(end) + SECOND, request(end, &[(0, "2"), (0, "2")])).await;
        world.quiet(end, &one(RULES)).await;
    }
    let after = world.state().await.pipeline;
    let moving = |pipeline: &Pipeline| (pipeline.arrived_at, pipeline.alive_to, pipeline.newest_end);
    assert_eq!(moving(&after), moving(&before));
    assert_eq!(told(&world, Event::PipelineStale).len(), 1);
    let told = told(&world, Event::SpansSetAside);
    let amounts = ["2 could", "4 could", "8 could", "16 could"];
    assert_eq!(told.len(), amounts.len(), "and again when it has become twice as much");
    for (told, amount) in told.iter().zip(amounts) {
        assert!(told.reason.as_ref().unwrap().contains(amount), "{:?}", told.reason);
    }
    assert!(world.state().await.damaged.is_empty());
}

/// A note that cannot be read is a file that cannot be read.
#[tokio::test]
async fn a_file_without_rows_that_is_damaged_is_told() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    world.ingest(minute(2) + SECOND, request(2, &[(0, "2")])).await;
    let mut files = world.objects("spans").await.into_iter();
    let (note, mut bytes) = files.find(|(name, _)| name.contains("-0-")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    world.overwrite(&Path::from(note), bytes).await;
    world.quiet(2, &one(RULES)).await;
    assert_eq!(world.news(), ["file_error"]);
}

#[tokio::test]
async fn what_was_wrong_only_while_nothing_was_sent_is_not_told() {
    let broken = one("- broken");
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    for end in [2, 3, 30, 50] {
        world.arrive(minute(end) + SECOND, good("auth", minute(end - 1), 3)).await;
    }
    // Twice nothing arrived for longer than ten minutes, as the chunks see it.
    world.tick(Due::at(evaluated(51), &broken)).await;
    assert_eq!(world.news(), ["rule_error"], "what is still wrong");
}

#[tokio::test]
async fn a_state_of_before_troubles_were_one_thing_goes_on() {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &one(RULES)).await;
    let state = world.state().await;
    let mut json: serde_json::Value =
        serde_json::from_slice(&zstd::decode_all(&state.encode().unwrap()[..]).unwrap()).unwrap();
    let error = |reason: &str| serde_json::json!({"reason": reason, "since": minute(0), "told_at": minute(0), "told": 1});
    let fields = json.as_object_mut().unwrap();
    fields.remove("troubles");
    fields.insert("file_errors".to_owned(), serde_json::json!({"bad.yml": error("unknown key")}));
    fields["rules"]["auth-failures"]["error"] = error("too much");
    for gone in ["began_at", "too_late", "looked_at", "set_aside"] {
        fields["pipeline"].as_object_mut().unwrap().remove(gone);
    }
    fields["pipeline"]["stale"] = true.into();
    fields["pipeline"]["stale_told"] = 1.into();
    fields.insert("sinks".to_owned(), serde_json::json!({"mail": {"in_a_row": 2, "told": 1}}));
    let bytes = zstd::encode_all(serde_json::to_vec(&json).unwrap().as_slice(), 3).unwrap();
    let read = State::decode(&bytes).unwrap();
    let troubles: Vec<&Subject> = read.troubles.open().map(|trouble| &trouble.subject).collect();
    let expected = [
        &Subject::Pipeline,
        &Subject::Rule("auth-failures".to_owned()),
        &Subject::RuleFile("bad.yml".to_owned()),
    ];
    assert_eq!(troubles, expected);
    assert_eq!(read.sinks["mail"].in_a_row, 2);
    world.overwrite(&object_store::path::Path::from(fluo_evaluator::state::LOCATION), bytes).await;
    world.minute(2, good("auth", minute(1), 3), &one(RULES)).await;
    assert_eq!(
        world.news(),
        ["pipeline_stale_over", "rule_error_over auth-failures", "rule_error_over"],
        "whoever wants them hears that they are over"
    );
}
