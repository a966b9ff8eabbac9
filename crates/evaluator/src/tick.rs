//! One tick: evaluate what is due, commit it, write what it recorded, deliver what it told.
//!
//! ```text
//! read state ─▶ evaluate ─▶ swap state ─▶ write records ─▶ send ─▶ swap out what was sent
//!     ▲                        │ lost: reload
//!     └──── next chunk ────────┘                     then, if there is time, layout, traces and page
//! ```
//!
//! Nothing outside `state/` is written before the swap that commits it, and everything after it can be done again from
//! the state: whoever comes next finishes what a crash left (I3, I4).

use std::collections::BTreeMap;
use std::time::Duration;

use fluo_alerts::life_cycle::Mutes;
use fluo_alerts::notification::Notification;
use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_rules::SourceFile;
use fluo_store::guard::locked;
use fluo_store::records::{evaluation_object, violation_objects};
use fluo_store::{Version, put_if_absent};
use fluo_time::moment;
use object_store::path::Path;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::arrivals::{Arrivals, By};
use crate::catch_up;
use crate::chain;
use crate::error::TickError;
use crate::evaluate::{Evaluator, Inputs, Patience};
use crate::future::is_future;
use crate::host::Host;
use crate::layout::{self, LayoutChange};
use crate::outbox::{self, Delivered, LEASE};
use crate::page;
use crate::records::row;
use crate::report::Report;
use crate::request::{Cause, Request};
use crate::rule_set::RuleSet;
use crate::state::{Lease, Queued, State, StateError, Unwritten};

/// The result of a tick.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ticked {
    /// Its evaluations, in order.
    pub reports: Vec<Report>,
    /// The notifications of fluo's own troubles.
    pub troubles: Vec<Notification>,
    /// Rule files that do not load, and why.
    pub broken_files: BTreeMap<String, String>,
    /// The outcome of deliveries.
    pub delivered: Delivered,
    /// The state holds an evaluation of this time, which has not come: nothing was evaluated.
    pub future: Option<i64>,
    /// It was asked for by arrival, and nothing had arrived: nothing was evaluated.
    pub nothing_new: bool,
    /// Another evaluator was there first.
    pub overtaken: bool,
    /// The reason why the page beside the state could not be written, if it could not.
    pub page_error: Option<String>,
    /// It had to end before everything was caught up: the deadline came, or somebody asked.
    pub unfinished: bool,
    /// Span files have other columns from now on, or should have.
    pub layout: Option<LayoutChange>,
}

/// The number of times that a lost swap is tried again.
const MOST_LOST: u32 = 100;

/// The rules and the silences that are deployed.
#[derive(Clone, Copy)]
pub struct Deployed<'a> {
    /// Rule files.
    pub rules: &'a [SourceFile],
    /// The mutes, which say what is silenced.
    pub mutes: Mutes<'a>,
}

