//! Rules that change while alerts fire.

use std::collections::BTreeMap;

use fluo_rules::SourceFile;
use fluo_spans::span::{Span, Status};
use fluo_time::Nanos;

use crate::support::{MINUTE, SECOND, World, failures, files, good, minute, span};

const AUTH: &str = "
- name: auth-failures
  span: {service_name: auth, status: error}
  condition: count > 5
";

const CHECKOUT: &str = "
- name: checkout-failures
  span: {service_name: checkout, status: error}
  condition: count > 5
";

fn one(text: &str) -> Vec<SourceFile> {
    files(&[("rules.yml", text)])
}

fn failing(service: &str, end: i64) -> Vec<Span> {
    failures(service, "a", minute(end - 1) + 5 * SECOND, 12)
}

fn nothing() -> Vec<String> {
    Vec::new()
}

/// A world in which `auth-failures` fires since 12:01.
async fn firing(rules: &[SourceFile]) -> World {
    let mut world = World::in_memory();
    world.minute(1, good("auth", minute(0), 3), rules).await;
    world.minute(2, failing("auth", 2), rules).await;
    assert_eq!(world.news(), ["firing auth-failures"]);
    world
}

#[tokio::test]
async fn a_file_that_becomes_invalid_goes_on_at_its_last_good_text() {
    let mut world = firing(&one(AUTH)).await;
    world.settings.repeat_errors = Nanos(5 * MINUTE);
    let broken = one("- name: auth-failures\n  spam: {}\n");
    let mut errors = Vec::new();
    for end in 3..=9 {
        // It goes on to fire until 12:04, and its rule is judged.
        let spans = if end < 5 { failing("auth", end) } else { good("auth", minute(end - 1), 3) };
        world.minute(end, spans, &broken).await;
        let taken = world.post().taken;
        errors.extend(
            taken
                .iter()
                .filter(|sent| sent.short() == "rule_error")
                .map(|sent| (end, sent.notification.clone())),
        );
        let news: Vec<String> = world.news().into_iter().filter(|told| told != "rule_error").collect();
        let expected = if end == 6 { vec!["resolved auth-failures".to_owned()] } else { nothing() };
        assert_eq!(news, expected, "12:0{end}");
    }
    let when: Vec<i64> = errors.iter().map(|(end, _)| *end).collect();
    assert_eq!(when, [3, 8], "at once, and every `repeat_errors` after");
    assert_ne!(errors[0].1.id, errors[1].1.id);
    assert_eq!(errors[0].1.about(), errors[1].1.about());
    assert!(errors[0].1.text.contains("last good text"), "{}", errors[0].1.text);
    assert!(
        errors[0].1.reason.as_deref().unwrap().starts_with("rules.yml:1:3: "),
        "{:?}",
        errors[0].1.reason
    );

    // Mended, and broken anew: that is another error.
    world.minute(10, good("auth", minute(9), 3), &one(AUTH)).await;
    let mended = world.post().taken;
    assert_eq!(world.news(), ["rule_error_over"]);
    assert_eq!(mended[0].notification.about(), errors[0].1.about());
    world.minute(11, good("auth", minute(10), 3), &broken).await;
    let again = world.post().taken;
    assert_eq!(world.news(), ["rule_error"]);
    assert!(errors.iter().all(|(_, error)| error.id != again[0].notification.id));
}

#[tokio::test]
async fn a_file_that_never_loaded_holds_up_no_other_and_removes_nothing() {
    let good_file = ("a.yml", AUTH);
    let mut world = firing(&files(&[good_file])).await;
    // Where the rule has gone can not be known: the file that may hold it does not load.
    let files = files(&[("b.yml", "- name: auth-failures\n  spam: {}\n")]);
    world.minute(3, good("auth", minute(2), 3), &files).await;
    assert_eq!(world.news(), ["rule_error"]);
    for end in 4..8 {
        world.minute(end, good("auth", minute(end - 1), 3), &files).await;
    }
    assert_eq!(world.news(), nothing(), "no judging, no resolving");
    assert_eq!(world.state().await.rules["auth-failures"].firing().count(), 1);
}

#[tokio::test]
async fn a_removed_rule_resolves_its_alerts_and_says_why() {
    let disabled = AUTH.replace("  condition", "  enabled: false\n  condition");
    for (scenario, after) in [("removed", CHECKOUT), ("disabled", disabled.as_str())] {
        let mut world = firing(&one(&format!("{AUTH}{CHECKOUT}"))).await;
        world.minute(3, failing("auth", 3), &one(after)).await;
        let taken = world.post().taken;
        assert_eq!(world.news(), ["resolved auth-failures"], "{scenario}");
        assert_eq!(taken[0].notification.reason.as_deref(), Some("rule_removed"), "{scenario}");
        assert!(!world.state().await.rules.contains_key("auth-failures"), "{scenario}");
        world.minute(4, failing("auth", 4), &one(after)).await;
        assert_eq!(world.news(), nothing(), "{scenario}");
    }
}

