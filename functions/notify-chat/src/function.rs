//! An invocation → its answer, log and metrics.

use std::collections::BTreeSet;

use fluo_alerts::escape::{chain, plain};
use fluo_alerts::notification::Notification;
use fluo_runtime::answer::{InvocationError, answer};
use fluo_runtime::envelope::{Envelope, Message};
use fluo_runtime::log::{Level, line};
use fluo_runtime::metrics::{Unit, emit};
use fluo_runtime::{Environment, EnvironmentError, Invocation};
use fluo_store::{StoreError, open_root};
use fluo_time::Nanos;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::configuration::sinks;
use crate::delivery::{Delivery, Outcome};
use crate::marks::Marks;
use crate::message::{Unreadable, read};
use crate::receivers::{Receivers, ReceiversError};
use crate::secrets::{SecretSource, source};

/// The rest of an invocation in which nothing more is begun, in nanoseconds: the store's timeout, and the answer.
const MARGIN: i64 = 5 * Nanos::SECOND.0;

/// The function, between its invocations.
pub struct NotifyChat {
    receivers: Receivers,
    marks: Marks,
    name: String,
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
    /// Occurs when there are no secrets, or a sink cannot be made with them.
    #[error(transparent)]
    Receivers(#[from] ReceiversError),
}

/// The work of an invocation, in numbers; a notification counts once for each sink.
#[derive(Debug, Default)]
struct Tally {
    delivered: u64,
    repeated: u64,
    failed: u64,
}

impl NotifyChat {
    /// The function as its environment describes it. `clock`: nanoseconds since the epoch.
    pub async fn start(
        environment: &Environment,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, StartError> {
        Self::with_secrets(environment, source(environment)?, clock).await
    }

    /// The same with secrets from anywhere.
    pub async fn with_secrets(
        environment: &Environment,
        secrets: Option<Box<dyn SecretSource>>,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, StartError> {
        let uri =
            environment.required("FLUO_STORE", "where marks of what was delivered are kept: s3://bucket")?;
        let root = open_root(uri, &environment.lookup())?;
        let receivers = Receivers::start(sinks(environment)?, secrets, environment, clock()).await?;
        let name = environment.function_name("notify-chat");
        Ok(Self { receivers, marks: Marks::new(root), name, clock })
    }

    /// Handles an invocation.
    pub async fn handle(&self, invocation: Invocation) -> Result<Value, InvocationError> {
        let envelope = Envelope::open(invocation.event)?;
        let (sinks, stale) = self.receivers.at((self.clock)()).await;
        if let Some(error) = stale {
            self.line(
                Level::Warning,
                "sinks as they were: secrets were not renewed",
                json!({"reason": chain(&error)}),
            );
        }
        let mut tally = Tally::default();
        let mut failed = BTreeSet::new();
        let mut notifications = Vec::with_capacity(envelope.messages.len());
        for (index, message) in envelope.messages.iter().enumerate() {
            match read(&message.text) {
                Ok(notification) => notifications.push((index, notification)),
                Err(error) => {
                    self.tell_unreadable(message, &error);
                    tally.failed += 1;
                    failed.insert(index);
                }
            }
        }
        let delivery = Delivery {
            marks: &self.marks,
            clock: self.clock,
            until: invocation.deadline.saturating_sub(MARGIN),
        };
        let told: Vec<&Notification> = notifications.iter().map(|(_, notification)| notification).collect();
        // Each sink by itself: one that does not answer holds up no other.
        let by_sink = join_all(sinks.iter().map(|sink| delivery.bring(&told, sink))).await;
        for (sink, outcomes) in sinks.iter().zip(by_sink) {
            for ((index, notification), outcome) in notifications.iter().zip(outcomes) {
                self.tell(notification, sink.sink.name(), &outcome);
                tally.add(&outcome);
                if matches!(outcome, Outcome::Failed { .. }) {
                    failed.insert(*index);
                }
            }
        }
        self.measure(&tally);
        Ok(answer(&envelope, &failed.into_iter().collect::<Vec<_>>())?)
    }

    fn tell_unreadable(&self, message: &Message, error: &Unreadable) {
        let fields = json!({"message": message.id, "reason": chain(error), "text": plain(&message.text)});
        self.line(Level::Error, "not understood, and delivered again", fields);
    }

    fn tell(&self, notification: &Notification, sink: &str, outcome: &Outcome) {
        let mut fields = json!({
            "notification": notification.id, "event": notification.event, "title": notification.title, "sink": sink,
        });
        if let Outcome::Failed { reason, .. } = outcome {
            fields["reason"] = reason.as_str().into();
        }
        let (level, message) = match outcome {
            Outcome::NotWanted => (Level::Info, "not wanted"),
            Outcome::Delivered => (Level::Info, "delivered"),
            Outcome::Repeated => (Level::Info, "delivered before"),
            Outcome::Overtaken => (Level::Warning, "not sent: its end was delivered before"),
            Outcome::Failed { is_permanent: false, .. } => (Level::Warning, "failed, and delivered again"),
            Outcome::Failed { is_permanent: true, .. } => (Level::Error, "refused, and delivered again"),
        };
        self.line(level, message, fields);
    }

    fn measure(&self, tally: &Tally) {
        let metrics = [
            ("NotificationsDelivered", Unit::Count, tally.delivered),
            ("NotificationsRepeated", Unit::Count, tally.repeated),
            ("NotificationsFailed", Unit::Count, tally.failed),
        ];
        emit(&self.name, (self.clock)(), &metrics);
    }

    fn line(&self, level: Level, message: &str, fields: Value) {
        line(level, (self.clock)(), message, fields);
    }
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::NotWanted | Outcome::Overtaken => {}
            Outcome::Delivered => self.delivered += 1,
            Outcome::Repeated => self.repeated += 1,
            Outcome::Failed { .. } => self.failed += 1,
        }
    }
}
