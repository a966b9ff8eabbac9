//! Rules that ask for the parents and children of spans, live: whichever of them comes last, what is told is right.

use fluo_spans::span::Span;

use crate::support::{Due, FAR_AWAY, MINUTE, NOON, SECOND, World, evaluated, files, good, minute, step};

/// A world in which a minute has passed.
async fn world(rules: &str) -> (World, Vec<fluo_rules::SourceFile>) {
    let rules = files(&[("rules.yml", rules)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    (world, rules)
}

/// Event and rule of what is told, evaluation by evaluation.
async fn told(rules: &str, spans_of_minutes: Vec<(i64, Vec<Span>)>, last: i64) -> Vec<(i64, Vec<String>)> {
    let (mut world, rules) = world(rules).await;
    let mut told = Vec::new();
    for at in 1..=last {
        let of_minute = spans_of_minutes.iter().filter(|(minute, _)| *minute == at);
        let spans = of_minute.flat_map(|(_, spans)| spans.clone()).chain(good("shop", minute(at - 1), 2));
        world.minute(at, spans.collect(), &rules).await;
        let news: Vec<String> = world.news();
        if !news.is_empty() {
            told.push((at, news));
        }
    }
    told
}

/// The same, one by one.
fn events(told: &[(i64, Vec<String>)]) -> Vec<(i64, String)> {
    told.iter().flat_map(|(at, news)| news.iter().map(|news| (*at, news.clone()))).collect()
}

fn owned((at, event): (i64, &str)) -> (i64, String) {
    (at, event.to_owned())
}

/// A call that took so many seconds, of which its server took two.
fn call(seconds: i64, end: i64) -> (Span, Span) {
    let call = step(1, "call", None, end);
    let call = Span { start_ns: end - seconds * SECOND, ..call };
    (call, step(1, "serve", Some("call"), end - SECOND))
}

#[tokio::test]
async fn a_slow_network_is_told_once_parents_have_had_their_time() {
    let (call, serve) = call(5, minute(0) + 30 * SECOND);
    let told = told(FAR_AWAY, vec![(1, vec![call, serve])], 8).await;
    // The window of the first minute is judged a minute and half a minute after it.
    assert_eq!(told[0], (3, vec!["firing far-away shop".to_owned()]), "{told:?}");
    assert_eq!(told[1].1, ["resolved far-away shop"], "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[tokio::test]
async fn a_fast_network_is_not_told() {
    let (call, serve) = call(3, minute(0) + 30 * SECOND);
    assert_eq!(told(FAR_AWAY, vec![(1, vec![call, serve])], 8).await, []);
}

#[tokio::test]
async fn a_parent_that_comes_late_opens_the_windows_of_its_children_again() {
    let (call, serve) = call(5, minute(0) + 30 * SECOND);
    let spans = vec![(1, vec![serve]), (9, vec![call])];
    let late = told(&format!("{FAR_AWAY}  max_trace_duration: 1m\n"), spans.clone(), 14).await;
    assert_eq!(late, [(9, vec!["fired_late far-away shop".to_owned()])]);
    // Where a parent may end so much later, it is no later than it may be.
    let events = events(&told(FAR_AWAY, spans, 14).await);
    assert_eq!(events, [(9, "firing far-away shop"), (10, "resolved far-away shop")].map(owned));
}

#[tokio::test]
async fn a_parent_that_ends_long_after_its_child_is_found() {
    // Ten minutes after: near enough, and the child's window was judged long before.
    let (_, serve) = call(5, minute(0) + 30 * SECOND);
    let call = Span { start_ns: minute(0), ..step(1, "call", None, minute(10) + 30 * SECOND) };
    let told = told(FAR_AWAY, vec![(1, vec![serve.clone()]), (11, vec![call])], 14).await;
    assert_eq!(events(&told), [(11, "firing far-away shop"), (12, "resolved far-away shop")].map(owned));
    // Twenty minutes after is not.
    let call = Span { start_ns: minute(0), ..step(1, "call", None, minute(20) + 30 * SECOND) };
    assert_eq!(self::told(FAR_AWAY, vec![(1, vec![serve]), (21, vec![call])], 24).await, []);
}

#[tokio::test]
async fn a_child_that_comes_late_takes_back_what_was_told_of_its_parents_own_time() {
    let rules = "
- name: busy
  span: {name: call}
  aggregation: {own: {max: self_time}}
  condition: own > 3s
";
    let (call, serve) = call(5, minute(0) + 30 * SECOND);
    let told = told(rules, vec![(1, vec![call]), (9, vec![serve])], 14).await;
    let events: Vec<&str> = told.iter().flat_map(|(_, news)| news.iter().map(String::as_str)).collect();
    assert_eq!(events, ["firing busy", "resolved busy", "withdrawn busy"], "{told:?}");
    assert_eq!((told[0].0, told[2].0), (3, 9), "{told:?}");
}

#[tokio::test]
async fn the_files_of_parents_prove_what_is_told() {
    let (mut world, rules) = world(FAR_AWAY).await;
    let (call, serve) = call(5, minute(0) + 30 * SECOND);
    world.arrive(minute(1) + SECOND, vec![serve]).await;
    let of_parent = world.arrive(minute(1) + 2 * SECOND, vec![call]).await;
    for at in 1..=3 {
        world.arrive(minute(at) + 3 * SECOND, good("shop", minute(at - 1), 2)).await;
        world.tick(Due::at(evaluated(at), &rules)).await;
    }
    let sent = world.post().taken;
    let alert = sent.last().unwrap().notification.alert.as_ref().unwrap();
    let named: Vec<&str> = alert.files.iter().map(|file| file.name.as_str()).collect();
    assert!(named.contains(&of_parent[0].as_ref()), "{named:?}");
}

#[tokio::test]
async fn a_copy_that_names_the_caller_counts_whichever_comes_first() {
    let (call, serve) = call(5, minute(0) + 30 * SECOND);
    let other = Span { parent_span_id: Some([7; 8]), ..serve.clone() };
    for copies in [[serve.clone(), other.clone()], [other, serve]] {
        let spans = vec![(3, [copies.to_vec(), vec![call.clone()]].concat())];
        let told = told(FAR_AWAY, spans, 8).await;
        assert_eq!(events(&told), [(3, "firing far-away shop"), (4, "resolved far-away shop")].map(owned));
    }
}
