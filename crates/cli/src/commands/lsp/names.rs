//! The names in spans: of a store, or of files of OTLP.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fluo_lsp::{Asked, Vocabulary};
use fluo_spans::Limits;
use fluo_store::sample::{SampleLimits, sample};
use fluo_store::{Root, StoreError, list, resolve_root};

use super::configuration;
use crate::bounded;
use crate::deployed::{Configured, root};
use crate::exit::{Failure, chain};
use crate::spans::{DataFiles, data_files};
use crate::terminal;

/// Most files that are looked at.
const MOST_FILES: usize = 16;

/// Names are learned in a moment: of so many spans, of files that are not large.
const LIMITS: SampleLimits =
    SampleLimits { files: MOST_FILES as u64, file_bytes: 32 << 20, file_spans: 20_000, ..SampleLimits::NONE };

/// The names in the spans that the client asks for, or else of the store of its configuration; none where there is
/// neither.
pub(super) async fn of_spans(asked: &Asked) -> Result<Option<Vocabulary>, Failure> {
    let mut vocabulary = Vocabulary::default();
    if let Some(spans) = &asked.spans {
        let folder = asked.folders.first().map_or(Path::new("."), PathBuf::as_path);
        let path = folder.join(spans);
        let is_uri = spans.contains("://");
        if is_uri || path.join("spans").is_dir() {
            let uri = if is_uri { spans.clone() } else { path.to_string_lossy().into_owned() };
            of_store(&root(&uri)?, &mut vocabulary).await?;
        } else {
            of_files(&path, &mut vocabulary)?;
        }
    } else {
        let Some(configuration) = configuration(asked) else { return Ok(None) };
        // What is wrong with it is shown where it stands.
        let Ok(configured) = Configured::read(&configuration) else { return Ok(None) };
        if !configured.has_store() {
            return Ok(None);
        }
        of_store(&configured.root()?, &mut vocabulary).await?;
    }
    Ok((!vocabulary.is_empty()).then_some(vocabulary))
}

async fn of_store(root: &Root, vocabulary: &mut Vocabulary) -> Result<(), Failure> {
    let unreadable = |error: StoreError| Failure::because("could not read the store", error);
    let store = root.store.as_ref();
    let spans = resolve_root(store, &root.prefix).await.map_err(unreadable)?;
    let files = list(store, &spans).await.map_err(unreadable)?.files;
    let sampled = sample(&root.store, &files, LIMITS, |spans| vocabulary.add(&spans)).await;
    for fault in &sampled.faults {
        terminal::note(&format!("note: {} was left out: {}", fault.location(), chain(fault.reason())));
    }
    Ok(())
}

/// Adds the names in the newest files of OTLP, as many as of a store.
fn of_files(path: &Path, vocabulary: &mut Vocabulary) -> Result<(), Failure> {
    let unreadable = |error| Failure::because(format!("could not read `{}`", path.display()), error);
    let DataFiles { mut files, broken } = data_files(path).map_err(unreadable)?;
    for entry in broken {
        terminal::note(&format!("note: {entry}; it was left out"));
    }
    // A file whose time cannot be told comes last.
    let age =
        |file: &PathBuf| file.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    files.sort_by_key(|file| std::cmp::Reverse(age(file)));
    for file in files.into_iter().take(MOST_FILES) {
        let decoded = bounded::read(&file, LIMITS.file_bytes)
            .map_err(|error| error.to_string())
            .and_then(|bytes| fluo_spans::decode(&bytes, &Limits::default()).map_err(|error| chain(&error)));
        match decoded {
            Ok(decoded) => vocabulary.add(&decoded.spans),
            Err(reason) => terminal::note(&format!("note: {} was left out: {reason}", file.display())),
        }
    }
    Ok(())
}
