//! An invocation → its answer, log and metrics.

use fluo_alerts::escape::{chain, plain};
use fluo_alerts::step;
use fluo_alerts::step::{Instrument as _, failed};
use fluo_evaluator::TickError;
use fluo_evaluator::live::Files;
use fluo_evaluator::report::Report;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Cause, Evaluator, Host, ReadRules, RuleStore, Stop, Ticked, tick_live};
use fluo_runtime::log::{Level, line};
use fluo_runtime::metrics::{Metric, Unit, emit};
use fluo_runtime::{Environment, EnvironmentError, Invocation, aws};
use fluo_sinks::{Routed, route_all};
use fluo_store::{Root, StoreError, open_root};
use fluo_time::{Nanos, moment};
use serde_json::{Value, json};

use crate::configuration::{configuration, rules, topic};
use crate::request::{EventError, is_of_queue, request};
use crate::subscribers::Subscribers;

/// The rest of an invocation in which nothing more is begun, in nanoseconds: a chunk of a catch-up takes less, and what
/// is cut off all the same is done again.
const MARGIN: i64 = 20 * Nanos::SECOND.0;

/// The time between two counts of the topic's subscribers, in nanoseconds.
const COUNTED_EVERY: i64 = 5 * Nanos::MINUTE.0;

/// The part of its memory in which the function keeps data files, for its next rules and invocations.
const KEPT_SHARE: u64 = 4;

/// The bytes that it keeps where its memory is not known.
const KEPT: u64 = 256 << 20;

/// The function, between its invocations.
pub struct EvaluateRules {
    evaluator: Evaluator,
    root: Root,
    rules: RuleStore,
    sinks: Vec<Routed>,
    subscribers: Subscribers,
    every: i64,
    name: String,
    nonce: String,
    clock: &'static (dyn Fn() -> i64 + Send + Sync),
}

/// The reasons why the function could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Occurs when the environment lacks something.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Occurs when the store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the topic cannot be used.
    #[error(transparent)]
    Topic(#[from] fluo_sinks::error::ConfigError),
}

/// The reasons why an invocation failed. Nothing is lost by it: the next one evaluates what this one did not.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// Occurs when its event asks for no evaluation.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Occurs when the evaluation cannot be made.
    #[error("could not evaluate: {}", fluo_alerts::escape::chain(.0))]
    Tick(#[from] TickError),
}