/// Evaluates up to the request's time, and delivers.
pub async fn tick(
    evaluator: &Evaluator,
    arrivals: &dyn Arrivals,
    deployed: Deployed<'_>,
    host: Host<'_>,
    request: Request,
) -> Result<Ticked, TickError> {
    let mut ticked = Ticked::default();
    let eval_time = request.eval_time;
    let now = (host.clock)();
    if is_future(eval_time, now) {
        return Err(TickError::Future { eval_time, now });
    }
    let mut lost = 0;
    let mut committed = None;
    loop {
        let (before, version) = host.load().await?;
        let done = !before.is_new() && before.eval_time >= eval_time;
        if host.is_over() {
            ticked.unfinished = !done;
            break;
        }
        // What an earlier tick, or one that was killed and is tried again, committed and did not come to write.
        write(evaluator, host, &before.unwritten).await?;
        if done {
            if is_future(before.eval_time, now) {
                ticked.future = Some(before.eval_time);
                let reason = format!("its last evaluation is of {}", moment::human(before.eval_time));
                let wrong = Wrong::new(Subject::FutureState, reason);
                let step = catch_up::Step { eval_time, last: true, skip_to: None };
                ticked.troubles = tell(evaluator, host, before, version.as_ref(), step, wrong).await?;
            }
            break;
        }
        evaluator.panes.open(host.root).await;
        if evaluator.settings().page {
            evaluator.page.open(host.root).await;
        }
        let began = (host.clock)();
        let rules = evaluator.rules.load(deployed.rules, &before.rule_files);
        let step = catch_up::next(&before, evaluator.settings(), eval_time);
        let inputs = Inputs {
            rules: &rules,
            mutes: deployed.mutes,
            arrivals,
            by: if step.last { By::Now } else { By::Time(step.eval_time) },
            eval_time: step.eval_time,
            skip_to: step.skip_to,
            patience: Some(Patience { clock: host.clock, deadline: host.deadline }),
        };
        let evaluating = step!("evaluate", fluo.eval_time = moment::format(step.eval_time));
        // What an outage left is caught up whoever asks.
        let may_be_idle = request.cause == Cause::Arrival && step.last && ticked.reports.is_empty();
        let evaluate = async {
            if may_be_idle && !before.is_new() {
                return evaluator.evaluate_news(before.clone(), inputs).await;
            }
            evaluator.evaluate(before.clone(), inputs).await.map(Some)
        };
        let evaluation = tokio::select! {
            evaluation = traced(evaluating, Box::pin(evaluate)) => evaluation,
            // Nothing knows of it yet: the next tick makes it anew.
            () = host.stop.asked() => {
                ticked.unfinished = true;
                break;
            }
        };
        let evaluation = match evaluation {
            Ok(Some(evaluation)) => evaluation,
            Ok(None) => {
                ticked.nothing_new = true;
                if before.outbox.is_empty() {
                    return Ok(ticked);
                }
                break;
            }
            Err(error) => {
                // Nothing is evaluated where files cannot be listed; what waits is delivered all the same.
                let wrong = Wrong::new(Subject::Outage, chain(&error));
                tell(evaluator, host, before, version.as_ref(), step, wrong).await?;
                outbox::deliver(host, evaluator.settings()).await?;
                return Err(error.into());
            }
        };
        let (tracks, trace_files) = (evaluation.tracks, evaluation.trace_files);
        let mut notifications = evaluation.notifications;
        if let Some(from) = step.skip_to {
            notifications.insert(0, catch_up::unjudged(before.eval_time, from, step.eval_time));
        }
        let troubles =
            notifications.iter().filter(|told| told.trouble.is_some()).cloned().collect::<Vec<_>>();
        let mut report = evaluation.report;
        report.evaluated_at = Some(began);
        report.eval_duration_ns = Some((host.clock)().saturating_sub(began));
        let mut state = evaluation.state;
        queue(&mut state, notifications, host, step.last);
        state.unwritten = vec![Unwritten {
            eval_time: step.eval_time,
            generation: state.generation,
            violations: evaluation.records,
            evaluation: fluo_rules::json::to_string(&report).map_err(StateError::Json)?,
            rule_texts: new_texts(&before, &rules),
        }];
        if host.swap(&mut state, version.as_ref()).await?.is_some() {
            lost = 0;
            write(evaluator, host, &state.unwritten).await?;
            (host.evaluated)(&report);
            if evaluator.page.is_open() {
                let records = state.unwritten.iter().flat_map(|unwritten| &unwritten.violations);
                evaluator.page.add(records, &tracks, &rules, step.eval_time, trace_files);
            }
            ticked.reports.push(report.clone());
            ticked.troubles.extend(troubles);
            ticked.broken_files = rules.errors.clone();
            committed = Some((state, rules, report));
            if step.last {
                break;
            }
            continue;
        }
        lost += 1;
        let (stored, _) = host.load().await?;
        if stored.eval_time >= step.eval_time {
            ticked.overtaken = true;
            break;
        }
        if lost >= MOST_LOST {
            return Err(TickError::Contended(lost));
        }
    }
    if !ticked.overtaken {
        ticked.delivered = traced(step!("deliver"), outbox::deliver(host, evaluator.settings())).await?;
    }
    if !ticked.reports.is_empty() && !host.is_over() {
        evaluator.panes.keep(host.root).await;
    }
    if let Some((state, rules, report)) = &committed {
        let keep = evaluator.layout.keep(host.root, rules, &evaluator.settings().columns, eval_time);
        ticked.layout = aside(host, layout::PATIENCE, keep)
            .await
            .and_then(|kept| kept.unwrap_or_else(|_| Some(LayoutChange::too_slow())));
        ticked.page_error = keep_page(evaluator, host, state, rules, report).await;
    }
    Ok(ticked)
}

