//! Delivery: lease, send, confirm. At least once, each with one id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fluo_alerts::notification::{Id, Notification};
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_sinks::{Routed, SinkError};
use fluo_time::Nanos;
use futures::future::join_all;

use crate::error::TickError;
use crate::host::Host;
use crate::settings::Settings;
use crate::state::{Attempt, Lease, Queued, State};

/// The outcome of deliveries in a tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Deliveries that a sink took.
    pub sent: u64,
    /// Deliveries that failed, and will be tried again.
    pub failed: Vec<String>,
    /// Deliveries that were given up.
    pub given_up: Vec<String>,
    /// Deliveries that were due and not begun, because the tick had to end.
    pub postponed: usize,
}

/// The time that the process which committed a notification has to send it, in nanoseconds.
pub(crate) const LEASE: i64 = Nanos::MINUTE.0;

/// The rest of a lease in which nothing new is begun under it: the slowest sink needs less.
const MARGIN: i64 = 20 * Nanos::SECOND.0;

/// The first distance to another try; it doubles up to the longest: a pager that works again is not to be left alone
/// for long.
const FIRST_RETRY: i64 = 30 * Nanos::SECOND.0;
const LONGEST_RETRY: i64 = 5 * Nanos::MINUTE.0;

/// The longest time for which a sink may ask to be left alone, in nanoseconds.
const LONGEST_ASKED: i64 = Nanos::HOUR.0;

/// The number of failures in a row after which a sink is reported.
const REPORT_AFTER: u32 = 3;

/// The result of one attempt.
struct Outcome {
    sink: String,
    id: String,
    result: Result<(), SinkError>,
}

/// Sends what is due, until nothing is.
pub(crate) async fn deliver(host: Host<'_>, settings: &Settings) -> Result<Delivered, TickError> {
    let mut delivered = Delivered::default();
    loop {
        let (mut state, version) = host.load().await?;
        let now = (host.clock)();
        let due = due(&state.outbox, host.nonce, now);
        if host.is_over() {
            delivered.postponed = due.len();
            if is_leased(&state.outbox, host.nonce) {
                // Whoever goes on need not wait for the leases to end.
                confirm(host, settings, &[], &mut delivered).await?;
            }
            return Ok(delivered);
        }
        if due.is_empty() {
            return Ok(delivered);
        }
        if lease(&mut state.outbox, &due, host.nonce, now)
            && host.swap(&mut state, version.as_ref()).await?.is_none()
        {
            continue;
        }
        let _sending = host.stop.sending();
        let outcomes = send(host, &state, &due).await;
        confirm(host, settings, &outcomes, &mut delivered).await?;
    }
}

fn is_free(attempt: &Attempt, nonce: &str, now: i64) -> bool {
    attempt.not_before <= now
        && attempt.lease.as_ref().is_none_or(|lease| lease.by == nonce || lease.until <= now)
}

/// Returns whether some delivery is leased by this process.
fn is_leased(outbox: &[Queued], nonce: &str) -> bool {
    let mut attempts = outbox.iter().flat_map(|queued| queued.pending.values());
    attempts.any(|attempt| attempt.lease.as_ref().is_some_and(|lease| lease.by == nonce))
}

/// Places in the outbox, and sinks.
type Deliveries = BTreeSet<(usize, String)>;

/// The deliveries that may be begun now. What is told of related alerts, or of one trouble, is told in order, whatever has
/// to be tried again: a `firing` behind its `resolved` would leave an incident open at the receiver for ever.
fn due(outbox: &[Queued], nonce: &str, now: i64) -> Deliveries {
    let mut due = Deliveries::new();
    let mut waiting: BTreeSet<(&str, Id)> = BTreeSet::new();
    for (at, queued) in outbox.iter().enumerate().filter(|(_, queued)| !queued.held) {
        // What is told of an alert may have been told with another, to which it is related.
        let about = queued.notification.grouping_key();
        for (sink, attempt) in &queued.pending {
            if is_free(attempt, nonce, now) && !waiting.contains(&(sink.as_str(), about)) {
                due.insert((at, sink.clone()));
            } else {
                waiting.insert((sink.as_str(), about));
            }
        }
    }
    due
}

