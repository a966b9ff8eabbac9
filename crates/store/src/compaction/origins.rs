//! The files that each row of a compacted file came from: `_origins-<name of the file>.json.zst`.
//!
//! Rows lie by service and end, and the files of an hour cover one moment after another: rows of one file follow each
//! other, and their runs compress to little. A row of a span that lay in several files came from all of them.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::sidecar::{Unreadable, beside, compressed, decompressed};
use crate::fault::FileFault;

/// Name and version of the format.
const SCHEMA: &str = "fluo.origins/v1";

const PREFIX: &str = "_origins-";
const SUFFIX: &str = ".json.zst";

/// The largest object that is read, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// The file that each row came from. Files count from 0, as the sidecar lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    schema: String,
    /// The number of files.
    files: u32,
    /// Files that spans have in common: the set that is named `files`, `files` + 1, and so on.
    sets: Vec<Vec<u32>>,
    /// A file or a set, and how many rows in turn came from it.
    runs: Vec<(u32, u32)>,
}

impl Origins {
    /// Of an output of so many files, without rows.
    pub(super) fn new(files: usize) -> Self {
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        Self { schema: SCHEMA.to_owned(), files, sets: Vec::new(), runs: Vec::new() }
    }

    /// The name of a file's origins.
    pub fn name_of(file: &str) -> String {
        format!("{PREFIX}{}{SUFFIX}", file.strip_suffix(".parquet").unwrap_or(file))
    }

    /// The name of the file whose origins have this name; `None` where it is the name of something else.
    pub fn file_of(name: &str) -> Option<String> {
        Some(format!("{}.parquet", name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?))
    }

    /// The place of the origins of a file.
    pub(crate) fn place(folder: &Path, file: &str) -> Path {
        beside(folder, &Self::name_of(file))
    }

    /// Adds a row. `from`: its files, of which there is at least one.
    pub(super) fn push(&mut self, from: &RowOrigin, known: &mut BTreeMap<Vec<u32>, u32>) {
        let name = match from {
            RowOrigin::One(file) => *file,
            RowOrigin::Several(files) => {
                let next = self.files + u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
                *known.entry(files.clone()).or_insert_with(|| {
                    self.sets.push(files.clone());
                    next
                })
            }
        };
        match self.runs.last_mut() {
            Some((last, rows)) if *last == name && *rows < u32::MAX => *rows += 1,
            _ => self.runs.push((name, 1)),
        }
    }

    /// Its bytes.
    pub(super) fn to_bytes(&self) -> std::io::Result<Bytes> {
        compressed(self)
    }

    /// Reads the origins of a compacted file.
    ///
    /// # Errors
    ///
    /// [`FileFault`] where they cannot be had, or are damaged.
    pub async fn read(store: &dyn ObjectStore, location: &Path) -> Result<Self, FileFault> {
        let unavailable = |error: object_store::Error| FileFault::unavailable(location, error);
        let bytes = store.get(location).await.map_err(unavailable)?.bytes().await.map_err(unavailable)?;
        let origins: Self =
            decompressed(&bytes, MAX_BYTES).map_err(|error| FileFault::corrupt(location, error))?;
        if origins.schema != SCHEMA {
            return Err(FileFault::corrupt(location, Unreadable::Schema(origins.schema)));
        }
        Ok(origins)
    }

    /// The rows that came from some of the files, in order and apart.
    pub fn rows_of(&self, is_wanted: impl Fn(u32) -> bool) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut at = 0_u64;
        for (name, rows) in &self.runs {
            let end = at + u64::from(*rows);
            let wanted = match name.checked_sub(self.files) {
                None => is_wanted(*name),
                Some(set) => {
                    let set = usize::try_from(set).ok().and_then(|at| self.sets.get(at));
                    set.is_some_and(|files| files.iter().any(|file| is_wanted(*file)))
                }
            };
            if wanted {
                match ranges.last_mut() {
                    Some(last) if last.end == at => last.end = end,
                    _ => ranges.push(at..end),
                }
            }
            at = end;
        }
        ranges
    }
}

/// The files that a row came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowOrigin {
    /// One, as nearly always.
    One(u32),
    /// Several that held the same span: in order, each once.
    Several(Vec<u32>),
}

impl RowOrigin {
    /// Adds those of another row of the same span.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut all = self.files().to_vec();
        all.extend(other.files());
        all.sort_unstable();
        all.dedup();
        *self = match all[..] {
            [one] => Self::One(one),
            _ => Self::Several(all),
        };
    }

    fn files(&self) -> &[u32] {
        match self {
            Self::One(file) => std::slice::from_ref(file),
            Self::Several(files) => files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_any_of_their_files() {
        let mut origins = Origins::new(3);
        let mut known = BTreeMap::new();
        let mut both = RowOrigin::One(2);
        both.merge(&RowOrigin::One(0));
        both.merge(&RowOrigin::One(2));
        assert_eq!(both, RowOrigin::Several(vec![0, 2]));
        for from in [RowOrigin::One(0), RowOrigin::One(0), both.clone(), RowOrigin::One(1), both] {
            origins.push(&from, &mut known);
        }
        assert_eq!(origins.sets, [[0, 2]]);
        assert_eq!(origins.runs, [(0, 2), (3, 1), (1, 1), (3, 1)]);
        let rows_of = |wanted| origins.rows_of(|file| file == wanted);
        assert_eq!(rows_of(0), [0..3, 4..5]);
        assert_eq!(rows_of(1), std::iter::once(3..4).collect::<Vec<_>>());
        assert_eq!(rows_of(2), [2..3, 4..5]);
        assert_eq!(rows_of(3), []);
    }

    #[test]
    fn names_lead_to_the_file_and_back() {
        assert_eq!(Origins::name_of("a-c1.parquet"), "_origins-a-c1.json.zst");
        assert_eq!(Origins::file_of("_origins-a-c1.json.zst").as_deref(), Some("a-c1.parquet"));
        assert_eq!(Origins::file_of("a-c1.parquet"), None);
    }
}
