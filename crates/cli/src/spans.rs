//! What `--spans` names, as a span source: a store's folder of Parquet, Parquet files, OTLP files, folders of these.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use datafusion::execution::object_store::ObjectStoreUrl;
use fluo_engine::{DataFiles, SpanSource};
use fluo_spans::layout::Layout;
use fluo_spans::{Decoded, Limits, SetAside};
use fluo_store::{FileFault, IngestOptions};
use futures::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::exit::{Failure, chain};
use crate::terminal;

/// A source, and whether all of it could be read.
#[derive(Default)]
pub(crate) struct Spans {
    pub(crate) source: SpanSource,
    /// Something could not be read, and was told of.
    pub(crate) incomplete: bool,
    /// Bytes of the files, as they lie there.
    pub(crate) bytes: u64,
    /// Spans in them, copies included.
    pub(crate) count: u64,
}

/// Opens all of `paths`. What cannot be read is told on standard error, and the rest goes on.
pub(crate) async fn open(paths: &[PathBuf]) -> Result<Spans, Failure> {
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let data = DataFiles::new(store, ObjectStoreUrl::local_filesystem());
    let mut spans = Spans::default();
    let mut raw = Vec::new();
    for path in paths {
        let unreadable = |error| Failure::because(format!("could not read `{}`", path.display()), error);
        refuse_uri(path)?;
        let absolute = path.canonicalize().map_err(|error| {
            unreadable(error).hint("--spans takes Parquet files, OTLP files, or folders of either")
        })?;
        let root = object_store::path::Path::from_absolute_path(&absolute)
            .map_err(|error| Failure::because(format!("could not read `{}`", path.display()), error))?;
        let mut files = Vec::new();
        data_files(&absolute, &mut files).map_err(unreadable)?;
        let (parquet, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| is_parquet(file));
        if parquet.is_empty() && others.is_empty() {
            return Err(Failure::usage(format!("there is no file in `{}`", path.display())));
        }
        if !parquet.is_empty() {
            let opened = data
                .below(&root)
                .await
                .map_err(|error| Failure::because(format!("could not list `{}`", path.display()), error))?;
            spans.source.extend(opened.source);
            spans.bytes += opened.bytes;
            spans.count += opened.spans;
            for (_, fault) in &opened.faults {
                spans.left_out(fault);
            }
        }
        raw.extend(others);
    }
    raw.sort();
    raw.dedup();
    spans.add_otlp(&raw).await?;
    Ok(spans)
}

impl Spans {
    /// Tells of a file that is not read.
    pub(crate) fn left_out(&mut self, fault: &FileFault) {
        self.incomplete = true;
        terminal::note(&format!("warning: /{} was left out: {}", fault.location(), chain(fault.reason())));
    }

    async fn add_otlp(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let mut decoded = stream::iter(files.iter().cloned())
            .map(|file| async move {
                let path = file.clone();
                let result = tokio::task::spawn_blocking(move || decode(&path)).await;
                (file, result)
            })
            .buffered(at_once);
        let mut set_aside = SetAside::default();
        while let Some((file, result)) = decoded.next().await {
            let result = result.map_err(|error| Failure::because("decoding was interrupted", error))?;
            match result {
                Ok((Decoded { spans, set_aside: aside, .. }, bytes)) => {
                    set_aside.merge(&aside);
                    self.bytes += bytes;
                    self.count += spans.len() as u64;
                    self.source.add_spans(&spans, &Layout::builtin()).map_err(|error| {
                        Failure::because(format!("could not hold `{}`", file.display()), error)
                    })?;
                }
                Err(reason) => {
                    self.incomplete = true;
                    self.source.add_unknown_damage();
                    terminal::note(&format!("warning: {} was left out: {reason}", file.display()));
                }
            }
        }
        if !set_aside.is_empty() {
            terminal::note(&format!("warning: spans were set aside: {}", in_words(&set_aside)));
        }
        Ok(())
    }
}

/// `2 × missing trace id, 1 × end before start`
pub(crate) fn in_words(set_aside: &SetAside) -> String {
    let parts: Vec<String> =
        set_aside.iter().map(|(reason, count)| format!("{count} × {}", reason.as_str())).collect();
    parts.join(", ")
}

/// The spans of a file, and its size.
fn decode(path: &Path) -> Result<(Decoded, u64), String> {
    let (bytes, modified_ms) = read(path).map_err(|error| error.to_string())?;
    let mut decoded = fluo_spans::decode(&bytes, &Limits::default()).map_err(|error| chain(&error))?;
    let max_future = IngestOptions::default().max_future_ns;
    decoded.set_aside_future(modified_ms.saturating_mul(1_000_000), max_future);
    Ok((decoded, bytes.len() as u64))
}

/// Object stores are for later: a path that names one is not a missing folder.
pub(crate) fn refuse_uri(path: &Path) -> Result<(), Failure> {
    match path.to_str().and_then(|path| path.split_once("://")) {
        Some((scheme, _)) => {
            Err(Failure::usage(format!("`{}`: {scheme}:// is not supported yet", path.display()))
                .hint("copy the objects into a folder and name that"))
        }
        None => Ok(()),
    }
}

/// A file's bytes, and when it was last written in milliseconds since the epoch: its ingest time.
pub(crate) fn read(path: &Path) -> io::Result<(Vec<u8>, i64)> {
    let bytes = fs::read(path)?;
    let modified = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((bytes, i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)))
}

/// The files that hold data at or below a path, sorted. Of the root of a store, only `spans/`; hidden files and what
/// lies beside data (`.md`, `.sql`, `.yml`) are not data.
pub(crate) fn data_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if path.join("spans").is_dir() {
        return data_files(&path.join("spans"), files);
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let beside = [".md", ".sql", ".yml", ".yaml", ".html", ".txt"];
        if !name.starts_with('.') && !beside.iter().any(|suffix| name.ends_with(suffix)) {
            data_files(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn is_parquet(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
