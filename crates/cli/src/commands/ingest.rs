//! `fluo ingest`: OTLP files into the Parquet layout.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_alerts::escape;
use fluo_spans::{Counts, Mend, Mended, Reasoned, SetAside};
use fluo_store::duckdb_view::duckdb_view;
use fluo_store::layouts::{self, StoredLayout};
use fluo_store::{IngestOptions, Ingested, open_folder};
use futures::{StreamExt, stream};
use object_store::local::LocalFileSystem;
use serde::Serialize;

use crate::args::{Ingest, SummaryFormat};
use crate::exit::{Failure, Status, chain};
use crate::otlp_files::{Became, ingest_file};
use crate::progress::Progress;
use crate::spans::{DataFiles, data_files, mended_in_words, refuse_uri};
use crate::terminal::{self, Output};

/// The result for all objects: `fluo.ingest/v1`.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    objects: usize,
    spans: u64,
    duplicates: u64,
    /// Written now.
    files: usize,
    /// Of the objects too, and there before.
    existing_files: usize,
    bytes: Bytewise,
    #[serde(serialize_with = "by_reason")]
    set_aside: SetAside,
    #[serde(serialize_with = "by_reason")]
    mended: Counts<Mend>,
    /// Objects of other signals.
    not_traces: Vec<OtherObject>,
    failed_objects: Vec<FailedObject>,
    #[serde(skip)]
    mended_spans: u64,
    #[serde(skip)]
    id_conflicts: u64,
    #[serde(skip)]
    other_documents: u64,
}

#[derive(Debug, Default, Serialize)]
struct Bytewise {
    raw: u64,
    parquet: u64,
}

#[derive(Debug, Serialize)]
struct OtherObject {
    object: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct FailedObject {
    object: String,
    reason: String,
}

pub(crate) async fn run(args: &Ingest) -> Result<Status, Failure> {
    refuse_uri(&args.spans)?;
    let mut sources = DataFiles::default();
    for source in &args.sources {
        refuse_uri(source)?;
        let found = data_files(source)
            .map_err(|error| Failure::because(format!("could not read `{}`", source.display()), error))?;
        sources.files.extend(found.files);
        sources.broken.extend(found.broken);
    }
    if sources.files.is_empty() && sources.broken.is_empty() {
        return Err(Failure::usage("there is no file in what was given"));
    }
    let mut summary = ingest(&sources.files, &args.spans).await?;
    summary.objects += sources.broken.len();
    summary.failed_objects.extend(sources.broken.iter().map(|entry| FailedObject {
        object: escape::plain(&entry.file.to_string_lossy()).into_owned(),
        reason: entry.reason.to_owned(),
    }));
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Json => output.json(&summary)?,
        SummaryFormat::Human => output.text(&summary.in_words())?,
    }
    output.finish()?;
    Ok(if !summary.failed_objects.is_empty() && summary.read() == 0 {
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
    let opened = open_folder(root)
        .map_err(|error| Failure::because(format!("could not open `{}`", root.display()), error))?;
    let stored = match layouts::read(&opened).await {
        Ok(stored) => Some(stored.map_or_else(StoredLayout::built_in, |(stored, _)| stored)),
        Err(error) => {
            terminal::note(&format!("warning: files are written in the built-in layout: {}", chain(&error)));
            None
        }
    };
    // Where the layout is not known, a view that is there may know more columns than the built-in ones.
    let view = root.join("spans.sql");
    if stored.is_some() || !view.exists() {
        let stored = stored.clone().unwrap_or_else(StoredLayout::built_in);
        fs::write(view, duckdb_view(&stored.with_former(), "spans")).map_err(cannot_write)?;
    }
    let layout = stored.unwrap_or_else(StoredLayout::built_in).layout();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let (store, layout, options) = (&store, &layout, &IngestOptions::default());
    let mut done = stream::iter(sources)
        .map(|source| async move { (source, ingest_file(store, layout, source, options).await) })
        .buffered(at_once);
    let mut summary = Summary {
        schema: "fluo.ingest/v1",
        objects: sources.len(),
        spans: 0,
        duplicates: 0,
        files: 0,
        existing_files: 0,
        bytes: Bytewise::default(),
        set_aside: SetAside::default(),
        mended: Counts::default(),
        not_traces: Vec::new(),
        failed_objects: Vec::new(),
        mended_spans: 0,
        id_conflicts: 0,
        other_documents: 0,
    };
    // Sizes are for the bar alone: a file that cannot be looked at is told of when it is read.
    let total = sources.iter().map(|source| fs::metadata(source).map_or(0, |data| data.len())).sum();
    let mut progress = Progress::new("ingest", total);
    while let Some((source, became)) = done.next().await {
        let object = || escape::plain(&source.to_string_lossy()).into_owned();
        match became {
            Became::Ingested(ingested) => {
                progress.add(ingested.raw_bytes, ingested.spans);
                summary.add(&ingested);
            }
            Became::Other(what) => {
                summary.not_traces.push(OtherObject { object: object(), what: what.to_string() });
            }
            Became::Failed(reason) => {
                summary.failed_objects.push(FailedObject { object: object(), reason });
            }
        }
    }
    Ok(summary)
}

impl Summary {
    fn add(&mut self, ingested: &Ingested) {
        self.spans += ingested.spans;
        self.duplicates += ingested.duplicates;
        self.id_conflicts += ingested.id_conflicts;
        self.files += ingested.written().count();
        self.existing_files += ingested.files.len() - ingested.written().count();
        self.bytes.raw += ingested.raw_bytes;
        self.bytes.parquet += ingested.written().map(|file| file.bytes).sum::<u64>();
        self.set_aside.merge(&ingested.set_aside);
        self.mended.merge(&ingested.mended.reasons);
        self.mended_spans += ingested.mended.spans;
        self.other_documents += ingested.other_signals;
    }

    /// The number of objects that held spans, or could have.
    fn read(&self) -> usize {
        self.objects - self.failed_objects.len() - self.not_traces.len()
    }

    fn in_words(&self) -> String {
        let mut lines = vec![format!(
            "{} of {} objects read: {} spans ({} duplicates left out) in {} new files, {} bytes of {}",
            self.read(),
            self.objects,
            self.spans,
            self.duplicates,
            self.files,
            self.bytes.parquet,
            self.bytes.raw,
        )];
        if self.existing_files > 0 {
            lines.push(format!("already there: {} files", self.existing_files));
        }
        if self.id_conflicts > 0 {
            lines.push(format!(
                "{} duplicates differed from the span that was kept: ids were used twice",
                self.id_conflicts
            ));
        }
        if !self.set_aside.is_empty() {
            lines.push(format!("set aside: {}", self.set_aside.in_words()));
        }
        if self.mended_spans > 0 {
            let mended = Mended { spans: self.mended_spans, reasons: self.mended.clone() };
            lines.push(mended_in_words(&mended));
        }
        if self.other_documents > 0 {
            lines.push(format!(
                "left out among the spans: {} documents of other signals",
                self.other_documents
            ));
        }
        for other in &self.not_traces {
            lines.push(format!("left out: {}: {}", other.object, other.what));
        }
        for failed in &self.failed_objects {
            lines.push(format!("not read: {}: {}", failed.object, failed.reason));
        }
        lines.join("\n") + "\n"
    }
}

fn by_reason<R: Reasoned, S: serde::Serializer>(
    counts: &Counts<R>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    counts.by_text().serialize(serializer)
}
