//! Notifications as JSON lines appended to a file, each on the disk before it counts as delivered.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fluo_alerts::notification::Notification;
use tokio::fs::OpenOptions;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::stdout::record;
use crate::{Sink, SinkError};

/// Appends to a file, which is made where there is none; its folder must exist.
pub struct File {
    name: String,
    path: PathBuf,
    /// Two lines of this process must not mix.
    turn: Mutex<()>,
}

impl File {
    /// A sink that appends to `path`.
    pub fn new(name: &str, path: &Path) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), turn: Mutex::new(()) }
    }

    async fn append(&self, line: &str) -> std::io::Result<()> {
        // Opened for every line, so that a file which was rotated away is left alone.
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path).await?;
        let empty = file.metadata().await?.len() == 0;
        let mut line = line.to_owned();
        if !empty {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).await?;
            file.read_exact(&mut last).await?;
            if last != *b"\n" {
                // A crash tore the last line: it must not swallow this one.
                line.insert(0, '\n');
            }
        }
        file.write_all(line.as_bytes()).await?;
        file.flush().await?;
        file.sync_data().await?;
        if empty && let Some(folder) = self.path.parent() {
            // A new file is there after a power cut only if its folder knows of it.
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "file"
    }

    async fn send(&self, notification: &Notification, _at: i64) -> Result<(), SinkError> {
        let tried = format!("append to `{}`", self.path.display());
        let line = record(notification)
            .map_err(|error| SinkError::permanent(&self.name, &tried, &error.to_string()))?;
        let _turn = self.turn.lock().await;
        self.append(&line).await.map_err(|error| SinkError::retry(&self.name, &tried, &error.to_string()))
    }
}
