//! The table "what late data does", and the rest of an alert's life, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_rules::rule::Rule;
use fluo_rules::{SourceFile, load};
use fluo_time::TimeRange;

use super::transition::{Status, rule_changed, rule_removed};
use super::*;
use crate::fingerprint::fingerprint;
use crate::notification::{Event, Notification};
use crate::template::Renderer;
use crate::value::Value;

mod levels;
mod together;

const MINUTE: i64 = 60_000_000_000;

fn rule(more: &str) -> Rule {
    let text = format!("- {{name: r, span: {{}}, window: 1m, every: 1m, condition: 'count > 5'{more}}}");
    let mut loaded = load(&[SourceFile::new("r.yml", text)]);
    assert!(!loaded.is_partial(), "{:?}", loaded.findings);
    loaded.rules.remove(0)
}

/// A minute at which the condition held, with this count.
fn segment(at: i64, count: i64) -> Segment {
    Segment {
        first: at * MINUTE,
        last: at * MINUTE,
        peak_at: at * MINUTE,
        #[expect(clippy::cast_precision_loss, reason = "small")]
        excess: Some(count as f64 - 5.0),
        values: vec![("count".to_owned(), Value::Int(count.into()))],
        peak: vec![("count".to_owned(), Value::Int(count.into()))],
        ..Segment::default()
    }
}

/// An evaluator of one rule, whose observations are given.
struct Life {
    rules: BTreeMap<String, Arc<Rule>>,
    states: BTreeMap<String, RuleState>,
    records: Vec<ViolationRecord>,
    silenced: bool,
    alive: bool,
    damaged: Vec<TimeRange>,
    /// The depths of spans.
    depths: Levels,
}

impl Life {
    fn of(more: &str) -> Self {
        let rule = rule(more);
        Self {
            states: [("r".to_owned(), RuleState::new("hash".to_owned(), 0))].into(),
            rules: [("r".to_owned(), Arc::new(rule))].into(),
            records: Vec::new(),
            silenced: false,
            alive: true,
            damaged: Vec::new(),
            depths: Levels::new(),
        }
    }

    fn times(&self, minute: i64) -> Times {
        let alive_to = if self.alive { i64::MAX } else { 0 };
        Times { eval_time: minute * MINUTE, watermark: (minute - 1) * MINUTE, alive_to }
    }

    /// Judges the given minutes anew at `minute`: the condition held at `holding`.
    fn at(&mut self, minute: i64, judged: (i64, i64), holding: &[i64]) -> Vec<Event> {
        self.told(minute, judged, holding).into_iter().map(|notification| notification.event).collect()
    }

    fn told(&mut self, minute: i64, judged: (i64, i64), holding: &[i64]) -> Vec<Notification> {
        let times = self.times(minute);
        let holding: Vec<(i64, i64)> = holding.iter().map(|at| (*at, 6 + at)).collect();
        self.observe(times, judged, &holding);
        self.announce(times)
    }

    /// Judges the given minutes anew: at some of them the condition held, with these counts.
    fn observe(&mut self, times: Times, judged: (i64, i64), holding: &[(i64, i64)]) {
        self.see(times, judged, holding.iter().map(|(at, count)| segment(*at, *count)).collect());
    }

    /// Judges the given minutes anew: these were found there.
    fn see(&mut self, times: Times, judged: (i64, i64), found: Vec<Segment>) {
        let observations = found.into_iter().map(|segment| Observation {
            fingerprint: fingerprint("r", &[]),
            group: Vec::new(),
            segment,
        });
        self.see_groups(times, judged, observations.collect());
    }

    /// Judges the given minutes anew: these were found there, of any group.
    fn see_groups(&mut self, times: Times, judged: (i64, i64), observations: Vec<Observation>) {
        let rule = Arc::clone(&self.rules["r"]);
        let renderer = Renderer::new(None);
        let facts = Facts {
            rule: &rule,
            hash: "hash",
            gap: MINUTE,
            step: None,
            horizon: times.watermark - 60 * MINUTE,
            since: self.states["r"].from,
            until: None,
            damaged: &self.damaged,
            patience: 0,
            holed: &self.damaged,
            renderer: &renderer,
        };
        let stretch = TimeRange { from: judged.0 * MINUTE, to: judged.1 * MINUTE };
        let state = self.states.remove("r").unwrap();
        let change = transition(state, &facts, &[stretch], observations, judged.1 * MINUTE, times);
        self.states.insert("r".to_owned(), change.state);
        self.records.extend(change.records);
    }

