//! The state as it is stored: read back it is the same, and what cannot be read is never written over.

use fluo_alerts::notification::Event;
use fluo_evaluator::State;
use fluo_evaluator::TickError;
use fluo_evaluator::state::{LOCATION, StateError};
use fluo_spans::span::Status;
use object_store::path::Path;

use crate::support::{
    Due, Gate, Refuses, SECOND, World, evaluated, failures, files, good, minute, random, span,
};

const RULES: &str = "
rules:
  - name: auth-failures
    span: {service_name: auth, status: error}
    group_by: [region]
    condition: count > 2
    keep_firing_for: 1m
  - name: auth-ratio
    span: {service_name: auth}
    every: 20s
    aggregation:
      slow: {p90: duration}
      errors: {count: {where: 'status = error'}}
    condition: errors / count > 0.4 and slow > 1ms
    for: 1m
";

/// A state that an earlier fluo wrote (2026-11, before alerts kept their course): an alert that fires, and its first
/// message, which waits for a sink.
const OF_BEFORE: &[u8] = include_bytes!("fixtures/state-before-courses.json.zst");

#[test]
fn a_state_of_before_is_read() {
    let state = State::decode(OF_BEFORE).unwrap();
    let (_, alert) = state.rules["failed-logins"].firing().next().unwrap();
    assert_eq!(alert.standing(), [("failures".to_owned(), "3".to_owned())]);
    let waiting = &state.outbox[0].notification;
    assert_eq!(waiting.event, Event::Firing);
    assert_eq!(waiting.alert.as_ref().unwrap().now, None);
    assert_eq!(State::decode(&state.encode().unwrap()).unwrap(), state);
}

#[tokio::test]
async fn states_of_runs_are_read_as_they_were_written() {
    let mut kinds = [0_usize; 4];
    for seed in 0..12 {
        let mut seed = seed;
        let mut world = World::in_memory().with_sinks(&["mail", "chat"]);
        let refuses = Refuses { times: u32::MAX, permanent: false, only: None };
        if random(&mut seed).is_multiple_of(2) {
            world.post.lock().unwrap().refuses.insert("mail".to_owned(), refuses);
        }
        for end in 1..=6 {
            let late = i64::try_from(random(&mut seed) % 3).unwrap();
            let begins = minute(end - 1 - late.min(end - 1));
            let mut spans: Vec<_> = (0..random(&mut seed) % 12)
                .map(|_| {
                    let at = i64::try_from(random(&mut seed) % 60_000).unwrap() * 1_000_000;
                    let region =
                        ["a", "b", "\u{1b}[31m\"\\\n", ""][usize::try_from(random(&mut seed) % 4).unwrap()];
                    span("auth", region, Status::Error, begins + at)
                })
                .collect();
            spans.extend(good("auth", begins, i64::try_from(random(&mut seed) % 6).unwrap()));
            let spans = fluo_spans::identity::dedupe(spans).spans;
            if !spans.is_empty() {
                world.arrive(minute(end), spans).await;
            }
            let text = if random(&mut seed).is_multiple_of(5) { "- broken" } else { RULES };
            world.tick(Due::at(evaluated(end), &files(&[("rules.yml", text)]))).await;
            let state = world.state().await;
            assert_eq!(State::decode(&state.encode().unwrap()).unwrap(), state);
            let stored = world.read(&Path::from(LOCATION)).await;
            assert_eq!(state.encode().unwrap(), stored, "the same bytes, too");
            kinds[0] += usize::from(!state.outbox.is_empty());
            kinds[1] += usize::from(state.troubles.open().count() > 0);
            kinds[2] += usize::from(state.rules.values().any(|rule| !rule.groups.is_empty()));
            kinds[3] += usize::from(state.unwritten.iter().any(|records| !records.violations.is_empty()));
        }
    }
    assert!(kinds.iter().all(|kind| *kind > 2), "runs with everything in them: {kinds:?}");
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stops_the_evaluator_and_stays() {
    let rules = files(&[("rules.yml", RULES)]);
    for mut world in [World::in_memory(), World::in_folder()] {
        world.minute(1, good("auth", minute(0), 3), &rules).await;
        world.minute(2, failures("auth", "a", minute(1) + 5 * SECOND, 8), &rules).await;
        assert_eq!(world.news().len(), 1);
        world.arrive(minute(3), failures("auth", "b", minute(2) + 5 * SECOND, 8)).await;
        let state = world.read(&Path::from(LOCATION)).await;
        let compressed = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
        let other = State { schema: "fluo.state/v2".to_owned(), ..world.state().await };
        let cases: [(&str, Vec<u8>, &str); 7] = [
            ("another version", other.encode().unwrap().to_vec(), "is of format `fluo.state/v2`"),
            (
                "another version of another shape",
                compressed(br#"{"schema":"fluo.state/v9","all":[]}"#),
                "is of format `fluo.state/v9`",
            ),
            ("truncated", state[..state.len() / 2].to_vec(), "does not decompress"),
            ("empty", Vec::new(), "the state"),
            ("garbage", b"no state at all".to_vec(), "does not decompress"),
            ("no JSON", compressed(b"{\"schema\":"), "not one that this version of fluo can read"),
            ("JSON of something else", compressed(b"[1,2]"), "not one that this version of fluo can read"),
        ];
        let written = world.objects("violations").await;
        for (scenario, bytes, expected) in cases {
            world.overwrite(&Path::from(LOCATION), bytes.clone()).await;
            let gate = Gate::open();
            let error = world.try_tick(Due::at(evaluated(3), &rules), &gate).await.unwrap().unwrap_err();
            assert!(matches!(error, TickError::State(_)), "{scenario}: {error:?}");
            assert!(error.to_string().contains(expected), "{scenario}: {error}");
            assert_eq!(gate.effects(), 0, "{scenario}: nothing is written or sent");
            assert_eq!(world.read(&Path::from(LOCATION)).await, bytes, "{scenario}");
            assert_eq!(world.objects("violations").await, written, "{scenario}");
        }
        // Put back, it goes on where it was.
        world.overwrite(&Path::from(LOCATION), state).await;
        world.tick(Due::at(evaluated(3), &rules)).await;
        assert_eq!(world.news(), ["firing auth-failures b"]);
    }
    assert!(matches!(State::decode(b""), Err(StateError::Compression(_) | StateError::Json(_))));
}