/// Keeps the page of a committed evaluation, if one is kept. Returns the reason why it could not be written.
async fn keep_page(
    evaluator: &Evaluator,
    host: Host<'_>,
    state: &State,
    rules: &RuleSet,
    report: &Report,
) -> Option<String> {
    if !evaluator.page.is_open() {
        return None;
    }
    // Where there is no time for it, the page shows what violations carry of their traces.
    aside(host, page::PATIENCE, evaluator.read_traces(state, rules)).await;
    let keep = traced(step!("write page"), evaluator.page.keep(host.root, state, rules, report));
    aside(host, page::PATIENCE, keep).await.and_then(|kept| match kept {
        Ok(kept) => kept.err().map(|error| chain(&error)),
        Err(_) => Some(evaluator.page.gave_up()),
    })
}

/// Does what may be left out, when all else is done: for a while, and until somebody asks to stop. `None` where there was no
/// time for it.
async fn aside<T>(
    host: Host<'_>,
    patience: Duration,
    work: impl Future<Output = T>,
) -> Option<Result<T, Elapsed>> {
    if host.is_over() {
        return None;
    }
    tokio::select! {
        done = timeout(patience, work) => Some(done),
        () = host.stop.asked() => None,
    }
}

/// Tells of a trouble that keeps an evaluation from being made, at the evaluation's time. Returns what was told.
async fn tell(
    evaluator: &Evaluator,
    host: Host<'_>,
    mut state: State,
    version: Option<&Version>,
    step: catch_up::Step,
    wrong: Wrong,
) -> Result<Vec<Notification>, TickError> {
    let telling = evaluator.settings().telling();
    let told: Vec<_> = state.troubles.found(wrong, step.eval_time, &telling).into_iter().collect();
    if !told.is_empty() {
        queue(&mut state, told.clone(), host, step.last);
        // Where somebody else replaced the state meanwhile, they tell it, or had no such trouble.
        host.swap(&mut state, version).await?;
    }
    Ok(told)
}

/// Puts notifications into the outbox, leased by whoever commits them.
fn queue(state: &mut State, notifications: Vec<Notification>, host: Host<'_>, last: bool) {
    let until = (host.clock)().saturating_add(LEASE);
    for notification in notifications {
        state.outbox.push(Queued { notification, pending: BTreeMap::new(), held: true });
    }
    if !last {
        return;
    }
    if state.outbox.iter().any(|queued| queued.held && queued.notification.at != state.eval_time) {
        catch_up::condense(&mut state.outbox, state.eval_time);
    }
    let lease = Lease { by: host.nonce.to_owned(), until };
    let mut outbox = std::mem::take(&mut state.outbox);
    for queued in outbox.iter_mut().filter(|queued| queued.held) {
        queued.held = false;
        queued.pending = outbox::addressed(state, host, &queued.notification, Some(&lease), None);
    }
    state.outbox = outbox;
    state.troubles.forget_over();
    state.outbox.retain(|queued| !queued.pending.is_empty());
}

/// Texts of rules that were not known by their hash before.
fn new_texts(before: &State, rules: &RuleSet) -> BTreeMap<String, String> {
    let known = |name: &str, hash: &str| before.rules.get(name).is_some_and(|state| state.hash == hash);
    rules
        .rules
        .iter()
        .filter(|(name, rule)| !known(name, &rule.hash))
        .map(|(_, rule)| (rule.hash.clone(), rule.text.clone()))
        .collect()
}

/// Writes what was committed, unless this process has. Writing it twice writes the same.
async fn write(evaluator: &Evaluator, host: Host<'_>, unwritten: &[Unwritten]) -> Result<(), TickError> {
    traced(step!("write records"), async {
        let written = || locked(&evaluator.written);
        for records in unwritten {
            let evaluation = Some((records.eval_time, records.generation));
            if *written() == evaluation {
                continue;
            }
            for (hash, text) in &records.rule_texts {
                let path = Path::from(format!("state/rules/{hash}.yml"));
                put_if_absent(host.root.store.as_ref(), &host.root.at(&path), text.clone().into()).await?;
            }
            let rows = records
                .violations
                .iter()
                .map(row)
                .collect::<Result<Vec<_>, _>>()
                .map_err(StateError::Json)?;
            let mut objects = violation_objects(&rows, records.eval_time, records.generation)?;
            objects.push(evaluation_object(&records.evaluation, records.eval_time, records.generation));
            for (path, bytes) in objects {
                put_if_absent(host.root.store.as_ref(), &host.root.at(&path), bytes).await?;
            }
            *written() = evaluation;
        }
        Ok(())
    })
    .await
}