/// Leases what is due, and says whether the state changed by it.
fn lease(outbox: &mut [Queued], due: &Deliveries, nonce: &str, now: i64) -> bool {
    let mut changed = false;
    for (at, sink) in due {
        let Some(attempt) = outbox.get_mut(*at).and_then(|queued| queued.pending.get_mut(sink)) else {
            continue;
        };
        let ours = attempt
            .lease
            .as_ref()
            .is_some_and(|lease| lease.by == nonce && lease.until > now.saturating_add(MARGIN));
        if !ours {
            attempt.lease = Some(Lease { by: nonce.to_owned(), until: now.saturating_add(LEASE) });
            changed = true;
        }
    }
    changed
}

/// Sends what is leased: sinks side by side, each its notifications in order, until one of them fails.
async fn send(host: Host<'_>, state: &State, due: &Deliveries) -> Vec<Outcome> {
    let of_sink = |routed: &Routed| -> Vec<&Queued> {
        let mine = due.iter().filter(|(_, sink)| sink == routed.sink.name());
        mine.filter_map(|(at, _)| state.outbox.get(*at)).collect()
    };
    let sending = host.sinks.iter().map(|routed| async move {
        let mut outcomes = Vec::new();
        for queued in of_sink(routed) {
            let now = (host.clock)();
            let attempt = queued.pending.get(routed.sink.name());
            let until = attempt.and_then(|attempt| attempt.lease.as_ref()).map_or(now, |lease| lease.until);
            if now.saturating_add(MARGIN) > until || host.is_over() {
                break;
            }
            let left = Duration::from_nanos(until.saturating_sub(now).unsigned_abs());
            let result = routed.send(&queued.notification, now, left).await;
            let stop = result.as_ref().is_err_and(SinkError::is_retry);
            outcomes.push(Outcome {
                sink: routed.sink.name().to_owned(),
                id: queued.notification.id.to_string(),
                result,
            });
            if stop {
                break;
            }
        }
        outcomes
    });
    join_all(sending).await.into_iter().flatten().collect()
}

/// Takes what was sent out of the state, and gives back what was leased and not.
async fn confirm(
    host: Host<'_>,
    settings: &Settings,
    outcomes: &[Outcome],
    delivered: &mut Delivered,
) -> Result<(), TickError> {
    let mut lost = 0;
    loop {
        let (mut state, version) = host.load().await?;
        let mut told = delivered.clone();
        apply(&mut state, host, settings, outcomes, &mut told);
        if host.swap(&mut state, version.as_ref()).await?.is_some() {
            *delivered = told;
            return Ok(());
        }
        lost += 1;
        if lost >= 100 {
            return Err(TickError::Contended(lost));
        }
    }
}

fn apply(state: &mut State, host: Host<'_>, settings: &Settings, outcomes: &[Outcome], told: &mut Delivered) {
    let now = (host.clock)();
    let results: BTreeMap<(&str, &str), &Result<(), SinkError>> = outcomes
        .iter()
        .map(|outcome| ((outcome.sink.as_str(), outcome.id.as_str()), &outcome.result))
        .collect();
    let known: Vec<&str> = host.sinks.iter().map(|routed| routed.sink.name()).collect();
    // Why sinks refused that are to be told of, and those that took something.
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let mut took: BTreeSet<String> = BTreeSet::new();
    // A sink that fails is left alone for a while, whatever waits for it.
    let failing: BTreeSet<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.result.as_ref().is_err_and(SinkError::is_retry))
        .map(|outcome| outcome.sink.as_str())
        .collect();
    for queued in &mut state.outbox {
        let id = queued.notification.id.to_string();
        let title = queued.notification.title.clone();
        let old = now.saturating_sub(queued.notification.at) > settings.delivery_limit.0;
        queued.pending.retain(|sink, attempt| {
            let result = results.get(&(sink.as_str(), id.as_str()));
            if attempt.lease.as_ref().is_some_and(|lease| lease.by == host.nonce) {
                attempt.lease = None;
            }
            match result {
                Some(Ok(())) => {
                    told.sent += 1;
                    state.sinks.remove(sink);
                    took.insert(sink.clone());
                    false
                }
                Some(Err(error)) => {
                    let refusals = state.sinks.entry(sink.clone()).or_default();
                    refusals.in_a_row += 1;
                    attempt.failed += 1;
                    let again = error.is_retry() && !old;
                    refusals.given_up += u64::from(!again);
                    if refusals.given_up > 0 || refusals.in_a_row >= REPORT_AFTER {
                        refused.insert(sink.clone(), error.to_string());
                    }
                    if again {
                        attempt.not_before = now.saturating_add(distance(attempt.failed, error));
                        told.failed.push(format!("{sink}: {title}: {error}"));
                    } else {
                        told.given_up.push(format!("{sink}: {title}: {error}"));
                    }
                    again
                }
                None if !known.contains(&sink.as_str()) => {
                    told.given_up.push(format!("{sink}: {title}: there is no such sink any more"));
                    false
                }
                // It would have waited longer than anything waits: one report is for all of these.
                None if old && failing.contains(sink.as_str()) => {
                    state.sinks.entry(sink.clone()).or_default().given_up += 1;
                    told.given_up.push(format!("{sink}: {title}: the sink has refused for too long"));
                    false
                }
                None => {
                    if failing.contains(sink.as_str()) {
                        attempt.not_before = attempt.not_before.max(now.saturating_add(FIRST_RETRY));
                    }
                    true
                }
            }
        });
    }
    // What waits for a sink that takes everything again waits no longer, whatever was refused before.
    for attempt in state.outbox.iter_mut().flat_map(|queued| &mut queued.pending) {
        if took.contains(attempt.0) && !failing.contains(attempt.0.as_str()) {
            attempt.1.not_before = 0;
        }
    }
    state.outbox.retain(|queued| !queued.pending.is_empty());
    report(state, host, settings, refused, &took, now);
}

