//! `fluo run`: the evaluator as a process, or one tick of it.

mod start;

use std::time::Duration;

use fluo_alerts::log::Level;
use fluo_evaluator::TickError;
use fluo_evaluator::{Evaluator, Host, Request, Stop, Ticked, tick_live};
use fluo_sinks::{Routed, SinkConfig, route_all};
use fluo_store::Root;
use fluo_telemetry::{LONGEST_FLUSH, Traces};
use fluo_time::moment;
use serde_json::{Value, json};

use crate::args::Run;
use crate::deployed::{Configured, evaluator};
use crate::edge::{nonce, now, variable};
use crate::exit::{Failure, Status};
use crate::signals;
use crate::terminal::log;

/// The time for which own traces may still be sent by a process that is asked to end.
const LAST_FLUSH: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: &Run) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    // One evaluation that is not made is not done; a process that runs for ever is done whenever it is asked to end.
    let asked_to_end = if args.once { Status::Failed } else { Status::Done };
    let stop = signals::listen(asked_to_end)?;
    let root = configured.root()?;
    let sinks = sinks(&configured)?;
    let nonce = nonce();
    if !start::wait_for_store(&root, &configured.config.store, &nonce, args.once, &stop).await? {
        return Ok(asked_to_end);
    }
    let evaluator = evaluator(configured.config.settings(), root.clone());
    let traces = Traces::start("fluo", &variable).unwrap_or_else(|error| {
        log(Level::Warning, &error.to_string(), Value::Null);
        Traces::default()
    });
    let runner = Runner {
        configured: &configured,
        evaluator: &evaluator,
        root: &root,
        sinks: &sinks,
        nonce: &nonce,
        traces: &traces,
        stop: &stop,
    };
    if args.once {
        let at = match &args.at {
            Some(text) => moment::parse(text, now()).map_err(|error| Failure::usage(error.to_string()))?,
            None => now(),
        };
        let Ticked { delivered, unfinished, .. } = runner.tick(Request::scheduled(at)).await?;
        let all = delivered.failed.is_empty() && delivered.given_up.is_empty() && delivered.postponed == 0;
        return Ok(if all && !unfinished { Status::Done } else { Status::Failed });
    }
    let timetable = configured.config.timetable();
    let mut last = now();
    loop {
        let request = timetable.next(last, now());
        let wait = Duration::from_nanos(request.eval_time.saturating_sub(now()).max(0).unsigned_abs());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.asked() => return Ok(asked_to_end),
        }
        // One evaluation that cannot be made is told of, and the next one catches up.
        if let Err(failure) = runner.tick(request).await {
            log(Level::Error, &failure.to_string(), Value::Null);
        }
        last = request.eval_time;
    }
}

/// The things that every tick needs.
struct Runner<'a> {
    configured: &'a Configured,
    evaluator: &'a Evaluator,
    root: &'a Root,
    sinks: &'a [Routed],
    nonce: &'a str,
    traces: &'a Traces,
    stop: &'a Stop,
}

impl Runner<'_> {
    /// An evaluation, and what it has to say of itself.
    async fn tick(&self, request: Request) -> Result<Ticked, Failure> {
        let ticked = self.evaluate(request).await;
        let asked = async {
            self.stop.asked().await;
            tokio::time::sleep(LAST_FLUSH).await;
        };
        tokio::select! {
            flushed = self.traces.flush(LONGEST_FLUSH) => if let Err(error) = flushed {
                log(Level::Warning, &error.to_string(), Value::Null);
            },
            () = asked => {}
        }
        ticked
    }

    async fn evaluate(&self, request: Request) -> Result<Ticked, Failure> {
        let files = self.configured.files();
        let host = Host {
            root: self.root,
            sinks: self.sinks,
            clock: &now,
            nonce: self.nonce,
            deadline: None,
            stop: self.stop,
            evaluated: &|report| {
                let (level, message, fields) = report.line();
                log(level, message, fields);
            },
        };
        let tick = tick_live(self.evaluator, &files, host, request).await.map_err(|error| match error {
            TickError::Future { .. } => Failure::usage(error.to_string()),
            error => Failure::because("could not evaluate", error),
        })?;
        for (level, message, fields) in tick.lines() {
            log(level, message, fields);
        }
        Ok(tick.ticked)
    }
}

/// The sinks; standard output where none is configured.
fn sinks(configured: &Configured) -> Result<Vec<Routed>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("the sinks cannot be used: {error}"));
    if configured.config.sinks.is_empty() {
        let stdout: SinkConfig =
            serde_json::from_value(json!({"type": "stdout"})).map_err(|error| wrong(&error))?;
        return route_all(&[stdout], &variable, None).map_err(|error| wrong(&error));
    }
    route_all(&configured.config.sinks, &configured.environment(), None).map_err(|error| wrong(&error))
}
