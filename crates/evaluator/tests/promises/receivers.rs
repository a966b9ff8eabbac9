//! Receivers that refuse: what waits for them, for how long, in which order, and who is told.

use fluo_alerts::notification::{Event, Notification};
use fluo_rules::SourceFile;
use fluo_time::Nanos;

use crate::support::{MINUTE, Refuses, SECOND, World, failures, files, good, minute, short};

fn rules() -> Vec<SourceFile> {
    let text = "
- name: auth-failures
  span: {service_name: auth, status: error}
  group_by: [region]
  condition: count > 5
";
    files(&[("rules.yml", text)])
}

const ALWAYS: Refuses = Refuses { times: u32::MAX, permanent: false, only: None };

fn refuse(world: &World, refuses: Refuses) {
    world.post.lock().unwrap().refuses.insert("mail".to_owned(), refuses);
}

async fn two_sinks() -> World {
    let mut world = World::in_memory().with_sinks(&["mail", "chat"]);
    world.minute(1, good("auth", minute(0), 3), &rules()).await;
    world
}

/// A minute in which the alert of a region begins, and no other.
async fn alert(world: &mut World, end: i64, region: &str) -> fluo_evaluator::Ticked {
    world.minute(end, failures("auth", region, minute(end - 1) + 5 * SECOND, 8), &rules()).await
}

#[tokio::test]
async fn one_that_always_fails_holds_up_no_other_and_is_reported_and_given_up() {
    let mut world = two_sinks().await;
    world.settings.delivery_limit = Nanos(15 * MINUTE);
    refuse(&world, ALWAYS);
    let mut given_up = Vec::new();
    let mut reported = Vec::new();
    for end in 2..=40 {
        let before = world.post().taken.len();
        let ticked = if end < 5 {
            alert(&mut world, end, &format!("r{end}")).await
        } else {
            world.minute(end, good("auth", minute(end - 1), 3), &rules()).await
        };
        let told: Vec<_> = world.post().taken[before..].to_vec();
        if end < 5 {
            let firing = format!("firing auth-failures r{end}");
            assert!(told.iter().any(|sent| sent.short() == firing), "12:{end}: {told:?}");
        }
        assert!(told.iter().all(|sent| sent.sink == "chat"));
        reported.extend(
            told.into_iter()
                .filter(|sent| sent.notification.event == Event::SinkError)
                .map(|sent| (end, sent.notification)),
        );
        given_up.extend(ticked.delivered.given_up.into_iter().map(|what| (end, what)));
    }
    let post = world.post();
    let chat: Vec<String> = post.shorts("chat").into_iter().filter(|told| told != "sink_error").collect();
    assert!(!chat.contains(&"sink_error_over".to_owned()), "it never took anything");
    assert_eq!(chat.len(), 6, "{chat:?}");
    let tries = post.refused.len();
    // Three in a row is the fourth minute: one is tried every minute at most.
    let (end, report) = &reported[0];
    assert_eq!(*end, 4, "{reported:?}");
    let reason =
        "sink `mail` could not send: it does not want to, 3 times in a row; 4 notifications wait for it";
    assert_eq!(report.reason.as_deref(), Some(reason));
    assert_eq!(report.title, "WARNING Not delivered to mail");
    // Everything is given up, none before its time, each once, and that is reported, too.
    assert_eq!(given_up.len(), 6, "{given_up:#?}");
    assert!(given_up.iter().all(|(end, _)| *end >= 17), "{given_up:#?}");
    assert!(reported.len() > 1 && reported.len() <= 7, "{reported:#?}");
    let mut ids: Vec<_> = reported.iter().map(|(_, report)| report.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), reported.len());
    assert_eq!(world.state().await.outbox.len(), 0);
    assert!(tries < 40, "{tries} tries");
}

