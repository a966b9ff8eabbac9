//! A data file as a listing knows it, and what else lies among data files.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use object_store::ObjectMeta;
use object_store::path::Path;

use crate::compaction::origins::Origins;
use crate::compaction::sidecar::Replaced;
use crate::names::{DataFileName, Hour};

/// A Parquet file with spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its place in the store.
    pub location: Path,
    /// Bytes.
    pub size: u64,
    /// The store's tag of its content, where it has one.
    pub e_tag: Option<String>,
    /// The time at which it was written, in milliseconds since the epoch.
    pub last_modified_ms: i64,
    /// Its name, read; `None` for files that fluo did not write.
    pub name: Option<DataFileName>,
    /// Of a file that was replaced: where its spans are now. All else that is said of it is as it was.
    pub within: Option<Within>,
}

/// An object that lies among the data files and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its place in the store.
    pub location: Path,
    /// The reason for which it is none.
    pub reason: &'static str,
    /// True if data files may lie behind it, which then are missing: what is judged without them is partial.
    pub may_hide_spans: bool,
    /// True if it may be something else the next time, without anybody touching it.
    pub may_pass: bool,
}

/// The objects below a root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Data files, sorted by location.
    pub files: Vec<DataFile>,
    /// All else, sorted by location.
    pub foreign: Vec<Foreign>,
}

/// A compacted file, with the files that it replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct CompactedFile {
    /// The file itself.
    pub file: DataFile,
    /// The files whose spans it holds, as its origins count them.
    pub files: Vec<Replaced>,
}

/// The place of a replaced file: within a compacted one.
#[derive(Clone, PartialEq, Eq)]
pub struct Within {
    /// The compacted file.
    pub output: Arc<CompactedFile>,
    /// The place of the replaced file among [`CompactedFile::files`].
    pub at: usize,
}

impl fmt::Debug for Within {
    // Not the thousands of files beside it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = self.output.file.location.as_ref();
        formatter.debug_struct("Within").field("output", &location).field("at", &self.at).finish()
    }
}

impl CompactedFile {
    /// The place of the origins of its rows.
    pub fn origins(&self) -> Path {
        let (folder, name) = split(&self.file.location);
        Origins::place(&folder, name)
    }
}

impl Within {
    /// The facts about the file that were kept.
    pub fn replaced(&self) -> Option<&Replaced> {
        self.output.files.get(self.at)
    }
}

/// The folder of a location, and the name in it.
pub(crate) fn split(location: &Path) -> (Path, &str) {
    let parts: Vec<_> = location.parts().collect();
    let folder = parts.iter().take(parts.len().saturating_sub(1)).cloned().collect();
    (folder, location.filename().unwrap_or_default())
}

impl DataFile {
    /// An object that is a data file, by its name alone.
    pub fn of(object: ObjectMeta) -> Self {
        Self {
            name: object.location.filename().and_then(DataFileName::parse),
            location: object.location,
            size: object.size,
            e_tag: object.e_tag,
            last_modified_ms: object.last_modified.timestamp_millis(),
            within: None,
        }
    }

    /// The file that holds its spans: itself, or the compacted file that it lies within.
    pub fn stored(&self) -> &Self {
        self.within.as_ref().map_or(self, |within| &within.output.file)
    }

    /// Returns the times in which its spans ended, in nanoseconds since the epoch, as far as its place says: those of its
    /// name, or else of the hour that it lies in, or else any.
    pub fn ends_ns(&self) -> RangeInclusive<i64> {
        let hour = || Hour::of_partition(&self.location).map(Hour::ends_ns);
        self.name.as_ref().map(DataFileName::ends_ns).or_else(hour).unwrap_or(i64::MIN..=i64::MAX)
    }

    /// Returns whether it holds no span, by its name: it says what else its object held ([`crate::counts`]), and
    /// nothing of any time.
    pub fn is_without_rows(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name.rows == 0)
    }

    /// Returns the shortest text that tells this file from all others: the name without folders says the hour. Files
    /// that fluo did not write may have equal names in several folders.
    pub fn arrival_name(&self) -> &str {
        match (&self.name, self.location.filename()) {
            (Some(_), Some(name)) => name,
            _ => self.location.as_ref(),
        }
    }
}

impl Listing {
    pub(crate) fn sort(&mut self) {
        self.files.sort_by(|left, right| left.location.cmp(&right.location));
        self.foreign.sort_by(|left, right| left.location.cmp(&right.location));
    }
}
