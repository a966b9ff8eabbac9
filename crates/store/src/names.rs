//! Names and places of data files.
//!
//! ```text
//! spans/date=2026-11-22/hour=11/1795345491200-1795345572000-8192-9f86d081884c7d65-l1-d1.parquet
//!       └──── hour of the ends ┘ └ min end ─┘ └ max end ─┘ rows └── content ───┘ │  └ decoder
//!                                                                                └ layout
//! ```
//!
//! A compacted file is one that the spans of others were merged into ([`crate::compaction`]): its name ends in
//! `-c<generation>`, and its content is that of its own bytes.
//!
//! A name is a function of what the file holds, so that a raw object that is delivered twice writes the
//! same name twice (I2, I5), and a listing alone says which files a time range needs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use fluo_time::Nanos;
use jiff::Timestamp;
use object_store::path::Path;
use sha2::{Digest, Sha256};

use crate::error::StoreError;

const MS_PER_HOUR: i64 = Nanos::HOUR.0 / Nanos::MILLISECOND.0;

/// The content of a data file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFileName {
    /// Earliest end in milliseconds since the epoch, rounded down.
    pub min_end_ms: i64,
    /// Latest end in milliseconds since the epoch, rounded up.
    pub max_end_ms: i64,
    /// The number of spans.
    pub rows: u64,
    /// The raw object they are of.
    pub content: Content,
    /// Number of the layout.
    pub layout: u32,
    /// Version of the decoder; of a compacted file the lowest of those that its spans came through.
    pub decoder: u32,
    /// Of a compacted file: the generation of its hour that it belongs to.
    pub compacted: Option<u32>,
}

impl DataFileName {
    /// The name of a file whose spans ended within these nanoseconds since the epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError::EndOutOfRange`] for ends before 1970.
    pub fn new(
        ends_ns: RangeInclusive<i64>,
        rows: u64,
        content: Content,
        layout: u32,
        decoder: u32,
    ) -> Result<Self, StoreError> {
        let (first, last) = ends_ns.into_inner();
        if first < 0 {
            return Err(StoreError::EndOutOfRange { end_ns: first });
        }
        let max_end_ms = last / Nanos::MILLISECOND.0 + i64::from(last % Nanos::MILLISECOND.0 > 0);
        let min_end_ms = first / Nanos::MILLISECOND.0;
        Ok(Self { min_end_ms, max_end_ms, rows, content, layout, decoder, compacted: None })
    }

    /// Reads a file name (without folders); `None` for every name that [`Display`](fmt::Display) does not
    /// write.
    pub fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_suffix(".parquet")?.split('-').collect();
        let (parts, compacted) = match &parts[..] {
            [plain @ .., generation] if plain.len() == 6 => {
                (plain, Some(generation.strip_prefix('c')?.parse().ok()?))
            }
            plain => (plain, None),
        };
        let [min_end_ms, max_end_ms, rows, content, layout, decoder] = *parts else { return None };
        // A part that is no number makes the name a foreign one, which listing reports.
        let parsed = Self {
            min_end_ms: min_end_ms.parse().ok()?,
            max_end_ms: max_end_ms.parse().ok()?,
            rows: rows.parse().ok()?,
            content: Content(u64::from_str_radix(content, 16).ok()?),
            layout: layout.strip_prefix('l')?.parse().ok()?,
            decoder: decoder.strip_prefix('d')?.parse().ok()?,
            compacted,
        };
        // Signs, missing or additional zeros, capitals: whatever is read otherwise than it is written.
        (parsed.to_string() == name && parsed.min_end_ms <= parsed.max_end_ms).then_some(parsed)
    }

    /// Returns whether a span of the file may have ended within these nanoseconds since the epoch, both ends
    /// included. Never wrongly false.
    pub fn may_hold(&self, ends_ns: &RangeInclusive<i64>) -> bool {
        let ends = self.ends_ns();
        ends.start() <= ends_ns.end() && ends.end() >= ends_ns.start()
    }

    /// The nanoseconds since the epoch within which its spans ended.
    pub fn ends_ns(&self) -> RangeInclusive<i64> {
        self.min_end_ms.saturating_mul(Nanos::MILLISECOND.0)
            ..=self.max_end_ms.saturating_mul(Nanos::MILLISECOND.0)
    }

    /// The hour in which its spans ended.
    pub fn hour(&self) -> Hour {
        Hour(self.min_end_ms.div_euclid(MS_PER_HOUR))
    }
}

