//! Notifications as JSON lines, to standard output or any other writer.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use fluo_alerts::notification::Notification;
use fluo_rules::json;

use crate::clean::clean;
use crate::{Sink, SinkError};

/// The line of `notification`: its record (`fluo.notification/v1`), every value cleaned and cut.
///
/// JSON writes line breaks as `\n`, and cleaning took out what a terminal would obey: a line is one line.
pub(crate) fn record(notification: &Notification) -> Result<String, serde_json::Error> {
    json::to_string(&clean(notification)).map(|line| line + "\n")
}

/// Writes one line a notification.
pub struct Stdout<W> {
    name: String,
    writer: Mutex<W>,
}

impl<W: Write + Send> Stdout<W> {
    /// A sink that writes to `writer`.
    pub fn new(name: &str, writer: W) -> Self {
        Self { name: name.to_owned(), writer: Mutex::new(writer) }
    }
}

#[async_trait]
impl<W: Write + Send> Sink for Stdout<W> {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "stdout"
    }

    async fn send(&self, notification: &Notification, _at: i64) -> Result<(), SinkError> {
        const TRIED: &str = "write a line";
        let line = record(notification)
            .map_err(|error| SinkError::permanent(&self.name, TRIED, &error.to_string()))?;
        // A thread that panicked while it wrote left at worst half a line.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer
            .write_all(line.as_bytes())
            .and_then(|()| writer.flush())
            .map_err(|error| SinkError::retry(&self.name, TRIED, &error.to_string()))
    }
}
