use fluo_alerts::violation::Evidence;
use fluo_rules::rule::Severity;
use fluo_time::TimeRange;
use insta::assert_snapshot;

use super::*;
use crate::model::{Episode, Fact, Owed, Rule, Standing, Trace, TraceSpan, Trouble};
use crate::samples::{MINUTE, episode, page, rule};

/// The texts of a document, a line for each element that has one.
fn texts(html: &str) -> String {
    let body = html.split("</style>").nth(1).unwrap();
    let mut lines: Vec<String> = Vec::new();
    for piece in body.split('<').filter_map(|piece| piece.split_once('>')) {
        let text = piece.1.trim();
        if !text.is_empty() {
            lines.push(text.to_owned());
        }
    }
    lines.join("\n")
}

#[test]
fn all_that_a_page_says() {
    assert_snapshot!(texts(&html(&page())), @r##"
    Skip to what fires
    fluo
    1 violation goes on at the end
    One look at stored spans, up to
    1970-01-01 00:10:00
    UTC. All times are UTC.
    Now
    Timeline
    Rules
    Values
    Data
    What is violated at the end
    warning
    AuthFailuresRule
    region
    =
    eu
    AuthFailuresRule: count = 12
    since
    1970-01-01 00:05:00
    UTC
    count
    6
    ,
    limit 5 in 1m
    ; peak
    12
    what to do
    https://runbooks.example/auth
    Violations over time
    1 violation of 1 rule, from 1970-01-01 00:00:00 to 1970-01-01 00:10:00 UTC. A bar reaches from the first moment at which the condition held to the last.
    AuthFailuresRule
    warning
    00:00:00
    00:05:00
    00:10:00
    How close each rule came
    In percent of the limit: at 100 % the value is at it. Of a rule with groups, the closest group counts; of conditions joined by
    and
    , the one that is furthest from its limit.
    2 rules, those that fire and those that came closest first
    rule
    severity
    closest
    violations
    condition
    AuthFailuresRule
    warning
    240 %
    1
    count &gt; 5
    quiet-rule
    warning
    40 %
    0
    count &gt; 5
    Values against their limits
    AuthFailuresRule
    warning
    Logins fail
    count &gt; 5
    in
    1m
    Closest:
    240 %
    of the limit, 12 against 5, at
    1970-01-01 00:05:00
    ,
    region
    =
    eu
    count
    , of 3 groups the closest
    warning 5
    highest 12
    00:00:00
    00:05:00
    00:10:00
    The groups that came closest, of 3
    The closest moment of each group
    group
    closest
    value
    limit
    at
    region
    =
    eu
    240 %
    12
    5
    1970-01-01 00:05:00
    warning
    1970-01-01 00:05:00
    to 00:06:00, goes on:
    region
    =
    eu
    AuthFailuresRule: count = 12
    count
    6, limit 5 in 1m
    ; peak
    12
    failed
    always[0]
    fingerprint
    292a2678b6b16888d215ea8f8e794a79569f052cfd22a6e3588644168677edc0
    Commonest
    pod
    of 12 spans
    value
    spans
    share
    auth-1
    9
    75 %
    Evidence: 1 span of 1 trace
    The spans and their attributes
    The attributes that the rule reads or asks for, and no others
    span
    ended
    took
    trace
    attributes
    auth_user
    auth-service
    00:05:00
    12ms
    5b8efff798038103d269b633813fc60c
    status:
    bad token
    error.type
    =
    AuthenticationError
    Trace
    5b8efff798038103d269b633813fc60c
    auth_user
    auth-service
    evidence
    error
    +0s
    12ms
    quiet-rule
    warning
    count &gt; 5
    in
    1m
    Closest:
    40 %
    of the limit, 2 against 5, at
    1970-01-01 00:01:00
    count
    limit 5
    00:00:00
    00:05:00
    00:10:00
    What this is made of
    Evaluation
    looked at
    1970-01-01 00:00:00 to 00:10:00
    Spans
    spans
    12
    Missing data
    No data is known to be missing.
    Made by one look at stored spans. It knows nothing of silences, of who was told, or of for how long an alert keeps firing: the page that the evaluator keeps beside its state does.
    "##);
}

#[test]
fn an_empty_page_says_so() {
    let empty = Page { episodes: vec![], rules: vec![], traces: [].into(), ..page() };
    let html = html(&Page { origin: Origin::Kept, ..empty });
    for expected in
        ["Nothing fires", "No rule was violated", "There is no rule", "No moment is owed", "No data is known"]
    {
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn the_kept_page_tells_of_troubles_silences_and_what_is_owed() {
    let silenced =
        Episode { muted_by: Some("token <rollout>".to_owned()), ..episode("quiet", Standing::Firing) };
    let pending = episode("soon", Standing::Pending { fires_at: 9 * MINUTE });
    let page = Page {
        origin: Origin::Kept,
        episodes: vec![silenced, pending],
        rules: vec![
            rule("quiet"),
            rule("soon"),
            Rule { error: Some("too many groups".into()), ..rule("broken") },
        ],
        owed: vec![Owed { rule: "soon".into(), moments: TimeRange { from: 0, to: MINUTE } }],
        troubles: vec![Trouble {
            severity: Severity::Critical,
            title: "nothing arrives".into(),
            reason: "no file for 10m".into(),
            since: MINUTE,
        }],
        missing: vec![Fact::new("spans/x.parquet", "damaged: cut")],
        ..page()
    };
    let html = html(&page);
    for expected in [
        "<h1>Nothing fires, 1 pending, 1 silenced, 1 trouble</h1>",
        "token &lt;rollout&gt;",
        "nothing arrives",
        "too many groups",
        "spans/x.parquet",
        "not judged",
        "if it goes on",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn the_same_page_is_the_same_bytes_in_whatever_order_it_came() {
    let mut turned = page();
    turned.rules.reverse();
    turned.episodes.reverse();
    assert_eq!(html(&page()), html(&turned));
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let html = html(&page());
    for forbidden in [
        "<script",
        " src=",
        "<img",
        "<iframe",
        "<link",
        "@import",
        "url(",
        " style=",
        " onload",
        "javascript:",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"));
}

#[test]
fn a_page_of_many_rules_and_groups_stays_small() {
    let many: Vec<Rule> = (0..1000).map(|at| rule(&format!("rule-about-something-{at}"))).collect();
    let episodes = (0..10_000).map(|at| {
        let mut episode = episode(&format!("rule-about-something-{}", at % 1000), Standing::Firing);
        episode.violation.group = vec![("user.id".to_owned(), Some(format!("user-{at}")))];
        episode
    });
    let html = html(&Page { rules: many, episodes: episodes.collect(), ..page() });
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(html.contains("9960 alerts more are left out here"));
    assert!(html.contains("960 rules more came less close"));
}

#[test]
fn a_page_of_hostile_texts_stays_small_and_is_text() {
    let hostile = format!("<script>alert(1)</script>\u{202e}{}", "x".repeat(10_000));
    let mut page = page();
    for rule in &mut page.rules {
        rule.name.clone_from(&hostile);
        rule.description = Some(hostile.clone());
        rule.condition.clone_from(&hostile);
    }
    for episode in &mut page.episodes {
        episode.violation.rule.clone_from(&hostile);
        episode.violation.summary.clone_from(&hostile);
        episode.runbook = Some("javascript:alert(1)".to_owned());
    }
    let html = html(&page);
    assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains('\u{202e}'));
    assert!(html.len() < 300_000, "{}", html.len());
}

#[test]
fn a_page_of_hostile_evidence_stays_small_and_says_what_is_left_out() {
    // Each character of the second becomes forty bytes of markup.
    for character in ["x", "\u{202e}"] {
        let hostile = character.repeat(10_000);
        let mut page = page();
        page.rules = (0..10).map(|at| rule(&format!("rule-{at}"))).collect();
        page.episodes.clear();
        for at in 0..50 {
            let mut episode = episode(&format!("rule-{}", at % 10), Standing::Firing);
            episode.violation.starts_at += at;
            let span = episode.violation.evidence.remove(0);
            episode.violation.evidence = (0..20)
                .map(|nth| Evidence {
                    trace_id: format!("{:032x}", at * 20 + nth),
                    name: hostile.clone(),
                    attributes: [(hostile.clone(), hostile.clone())].into(),
                    ..span.clone()
                })
                .collect();
            let first = &episode.violation.evidence[0];
            let spans = page.traces.values().next().unwrap().spans.iter().cycle().take(50);
            let spans = spans.map(|span| TraceSpan { name: hostile.clone(), ..span.clone() }).collect();
            page.traces.insert(first.trace_id.clone(), Trace { spans, left_out: 0, is_whole: true });
            page.episodes.push(episode);
        }
        let html = html(&page);
        assert!(html.len() < 2_000_000, "{} bytes", html.len());
        assert!(html.contains("spans more are left out.") || html.contains("of the trace are left out."));
        assert!(html.contains("role=\"rowheader\"") && html.contains("class=\"span\""), "some are shown");
    }
}
