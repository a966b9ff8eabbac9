//! Customers: when they come, and what they do.

use fluo_time::Nanos;

use super::incident::{Incident, MINUTES};
use super::random::Random;
use super::requests::{self, Login};
use super::trace::{Sent, Trace};

const SECOND: i64 = Nanos::SECOND.0;

/// All spans of the story, by the request that made them.
pub(crate) fn traffic(start: i64, incident: Incident, random: &mut Random) -> Vec<Sent> {
    let end = start + MINUTES * 60 * SECOND;
    let mut spans = Vec::new();
    // A request every quarter of a second.
    let mut at = start + millis(random, 0, 500);
    while at < end {
        match random.between(0, 100) {
            0..58 => spans.extend(traced(random, at, requests::browse)),
            58..82 => spans.extend(traced(random, at, |trace| requests::cart(trace, incident))),
            82..90 => log_in(&mut spans, random, incident, at),
            _ => spans.extend(traced(random, at, |trace| requests::checkout(trace, incident))),
        }
        at += millis(random, 50, 450);
    }
    wrong_passwords(&mut spans, random, incident, (start, end));
    spans
}

fn traced(random: &mut Random, at: i64, request: impl FnOnce(&mut Trace<'_>)) -> Vec<Sent> {
    let mut trace = Trace::new(random, at);
    request(&mut trace);
    trace.finish()
}

/// A customer who knows the password. Half of those who are turned away try again, once.
fn log_in(spans: &mut Vec<Sent>, random: &mut Random, incident: Incident, at: i64) {
    let mut trace = Trace::new(random, at);
    let outcome = requests::login(&mut trace, incident, true);
    let turned_away = trace.now;
    spans.extend(trace.finish());
    if outcome == Login::WrongToken && random.chance(500) {
        let again = turned_away + millis(random, 3_000, 9_000);
        let mut trace = Trace::new(random, again);
        requests::login(&mut trace, incident, true);
        spans.extend(trace.finish());
    }
}

/// Customers who do not: never less than 16 seconds apart, and so at most four a minute. They are what the rule's
/// threshold is above.
fn wrong_passwords(spans: &mut Vec<Sent>, random: &mut Random, incident: Incident, (start, end): (i64, i64)) {
    let mut at = start + millis(random, 0, 20_000);
    while at < end {
        let mut trace = Trace::new(random, at);
        requests::login(&mut trace, incident, false);
        spans.extend(trace.finish());
        at += millis(random, 16_000, 42_000);
    }
}

/// Between `low` and `high` milliseconds, to the microsecond; in nanoseconds.
fn millis(random: &mut Random, low: u64, high: u64) -> i64 {
    i64::try_from(random.between(low * 1000, high * 1000) * 1000).unwrap_or(0)
}
