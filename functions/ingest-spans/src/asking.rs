//! Data files have arrived → a request for an evaluation: one for each slot of time, however many files.
//!
//! | variable | says |
//! | --- | --- |
//! | `FLUO_REQUEST_QUEUE_URL` | the FIFO queue of `evaluate-rules`; without it nobody is asked |
//! | `FLUO_ON_ARRIVAL` | the length of a slot, by which that queue delays its messages |
//!
//! Nothing depends on a request: the schedule evaluates without it, only later. So one that cannot be sent is said, and
//! the spans count as ingested all the same.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::error::DisplayErrorContext;
use fluo_runtime::evaluation_request::{GROUP, deduplication_id, message, slot_end};
use fluo_runtime::{Environment, EnvironmentError, aws};
use fluo_time::Nanos;

/// The time that the queue may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A queue of requests.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Sends the request for the evaluation of a time, in nanoseconds since the epoch.
    ///
    /// # Errors
    ///
    /// The reason why it was not sent.
    async fn send(&self, eval_time: i64) -> Result<(), String>;
}

/// Asks for evaluations.
pub struct Asking {
    requests: Box<dyn Requests>,
    /// The length of a slot, in nanoseconds.
    slot: i64,
    /// The newest evaluation that this process has asked for.
    asked: AtomicI64,
}

impl Asking {
    /// As the environment says; `None` where it names no queue.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`] where it names one and the rest is missing or wrong.
    pub fn of(environment: &Environment) -> Result<Option<Self>, EnvironmentError> {
        let Some(url) = environment.get("FLUO_REQUEST_QUEUE_URL") else { return Ok(None) };
        let length =
            environment.required("FLUO_ON_ARRIVAL", "the least distance of evaluations by arrival")?;
        let invalid = |reason| EnvironmentError::Invalid { name: "FLUO_ON_ARRIVAL".to_owned(), reason };
        let slot = Nanos::positive(length).map_err(invalid)?;
        let configuration = aws::configuration(environment, aws::Service::Sqs)?;
        let client = Client::from_conf(Builder::from(&configuration).build());
        Ok(Some(Self::with(Box::new(Queue { client, url: url.to_owned() }), slot.0)))
    }

    /// The same with any queue. `slot`: in nanoseconds.
    pub fn with(requests: Box<dyn Requests>, slot: i64) -> Self {
        Self { requests, slot, asked: AtomicI64::new(i64::MIN) }
    }

    /// Asks for an evaluation of what has been written before `now`, unless this process has asked for it already: the
    /// message that it sent then is delivered when the slot is over.
    ///
    /// # Errors
    ///
    /// The reason why nobody was asked.
    pub async fn ask(&self, now: i64) -> Result<(), String> {
        let eval_time = slot_end(now, self.slot);
        if self.asked.load(Ordering::Relaxed) >= eval_time {
            return Ok(());
        }
        self.requests.send(eval_time).await?;
        self.asked.fetch_max(eval_time, Ordering::Relaxed);
        Ok(())
    }
}

/// A queue of SQS.
struct Queue {
    client: Client,
    url: String,
}

#[async_trait]
impl Requests for Queue {
    async fn send(&self, eval_time: i64) -> Result<(), String> {
        let body = message(eval_time).map_err(|error| error.to_string())?;
        let sending = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_group_id(GROUP)
            .message_deduplication_id(deduplication_id(eval_time))
            .message_body(body)
            .send();
        let answer = tokio::time::timeout(TIMEOUT, sending)
            .await
            .map_err(|_| format!("SQS did not answer for {} s", TIMEOUT.as_secs()))?;
        answer.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
    }
}
