//! The objects in a folder of data files as they are found: by names alone, before anything is known of compaction.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::compaction::origins::Origins;
use crate::compaction::sidecar::Sidecar;
use crate::data_file::{DataFile, Foreign};
use crate::error::StoreError;
use crate::folder::BrokenObject;

/// Listed objects, before anything is known of compaction.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files that ingest wrote, or others.
    pub(crate) files: Vec<DataFile>,
    pub(crate) compacted: Vec<DataFile>,
    pub(crate) sidecars: Vec<Beside>,
    pub(crate) origins: Vec<Beside>,
    pub(crate) foreign: Vec<Foreign>,
}

/// An object beside data files that says something of them.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    pub(crate) location: Path,
    pub(crate) last_modified_ms: i64,
}

/// Returns the objects below some folders, so many of which are listed at a time.
pub(crate) async fn found(
    store: &dyn ObjectStore,
    folders: Vec<Path>,
    at_once: usize,
) -> Result<Found, StoreError> {
    stream::iter(folders)
        .map(|folder| async move { listed(store, &folder).await })
        .buffered(at_once)
        .try_fold(Found::default(), |mut all, more| async move {
            all.extend(more);
            Ok(all)
        })
        .await
}

/// Returns the objects at or below a folder as they are found.
pub(crate) async fn listed(store: &dyn ObjectStore, folder: &Path) -> Result<Found, StoreError> {
    // No prefix at all is how a store wants its root to be named.
    let prefix = (!folder.is_root()).then_some(folder);
    let mut objects = store.list(prefix);
    let mut found = Found::default();
    while let Some(object) = objects.next().await {
        match object {
            Ok(object) => found.add(folder, object),
            Err(source) => match BrokenObject::of(&source) {
                Some(BrokenObject { location, entry }) => {
                    found.foreign.push(Foreign {
                        location: location.clone(),
                        reason: entry.reason,
                        may_hide_spans: entry.may_be_folder || is_parquet(&entry.name),
                        may_pass: entry.may_pass(),
                    });
                }
                None => {
                    return Err(StoreError::Request { action: "list", location: folder.clone(), source });
                }
            },
        }
    }
    Ok(found)
}

impl Found {
    /// Leaves out what lies in places that are not asked for.
    pub(crate) fn retain(&mut self, is_asked_for: impl Fn(&Path) -> bool) {
        self.files.retain(|file| is_asked_for(&file.location));
        self.compacted.retain(|file| is_asked_for(&file.location));
        self.sidecars.retain(|beside| is_asked_for(&beside.location));
        self.origins.retain(|beside| is_asked_for(&beside.location));
    }

    /// Adds what lies elsewhere.
    pub(crate) fn extend(&mut self, other: Self) {
        let Self { files, compacted, sidecars, origins, foreign } = other;
        self.files.extend(files);
        self.compacted.extend(compacted);
        self.sidecars.extend(sidecars);
        self.origins.extend(origins);
        self.foreign.extend(foreign);
    }

    pub(crate) fn add(&mut self, root: &Path, object: ObjectMeta) {
        let below_root: Vec<_> = match object.location.prefix_match(root) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
            None => Vec::new(),
        };
        let file_name = object.location.filename().unwrap_or_default();
        let beside = |object: &ObjectMeta| Beside {
            location: object.location.clone(),
            last_modified_ms: object.last_modified.timestamp_millis(),
        };
        if Sidecar::generation_of(file_name).is_some() {
            self.sidecars.push(beside(&object));
            return;
        }
        if Origins::file_of(file_name).is_some() {
            self.origins.push(beside(&object));
            return;
        }
        let hidden = below_root.iter().any(|part| part.starts_with(['.', '_']));
        let reason = if hidden {
            Some("hidden")
        } else if !is_parquet(file_name) {
            Some("not a .parquet file")
        } else {
            None
        };
        if let Some(reason) = reason {
            self.foreign.push(Foreign {
                location: object.location,
                reason,
                may_hide_spans: false,
                may_pass: false,
            });
            return;
        }
        let file = DataFile::of(object);
        let is_compacted = file.name.as_ref().is_some_and(|name| name.compacted.is_some());
        if is_compacted { self.compacted.push(file) } else { self.files.push(file) }
    }
}

/// Returns whether a file of this name is Parquet.
pub(crate) fn is_parquet(file_name: &str) -> bool {
    let extension = std::path::Path::new(file_name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
