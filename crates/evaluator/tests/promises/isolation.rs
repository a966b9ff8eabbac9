//! One bad thing stays one bad thing: a rule over a limit, a file that cannot be read. The others record and tell, byte
//! for byte, what they do without it.

use std::collections::BTreeMap;

use fluo_alerts::notification::Event;
use fluo_rules::SourceFile;
use fluo_spans::span::{Span, Status};
use fluo_store::records::read_violations;

use crate::support::{Due, FAILING, SECOND, Sent, World, evaluated, failures, files, good, minute, span};

/// Returns the spans that every run has: two alerts at 12:02, and another at 12:09.
fn usual(end: i64) -> Vec<Span> {
    let mut spans = good("checkout", minute(end - 1), 3);
    match end {
        2 => {
            spans.extend(failures("auth", "a", minute(1) + 5 * SECOND, 9));
            spans.extend(failures("checkout", "z", minute(1) + 14 * SECOND, 9));
        }
        9 => spans.extend(failures("auth", "b", minute(8) + 5 * SECOND, 9)),
        _ => {}
    }
    spans
}

/// Records and payloads of the rules that are not bad; and what else was told.
#[derive(Debug, PartialEq)]
struct Of {
    records: BTreeMap<String, Vec<String>>,
    payloads: Vec<String>,
}

async fn of_others(world: &World) -> (Of, Vec<String>) {
    let is_other = |rule: &str| ["auth-failures", "checkout-errors"].contains(&rule);
    let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, bytes) in world.objects("violations").await {
        let rows = read_violations(bytes.into()).unwrap();
        let rows: Vec<String> =
            rows.into_iter().filter(|row| is_other(&row.rule)).map(|row| row.record).collect();
        if !rows.is_empty() {
            records.insert(name, rows);
        }
    }
    let post = world.post();
    let (others, rest): (Vec<_>, Vec<_>) =
        post.taken.iter().partition(|sent| sent.notification.rule.as_deref().is_some_and(is_other));
    let payloads = others.into_iter().map(Sent::payload).collect();
    (Of { records, payloads }, rest.into_iter().map(Sent::short).collect())
}

async fn run(mut world: World, rules: &[SourceFile], more: impl Fn(i64) -> Vec<Span>) -> World {
    for end in 1..=12 {
        world.minute(end, [usual(end), more(end)].concat(), rules).await;
    }
    world
}

/// Three minutes of a crowd: long names, more than a small budget can sort, or many, more than are allowed.
fn crowd(end: i64) -> Vec<Span> {
    if !(4..=6).contains(&end) {
        return Vec::new();
    }
    let at = |nth: i64| minute(end - 1) + SECOND + nth * 7_000_000;
    let long = (0..6000).map(|nth| span("long", &format!("{nth:0>1500}"), Status::Ok, at(nth)));
    let many = (0..200).map(|nth| span("many", &nth.to_string(), Status::Ok, at(nth)));
    long.chain(many).collect()
}

#[tokio::test]
async fn a_rule_over_a_limit_is_told_and_the_others_go_on() {
    let greedy = "
- name: greedy
  span: {service_name: long}
  group_by: [region]
  condition: count > 5
";
    let crowded = "
- name: crowded
  span: {service_name: many}
  group_by: [region]
  group_limit: 100
  every: 1m
  condition: count > 0
";
    let small = || {
        let mut world = World::in_memory();
        world.settings.rule_memory = 16 << 20;
        world
    };
    let alone = run(small(), &files(&[("others.yml", FAILING)]), crowd).await;
    let (expected, rest) = of_others(&alone).await;
    assert_eq!(rest, Vec::<String>::new());
    let told = alone.post().shorts("mail");
    assert_eq!(told.len(), 6, "three alerts that fire and resolve: {told:?}");
    // The windows of a rule with a grid have them a minute later.
    for (name, text, reason, at) in [
        ("greedy", greedy, "it needs more memory than its budget", evaluated(4)),
        ("crowded", crowded, "more than 100 groups", evaluated(5)),
    ] {
        let rules = files(&[("others.yml", FAILING), ("bad.yml", text)]);
        let world = run(small(), &rules, crowd).await;
        let (others, rest) = of_others(&world).await;
        assert_eq!(others, expected, "{name}");
        let once = [format!("rule_error {name}"), format!("rule_error_over {name}")];
        assert_eq!(rest, once, "told once, however long it lasts, and when it is over");
        let state = world.state().await;
        let subject = fluo_alerts::trouble::Subject::Rule(name.to_owned());
        assert_eq!(state.troubles.of(&subject), None, "{name}: it recovers when the crowd has gone");
        let told = world.post().taken;
        let error = told.iter().find(|sent| sent.notification.event == Event::RuleError).unwrap();
        assert_eq!(error.notification.at, at, "{name}");
        let told = error.notification.reason.as_deref().unwrap();
        assert!(told.starts_with(reason), "{name}: {told}");
    }
}

