//! `fluo report`, and the page that `fluo run` keeps beside its state.

use std::fs;
use std::path::Path;

use fluo_tests::otlp::{Encoding, Span};
use tempfile::TempDir;

use crate::deployed::{Deployment, success};
use crate::fluo;
use crate::incident::{NOON, SECOND, six_failures, text, write};

const RULES: &str = "
- name: logins-fail
  description: Logins fail
  span: {service_name: auth-service}
  group_by: [region]
  condition: {warning: count > 2, critical: count > 4}
  every: 1m
  window: 1m
  top: [user.id]
- name: login-without-audit
  severity: critical
  trace:
    when: {name: login}
    always: [{name: audit}]
- name: never-happens
  span: {name: nothing}
  condition: count > 5
";

/// Five logins in the second minute, one in the fourth, and spans before and much later.
fn spans() -> Vec<Span> {
    let login = |number: u64, second: u64| {
        let span = Span::new(number, "auth-service", "login", NOON + second * SECOND);
        span.with("region", "eu").with("user.id", "u-7")
    };
    let mut spans: Vec<Span> = (1..=5).map(|number| login(number, 60 + number)).collect();
    spans.push(login(6, 190));
    // The first moment that is judged lies a window behind the first span.
    spans.push(Span::new(8, "auth-service", "other", NOON - 60 * SECOND).with("region", "us"));
    spans.push(Span::new(7, "auth-service", "other", NOON + 900 * SECOND).with("region", "us"));
    spans
}

fn report(folder: &Path, rules: &str, more: &[&str]) -> crate::Ended {
    let (rule_file, out) = (folder.join("rules.yml"), folder.join("report.html"));
    fs::write(&rule_file, rules).unwrap();
    let object = write(folder, "object", Encoding::Json, &spans());
    let arguments = ["report", "--rules", text(&rule_file), "--spans", text(&object), "--out", text(&out)];
    fluo(&[&arguments[..], more].concat())
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).unwrap()
}

#[test]
fn a_page_shows_what_rules_find_in_stored_spans() {
    let folder = TempDir::new().unwrap();
    assert_eq!(report(folder.path(), RULES, &[]).expect(0), "", "the page is the output");
    let page = page(folder.path());
    for expected in [
        // The level that held, its limits, and how close it came.
        "logins-fail",
        "warning 2",
        "critical 4",
        "<strong>250 %</strong> of the limit",
        "5 against 2",
        // The group, the commonest value, and the demand that failed.
        "<bdi>eu</bdi>",
        "Commonest <bdi>user.id</bdi>",
        "<bdi>u-7</bdi>",
        "always[0]",
        // Evidence and its trace.
        "class=\"waterfall\"",
        // A rule that nothing came near.
        "never-happens",
    ] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    assert!(page.find("logins-fail") < page.find("never-happens"), "what was violated stands first");
}

#[test]
fn the_same_input_is_the_same_page() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    report(one.path(), RULES, &[]).expect(0);
    report(other.path(), RULES, &[]).expect(0);
    assert_eq!(page(one.path()), page(other.path()));
}

#[test]
fn what_goes_on_at_the_end_of_the_range_stands_first() {
    let folder = TempDir::new().unwrap();
    report(folder.path(), RULES, &["--to", "2024-05-01T12:02:30Z"]).expect(0);
    assert!(page(folder.path()).contains("violation goes on at the end"), "{}", page(folder.path()));
    report(folder.path(), RULES, &[]).expect(0);
    assert!(page(folder.path()).contains("<h1>Nothing is violated now"), "{}", page(folder.path()));
}

#[test]
fn what_is_redacted_is_in_no_evidence_and_no_trace() {
    let folder = TempDir::new().unwrap();
    let redacted =
        RULES.replace("    always: [{name: audit}]", "    always: [{name: audit}]\n  redact: [name, region]");
    let only = redacted.split("- name: login-without-audit").nth(1).unwrap();
    let only = format!("- name: login-without-audit{}", only.split("- name: never").next().unwrap());
    report(folder.path(), &only, &[]).expect(0);
    let page = page(folder.path());
    assert!(page.contains("class=\"waterfall\"") && page.contains("(redacted)"), "{page}");
    assert!(!page.contains("<bdi>login</bdi>"), "{page}");
}

#[test]
fn a_rule_that_cannot_be_judged_is_told_of_and_the_others_are_shown() {
    let folder = TempDir::new().unwrap();
    let rules = format!(
        "{RULES}- {{name: too-many, span: {{}}, group_by: [span_id], group_limit: 1, condition: count > 0, every: 1m}}\n"
    );
    let ended = report(folder.path(), &rules, &[]);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("error: too-many was not judged"), "{}", ended.stderr);
    let page = page(folder.path());
    assert!(page.contains("It was not judged") && page.contains("logins-fail"), "{page}");
}

#[test]
fn mistakes_are_told_before_spans_are_read() {
    let folder = TempDir::new().unwrap();
    report(folder.path(), RULES, &[]).expect(0);
    for (out, expected) in [("missing/report.html", "there is no folder"), (".", "is a folder")] {
        let out = folder.path().join(out);
        let rules = folder.path().join("rules.yml");
        let ended = fluo(&["report", "--rules", text(&rules), "--spans", "nowhere", "--out", text(&out)]);
        assert_eq!(ended.status, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn the_evaluator_keeps_its_page_and_renews_it_where_something_changed() {
    let deployment = Deployment::with_incident();
    let kept = || fs::read_to_string(deployment.path("store/report/index.html")).unwrap();
    let first = kept();
    for expected in [
        "1 alert fires",
        "AuthFailuresRule",
        "As of the evaluation of",
        "of the limit",
        "class=\"waterfall\"",
    ] {
        assert!(first.contains(expected), "{expected} in\n{first}");
    }
    deployment.arrive("after", 330, &[success(325)]);
    deployment.tick("12:06:00").expect(0);
    let second = kept();
    assert!(second.contains("Nothing fires"), "{second}");
    assert!(second.contains("AuthFailuresRule"), "what is over stays on the timeline");
}

#[test]
fn a_page_that_cannot_be_written_is_told_and_ends_nothing() {
    let deployment = Deployment::new();
    deployment.tick("12:00:00").expect(0);
    // A file where the page's folder would be.
    let folder = deployment.path("store/report");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    deployment.arrive("failures", 85, &six_failures());
    let ended = deployment.tick("12:02:00");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("the page could not be written"), "{}", ended.stderr);
    assert_eq!(deployment.events(), ["firing"], "what was found is told all the same");
}
