//! `fluo run`: the evaluator as a process, or one tick of it.

use std::time::Duration;

use fluo_alerts::log::{Level, line};
use fluo_alerts::time;
use fluo_evaluator::{Evaluator, Host, Ticked, tick_live};
use fluo_sinks::{Routed, SinkConfig, route_all};
use fluo_store::{Root, probe};
use fluo_telemetry::{LONGEST_FLUSH, Traces};
use object_store::path::Path;
use serde_json::{Value, json};

use crate::args::Run;
use crate::deployed::{Configured, evaluator};
use crate::edge::{nonce, now, variable};
use crate::exit::{Failure, Status};
use crate::terminal;

pub(crate) async fn run(args: &Run) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let nonce = nonce();
    probe(root.versioned.as_ref(), &root.at(&Path::default()), &nonce).await.map_err(|error| {
        Failure::because(format!("`{}` cannot hold the state", configured.config.store), error)
    })?;
    let sinks = sinks(&configured)?;
    let evaluator = evaluator(configured.config.settings(), root.clone())?;
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
    };
    if args.once {
        let at = match &args.at {
            Some(text) => time::parse(text, now()).map_err(|error| Failure::usage(error.to_string()))?,
            None => now(),
        };
        let ticked = runner.tick(at).await?;
        let delivered = ticked.delivered.failed.is_empty() && ticked.delivered.given_up.is_empty();
        return Ok(if delivered { Status::Done } else { Status::Failed });
    }
    let every = configured.config.every.0;
    loop {
        let next = now().div_euclid(every).saturating_add(1).saturating_mul(every);
        let wait = Duration::from_nanos(next.saturating_sub(now()).unsigned_abs());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stopped() => return Ok(Status::Done),
        }
        // One evaluation that cannot be made is told of, and the next one catches up.
        if let Err(failure) = runner.tick(next).await {
            log(Level::Error, &failure.to_string(), Value::Null);
        }
    }
}

/// What every tick needs.
struct Runner<'a> {
    configured: &'a Configured,
    evaluator: &'a Evaluator,
    root: &'a Root,
    sinks: &'a [Routed],
    nonce: &'a str,
    traces: &'a Traces,
}

impl Runner<'_> {
    /// An evaluation, and what it has to say of itself.
    async fn tick(&self, eval_time: i64) -> Result<Ticked, Failure> {
        let ticked = self.evaluate(eval_time).await;
        if let Err(error) = self.traces.flush(LONGEST_FLUSH).await {
            log(Level::Warning, &error.to_string(), Value::Null);
        }
        ticked
    }

    async fn evaluate(&self, eval_time: i64) -> Result<Ticked, Failure> {
        let files = self.configured.files()?;
        let host =
            Host { root: self.root, sinks: self.sinks, clock: &now, nonce: self.nonce, deadline: None };
        let tick = tick_live(self.evaluator, &files, host, eval_time)
            .await
            .map_err(|error| Failure::because("could not evaluate", error))?;
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
    route_all(&configured.config.sinks, &variable, None).map_err(|error| wrong(&error))
}

/// A line of JSON on standard error.
fn log(level: Level, message: &str, fields: Value) {
    terminal::note(&line(level, now(), message, fields).to_string());
}

/// Returns when the process is asked to end.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Where signals cannot be listened to, the process is ended without being asked.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
