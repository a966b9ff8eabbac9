//! The files that hold spans of a time, in a word.

use std::collections::HashMap;
use std::sync::Mutex;

use fluo_store::DataFile;
use fluo_store::guard::locked;
use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The files that a look is over, by the times of their spans.
#[derive(Debug, Default)]
pub struct Contents {
    /// By first end.
    files: Vec<File>,
    /// Files that may hold spans of any time.
    anywhere: Vec<[u8; ID]>,
    /// The most that the ends of one of the others lie apart.
    longest: i64,
    /// Earlier answers: rules ask for the same times.
    asked: Mutex<HashMap<(i64, i64), Option<Held>>>,
}

#[derive(Debug)]
struct File {
    ends: TimeRange,
    id: [u8; ID],
}

const ID: usize = 16;

/// A set of files, in a word: that of another set is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held(pub(crate) [u8; ID]);

impl Contents {
    /// Of files that can be read. What lies in others is in no pane.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a DataFile>) -> Self {
        let file = |file: &DataFile| {
            let ends = file.ends_ns();
            // A name that says what the file holds is enough.
            let said = if file.name.is_some() {
                file.arrival_name().to_owned()
            } else {
                let tag = file.e_tag.as_deref().unwrap_or_default();
                format!("{} {} {tag} {}", file.location, file.size, file.last_modified_ms)
            };
            File { ends: TimeRange { from: *ends.start(), to: *ends.end() }, id: word(&said) }
        };
        let any = TimeRange { from: i64::MIN, to: i64::MAX };
        let (anywhere, mut files): (Vec<File>, Vec<File>) =
            files.into_iter().map(file).partition(|file| file.ends == any);
        files.sort_unstable_by_key(|file| (file.ends.from, file.id));
        let length = |file: &File| file.ends.to.saturating_sub(file.ends.from);
        let longest = files.iter().map(length).max().unwrap_or_default();
        let anywhere = anywhere.into_iter().map(|file| file.id).collect();
        Self { files, anywhere, longest, asked: Mutex::default() }
    }

    /// The files with spans of a range; `None` where there is none.
    pub(crate) fn within(&self, range: TimeRange) -> Option<Held> {
        let mut asked = locked(&self.asked);
        *asked.entry((range.from, range.to)).or_insert_with(|| self.look(range))
    }

    fn look(&self, range: TimeRange) -> Option<Held> {
        let earliest = range.from.saturating_sub(self.longest);
        let first = self.files.partition_point(|file| file.ends.from < earliest);
        let near = self.files[first..].iter().take_while(|file| file.ends.from <= range.to);
        let met = near.filter(|file| file.ends.to >= range.from).map(|file| file.id);
        let mut ids: Vec<[u8; ID]> = met.chain(self.anywhere.iter().copied()).collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| Held(word(ids.as_flattened())))
    }
}

fn word(bytes: impl AsRef<[u8]>) -> [u8; ID] {
    let mut word = [0; ID];
    let digest = Sha256::digest(bytes);
    word.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    word
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;

    fn file(name: &str, size: u64, e_tag: &str) -> DataFile {
        let location = Path::from(format!("spans/date=2026-11-22/hour=10/{name}"));
        DataFile {
            name: fluo_store::DataFileName::parse(name),
            location,
            size,
            e_tag: Some(e_tag.to_owned()),
            last_modified_ms: 0,
            within: None,
        }
    }

    fn named(from: i64, to: i64, content: &str) -> DataFile {
        file(&format!("{from:013}-{to:013}-3-{content:0>16}-l1-d1.parquet"), 10, "a")
    }

    #[test]
    fn cells_are_told_by_the_files_that_meet_them() {
        const START: i64 = 1_795_341_600_000;
        let (first, second) = (named(START, START + 61_000, "1"), named(START + 61_000, START + 90_000, "2"));
        assert!(first.name.is_some());
        let cell = |nth: i64| {
            let from = (START + nth * 60_000) * 1_000_000;
            TimeRange { from, to: from + 59_999_999_999 }
        };
        let held = |files: &[&DataFile], nth| Contents::of(files.iter().copied()).within(cell(nth));
        let both = [&first, &second];
        assert_eq!(held(&both, 0), held(&[&first], 0), "the second has nothing of it");
        assert_ne!(held(&both, 1), held(&[&first], 1));
        assert_ne!(held(&both, 1), held(&[&second], 1));
        assert_eq!(held(&both, 1), held(&[&second, &first], 1), "in any order");
        assert_eq!(held(&both, 2), None);
        let again = DataFile { e_tag: Some("b".to_owned()), ..first.clone() };
        assert_eq!(held(&[&again], 0), held(&[&first], 0), "its name says what it holds");
        let (other, replaced) = (file("other.parquet", 10, "a"), file("other.parquet", 10, "b"));
        assert!(other.name.is_none());
        assert_ne!(held(&[&other], 0), held(&[&replaced], 0), "the name of another program does not");
        let nested = DataFile { location: Path::from("spans/part/other.parquet"), ..other };
        assert_ne!(held(&[&first, &nested], 0), held(&[&first], 0), "it may hold spans of any time");
        assert_ne!(held(&[&nested], 9), None);
    }
}