#[tokio::test]
async fn an_edited_rule_keeps_what_fires_and_says_nothing() {
    let mut world = firing(&one(AUTH)).await;
    let edited = one(&AUTH.replace("> 5", "> 7"));
    world.minute(3, failing("auth", 3), &edited).await;
    assert_eq!(world.news(), nothing());
    for end in 4..7 {
        world.minute(end, good("auth", minute(end - 1), 3), &edited).await;
    }
    assert_eq!(world.news(), ["resolved auth-failures"]);
}

#[tokio::test]
async fn an_edited_rule_begins_to_wait_anew() {
    let text = AUTH.replace("  condition", "  for: 3m\n  condition");
    let edited = text.replace("> 5", "> 6");
    // Undisturbed it would fire at the watermark of 12:05; edited at 12:04, three minutes later than it begins anew.
    for (rules_after, expected) in [(&text, 6), (&edited, 8)] {
        let mut world = World::in_memory();
        world.minute(1, good("auth", minute(0), 3), &one(&text)).await;
        let mut fired = None;
        for end in 2..=10 {
            let rules = one(if end < 5 { &text } else { rules_after });
            world.minute(end, failing("auth", end), &rules).await;
            if world.news() == ["firing auth-failures"] {
                assert_eq!(fired.replace(end), None);
            }
        }
        assert_eq!(fired, Some(expected));
    }
}

#[tokio::test]
async fn a_new_rule_begins_after_the_watermark_before_it() {
    let mut world = World::in_memory();
    for end in 1..=5 {
        let spans = if end == 3 { failing("checkout", 3) } else { failing("auth", end) };
        world.minute(end, spans, &one(AUTH)).await;
    }
    world.news();
    // Failures at 12:03 are history to a rule of 12:06, those at 12:05 are not.
    let rules = one(&format!("{AUTH}{CHECKOUT}"));
    world.minute(6, good("checkout", minute(5), 1), &rules).await;
    assert_eq!(world.news().iter().filter(|told| told.contains("checkout")).count(), 0);
    world.minute(7, failing("checkout", 7), &rules).await;
    assert_eq!(world.news().iter().filter(|told| told.contains("checkout")).count(), 1);
}

#[tokio::test]
async fn a_rule_that_moves_between_files_goes_on() {
    let before = files(&[("a.yml", AUTH), ("b.yml", CHECKOUT)]);
    let after = files(&[("b.yml", &format!("{CHECKOUT}{AUTH}"))]);
    let mut world = firing(&before).await;
    world.minute(3, failing("auth", 3), &after).await;
    assert_eq!(world.news(), nothing());
    for end in 4..7 {
        world.minute(end, good("auth", minute(end - 1), 3), &after).await;
    }
    assert_eq!(world.news(), ["resolved auth-failures"]);
}

const BURST: &str = "
- name: burst
  span: {service_name: pay, status: error}
  condition: count > 5
";

const RATIO: &str = "
- name: burst
  span: {service_name: pay}
  aggregation: {failed: {count: {where: status = error}}}
  condition: failed / count > 20%
";

/// A world in which `burst` fired at 12:01 and was resolved at 12:06.
async fn resolved(rules: &[SourceFile]) -> World {
    let mut world = World::in_memory();
    world.minute(0, Vec::new(), rules).await;
    let errors =
        (0..20).map(|nth| span("pay", "a", Status::Error, minute(1) + nth * SECOND + SECOND)).collect();
    world.minute(2, errors, rules).await;
    world.minute(3, Vec::new(), rules).await;
    world.minute(6, vec![span("pay", "a", Status::Ok, minute(5))], rules).await;
    assert_eq!(world.news(), ["firing burst", "resolved burst"]);
    world
}

/// Every kind of edit, of a rule that is judged at its spans and of one that is judged on the grid.
#[tokio::test]
async fn an_edit_takes_nothing_back() {
    for text in [BURST, RATIO] {
        let edits: [(&str, String); 7] = [
            ("a comment", text.replace("  condition", "  # a comment\n  condition")),
            ("a description", format!("{text}  description: d\n")),
            ("a severity", format!("{text}  severity: critical\n")),
            ("an annotation", format!("{text}  annotations: {{summary: s}}\n")),
            ("a threshold", text.replace("> 5", "> 50").replace("> 20%", "> 90%")),
            ("a selector", text.replace("pay", "shop")),
            ("`for` and groups", format!("{text}  for: 5m\n  group_by: [region]\n")),
        ];
        for (scenario, edited) in edits {
            let mut world = resolved(&one(text)).await;
            let names = |objects: BTreeMap<String, Vec<u8>>| objects.into_keys().collect::<Vec<_>>();
            let before = names(world.objects("violations").await);
            let rules = one(&edited);
            for end in 8..=10 {
                world.minute(end, vec![span("pay", "a", Status::Ok, minute(end - 1))], &rules).await;
            }
            assert_eq!(world.news(), nothing(), "{scenario}: {text}");
            let after = names(world.objects("violations").await);
            assert_eq!(after, before, "{scenario}: nothing is recorded anew");
        }
    }
}

