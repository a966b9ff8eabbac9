//! The places of keys: which of many keys a key is, or that it is none of them.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

use super::sought::{Key, PARTS};
use crate::rows::index;
use crate::work::each;

/// Keys by part, each with a place of its own among those of the part.
///
/// Tables have the places alone: the keys stand in the order in which they were read, and so do the spans that ask for
/// them later, so that looking at the key at a place costs little.
#[derive(Default)]
pub(super) struct Places {
    hasher: DefaultHashBuilder,
    parts: Vec<OfPart>,
}

/// The keys of one part.
#[derive(Default)]
struct OfPart {
    /// By place.
    keys: Vec<Key>,
    table: Table,
}

impl OfPart {
    fn of(lists: Vec<Vec<Key>>, hasher: &DefaultHashBuilder) -> Self {
        let mut part = Self::default();
        for key in lists.into_iter().flatten() {
            let hash = hasher.hash_one(key);
            if part.get(&key, hash).is_none() {
                part.table.make_room(&part.keys, hasher);
                part.table.put(hash, index(part.keys.len()));
                part.keys.push(key);
            }
        }
        part.keys.shrink_to_fit();
        part
    }

    fn get(&self, key: &Key, hash: u64) -> Option<u32> {
        self.table.may_be(hash).find(|place| self.keys[*place as usize] == *key)
    }
}

/// Places by the hashes of their keys. At least half of it is free, so that the first slot that is looked at says mostly
/// where a key is, or that it is not there.
///
/// A hash table of a library hides its slots. Here many are looked at before any is judged, so that the processor waits for
/// the memory of all of them at once.
#[derive(Default)]
struct Table {
    /// The upper half of the hash, and the place; [`FREE`] where there is none. A power of two of them.
    slots: Vec<u64>,
}

const FREE: u64 = u64::MAX;
const LEAST_SLOTS: usize = 16;

impl Table {
    fn slot(&self, hash: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "a part of it is taken")]
        let at = hash as usize;
        at & (self.slots.len() - 1)
    }

    /// The slot that is looked at first.
    fn first(&self, hash: u64) -> u64 {
        self.slots[self.slot(hash)]
    }

    /// The places whose keys may have a hash, one after the other.
    fn may_be(&self, hash: u64) -> impl Iterator<Item = u32> {
        let at = if self.slots.is_empty() { 0 } else { self.slot(hash) };
        let (before, after) = self.slots.split_at(at);
        let slots = after.iter().chain(before).take_while(|slot| **slot != FREE);
        slots.filter(move |slot| is_alike(**slot, hash)).map(|slot| place(*slot))
    }

    fn put(&mut self, hash: u64, place: u32) {
        let mut at = self.slot(hash);
        while self.slots[at] != FREE {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = hash & UPPER | u64::from(place);
    }

    /// Makes room for one more than these keys.
    fn make_room(&mut self, keys: &[Key], hasher: &DefaultHashBuilder) {
        if 2 * (keys.len() + 1) <= self.slots.len() {
            return;
        }
        self.slots = vec![FREE; (4 * keys.len()).next_power_of_two().max(LEAST_SLOTS)];
        for (place, key) in keys.iter().enumerate() {
            self.put(hasher.hash_one(key), index(place));
        }
    }
}

/// The bits of a hash in a slot.
const UPPER: u64 = !0 << 32;

