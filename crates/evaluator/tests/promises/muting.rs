//! Tests who is told what: silences, rules that make others redundant, limits on how much, reminders.

use fluo_alerts::notification::{Event, Notification, Told};
use fluo_spans::span::{Span, Status};

use crate::support::{Due, MINUTE, SECOND, Sent, World, evaluated, failures, files, good, minute, span};

fn failing(service: &str, region: &str, end: i64) -> Vec<Span> {
    failures(service, region, minute(end - 1) + 5 * SECOND, 12)
}

fn taken(world: &World) -> Vec<Notification> {
    world.post().taken.into_iter().map(|sent| sent.notification).collect()
}

#[tokio::test]
async fn a_silenced_alert_is_recorded_and_told_when_the_silence_ends_while_it_fires() {
    let rules = files(&[(
        "rules.yml",
        "
- name: auth-failures
  span: {service_name: auth, status: error}
  labels: {team: login}
  severity: critical
  group_by: [region]
  condition: count > 5
",
    )]);
    let mut world = World::in_memory();
    for end in 1..=9 {
        let mut spans = good("auth", minute(end - 1), 3);
        if (2..=6).contains(&end) {
            spans.extend(failing("auth", "a", end));
        }
        if end == 2 {
            spans.extend(failing("auth", "b", end));
        }
        world.arrive(minute(end) + SECOND, spans).await;
        let silenced: &[(&str, &str)] = if end < 5 { &[("team", "login")] } else { &[] };
        world.tick(Due { silenced, ..Due::at(evaluated(end), &rules) }).await;
        if end == 2 {
            let state = world.state().await;
            let muted: Vec<_> =
                state.rules["auth-failures"].firing().map(|(_, alert)| alert.muted_by.clone()).collect();
            assert_eq!(muted, vec![Some("silence team=login".to_owned()); 2]);
            assert_eq!(world.objects("violations").await.len(), 1, "recorded all the same");
        }
        let expected: &[&str] = match end {
            5 => &["firing auth-failures a"],
            // The last failure ended at 12:05:49.
            8 => &["resolved auth-failures a"],
            _ => &[],
        };
        let told = taken(&world);
        assert_eq!(world.news(), expected, "12:0{end}; the one that was over meanwhile is never told");
        if end == 5 {
            let alert = told[0].alert.as_ref().unwrap();
            assert_eq!(told[0].at, evaluated(5));
            assert_eq!(alert.violation.starts_at, minute(1) + 25 * SECOND, "as it began");
            assert_eq!(alert.resolved_at, None);
            assert_eq!(told[0].severity.as_str(), "critical");
            assert_eq!(told[0].labels["team"], "login");
        }
        if end == 8 {
            let alert = told[0].alert.as_ref().unwrap();
            assert_eq!(alert.resolved_at, Some(minute(5) + 49 * SECOND + MINUTE));
        }
    }
}

#[tokio::test]
async fn a_rule_that_another_makes_redundant_is_told_only_without_it() {
    let rules = files(&[(
        "rules.yml",
        "
rules:
  - name: database-down
    span: {service_name: db, status: error}
    condition: count > 5
  - name: auth-failures
    span: {service_name: auth, status: error}
    inhibit: [database-down]
    condition: count > 5
",
    )]);
    let mut world = World::in_memory();
    let mut told = Vec::new();
    for end in 1..=9 {
        let mut spans = good("auth", minute(end - 1), 3);
        if end == 2 {
            spans.extend(failing("db", "a", end));
        }
        if (2..=6).contains(&end) {
            spans.extend(failing("auth", "a", end));
        }
        world.minute(end, spans, &rules).await;
        told.extend(world.news().into_iter().map(|told| (end, told)));
        if end == 2 {
            let state = world.state().await;
            let (_, alert) = state.rules["auth-failures"].firing().next().unwrap();
            assert_eq!(alert.muted_by.as_deref(), Some("rule database-down"));
        }
    }
    let told: Vec<(i64, &str)> = told.iter().map(|(end, told)| (*end, told.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "firing database-down"),
            (4, "firing auth-failures"),
            (4, "resolved database-down"),
            (8, "resolved auth-failures"),
        ]
    );
}