impl EvaluateRules {
    /// The function as its environment describes it. `clock`: nanoseconds since the epoch.
    pub fn start(
        environment: &Environment,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, StartError> {
        let configuration = configuration(environment)?;
        let root = open_root(&configuration.store, &environment.lookup())?;
        let (rules_root, folder) = rules(environment, &root)?;
        let aws = aws::configuration(environment, aws::Service::Sns)?;
        let sinks = route_all(&configuration.sinks, &|_| None, Some(&aws))?;
        let subscribers = Subscribers::of(topic(environment)?, &aws);
        let kept = environment.memory().map_or(KEPT, |memory| memory / KEPT_SHARE);
        let data = SpanData::new(root.clone().keeping_files(kept));
        let name = environment.function_name("evaluate-rules");
        // Lambda gives every environment of a function a log stream of its own.
        let stream = environment.get("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or(&name);
        let nonce = format!("{stream}-{:x}-{:x}", clock(), std::process::id());
        Ok(Self {
            evaluator: Evaluator::new(configuration.settings(), data),
            rules: RuleStore::new(rules_root, &folder),
            every: configuration.every.0,
            root,
            sinks,
            subscribers,
            name,
            nonce,
            clock,
        })
    }

    /// Handles an invocation.
    ///
    /// A message of the queue of requests counts as done whatever became of it: delivered again, it would hold up those
    /// behind it until then, and by then the schedule has evaluated what it is about.
    ///
    /// # Errors
    ///
    /// [`InvocationError`] where the evaluation of another event cannot be made.
    pub async fn handle(&self, invocation: Invocation) -> Result<Value, InvocationError> {
        let is_of_queue = is_of_queue(&invocation.event);
        match self.evaluate(invocation).await {
            Ok(mut answer) => {
                if is_of_queue {
                    answer["batchItemFailures"] = json!([]);
                }
                Ok(answer)
            }
            Err(error) if is_of_queue => {
                let fields = json!({"reason": plain(&error.to_string())});
                let message = "an evaluation by arrival failed: the schedule's next one makes up for it";
                line(Level::Error, (self.clock)(), message, fields);
                Ok(json!({"batchItemFailures": []}))
            }
            Err(error) => Err(error),
        }
    }

    async fn evaluate(&self, invocation: Invocation) -> Result<Value, InvocationError> {
        let request = request(&invocation.event, (self.clock)(), self.every)?;
        let files = self.rules().await;
        let host = Host {
            root: &self.root,
            sinks: &self.sinks,
            clock: self.clock,
            nonce: &self.nonce,
            deadline: Some(invocation.deadline.saturating_sub(MARGIN)),
            // Lambda freezes a function between invocations, and ends it only there: what it must not begin, the
            // deadline says.
            stop: &Stop::default(),
            evaluated: &|report| self.tell(report),
        };
        let tick = tick_live(&self.evaluator, &files, host, request).await?;
        for (level, message, fields) in tick.lines() {
            line(level, (self.clock)(), message, fields);
        }
        let ticked = tick.ticked;
        self.measure(&ticked);
        if request.cause == Cause::Schedule && request.eval_time.rem_euclid(COUNTED_EVERY) == 0 {
            self.count_subscribers().await;
        }
        Ok(json!({
            "eval_time": moment::format(request.eval_time),
            "evaluations": ticked.reports.len(),
            "nothing_new": ticked.nothing_new,
            "overtaken": ticked.overtaken,
            "unfinished": ticked.unfinished,
        }))
    }

    /// The rule files and silences as they are now. What could not be read is told by the evaluation, and why here.
    async fn rules(&self) -> Files {
        let step = step!("read rules");
        let ReadRules { files, failures } = self.rules.read().instrument(step.clone()).await;
        for failure in &failures {
            let reason = chain(failure);
            failed(&step, &reason);
            line(Level::Warning, (self.clock)(), "rules could not be read", json!({"reason": reason}));
        }
        files
    }

    /// Log and metrics of an evaluation, as soon as it is committed: a catch-up takes minutes, in which the alarm on
    /// evaluations that are missed would go off.
    fn tell(&self, report: &Report) {
        let now = (self.clock)();
        let (level, message, fields) = report.line();
        line(level, now, message, fields);
        let seconds = |from: i64| now.saturating_sub(from).max(0).unsigned_abs() / 1_000_000_000;
        let watermark = report.eval_time.saturating_sub(self.evaluator.settings().eval_delay.0);
        let duration = report.eval_duration_ns.unwrap_or_default().max(0).unsigned_abs();
        let metrics: [Metric; 14] = [
            ("Evaluations", Unit::Count, 1),
            ("EvaluationDuration", Unit::Milliseconds, duration / 1_000_000),
            ("EvaluationLag", Unit::Seconds, seconds(report.eval_time)),
            ("WatermarkLag", Unit::Seconds, seconds(watermark)),
            ("NewFiles", Unit::Count, report.new_files.len() as u64),
            ("FilesRead", Unit::Count, report.files_read),
            ("BytesInFilesRead", Unit::Bytes, report.bytes_in_files),
            ("SpansInFilesRead", Unit::Count, report.spans_in_files),
            ("SpansInLateFiles", Unit::Count, report.spans_in_late_files),
            ("SpansSetAside", Unit::Count, report.spans_set_aside),
            ("SpansMended", Unit::Count, report.spans_mended),
            ("RulesFailed", Unit::Count, report.failed_rules.len() as u64),
            ("AlertsPending", Unit::Count, report.pending),
            ("AlertsFiring", Unit::Count, report.firing),
        ];
        emit(&self.name, now, &metrics);
    }

    /// Metrics of the topic's subscribers. That they are not known is no failure: whoever is subscribed is told all the
    /// same.
    async fn count_subscribers(&self) {
        match self.subscribers.count().await {
            Ok(metrics) => emit(&self.name, (self.clock)(), &metrics),
            Err(reason) => {
                let fields = json!({"reason": plain(&reason)});
                line(Level::Warning, (self.clock)(), "not known who is subscribed to the topic", fields);
            }
        }
    }

    /// Metrics of an invocation. `Evaluations` is zero where there was nothing to evaluate.
    fn measure(&self, ticked: &Ticked) {
        let mut metrics: Vec<Metric> = vec![
            ("NotificationsFailed", Unit::Count, ticked.delivered.failed.len() as u64),
            ("NotificationsGivenUp", Unit::Count, ticked.delivered.given_up.len() as u64),
        ];
        if ticked.reports.is_empty() {
            metrics.push(("Evaluations", Unit::Count, 0));
        }
        emit(&self.name, (self.clock)(), &metrics);
    }
}
