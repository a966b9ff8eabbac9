//! A small HTTP server on a free port of this machine, which ends when it is dropped.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A request, wholly read.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query, as they were sent.
    pub path: String,
    /// By names in lower case. What is not text is left out.
    pub headers: BTreeMap<String, String>,
    /// As it was sent.
    pub body: Bytes,
}

impl Request {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The part of an answer that arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    /// All of it.
    #[default]
    Whole,
    /// Its head and half of its body; then the connection is closed.
    Half,
    /// Nothing: the connection is closed.
    Nothing,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The part of it that arrives.
    pub fate: Fate,
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// A status and a body.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { fate: Fate::Whole, status, headers: Vec::new(), body: body.into() }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A server.
#[derive(Debug)]
pub struct Server {
    address: String,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port. A handler that does not return leaves its client waiting.
    pub async fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Response> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let handler = Arc::new(handler);
        let task = tokio::spawn(async move {
            // Dropped with this task, and with it every connection.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let handler = Arc::clone(&handler);
                let service = service_fn(move |request| {
                    let handler = Arc::clone(&handler);
                    async move { answer(handler.as_ref(), request).await }
                });
                connections.spawn(async move {
                    // A client that goes away ends its connection, which is no mistake of this side.
                    let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, task }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer<H, F>(
    handler: &H,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<BoxBody<Bytes, io::Error>>>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response>,
{
    let closed = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let method = head.method.to_string();
    let given = handler(Request { method, path, headers, body: body.to_bytes() }).await;
    let mut response = hyper::Response::builder().status(given.status);
    for (name, value) in given.headers {
        response = response.header(name, value);
    }
    let body = match given.fate {
        Fate::Whole => Full::new(given.body).map_err(|never| match never {}).boxed(),
        Fate::Half => {
            response = response.header("content-length", given.body.len());
            let half = Ok(Frame::data(given.body.slice(..given.body.len() / 2)));
            // What is written goes out while the rest is waited for.
            let rest = async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(closed())
            };
            BodyExt::boxed(StreamBody::new(stream::iter([half]).chain(stream::once(rest))))
        }
        Fate::Nothing => return Err(closed()),
    };
    Ok(response.body(body).expect("a status and headers that exist"))
}