/// Spans that came late while a rule could not be judged are judged when it can be again.
#[tokio::test]
async fn late_spans_are_not_lost_to_a_rule_that_failed_when_they_came() {
    let rules = files(&[("others.yml", FAILING)]);
    let mut world = World::in_memory();
    for end in 1..=7 {
        let mut spans = good("checkout", minute(end - 1), 3);
        let before = world.settings.rule_memory;
        if end == 5 {
            spans.extend(failures("auth", "late", minute(1) + 5 * SECOND, 8));
            spans.extend(failures("checkout", "z", minute(1) + 14 * SECOND, 9));
            world.settings.rule_memory = 10;
        }
        world.minute(end, spans, &rules).await;
        world.settings.rule_memory = before;
        let mut news = world.news();
        news.sort();
        let expected: &[&str] = match end {
            5 => &["rule_error auth-failures", "rule_error checkout-errors"],
            6 => &[
                "fired_late auth-failures late",
                "fired_late checkout-errors",
                "rule_error_over auth-failures",
                "rule_error_over checkout-errors",
            ],
            _ => &[],
        };
        assert_eq!(news, expected, "12:0{end}");
    }
}

fn damage(kind: &str, bytes: &[u8]) -> Vec<u8> {
    match kind {
        "truncated" => bytes[..bytes.len() / 2].to_vec(),
        "garbage" => vec![0x5a; bytes.len()],
        _ => {
            // In the first page of the first column that has any: the footer stays whole.
            let mut damaged = bytes.to_vec();
            for byte in &mut damaged[8..bytes.len() / 3] {
                *byte ^= 0xff;
            }
            damaged
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_once_and_touches_its_own_time_only() {
    let rules = files(&[("others.yml", FAILING)]);
    let whole = run(World::in_memory(), &rules, |_| Vec::new()).await;
    let (expected, _) = of_others(&whole).await;
    for kind in ["truncated", "garbage", "a page"] {
        let mut world = World::in_memory();
        for end in 1..=12 {
            if end == 6 {
                // Spans that nothing is known of, in the middle of a quiet time.
                let spans = failures("auth", "unread", minute(5) + 5 * SECOND, 12);
                let places = world.arrive(minute(6) + SECOND, spans).await;
                for place in places {
                    let bytes = world.read(&place).await;
                    world.overwrite(&place, damage(kind, &bytes)).await;
                }
            }
            world.minute(end, usual(end), &rules).await;
        }
        let (others, rest) = of_others(&world).await;
        assert_eq!(rest, ["file_error"], "{kind}: told once");
        assert_eq!(others, expected, "{kind}");
        let damaged = world.state().await.damaged;
        assert_eq!(damaged.len(), 1, "{kind}: {damaged:?}");
    }
}

#[tokio::test]
async fn what_is_told_of_a_window_with_a_hole_says_so() {
    let rules = files(&[("others.yml", FAILING)]);
    let mut world = World::in_memory();
    world.minute(1, usual(1), &rules).await;
    let places = world.arrive(minute(2), failures("auth", "x", minute(1) + 6 * SECOND, 3)).await;
    world.overwrite(&places[0], b"no parquet".to_vec()).await;
    world.arrive(minute(2) + SECOND, failures("auth", "a", minute(1) + 5 * SECOND, 9)).await;
    world.tick(Due::at(evaluated(2), &rules)).await;
    let taken = world.post().taken;
    assert_eq!(world.news(), ["file_error", "firing auth-failures a"]);
    assert!(taken[1].notification.alert.as_ref().unwrap().violation.partial);
    assert!(taken[1].notification.text.contains("could not be read"));
}
