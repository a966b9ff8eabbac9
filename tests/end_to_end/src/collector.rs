//! The OpenTelemetry Collector, with a configuration of `infra/collector` as it is and, laid over it, what is different on
//! this machine: addresses, encoding, and a shorter wait.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::aws::Aws;
use crate::aws::s3::Bucket;
use crate::process::Process;
use crate::runtime_api::REGION;
use crate::{programs, wait};

/// How the collector writes objects.
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
    /// How the names of its objects end.
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
    _folder: TempDir,
}

impl Collector {
    /// Starts a collector that writes into a bucket.
    pub async fn start(aws: &Aws, bucket: &Bucket, writes: Writes) -> Self {
        let folder = TempDir::new().unwrap();
        let [grpc, http] = free_ports();
        let overlay = folder.path().join("this-machine.yml");
        fs::write(&overlay, on_this_machine(aws, grpc, http, writes)).unwrap();
        let configuration = programs::repository(&format!("infra/collector/{}.yml", writes.configuration));
        let mut command = Command::new(programs::collector());
        command.arg("--config").arg(configuration).arg("--config").arg(overlay);
        command.env_clear().envs([
            ("FLUO_BUCKET", bucket.name()),
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
        Self { http, _process: process, _folder: folder }
    }

    /// Where applications send OTLP over HTTP.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }
}

fn on_this_machine(aws: &Aws, grpc: u16, http: u16, writes: Writes) -> String {
    let mut overlay = format!(
        "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{grpc}}}
      http: {{endpoint: 127.0.0.1:{http}}}
exporters:
  awss3:
    marshaler: {}
    s3uploader:
      endpoint: {}
      s3_force_path_style: true
      disable_ssl: true
      compression: {}
    sending_queue: {{batch: {{flush_timeout: 500ms}}}}
",
        writes.marshaler,
        aws.endpoint(),
        writes.compression
    );
    // Its own metrics would listen on one port, whoever else runs a collector here.
    overlay.write_str("service: {telemetry: {metrics: {level: none}, logs: {level: warn}}}\n").expect("text grows");
    overlay
}

/// Ports that nothing listens on. All are held until all are found, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
