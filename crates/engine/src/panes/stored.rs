//! Panes as bytes that outlive the process.
//!
//! ```text
//! recent      all that the last looks used of long windows: what the next ones need, but for what is new
//! of an hour  the cells of an hour whose sums were joined: needed when windows end to reach over all of it
//! ```
//!
//! They are of use to the same version of fluo only, and of none to people.

use std::collections::BTreeMap;

use fluo_time::Nanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::contents::Held;
use super::{Hours, Kept, Key, OfCells, Pane, Panes};
use crate::pass::{Cells, Summed};
use crate::rows::Group;
use crate::summary::Summary;

/// The form of stored panes, and the version that summed them up: another one may sum up otherwise.
const FORM: &str = concat!("fluo.panes/v2 ", env!("CARGO_PKG_VERSION"), "\n");

/// Windows longer than this, in nanoseconds, have panes that are stored. What shorter ones need is read as fast.
const SHORT: i64 = 10 * Nanos::MINUTE.0;

/// Bytes of panes that are stored at most: of more, what is read instead is no dearer.
const MOST_BYTES: usize = 256 << 20;

/// Returns whether panes of a window of this length, in nanoseconds, are stored.
pub fn is_stored(window: i64) -> bool {
    window > SHORT
}

/// The reason for which stored panes are of no use.
#[derive(Debug, thiserror::Error)]
pub enum StoredPanesError {
    /// Occurs when their bytes are not those that were written.
    #[error("stored panes are damaged")]
    Damaged,
    /// Occurs when another version of fluo wrote them.
    #[error("stored panes are of another version of fluo")]
    Version,
    /// Occurs when they cannot be packed or unpacked.
    #[error("stored panes cannot be packed or unpacked")]
    Packing(#[from] std::io::Error),
    /// Occurs when they are too many to be stored.
    #[error("{0} bytes of panes are too many to be stored")]
    TooMany(usize),
}

/// The panes of a rule's cells.
#[derive(Serialize, Deserialize)]
struct Stored {
    rule: String,
    size: i64,
    seen: bool,
    groups: Vec<Group>,
    panes: Vec<StoredPane>,
}

#[derive(Serialize, Deserialize)]
struct StoredPane {
    cell: i64,
    of: Held,
    /// By the places of groups.
    sums: Vec<(u32, Vec<Summary>)>,
}

impl Stored {
    /// Returns whether every sum has a group.
    fn has_its_groups(&self) -> bool {
        let mut places = self.panes.iter().flat_map(|pane| &pane.sums).map(|(place, _)| *place);
        places.all(|place| usize::try_from(place).is_ok_and(|place| place < self.groups.len()))
    }
}

impl Panes {
    /// Returns what another process needs to go on: of each rule, all that its last look used; `None` where no window is long.
    ///
    /// # Errors
    ///
    /// [`StoredPanesError::TooMany`].
    pub fn recent(&self) -> Result<Option<Vec<u8>>, StoredPanesError> {
        // A rule that was not due is due again.
        let used = self.kept().stored(|_, cells, _, pane| pane.used == cells.used);
        if used.is_empty() { Ok(None) } else { packed(&used).map(Some) }
    }

    /// Takes the hours whose cells were joined since this was asked last.
    pub fn take_joined(&self) -> Vec<i64> {
        std::mem::take(&mut self.kept().joined).into_iter().collect()
    }

    /// Returns the cells of an hour, with those of `before`, which were stored for that hour, of which nothing newer is known.
    ///
    /// # Errors
    ///
    /// As of [`Panes::recent`].
    pub fn of_hour(&self, hour: i64, before: Option<&[u8]>) -> Result<Vec<u8>, StoredPanesError> {
        // What cannot be read any more is replaced.
        let before = before.and_then(|bytes| unpacked(bytes).ok()).unwrap_or_default();
        let mut all = Kept::default();
        let known = self.kept().stored(|key, _, cell, _| {
            key.size != Hours::CELLS.size && Hours::CELLS.of(Cells { size: key.size }.range(cell).to) == hour
        });
        all.take(known);
        all.take(before);
        packed(&all.stored(|_, _, _, _| true))
    }

