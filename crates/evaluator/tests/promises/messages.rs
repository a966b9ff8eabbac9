//! Messages are enough to act on: they say how it is now, where to look, and whom it concerns.

use fluo_alerts::notification::{Event, Notification};
use fluo_alerts::value::Value;
use fluo_spans::span::Status;

use crate::support::{SECOND, World, failures, files, good, minute, span};

fn taken(world: &World) -> Vec<Notification> {
    world.post().taken.into_iter().map(|sent| sent.notification).collect()
}

#[tokio::test]
async fn a_message_names_the_values_of_now_the_commonest_values_and_the_guilty_spans() {
    let rules = files(&[(
        "rules.yml",
        "
- name: auth-failures
  labels: {area: '{{ group.service_name }}-{{ severity }}'}
  span: {service_name: auth}
  group_by: [service_name]
  aggregation: {total: count, errors: {count: {where: status = error}}}
  top: [region, name]
  annotations: {summary: '{{ value.errors }} of {{ value.count }}, {{ first.errors }} at first'}
  condition: total >= 5 and errors / total > 50%
",
    )]);
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), &rules).await;
    let mixed = |end: i64, bad: i64| {
        let from = minute(end - 1) + 2 * SECOND;
        let mut spans = failures("auth", "b", from, bad);
        spans.push(span("auth", "a", Status::Error, from + SECOND));
        spans.extend(good("auth", from, 4));
        spans
    };
    world.minute(2, mixed(2, 6), &rules).await;
    world.minute(3, mixed(3, 9), &rules).await;
    world.minute(4, mixed(4, 9), &rules).await;
    for end in 5..8 {
        world.minute(end, good("auth", minute(end - 1), 3), &rules).await;
    }
    let told = taken(&world);
    let events: Vec<Event> = told.iter().map(|told| told.event).collect();
    assert_eq!(events, [Event::Firing, Event::Resolved]);
    let first = told[0].alert.as_ref().unwrap();
    assert_eq!(told[0].title, "WARNING firing: auth-failures: 7 of 11, 7 at first");
    assert_eq!(told[0].labels, [("area".to_owned(), "auth-warning".to_owned())].into());
    let text = &told[0].text;
    for line in [
        "errors / total = 63.6 % (7 of 11), limit 50 % in 1m",
        "Top region: b 55 % (6), z 36 % (4), a 9.1 % (1)",
        "Top name: handle 100 % (11)",
        "auth handle, 20ms, error: AuthenticationError, trace ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(first.violation.evidence.iter().all(|span| span.status.as_deref() == Some("error")));
    let response = first.violation.evidence[0].attributes.get("http.response.status_code");
    assert_eq!(response.map(String::as_str), Some("401"), "under the name that it has today");
    let over = told[1].alert.as_ref().unwrap();
    assert_eq!(told[1].title, "WARNING resolved: auth-failures: 10 of 14, 7 at first");
    let now = over.now.as_ref().unwrap();
    assert_eq!(now.values[1], ("errors".to_owned(), Value::Int(10)));
    assert_eq!(now.top[0].values[0].spans, 9, "at the peak");
    assert_eq!(over.violation, first.violation, "what was told stays");
}