    fn announce(&mut self, times: Times) -> Vec<Notification> {
        let silenced = self.silenced;
        let mutes = Mutes { silenced: &|_| silenced.then(|| "s".to_owned()) };
        let mut states: Vec<_> = self.states.iter_mut().map(|(name, state)| (name.as_str(), state)).collect();
        announce(&mut states, &self.rules, mutes, &Renderer::new(None), times, &self.depths)
    }

    /// The last record of every violation: start, end, status, in minutes.
    fn violations(&self) -> Vec<(i64, i64, Status)> {
        let mut last: BTreeMap<_, &ViolationRecord> = BTreeMap::new();
        for record in &self.records {
            let known = last.insert(record.id, record);
            assert!(known.is_none_or(|known| known.revision + 1 == record.revision), "revisions count up");
        }
        let mut all: Vec<_> = last
            .values()
            .map(|record| {
                (record.violation.starts_at / MINUTE, record.violation.ends_at / MINUTE, record.status)
            })
            .collect();
        all.sort_by_key(|(start, ..)| *start);
        all
    }
}

#[test]
fn fires_once_and_resolves_once() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    assert_eq!(life.at(12, (11, 11), &[]), [Event::Resolved], "one gap behind its last moment");
    assert_eq!(life.at(13, (12, 12), &[]), []);
    assert_eq!(life.violations(), [(10, 10, Status::Valid)]);
    assert_eq!(life.records.len(), 2, "ongoing, then over");
}

#[test]
fn what_late_data_does() {
    use Event::{FiredLate, Firing, Reopened, Resolved, Withdrawn};
    // Of every scenario: evaluations (minute, judged minutes, holding minutes among them, what is told).
    type Step<'a> = (i64, (i64, i64), &'a [i64], &'a [Event]);
    type Scenario<'a> = (&'a str, &'a [Step<'a>], &'a [(i64, i64, Status)]);
    let scenarios: &[Scenario<'_>] = &[
        (
            "a new episode, still open",
            &[(21, (1, 20), &[], &[]), (22, (20, 21), &[21], &[Firing])],
            &[(21, 21, Status::Valid)],
        ),
        (
            "a new one, already over",
            &[(21, (1, 20), &[], &[]), (22, (10, 11), &[10], &[FiredLate]), (23, (10, 11), &[10], &[])],
            &[(10, 10, Status::Valid)],
        ),
        (
            "a told episode vanishes while it fires",
            &[(11, (1, 10), &[10], &[Firing]), (12, (10, 11), &[], &[Withdrawn]), (13, (12, 12), &[], &[])],
            &[(10, 10, Status::Withdrawn)],
        ),
        (
            "a told episode vanishes after it was resolved",
            &[
                (11, (1, 10), &[10], &[Firing]),
                (12, (11, 11), &[], &[Resolved]),
                (13, (10, 10), &[], &[Withdrawn]),
            ],
            &[(10, 10, Status::Withdrawn)],
        ),
        (
            "moved",
            &[(11, (1, 10), &[10], &[Firing]), (12, (10, 11), &[11], &[]), (13, (12, 12), &[], &[Resolved])],
            &[(11, 11, Status::Valid)],
        ),
        (
            "extended to both sides",
            &[
                (11, (1, 10), &[10], &[Firing]),
                (12, (9, 11), &[9, 10, 11], &[]),
                (13, (12, 12), &[], &[Resolved]),
            ],
            &[(9, 11, Status::Valid)],
        ),
        (
            "two become one, and what fires goes on",
            &[
                (11, (1, 10), &[10], &[Firing]),
                (12, (11, 11), &[], &[Resolved]),
                (14, (12, 13), &[13], &[Firing]),
                (15, (11, 14), &[11, 12, 13, 14], &[]),
                (16, (15, 15), &[], &[Resolved]),
            ],
            &[(10, 14, Status::Valid), (13, 13, Status::Merged)],
        ),
        (
            "a resolved one is open again",
            &[
                (11, (1, 10), &[10], &[Firing]),
                (12, (11, 11), &[], &[Resolved]),
                (13, (11, 12), &[11, 12], &[Reopened]),
                (14, (13, 13), &[], &[Resolved]),
            ],
            &[(10, 12, Status::Valid)],
        ),
        (
            "taken back, and right after all",
            &[
                (11, (1, 10), &[10], &[Firing]),
                (12, (10, 10), &[], &[Withdrawn]),
                (14, (10, 13), &[10], &[FiredLate]),
                (15, (10, 14), &[10], &[]),
            ],
            &[(10, 10, Status::Valid)],
        ),
    ];
    for (scenario, steps, violations) in scenarios {
        let mut life = Life::of("");
        let mut told = BTreeMap::new();
        for (minute, judged, holding, expected) in *steps {
            let notifications = life.told(*minute, *judged, holding);
            let events: Vec<Event> = notifications.iter().map(|notification| notification.event).collect();
            assert_eq!(events, *expected, "{scenario}, at minute {minute}");
            for notification in notifications {
                let alert = notification.alert.unwrap();
                let first = told.entry(alert.id).or_insert_with(|| alert.violation.clone());
                assert_eq!(*first, alert.violation, "{scenario}: what was told never changes");
            }
        }
        assert_eq!(life.violations(), *violations, "{scenario}");
    }
}

