//! A folder of span files as a [`SpanSource`].

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use fluo_plan::TimeRange;
use fluo_spans::layout::Layout;
use fluo_store::names::current;
use fluo_store::{DataFile, Footer, StoreError, footer, list, resolve_root};
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::source::{SpanFile, SpanSource};

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;

/// What adding a folder told, besides the spans.
#[derive(Debug, Default)]
pub struct Opened {
    /// Files that are read.
    pub files: usize,
    /// Spans in them, copies included.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that cannot be read, and why; windows that they may touch are partial.
    pub unreadable: Vec<(Path, StoreError)>,
    /// Objects among the files that are no span files.
    pub foreign: Vec<(Path, String)>,
}

/// Adds the span files at or below `root` to a source.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn add_folder(
    source: &mut SpanSource,
    store: &Arc<dyn ObjectStore>,
    url: &ObjectStoreUrl,
    root: &Path,
) -> Result<Opened, StoreError> {
    let listing = list(store.as_ref(), &resolve_root(store.as_ref(), root).await?).await?;
    let mut opened = Opened {
        foreign: listing.foreign.iter().map(|it| (it.location.clone(), it.reason.to_owned())).collect(),
        ..Opened::default()
    };
    // Only what a listing replaces is skipped: of equal hour and content the newest counts.
    let files = current(listing.files, |file| file.name.as_ref()).current;
    let footers: Vec<(DataFile, Result<Footer, StoreError>)> = stream::iter(files)
        .map(|file| async move {
            let footer = footer(store.as_ref(), &file.location, file.size).await;
            (file, footer)
        })
        .buffered(CONCURRENT_FOOTERS)
        .collect()
        .await;
    let mut by_layout: BTreeMap<Layout, Vec<SpanFile>> = BTreeMap::new();
    for (file, footer) in footers {
        match footer {
            Ok(Footer { layout, ends, rows, .. }) => {
                opened.files += 1;
                opened.spans += rows;
                opened.bytes += file.size;
                // A file without rows has nothing to read, nor ends.
                if let Some(ends) = ends {
                    let ends = TimeRange { from: *ends.start(), to: *ends.end() };
                    by_layout.entry(layout).or_default().push(SpanFile { object: object_meta(&file), ends });
                }
            }
            Err(error) => {
                if let Some(name) = &file.name {
                    let nanos = |millis: i64| millis.saturating_mul(1_000_000);
                    source.add_damage(TimeRange { from: nanos(name.min_end_ms), to: nanos(name.max_end_ms) });
                } else {
                    source.add_unknown_damage();
                }
                opened.unreadable.push((file.location, error));
            }
        }
    }
    for (layout, files) in by_layout {
        source.add_files(url.clone(), files, layout);
    }
    Ok(opened)
}

/// A data file as DataFusion's readers know it.
pub fn object_meta(file: &DataFile) -> ObjectMeta {
    ObjectMeta {
        location: file.location.clone(),
        // Only caches look at it, and a file of a name never changes.
        last_modified: chrono::DateTime::from_timestamp_millis(file.last_modified_ms).unwrap_or_default(),
        size: file.size,
        e_tag: file.e_tag.clone(),
        version: None,
    }
}
