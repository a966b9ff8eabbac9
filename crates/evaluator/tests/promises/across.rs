//! Rules across traces, live: what belongs to an occasion may come from anywhere, and at any time.

use fluo_spans::span::Span;

use crate::support::{MINUTE, NOON, SECOND, UNCONFIRMED, World, files, good, minute, named};

fn at(minutes: i64, seconds: i64) -> i64 {
    minute(minutes) + seconds * SECOND
}

/// Spans by the minute in which they arrive, up to a last minute; each is its region, its name, and when it ended.
type Arriving<'a> = &'a [(i64, &'a [(&'a str, &'a str, i64)])];

/// The events that are told, minute by minute.
async fn told_by(rules: &str, arriving: Arriving<'_>, last: i64) -> Vec<(i64, Vec<String>)> {
    let rules = files(&[("rules.yml", rules)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let mut told = Vec::new();
    for end in 1..=last {
        let of_minute = arriving.iter().filter(|(minute, _)| *minute == end).flat_map(|(_, spans)| *spans);
        let spans: Vec<Span> = of_minute.map(|(region, name, end)| named(region, name, *end)).collect();
        world.minute(end, [spans, good("shop", minute(end - 1), 2)].concat(), &rules).await;
        let news = world.news();
        if !news.is_empty() {
            told.push((end, news));
        }
    }
    told
}

async fn told(arriving: Arriving<'_>, last: i64) -> Vec<(i64, Vec<String>)> {
    told_by(UNCONFIRMED, arriving, last).await
}

fn one(minute: i64, news: &str) -> (i64, Vec<String>) {
    (minute, vec![news.to_owned()])
}

#[tokio::test]
async fn what_must_come_is_judged_once_its_time_is_over() {
    let order = ("u", "order", at(0, 20));
    let told_of_one = told(&[(1, &[order])], 8).await;
    // 20 s, and 90 s, and the minute for which files are waited for.
    assert_eq!(told_of_one, [one(3, "firing unconfirmed u"), one(4, "resolved unconfirmed u")]);
    for confirmed in [at(0, 21), at(1, 50)] {
        let found = told(&[(1, &[order]), (2, &[("u", "confirm", confirmed)])], 8).await;
        assert_eq!(found, [], "{confirmed}");
    }
    let too_late = told(&[(1, &[order]), (2, &[("u", "confirm", at(1, 51))])], 8).await;
    assert_eq!(too_late, told_of_one);
    let of_another = told(&[(1, &[order]), (2, &[("v", "confirm", at(1, 20))])], 8).await;
    assert_eq!(of_another, told_of_one);
}

#[tokio::test]
async fn what_must_not_be_is_told_at_once() {
    let spans = [("u", "cancel", at(0, 10)), ("u", "order", at(0, 20)), ("u", "confirm", at(0, 30))];
    let found = told(&[(1, &spans)], 6).await;
    assert_eq!(found[0], one(1, "firing unconfirmed u"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[tokio::test]
async fn a_forbidden_order_is_told_with_its_last_span_wherever_the_others_lie() {
    let found = told(
        &[
            (1, &[("u", "order", at(0, 20)), ("u", "confirm", at(0, 30))]),
            (3, &[("u", "refund", at(2, 20))]),
            (5, &[("u", "refund", at(4, 20))]),
        ],
        9,
    )
    .await;
    assert_eq!(found[0], one(5, "firing unconfirmed u"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    let too_long = told(
        &[
            (1, &[("u", "order", at(0, 20)), ("u", "confirm", at(0, 30))]),
            (3, &[("u", "refund", at(2, 20))]),
            (6, &[("u", "refund", at(5, 21))]),
        ],
        9,
    )
    .await;
    assert_eq!(too_long, []);
}

#[tokio::test]
async fn a_late_span_takes_back_what_was_told() {
    let found = told(&[(1, &[("u", "order", at(0, 20))]), (6, &[("u", "confirm", at(0, 50))])], 8).await;
    let events =
        [one(3, "firing unconfirmed u"), one(4, "resolved unconfirmed u"), one(6, "withdrawn unconfirmed u")];
    assert_eq!(found, events);
}

/// The second of two refunds, of which one must not be, comes late, and ended long before the one that was told: it is the
/// same order, whose alert moves and is told no second time.
#[tokio::test]
async fn a_late_span_that_must_not_be_moves_what_was_told_and_tells_nothing() {
    let order: &[_] = &[("u", "order", at(0, 20)), ("u", "confirm", at(0, 30)), ("u", "refund", at(1, 20))];
    let told_of = (5, &[("u", "refund", at(4, 20))][..]);
    let late = &[("u", "refund", at(2, 0))][..];
    for (scenario, minute) in [("while it fires", 6), ("once it is over", 10)] {
        let found = told(&[(1, &order[..2]), (2, &order[2..]), told_of, (minute, late)], 14).await;
        let (fired, over) = (one(5, "firing unconfirmed u"), one(minute.min(8), "resolved unconfirmed u"));
        assert_eq!(found, [fired, over], "{scenario}");
    }
}

/// The first of two orders, which were told together, moves: the alert stays with the second.
#[tokio::test]
async fn what_stands_where_it_was_told_keeps_its_alert() {
    let orders: &[_] = &[
        ("u", "order", at(0, 20)),
        ("u", "confirm", at(0, 30)),
        ("u", "order", at(4, 10)),
        ("u", "confirm", at(4, 11)),
    ];
    let found = told(
        &[
            (1, &orders[..2]),
            (5, &[orders[2], orders[3], ("u", "refund", at(4, 20)), ("u", "refund", at(4, 21))]),
            (6, &[("u", "refund", at(1, 0)), ("u", "refund", at(1, 1))]),
        ],
        14,
    )
    .await;
    let events: Vec<&String> = found.iter().flat_map(|(_, news)| news).collect();
    assert_eq!(
        events,
        ["firing unconfirmed u", "fired_late unconfirmed u", "resolved unconfirmed u"],
        "the second order's stands: {found:?}"
    );
}

#[tokio::test]
async fn a_late_occasion_is_judged_by_what_was_there() {
    let found = told(&[(1, &[("u", "cancel", at(0, 10))]), (4, &[("u", "order", at(0, 20))])], 8).await;
    assert_eq!(found, [one(4, "fired_late unconfirmed u")]);
}

#[tokio::test]
async fn copies_in_several_files_are_one_span() {
    let order = ("u", "order", at(0, 20));
    let refund = ("u", "refund", at(1, 20));
    let confirm = ("u", "confirm", at(0, 30));
    let found = told(&[(1, &[order, confirm]), (2, &[refund, order]), (3, &[refund])], 8).await;
    assert_eq!(found, [], "one refund, twice");
}

/// Nothing arrives for a while: what is missing may be on its way.
#[tokio::test]
async fn silence_proves_nothing() {
    let rules = files(&[("rules.yml", UNCONFIRMED)]);
    for (confirmed, expected) in [(true, vec![]), (false, vec!["fired_late unconfirmed u"])] {
        let mut world = World::in_memory().with_sinks(&["mail"]);
        world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
        let order = named("u", "order", at(0, 20));
        world.minute(1, [vec![order], good("shop", NOON, 2)].concat(), &rules).await;
        for end in 2..8 {
            world.quiet(end, &rules).await;
        }
        assert_eq!(world.news(), [] as [&str; 0]);
        let held_up = confirmed.then(|| named("u", "confirm", at(1, 10)));
        let all: Vec<Span> =
            (1..8).flat_map(|begins| good("shop", minute(begins), 2)).chain(held_up).collect();
        world.minute(8, all, &rules).await;
        world.minute(9, good("shop", minute(8), 2), &rules).await;
        assert_eq!(world.news(), expected, "{confirmed}");
    }
}

/// Nothing happened for a while, so that no file of that time ever comes: it is judged once another does.
#[tokio::test]
async fn what_was_not_judged_in_silence_is_judged_behind_it() {
    let rules = files(&[("rules.yml", UNCONFIRMED)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let order = named("u", "order", at(0, 59));
    world.minute(1, vec![order], &rules).await;
    for end in 2..30 {
        world.quiet(end, &rules).await;
    }
    assert_eq!(world.news(), ["pipeline_stale"]);
    world.minute(30, good("shop", minute(29), 2), &rules).await;
    world.minute(31, good("shop", minute(30), 2), &rules).await;
    let news = world.news();
    assert_eq!(news, ["pipeline_stale_over", "fired_late unconfirmed u"]);
    for end in 32..36 {
        world.minute(end, good("shop", minute(end - 1), 2), &rules).await;
    }
    assert_eq!(world.news(), [] as [&str; 0], "once");
}

/// A file is damaged: what must be there may have been in it, and what must not be is what it is.
#[tokio::test]
async fn a_damaged_file_proves_nothing_but_what_is_beside_it() {
    let rules = files(&[("rules.yml", UNCONFIRMED)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let spans =
        vec![named("u", "order", at(0, 20)), named("v", "cancel", at(0, 21)), named("v", "order", at(0, 22))];
    world.arrive(minute(1) + SECOND, vec![named("u", "confirm", at(0, 30))]).await;
    let places = world.arrive(minute(1) + SECOND, vec![named("w", "confirm", at(0, 31))]).await;
    for place in places {
        world.overwrite(&place, b"no such file".to_vec()).await;
    }
    let unconfirmed = named("x", "order", at(0, 23));
    world.minute(1, [spans, vec![unconfirmed], good("shop", NOON, 2)].concat(), &rules).await;
    for end in 2..8 {
        world.minute(end, good("shop", minute(end - 1), 2), &rules).await;
    }
    let told = world.post().shorts("mail");
    let of_rule: Vec<&str> =
        told.iter().map(String::as_str).filter(|news| news.contains("unconfirmed")).collect();
    assert_eq!(of_rule, ["firing unconfirmed v", "resolved unconfirmed v"]);
}

/// An occasion before an edit is judged by the text of its time, however long that takes.
#[tokio::test]
async fn an_edit_leaves_open_occasions_to_the_text_before_it() {
    let edited = UNCONFIRMED.replace("90s", "91s");
    let (before, after) = (files(&[("rules.yml", UNCONFIRMED)]), files(&[("rules.yml", &edited)]));
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &before).await;
    let order = named("u", "order", at(0, 20));
    world.minute(1, [vec![order], good("shop", NOON, 2)].concat(), &before).await;
    let again = named("v", "order", at(1, 20));
    world.minute(2, [vec![again], good("shop", minute(1), 2)].concat(), &after).await;
    let mut told = Vec::new();
    for end in 3..9 {
        world.minute(end, good("shop", minute(end - 1), 2), &after).await;
        told.extend(world.news());
    }
    told.sort();
    assert_eq!(
        told,
        ["firing unconfirmed u", "firing unconfirmed v", "resolved unconfirmed u", "resolved unconfirmed v"]
    );
}

#[tokio::test]
async fn what_is_told_says_what_is_broken_and_shows_it() {
    let rules = files(&[("rules.yml", UNCONFIRMED)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let spans = vec![named("u", "cancel", at(0, 10)), named("u", "order", at(0, 20))];
    world.minute(1, [spans, good("shop", NOON, 2)].concat(), &rules).await;
    let sent = world.post().taken;
    let notification = &sent.last().unwrap().notification;
    let violation = &notification.alert.as_ref().unwrap().violation;
    assert_eq!(violation.failed, ["never[0]"]);
    assert_eq!(violation.group, [("region".to_owned(), Some("u".to_owned()))]);
    let evidence: Vec<&str> = violation.evidence.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(evidence, ["order", "cancel"]);
    let broken =
        "Broken: never[0]: no span with name = \"cancel\", ended with the occasion or less than 3m before it";
    assert!(notification.text.contains(broken), "{}", notification.text);
}
