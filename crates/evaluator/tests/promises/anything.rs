//! Rules edited, removed and emptied, files deleted, spans that come late, in random order: nothing is taken back or
//! resolved but by spans that show it, and whatever began is ended once.
//!
//! The gate tries five courses. `FLUO_TEST_WAYS=1000` tries fifty, `FLUO_TEST_SEED=35` begins with that one.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::notification::{Event, Id, Notification};
use fluo_alerts::violation::Violation;
use fluo_rules::SourceFile;
use fluo_spans::span::{Span, Status};
use object_store::path::Path;

use crate::support::{MINUTE, SECOND, World, files, minute, random, span};

/// Minutes in which anything may happen, and quiet ones behind them.
const WILD: i64 = 16;
const QUIET: i64 = 7;

/// The rules of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rules {
    /// The bound of the exact rule; none where the rule is not there.
    bound: Option<usize>,
    grouped: bool,
    comment: u64,
    /// True if the rule of the grid is there.
    ratio: bool,
}

impl Rules {
    const FIRST: Self = Self { bound: Some(5), grouped: true, comment: 0, ratio: true };

    fn edited(self, seed: &mut u64) -> Self {
        match random(seed) % 7 {
            0 => Self { bound: Some(8), ..self },
            1 => Self { bound: Some(5), ..self },
            2 => Self { comment: random(seed), ..self },
            3 => Self { grouped: !self.grouped, ..self },
            4 => Self { bound: None, ..self },
            5 => Self { ratio: !self.ratio, ..self },
            _ => Self { bound: None, ratio: false, ..self },
        }
    }

    fn files(self) -> Vec<SourceFile> {
        let comment = self.comment;
        let exact = self.bound.map_or_else(String::new, |bound| {
            let group_by = if self.grouped { "[region]" } else { "[]" };
            format!(
                "- name: auth-failures\n  description: {comment}\n  span: {{service_name: auth, status: error}}\n  \
                 group_by: {group_by}\n  condition: count > {bound}\n"
            )
        });
        let ratio = if self.ratio {
            "- name: checkout-errors\n  span: {service_name: checkout}\n  aggregation: {total: count, \
             errors: {count: {where: 'status = error'}}}\n  condition: errors / total > 0.5\n"
        } else {
            ""
        };
        // A file is never gone: one without rules has lost them.
        let others = "- name: others\n  span: {service_name: nobody}\n  condition: count > 1000\n";
        let exact = format!("# {comment}\n{exact}");
        files(&[
            ("exact.yml", &exact),
            ("ratio.yml", &format!("# {comment}\n{ratio}")),
            ("others.yml", others),
        ])
    }
}

/// One course of events.
struct Course {
    number: u64,
    seed: u64,
    world: World,
    rules: Rules,
    /// All spans that ever arrived.
    spans: Vec<Span>,
    /// Files that an evaluation has seen.
    seen: Vec<Path>,
    /// The events that were told of each alert, in order.
    told: BTreeMap<Id, Vec<Event>>,
}

