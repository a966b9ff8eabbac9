//! Marks of what was delivered: empty objects of the store, whose names say all.
//!
//! | mark | says |
//! | --- | --- |
//! | `state/delivered/<notification>/<sink>` | the sink has taken it |
//! | `state/delivered/<alert, trouble or alarm>/<sink>/<milliseconds>` | the sink has taken that it was over then |
//!
//! The second kind is for order, which a queue does not keep: a `firing` that was refused comes again when its `resolved`
//! has gone through long ago, and would open an incident at the pager that nobody ever closes.
//!
//! A mark may be deleted once its message cannot come again: after the time that the queue and its dead letters are
//! kept, which a life-cycle rule of the bucket knows.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fluo_alerts::notification::{Id, Notification};
use fluo_store::{Root, StoreError, look_up, put_if_absent};
use futures::TryStreamExt;
use object_store::path::Path;

/// The folder of marks, below the root of the store.
const FOLDER: &str = "state/delivered";

/// The time that the store may take to say or keep something: people do not wait for it any longer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The number of marks that a process remembers: some megabytes.
const REMEMBERED: usize = 10_000;

/// The reasons why it is not known whether something was delivered, or not kept that it was.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the store does not answer.
    #[error("the store did not answer for {} s", TIMEOUT.as_secs())]
    Slow,
}

/// The reasons why a notification is not sent to a sink any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The sink has it.
    Delivered,
    /// The sink has been told that what it tells of is over.
    Over,
}

/// Marks in a store.
pub struct Marks {
    root: Root,
    remembered: Mutex<BTreeSet<(Id, String)>>,
}

impl Marks {
    /// Those of a store.
    pub fn new(root: Root) -> Self {
        Self { root, remembered: Mutex::default() }
    }

    /// Returns what marks say of a notification and a sink.
    pub async fn find(&self, notification: &Notification, sink: &str) -> Result<Option<Known>, MarkError> {
        if self.remembered().contains(&(notification.id, sink.to_owned())) {
            return Ok(Some(Known::Delivered));
        }
        in_time(async {
            if self.is_delivered(notification, sink).await? {
                self.remember(notification.id, sink);
                return Ok(Some(Known::Delivered));
            }
            Ok(self.is_over(notification, sink).await?.then_some(Known::Over))
        })
        .await
    }

    /// Marks that the sink has the notification. This process knows it from now on, also where the store fails.
    pub async fn put(&self, notification: &Notification, sink: &str) -> Result<(), MarkError> {
        self.remember(notification.id, sink);
        let store = self.root.store.as_ref();
        in_time(async {
            // First, for with the other mark nothing comes back here.
            if notification.event.is_closed() {
                let end = self.place(notification.about(), sink).join(milliseconds(notification));
                put_if_absent(store, &end, Bytes::new()).await?;
            }
            put_if_absent(store, &self.place(notification.id, sink), Bytes::new()).await?;
            Ok(())
        })
        .await
    }

    async fn is_delivered(&self, notification: &Notification, sink: &str) -> Result<bool, StoreError> {
        let location = self.place(notification.id, sink);
        Ok(look_up(self.root.store.as_ref(), &location).await?.is_some())
    }

    async fn is_over(&self, notification: &Notification, sink: &str) -> Result<bool, StoreError> {
        if !notification.event.opens() {
            return Ok(false);
        }
        let location = self.place(notification.about(), sink);
        let ends: Vec<_> = match self.root.store.list(Some(&location)).try_collect().await {
            Ok(ends) => ends,
            Err(source) => return Err(StoreError::Request { action: "list", location, source }),
        };
        // Of texts of one length, the order is that of the numbers.
        let begun = milliseconds(notification);
        Ok(ends.iter().filter_map(|end| end.location.filename()).any(|end| end >= begun.as_str()))
    }

    /// Two parts below the folder, whatever is in the name.
    fn place(&self, id: Id, sink: &str) -> Path {
        self.root.at(&Path::from(FOLDER).join(id.to_string()).join(sink))
    }

    fn remember(&self, notification: Id, sink: &str) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert((notification, sink.to_owned()));
    }

    fn remembered(&self) -> MutexGuard<'_, BTreeSet<(Id, String)>> {
        // A set is whole whatever happened to the thread that held it.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the time at which a notification was decided, in milliseconds, with 13 digits as in the names of data files.
fn milliseconds(notification: &Notification) -> String {
    format!("{:013}", notification.at.div_euclid(1_000_000).max(0))
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, MarkError> {
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(MarkError::Slow),
    }
}

#[cfg(test)]
mod tests {
    use fluo_store::open_root;

    use super::*;
    use crate::alarm::{Change, notification};

    fn told(state: &str, minute: u8) -> Notification {
        let alarm: Change = serde_json::from_value(serde_json::json!({
            "AlarmName": "silent",
            "NewStateValue": state,
            "StateChangeTime": format!("2026-11-22T11:{minute:02}:14.250+0000"),
        }))
        .unwrap();
        notification(&alarm).unwrap()
    }

    #[tokio::test]
    async fn a_mark_is_for_one_notification_and_one_sink_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let marks = || Marks::new(open_root(folder.path().to_str().unwrap(), &|_| None).unwrap());
        let (one, other) = (told("ALARM", 1), told("ALARM", 2));
        let first = marks();
        assert_eq!(first.find(&one, "ops/chat").await.unwrap(), None);
        first.put(&one, "ops/chat").await.unwrap();
        first.put(&one, "ops/chat").await.unwrap();
        for marks in [first, marks()] {
            assert_eq!(marks.find(&one, "ops/chat").await.unwrap(), Some(Known::Delivered));
            assert_eq!(marks.find(&one, "ops").await.unwrap(), None);
            assert_eq!(marks.find(&other, "ops/chat").await.unwrap(), None);
        }
        let file = folder.path().join(format!("state/delivered/{}/ops%2Fchat", one.id));
        assert_eq!(std::fs::read(file).unwrap(), b"");
    }

    #[tokio::test]
    async fn what_is_over_does_not_begin_again_unless_it_does() {
        let marks = Marks::new(Root::in_memory().unwrap());
        marks.put(&told("OK", 10), "pager").await.unwrap();
        let cases = [
            ("its beginning, late", "ALARM", 5, "pager", Some(Known::Over)),
            ("the next beginning", "ALARM", 11, "pager", None),
            ("at a sink that does not know of the end", "ALARM", 5, "chat", None),
            ("the end itself", "OK", 10, "pager", Some(Known::Delivered)),
            ("an earlier end, which does no harm", "OK", 3, "pager", None),
        ];
        for (scenario, state, minute, sink, expected) in cases {
            assert_eq!(marks.find(&told(state, minute), sink).await.unwrap(), expected, "{scenario}");
        }
    }
}
