//! Numbers that look random and are the same in every run: `SplitMix64`.
//!
//! Integers only: floating-point functions may differ in their last digit from one platform to the next, and the
//! demo's files may not.

/// A generator, see <https://prng.di.unimi.it/splitmix64.c>.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to, and not including, `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        // The high half of the product: no modulo, and a bias of 2⁻⁶⁴ × the range that nobody can see.
        let range = u128::from(high.saturating_sub(low).max(1));
        let offset = (u128::from(self.next()) * range) >> 64;
        low.saturating_add(u64::try_from(offset).unwrap_or(0))
    }

    /// True `in_thousand` times of a thousand.
    pub(crate) fn chance(&mut self, in_thousand: u64) -> bool {
        self.between(0, 1000) < in_thousand
    }

    /// One of several.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T {
        const { assert!(N > 0, "nothing to pick from") };
        items[usize::try_from(self.between(0, N as u64)).unwrap_or(0)]
    }

    /// Bytes of an id; never all zero.
    pub(crate) fn id<const N: usize>(&mut self) -> [u8; N] {
        let mut id = [0; N];
        for chunk in id.chunks_mut(8) {
            let length = chunk.len();
            chunk.copy_from_slice(&self.next().to_le_bytes()[..length]);
        }
        if let Some(first) = id.first_mut() {
            *first |= 1;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The first outputs for seed 1234567 of the reference implementation.
        let mut random = Random::new(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn both_ends_of_a_range_are_kept() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| random.between(3, 6)).collect();
        assert!(drawn.iter().all(|number| (3..6).contains(number)));
        assert!((3..6).all(|number| drawn.contains(&number)));
        assert_eq!(random.between(5, 5), 5, "an empty range is its lower end");
    }
}
