//! An evaluator that did not run for hours: what it missed is judged in order, told once, and not without end.

use fluo_alerts::notification::Event;
use fluo_evaluator::TickError;
use fluo_evaluator::set_back::SetBackError;
use fluo_rules::SourceFile;
use fluo_spans::span::Span;
use fluo_time::Nanos;

use crate::support::{
    Due, Gate, HOUR, MINUTE, SECOND, Sent, World, evaluated, failures, files, good, minute,
};

fn rules() -> Vec<SourceFile> {
    let text = "
rules:
  - name: auth-failures
    span: {service_name: auth, status: error}
    group_by: [region]
    condition: count > 5
    realert: 15m
  - name: checkout-failures
    span: {service_name: checkout, status: error}
    condition: count > 5
";
    files(&[("rules.yml", text)])
}

/// The first tick after the outage.
const BACK: i64 = 182;

/// Failures of the whole of a minute.
fn failing(region: &str, end: i64) -> Vec<Span> {
    failures("auth", region, minute(end - 1) + 5 * SECOND, 12)
}

/// A world in which one alert fires when the evaluator stops, at 12:02; it is called again at 15:02.
async fn stopped() -> World {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    world.minute(2, failing("before", 2), &rules()).await;
    assert_eq!(world.news(), ["firing auth-failures before"]);
    // Collectors went on, one every minute, another every five.
    for end in 3..=BACK {
        let mut spans = if end >= 148 { failing("on", end) } else { Vec::new() };
        match end {
            15 => spans.extend(failing("one", 15)),
            30 => spans.extend(failing("two", 30)),
            60 => spans.extend(failures("checkout", "z", minute(59), 9)),
            _ => {}
        }
        if end % 5 == 0 || end == BACK {
            spans.extend(good("auth", minute(end - 1), 3));
        }
        if end >= 150 && (end % 5 == 0 || end == BACK) {
            spans.extend((end - 4..=end).flat_map(|end| failing("again", end)));
        }
        if !spans.is_empty() {
            world.arrive(minute(end) + SECOND, spans).await;
        }
    }
    world
}

#[tokio::test]
async fn an_outage_is_caught_up_in_order_and_told_in_short() {
    let mut world = stopped().await;
    let ticked = world.quiet(BACK, &rules()).await;
    let times: Vec<i64> = ticked.reports.iter().map(|report| report.eval_time).collect();
    let expected: Vec<i64> = (1..=18).map(|chunk| evaluated(2) + chunk * 10 * MINUTE).collect();
    assert_eq!(times, expected, "chunks with times of their own");
    let post = world.post();
    assert_eq!(
        world.news(),
        [
            "resolved auth-failures before",
            "firing auth-failures on",
            // It was taken to be over whenever its files came late, and nobody was told so.
            "reopened auth-failures again",
            "summary auth-failures",
            "summary checkout-failures"
        ]
    );
    let summary = post.taken[3].notification.summary.clone().unwrap();
    assert_eq!(summary.alerts, 2);
    let groups: Vec<&str> = summary.largest.iter().map(|line| line.group[0].1.as_deref().unwrap()).collect();
    assert_eq!(groups, ["one", "two"]);
    assert!(summary.largest.iter().all(|line| line.ends_at > line.starts_at));
    assert_eq!(post.taken[3].notification.reason.as_deref(), Some("while nothing was evaluated"));

    // And then life goes on: a reminder when it is due, a resolution, and nothing of the gap again.
    for end in 183..=188 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
    }
    let mut news = world.news();
    news.sort();
    assert_eq!(news, ["resolved auth-failures again", "resolved auth-failures on"]);
}

