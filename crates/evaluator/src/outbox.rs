//! Delivery: lease, send, confirm. At least once, each with one id.

use std::collections::{BTreeMap, BTreeSet};

use fluo_sinks::{Routed, SinkError};
use futures::future::join_all;

use crate::notices;
use crate::settings::Settings;
use crate::state::{Attempt, Lease, Queued, State};
use crate::tick::{Host, LEASE, TickError, load, swap};

/// What became of notifications in a tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Deliveries that a sink took.
    pub sent: u64,
    /// Deliveries that failed, and will be tried again.
    pub failed: Vec<String>,
    /// Deliveries that were given up.
    pub given_up: Vec<String>,
}

/// What is left of a lease when nothing new is begun under it: the slowest sink needs less.
const MARGIN: i64 = 20_000_000_000;

/// The first distance to another try; it doubles up to the longest.
const FIRST_RETRY: i64 = 30_000_000_000;
const LONGEST_RETRY: i64 = 3_600_000_000_000;

/// A sink that failed so often in a row is reported.
const REPORT_AFTER: u32 = 3;

/// What one attempt gave.
struct Outcome {
    sink: String,
    id: String,
    result: Result<(), SinkError>,
}

/// Sends what is due, until nothing is.
pub(crate) async fn deliver(host: Host<'_>, settings: &Settings) -> Result<Delivered, TickError> {
    let mut delivered = Delivered::default();
    loop {
        let (mut state, version) = load(host).await?;
        let now = (host.clock)();
        if host.deadline.is_some_and(|deadline| now >= deadline) {
            return Ok(delivered);
        }
        if !state.outbox.iter().any(|queued| is_due(queued, host.nonce, now)) {
            return Ok(delivered);
        }
        if lease(&mut state.outbox, host.nonce, now)
            && swap(host, &mut state, version.as_ref()).await?.is_none()
        {
            continue;
        }
        let outcomes = send(host, &state).await;
        confirm(host, settings, &outcomes, &mut delivered).await?;
    }
}

fn is_free(attempt: &Attempt, nonce: &str, now: i64) -> bool {
    attempt.not_before <= now
        && attempt.lease.as_ref().is_none_or(|lease| lease.by == nonce || lease.until <= now)
}

fn is_due(queued: &Queued, nonce: &str, now: i64) -> bool {
    !queued.held && queued.pending.values().any(|attempt| is_free(attempt, nonce, now))
}

/// Leases what is due, and says whether the state changed by it.
fn lease(outbox: &mut [Queued], nonce: &str, now: i64) -> bool {
    let mut changed = false;
    for attempt in
        outbox.iter_mut().filter(|queued| !queued.held).flat_map(|queued| queued.pending.values_mut())
    {
        let ours = attempt
            .lease
            .as_ref()
            .is_some_and(|lease| lease.by == nonce && lease.until > now.saturating_add(MARGIN));
        if is_free(attempt, nonce, now) && !ours {
            attempt.lease = Some(Lease { by: nonce.to_owned(), until: now.saturating_add(LEASE) });
            changed = true;
        }
    }
    changed
}

/// Sends what is leased: sinks side by side, each its notifications in order, until one of them fails.
async fn send(host: Host<'_>, state: &State) -> Vec<Outcome> {
    let of_sink = |routed: &Routed| -> Vec<&Queued> {
        let mine = |queued: &&Queued| {
            let attempt = queued.pending.get(routed.sink.name());
            attempt.and_then(|attempt| attempt.lease.as_ref()).is_some_and(|lease| lease.by == host.nonce)
        };
        state.outbox.iter().filter(|queued| !queued.held).filter(mine).collect()
    };
    let sending = host.sinks.iter().map(|routed| async move {
        let mut outcomes = Vec::new();
        for queued in of_sink(routed) {
            let now = (host.clock)();
            let attempt = queued.pending.get(routed.sink.name());
            let until = attempt.and_then(|attempt| attempt.lease.as_ref()).map_or(now, |lease| lease.until);
            if now.saturating_add(MARGIN) > until || host.deadline.is_some_and(|deadline| now >= deadline) {
                break;
            }
            let result = routed.sink.send(&queued.notification, now).await;
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
        let (mut state, version) = load(host).await?;
        let mut told = delivered.clone();
        apply(&mut state, host, settings, outcomes, &mut told);
        if swap(host, &mut state, version.as_ref()).await?.is_some() {
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
    let mut reports: BTreeMap<String, String> = BTreeMap::new();
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
                    false
                }
                Some(Err(error)) => {
                    let refusals = state.sinks.entry(sink.clone()).or_default();
                    refusals.in_a_row += 1;
                    attempt.failed += 1;
                    let again = error.is_retry() && !old;
                    if !again || refusals.in_a_row == REPORT_AFTER {
                        reports.insert(sink.clone(), error.to_string());
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
                None => {
                    if failing.contains(sink.as_str()) {
                        attempt.not_before = attempt.not_before.max(now.saturating_add(FIRST_RETRY));
                    }
                    true
                }
            }
        });
    }
    state.outbox.retain(|queued| !queued.pending.is_empty());
    for (sink, reason) in reports {
        report(state, host, &sink, &reason);
    }
}

/// Tells the other sinks of one that refuses.
fn report(state: &mut State, host: Host<'_>, sink: &str, reason: &str) {
    let waiting = state.outbox.iter().filter(|queued| queued.pending.contains_key(sink)).count();
    let Some(refusals) = state.sinks.get_mut(sink) else { return };
    let notification = notices::sink_error(sink, refusals, reason, waiting, state.eval_time);
    refusals.told += 1;
    let pending: BTreeMap<String, Attempt> = host
        .sinks
        .iter()
        .filter(|routed| routed.sink.name() != sink && routed.wants(&notification))
        .map(|routed| (routed.sink.name().to_owned(), Attempt::default()))
        .collect();
    if !pending.is_empty() {
        state.outbox.push(Queued { notification, pending, held: false });
    }
}

fn distance(failed: u32, error: &SinkError) -> i64 {
    let doubled = FIRST_RETRY.saturating_mul(1_i64 << failed.saturating_sub(1).min(20)).min(LONGEST_RETRY);
    let asked =
        error.retry_after().and_then(|asked| i64::try_from(asked.as_nanos()).ok()).unwrap_or_default();
    doubled.max(asked.min(LONGEST_RETRY))
}
