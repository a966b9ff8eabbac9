//! The application: `auth_service.py`, driven with real requests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::collector::Collector;
use crate::process::Process;
use crate::programs;

/// The running login service.
#[derive(Debug)]
pub struct Application {
    address: String,
    token: PathBuf,
    http: reqwest::Client,
    process: Process,
    _folder: TempDir,
}

/// A login as it went.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The request's trace, in hex.
    pub trace_id: String,
    /// The request's span, in hex.
    pub span_id: String,
    /// The status that was answered.
    pub status: u16,
}

const GOOD_TOKEN: &str = "shop-sessions-2026";

impl Application {
    /// Starts the service, with the right token.
    pub fn start(collector: &Collector) -> Self {
        let folder = TempDir::new().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, GOOD_TOKEN).unwrap();
        let mut command = Command::new(programs::python());
        command.arg(programs::beside("auth_service.py")).env_clear().envs([
            ("PATH", "/usr/bin:/bin"),
            ("AUTH_TOKEN_FILE", token.to_str().expect("a folder with a name in UTF-8")),
            ("OTEL_SERVICE_NAME", "auth-service"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ]);
        let (process, port) = Process::listening("auth-service", &mut command);
        let address = format!("http://127.0.0.1:{port}");
        Self { address, token, http: reqwest::Client::new(), process, _folder: folder }
    }

    /// Rolls out a session token that the other services do not accept.
    pub fn break_token(&self) {
        fs::write(&self.token, "shop-sessions-2025").unwrap();
    }

    /// Rolls out the right one again.
    pub fn fix_token(&self) {
        fs::write(&self.token, GOOD_TOKEN).unwrap();
    }

    /// Somebody with a right password logs in, so many times.
    pub async fn logins(&self, times: usize) -> Vec<Login> {
        let mut logins = Vec::new();
        for _ in 0..times {
            let body = json!({"user": "ada", "password": "engine"}).to_string();
            let answer = self.http.post(format!("{}/login", self.address)).body(body).send().await.unwrap();
            let status = answer.status().as_u16();
            let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            let id = |name: &str| body[name].as_str().expect("an answer names its span").to_owned();
            logins.push(Login { trace_id: id("trace_id"), span_id: id("span_id"), status });
        }
        logins
    }

    /// Ends the service in good order.
    pub fn stop(mut self) {
        self.process.finish();
    }
}
