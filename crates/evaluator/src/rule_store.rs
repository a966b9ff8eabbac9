//! Rule files, the tables that they name, and silences below a folder of a store: in the bucket beside the spans, or bundled with a function.
//!
//! Read anew for every evaluation, so that a rule counts from the first one after it was put there; what has the tag
//! that it had before is not read again.
//!
//! A file that is there and cannot be read is among the others as such, as it is among those of a folder that `fluo run` reads:
//! it costs itself, and its rules go on at their last good text.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fluo_rules::files::{is_rule_file, is_silences_file};
use fluo_rules::load::MAX_FILE_BYTES;
use fluo_rules::tables::is_table;
use fluo_rules::{SourceFile, tables_named};
use fluo_store::entries::{DENIED, NOT_READABLE};
use fluo_store::folder::BrokenObject;
use fluo_store::guard::locked;
use fluo_store::{Root, StoreError, get_if_present};
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectMeta};

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

/// The content of a folder with rules.
#[derive(Debug, Default)]
pub struct ReadRules {
    /// The files, those that could not be read among them.
    pub files: Files,
    /// The errors that the store gave for these, for whoever looks for the cause: no two such errors are alike, so that files say
    /// of themselves no more than that they could not be read.
    pub failures: Vec<StoreError>,
}

/// One entry of a listing, at its place.
enum Listed {
    /// An object that is to be read.
    Object,
    /// A file that is known already, or cannot be read.
    Known(SourceFile),
}

impl RuleStore {
    /// The rules below `folder` of a store.
    pub fn new(root: Root, folder: &Path) -> Self {
        Self { folder: root.at(folder), root, known: Mutex::default() }
    }

    /// Returns the files as they are now, by their paths in the store; none of a folder without any.
    pub async fn read(&self) -> ReadRules {
        let mut read = ReadRules::default();
        let listed = self.list(&mut read).await;
        let files: Vec<_> = stream::iter(listed)
            .map(|(location, listed)| async move {
                let file = match listed {
                    Listed::Object => self.file(&location).await,
                    Listed::Known(file) => Ok(Some(file)),
                };
                (location, file)
            })
            .buffered(CONCURRENT_READS)
            .collect()
            .await;
        for (location, file) in files {
            let file = match file {
                Ok(file) => file,
                Err(failure) => Some(read.unread(&location, failure)),
            };
            let is_silences = self.below(&location).is_some_and(|name| is_silences_file(&name));
            if is_silences { read.files.silences.extend(file) } else { read.files.rules.extend(file) }
        }
        self.keep_tables(&mut read.files.rules);
        read
    }

    /// Leaves those tables that rules name, and adds those of them that are not there as such.
    fn keep_tables(&self, files: &mut Vec<SourceFile>) {
        let named = tables_named(files);
        files.retain(|file| !is_table(&file.name) || named.contains(file.name.as_ref()));
        for name in named {
            if files.iter().all(|file| *file.name != *name) {
                let reason = if self.below(&Path::from(name.as_str())).is_some() { GONE } else { ELSEWHERE };
                files.push(SourceFile::unread(name, reason));
            }
        }
    }

    /// The entries for rules, silences and tables, in the order of their names.
    async fn list(&self, read: &mut ReadRules) -> Vec<(Path, Listed)> {
        // No prefix at all is how a store wants its root to be named.
        let mut listing = self.root.store.list((!self.folder.is_root()).then_some(&self.folder));
        let (mut objects, mut listed) = (Vec::new(), Vec::new());
        while let Some(object) = listing.next().await {
            let source = match object {
                Ok(object) => {
                    objects.push(object);
                    continue;
                }
                Err(source) => source,
            };
            let (location, file) = if let Some(BrokenObject { location, entry }) = BrokenObject::of(&source) {
                if !is_wanted(&entry.name) && !entry.may_hide_files() {
                    continue;
                }
                (location.clone(), SourceFile::unread(location.as_ref(), entry.reason))
            } else {
                let failure = request("list", &self.folder, source);
                (self.folder.clone(), read.unread(&self.folder, failure))
            };
            listed.push((location, Listed::Known(file)));
        }
        // The folder of a store's state keeps the text of every rule that it judged.
        let state_folder = |place: &str| {
            let root = place.strip_suffix(LOCATION).filter(|root| root.is_empty() || root.ends_with('/'));
            root.and(place.rsplit_once('/')).map(|(folder, _)| Path::from(folder))
        };
        let states: Vec<Path> =
            objects.iter().filter_map(|object| state_folder(object.location.as_ref())).collect();
        let is_of_a_state = |location: &Path| states.iter().any(|state| location.prefix_matches(state));
        let wanted =
            objects.iter().filter(|object| self.below(&object.location).is_some_and(|name| is_wanted(&name)));
        listed.extend(wanted.map(|object| {
            let known = self.known(object).map_or(Listed::Object, Listed::Known);
            (object.location.clone(), known)
        }));
        listed.retain(|(location, _)| !is_of_a_state(location));
        listed.sort_by(|(left, _), (right, _)| left.cmp(right));
        listed
    }

    /// The file of an object that was read before and has not changed since.
    fn known(&self, object: &ObjectMeta) -> Option<SourceFile> {
        let known = locked(&self.known);
        let (tag, file) = known.get(&object.location)?;
        (object.e_tag.as_ref() == Some(tag)).then(|| file.clone())
    }

    /// The name of an object below the folder.
    fn below(&self, location: &Path) -> Option<String> {
        let parts = location.prefix_match(&self.folder)?;
        Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
    }

    /// Reads a file; nothing where it went away since it was listed.
    async fn file(&self, path: &Path) -> Result<Option<SourceFile>, StoreError> {
        let failed = |source| request("read", path, source);
        let Some(answer) = get_if_present(self.root.store.as_ref(), path).await? else { return Ok(None) };
        let size = answer.meta.size;
        if size > MAX_FILE_BYTES as u64 {
            let reason = format!("it has {size} bytes; it may have 1 MiB");
            return Ok(Some(SourceFile::unread(path.as_ref(), reason)));
        }
        let tag = answer.meta.e_tag.clone();
        let bytes = answer.bytes().await.map_err(failed)?;
        let file = SourceFile::new(path.as_ref(), bytes);
        if let Some(tag) = tag {
            let mut known = locked(&self.known);
            known.insert(path.clone(), (tag, file.clone()));
        }
        Ok(Some(file))
    }
}

impl ReadRules {
    /// A file, or the whole folder, that could not be read.
    fn unread(&mut self, location: &Path, failure: StoreError) -> SourceFile {
        let is_denied = matches!(
            &failure,
            StoreError::Request {
                source: Error::PermissionDenied { .. } | Error::Unauthenticated { .. },
                ..
            }
        );
        let name = if location.is_root() { "." } else { location.as_ref() };
        self.failures.push(failure);
        SourceFile::unread(name, if is_denied { DENIED } else { NOT_READABLE })
    }
}

/// Of a table that rules name.
const GONE: &str = "there is no such file";
const ELSEWHERE: &str = "it does not lie in the folder of the rules";

fn is_wanted(name: &str) -> bool {
    is_rule_file(name) || is_silences_file(name) || is_table(name)
}

fn request(action: &'static str, location: &Path, source: Error) -> StoreError {
    StoreError::Request { action, location: location.clone(), source }
}
