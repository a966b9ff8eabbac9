//! `fluo ingest`: OTLP files into the Parquet layout.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fluo_alerts::escape;
use fluo_spans::SetAside;
use fluo_spans::layout::Layout;
use fluo_store::duckdb_view::duckdb_view;
use fluo_store::{IngestOptions, Ingested, ingest_object};
use futures::{StreamExt, stream};
use object_store::local::LocalFileSystem;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{Ingest, SummaryFormat};
use crate::exit::{Failure, Status, chain};
use crate::progress::Progress;
use crate::spans::{data_files, in_words, read, refuse_uri};
use crate::terminal::Output;

/// What became of all objects: `fluo.ingest/v1`.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    objects: usize,
    spans: u64,
    duplicates: u64,
    files: usize,
    bytes: Bytewise,
    #[serde(serialize_with = "by_reason")]
    set_aside: SetAside,
    failed_objects: Vec<FailedObject>,
    #[serde(skip)]
    id_conflicts: u64,
}

#[derive(Debug, Default, Serialize)]
struct Bytewise {
    raw: u64,
    parquet: u64,
}

#[derive(Debug, Serialize)]
struct FailedObject {
    object: String,
    reason: String,
}

pub(crate) async fn run(args: &Ingest) -> Result<Status, Failure> {
    refuse_uri(&args.spans)?;
    let mut sources = Vec::new();
    for source in &args.sources {
        refuse_uri(source)?;
        data_files(source, &mut sources)
            .map_err(|error| Failure::because(format!("could not read `{}`", source.display()), error))?;
    }
    if sources.is_empty() {
        return Err(Failure::usage("there is no file in what was given"));
    }
    let summary = ingest(&sources, &args.spans).await?;
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Json => output.json(&summary)?,
        SummaryFormat::Human => output.text(&summary.in_words())?,
    }
    output.finish()?;
    Ok(if summary.failed_objects.len() == summary.objects {
        Status::Failed
    } else if summary.failed_objects.is_empty() && summary.set_aside.is_empty() {
        Status::Done
    } else {
        Status::Found
    })
}

/// Ingests files into the store at `root`, and leaves the view for DuckDB beside the spans.
async fn ingest(sources: &[PathBuf], root: &Path) -> Result<Summary, Failure> {
    let cannot_write =
        |error: std::io::Error| Failure::because(format!("could not write to `{}`", root.display()), error);
    fs::create_dir_all(root.join("spans")).map_err(cannot_write)?;
    let store = LocalFileSystem::new_with_prefix(root)
        .map_err(|error| Failure::because(format!("could not open `{}`", root.display()), error))?;
    let layout = Layout::builtin();
    let view = duckdb_view(&layout, "spans");
    fs::write(root.join("spans.sql"), view).map_err(cannot_write)?;
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let (store, layout) = (&store, &layout);
    let mut done = stream::iter(sources)
        .map(|source| async move { (source, one(store, layout, source).await) })
        .buffered(at_once);
    let mut summary = Summary {
        schema: "fluo.ingest/v1",
        objects: sources.len(),
        spans: 0,
        duplicates: 0,
        files: 0,
        bytes: Bytewise::default(),
        set_aside: SetAside::default(),
        failed_objects: Vec::new(),
        id_conflicts: 0,
    };
    // Sizes are for the bar alone: a file that cannot be looked at is told of when it is read.
    let total = sources.iter().map(|source| fs::metadata(source).map_or(0, |data| data.len())).sum();
    let mut progress = Progress::new("ingest", total);
    while let Some((source, result)) = done.next().await {
        match result {
            Ok(ingested) => {
                progress.add(ingested.raw_bytes, ingested.spans);
                summary.add(&ingested);
            }
            Err(reason) => {
                let object = escape::plain(&source.to_string_lossy()).into_owned();
                summary.failed_objects.push(FailedObject { object, reason });
            }
        }
    }
    Ok(summary)
}

async fn one(store: &LocalFileSystem, layout: &Layout, source: &Path) -> Result<Ingested, String> {
    let (bytes, modified_ms) = read(source).map_err(|error| error.to_string())?;
    let root = object_store::path::Path::from("spans");
    ingest_object(store, &root, Bytes::from(bytes), modified_ms, layout, &IngestOptions::default())
        .await
        .map_err(|error| chain(&error))
}

impl Summary {
    fn add(&mut self, ingested: &Ingested) {
        self.spans += ingested.spans;
        self.duplicates += ingested.duplicates;
        self.id_conflicts += ingested.id_conflicts;
        self.files += ingested.files.len();
        self.bytes.raw += ingested.raw_bytes;
        self.bytes.parquet += ingested.parquet_bytes();
        self.set_aside.merge(&ingested.set_aside);
    }

    fn in_words(&self) -> String {
        let read = self.objects - self.failed_objects.len();
        let mut lines = vec![format!(
            "{} of {} objects read: {} spans ({} duplicates left out) in {} files, {} bytes of {}",
            read, self.objects, self.spans, self.duplicates, self.files, self.bytes.parquet, self.bytes.raw,
        )];
        if self.id_conflicts > 0 {
            lines.push(format!(
                "{} duplicates differed from the span that was kept: ids were used twice",
                self.id_conflicts
            ));
        }
        if !self.set_aside.is_empty() {
            lines.push(format!("set aside: {}", in_words(&self.set_aside)));
        }
        for failed in &self.failed_objects {
            lines.push(format!("not read: {}: {}", failed.object, failed.reason));
        }
        lines.join("\n") + "\n"
    }
}

fn by_reason<S: serde::Serializer>(set_aside: &SetAside, serializer: S) -> Result<S::Ok, S::Error> {
    let reasons: Map<String, Value> =
        set_aside.iter().map(|(reason, count)| (reason.as_str().to_owned(), count.into())).collect();
    reasons.serialize(serializer)
}
