//! The demo's folder as the bucket that the collector writes to and the evaluator reads from.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use fluo_engine::{DataFiles, SpanSource};
use fluo_evaluator::page::look::ReadSpans;
use fluo_spans::layout::Layout;
use fluo_store::{IngestOptions, Ingested, Written, ingest_object};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::collector::Object;
use crate::error::DemoError;

/// Raw objects in, span files out.
pub(crate) struct Bucket {
    folder: PathBuf,
    store: Arc<LocalFileSystem>,
    /// The folder of the `date=` folders.
    spans: Path,
    layout: Layout,
    /// The number of span files.
    files: usize,
    /// The moment at which each was there, by its place below the folder.
    arrival: BTreeMap<String, i64>,
}

impl Bucket {
    /// Over a folder that exists.
    pub(crate) fn open(folder: &FilePath) -> Result<Self, DemoError> {
        let cannot = |error| DemoError::because(format!("could not open `{}`", folder.display()), error);
        let absolute = folder.canonicalize().map_err(cannot)?;
        let root = Path::from_absolute_path(&absolute)
            .map_err(|error| DemoError::because(format!("could not open `{}`", folder.display()), error))?;
        Ok(Self {
            folder: absolute,
            store: Arc::new(LocalFileSystem::new()),
            spans: root.join("spans"),
            layout: Layout::builtin(),
            files: 0,
            arrival: BTreeMap::new(),
        })
    }

    /// Puts objects into the bucket, and turns them into Parquet, as the ingest function does. Returns the number
    /// of their spans.
    pub(crate) async fn receive(&mut self, objects: &[Object]) -> Result<u64, DemoError> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let bucket = &*self;
        let ingested: Vec<Ingested> = stream::iter(objects)
            .map(|object| bucket.receive_one(object))
            .buffered(at_once)
            .try_collect()
            .await?;
        let mut spans = 0;
        for (object, ingested) in objects.iter().zip(ingested) {
            spans += ingested.spans;
            self.files += ingested.files.len();
            for file in ingested.files {
                if let Some(below) = file.location.prefix_match(&self.spans) {
                    let place = below.fold(Path::from("spans"), Path::join);
                    self.arrival.entry(place.to_string()).or_insert(object.written());
                }
            }
        }
        Ok(spans)
    }

    /// The moment at which each span file was there, by its place below the folder.
    pub(crate) fn arrival(&self) -> BTreeMap<String, i64> {
        self.arrival.clone()
    }

    async fn receive_one(&self, object: &Object) -> Result<Ingested, DemoError> {
        let cannot_write = |error| DemoError::because(format!("could not write `{}`", object.key), error);
        let path = self.folder.join(&object.key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(cannot_write)?;
        }
        fs::write(&path, &object.bytes).map_err(cannot_write)?;
        // A file's modification time is its ingest time: this is the moment at which the collector wrote it.
        let written = Duration::from_millis(object.written_ms.unsigned_abs());
        let file = File::options().write(true).open(&path).map_err(cannot_write)?;
        file.set_modified(UNIX_EPOCH + written).map_err(cannot_write)?;
        let bytes = Bytes::copy_from_slice(&object.bytes);
        let (store, options) = (self.store.as_ref() as &dyn ObjectStore, IngestOptions::default());
        let ingested =
            ingest_object(store, &self.spans, bytes, Written::At(object.written_ms), &self.layout, &options)
                .await
                .map_err(|error| DemoError::because(format!("could not ingest `{}`", object.key), error))?;
        if !ingested.set_aside.is_empty() {
            let why = ingested.set_aside.in_words();
            return Err(DemoError::because(format!("`{}` held broken spans", object.key), why));
        }
        Ok(ingested)
    }

    /// All spans that are there by now, and their numbers.
    pub(crate) async fn source(&self) -> Result<(SpanSource, ReadSpans), DemoError> {
        let store: Arc<dyn ObjectStore> = Arc::<LocalFileSystem>::clone(&self.store);
        let files = DataFiles::new(store);
        let tried = || format!("could not read `{}`", self.spans);
        let opened = files.below(&self.spans).await.map_err(|error| DemoError::because(tried(), error))?;
        if let Some((_, fault)) = opened.faults.into_iter().next() {
            return Err(DemoError::because(tried(), fault));
        }
        let read = ReadSpans { spans: opened.spans, bytes: opened.bytes, ..ReadSpans::default() };
        Ok((opened.source, read))
    }

    /// The number of span files.
    pub(crate) fn files(&self) -> usize {
        self.files
    }
}