/// A ticket is not told while its page is: it is told once nobody is paged any more, and the budget still burns.
#[tokio::test]
async fn the_page_of_an_objective_mutes_its_ticket() {
    let rules = files(&[(
        "rules.yml",
        "
- name: budget
  span: {service_name: checkout}
  slo: {objective: 99.9%, good: 'status != error', min_events: 10}
",
    )]);
    let mut world = World::in_memory().with_sinks(&["pager", "chat"]);
    let mut told = Vec::new();
    for end in 1..=45 {
        let mut spans = good("checkout", minute(end - 1), 3);
        if (2..=4).contains(&end) {
            spans.extend(failing("checkout", "a", end));
        }
        world.minute(end, spans, &rules).await;
        let post = world.post();
        assert_eq!(post.shorts("pager"), post.shorts("chat"), "minute {end}");
        told.extend(post.shorts("pager").into_iter().map(|told| (end, told)));
        world.news();
        if end == 20 {
            let state = world.state().await;
            let muted_by = |rule: &str| {
                let (_, alert) = state.rules[rule].firing().next().unwrap();
                alert.muted_by.clone()
            };
            assert_eq!(muted_by("budget/page"), None);
            assert_eq!(muted_by("budget/ticket").as_deref(), Some("rule budget/page"));
        }
    }
    let words: Vec<&str> = told.iter().map(|(_, told)| told.as_str()).collect();
    assert_eq!(words, ["firing budget/page", "resolved budget/page", "firing budget/ticket"], "{told:?}");
    assert_eq!(told[1].0, told[2].0, "in one evaluation");
    // Half an hour without a failure, and the minutes that are waited for.
    assert!(told[0].0 <= 4 && (34..=38).contains(&told[1].0), "{told:?}");
}

#[tokio::test]
async fn one_group_that_is_worse_mutes_no_other_and_what_it_muted_is_told_at_its_end() {
    let rules = files(&[(
        "rules.yml",
        "
rules:
  - {name: crit, severity: critical, span: {status: error}, group_by: [service_name], condition: count > 15}
  - {name: warn, span: {status: error}, group_by: [service_name], inhibit: [crit], condition: count > 5}
",
    )]);
    let mut world = World::in_memory();
    let mut told = Vec::new();
    for end in 1..=6 {
        let mut spans = good("svc-a", minute(end - 1), 3);
        if end == 2 {
            let from = minute(1) + 2 * SECOND;
            spans.extend((0..20).map(|nth| span("svc-a", "x", Status::Error, from + nth * 2 * SECOND)));
            spans.extend(failures("svc-b", "x", from, 8));
        }
        world.minute(end, spans, &rules).await;
        told.extend(world.post().taken);
        world.news();
    }
    let words: Vec<String> = told.iter().map(Sent::short).collect();
    assert_eq!(
        words,
        ["firing crit svc-a", "firing warn svc-b", "resolved crit svc-a", "resolved warn svc-b"]
    );
    let crit = &told[2].notification;
    let untold = &crit.alert.as_ref().unwrap().now.as_ref().unwrap().untold;
    let named: Vec<_> = untold.iter().map(|alert| (alert.rule.as_str(), alert.group.clone())).collect();
    assert_eq!(named, [("warn", vec![("service_name".to_owned(), Some("svc-a".to_owned()))])]);
    assert!(
        crit.text.contains("Untold meanwhile: warn for service_name=svc-a from 2026-11-22 12:01:"),
        "{}",
        crit.text
    );
    assert!(told[3].notification.alert.as_ref().unwrap().now.as_ref().unwrap().untold.is_empty());
}