#[tokio::test]
async fn one_notification_is_tried_at_growing_distances() {
    let mut world = two_sinks().await;
    refuse(&world, ALWAYS);
    alert(&mut world, 2, "a").await;
    for end in 3..=70 {
        // The alert goes on: nothing else is to be told.
        world.arrive(minute(end), failures("auth", "a", minute(end - 1) + 5 * SECOND, 12)).await;
        world.quiet(end, &rules()).await;
    }
    let post = world.post();
    let minutes: Vec<i64> = post.refused.iter().map(|sent| (sent.at - minute(0)) / MINUTE).collect();
    // Half a minute, then 1, 2, 4, and five minutes from then on, at the first tick after that.
    assert_eq!(minutes, [2, 3, 4, 6, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70]);
    assert!(post.refused.iter().all(|sent| sent.payload() == post.refused[0].payload()));
}

#[tokio::test]
async fn one_that_comes_back_is_told_everything_in_order() {
    let mut world = two_sinks().await;
    // The alert is over while its beginning waits to be tried again.
    refuse(&world, Refuses { times: 5, ..ALWAYS });
    alert(&mut world, 2, "a").await;
    for end in 3..=24 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
    }
    let of_alerts = |told: Vec<String>| {
        told.into_iter().filter(|told| !told.starts_with("sink_error")).collect::<Vec<_>>()
    };
    let told = of_alerts(world.post().shorts("mail"));
    assert_eq!(told, ["firing auth-failures a", "resolved auth-failures a"]);
    assert_eq!(of_alerts(world.post().shorts("chat")), told);
    let of_the_sink: Vec<Notification> = world
        .post()
        .to("chat")
        .map(|sent| sent.notification.clone())
        .filter(|told| matches!(told.event, Event::SinkError | Event::SinkErrorOver))
        .collect();
    let events: Vec<_> = of_the_sink.iter().map(|told| told.event).collect();
    assert_eq!(events, [Event::SinkError, Event::SinkErrorOver]);
    assert_eq!(of_the_sink[0].about(), of_the_sink[1].about());
    assert_eq!(world.state().await.outbox.len(), 0);
}

#[tokio::test]
async fn what_waits_goes_out_as_soon_as_the_sink_takes_anything() {
    let mut world = two_sinks().await;
    refuse(&world, ALWAYS);
    for end in 2..=12 {
        alert(&mut world, end, &format!("r{end}")).await;
    }
    let waiting = world.state().await.outbox.len();
    assert!(waiting > 10, "{waiting}");
    refuse(&world, Refuses { times: 0, ..ALWAYS });
    // Whatever has waited longest may be tried minutes from now; what begins now is not, and opens the way.
    alert(&mut world, 13, "r13").await;
    assert_eq!(world.state().await.outbox.len(), 0);
    let told = world.post().shorts("mail");
    let firing: Vec<_> = told.iter().filter(|told| told.starts_with("firing")).collect();
    let expected: Vec<String> = (2..=13).map(|end| format!("firing auth-failures r{end}")).collect();
    assert_eq!(firing.len(), expected.len(), "{firing:?}");
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again_and_is_reported() {
    let mut world = two_sinks().await;
    refuse(&world, Refuses { times: 1, permanent: true, only: None });
    let both =
        [failures("auth", "a", minute(1) + 5 * SECOND, 8), failures("auth", "b", minute(1) + 6 * SECOND, 8)];
    let ticked = world.minute(2, both.concat(), &rules()).await;
    assert_eq!(ticked.delivered.given_up.len(), 1);
    let post = world.post();
    assert_eq!(post.refused.iter().map(|sent| short(&sent.notification)).collect::<Vec<_>>().len(), 1);
    assert_eq!(post.shorts("mail").len(), 1, "the other one was not held up");
    let chat = post.shorts("chat");
    assert_eq!(chat.len(), 3, "{chat:?}");
    let report = post.to("chat").find(|sent| sent.notification.event == Event::SinkError).unwrap();
    assert!(report.notification.text.contains("it does not want to"));
    for end in 3..=6 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules()).await;
    }
    let post = world.post();
    assert_eq!(post.refused.len(), 1);
    let told = |event| post.to("chat").filter(|sent| sent.notification.event == event).count();
    assert_eq!((told(Event::SinkError), told(Event::SinkErrorOver)), (1, 1), "mail took what came next");
}
