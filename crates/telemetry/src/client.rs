//! HTTP for the exporter: one request, bounded in what is read of its answer.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use reqwest::redirect;

/// The most bytes that are read of an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// A client, and why its last request failed: the exporter says only that it did.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    client: reqwest::Client,
    failure: Arc<Mutex<Option<String>>>,
}

impl Client {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("fluo/", env!("CARGO_PKG_VERSION")))
            // A followed redirect would become a GET without the spans.
            .redirect(redirect::Policy::none())
            // Collectors are near: the proxy of the sinks leads elsewhere.
            .no_proxy()
            .build()?;
        Ok(Self { client, failure: Arc::default() })
    }

    /// Takes the reason why the last request failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, reqwest::Error> {
        let mut answer = self.client.execute(request.try_into()?).await?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            let room = MAX_ANSWER - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == MAX_ANSWER {
                break;
            }
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.send(request).await;
        let failure = match &result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(root(error)),
        };
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        result.map_err(|error| error.without_url().into())
    }
}

/// The innermost cause: the outer ones say that something failed, and where, which may be a secret.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