#[tokio::test]
async fn keys_that_are_named_decide_which_groups_a_rule_mutes() {
    let rules = files(&[(
        "rules.yml",
        "
rules:
  - {name: crit, span: {status: error}, group_by: [service_name, region], condition: count > 15}
  - name: warn
    span: {status: error}
    group_by: [service_name, region]
    inhibit: [{rule: crit, equal: [service_name]}]
    condition: count > 5
",
    )]);
    let mut world = World::in_memory();
    world.minute(1, good("svc-a", minute(0), 3), &rules).await;
    let from = minute(1) + 2 * SECOND;
    let mut spans: Vec<_> =
        (0..20).map(|nth| span("svc-a", "eu", Status::Error, from + nth * 2 * SECOND)).collect();
    spans.extend(failures("svc-a", "us", from, 8));
    spans.extend(failures("svc-b", "us", from, 8));
    world.minute(2, spans, &rules).await;
    let told: Vec<String> = world.post().taken.iter().map(Sent::short).collect();
    assert_eq!(told, ["firing crit svc-a eu", "firing warn svc-b us"]);
}

#[tokio::test]
async fn many_alerts_of_a_rule_are_one_message_with_the_largest_first() {
    let rules = files(&[(
        "rules.yml",
        "
- name: auth-failures
  span: {service_name: auth, status: error}
  group_by: [region]
  notification_limit: 3
  labels: {team: login, area: '{{ group.region }}'}
  condition: count > 5
",
    )]);
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules).await;
    let crowd =
        (0..14).flat_map(|nth| failures("auth", &format!("r{nth:02}"), minute(1) + 5 * SECOND, 6 + nth / 2));
    world.minute(2, crowd.collect(), &rules).await;
    let told = taken(&world);
    assert_eq!(world.news(), ["summary auth-failures"]);
    let summary = told[0].summary.as_ref().unwrap();
    assert_eq!((summary.alerts, summary.largest.len()), (14, 10));
    let first: Vec<&str> =
        summary.largest[..2].iter().map(|line| line.group[0].1.as_deref().unwrap()).collect();
    assert!(first.contains(&"r12") && first.contains(&"r13"), "{first:?}");
    assert_eq!(told[0].labels, [("team".to_owned(), "login".to_owned())].into());
    assert_eq!(summary.differing, ["area"]);
    assert!(told[0].title.contains("14 alerts (14 firing)"), "{}", told[0].title);
    // Three are as many as one may tell one by one.
    for end in 3..5 {
        let spans = if end == 3 {
            (0..3).flat_map(|nth| failing("auth", &format!("s{nth}"), 3)).collect()
        } else {
            good("auth", minute(end - 1), 3)
        };
        world.minute(end, spans, &rules).await;
        let expected: &[&str] = if end == 3 {
            &["firing auth-failures s0", "firing auth-failures s1", "firing auth-failures s2"]
        } else {
            &["summary auth-failures"]
        };
        let mut news = world.news();
        news.sort();
        assert_eq!(news, expected, "12:0{end}");
    }
}

#[tokio::test]
async fn reminders_come_at_growing_distances() {
    let rules = files(&[(
        "rules.yml",
        "
- name: auth-failures
  span: {service_name: auth, status: error}
  realert: {every: 2m, backoff: 2, max: 6m}
  condition: count > 5
",
    )]);
    let mut world = World::in_memory();
    let mut told = Vec::new();
    for end in 1..=24 {
        let spans = if end < 2 { good("auth", minute(0), 3) } else { failing("auth", "a", end) };
        world.minute(end, spans, &rules).await;
        told.extend(taken(&world).into_iter().map(|notification| (end, notification)));
        world.news();
    }
    let when: Vec<(i64, Event)> = told.iter().map(|(end, told)| (*end, told.event)).collect();
    let still = Event::Renotify;
    assert_eq!(when, [(2, Event::Firing), (4, still), (8, still), (14, still), (20, still)]);
    let mut ids: Vec<_> = told.iter().map(|(_, told)| told.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), told.len(), "each its own id");
    let mut alerts = told.into_iter().map(|(_, told)| told.alert.unwrap());
    let first = alerts.next().unwrap();
    for mut alert in alerts {
        assert!(alert.now.take().is_some(), "how it is now is told each time");
        assert_eq!(alert, Told { now: None, ..first.clone() }, "what was told of it never changes");
    }
}
