//! Ingest of fluo beside what one would take instead, in one process and in turn.
//!
//! | contender | what it does |
//! | --- | --- |
//! | `fluo` | decodes, mends, sorts, removes copies, writes sealed Parquet in Zstandard |
//! | `otlp2parquet` | decodes, groups by service, writes Parquet without compression, a file a service |
//! | `otlp2records` | decodes, writes Parquet without compression, one file |
//! | `opentelemetry-proto` | decodes, and nothing else |
//!
//! Time is that of the processor, of all threads. A round runs each contender as often as takes a moment; ratios are of
//! medians over rounds.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use cpu_time::ProcessTime;
use fluo_spans::layout::Layout;
use fluo_store::{IngestOptions, Ingested, Written, ingest_object};
use futures::{StreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp2records_of_otlp2parquet as otlp2records_06;
use prost::Message;
use tokio::runtime::Runtime;

/// Compares ingest of OTLP with that of others.
#[derive(Parser)]
struct Args {
    /// OTLP objects: protobuf, in Zstandard or not.
    objects: Vec<PathBuf>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds that a contender runs in a round.
    #[arg(long, default_value_t = 300)]
    milliseconds: u64,
    /// Ingests each object so often instead, two at a time as the function does, and prints the most memory that this
    /// took.
    #[arg(long)]
    batch: Option<usize>,
    /// Memory of the function whose share an object may take, in MiB.
    #[arg(long, default_value_t = 512)]
    memory: u64,
}

type Failure = Box<dyn Error + Send + Sync>;

/// A contender over an object. Returns the bytes of its Parquet; none if it makes no files.
type Run<'a> = Box<dyn Fn() -> Result<u64, Failure> + 'a>;

struct Contender<'a> {
    name: &'static str,
    run: Run<'a>,
    bytes: u64,
    times: Vec<Duration>,
}

impl<'a> Contender<'a> {
    fn new(name: &'static str, run: impl Fn() -> Result<u64, Failure> + 'a) -> Self {
        Self { name, run: Box::new(run), bytes: 0, times: Vec::new() }
    }

    /// Runs it until it took `least` of a processor, and keeps the time that one run took.
    fn round(&mut self, least: Duration) -> Result<(), Failure> {
        let start = ProcessTime::now();
        let mut runs = 0;
        while runs == 0 || start.elapsed() < least {
            self.bytes = (self.run)()?;
            runs += 1;
        }
        self.times.push(start.elapsed() / runs);
        Ok(())
    }

    fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times[times.len() / 2]
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let runtime = Runtime::new()?;
    if let Some(times) = args.batch {
        for object in &args.objects {
            runtime.block_on(batch(object, times, args.memory << 20))?;
        }
        return Ok(());
    }
    for object in &args.objects {
        let bytes = fs::read(object)?;
        let protobuf =
            if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) { zstd::decode_all(&bytes[..])? } else { bytes };
        let mut request = ExportTraceServiceRequest::decode(&protobuf[..])?;
        // In JSON, not every contender reads a status that is null.
        let scopes = request.resource_spans.iter_mut().flat_map(|spans| &mut spans.scope_spans);
        scopes.flat_map(|scope| &mut scope.spans).for_each(|span| {
            span.status.get_or_insert_default();
        });
        let json = serde_json::to_vec(&request)?;
        let scopes = request.resource_spans.iter().flat_map(|spans| &spans.scope_spans);
        let spans = scopes.map(|scope| scope.spans.len()).sum::<usize>();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        gzip.write_all(&json)?;
        let gzip = gzip.finish()?.len();
        println!("{}: {spans} spans, {gzip} bytes of JSON in gzip", object.display());

