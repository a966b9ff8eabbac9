//! A small HTTP server that keeps what it was sent and answers by a script.
#![expect(clippy::unwrap_used, reason = "what is sent wrongly has failed its test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, path and version.
    pub line: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, as text where it is text.
    pub body: String,
    /// The same as it came.
    pub bytes: Vec<u8>,
}

impl Request {
    /// The body.
    ///
    /// # Panics
    ///
    /// Panics where it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The fields of a form.
    ///
    /// # Panics
    ///
    /// Never: any text is a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        let url = url::Url::parse(&format!("http://form/?{}", self.body)).unwrap();
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }
}

/// The reaction of the server to a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status, another header as `Name: value` or nothing, and a body.
    Status(u16, &'static str, String),
    /// Reads it, and says nothing.
    Silence,
}

impl Answer {
    /// A status and a body.
    pub fn new(status: u16, body: &str) -> Self {
        Self::Status(status, "", body.to_owned())
    }

    /// With one more header, as `Name: value`.
    pub fn with_header(status: u16, header: &'static str) -> Self {
        Self::Status(status, header, String::new())
    }
}

/// Listens on 127.0.0.1 until it is dropped with its runtime.
pub struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers by `script`, then `200` and `ok`.
    ///
    /// # Panics
    ///
    /// Panics where nothing can be listened on.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&script)));
            }
        });
        Self { address, requests }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Returns the requests that it was sent, in order.
    ///
    /// # Panics
    ///
    /// After a panic of the server.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request.
    ///
    /// # Panics
    ///
    /// Panics where there is none, or another one.
    pub fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Request>>>, script: Arc<Mutex<VecDeque<Answer>>>) {
    let mut bytes = Vec::new();
    let request = loop {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        if let Some(request) = parse(&bytes) {
            break request;
        }
        if read == 0 {
            return;
        }
    };
    seen.lock().unwrap().push(request);
    let answer = script.lock().unwrap().pop_front().unwrap_or_else(|| Answer::new(200, "ok"));
    match answer {
        Answer::Silence => tokio::time::sleep(Duration::from_mins(1)).await,
        Answer::Status(status, header, body) => {
            let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // The client may have read enough and gone.
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    }
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, bytes) = (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 4..]);
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let bytes = bytes.get(..length)?.to_vec();
    Some(Request { line, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes })
}

/// A port of this machine that nobody listened on a moment ago.
///
/// # Panics
///
/// Panics where the machine has none left.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
