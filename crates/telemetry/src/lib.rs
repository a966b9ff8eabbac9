//! fluo's own traces: where the time of an evaluation, an object or a delivery goes, told to an OpenTelemetry collector.
//!
//! The crates that do the work say what they do as spans of `tracing`, which cost nothing where nobody listens. A
//! program listens where the environment names a collector, by OpenTelemetry's own variables:
//!
//! | variable | says |
//! | --- | --- |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector, `http://127.0.0.1:4318`; OTLP over HTTP, in protobuf |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the same for traces alone, with its path |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` | as [OpenTelemetry says](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) |
//! | `OTEL_SDK_DISABLED=true`, `OTEL_TRACES_EXPORTER=none` | nothing is told |
//!
//! ```text
//! tracing spans of fluo ─▶ buffer ─ flush, when the program says so ─▶ collector
//! ```
//!
//! Sent when the program says so, and by nobody else: Lambda freezes a process between invocations, with whatever its
//! threads had in hand. What cannot be sent is lost, and said; the work that it tells of never fails over it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod buffer;
mod client;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, filter};

use buffer::Buffer;
use client::Client;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Where a program's own traces go; nowhere, where nobody asked for them.
#[derive(Debug, Default)]
pub struct Traces(Option<Collector>);

#[derive(Debug)]
struct Collector {
    buffer: Buffer,
    exporter: SpanExporter,
    /// Ends what it provides when it is dropped.
    _provider: SdkTracerProvider,
}

/// Why traces are not told.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Occurs when the environment names a collector that nothing can be sent to.
    #[error("own traces cannot be sent: {0}")]
    Configuration(String),
    /// Occurs when somebody else in the process listens already.
    #[error("own traces cannot be gathered: {0}")]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Occurs when the collector does not take them.
    #[error("{spans} spans of own traces are lost: {reason}")]
    Lost {
        /// How many.
        spans: usize,
        /// Why.
        reason: String,
    },
}

impl Traces {
    /// Listens, for the rest of the process, where its environment names a collector. `program`: the service's name,
    /// where the environment gives no other. `given`: the environment, as far as it decides whether to listen; what
    /// else OpenTelemetry's variables say is read by its SDK.
    pub fn start(program: &str, given: &dyn Fn(&str) -> Option<String>) -> Result<Self, TelemetryError> {
        let says = |name: &str, word: &str| given(name).is_some_and(|text| text.eq_ignore_ascii_case(word));
        let named = ENDPOINTS.iter().any(|name| given(name).is_some_and(|text| !text.trim().is_empty()));
        if !named || says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return Ok(Self(None));
        }
        let invalid = |reason: String| TelemetryError::Configuration(reason);
        let client = Client::new().map_err(|error| invalid(error.to_string()))?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let mut resource = Resource::builder();
        if given("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(program.to_owned());
        }
        // As OpenTelemetry's own detectors of Lambda call it.
        if let Some(function) = given("AWS_LAMBDA_FUNCTION_NAME") {
            resource = resource.with_attribute(KeyValue::new("faas.name", function));
        }
        let resource = resource.build();
        exporter.set_resource(&resource);
        let buffer = Buffer::default();
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(buffer.clone()).build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("fluo"))
            // Files and lines of fluo's code help nobody who runs it.
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_filter(filter::filter_fn(|metadata| metadata.target().starts_with("fluo")));
        set_global_default(Registry::default().with(layer))?;
        Ok(Self(Some(Collector { buffer, exporter, _provider: provider })))
    }

    /// Sends what has ended since the last time, for no longer than `within`.
    pub async fn flush(&self, within: Duration) -> Result<(), TelemetryError> {
        let Some(Collector { buffer, exporter, .. }) = &self.0 else { return Ok(()) };
        let (spans, dropped) = buffer.take();
        if spans.is_empty() {
            return Ok(());
        }
        let count = spans.len();
        let reason = match tokio::time::timeout(within, exporter.export(spans)).await {
            Ok(Ok(())) if dropped == 0 => return Ok(()),
            Ok(Ok(())) => {
                return Err(TelemetryError::Lost {
                    spans: dropped,
                    reason: "there were too many".to_owned(),
                });
            }
            Ok(Err(OTelSdkError::InternalFailure(reason))) => reason,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {within:?}"),
        };
        Err(TelemetryError::Lost { spans: count + dropped, reason })
    }
}
