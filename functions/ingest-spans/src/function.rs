//! An invocation → its answer, log and metrics.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use fluo_alerts::escape::{chain, plain};
use fluo_rules::rule::{ALLOWED_LATENESS, EVAL_DELAY};
use fluo_runtime::answer::{InvocationError, answer};
use fluo_runtime::envelope::Envelope;
use fluo_runtime::log::{Level, line};
use fluo_runtime::metrics::{Unit, emit};
use fluo_runtime::s3_event::written_objects;
use fluo_runtime::{Environment, EnvironmentError, Invocation, aws};
use fluo_spans::layout::Layout;
use fluo_store::layouts::KnownLayout;
use fluo_store::{IngestOptions, Root, StoreError, open_root};
use fluo_time::Nanos;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::object::{Ingest, Outcome};
use crate::raw::RawObjects;

/// The number of messages that are worked on at a time: one waits for the network while another is decoded.
const AT_ONCE: usize = 2;

/// The rest of an invocation in which nothing more is begun, in nanoseconds: a large object takes less.
const MARGIN: i64 = 10 * Nanos::SECOND.0;

/// The part of an invocation that the margin takes at most: a function whose time limit is short works, too.
const MARGIN_SHARE: i64 = 4;

/// A function's memory that is not for objects, in bytes: the program itself, and its connections.
const OWN_MEMORY: u64 = 96 << 20;

/// An object's memory at least, in bytes, however small the function is: with less, none would be read. The templates let
/// no function be so small.
const LEAST_MEMORY: u64 = 160 << 20;

/// The function, between its invocations.
pub struct IngestSpans {
    raw: Box<dyn RawObjects>,
    root: Root,
    layout: KnownLayout,
    options: IngestOptions,
    /// Asks for an evaluation of what was written; `None`: the schedule's are enough.
    asking: Option<Asking>,
    /// Spans that ended longer ago than this are late, in nanoseconds.
    late_after: i64,
    name: String,
    clock: &'static (dyn Fn() -> i64 + Send + Sync),
}

/// The reasons why the function could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Occurs when the environment lacks something.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Occurs when the store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The work of an invocation, in numbers.
#[derive(Debug, Default)]
struct Tally {
    objects: u64,
    ignored: u64,
    quarantined: u64,
    failed: u64,
    spans: u64,
    duplicates: u64,
    set_aside: u64,
    mended: u64,
    late: u64,
    raw_bytes: u64,
    parquet_bytes: u64,
}

