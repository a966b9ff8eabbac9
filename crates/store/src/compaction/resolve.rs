//! The objects in the folders of hours → the files that count.
//!
//! | an hour has | its files are |
//! | --- | --- |
//! | no sidecar | those that ingest wrote; a compacted file counts for nothing yet |
//! | sidecars | by the newest that can be read: the files of its outputs, each within its output; of those that ingest wrote, the ones whose content no output has |
//!
//! An output that is gone replaces nothing: its files count again, as far as they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::sidecar::Sidecar;
use crate::data_file::{CompactedFile, DataFile, Foreign, Listing, Within, split};
use crate::error::StoreError;
use crate::found::{Beside, Found, listed};
use crate::get::look_up;
use crate::names::{Content, DataFileName, Hour};

/// Sidecars that are read at a time.
const CONCURRENT: usize = 16;

/// The sidecar of an hour that counts, and those that do not.
#[derive(Debug, Default)]
pub(crate) struct Sidecars {
    /// The newest that can be read.
    pub(crate) current: Option<Sidecar>,
    /// The highest generation of any.
    pub(crate) generation: u32,
    /// Those that cannot be read.
    pub(crate) broken: Vec<Path>,
}

impl Found {
    /// The files that count.
    pub(crate) async fn resolve(self, store: &dyn ObjectStore) -> Result<Listing, StoreError> {
        let mut by_folder: BTreeMap<Path, Vec<Beside>> = BTreeMap::new();
        for beside in self.sidecars {
            by_folder.entry(split(&beside.location).0).or_default().push(beside);
        }
        let mut compacted: BTreeMap<Path, Vec<DataFile>> = BTreeMap::new();
        for file in self.compacted {
            compacted.entry(split(&file.location).0).or_default().push(file);
        }
        let mut listing = Listing { files: self.files, foreign: self.foreign };
        let mut read = stream::iter(by_folder)
            .map(|(folder, sidecars)| async move { (folder, read_newest(store, &sidecars).await) })
            .buffered(CONCURRENT);
        let mut replaced: BTreeMap<Path, BTreeSet<(Hour, Content)>> = BTreeMap::new();
        while let Some((folder, sidecars)) = read.next().await {
            let Sidecars { current, broken, .. } = sidecars?;
            listing.foreign.extend(broken.into_iter().map(|location| Foreign {
                location,
                reason: "a list of compacted files that cannot be read",
                may_hide_spans: true,
                may_pass: false,
            }));
            let Some(current) = current else { continue };
            let there = compacted.remove(&folder).unwrap_or_default();
            let resolved = outputs(store, &folder, current, &there).await?;
            replaced.insert(folder, resolved.contents);
            listing.files.extend(resolved.files);
            listing.foreign.extend(resolved.gone);
        }
        drop(read);
        listing.foreign.extend(compacted.into_values().flatten().map(|file| Foreign {
            location: file.location,
            reason: "a compacted file that no list of compacted files names",
            may_hide_spans: false,
            may_pass: true,
        }));
        if !replaced.is_empty() {
            listing.files.retain(|file| {
                let (None, Some(name)) = (&file.within, &file.name) else { return true };
                let contents = replaced.get(&split(&file.location).0);
                contents.is_none_or(|contents| !contents.contains(&(name.hour(), name.content)))
            });
        }
        listing.sort();
        Ok(listing)
    }
}

/// Reads the newest sidecar of an hour that can be read.
pub(crate) async fn read_newest(store: &dyn ObjectStore, beside: &[Beside]) -> Result<Sidecars, StoreError> {
    let named = beside
        .iter()
        .filter_map(|beside| Some((Sidecar::generation_of(beside.location.filename()?)?, &beside.location)));
    let by_generation: BTreeMap<u32, &Path> = named.collect();
    let mut sidecars = Sidecars::default();
    for (generation, location) in by_generation.into_iter().rev() {
        sidecars.generation = sidecars.generation.max(generation);
        let failed = |source| StoreError::Request { action: "read", location: location.clone(), source };
        let bytes = store.get(location).await.map_err(failed)?.bytes().await.map_err(failed)?;
        match Sidecar::read(&bytes, generation) {
            Ok(sidecar) => {
                sidecars.current = Some(sidecar);
                break;
            }
            // It is told of by its name. An older one knows of fewer files, all of which are as it says.
            Err(_) => sidecars.broken.push(location.clone()),
        }
    }
    Ok(sidecars)
}

struct Resolved {
    files: Vec<DataFile>,
    contents: BTreeSet<(Hour, Content)>,
    gone: Vec<Foreign>,
}

async fn outputs(
    store: &dyn ObjectStore,
    folder: &Path,
    sidecar: Sidecar,
    there: &[DataFile],
) -> Result<Resolved, StoreError> {
    let listed: BTreeMap<&str, &DataFile> =
        there.iter().filter_map(|file| Some((file.location.filename()?, file))).collect();
    let mut resolved = Resolved { files: Vec::new(), contents: BTreeSet::new(), gone: Vec::new() };
    for output in sidecar.outputs {
        let file = match listed.get(output.name.as_str()) {
            Some(file) => Some((*file).clone()),
            // A listing takes its time: the file may have been written while it was under way.
            None => look_up(store, &folder.clone().join(output.name.as_str())).await?.map(DataFile::of),
        };
        let Some(file) = file else {
            resolved.gone.push(Foreign {
                location: folder.clone().join(output.name.as_str()),
                reason: "a compacted file that is gone",
                may_hide_spans: true,
                may_pass: false,
            });
            continue;
        };
        let output = Arc::new(CompactedFile { file, files: output.files });
        for (at, replaced) in output.files.iter().enumerate() {
            let name = DataFileName::parse(&replaced.name);
            resolved.contents.extend(name.as_ref().map(|name| (name.hour(), name.content)));
            resolved.files.push(DataFile {
                location: folder.clone().join(replaced.name.as_str()),
                size: replaced.size,
                e_tag: replaced.tag.clone(),
                last_modified_ms: replaced.modified_ms,
                name,
                within: Some(Within { output: Arc::clone(&output), at }),
            });
        }
    }
    Ok(resolved)
}

/// The files that compacted ones replaced, folder by folder as they are asked for.
#[derive(Debug, Default)]
pub struct Replacements {
    by_folder: BTreeMap<Path, Vec<DataFile>>,
}

impl Replacements {
    /// Finds a replaced file by its place and by what proves its bytes. Of several files of one raw object, it is the
    /// one whose spans count.
    ///
    /// # Errors
    ///
    /// [`StoreError::Request`] where the store fails.
    pub async fn find(
        &mut self,
        store: &dyn ObjectStore,
        location: &Path,
        etag: &str,
    ) -> Result<Option<DataFile>, StoreError> {
        let (folder, name) = split(location);
        if !self.by_folder.contains_key(&folder) {
            let mut files = listed(store, &folder).await?.resolve(store).await?.files;
            files.retain(|file| file.within.is_some());
            self.by_folder.insert(folder.clone(), files);
        }
        let is_it = |file: &&DataFile| {
            let replaced = file.within.as_ref().and_then(Within::replaced);
            replaced.is_some_and(|replaced| {
                let older = replaced.older.iter().any(|older| older.name == name && older.etag == etag);
                older || (replaced.name == name && replaced.etag == etag)
            })
        };
        Ok(self.by_folder.get(&folder).into_iter().flatten().find(is_it).cloned())
    }
}
