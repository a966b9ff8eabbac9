//! AWS as far as a stand-in has it: S3, SQS, SNS, Secrets Manager, in one process that all scenarios share.
//!
//! Spoken to without a client library: what the product's own clients send is what is to be tried, not what is sent
//! from here. Everything is named after its scenario, so that scenarios do not meet.

pub mod s3;
pub mod secrets;
pub mod sns;
pub mod sqs;

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::faults::Network;
use crate::process::Process;
use crate::programs;
use crate::runtime_api::REGION;

/// A connection to the stand-in.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    http: reqwest::Client,
}

impl Aws {
    /// Connects to the stand-in, which the first to ask starts. It ends with the test's process.
    pub fn connect() -> Self {
        static SHARED: OnceLock<(Process, u16)> = OnceLock::new();
        let (_, port) = SHARED.get_or_init(|| {
            let mut command = Command::new(programs::python());
            command.arg(programs::beside("stand_in.py"));
            Process::listening("the stand-in of AWS", &mut command)
        });
        Self { endpoint: format!("http://127.0.0.1:{port}"), http: reqwest::Client::new() }
    }

    /// The same by way of a network that may fail.
    #[must_use]
    pub fn through(&self, network: &Network) -> Self {
        Self { endpoint: network.endpoint(), http: self.http.clone() }
    }

    /// Returns its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Begins a request to a service. The stand-in tells services apart by what requests are signed for, and checks no
    /// signature.
    fn request(&self, method: reqwest::Method, path: &str, service: &str) -> reqwest::RequestBuilder {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20261122/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        self.http.request(method, format!("{}{path}", self.endpoint)).header("authorization", scope)
    }

    /// Calls an action of a service that speaks JSON.
    async fn call(&self, service: &str, action: &str, input: &Value) -> Value {
        let answer = self
            .request(reqwest::Method::POST, "/", service)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", action)
            .body(input.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{action}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Calls an action of a service that speaks the Query protocol: its XML.
    async fn query(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let mut url = reqwest::Url::parse(&self.endpoint).unwrap();
        url.query_pairs_mut().extend_pairs(fields);
        let answer = self
            .request(reqwest::Method::POST, "/", service)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(url.query().unwrap_or_default().to_owned())
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{fields:?}: {status}: {text}");
        text
    }
}

/// The texts of all elements of a name. Good for answers without nesting of one name in itself.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let text = |part: &str| {
        part.split_once(&close).map(|(text, _)| text.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    xml.split(&open).skip(1).filter_map(text).collect()
}