        let by_fluo = |bytes: &Bytes| {
            let (store, layout, root) = (InMemory::new(), Layout::builtin(), Path::from("spans"));
            let (bytes, options) = (bytes.clone(), IngestOptions::default());
            let written = Written::At(i64::MAX / 1_000_000 - options.max_future_ns / 1_000_000);
            let ingested =
                runtime.block_on(ingest_object(&store, &root, bytes, written, &layout, &options))?;
            Ok(ingested.files.iter().map(|file| file.bytes).sum())
        };
        let protobuf = Bytes::from(protobuf);
        compare(
            "protobuf",
            spans,
            &args,
            vec![
                Contender::new("fluo", || by_fluo(&protobuf)),
                Contender::new("otlp2parquet", || {
                    by_otlp2parquet(&protobuf, otlp2parquet::InputFormat::Protobuf)
                }),
                Contender::new("otlp2records", || {
                    by_otlp2records(&protobuf, otlp2records::InputFormat::Protobuf)
                }),
                Contender::new("opentelemetry-proto", || {
                    Ok(u64::from(
                        ExportTraceServiceRequest::decode(protobuf.clone())?.resource_spans.is_empty(),
                    ))
                }),
            ],
        )?;
        let json = Bytes::from(json);
        compare(
            "JSON",
            spans,
            &args,
            vec![
                Contender::new("fluo", || by_fluo(&json)),
                Contender::new("otlp2parquet", || by_otlp2parquet(&json, otlp2parquet::InputFormat::Json)),
                Contender::new("otlp2records", || by_otlp2records(&json, otlp2records::InputFormat::Json)),
                Contender::new("opentelemetry-proto", || {
                    let request: ExportTraceServiceRequest = serde_json::from_slice(&json)?;
                    Ok(u64::from(request.resource_spans.is_empty()))
                }),
            ],
        )?;
    }
    Ok(())
}

fn compare(form: &str, spans: usize, args: &Args, mut contenders: Vec<Contender<'_>>) -> Result<(), Failure> {
    for contender in &mut contenders {
        contender.round(Duration::ZERO)?;
        contender.times.clear();
    }
    for _ in 0..args.rounds {
        for contender in &mut contenders {
            contender.round(Duration::from_millis(args.milliseconds))?;
        }
    }
    let fluo = contenders[0].median().as_secs_f64();
    for contender in &contenders {
        let time = contender.median().as_secs_f64();
        let (a_span, ratio) = (time * 1e6 / spans as f64, time / fluo);
        let (name, time, bytes) = (contender.name, time * 1e3, contender.bytes);
        println!(
            "{form:8} {name:20} {time:10.3} ms {a_span:7.2} us a span {ratio:6.2} of fluo {bytes:10} bytes"
        );
    }
    Ok(())
}

/// Ingests an object so often, two at a time.
async fn batch(object: &std::path::Path, times: usize, memory: u64) -> Result<(), Failure> {
    /// As `functions/ingest-spans` has them.
    const AT_ONCE: usize = 2;
    const OWN_MEMORY: u64 = 96 << 20;
    let folder = std::env::temp_dir().join(format!("fluo-contenders-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let store = LocalFileSystem::new_with_prefix(&folder)?;
    let (layout, options) = (Layout::builtin(), IngestOptions::default());
    let options = IngestOptions { max_memory: (memory - OWN_MEMORY) / AT_ONCE as u64, ..options };
    let written = Written::At(i64::MAX / 1_000_000 - options.max_future_ns / 1_000_000);
    let ingested: Vec<Result<Ingested, Failure>> = stream::iter(0..times)
        .map(|number| {
            let (store, layout, options) = (&store, &layout, &options);
            async move {
                let root = Path::from(number.to_string());
                let bytes = Bytes::from(fs::read(object)?);
                Ok(ingest_object(store, &root, bytes, written, layout, options).await?)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    fs::remove_dir_all(&folder)?;
    let mut spans = 0;
    for ingested in ingested {
        spans += ingested?.spans;
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{}: {times} times, {spans} spans, {peak}", object.display());
    Ok(())
}

/// As its server does it: a file for each service.
fn by_otlp2parquet(bytes: &[u8], format: otlp2parquet::InputFormat) -> Result<u64, Failure> {
    let groups = otlp2parquet::codec::decode_traces_partitioned(bytes, format)?;
    let mut total = 0;
    for group in groups.batches {
        total += otlp2records_06::to_parquet(&group.batch)?.len() as u64;
    }
    Ok(total)
}

fn by_otlp2records(bytes: &[u8], format: otlp2records::InputFormat) -> Result<u64, Failure> {
    let batch = otlp2records::transform_traces(bytes, format)?;
    Ok(otlp2records::to_parquet(&batch)?.len() as u64)
}
