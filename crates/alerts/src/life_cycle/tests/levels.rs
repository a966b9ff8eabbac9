//! Alerts whose severity changes while they fire, and those that are kept going.

use fluo_rules::rule::Severity::{self, Critical, Warning};

use super::*;

fn life(more: &str) -> Life {
    let text = format!(
        "- {{name: r, span: {{}}, window: 1m, every: 1m, \
         condition: {{warning: count > 5, critical: count > 50}}, realert: 10m{more}}}"
    );
    let mut loaded = load(&[SourceFile::new("r.yml", text)]);
    assert_eq!(loaded.findings, []);
    Life { rules: [("r".to_owned(), Arc::new(loaded.rules.remove(0)))].into(), ..Life::of("") }
}

/// A minute, as bad as it was at its worst and at its end.
fn minute(at: i64, worst: Severity, severity: Severity) -> Segment {
    let count = if worst == Critical { 60 } else { 6 };
    Segment { worst: Some(worst), severity: Some(severity), ..segment(at, count) }
}

impl Life {
    /// Judges the minute before `at`, which was so bad, and returns what is told, with its severity.
    fn worse(&mut self, at: i64, found: &[Segment]) -> Vec<(Event, Severity)> {
        let times = self.times(at);
        self.see(times, (at - 1, at - 1), found.to_vec());
        self.announce(times).into_iter().map(|told| (told.event, told.severity)).collect()
    }

    fn even(&mut self, at: i64, severity: Severity) -> Vec<(Event, Severity)> {
        self.worse(at, &[minute(at - 1, severity, severity)])
    }
}

#[test]
fn a_rise_is_told_at_once_and_a_fall_with_the_next_message() {
    let mut life = life("");
    assert_eq!(life.even(11, Warning), [(Event::Firing, Warning)]);
    assert_eq!(life.even(12, Warning), []);
    assert_eq!(life.even(13, Critical), [(Event::Escalated, Critical)]);
    assert_eq!(life.even(14, Warning), [], "a fall waits");
    assert_eq!(life.even(15, Critical), [], "people know it as critical");
    for at in 16..23 {
        assert_eq!(life.even(at, Warning), []);
    }
    assert_eq!(life.even(23, Warning), [(Event::Renotify, Warning)]);
    assert_eq!(life.even(24, Critical), [(Event::Escalated, Critical)], "people know it as a warning");
    assert_eq!(life.even(25, Warning), []);
    assert_eq!(
        life.worse(26, &[]),
        [(Event::Resolved, Critical)],
        "whoever was told of it is told of its end"
    );
    assert_eq!(life.violations(), [(10, 24, Status::Valid)]);
    assert_eq!(life.records.last().unwrap().violation.severity, Critical);
    let ids: std::collections::BTreeSet<_> = life.records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 1, "it is one alert");
}

#[test]
fn a_rise_that_is_over_by_the_next_evaluation_is_told_all_the_same() {
    let mut life = life("");
    assert_eq!(life.worse(11, &[minute(10, Critical, Warning)]), [(Event::Firing, Critical)]);
    assert_eq!(life.even(12, Warning), []);
    for at in 13..21 {
        assert_eq!(life.even(at, Warning), []);
    }
    assert_eq!(life.even(21, Warning), [(Event::Renotify, Warning)]);
    assert_eq!(life.worse(22, &[minute(21, Critical, Warning)]), [(Event::Escalated, Critical)]);
}

#[test]
fn what_is_said_and_what_it_is_stand_in_the_message() {
    let mut life = life(", labels: {pager: '{{ severity }}'}, resolve_condition: 'count < 3'");
    life.even(11, Warning);
    let times = life.times(12);
    life.see(times, (11, 11), vec![minute(11, Critical, Warning)]);
    let told = life.announce(times).remove(0);
    assert_eq!(told.title, "CRITICAL escalated: r: count = 60, limit 50 in 1m");
    assert!(told.text.contains("\nSeverity: critical, warning now, warning before\n"), "{}", told.text);
    assert!(told.text.contains("\nOver when: count < 3\n"), "{}", told.text);
    assert_eq!(told.labels["pager"], "critical");
    let alert = told.alert.unwrap();
    assert_eq!((alert.violation.severity, alert.violation.labels["pager"].as_str()), (Warning, "warning"));
}

