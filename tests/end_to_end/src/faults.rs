//! The network between fluo and AWS: it passes everything on, unless a scenario says otherwise.

use std::fmt;
use std::sync::{Arc, Mutex};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Notify;

use crate::http::{Fate, Request, Response, Server};

/// The fault that befalls a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is answered with this status, and does not arrive.
    Status(u16),
    /// It does not arrive and is never answered; whoever waits is told.
    HoldBefore(Arc<Notify>),
    /// It arrives and is never answered; whoever waits is told once it has arrived.
    HoldAfter(Arc<Notify>),
    /// It does not arrive, and the connection is closed.
    Reset,
    /// It arrives, and only half of the answer comes back.
    Half,
}

type Chooser = Box<dyn FnMut(&Request) -> Option<Fault> + Send>;

/// A proxy in front of the stand-in.
pub struct Network {
    server: Server,
    chooser: Arc<Mutex<Option<Chooser>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Network").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Network {
    /// A network that works.
    pub async fn to(endpoint: &str) -> Self {
        let chooser: Arc<Mutex<Option<Chooser>>> = Arc::default();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (choose, keep) = (Arc::clone(&chooser), Arc::clone(&requests));
        let endpoint = endpoint.to_owned();
        let http = reqwest::Client::new();
        let server = Server::start(move |request| {
            keep.lock().unwrap().push(format!("{} {}", request.method, request.path));
            let fault = choose.lock().unwrap().as_mut().and_then(|choose| choose(&request));
            let (endpoint, http) = (endpoint.clone(), http.clone());
            async move {
                match fault {
                    None => pass(&http, &endpoint, request).await,
                    Some(Fault::Status(status)) => {
                        let error = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
                        Response::new(status, error).with("content-type", "application/xml")
                    }
                    Some(Fault::HoldBefore(held)) => hold(&held).await,
                    Some(Fault::Reset) => Response { fate: Fate::Nothing, ..Response::default() },
                    Some(Fault::Half) => Response { fate: Fate::Half, ..pass(&http, &endpoint, request).await },
                    Some(Fault::HoldAfter(held)) => {
                        pass(&http, &endpoint, request).await;
                        hold(&held).await
                    }
                }
            }
        })
        .await;
        Self { server, chooser, requests }
    }

    /// Returns the address at which functions find AWS.
    pub fn endpoint(&self) -> String {
        self.server.url("")
    }

    /// Lets a scenario choose what happens to each request from now on.
    pub fn fail(&self, choose: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
        *self.chooser.lock().unwrap() = Some(Box::new(choose));
    }

    /// Passes everything on again.
    pub fn heal(&self) {
        *self.chooser.lock().unwrap() = None;
    }

    /// The requests so far, as `METHOD /path`.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn hold(held: &Notify) -> Response {
    held.notify_one();
    std::future::pending().await
}

async fn pass(http: &reqwest::Client, endpoint: &str, request: Request) -> Response {
    // What belongs to one connection, and not to the request. The host is signed.
    const HOP: [&str; 3] = ["connection", "content-length", "transfer-encoding"];
    let method = request.method.parse::<reqwest::Method>().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers.iter().filter(|(name, _)| !HOP.contains(&name.as_str())) {
        headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    // The answer to HEAD tells the length of what it leaves out.
    let head = method == reqwest::Method::HEAD;
    let sent =
        http.request(method, format!("{endpoint}{}", request.path)).headers(headers).body(request.body);
    let Ok(answer) = sent.send().await else {
        return Response::new(502, "the stand-in does not answer");
    };
    let mut response = Response::new(answer.status().as_u16(), "");
    for (name, value) in answer.headers() {
        if !HOP.contains(&name.as_str()) || (head && name == "content-length") {
            response = response.with(name.as_str(), value.to_str().unwrap_or_default());
        }
    }
    response.body = answer.bytes().await.unwrap_or_default();
    response
}
