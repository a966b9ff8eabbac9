//! A function of Lambda: as many environments as there are invocations at a time, each used again.

use std::future::{Future, pending};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::runtime_api::{Configuration, Environment, Outcome};

/// An invocation as it went.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The event that the function was given.
    pub event: Value,
    /// The outcome.
    pub outcome: Outcome,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    configuration: Configuration,
    free: Mutex<Vec<Environment>>,
    invoked: Mutex<Vec<Invoked>>,
    logs: Mutex<String>,
}

impl Function {
    /// A function that has not been invoked.
    pub fn new(configuration: Configuration) -> Self {
        Self { configuration, free: Mutex::default(), invoked: Mutex::default(), logs: Mutex::default() }
    }

    /// Invokes it.
    pub async fn invoke(&self, event: Value) -> Outcome {
        self.invoke_and_kill(event, pending()).await
    }

    /// Invokes it with another timeout than its own.
    pub async fn invoke_within(&self, event: Value, timeout: Duration) -> Outcome {
        self.run(event, timeout, pending()).await
    }

    /// Invokes it, and kills its process when `kill` completes before it answers.
    pub async fn invoke_and_kill(&self, event: Value, kill: impl Future<Output = ()>) -> Outcome {
        self.run(event, self.configuration.timeout, kill).await
    }

    async fn run(&self, event: Value, timeout: Duration, kill: impl Future<Output = ()>) -> Outcome {
        let free = self.free.lock().unwrap().pop();
        let mut environment = match free {
            Some(environment) => environment,
            None => Environment::start(&self.configuration).await,
        };
        let outcome = environment.invoke(event.clone(), timeout, kill).await;
        self.invoked.lock().unwrap().push(Invoked { event, outcome: outcome.clone() });
        match outcome {
            Outcome::Answered(_) | Outcome::Failed(_) => self.free.lock().unwrap().push(environment),
            Outcome::Killed | Outcome::Ended(_) => self.logs.lock().unwrap().push_str(&environment.log()),
        }
        outcome
    }

    /// Returns what it was invoked with, and how that went, in the order in which invocations ended.
    pub fn invoked(&self) -> Vec<Invoked> {
        self.invoked.lock().unwrap().clone()
    }

    /// Returns what it wrote, of all environments.
    pub fn log(&self) -> String {
        let free: String = self.free.lock().unwrap().iter().map(Environment::log).collect();
        format!("{}{free}", self.logs.lock().unwrap())
    }

    /// The sum of a counter over all that was written in CloudWatch's embedded metric format.
    ///
    /// Environments that are at work are not asked.
    pub fn count(&self, metric: &str) -> u64 {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line.get("_aws").is_some())
            .filter_map(|line| line.get(metric).and_then(Value::as_u64))
            .sum()
    }
}
