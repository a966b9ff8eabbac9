//! The receivers at the end: a chat, and a web server that is subscribed to the topic.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::http::{Request, Response, Server};

/// A chat's incoming webhook, which keeps what was posted.
#[derive(Debug)]
pub struct Chat {
    server: Server,
    posted: Arc<Mutex<Vec<Request>>>,
}

impl Chat {
    /// An empty chat.
    pub async fn open() -> Self {
        let posted = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&posted);
        let server = Server::start(move |request| {
            keep.lock().unwrap().push(request);
            async { Response::new(200, "ok") }
        })
        .await;
        Self { server, posted }
    }

    /// Its webhook: a secret.
    pub fn url(&self) -> String {
        self.server.url("/services/T000/B000/secret")
    }

    /// The messages, in order.
    pub fn messages(&self) -> Vec<Value> {
        self.posted.lock().unwrap().iter().map(Request::json).collect()
    }
}

/// A web server that is subscribed to a topic, and confirms that it wants to be.
#[derive(Debug)]
pub struct HttpSubscriber {
    server: Server,
    notified: Arc<Mutex<Vec<Value>>>,
}

impl HttpSubscriber {
    /// A subscriber that has been sent nothing.
    pub async fn start() -> Self {
        let notified = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&notified);
        let server = Server::start(move |request| {
            let keep = Arc::clone(&keep);
            async move {
                let message = request.json();
                match message["Type"].as_str() {
                    Some("SubscriptionConfirmation") => {
                        let url = message["SubscribeURL"].as_str().unwrap_or_default();
                        let confirmed =
                            reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success());
                        Response::new(if confirmed { 200 } else { 502 }, "")
                    }
                    Some("Notification") => {
                        keep.lock().unwrap().push(message);
                        Response::new(200, "")
                    }
                    _ => Response::new(400, ""),
                }
            }
        })
        .await;
        Self { server, notified }
    }

    /// Returns the address that it listens on.
    pub fn url(&self) -> String {
        self.server.url("/sns")
    }

    /// The messages that it was sent, in order, without SNS's envelope.
    pub fn messages(&self) -> Vec<Value> {
        let message = |envelope: &Value| {
            let text = envelope["Message"].as_str().expect("an envelope holds a message");
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        };
        self.notified.lock().unwrap().iter().map(message).collect()
    }
}