impl IngestSpans {
    /// The function as its environment describes it.
    pub fn start(
        environment: &Environment,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, StartError> {
        let uri = environment.required("FLUO_STORE", "where spans are written: s3://bucket")?;
        let root = open_root(uri, &environment.lookup())?;
        let configuration = aws::configuration(environment, aws::Service::S3)?;
        let configuration = Builder::from(&configuration)
            // A stand-in has no host name for each bucket.
            .force_path_style(configuration.endpoint_url().is_some())
            // What is decoded proves itself, and not every server that speaks S3 has these checksums.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let function = Self::new(environment, Box::new(Client::from_conf(configuration)), root, clock)?;
        Ok(function.asking(Asking::of(environment)?))
    }

    /// The same, which asks for evaluations.
    #[must_use]
    pub fn asking(self, asking: Option<Asking>) -> Self {
        Self { asking, ..self }
    }

    /// The same with raw objects from anywhere.
    pub fn new(
        environment: &Environment,
        raw: Box<dyn RawObjects>,
        root: Root,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, EnvironmentError> {
        let mut options = IngestOptions::default();
        if let Some(memory) = environment.memory() {
            let share = memory.saturating_sub(OWN_MEMORY) / AT_ONCE as u64;
            options.max_memory = share.max(LEAST_MEMORY);
        }
        let allowed = environment.duration("FLUO_ALLOWED_LATENESS", ALLOWED_LATENESS)?;
        let delay = environment.duration("FLUO_EVAL_DELAY", EVAL_DELAY)?;
        let late_after = allowed.0.saturating_add(delay.0);
        let name = environment.function_name("ingest-spans");
        let layout = KnownLayout::default();
        Ok(Self { raw, root, layout, options, asking: None, late_after, name, clock })
    }

    /// Handles an invocation.
    pub async fn handle(&self, invocation: Invocation) -> Result<Value, InvocationError> {
        let envelope = Envelope::open(invocation.event)?;
        let given = invocation.deadline.saturating_sub((self.clock)());
        let until = invocation.deadline.saturating_sub(MARGIN.min(given / MARGIN_SHARE));
        let mut tally = Tally::default();
        let mut failed = Vec::new();
        let messages = &envelope.messages;
        let mut done = stream::iter(0..messages.len())
            .map(async |index: usize| (index, self.message(&messages[index].text, until).await))
            .buffered(AT_ONCE);
        while let Some((index, outcomes)) = done.next().await {
            let (mut any_failed, mut any_arrived) = (false, false);
            for (object, outcome) in outcomes {
                any_failed |= matches!(outcome, Outcome::Failed { .. });
                any_arrived |= has_arrived(&outcome);
                self.tell(&object, &outcome);
                tally.add(&outcome);
            }
            if any_failed {
                failed.push(index);
            }
            if any_arrived {
                self.ask().await;
            }
        }
        drop(done);
        self.measure(&tally);
        Ok(answer(&envelope, &failed)?)
    }

    /// Asks for an evaluation. Where nobody can be asked, the schedule's next one sees the files.
    async fn ask(&self) {
        let Some(asking) = &self.asking else { return };
        if let Err(reason) = asking.ask((self.clock)()).await {
            let fields = json!({"reason": plain(&reason)});
            line(
                Level::Warning,
                (self.clock)(),
                "no evaluation could be asked for: the schedule makes it",
                fields,
            );
        }
    }

    /// Ingests the objects of a message: their keys, and what became of them.
    async fn message(&self, text: &str, until: i64) -> Vec<(String, Outcome)> {
        let objects = match written_objects(text) {
            Ok(objects) => objects,
            // It ends among the dead letters, where people look: nobody knows what it was to tell.
            Err(error) => return vec![(String::new(), Outcome::Failed { reason: error.to_string() })],
        };
        let options = IngestOptions {
            late_before_ns: Some((self.clock)().saturating_sub(self.late_after)),
            ..self.options
        };
        let layout = self.layout().await;
        let ingest = Ingest { raw: self.raw.as_ref(), root: &self.root, layout: &layout, options };
        let mut outcomes = Vec::with_capacity(objects.len());
        for object in objects {
            let outcome = if (self.clock)() >= until {
                Outcome::Failed { reason: "no time was left to read it".to_owned() }
            } else {
                ingest.ingest(&object).await
            };
            outcomes.push((object.key, outcome));
        }
        outcomes
    }

    /// Returns the layout of the files that are written now.
    async fn layout(&self) -> Layout {
        let (layout, unknown) = self.layout.current(&self.root, (self.clock)()).await;
        if let Some(error) = unknown {
            let fields = json!({"reason": plain(&chain(&error))});
            let message = "the layout of files is not known: the last one that is counts";
            line(Level::Warning, (self.clock)(), message, fields);
        }
        layout
    }

    fn tell(&self, object: &str, outcome: &Outcome) {
        let tell = |level, message, fields| line(level, (self.clock)(), message, fields);
        match outcome {
            Outcome::Ingested(ingested) => {
                let fields = json!({
                    "object": object, "spans": ingested.spans, "duplicates": ingested.duplicates,
                    "id_conflicts": ingested.id_conflicts, "set_aside": ingested.set_aside.by_text(),
                    "mended": ingested.mended.reasons.by_text(), "other_signals": ingested.other_signals,
                    "late": ingested.files.iter().map(|file| file.late).sum::<u64>(),
                    "files": ingested.files.iter().map(|file| file.location.to_string()).collect::<Vec<_>>(),
                    "redelivered": ingested.files.iter().all(|file| file.existed) && !ingested.files.is_empty(),
                });
                let sound = ingested.set_aside.is_empty() && ingested.mended.is_empty();
                let level = if sound { Level::Info } else { Level::Warning };
                tell(level, "ingested", fields);
            }
            Outcome::Ignored(why) => {
                tell(Level::Info, "ignored", json!({"object": object, "reason": why.as_str()}));
            }
            Outcome::Quarantined { location, reason } => {
                let fields = json!({"object": object, "reason": reason, "location": location});
                tell(Level::Error, "quarantined", fields);
            }
            Outcome::Failed { reason } => {
                tell(
                    Level::Error,
                    "failed, and delivered again",
                    json!({"object": object, "reason": reason}),
                );
            }
        }
    }

    fn measure(&self, tally: &Tally) {
        let metrics = [
            ("Objects", Unit::Count, tally.objects),
            ("ObjectsIgnored", Unit::Count, tally.ignored),
            ("ObjectsQuarantined", Unit::Count, tally.quarantined),
            ("ObjectsFailed", Unit::Count, tally.failed),
            ("Spans", Unit::Count, tally.spans),
            ("SpansDuplicate", Unit::Count, tally.duplicates),
            ("SpansSetAside", Unit::Count, tally.set_aside),
            ("SpansMended", Unit::Count, tally.mended),
            ("SpansLate", Unit::Count, tally.late),
            ("RawBytes", Unit::Bytes, tally.raw_bytes),
            ("ParquetBytes", Unit::Bytes, tally.parquet_bytes),
        ];
        emit(&self.name, (self.clock)(), &metrics);
    }
}

/// Returns whether spans of an object lie there. Whoever wrote files that were there already may have died before it
/// asked.
fn has_arrived(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ingested(ingested) if ingested.files.iter().any(|file| file.rows > 0))
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.objects += 1;
        match outcome {
            Outcome::Ingested(ingested) => {
                // What was there before was counted then.
                for file in ingested.written() {
                    self.spans += file.rows;
                    self.late += file.late;
                    self.set_aside += file.set_aside.total();
                    self.mended += file.mended.spans;
                    self.parquet_bytes += file.bytes;
                }
                self.duplicates += ingested.duplicates;
                self.raw_bytes += ingested.raw_bytes;
            }
            Outcome::Ignored(_) => self.ignored += 1,
            Outcome::Quarantined { .. } => self.quarantined += 1,
            Outcome::Failed { .. } => self.failed += 1,
        }
    }
}