/// Tells the other sinks of those that refuse, and of those that take something again.
fn report(
    state: &mut State,
    host: Host<'_>,
    settings: &Settings,
    refused: BTreeMap<String, String>,
    took: &BTreeSet<String>,
    now: i64,
) {
    let gone: Vec<String> = state
        .troubles
        .open()
        .filter_map(|trouble| match &trouble.subject {
            Subject::Sink(sink) if !host.sinks.iter().any(|routed| routed.sink.name() == sink) => {
                Some(sink.clone())
            }
            _ => None,
        })
        .collect();
    let mut told: Vec<(String, Notification)> = Vec::new();
    for sink in took.iter().chain(&gone).filter(|sink| !refused.contains_key(*sink)) {
        let all_clear = state.troubles.ended(&Subject::Sink(sink.clone()), now);
        told.extend(all_clear.map(|all_clear| (sink.clone(), all_clear)));
    }
    for (sink, error) in refused {
        let refusals = state.sinks.get(&sink).cloned().unwrap_or_default();
        let waiting = state.outbox.iter().filter(|queued| queued.pending.contains_key(&sink)).count();
        let in_a_row = match refusals.in_a_row {
            0 | 1 => String::new(),
            times => format!(", {times} times in a row"),
        };
        let given_up = match refusals.given_up {
            0 => String::new(),
            count => format!(", and {count} were given up"),
        };
        let reason = format!("{error}{in_a_row}; {waiting} notifications wait for it{given_up}");
        let wrong = Wrong::new(Subject::Sink(sink.clone()), reason).of(refusals.given_up + 1);
        let found = state.troubles.found(wrong, now, &settings.telling());
        told.extend(found.map(|found| (sink, found)));
    }
    for (sink, notification) in told {
        let pending = addressed(state, host, &notification, None, Some(&sink));
        if !pending.is_empty() {
            state.outbox.push(Queued { notification, pending, held: false });
        }
    }
}

/// The sinks that a notification is sent to: those that want it, but for one that it is about. An all-clear goes to
/// those that were told of the trouble.
pub(crate) fn addressed(
    state: &mut State,
    host: Host<'_>,
    notification: &Notification,
    lease: Option<&Lease>,
    except: Option<&str>,
) -> BTreeMap<String, Attempt> {
    let wanting = host
        .sinks
        .iter()
        .filter(|routed| Some(routed.sink.name()) != except && routed.wants(notification))
        .map(|routed| routed.sink.name().to_owned())
        .collect();
    let addressed = state.troubles.address(notification, wanting);
    addressed
        .into_iter()
        .map(|sink| (sink, Attempt { lease: lease.cloned(), ..Attempt::default() }))
        .collect()
}

fn distance(failed: u32, error: &SinkError) -> i64 {
    let doubled = FIRST_RETRY.saturating_mul(1_i64 << failed.saturating_sub(1).min(20)).min(LONGEST_RETRY);
    let asked =
        error.retry_after().and_then(|asked| i64::try_from(asked.as_nanos()).ok()).unwrap_or_default();
    doubled.max(asked.min(LONGEST_ASKED))
}
