//! Standard output and files.

use std::io::Write;
use std::sync::{Arc, Mutex};

use fluo_alerts::notification::Notification;
use fluo_sinks::Sink;
use fluo_sinks::stdout::Stdout;

use crate::notifications::{firing, hostile, is_clean, stale};
use crate::{NOW, sink};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn one_line_a_notification() {
    let written = Shared::default();
    let sink = Stdout::new("out", written.clone());
    for notification in [firing(), hostile(), stale()] {
        sink.send(&notification, NOW).await.unwrap();
    }
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], serde_json::to_string(&firing()).unwrap());
    assert!(is_clean(&text), "a terminal obeys none of it");
    let read: Notification = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(read.id, hostile().id);
}

#[tokio::test]
async fn a_closed_pipe_is_told() {
    let error = Stdout::new("out", Broken).send(&firing(), NOW).await.unwrap_err();
    assert_eq!(error.to_string(), "sink `out` could not write a line: broken pipe");
    assert!(error.is_retry());
}

#[tokio::test]
async fn files_grow_by_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.ndjson");
    let sink = sink(&format!("{{type: file, path: '{}'}}", path.display()));
    sink.send(&firing(), NOW).await.unwrap();
    sink.send(&stale(), NOW).await.unwrap();
    let line = |n: &Notification| serde_json::to_string(n).unwrap() + "\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), line(&firing()) + &line(&stale()));

    // A crash tore a line: it stays, and the next one is whole.
    std::fs::write(&path, r#"{"schema":"fluo.notif"#).unwrap();
    sink.send(&firing(), NOW).await.unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "{\"schema\":\"fluo.notif\n".to_owned() + &line(&firing())
    );
}

#[tokio::test]
async fn many_at_once_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.ndjson");
    let sink: Arc<dyn Sink> = sink(&format!("{{type: file, path: '{}'}}", path.display())).into();
    let sends: Vec<_> = (0..20)
        .map(|_| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move { sink.send(&hostile(), NOW).await })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|line| serde_json::from_str::<Notification>(line).is_ok()).count(), 20);
}

#[tokio::test]
async fn a_missing_folder_is_told() {
    let sink = sink("{type: file, name: log, path: /nonexistent/alerts.ndjson}");
    let error = sink.send(&firing(), NOW).await.unwrap_err().to_string();
    assert!(error.starts_with("sink `log` could not append to `/nonexistent/alerts.ndjson`: "), "{error}");
}
