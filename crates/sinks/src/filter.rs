//! The notifications that a sink wants.

use std::collections::BTreeMap;
use std::time::Duration;

use fluo_alerts::notification::{Notification, Related, Together};
use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_rules::rule::Severity;

use crate::{Sink, SinkError};

/// Severities and labels; what is not given lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The severities wanted; none: all of them.
    pub severity: Vec<Severity>,
    /// Labels that must all be there, with these values.
    pub labels: BTreeMap<String, String>,
}

impl Filter {
    /// Returns whether it lets `notification` through.
    ///
    /// Labels are asked of what is known to bear them only. A pipeline that stands still, a file that nobody can read,
    /// or a rule that is not judged concerns every team: such a notification passes whatever labels are wanted. Of many
    /// alerts in one message, some may be of any value of a label in which they differ. Who was told of an alert is told
    /// what becomes of it, whatever its severity is by then.
    pub fn wants(&self, notification: &Notification) -> bool {
        let now = notification.alert.iter().flat_map(|alert| &alert.now);
        let told = now.flat_map(|now| &now.told_as).chain([&notification.severity]);
        let severity = self.wants_any(told);
        let unlabelled = notification.rule.is_none() || notification.trouble.is_some();
        let differs = |key| notification.summary.iter().any(|summary| summary.differing.contains(key));
        let has = |(key, value)| notification.labels.get(key) == Some(value) || differs(key);
        severity && (unlabelled || self.labels.iter().all(has))
    }

    /// Returns the same of an alert that another notification names.
    fn wants_related(&self, alert: &Related) -> bool {
        let has = |(key, value)| alert.labels.get(key) == Some(value);
        self.wants_any(alert.told_as.iter().chain([&alert.severity])) && self.labels.iter().all(has)
    }

    fn wants_any<'a>(&self, mut severities: impl Iterator<Item = &'a Severity>) -> bool {
        self.severity.is_empty() || severities.any(|severity| self.severity.contains(severity))
    }
}

/// A sink and what it wants.
pub struct Routed {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// The filter of what is sent there.
    pub filter: Filter,
    /// `true` where of related alerts, of which the same is told at once, only the first is sent, which names the
    /// others.
    pub together: bool,
}

impl Routed {
    /// Returns whether the sink is to be sent `notification`. Of related alerts of which the same is told at once, that is the
    /// first that it wants: its message names the others.
    pub fn wants(&self, notification: &Notification) -> bool {
        let mut before = notification.together.iter().filter(|_| self.together).flat_map(Together::before);
        self.filter.wants(notification) && !before.any(|other| self.filter.wants_related(other))
    }

    /// Sends it once, as a step of fluo's own traces: [`Sink::send`]. What takes longer than `within` may arrive or not,
    /// and is an error after which it is tried again.
    pub async fn send(
        &self,
        notification: &Notification,
        at: i64,
        within: Duration,
    ) -> Result<(), SinkError> {
        let name = self.sink.name();
        let step = step!(
            "send",
            otel.kind = "client",
            fluo.sink = name,
            fluo.notification.id = %notification.id,
        );
        let sending = async {
            let sent = tokio::time::timeout(within, self.sink.send(notification, at)).await;
            sent.unwrap_or_else(|_| {
                Err(SinkError::retry(name, "send", "no answer in the time that was left"))
            })
        };
        traced(step, sending).await
    }
}