impl Course {
    fn below(&mut self, bound: u64) -> i64 {
        i64::try_from(random(&mut self.seed) % bound).unwrap()
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Spans of the minute that ends at `end`: of a service, so many of them failed.
    fn of_minute(&mut self, end: i64, service: &str, failed: i64, good: i64) -> Vec<Span> {
        let region = if self.one_in(2) { "a" } else { "b" };
        let from = minute(end - 1);
        (0..failed + good)
            .map(|nth| {
                let status = if nth < failed { Status::Error } else { Status::Ok };
                let at = from + self.below(MINUTE.unsigned_abs() - 1) + 1;
                span(service, region, status, at)
            })
            .collect()
    }

    async fn arrive(&mut self, end: i64, nth: i64, spans: Vec<Span>) {
        self.spans.extend(spans.iter().cloned());
        let places = self.world.arrive(minute(end) + nth * SECOND, spans).await;
        self.seen.extend(places);
    }

    async fn minute(&mut self, end: i64, wild: bool) {
        let seen = self.seen.len();
        for service in ["auth", "checkout"] {
            let failed = if wild && self.one_in(3) { 6 + self.below(6) } else { 0 };
            let spans = self.of_minute(end, service, failed, 2);
            self.arrive(end, 1, spans).await;
        }
        if wild && self.one_in(2) {
            let late = end - 1 - self.below(10);
            let (auth, failed, good) = (self.one_in(2), self.below(10), self.below(20) + 1);
            let service = if auth { "auth" } else { "checkout" };
            let spans = self.of_minute(late, service, failed, good);
            self.arrive(end, 2, spans).await;
        }
        if wild && seen > 0 && self.one_in(3) {
            let at = usize::try_from(self.below(seen as u64)).unwrap();
            let gone = self.seen.remove(at);
            self.world.delete(&gone).await;
        }
        if wild && self.one_in(3) {
            self.rules = self.rules.edited(&mut self.seed);
        } else if !wild {
            self.rules = Rules::FIRST;
        }
        let before = self.world.post().taken.len();
        let rules = self.rules.files();
        self.world.quiet(end, &rules).await;
        for sent in self.world.post().taken.split_off(before) {
            self.check(&sent.notification);
        }
    }

    /// The spans that count for an alert in the window that ends at a moment: all, and those that failed.
    fn window(&self, violation: &Violation, at: i64) -> (usize, usize) {
        let service = if violation.rule == "auth-failures" { "auth" } else { "checkout" };
        let region = violation.group.first().and_then(|(_, value)| value.as_deref());
        let within: BTreeSet<(i64, [u8; 8], bool)> = self
            .spans
            .iter()
            .filter(|span| span.resource.service_name.as_deref() == Some(service))
            .filter(|span| region.is_none_or(|region| span.attributes.get("region") == Some(region)))
            .filter(|span| at - MINUTE < span.end_ns && span.end_ns <= at)
            .map(|span| (span.end_ns, span.span_id, span.status == Status::Error))
            .collect();
        (within.len(), within.iter().filter(|(_, _, failed)| *failed).count())
    }

    fn check(&mut self, notification: &Notification) {
        let Some(alert) = &notification.alert else { return };
        self.told.entry(alert.id).or_default().push(notification.event);
        let violation = &alert.violation;
        let (rule, starts_at) = (violation.rule.as_str(), violation.starts_at);
        let told = format!("course {}: {}, {}", self.number, notification.text, self.world.clock);
        match notification.event {
            Event::Withdrawn => {
                assert_eq!(rule, "checkout-errors", "an exact rule is never taken back; {told}");
                let (all, failed) = self.window(violation, starts_at);
                assert!(2 * failed <= all, "{failed} of {all} failed; {told}");
            }
            Event::Resolved if notification.reason.is_none() => {
                let at = alert.resolved_at.unwrap();
                if let (Some(bound), "auth-failures") = (self.rules.bound, rule) {
                    let (_, failed) = self.window(violation, at);
                    assert!(failed <= bound, "{failed} failed; {told}");
                } else if rule == "checkout-errors" {
                    let moment = (at + MINUTE - 1).div_euclid(MINUTE) * MINUTE;
                    let (all, failed) = self.window(violation, moment);
                    assert!(2 * failed <= all, "{failed} of {all} failed; {told}");
                }
            }
            _ => {}
        }
    }
}

/// Returns whether what was told of an alert is a beginning and an end, as often as it was opened again.
fn is_closed(events: &[Event]) -> bool {
    let (mut open, mut taken_back) = (false, false);
    for event in events {
        let was_taken_back = std::mem::replace(&mut taken_back, *event == Event::Withdrawn);
        let taken_back = was_taken_back;
        match event {
            Event::Firing | Event::Reopened if !open => open = true,
            Event::Renotify if open => {}
            Event::Resolved | Event::Withdrawn if open => open = false,
            // Of what was over: that it never was.
            Event::Withdrawn if !taken_back => {}
            Event::FiredLate if !open => {}
            _ => return false,
        }
    }
    !open
}

#[tokio::test]
async fn whatever_becomes_of_rules_and_files_alerts_end_once_and_by_what_shows_it() {
    let ways: u64 = std::env::var("FLUO_TEST_WAYS").map_or(100, |ways| ways.parse().unwrap());
    let mut events: BTreeMap<Event, usize> = BTreeMap::new();
    let first: u64 = std::env::var("FLUO_TEST_SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in first..first + (ways / 20).max(1) {
        let mut course = Course {
            number: seed,
            seed,
            world: World::in_memory(),
            rules: Rules::FIRST,
            spans: Vec::new(),
            seen: Vec::new(),
            told: BTreeMap::new(),
        };
        for end in 1..=WILD + QUIET {
            course.minute(end, end > 1 && end <= WILD).await;
        }
        for (id, told) in &course.told {
            assert!(is_closed(told), "course {seed}, {id}: {told:?}");
            for event in told {
                *events.entry(*event).or_default() += 1;
            }
        }
    }
    eprintln!("{events:?}");
    assert!(events.contains_key(&Event::Resolved), "nothing was told");
}
