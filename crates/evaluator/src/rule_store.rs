//! Rule files and silences below a folder of a store: in the bucket beside the spans, or bundled with a function.
//!
//! Read anew for every evaluation, so that a rule counts from the first one after it was put there; what has the tag
//! that it had before is not read again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use fluo_rules::SourceFile;
use fluo_rules::files::{is_rule_file, is_silences_file};
use fluo_store::{Root, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::live::Files;
use crate::state::LOCATION;

/// Files read at a time.
const CONCURRENT_READS: usize = 16;

/// A folder with rules.
pub struct RuleStore {
    root: Root,
    folder: Path,
    known: Mutex<BTreeMap<Path, (String, SourceFile)>>,
}

impl RuleStore {
    /// The rules below `folder` of a store.
    pub fn new(root: Root, folder: &Path) -> Self {
        Self { folder: root.at(folder), root, known: Mutex::default() }
    }

    /// The files as they are now, by their paths in the store; none in a folder without any.
    pub async fn read(&self) -> Result<Files, StoreError> {
        let failed = |source| StoreError::Request { action: "list", location: self.folder.clone(), source };
        let store = self.root.store.as_ref();
        let mut objects: Vec<ObjectMeta> =
            store.list(Some(&self.folder)).try_collect().await.map_err(failed)?;
        objects.sort_by(|left, right| left.location.cmp(&right.location));
        let below = |path: &Path| {
            path.prefix_match(&self.folder)
                .map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
        };
        // The folder of a store's state keeps the text of every rule that it judged.
        let state_folder = |place: &str| {
            let root = place.strip_suffix(LOCATION).filter(|root| root.is_empty() || root.ends_with('/'));
            root.and(place.rsplit_once('/')).map(|(folder, _)| Path::from(folder))
        };
        let states: Vec<Path> =
            objects.iter().filter_map(|object| state_folder(object.location.as_ref())).collect();
        let mut files = Files::default();
        let wanted = objects.iter().filter_map(|object| {
            if states.iter().any(|state| object.location.prefix_matches(state)) {
                return None;
            }
            let name = below(&object.location)?;
            (is_rule_file(&name) || is_silences_file(&name)).then_some((name, object))
        });
        let read: Vec<(String, SourceFile)> = stream::iter(wanted)
            .map(|(name, object)| async move { Ok::<_, StoreError>((name, self.file(object).await?)) })
            .buffered(CONCURRENT_READS)
            .try_collect()
            .await?;
        for (name, file) in read {
            if is_silences_file(&name) { files.silences.push(file) } else { files.rules.push(file) }
        }
        Ok(files)
    }

    async fn file(&self, object: &ObjectMeta) -> Result<SourceFile, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &object.location;
        if let Some(tag) = &object.e_tag
            && let Some((_, file)) = known().get(path).filter(|(of, _)| of == tag)
        {
            return Ok(file.clone());
        }
        let failed = |source| StoreError::Request { action: "read", location: path.clone(), source };
        let answer = self.root.store.get(path).await.map_err(failed)?;
        let tag = answer.meta.e_tag.clone();
        let bytes = answer.bytes().await.map_err(failed)?;
        let file = SourceFile::new(path.as_ref(), bytes);
        if let Some(tag) = tag {
            known().insert(path.clone(), (tag, file.clone()));
        }
        Ok(file)
    }
}
