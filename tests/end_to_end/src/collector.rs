//! The OpenTelemetry Collector, with a configuration of `infra/collector` as it is: what differs on this machine is in the
//! variables that the configuration reads.

use std::net::TcpListener;
use std::process::Command;

use tokio::net::TcpStream;

use crate::aws::Aws;
use crate::aws::s3::Bucket;
use crate::process::Process;
use crate::runtime_api::REGION;
use crate::{programs, wait};

/// The way in which the collector writes objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writes {
    /// The configuration: `agent` or `gateway`.
    pub configuration: &'static str,
    /// `otlp_json` or `otlp_proto`.
    pub marshaler: &'static str,
    /// `none`, `gzip` or `zstd`.
    pub compression: &'static str,
}

impl Writes {
    /// Returns the end of the names of its objects.
    pub fn suffix(&self) -> String {
        let kind = if self.marshaler == "otlp_json" { ".json" } else { ".binpb" };
        let packed = match self.compression {
            "gzip" => ".gz",
            "zstd" => ".zst",
            _ => "",
        };
        format!("{kind}{packed}")
    }
}

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    http: u16,
    _process: Process,
}

impl Collector {
    /// Starts a collector that writes into a bucket.
    pub async fn start(aws: &Aws, bucket: &Bucket, writes: Writes) -> Self {
        let [grpc, http, metrics] = free_ports();
        let configuration = programs::repository(&format!("infra/collector/{}.yml", writes.configuration));
        let mut command = Command::new(programs::collector());
        command.arg("--config").arg(configuration).env_clear().envs([
            ("FLUO_BUCKET", bucket.name()),
            ("OTLP_GRPC_ENDPOINT", &format!("127.0.0.1:{grpc}")),
            ("OTLP_HTTP_ENDPOINT", &format!("127.0.0.1:{http}")),
            ("METRICS_PORT", &metrics.to_string()),
            ("S3_FLUSH_TIMEOUT", "500ms"),
            ("S3_MARSHALER", writes.marshaler),
            ("S3_COMPRESSION", writes.compression),
            ("S3_FORCE_PATH_STYLE", "true"),
            ("AWS_ENDPOINT_URL_S3", aws.endpoint()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "testtest"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        let mut process = Process::start("the collector", &mut command);
        wait::until("the collector listens", async || {
            assert!(process.ended().is_none(), "the collector ended: {}", process.log());
            TcpStream::connect(("127.0.0.1", http)).await.ok()
        })
        .await;
        Self { http, _process: process }
    }

    /// Returns the address that applications send OTLP over HTTP to.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }
}

/// Ports that nothing listens on. All are held until all are found, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
