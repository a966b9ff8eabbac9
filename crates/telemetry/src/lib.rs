//! fluo's own traces: where the time of an evaluation, an object or a delivery goes, told to an OpenTelemetry collector.
//!
//! The crates that do the work say what they do as spans of `tracing`, which cost nothing where nobody listens. A
//! program listens where the environment names a collector, by OpenTelemetry's own variables:
//!
//! | variable | says |
//! | --- | --- |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector, `http://127.0.0.1:4318`: OTLP over HTTP, in protobuf |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the same for traces alone, with its path |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and its argument | as [OpenTelemetry says](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) |
//! | `OTEL_SDK_DISABLED=true`, `OTEL_TRACES_EXPORTER=none` | nothing is told |
//!
//! ```text
//! tracing spans of fluo ─▶ buffer ─ flush, when the program says so ─▶ collector
//! ```
//!
//! Sent when the program says so, and by nobody else: Lambda freezes a process between invocations, with whatever its
//! threads had in hand. What cannot be sent is lost, and said; the work that it tells of never fails over it. What a
//! collector takes and drops is not known here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod buffer;
mod client;

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, filter};

use buffer::Buffer;
use client::Client;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Variables that ask for what is not spoken here, but for this.
const ONLY: [(&str, &str); 4] = [
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
];

/// The longest time that a program waits for its traces to be taken.
pub const LONGEST_FLUSH: Duration = Duration::from_secs(2);

/// The name that the SDK gives to a service without a configured name.
const UNNAMED: &str = "unknown_service";

/// The destination of a program's own traces: none where no collector is configured.
#[derive(Debug, Default)]
pub struct Traces(Option<Collector>);

#[derive(Debug)]
struct Collector {
    buffer: Buffer,
    client: Client,
    exporter: SpanExporter,
}

/// The reason why own traces are not exported.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Occurs when the environment names a collector that nothing can be sent to.
    #[error("no own traces: {0}")]
    Configuration(String),
    /// Occurs when somebody else in the process listens already.
    #[error("no own traces: {0}")]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Occurs when the collector does not take them.
    #[error("{spans} spans of own traces are lost: {reason}")]
    Lost {
        /// The number of lost spans.
        spans: usize,
        /// The reason why.
        reason: String,
    },
}

impl Traces {
    /// Listens, for the rest of the process, where its environment names a collector. `program`: the service's name,
    /// where the environment gives no other. `given`: the environment, as far as it decides whether to listen; what
    /// else OpenTelemetry's variables say is read by its SDK.
    pub fn start(program: &str, given: &dyn Fn(&str) -> Option<String>) -> Result<Self, TelemetryError> {
        let given = |name: &str| given(name).filter(|text| !text.trim().is_empty());
        let says = |name: &str, word: &str| given(name).is_some_and(|text| text.eq_ignore_ascii_case(word));
        let endpoint = ENDPOINTS.into_iter().find_map(given);
        let Some(endpoint) = endpoint else { return Ok(Self(None)) };
        if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return Ok(Self(None));
        }
        if let Some((name, only)) =
            ONLY.into_iter().find(|(name, only)| given(name).is_some() && !says(name, only))
        {
            return Err(TelemetryError::Configuration(format!("{name} can only be `{only}`")));
        }
        // An address may hold a secret.
        let invalid = |reason: String| TelemetryError::Configuration(reason.replace(&endpoint, "***"));
        let client = Client::new().map_err(|error| invalid(error.to_string()))?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let resource = resource(program, given("AWS_LAMBDA_FUNCTION_NAME"));
        exporter.set_resource(&resource);
        let buffer = Buffer::default();
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(buffer.clone()).build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("fluo"))
            // Files, lines, threads and polls of fluo's code help nobody who runs it.
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter::filter_fn(|metadata| metadata.target().starts_with("fluo")));
        set_global_default(Registry::default().with(layer))?;
        Ok(Self(Some(Collector { buffer, client, exporter })))
    }

    /// Sends what has ended since the last time, for no longer than `within`.
    pub async fn flush(&self, within: Duration) -> Result<(), TelemetryError> {
        let Some(Collector { buffer, client, exporter }) = &self.0 else { return Ok(()) };
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
            Ok(Err(error)) => client.failure().unwrap_or_else(|| error.to_string()),
            Err(_) => match client.failure() {
                Some(reason) => format!("{reason}, and again"),
                None => format!("no answer within {within:?}"),
            },
        };
        Err(TelemetryError::Lost { spans: count + dropped, reason })
    }
}

/// Returns the OpenTelemetry resource of the program: as OpenTelemetry's variables say. `program` is the service's name
/// where they give none. `function` becomes `faas.name`, the attribute that OpenTelemetry's own Lambda detectors set.
fn resource(program: &str, function: Option<String>) -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::new("service.name")).map(|name| name.to_string());
    let mut resource = Resource::builder();
    if name.is_none_or(|name| name.starts_with(UNNAMED)) {
        resource = resource.with_service_name(program.to_owned());
    }
    if let Some(function) = function {
        resource = resource.with_attribute(KeyValue::new("faas.name", function));
    }
    resource.build()
}
