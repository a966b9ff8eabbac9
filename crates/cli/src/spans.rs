//! A span source of all that `--spans` names: a store at a URI, a store's folder of Parquet, Parquet files of fluo and of
//! others, OTLP files, folders of these.

use fluo_engine::{DataFiles as OpenFiles, EngineError, LeftOut, Opened, SpanSource, without_faulty};
use fluo_spans::layout::Layout;
use fluo_spans::{Mended, SetAside};
use fluo_store::compaction;
use fluo_store::entries::{BrokenEntry, Entry, entries};
use fluo_store::{FileFault, Folder, IngestOptions, StoreError};
use futures::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bounded;
use crate::deployed;
use crate::exit::{Failure, chain};
use crate::otlp_files::{Became, ingest_file};
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
    /// The spans of OTLP files that were set aside, in words; none where there were none.
    pub(crate) set_aside: Option<String>,
    /// The same of spans that were mended.
    pub(crate) mended: Option<String>,
}

/// Opens all of `paths`. What cannot be read is told on standard error, and the rest goes on.
pub(crate) async fn open(paths: &[PathBuf]) -> Result<Spans, Failure> {
    let disk =
        Folder::new(Path::new("/")).map_err(|error| Failure::because("could not read the disk", error))?;
    let store: Arc<dyn ObjectStore> = Arc::new(disk);
    let data = OpenFiles::new(store);
    let mut spans = Spans::default();
    let mut raw = Vec::new();
    let mut not_own = BTreeMap::new();
    for path in paths {
        let unreadable = |error| Failure::because(format!("could not read `{}`", path.display()), error);
        if path.to_str().is_some_and(|path| path.contains("://")) {
            spans.add_store(&path.to_string_lossy()).await?;
            continue;
        }
        let absolute = bounded::one_path(path).map_err(|error| {
            unreadable(error).hint("--spans takes Parquet files, OTLP files, or folders of these")
        })?;
        let root = object_store::path::Path::from_absolute_path(&absolute)
            .map_err(|error| Failure::because(format!("could not read `{}`", path.display()), error))?;
        let DataFiles { files, broken } = data_files(&absolute).map_err(unreadable)?;
        for entry in &broken {
            spans.incomplete = true;
            spans.source.add_unknown_damage();
            terminal::note(&format!("warning: {entry}; it was left out"));
        }
        let (parquet, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| is_parquet(file));
        if parquet.is_empty() && others.is_empty() && broken.is_empty() {
            return Err(Failure::usage(format!("there is no file in `{}`", path.display())));
        }
        if !parquet.is_empty() {
            let (opened, others) = data
                .below_apart(&root)
                .await
                .map_err(|error| Failure::because(format!("could not list `{}`", path.display()), error))?;
            for (file, fault) in others {
                let file = PathBuf::from(format!("/{}", file.location));
                raw.push(file.clone());
                not_own.insert(file, fault);
            }
            spans.add(opened);
        }
        raw.extend(others);
    }
    raw.sort();
    raw.dedup();
    spans.add_decoded(&raw, &not_own).await?;
    Ok(spans)
}

impl Spans {
    /// Adds what a store at a URI holds, or a folder of its spans.
    async fn add_store(&mut self, uri: &str) -> Result<(), Failure> {
        let root = deployed::root(uri)?;
        let opened = OpenFiles::new(root.store).below(&root.prefix).await;
        let opened = opened
            .map_err(|error| Failure::because(format!("could not list the spans of `{uri}`"), error))?;
        if opened.files == 0 && opened.faults.is_empty() {
            return Err(Failure::usage(format!("there is no data file in `{uri}`"))
                .hint("`fluo ingest` makes data files of OTLP"));
        }
        self.add(opened);
        Ok(())
    }

    /// Adds data files, and tells of those that are not read.
    fn add(&mut self, opened: Opened) {
        self.source.extend(opened.source);
        self.bytes += opened.bytes;
        self.count += opened.spans;
        for (_, fault) in &opened.faults {
            self.left_out(fault);
        }
    }

    /// Does `look` over the source without the files that it finds unreadable, which are told.
    ///
    /// # Errors
    ///
    /// As of [`without_faulty`].
    pub(crate) async fn without_faulty<T>(
        &mut self,
        look: impl AsyncFn(&SpanSource) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut left_out = Vec::new();
        let found = without_faulty(&mut self.source, &mut left_out, look).await;
        for LeftOut { fault, .. } in &left_out {
            self.left_out(fault);
        }
        found
    }

    /// Tells of a file that is not read.
    pub(crate) fn left_out(&mut self, fault: &FileFault) {
        self.incomplete = true;
        terminal::note(&format!("warning: /{} was left out: {}", fault.location(), chain(fault.reason())));
    }