fn is_alike(slot: u64, hash: u64) -> bool {
    (slot ^ hash) & UPPER == 0
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
fn place(slot: u64) -> u32 {
    slot as u32
}

/// A key that is among the sought ones: the row that asks for it, its part, and its place in it.
pub(super) type Found = (usize, usize, u32);

impl Places {
    /// `threads`: by thread and part, keys as they were read.
    pub(super) async fn of(threads: Vec<Vec<Vec<Key>>>) -> Self {
        let mut by_part: Vec<Vec<Vec<Key>>> = (0..PARTS).map(|_| Vec::new()).collect();
        for parts in threads {
            by_part.iter_mut().zip(parts).for_each(|(all, part)| all.push(part));
        }
        let hasher = DefaultHashBuilder::default();
        let parts = each(by_part, |lists| OfPart::of(lists, &hasher)).await;
        Self { hasher, parts }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.keys.len()).sum()
    }

    /// By part, the keys by their places.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[Key]> {
        self.parts.iter().map(|part| part.keys.as_slice())
    }

    /// The part and the place in it of a key.
    pub(super) fn get(&self, key: &Key) -> Option<(usize, u32)> {
        let at = key.part();
        let place = self.parts.get(at)?.get(key, self.hasher.hash_one(key))?;
        Some((at, place))
    }

    /// Those of some keys that are among these, in order. Each comes with the row that asks for it.
    pub(super) fn get_all(&self, asked: &[(usize, Key)]) -> Vec<Found> {
        // One step for all keys before the next: no step waits for the one before it.
        let first = |(_, key): &(usize, Key)| {
            let hash = self.hasher.hash_one(key);
            let table = self.parts.get(key.part()).map(|part| &part.table);
            (hash, table.filter(|table| !table.slots.is_empty()).map_or(FREE, |table| table.first(hash)))
        };
        let firsts: Vec<(u64, u64)> = asked.iter().map(first).collect();
        let some = firsts.into_iter().enumerate().filter(|(_, (_, slot))| *slot != FREE);
        let some: Vec<(usize, u64, u64)> = some.map(|(at, (hash, slot))| (at, hash, slot)).collect();
        let is_it = |(at, hash, slot): &(usize, u64, u64)| {
            let (_, key) = &asked[*at];
            is_alike(*slot, *hash) && self.parts[key.part()].keys[place(*slot) as usize] == *key
        };
        let is_first: Vec<bool> = some.iter().map(is_it).collect();
        let found = some.into_iter().zip(is_first).filter_map(|((at, hash, slot), is_first)| {
            let (row, key) = &asked[at];
            let part = key.part();
            let place = if is_first { place(slot) } else { self.parts[part].get(key, hash)? };
            Some((*row, part, place))
        });
        found.collect()
    }
}

/// By part, the place that is likely to be asked for next. Whoever asks for the keys of spans that lie one after the other
/// asks for them as they were put down, mostly.
pub(super) struct Likely([u32; PARTS]);

impl Default for Likely {
    fn default() -> Self {
        Self([0; PARTS])
    }
}

impl Likely {
    /// The part and the place in it of a key, as of [`Places::get`].
    pub(super) fn get(&mut self, key: &Key, places: &Places) -> Option<(usize, u32)> {
        let (at, next) = (key.part(), self.0[key.part()]);
        let keys = &places.parts.get(at)?.keys;
        // Siblings ask for the same key.
        let likely =
            [next, next.wrapping_sub(1)].into_iter().find(|place| keys.get(*place as usize) == Some(key));
        let (_, place) = likely.map(|place| (at, place)).or_else(|| places.get(key))?;
        self.0[at] = place.saturating_add(1);
        Some((at, place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Keys of few traces and ids, so that many are alike.
    fn keys() -> impl Strategy<Value = Vec<Key>> {
        let key = (0_u8..40, 0_u8..40).prop_map(|(trace, span)| Key::of([trace; 16], [span; 8]));
        proptest::collection::vec(key, 0..800)
    }

    proptest! {
        #[test]
        fn a_key_has_a_place_of_its_own_if_it_was_put_down(known in keys(), asked in keys()) {
            let mut lists: Vec<Vec<Key>> = (0..PARTS).map(|_| Vec::new()).collect();
            for key in &known {
                lists[key.part()].push(*key);
            }
            let places = tokio::runtime::Runtime::new()?.block_on(Places::of(vec![lists]));
            let of_part: Vec<&[Key]> = places.keys().collect();
            prop_assert_eq!(places.len(), known.iter().collect::<std::collections::HashSet<_>>().len());
            let asked: Vec<(usize, Key)> = asked.into_iter().enumerate().collect();
            let found = places.get_all(&asked);
            for (row, part, place) in &found {
                prop_assert_eq!(of_part[*part][*place as usize], asked[*row].1);
            }
            let rows: Vec<usize> = found.iter().map(|(row, ..)| *row).collect();
            let expected = asked.iter().filter(|(_, key)| known.contains(key)).map(|(row, _)| *row);
            prop_assert_eq!(rows, expected.collect::<Vec<_>>());
            for (row, part, place) in found {
                prop_assert_eq!(places.get(&asked[row].1), Some((part, place)));
            }
        }
    }
}
