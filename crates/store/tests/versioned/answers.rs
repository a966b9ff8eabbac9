//! Tests what S3's answers, and missing ones, make of a conditional write: against a server that answers as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluo_store::error::Class;
use fluo_store::{Root, StoreError, Swap, Version, open_root, probe};
use object_store::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::contract::text;

/// A bucket behind a server that gives every request one answer, and how many requests there were.
async fn bucket(answer: &'static str) -> (Root, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            read_request(&mut connection).await;
            counter.fetch_add(1, Ordering::SeqCst);
            // A client that is gone has its answer.
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    (root_at(&endpoint), requests)
}

/// Until its body, whose length its head says, has come.
async fn read_request(connection: &mut TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return;
            }
        }
        match connection.read(&mut part).await {
            Ok(read @ 1..) => request.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
}

fn root_at(endpoint: &str) -> Root {
    let endpoint = endpoint.to_owned();
    let environment = move |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        _ => None,
    };
    open_root("s3://bucket/prefix", &environment).unwrap()
}

const WRITTEN: &str = "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn each_answer_means_what_it_says_and_nothing_is_sent_twice() {
    let won = || "won".to_owned();
    let lost = || "lost".to_owned();
    let error = |class: Class| format!("{class:?}");
    let plain = |status: &str| -> &'static str {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").leak()
    };
    let cases = [
        ("written", WRITTEN, won()),
        ("another version is there", plain("412 Precondition Failed"), lost()),
        ("another write is under way", plain("409 Conflict"), lost()),
        ("not allowed", plain("403 Forbidden"), error(Class::Retry)),
        ("too many requests", plain("503 Slow Down"), error(Class::OutcomeUnknown)),
        ("the server failed", plain("500 Internal Server Error"), error(Class::OutcomeUnknown)),
        ("written, and not said as what", plain("200 OK"), error(Class::OutcomeUnknown)),
        ("no answer", "", error(Class::OutcomeUnknown)),
        ("half an answer", "HTTP/1.1 200", error(Class::OutcomeUnknown)),
    ];
    let stale = Version::from_text("\"stale\"");
    for expected in [None, Some(&stale)] {
        for (scenario, answer, meaning) in &cases {
            let (root, requests) = bucket(answer).await;
            let path = root.at(&Path::from("state/a"));
            let meant = match root.versioned.swap(&path, expected, text("state")).await {
                Ok(Swap::Swapped(version)) => {
                    assert_eq!(version.as_str(), "\"one\"");
                    won()
                }
                Ok(Swap::Lost) => lost(),
                Err(error) => format!("{:?}", error.class()),
            };
            assert_eq!(meant, *meaning, "{scenario}, {expected:?}");
            assert_eq!(requests.load(Ordering::SeqCst), 1, "{scenario}, {expected:?}");
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_written() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = root_at(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let error = root.versioned.swap(&Path::from("a"), None, text("A")).await.unwrap_err();
    assert!(matches!(error, StoreError::Request { .. }), "{error}");
    assert_eq!(error.class(), Class::Retry);
}

/// As servers do that know no conditions.
#[tokio::test]
async fn a_server_that_takes_everything_is_refused() {
    let (root, _) = bucket(WRITTEN).await;
    let error = probe(root.versioned.as_ref(), &root.prefix, "a").await.unwrap_err();
    assert!(error.to_string().contains("it creates an object that exists"), "{error}");
    assert_eq!(error.class(), Class::Configuration);
}
