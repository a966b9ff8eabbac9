//! Compaction beside an evaluator: whatever it replaces and deletes, and when, the same is told, recorded and proved.

use std::time::{SystemTime, UNIX_EPOCH};

use fluo_evaluator::verify::verify;
use fluo_rules::SourceFile;
use fluo_spans::layout::Layout;
use fluo_store::Hour;
use fluo_store::compaction::{Options, Sizes, compact};
use fluo_time::Nanos;
use object_store::path::Path;

use crate::support::{Due, MINUTE, SECOND, Sent, World, evaluated, failures, files, good, minute};

const RULES: &str = "
rules:
  - name: auth-failures
    span: {service_name: auth, status: error}
    condition: count > 5
  - name: checkout-ratio
    span: {service_name: checkout}
    window: 90m
    every: 1m
    aggregation: {failed: {count: {where: status = error}}, all: count}
    condition: failed / all > 0.2
";

/// Files are merged in twos and threes, into files of a few spans.
const SIZES: Sizes = Sizes { rows: 60, bytes: 1 << 30, run: 5, memory: 1 << 20, least: 2, least_again: 2 };

/// Compacts all there is, hours under way among it, so many hours from now by the clock of the store.
async fn compacted(world: &World, hours: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let now_ns = i64::try_from(now).unwrap() + hours * Nanos::HOUR.0;
    let layout = Layout::builtin();
    let options = Options { now_ns, before_ns: i64::MAX, dry_run: false, sizes: SIZES, layout };
    let all = Hour::of_ns(0)..=Hour::of_ns(i64::MAX);
    let done = compact(&world.root(), &Path::from("spans"), all, &options, &|| true).await.unwrap();
    assert!(done.failed.is_empty(), "{:?}", done.failed);
}

/// A minute of the course.
async fn happens(world: &mut World, at: i64) {
    let mut spans = good("checkout", minute(at - 1), 5);
    if (8..12).contains(&(at % 30)) {
        spans.extend(failures("auth", "a", minute(at - 1) + SECOND, 8));
        spans.extend(failures("checkout", "b", minute(at - 1) + SECOND, 12));
    }
    world.arrive(minute(at) + SECOND, spans).await;
    if at == 25 {
        // Late, into what was compacted long ago, and some of it for the second time.
        let late =
            [failures("auth", "a", minute(9) + 2 * SECOND, 3), good("checkout", minute(8), 5)].concat();
        world.arrive(minute(at) + 2 * SECOND, late).await;
    }
}

/// Forty-five minutes, with an outage of the evaluator in between. `every`: how many minutes apart it is compacted.
async fn course(rules: &[SourceFile], every: Option<i64>) -> World {
    let mut world = World::in_memory();
    for at in 1..45 {
        happens(&mut world, at).await;
        if let Some(every) = every
            && at % every == 0
        {
            // What is replaced now is deleted by the run after the next one.
            compacted(&world, 2 * at).await;
        }
        let out = (30..36).contains(&at);
        if !out {
            world.tick(Due::at(evaluated(at), rules)).await;
        }
    }
    world
}

#[tokio::test]
async fn the_same_is_told_recorded_and_proved() {
    let rules = files(&[("rules.yml", RULES)]);
    let expected = course(&rules, None).await;
    let told = expected.post().taken;
    assert!(told.len() >= 3, "{:?}", expected.post().shorts("mail"));
    for every in [2, 7] {
        let world = course(&rules, Some(every)).await;
        let spans: Vec<String> = world.objects("spans").await.into_keys().collect();
        let plain = |name: &&String| name.ends_with(".parquet") && !name.contains("-c");
        assert!(spans.iter().filter(plain).count() < 12, "small files are gone: {spans:#?}");
        assert_eq!(world.post().shorts("mail"), expected.post().shorts("mail"), "every {every} minutes");
        let payloads =
            |world: &World| -> Vec<String> { world.post().taken.iter().map(Sent::payload).collect() };
        assert_eq!(payloads(&world), payloads(&expected), "every {every} minutes");
        assert_eq!(world.objects("violations").await, expected.objects("violations").await);
        let (state, before) = (world.state().await, expected.state().await);
        assert_eq!((state.seen, state.damaged), (before.seen, before.damaged));
        for sent in told.iter().filter(|sent| sent.notification.alert.is_some()) {
            let verification = verify(&sent.notification, &world.root()).await.unwrap();
            assert!(verification.holds, "{:?}", verification.findings);
        }
    }
}

#[tokio::test]
async fn a_compacted_file_that_is_lost_is_damage_and_no_all_clear() {
    let rules = files(&[("rules.yml", RULES)]);
    let mut world = World::in_memory();
    world.minute(1, failures("auth", "a", minute(0) + SECOND, 9), &rules).await;
    world.minute(2, failures("auth", "a", minute(1) + SECOND, 9), &rules).await;
    assert_eq!(world.news(), ["firing auth-failures"]);
    compacted(&world, 2).await;
    compacted(&world, 4).await;
    world.minute(3, failures("auth", "a", minute(2) + SECOND, 9), &rules).await;
    assert_eq!(world.news(), Vec::<String>::new());
    let names = world.objects("spans").await.into_keys();
    let lost = names.filter(|name| name.ends_with("-c1.parquet")).collect::<Vec<_>>();
    let [lost] = &lost[..] else { panic!("{lost:?}") };
    world.delete(&Path::from(lost.as_str())).await;
    world.tick(Due::at(evaluated(4) + MINUTE, &rules)).await;
    let news = world.news();
    assert!(news.contains(&"file_error".to_owned()), "{news:?}");
}