    /// Adds stored panes to those that are known.
    ///
    /// # Errors
    ///
    /// [`StoredPanesError`] where they are of no use.
    pub fn add(&self, bytes: &[u8]) -> Result<(), StoredPanesError> {
        let stored = unpacked(bytes)?;
        self.kept().take(stored);
        Ok(())
    }
}

impl Kept {
    /// Those of the panes that outlive the process.
    fn stored(&self, is_meant: impl Fn(&Key, &OfCells, i64, &Pane) -> bool) -> Vec<Stored> {
        let of_rule = |(key, cells): (&Key, &OfCells)| {
            let meant: Vec<(&i64, &Pane)> =
                cells.panes.iter().filter(|(cell, pane)| is_meant(key, cells, **cell, pane)).collect();
            let mut places: BTreeMap<&Group, u32> = BTreeMap::new();
            let panes = meant.iter().map(|(cell, pane)| {
                let sums = pane.sums.iter().map(|(group, sums)| {
                    let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
                    (*places.entry(group).or_insert(next), sums.as_ref().clone())
                });
                StoredPane { cell: **cell, of: pane.of, sums: sums.collect() }
            });
            let panes: Vec<StoredPane> = panes.collect();
            let mut groups: Vec<(u32, &Group)> =
                places.into_iter().map(|(group, place)| (place, group)).collect();
            groups.sort_unstable();
            let groups = groups.into_iter().map(|(_, group)| group.clone()).collect();
            Stored { rule: key.rule.clone(), size: key.size, seen: key.seen, groups, panes }
        };
        let all = self.rules.iter().filter(|(_, cells)| cells.stored).map(of_rule);
        all.filter(|stored| !stored.panes.is_empty()).collect()
    }

    /// Adds stored panes where none is known.
    fn take(&mut self, stored: Vec<Stored>) {
        for Stored { rule, size, seen, groups, panes } in stored {
            let cells = self.rules.entry(Key { rule, size, seen }).or_default();
            cells.stored = true;
            let used = cells.used;
            for StoredPane { cell, of, sums } in panes {
                let named = sums.into_iter().filter_map(|(place, sums)| {
                    let group = groups.get(usize::try_from(place).ok()?)?;
                    Some((group.clone(), Summed::new(sums)))
                });
                cells.panes.entry(cell).or_insert_with(|| Pane { of, sums: named.collect(), used });
            }
        }
    }
}

fn packed(stored: &[Stored]) -> Result<Vec<u8>, StoredPanesError> {
    let bytes = rmp_serde::to_vec(stored).map_err(std::io::Error::other)?;
    if bytes.len() > MOST_BYTES {
        return Err(StoredPanesError::TooMany(bytes.len()));
    }
    let packed = zstd::bulk::compress(&bytes, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    Ok([FORM.as_bytes(), Sha256::digest(&packed).as_slice(), packed.as_slice()].concat())
}

fn unpacked(bytes: &[u8]) -> Result<Vec<Stored>, StoredPanesError> {
    let rest = bytes.strip_prefix(FORM.as_bytes()).ok_or(StoredPanesError::Version)?;
    let (digest, packed) = rest.split_at_checked(Sha256::output_size()).ok_or(StoredPanesError::Damaged)?;
    if Sha256::digest(packed).as_slice() != digest {
        return Err(StoredPanesError::Damaged);
    }
    let bytes = zstd::stream::decode_all(packed)?;
    let stored: Vec<Stored> = rmp_serde::from_slice(&bytes).map_err(std::io::Error::other)?;
    // A group left out would be spans that are not counted.
    if stored.iter().all(Stored::has_its_groups) { Ok(stored) } else { Err(StoredPanesError::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(place: u32) -> Vec<Stored> {
        let sums = vec![(place, vec![Summary::Count(3)])];
        let panes = vec![StoredPane { cell: 7, of: Held([1; 16]), sums }];
        vec![Stored { rule: "hash".to_owned(), size: 60, seen: false, groups: vec![vec![None]], panes }]
    }

    #[test]
    fn stored_panes_are_known_again_or_refused_as_a_whole() {
        let sound = packed(&stored(0)).unwrap();
        let panes = Panes::default();
        panes.add(&sound).unwrap();
        assert_eq!(panes.recent().unwrap().as_deref(), Some(sound.as_slice()));
        let mut flipped = sound.clone();
        flipped[sound.len() - 1] ^= 1;
        let other = [b"fluo.panes/v0\n", sound.as_slice()].concat();
        let nameless = packed(&stored(1)).unwrap();
        for (scenario, bytes, expected) in [
            ("a bit is flipped", flipped.as_slice(), StoredPanesError::Damaged),
            ("it is cut off", &sound[..FORM.len() + 9], StoredPanesError::Damaged),
            ("another version wrote it", &other, StoredPanesError::Version),
            ("a sum has no group", &nameless, StoredPanesError::Damaged),
        ] {
            let refused = Panes::default().add(bytes).unwrap_err();
            assert_eq!(refused.to_string(), expected.to_string(), "{scenario}");
        }
    }
}
