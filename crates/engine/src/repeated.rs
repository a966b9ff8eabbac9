//! Numbers that come more than once among many, found without sorting them all.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashSet;

/// Numbers by their upper bits, in a form that is quick to say that one is not among them.
///
/// Numbers that lie together have marks that lie together: who goes through time stays in a processor's cache.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    words: Vec<AtomicU64>,
    shift: u32,
}

/// Marks for each number: more of them make fewer that only seem to be there.
const A_NUMBER: u64 = 16;

/// The most marks: 32 MiB.
const MOST: u64 = 1 << 28;

impl Marks {
    /// For so many numbers, of which none is below `least` or above `most`.
    fn for_numbers(count: u64, least: u64, most: u64) -> Self {
        let marks = count.saturating_mul(A_NUMBER).clamp(64, MOST).next_power_of_two();
        let width = u64::BITS - (most - least).leading_zeros();
        let words = (0..marks / 64).map(|_| AtomicU64::new(0)).collect();
        Self { words, shift: width.saturating_sub(marks.trailing_zeros()) }
    }

    /// Of these numbers.
    pub(crate) fn of(numbers: impl Iterator<Item = u64> + Clone) -> Self {
        let (Some(least), Some(most)) = (numbers.clone().min(), numbers.clone().max()) else {
            return Self::default();
        };
        let marks = Self::for_numbers(numbers.clone().count() as u64, least, most);
        for number in numbers {
            marks.mark(number);
        }
        marks
    }

    fn place(&self, number: u64) -> (&AtomicU64, u64) {
        let at = number >> self.shift;
        let word = (at >> 6) as usize & (self.words.len() - 1);
        (&self.words[word], 1 << (at & 63))
    }

    /// Marks a number. Returns whether it was marked before.
    fn mark(&self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        word.fetch_or(bit, Ordering::Relaxed) & bit != 0
    }

    /// False only where the number is not among them.
    pub(crate) fn may_be(&self, number: u64) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let (word, bit) = self.place(number);
        word.load(Ordering::Relaxed) & bit != 0
    }
}

/// The numbers that threads have seen, by their marks.
#[derive(Debug)]
pub(crate) struct Seen {
    once: Marks,
    twice: Marks,
}

impl Seen {
    /// For about so many numbers, of which few are below `least` or above `most`.
    pub(crate) fn none(count: u64, least: u64, most: u64) -> Self {
        let marks = || Marks::for_numbers(count, least, most.max(least));
        Self { once: marks(), twice: marks() }
    }

    /// Sees a number, which is kept elsewhere.
    pub(crate) fn see(&self, number: u64) {
        if self.once.mark(number) {
            self.twice.mark(number);
        }
    }

    /// Those that were seen more than once. `lists`: all that were seen.
    pub(crate) fn repeated(&self, lists: &[Vec<u64>]) -> HashSet<u64> {
        let all = lists.iter().flatten().copied();
        let mut may_be: Vec<u64> = all.filter(|number| self.twice.may_be(*number)).collect();
        may_be.sort_unstable();
        may_be.chunk_by(|one, other| one == other).filter(|same| same.len() > 1).map(|same| same[0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let number = prop_oneof![0..50_u64, any::<u64>(), (0..9_u64).prop_map(|at| at << 60)];
        proptest::collection::vec(number, 0..200)
    }

    proptest! {
        #[test]
        fn those_that_come_more_than_once_are_found(
            lists in proptest::collection::vec(numbers(), 0..4),
            (count, one, other) in (0..1000_u64, any::<u64>(), any::<u64>()),
        ) {
            let mut counted: BTreeMap<u64, u32> = BTreeMap::new();
            let seen = Seen::none(count, one.min(other), one.max(other));
            for number in lists.iter().flatten() {
                *counted.entry(*number).or_default() += 1;
                seen.see(*number);
            }
            let found = seen.repeated(&lists);
            let marks = Marks::of(lists.iter().flatten().copied());
            for (number, count) in counted {
                prop_assert_eq!(found.contains(&number), count > 1);
                prop_assert!(marks.may_be(number));
            }
        }
    }
}