    /// Adds OTLP files and Parquet of others, of which `not_own` says why it is not fluo's. They are held as ingest would
    /// have stored them: columns take a fraction of what spans take.
    async fn add_decoded(
        &mut self,
        files: &[PathBuf],
        not_own: &BTreeMap<PathBuf, FileFault>,
    ) -> Result<(), Failure> {
        if files.is_empty() {
            return Ok(());
        }
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = Arc::new(InMemory::new());
        let (store, layout) = (memory.as_ref(), Layout::builtin());
        // When spans ended is known, and what is judged is up to whoever asks: nothing lies in the future.
        let options = IngestOptions { max_future_ns: i64::MAX, ..IngestOptions::default() };
        let mut decoded = stream::iter(files)
            .map(|file| {
                let (layout, options) = (&layout, &options);
                async move { (file, ingest_file(store, layout, file, options).await) }
            })
            .buffered(at_once);
        let (mut set_aside, mut mended) = (SetAside::default(), Mended::default());
        let mut others = 0;
        while let Some((file, became)) = decoded.next().await {
            match became {
                Became::Ingested(ingested) => {
                    set_aside.merge(&ingested.set_aside);
                    mended.merge(&ingested.mended);
                    self.bytes += ingested.raw_bytes;
                }
                Became::Other(what) => {
                    others += 1;
                    terminal::note(&format!("{} was left out: {what}", file.display()));
                }
                Became::Failed(reason) => {
                    self.incomplete = true;
                    self.source.add_unknown_damage();
                    let reason = match not_own.get(file) {
                        Some(fault) => format!("{}, and it is {reason}", chain(fault.reason())),
                        None => reason,
                    };
                    terminal::note(&format!("warning: {} was left out: {reason}", file.display()));
                }
            }
        }
        drop(decoded);
        if others == files.len() && self.source.is_empty() {
            return Err(Failure::usage("there are no traces in what was given"));
        }
        if !set_aside.is_empty() {
            let in_words = set_aside.in_words();
            terminal::note(&format!("warning: spans were set aside: {in_words}"));
            self.set_aside = Some(in_words);
        }
        if !mended.is_empty() {
            let in_words = mended_in_words(&mended);
            terminal::note(&format!("note: {in_words}"));
            self.mended = Some(in_words);
        }
        let cannot_hold = |error: StoreError| Failure::because("could not hold what was decoded", error);
        let stored: Arc<dyn ObjectStore> = memory;
        let root = object_store::path::Path::from("spans");
        let opened = OpenFiles::new(stored).below(&root).await.map_err(cannot_hold)?;
        if let Some((_, fault)) = opened.faults.into_iter().next() {
            return Err(Failure::because("could not hold what was decoded", fault));
        }
        self.source.extend(opened.source);
        self.count += opened.spans;
        Ok(())
    }
}

/// `3 spans were mended: 2 × text that is not UTF-8, 1 × end before start`
pub(crate) fn mended_in_words(mended: &Mended) -> String {
    let (count, reasons) = (mended.spans, mended.reasons.in_words());
    if count == 1 {
        format!("1 span was mended: {reasons}")
    } else {
        format!("{count} spans were mended: {reasons}")
    }
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

/// The entries at or below a path.
#[derive(Default)]
pub(crate) struct DataFiles {
    /// The files that hold data, sorted.
    pub(crate) files: Vec<PathBuf>,
    /// Entries that cannot be looked into: data may lie there.
    pub(crate) broken: Vec<BrokenEntry>,
}

/// Ends of the names of what lies beside data, and is none.
const BESIDE: [&str; 6] = [".md", ".sql", ".yml", ".yaml", ".html", ".txt"];

/// Finds data. Of the root of a store, only `spans/`; hidden files and what lies beside data are not data.
pub(crate) fn data_files(path: &Path) -> io::Result<DataFiles> {
    let mut found = DataFiles::default();
    if !fs::metadata(path)?.is_dir() {
        found.files.push(path.to_owned());
        return Ok(found);
    }
    let spans = path.join("spans");
    let folder = if spans.is_dir() { &spans } else { path };
    let mut named = Vec::new();
    // Folders below that are roots of stores themselves, with a slash at their ends.
    let mut stores: Vec<String> = Vec::new();
    for entry in entries(folder, usize::MAX) {
        match entry {
            Ok(Entry { name, metadata, .. }) if metadata.is_dir() => {
                stores.extend(name.strip_suffix("/spans").map(|store| format!("{store}/")));
            }
            Ok(Entry { name, file, .. }) => named.push((name, file)),
            Err(entry) if is_data(&entry.name) => found.broken.push(entry),
            Err(_) => {}
        }
    }
    let is_in_store = |name: &str| {
        stores
            .iter()
            .all(|store| name.strip_prefix(store.as_str()).is_none_or(|below| below.starts_with("spans/")))
    };
    let data = named.into_iter().filter(|(name, _)| is_data(name) && is_in_store(name));
    found.files = data.map(|(_, file)| file).collect();
    Ok(found)
}

/// Returns whether what has this name below a folder may be data.
fn is_data(name: &str) -> bool {
    let is_none = |part: &str| part.starts_with('.') || BESIDE.iter().any(|suffix| part.ends_with(suffix));
    let file = name.rsplit('/').next().unwrap_or(name);
    !name.split('/').any(is_none) && !compaction::is_beside_files(file)
}

fn is_parquet(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