impl fmt::Display for DataFileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min_end_ms, max_end_ms, rows, content, layout, decoder, compacted } = self;
        write!(formatter, "{min_end_ms:013}-{max_end_ms:013}-{rows}-{content}-l{layout}-d{decoder}")?;
        if let Some(generation) = compacted {
            write!(formatter, "-c{generation}")?;
        }
        formatter.write_str(".parquet")
    }
}

/// The identity of the raw object that a file was made from: the first eight bytes of SHA-256 over its decompressed
/// bytes, so that the same spans under another key, or compressed otherwise, are the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content(u64);

impl Content {
    /// Of an object's decompressed bytes.
    pub fn of(decompressed: &[u8]) -> Self {
        let hash = Sha256::digest(decompressed);
        Self(hash.iter().take(8).fold(0, |content, byte| content << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// An hour of UTC, counted from the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    /// The hour of a moment in nanoseconds since the epoch.
    pub fn of_ns(ns: i64) -> Self {
        Self(ns.div_euclid(Nanos::HOUR.0))
    }

    /// The folder of the hour: `date=2026-11-22/hour=11`.
    pub fn partition(self) -> String {
        // Hours of i64 nanoseconds lie within what jiff knows (years 1677 to 2262); others have no folder
        // that anything was ever written to.
        let start = Timestamp::from_second(self.0.saturating_mul(3600)).unwrap_or(Timestamp::UNIX_EPOCH);
        start.strftime("date=%Y-%m-%d/hour=%H").to_string()
    }
}

impl Hour {
    /// The hour whose folder is the one that an object lies in; `None` where that is no hour's folder.
    pub fn of_partition(location: &Path) -> Option<Self> {
        let parts: Vec<_> = location.parts().collect();
        let [.., day, hour, _] = &parts[..] else { return None };
        let (day, hour) = (day.as_ref(), hour.as_ref());
        let time = format!("{}T{}:00:00Z", day.strip_prefix("date=")?, hour.strip_prefix("hour=")?);
        // A folder that is named otherwise is none of ours.
        let found = Self(time.parse::<Timestamp>().ok()?.as_second().div_euclid(3600));
        (found.partition() == format!("{day}/{hour}")).then_some(found)
    }

    /// The first moment after it, in nanoseconds since the epoch.
    pub fn end_ns(self) -> i64 {
        self.0.saturating_add(1).saturating_mul(Nanos::HOUR.0)
    }

    /// The nanoseconds since the epoch that lie in it.
    pub fn ends_ns(self) -> RangeInclusive<i64> {
        let start = self.0.saturating_mul(Nanos::HOUR.0);
        start..=start.saturating_add(Nanos::HOUR.0 - 1)
    }

    /// The folder of the hour's day: `date=2026-11-22`.
    pub fn day(self) -> String {
        let mut partition = self.partition();
        partition.truncate(partition.find('/').unwrap_or(partition.len()));
        partition
    }
}

/// The partitions in which spans lie that ended within these nanoseconds since the epoch, both ends included.
///
/// Exactly these hold them: a file lies in the hour of its earliest end, and ingest cuts at hours, so that all its
/// ends are in that hour. (Its *name* may say a millisecond more, since the latest end is rounded up.)
pub fn hours_of(ends_ns: &RangeInclusive<i64>) -> RangeInclusive<Hour> {
    Hour::of_ns(*ends_ns.start())..=Hour::of_ns(*ends_ns.end())
}

/// The choice of [`current`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<T> {
    /// Those to read, in the order given.
    pub current: Vec<T>,
    /// Those that another of the same hour and content replaces, in the order given.
    pub superseded: Vec<T>,
}

/// Of files of equal hour and content, the one with the highest layout, then decoder, counts. (Should they
/// still be several, because the limits at ingest differed, the one with the most rows.) Files whose names
/// are not ours are all current.
pub fn current<T>(files: Vec<T>, name: impl Fn(&T) -> Option<&DataFileName>) -> Selection<T> {
    let rank = |name: &DataFileName| (name.layout, name.decoder, name.rows, name.to_string());
    let mut best = BTreeMap::new();
    for name in files.iter().filter_map(&name) {
        let best_rank = best.entry((name.hour(), name.content)).or_insert_with(|| rank(name));
        *best_rank = rank(name).max(std::mem::take(best_rank));
    }
    let is_current =
        |file: &T| name(file).is_none_or(|name| best.get(&(name.hour(), name.content)) == Some(&rank(name)));
    let (current, superseded) = files.into_iter().partition(is_current);
    Selection { current, superseded }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "1795345491200-1795345572000-8192-9f86d081884c7d65-l1-d1.parquet";

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = DataFileName::parse(NAME).unwrap();
        assert_eq!(
            (name.min_end_ms, name.max_end_ms, name.rows),
            (1_795_345_491_200, 1_795_345_572_000, 8192)
        );
        assert_eq!((name.layout, name.decoder), (1, 1));
        assert_eq!(name.content, Content::of(b"test"));
        assert_eq!(name.to_string(), NAME);
        assert_eq!(name.hour().partition(), "date=2026-11-22/hour=11");
    }

    #[test]
    fn a_compacted_file_says_its_generation() {
        let name = "1795345491200-1795345572000-8192-9f86d081884c7d65-l2-d1-c12.parquet";
        let parsed = DataFileName::parse(name).unwrap();
        assert_eq!((parsed.compacted, parsed.layout, parsed.decoder), (Some(12), 2, 1));
        assert_eq!(parsed.to_string(), name);
        assert_eq!(DataFileName::parse(NAME).unwrap().compacted, None);
    }

    #[test]
    fn names_of_others() {
        let cases = [
            ("no suffix", "1795345491200-1795345572000-8192-9f86d081884c7d65-l1-d1"),
            ("compacted by nobody", "1795345491200-1795345572000-1-9f86d081884c7d65-l1-d1-c.parquet"),
            ("compacted twice", "1795345491200-1795345572000-1-9f86d081884c7d65-l1-d1-c1-c2.parquet"),
            ("another ending", "1795345491200-1795345572000-1-9f86d081884c7d65-l1-d1-x1.parquet"),
            ("times of twelve digits", "795345491200-795345572000-1-9f86d081884c7d65-l1-d1.parquet"),
            ("a sign", "+795345491200-1795345572000-1-9f86d081884c7d65-l1-d1.parquet"),
            ("capitals", "1795345491200-1795345572000-1-9F86D081884C7D65-l1-d1.parquet"),
            ("a short content", "1795345491200-1795345572000-1-9f86-l1-d1.parquet"),
            ("zeros before the rows", "1795345491200-1795345572000-01-9f86d081884c7d65-l1-d1.parquet"),
            ("end before start", "1795345572000-1795345491200-1-9f86d081884c7d65-l1-d1.parquet"),
            ("a number too large", "1795345491200-1795345572000-1-9f86d081884c7d65-l4294967296-d1.parquet"),
            ("another program's", "part-00000.parquet"),
            ("nothing", ""),
        ];
        for (scenario, name) in cases {
            assert_eq!(DataFileName::parse(name), None, "{scenario}");
        }
    }

    #[test]
    fn ends_are_rounded_outwards() {
        let content = Content::of(b"");
        let name = DataFileName::new(1_999_999..=2_000_001, 2, content, 1, 1).unwrap();
        assert_eq!((name.min_end_ms, name.max_end_ms), (1, 3));
        assert!(name.to_string().starts_with("0000000000001-0000000000003-2-e3b0c44298fc1c14-l1-d1"));
        let exact = DataFileName::new(2_000_000..=2_000_000, 1, content, 1, 1).unwrap();
        assert_eq!((exact.min_end_ms, exact.max_end_ms), (2, 2));
        let last = DataFileName::new(i64::MAX..=i64::MAX, 1, content, 1, 1).unwrap();
        assert_eq!(DataFileName::parse(&last.to_string()), Some(last));
        assert!(DataFileName::new(-1..=0, 1, content, 1, 1).is_err());
    }

    #[test]
    fn pruning_keeps_every_file_that_may_hold_a_span_of_the_range() {
        let name = DataFileName::new(10_000_000..=20_500_000, 2, Content::of(b""), 1, 1).unwrap();
        let cases = [
            ("before", 0..=9_999_999, false),
            ("up to the first end", 0..=10_000_000, true),
            ("inside", 15_000_000..=15_000_000, true),
            ("from the last end, rounded up", 21_000_000..=i64::MAX, true),
            ("after", 21_000_001..=i64::MAX, false),
            ("everything", i64::MIN..=i64::MAX, true),
        ];
        for (scenario, range, expected) in cases {
            assert_eq!(name.may_hold(&range), expected, "{scenario}");
        }
    }

    #[test]
    fn partitions_are_hours_of_utc() {
        let hour = 3_600_000_000_000;
        let cases = [
            (0, "date=1970-01-01/hour=00"),
            (hour - 1, "date=1970-01-01/hour=00"),
            (hour, "date=1970-01-01/hour=01"),
            (1_709_251_199_999_999_999, "date=2024-02-29/hour=23"),
            (i64::MAX, "date=2262-04-11/hour=23"),
            (-1, "date=1969-12-31/hour=23"),
        ];
        for (ns, expected) in cases {
            assert_eq!(Hour::of_ns(ns).partition(), expected);
        }
    }

    #[test]
    fn the_hour_of_a_folder_is_read_as_it_is_written() {
        let of = |folder: &str| Hour::of_partition(&Path::from(format!("lake/spans/{folder}/x.parquet")));
        for hour in [0, 1, 498_707, -1] {
            assert_eq!(of(&Hour(hour).partition()), Some(Hour(hour)));
        }
        let others =
            ["x", "date=2026-11-22", "date=2026-11-22/hour=24", "date=2026-11-22/hour=7", "date=x/hour=01"];
        assert!(others.into_iter().all(|folder| of(folder).is_none()));
        let hour = Hour(498_707);
        assert_eq!(Hour::of_ns(*hour.ends_ns().start()), hour);
        assert_eq!(Hour::of_ns(hour.ends_ns().end() + 1), Hour(498_708));
    }

    #[test]
    fn the_newest_layout_and_decoder_of_a_content_counts() {
        let file = |hour: i64, rows, content: &str, layout, decoder| {
            let end = hour * 3_600_000_000_000 + 5;
            let content = Content::of(content.as_bytes());
            DataFileName::new(end..=end, rows, content, layout, decoder).unwrap()
        };
        let cases = [
            ("a newer layout", vec![file(1, 9, "a", 1, 1), file(1, 9, "a", 2, 1)], vec![1]),
            ("whatever the order", vec![file(1, 9, "a", 2, 1), file(1, 9, "a", 1, 1)], vec![0]),
            ("a newer decoder", vec![file(1, 9, "a", 1, 2), file(1, 9, "a", 1, 1)], vec![0]),
            ("the layout comes first", vec![file(1, 9, "a", 1, 9), file(1, 9, "a", 2, 1)], vec![1]),
            ("ten is more than nine", vec![file(1, 9, "a", 9, 1), file(1, 9, "a", 10, 1)], vec![1]),
            ("other content", vec![file(1, 9, "a", 1, 1), file(1, 9, "b", 2, 1)], vec![0, 1]),
            (
                "another hour of the same content",
                vec![file(1, 9, "a", 1, 1), file(2, 9, "a", 2, 1)],
                vec![0, 1],
            ),
            ("more rows of the same versions", vec![file(1, 9, "a", 1, 1), file(1, 10, "a", 1, 1)], vec![1]),
        ];
        for (scenario, files, expected) in cases {
            let selection = current(files.clone(), |name| Some(name));
            let expected: Vec<_> = expected.into_iter().map(|index: usize| files[index].clone()).collect();
            assert_eq!(selection.current, expected, "{scenario}");
            assert_eq!(selection.current.len() + selection.superseded.len(), files.len(), "{scenario}");
        }
        assert_eq!(current(vec!["theirs.parquet", "too.parquet"], |_| None).current.len(), 2);
    }
}
