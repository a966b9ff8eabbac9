//! The places of keys: which of many keys a key is, or that it is none of them.

use std::hash::BuildHasher as _;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

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
    places: HashTable<u32>,
}

impl OfPart {
    fn of(lists: Vec<Vec<Key>>, hasher: &DefaultHashBuilder) -> Self {
        let mut part = Self::default();
        for key in lists.into_iter().flatten() {
            let is_it = |place: &u32| part.keys[*place as usize] == key;
            let of_place = |place: &u32| hasher.hash_one(part.keys[*place as usize]);
            if let Entry::Vacant(vacant) = part.places.entry(hasher.hash_one(key), is_it, of_place) {
                vacant.insert(index(part.keys.len()));
                part.keys.push(key);
            }
        }
        part.keys.shrink_to_fit();
        part
    }
}

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
        let part = self.parts.get(at)?;
        let place =
            part.places.find(self.hasher.hash_one(key), |place| part.keys[*place as usize] == *key)?;
        Some((at, *place))
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
