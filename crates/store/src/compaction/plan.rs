//! The files of an hour that are worth merging, in portions of which each becomes one file.
//!
//! A portion follows the last one in time, so that the files that come out lie one after another, too, and a window
//! needs few of them. What is large already stays as it is: to write it again would save nothing.

use std::collections::BTreeMap;

use crate::data_file::DataFile;
use crate::names::{DataFileName, Hour, current};

/// The sizes that compaction aims at, and the memory that it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Spans that go into one file.
    pub rows: u64,
    /// Bytes of the files that go into one.
    pub bytes: u64,
    /// Spans that are sorted at a time: those of a row group.
    pub run: usize,
    /// Bytes of spans that may wait for the others of their time.
    pub memory: usize,
    /// Files of an hour that was never compacted which are worth merging.
    pub least: usize,
    /// Files that came later to an hour that was compacted which are worth merging.
    pub least_again: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            rows: 2 << 20,
            bytes: 64 << 20,
            run: crate::parquet_write::ROW_GROUP_ROWS,
            memory: 320 << 20,
            least: 2,
            least_again: 16,
        }
    }
}

/// The part of a machine's memory in which spans wait, and that of the files that go into one. What is left is for the
/// file that comes out, which is there twice while it is sealed, for a run on its way, and for the program.
const MEMORY_SHARE: u64 = 4;
const BYTES_SHARE: u64 = 12;

impl Sizes {
    /// For a machine of so many bytes of memory.
    pub fn within(memory: u64) -> Self {
        let most = Self::default();
        let share = usize::try_from(memory / MEMORY_SHARE).unwrap_or(usize::MAX);
        Self { bytes: most.bytes.min(memory / BYTES_SHARE), memory: most.memory.min(share), ..most }
    }
}

/// A file that is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) file: DataFile,
    pub(super) name: DataFileName,
    /// Files of the same raw object that it replaces as the newer one.
    pub(super) older: Vec<DataFile>,
}

/// Files that become one, in the order of their first ends.
pub(super) type Portion = Vec<Candidate>;

