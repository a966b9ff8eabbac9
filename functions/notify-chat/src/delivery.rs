//! Notifications → one sink → what became of each.
//!
//! | step | where it fails |
//! | --- | --- |
//! | look for the mark | the notification is sent: better told twice than not at all, and what is wrong with the store may be what it tells of |
//! | send | the message is delivered again, whatever the reason: a webhook that was revoked is repaired by somebody, and what cannot be taken at all ends among the dead letters, where people look |
//! | put the mark | it counts as delivered; if it comes again all the same, it is told twice |

use std::time::Duration;

use fluo_alerts::escape::chain;
use fluo_alerts::notification::Notification;
use fluo_runtime::log::{Level, line};
use fluo_sinks::Routed;
use serde_json::json;

use crate::marks::{Known, MarkError, Marks};

/// The outcome of a notification at one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink does not want it.
    NotWanted,
    /// It has taken it.
    Delivered,
    /// It had taken it before.
    Repeated,
    /// It was not sent: the sink has been told meanwhile that it is over.
    Overtaken,
    /// It has not: the message is to be delivered again.
    Failed {
        /// The reason.
        reason: String,
        /// `true` where the same again would be refused again.
        is_permanent: bool,
    },
}

impl Outcome {
    fn not_now(reason: &str) -> Self {
        Self::Failed { reason: reason.to_owned(), is_permanent: false }
    }
}

/// The delivery of notifications.
pub struct Delivery<'a> {
    /// The marks of what was delivered before.
    pub marks: &'a Marks,
    /// The clock, in nanoseconds since the epoch.
    pub clock: &'a (dyn Fn() -> i64 + Send + Sync),
    /// The time at which nothing more is sent, and what is under way is given up, in nanoseconds since the epoch.
    pub until: i64,
}

impl Delivery<'_> {
    /// Brings notifications to a sink, one after another, so that their order stays.
    pub async fn bring(&self, notifications: &[&Notification], to: &Routed) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(notifications.len());
        // When the service may be spoken to again.
        let mut not_before = i64::MIN;
        for notification in notifications {
            outcomes.push(self.bring_one(notification, to, &mut not_before).await);
        }
        outcomes
    }

    async fn bring_one(&self, notification: &Notification, to: &Routed, not_before: &mut i64) -> Outcome {
        if !to.wants(notification) {
            return Outcome::NotWanted;
        }
        let no_time = || Outcome::not_now("no time was left to send it");
        if self.left((self.clock)()).is_none() {
            return no_time();
        }
        let sink = to.sink.name();
        match self.marks.find(notification, sink).await {
            Ok(Some(Known::Delivered)) => return Outcome::Repeated,
            Ok(Some(Known::Over)) => return Outcome::Overtaken,
            Ok(None) => {}
            Err(error) => self.warn("not known whether delivered before", notification, sink, &error),
        }
        let now = (self.clock)();
        if now < *not_before {
            return Outcome::not_now("the service asked to be left alone");
        }
        let Some(left) = self.left(now) else { return no_time() };
        if let Err(error) = to.send(notification, now, left).await {
            let wait =
                error.retry_after().map_or(0, |wait| i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
            *not_before = now.saturating_add(wait);
            return Outcome::Failed { reason: error.to_string(), is_permanent: !error.is_retry() };
        }
        if let Err(error) = self.marks.put(notification, sink).await {
            self.warn("delivered, and not marked", notification, sink, &error);
        }
        Outcome::Delivered
    }

    /// Returns the rest of the time to send, where something is left.
    fn left(&self, now: i64) -> Option<Duration> {
        let left = u64::try_from(self.until.saturating_sub(now)).ok()?;
        (left > 0).then(|| Duration::from_nanos(left))
    }

    /// Says that the store failed, which is no reason not to tell people.
    fn warn(&self, message: &str, notification: &Notification, sink: &str, error: &MarkError) {
        let fields = json!({"notification": notification.id, "sink": sink, "reason": chain(error)});
        line(Level::Warning, (self.clock)(), message, fields);
    }
}