#[test]
fn an_alert_fires_when_it_has_held_for_as_long_as_the_rule_says() {
    let mut life = Life::of(", for: 2m, keep_firing_for: 3m");
    assert_eq!(life.at(11, (1, 10), &[10]), []);
    assert_eq!(life.at(12, (11, 11), &[11]), []);
    assert_eq!(life.at(13, (12, 12), &[12]), [Event::Firing]);
    assert_eq!(life.at(16, (13, 15), &[]), []);
    assert_eq!(life.at(17, (16, 16), &[]), [Event::Resolved], "12 + a gap of 1 + 3");
    assert_eq!(life.at(31, (17, 30), &[20, 21]), [], "two minutes apart it is not long enough");
}

#[test]
fn a_violation_that_begins_before_the_alert_is_over_joins_it() {
    let mut life = Life::of(", keep_firing_for: 5m");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    assert_eq!(life.at(15, (11, 14), &[14]), []);
    assert_eq!(life.at(20, (15, 19), &[]), []);
    assert_eq!(life.at(21, (20, 20), &[]), [Event::Resolved]);
    assert_eq!(life.violations(), [(10, 10, Status::Valid), (14, 14, Status::Valid)]);
}

#[test]
fn reminders_keep_their_distance() {
    let mut life = Life::of(", realert: {every: 10m, backoff: 2, max: 30m}");
    let mut reminded = Vec::new();
    for minute in 11..100 {
        if life.at(minute, (minute - 1, minute - 1), &[minute - 1]).contains(&Event::Renotify) {
            reminded.push(minute);
        }
    }
    assert_eq!(reminded, [21, 41, 71]);
}

#[test]
fn a_long_alert_outlives_what_is_remembered_of_it() {
    let mut life = Life::of(", realert: 30d");
    let mut events = Vec::new();
    for minute in 11..400 {
        let holding: &[i64] = if minute < 390 { &[minute - 1] } else { &[] };
        events.extend(life.at(minute, (minute - 1, minute - 1), holding));
    }
    assert_eq!(events, [Event::Firing, Event::Resolved]);
    assert_eq!(life.violations(), [(10, 388, Status::Valid)]);
    for minute in [460, 470, 480] {
        life.at(minute, (minute - 1, minute - 1), &[]);
    }
    assert!(life.states["r"].groups.is_empty(), "in the end nothing is left");
}

#[test]
fn a_silenced_alert_is_recorded_and_told_when_the_silence_ends() {
    let mut life = Life::of("");
    life.silenced = true;
    assert_eq!(life.at(11, (1, 10), &[10]), []);
    assert_eq!(life.states["r"].firing().next().unwrap().1.muted_by.as_deref(), Some("silence s"));
    life.silenced = false;
    assert_eq!(life.at(12, (11, 11), &[11]), [Event::Firing]);
    life.silenced = true;
    assert_eq!(life.at(13, (12, 12), &[]), [Event::Resolved], "who was told is told the end");
    assert_eq!(life.at(21, (13, 20), &[20]), []);
    assert_eq!(life.at(22, (21, 21), &[]), [], "nobody knew of it");
    assert_eq!(life.violations(), [(10, 11, Status::Valid), (20, 20, Status::Valid)]);
}