#[tokio::test]
async fn what_lies_too_far_back_is_said_to_be_unjudged_and_is() {
    let mut world = stopped().await;
    world.settings.max_catch_up = Nanos(HOUR);
    let ticked = world.quiet(BACK, &rules()).await;
    assert_eq!(ticked.reports.len(), 6);
    assert_eq!(ticked.reports[0].eval_time, evaluated(BACK) - HOUR + 10 * MINUTE);
    let post = world.post();
    let unjudged: Vec<_> =
        post.taken.iter().filter(|sent| sent.notification.event == Event::Unjudged).collect();
    assert_eq!(unjudged.len(), 1);
    assert!(
        unjudged[0].notification.title.contains("2026-11-22 12:02:10 UTC to 2026-11-22 14:02:10 UTC"),
        "{}",
        unjudged[0].notification.title
    );
    // What happened at 12:15 and 12:30 is told by nobody; what went on before and after is.
    assert_eq!(
        world.news(),
        [
            "unjudged",
            "resolved auth-failures before",
            "firing auth-failures on",
            "reopened auth-failures again"
        ]
    );
    let groups: Vec<String> = world
        .objects("violations")
        .await
        .into_values()
        .flat_map(|bytes| fluo_store::records::read_violations(bytes.into()).unwrap())
        .map(|row| format!("{} {:?}", row.rule, row.group))
        .collect();
    assert!(groups.iter().all(|group| !group.contains("one") && !group.contains("two")), "{groups:?}");

    // It is said once.
    for end in 183..=185 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
    }
    assert_eq!(world.news().iter().filter(|told| *told == "unjudged").count(), 0);
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_catching_up_doubles_nothing() {
    let mut undisturbed = stopped().await;
    undisturbed.quiet(BACK, &rules()).await;
    let expected: Vec<String> = undisturbed.post().taken.iter().map(Sent::payload).collect();
    for seconds in [0, 4, 9, 17, 30, 47] {
        let mut world = stopped().await;
        world.clock = evaluated(BACK) + 2 * SECOND;
        world.per_look = SECOND;
        let due = Due { deadline: Some(world.clock + seconds * SECOND), ..Due::at(evaluated(BACK), &[]) };
        let rules = rules();
        let due = Due { rules: &rules, ..due };
        let first = world.tick(due).await;
        assert!(first.unfinished && first.reports.len() < 18, "{seconds} s: {}", first.reports.len());
        assert_eq!(world.post().taken.len(), 0, "{seconds} s: told before it was caught up");
        world.per_look = 0;
        let second = world.tick(Due::at(evaluated(BACK), &rules)).await;
        assert_eq!(first.reports.len() + second.reports.len(), 18, "{seconds} s");
        assert!(!second.unfinished);
        let told: Vec<String> = world.post().taken.iter().map(Sent::payload).collect();
        assert_eq!(told, expected, "{seconds} s");
    }
}

#[tokio::test]
async fn a_state_from_the_future_is_told_and_set_back_and_nothing_is_missed_or_told_twice() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules).await;
    world.minute(2, failing("before", 2), &rules).await;
    assert_eq!(world.news(), ["firing auth-failures before"]);
    let now = world.clock;
    assert!(matches!(world.set_back().await, Err(SetBackError::NotFuture)));

    // A clock that is a year ahead, and right again afterwards.
    let ahead = evaluated(2) + 365 * 24 * HOUR;
    world.quiet((ahead - minute(0)) / MINUTE, &rules).await;
    world.news();
    world.clock = now;
    for end in 3..6 {
        let ticked = world.minute(end, failing("meanwhile", end), &rules).await;
        assert_eq!((ticked.reports.len(), ticked.future.is_some()), (0, true));
    }
    assert_eq!(world.news(), ["future_state"], "once");

    let set_back = world.set_back().await.unwrap();
    assert_eq!((set_back.to, set_back.from > ahead), (evaluated(2), false));
    for end in 6..10 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules).await;
    }
    let mut news = world.news();
    news.sort();
    news.retain(|told| told.contains("auth"));
    assert_eq!(
        news,
        [
            "firing auth-failures meanwhile",
            "resolved auth-failures before",
            "resolved auth-failures meanwhile"
        ]
    );
    assert!(world.state().await.troubles.open().next().is_none());
}

#[tokio::test]
async fn an_evaluation_of_a_time_that_has_not_come_is_refused() {
    let rules = rules();
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules).await;
    let clock = std::sync::atomic::AtomicI64::new(evaluated(1));
    let due = Due::at(evaluated(1) + 6 * MINUTE, &rules);
    let refused = world.process(due, &Gate::open(), "early", &clock).await.unwrap();
    assert!(matches!(refused, Err(TickError::Future { .. })), "{refused:?}");
    let due = Due::at(evaluated(1) + 4 * MINUTE, &rules);
    world.process(due, &Gate::open(), "skewed", &clock).await.unwrap().unwrap();
}