/// The portions of an hour's files. `files`: those that ingest wrote and no output has, without those that cannot be
/// read. `again`: the hour has outputs.
pub(super) fn portions(files: Vec<DataFile>, hour: Hour, sizes: &Sizes, again: bool) -> Vec<Portion> {
    let of_hour = |file: &DataFile| file.name.as_ref().is_some_and(|name| name.hour() == hour);
    let files: Vec<DataFile> = files.into_iter().filter(of_hour).collect();
    let selection = current(files, |file| file.name.as_ref());
    let mut older: BTreeMap<_, Vec<DataFile>> = BTreeMap::new();
    for file in selection.superseded {
        if let Some(name) = &file.name {
            older.entry(name.content).or_default().push(file);
        }
    }
    let mut small: Vec<Candidate> = selection
        .current
        .into_iter()
        .filter_map(|file| {
            let name = file.name.clone()?;
            let is_small = name.rows <= sizes.rows / 2 && file.size <= sizes.bytes / 2;
            is_small.then(|| Candidate { older: older.remove(&name.content).unwrap_or_default(), file, name })
        })
        .collect();
    let least = if again { sizes.least_again } else { sizes.least };
    let rows: u64 = small.iter().map(|candidate| candidate.name.rows).sum();
    if small.len() < least.max(2) || rows == 0 {
        return Vec::new();
    }
    small.sort_by(|left, right| {
        (left.name.min_end_ms, &left.file.location).cmp(&(right.name.min_end_ms, &right.file.location))
    });
    let bytes: u64 = small.iter().map(|candidate| candidate.file.size).sum();
    // Portions of about one size: the last is no small rest.
    let count = rows.div_ceil(sizes.rows.max(1)).max(bytes.div_ceil(sizes.bytes.max(1))).max(1);
    let (most_rows, most_bytes) = (rows.div_ceil(count), bytes.div_ceil(count));
    let mut portions: Vec<Portion> = Vec::new();
    let (mut rows, mut bytes) = (u64::MAX, u64::MAX);
    for candidate in small {
        if rows >= most_rows || bytes >= most_bytes {
            portions.push(Vec::new());
            (rows, bytes) = (0, 0);
        }
        rows += candidate.name.rows;
        bytes += candidate.file.size;
        if let Some(portion) = portions.last_mut() {
            portion.push(candidate);
        }
    }
    let has_spans = |portion: &Portion| portion.iter().any(|candidate| candidate.name.rows > 0);
    portions.retain(|portion| portion.len() > 1 && has_spans(portion));
    portions
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;
    use crate::names::Content;

    const HOUR: Hour = Hour(498_707);

    fn file(minute: i64, rows: u64, content: &str, layout: u32, size: u64) -> DataFile {
        let end = *HOUR.ends_ns().start() + minute * 60_000_000_000;
        let content = Content::of(content.as_bytes());
        let name = DataFileName::new(end..=end, rows, content, layout, 1).unwrap();
        DataFile {
            location: Path::from(format!("spans/{}/{name}", HOUR.partition())),
            size,
            e_tag: None,
            last_modified_ms: 0,
            name: Some(name),
            within: None,
        }
    }

    fn minutes(portions: &[Portion]) -> Vec<Vec<i64>> {
        let start = HOUR.ends_ns().start() / 60_000_000_000;
        let minute = |candidate: &Candidate| candidate.name.min_end_ms / 60_000 - start;
        portions.iter().map(|portion| portion.iter().map(minute).collect()).collect()
    }

    const SIZES: Sizes = Sizes { rows: 100, bytes: 1000, run: 10, memory: 1000, least: 2, least_again: 4 };

    #[test]
    fn small_files_are_merged_in_the_order_of_their_times() {
        let small = |minute| file(minute, 10, &minute.to_string(), 1, 9);
        let cases = [
            ("two", vec![small(5), small(1)], false, vec![vec![1, 5]]),
            ("one", vec![small(1)], false, vec![]),
            ("two more", vec![small(5), small(1)], true, vec![]),
            ("four more", vec![small(4), small(3), small(2), small(1)], true, vec![vec![1, 2, 3, 4]]),
            (
                "a large one between them",
                vec![small(1), file(2, 51, "l", 1, 9), small(3)],
                false,
                vec![vec![1, 3]],
            ),
            ("one of many bytes", vec![small(1), file(2, 1, "l", 1, 501), small(3)], false, vec![vec![1, 3]]),
            ("without spans", vec![file(1, 0, "a", 1, 9), file(2, 0, "b", 1, 9)], false, vec![]),
            ("some without", vec![file(1, 0, "a", 1, 9), small(2)], false, vec![vec![1, 2]]),
        ];
        for (scenario, files, again, expected) in cases {
            assert_eq!(minutes(&portions(files, HOUR, &SIZES, again)), expected, "{scenario}");
        }
    }

    #[test]
    fn portions_are_of_about_one_size() {
        let files = (0..11).map(|minute| file(minute, 10, &minute.to_string(), 1, 9)).collect();
        let found = minutes(&portions(files, HOUR, &SIZES, false));
        assert_eq!(found, [vec![0, 1, 2, 3, 4, 5], vec![6, 7, 8, 9, 10]]);
        let files = (0..4).map(|minute| file(minute, 1, &minute.to_string(), 1, 500)).collect();
        assert_eq!(minutes(&portions(files, HOUR, &SIZES, false)), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn what_is_not_of_the_hour_stays() {
        let mut other = file(60, 10, "x", 1, 9);
        other.location = Path::from(format!("spans/{}/x", HOUR.partition()));
        let foreign = DataFile { name: None, ..file(1, 10, "y", 1, 9) };
        assert_eq!(
            portions(vec![other, foreign, file(1, 1, "a", 1, 9)], HOUR, &SIZES, false),
            [] as [Portion; 0]
        );
    }

    #[test]
    fn the_newest_layout_of_a_content_stands_for_the_older_ones() {
        let files = vec![file(1, 10, "a", 1, 9), file(1, 10, "a", 2, 9), file(2, 10, "b", 1, 9)];
        let found = portions(files, HOUR, &SIZES, false);
        let layouts: Vec<_> = found[0].iter().map(|it| (it.name.layout, it.older.len())).collect();
        assert_eq!(layouts, [(2, 1), (1, 0)]);
    }
}