#[tokio::test]
async fn late_spans_reopen_moments_before_an_edit_under_the_text_that_judged_them() {
    // Nothing of this holds under the edited text.
    for (text, edited) in [(BURST, BURST.replace("> 5", "> 500")), (RATIO, RATIO.replace("> 20%", "> 99%"))] {
        let mut world = resolved(&one(text)).await;
        let hash = world.state().await.rules["burst"].hash.clone();
        let rules = one(&edited);
        world.minute(7, vec![span("pay", "a", Status::Ok, minute(6))], &rules).await;
        assert_eq!(world.news(), nothing());
        let late = (0..9).map(|nth| span("pay", "a", Status::Error, minute(4) + nth * SECOND + 5)).collect();
        world.minute(8, late, &rules).await;
        let told = world.post().taken;
        assert_eq!(world.news(), ["fired_late burst"], "{text}");
        let told = told[0].notification.alert.as_ref().unwrap();
        assert_eq!(told.rule_hash, hash, "it was found by the text of then");
        assert!(!world.read(&format!("state/rules/{hash}.yml").into()).await.is_empty());
        assert_ne!(world.state().await.rules["burst"].hash, hash);
    }
    let mut world = resolved(&one(RATIO)).await;
    let rules = one(&RATIO.replace("> 20%", "> 5%"));
    world.minute(7, vec![span("pay", "a", Status::Ok, minute(6))], &rules).await;
    // With all of its spans it was never more than 20 %, though more than the 5 % of today.
    let late = (0..180).map(|nth| span("pay", "b", Status::Ok, minute(1) + nth * SECOND / 2 + 7)).collect();
    world.minute(8, late, &rules).await;
    assert_eq!(world.news(), ["withdrawn burst"]);
    world.minute(9, vec![span("pay", "a", Status::Ok, minute(8))], &rules).await;
    assert_eq!(world.news(), nothing());
    world.settings.allowed_lateness = Nanos(MINUTE);
    world.minute(80, vec![span("pay", "a", Status::Ok, minute(79))], &rules).await;
    assert!(world.state().await.former.is_empty(), "no late span reaches it any more");
}

#[tokio::test]
async fn what_fires_goes_on_under_an_edited_rule_and_ends_by_its_moments() {
    let mut world = World::in_memory();
    world.minute(0, Vec::new(), &one(BURST)).await;
    let errors = |end: i64, count: i64| {
        (0..count)
            .map(|nth| span("pay", "a", Status::Error, minute(end - 1) + nth * SECOND + SECOND))
            .collect()
    };
    world.minute(2, errors(2, 20), &one(BURST)).await;
    let fired = world.post().taken[0].notification.clone();
    assert_eq!(world.news(), ["firing burst"]);
    let rules = one(&BURST.replace("> 5", "> 15"));
    world.minute(3, errors(3, 20), &rules).await;
    world.minute(4, errors(4, 10), &rules).await;
    assert_eq!(world.news(), nothing());
    world.minute(5, errors(5, 10), &rules).await;
    world.minute(6, errors(6, 10), &rules).await;
    let told = world.post().taken;
    assert_eq!(world.news(), ["resolved burst"], "ten are too few for the text of now");
    assert_eq!(told[0].notification.about(), fired.about());
    assert_eq!(told[0].notification.alert.as_ref().unwrap().rule_hash, fired.alert.unwrap().rule_hash);
}

/// As written by an evaluator that hashed texts, comments and all.
#[tokio::test]
async fn a_hash_of_before_is_taken_over() {
    let mut world = firing(&one(AUTH)).await;
    let mut state = world.state().await;
    state.rules.get_mut("auth-failures").unwrap().hash = "e1d6".repeat(16);
    world.overwrite(&fluo_evaluator::state::LOCATION.into(), state.encode().unwrap().to_vec()).await;
    world.minute(3, failing("auth", 3), &one(AUTH)).await;
    assert_eq!(world.news(), nothing());
    let state = world.state().await;
    assert!(state.former.is_empty() && state.rules["auth-failures"].hash != "e1d6".repeat(16));
}