#[test]
fn without_a_pipeline_nothing_is_resolved() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    life.alive = false;
    assert_eq!(life.at(20, (11, 19), &[]), []);
    life.alive = true;
    assert_eq!(life.at(21, (20, 20), &[]), [Event::Resolved]);
}

#[test]
fn a_window_that_cannot_be_read_resolves_nothing() {
    let mut life = Life::of("");
    life.damaged = vec![TimeRange { from: 11 * MINUTE - 5, to: 12 * MINUTE }];
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    assert_eq!(life.at(13, (11, 12), &[]), []);
    assert_eq!(life.at(14, (13, 13), &[]), [Event::Resolved], "the first whole window ends at minute 13");
}

#[test]
fn an_end_that_is_put_off_is_not_where_the_condition_holds_again() {
    let mut life = Life::of("");
    // The first whole window ends half a minute after the condition holds again, and within a gap of that.
    life.damaged = vec![TimeRange { from: 11 * MINUTE - 5, to: 12 * MINUTE + MINUTE / 2 }];
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    assert_eq!(life.at(14, (11, 13), &[13]), [Event::Firing]);
    let told = life.told(15, (14, 14), &[]);
    let ends = told.iter().map(|told| (told.event, told.alert.as_ref().unwrap().resolved_at));
    assert_eq!(ends.collect::<Vec<_>>(), [(Event::Resolved, Some(14 * MINUTE)); 2]);
}

#[test]
fn of_two_that_fire_and_become_one_the_other_is_closed_where_it_was_told() {
    let mut life = Life::of("");
    // The end of the first cannot be seen.
    life.damaged = vec![TimeRange { from: 11 * MINUTE, to: 20 * MINUTE }];
    let first = life.told(11, (1, 10), &[10]).remove(0);
    let second = life.told(14, (11, 13), &[13]).remove(0);
    assert_eq!([first.event, second.event], [Event::Firing; 2]);
    let told = life.told(15, (11, 14), &[11, 12, 13, 14]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].event, told[0].reason.as_deref()), (Event::Resolved, Some("merged")));
    let closed = told[0].alert.as_ref().unwrap().id;
    let mut ids = [first.alert.unwrap().id, second.alert.unwrap().id];
    ids.sort_by_key(|id| *id == closed);
    assert_eq!(life.at(16, (15, 15), &[15]), []);
    life.damaged.clear();
    let told = life.told(17, (16, 16), &[]);
    assert_eq!((told.len(), told[0].event, told[0].reason.as_deref()), (1, Event::Resolved, None));
    assert_eq!((told[0].alert.as_ref().unwrap().id, closed), (ids[0], ids[1]));
}

#[test]
fn one_that_nobody_knows_and_that_becomes_part_of_another_is_never_told() {
    let mut life = Life::of("");
    life.damaged = vec![TimeRange { from: 11 * MINUTE, to: 20 * MINUTE }];
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    life.silenced = true;
    assert_eq!(life.at(14, (11, 13), &[13]), []);
    life.silenced = false;
    assert_eq!(life.at(15, (11, 14), &[11, 12, 13, 14]), []);
    life.damaged.clear();
    assert_eq!(life.at(16, (15, 15), &[]), [Event::Resolved]);
}

#[test]
fn a_rule_that_changes_keeps_what_fires_and_drops_what_is_pending() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    let times = life.times(12);
    let state = life.states.remove("r").unwrap();
    let (former, changed) = rule_changed(state, &life.rules["r"], "other", 10 * MINUTE, times);
    assert_eq!(former.firing().count(), 0, "it is told of once");
    life.states.insert("r".to_owned(), changed);
    assert_eq!(life.at(12, (11, 11), &[11]), [], "it fires on, and nobody is told twice");
    assert_eq!(life.at(13, (12, 12), &[]), [Event::Resolved]);
}

#[test]
fn a_rule_that_is_grouped_otherwise_resolves_what_cannot_come_again() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    let times = life.times(12);
    let regrouped = rule(", group_by: [service_name]");
    let old = life.states.remove("r").unwrap();
    let (former, state) = rule_changed(old, &regrouped, "other", 10 * MINUTE, times);
    assert_eq!(state.groups.len(), 0);
    life.states.insert("r".to_owned(), former);
    let told = life.announce(times);
    assert_eq!(told[0].event, Event::Resolved);
    assert_eq!(told[0].reason.as_deref(), Some("rule_changed"));
}