#[test]
fn a_rise_that_nobody_may_be_told_of_is_told_once_they_may() {
    let mut life = life("");
    life.even(11, Warning);
    life.silenced = true;
    assert_eq!(life.even(12, Critical), []);
    assert_eq!(life.even(13, Warning), []);
    life.silenced = false;
    assert_eq!(life.even(14, Warning), [(Event::Escalated, Critical)]);
    assert_eq!(life.even(15, Warning), []);
}

#[test]
fn silences_see_the_severity_of_now() {
    let mut life = life("");
    let mut at = |minute, severity| {
        let times = life.times(minute);
        life.see(times, (minute - 1, minute - 1), vec![self::minute(minute - 1, severity, severity)]);
        let mutes = Mutes { silenced: &|labels| (labels["severity"] == "warning").then(|| "s".to_owned()) };
        let mut states: Vec<_> = life.states.iter_mut().map(|(name, state)| (name.as_str(), state)).collect();
        let told = announce(&mut states, &life.rules, mutes, &Renderer::new(None), times, &Levels::new());
        told.into_iter().map(|told| (told.event, told.severity)).collect::<Vec<_>>()
    };
    assert_eq!(at(11, Warning), []);
    assert_eq!(at(12, Critical), [(Event::Firing, Critical)], "nobody knew of it");
}

#[test]
fn an_alert_that_fired_before_its_rule_had_levels_goes_on_from_what_was_told() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (10, 10), &[10]), [Event::Firing]);
    let stored = serde_json::to_string(&life.states["r"]).unwrap();
    for key in ["severities", "worst", "kept", "held_since"] {
        assert!(!stored.contains(key), "`{key}` is not stored of rules without levels: {stored}");
    }
    life.rules = self::life("").rules;
    assert_eq!(life.even(12, Warning), []);
    assert_eq!(life.even(13, Critical), [(Event::Escalated, Critical)]);
    let told = life.states["r"].firing().next().unwrap().1.severities.clone().unwrap();
    assert_eq!(told.all, [Warning, Critical]);
}

#[test]
fn what_is_kept_going_does_not_count_for_how_long_it_must_hold() {
    let kept = |at| Segment { kept: true, ..segment(at, 4) };
    let mut life = Life::of(", for: 2m, resolve_condition: 'count < 3'");
    let times = life.times(15);
    life.see(times, (10, 14), vec![segment(10, 6), segment(11, 6), kept(12), kept(13), segment(14, 6)]);
    assert_eq!(life.announce(times), [], "two minutes, but not in a row");
    let times = life.times(17);
    life.see(times, (15, 16), vec![segment(15, 6), segment(16, 6)]);
    let told = life.announce(times);
    assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Event::Firing]);
    let alert = life.states["r"].firing().next().unwrap().1.clone();
    assert_eq!((alert.starts_at, alert.held_since), (10 * MINUTE, Some(14 * MINUTE)));
    // What is old is put together, and neither fires for being long nor forgets what it was.
    let mut life = Life::of(", for: 2m, resolve_condition: 'count < 3'");
    for at in 10..100 {
        let times = life.times(at + 1);
        life.see(times, (at, at), vec![if at == 10 { segment(at, 6) } else { kept(at) }]);
        assert_eq!(life.announce(times), [], "{at}");
    }
    let settled: Vec<bool> =
        life.states["r"].groups.values().next().unwrap().segments.iter().map(|one| one.kept).collect();
    assert_eq!((settled[0], settled[1]), (false, true), "{}", settled.len());
}

#[test]
fn many_at_once_are_as_bad_as_the_worst_of_them() {
    let mut life = life(", notification_limit: 1, group_by: [x]");
    let times = life.times(11);
    let of_group = |x: &str, severity| Observation {
        fingerprint: fingerprint("r", &[("x", Some(x))]),
        group: vec![("x".to_owned(), Some(x.to_owned()))],
        segment: minute(10, severity, severity),
    };
    life.see_groups(times, (0, 10), vec![of_group("a", Warning), of_group("b", Critical)]);
    let told = life.announce(times).remove(0);
    assert_eq!((told.event, told.severity), (Event::Summary, Critical));
    assert_eq!(told.summary.unwrap().largest[0].group[0].1.as_deref(), Some("b"));
}