#[test]
fn a_rule_that_is_removed_resolves() {
    let mut life = Life::of("");
    assert_eq!(life.at(11, (1, 10), &[10]), [Event::Firing]);
    let times = life.times(12);
    let state = rule_removed(life.states.remove("r").unwrap(), times);
    life.states.insert("r".to_owned(), state);
    let told = life.announce(times);
    assert_eq!((told[0].event, told[0].reason.as_deref()), (Event::Resolved, Some("rule_removed")));
}

/// Returns the values of `count` in a notification: now, at first, at the peak.
fn counts(told: &Notification) -> [Value; 3] {
    let alert = told.alert.as_ref().unwrap();
    let now = alert.now.as_ref().unwrap();
    [now.values[0].1, alert.violation.values[0].1, now.peak[0].1]
}

#[test]
fn messages_say_how_it_is_now_and_what_was_told_at_first_stays() {
    let mut life = Life::of(
        ", realert: 5m, annotations: {summary: '{{ value.count }} now, {{ first.count }} at first, {{ peak.count }} at its peak'}",
    );
    let told = life.told(11, (1, 10), &[10]);
    assert_eq!(counts(&told[0]), [Value::Int(16); 3]);
    // Minutes 11 to 15 hold, too; 13 is the worst.
    let times = life.times(16);
    life.observe(times, (11, 15), &[(11, 20), (12, 25), (13, 90), (14, 30), (15, 22)]);
    let told = life.announce(times);
    assert_eq!(told[0].event, Event::Renotify);
    let firing = life.states["r"].firing().next().unwrap().1;
    assert_eq!(firing.standing(), [("count".to_owned(), "22".to_owned())]);
    assert_eq!(counts(&told[0]), [Value::Int(22), Value::Int(16), Value::Int(90)]);
    assert_eq!(told[0].title, "WARNING still firing: r: 22 now, 16 at first, 90 at its peak");
    let told = life.told(18, (16, 17), &[]);
    assert_eq!(told[0].event, Event::Resolved);
    assert_eq!(counts(&told[0]), [Value::Int(22), Value::Int(16), Value::Int(90)]);
    assert!(told[0].text.contains("count = 90 at its peak, limit 5 in 1m"), "{}", told[0].text);
    assert!(told[0].text.contains("Lasted: 6m, from"), "{}", told[0].text);
}

#[test]
fn an_annotation_that_cannot_be_rendered_is_said_and_stops_nothing() {
    let mut life = Life::of(", annotations: {summary: '{{ labels[rule] }}', impact: 'none'}");
    let told = life.told(11, (1, 10), &[10]).remove(0);
    assert_eq!(told.title, "WARNING firing: r: count = 16, limit 5 in 1m");
    assert!(told.text.contains("Note: the annotation summary could not be rendered: "), "{}", told.text);
    let annotations = told.alert.unwrap().annotations;
    assert_eq!(annotations.into_keys().collect::<Vec<_>>(), ["impact"]);
}

#[test]
fn a_label_that_cannot_be_rendered_is_said_and_stops_nothing() {
    let mut life = Life::of(", labels: {team: '{{ rule | percent }}', area: '{{ rule }}-x'}");
    let told = life.told(11, (1, 10), &[10]).remove(0);
    assert_eq!(told.labels, [("area".to_owned(), "r-x".to_owned())].into());
    assert!(told.text.contains("Note: the label team could not be rendered: "), "{}", told.text);
}

#[test]
fn an_alert_that_was_stored_before_its_course_was_kept_goes_on() {
    let mut life = Life::of("");
    life.at(11, (1, 10), &[10]);
    let stored = serde_json::to_string(&life.states["r"]).unwrap();
    let mut former: serde_json::Value = serde_json::from_str(&stored).unwrap();
    for group in former["groups"].as_object_mut().unwrap().values_mut() {
        for alert in group["alerts"].as_array_mut().unwrap() {
            assert!(alert.as_object_mut().unwrap().remove("course").is_some());
        }
        for segment in group["segments"].as_array_mut().unwrap() {
            segment.as_object_mut().unwrap().remove("latest");
        }
    }
    life.states.insert("r".to_owned(), serde_json::from_value(former).unwrap());
    let told = life.told(12, (11, 11), &[]).remove(0);
    assert_eq!((told.event, counts(&told)), (Event::Resolved, [Value::Int(16); 3]));
}
