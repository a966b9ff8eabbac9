//! The amount of something in a changed input.

use fastrand::Rng;

/// The longest input, in bytes: more than a rule file may have.
pub(super) const MAX_BYTES: usize = 2 << 20;

/// The most repetitions of something.
const MOST_REPEATED: usize = 40_000;

/// A depth of nesting, or a length of a chain: seldom a large one.
pub(super) fn times(random: &mut Rng) -> usize {
    match random.u8(..8) {
        0 => random.usize(..MOST_REPEATED),
        1 => random.usize(..300),
        _ => random.usize(..8),
    }
}

/// A number of copies of something of `size` bytes: as [`times`], within what an input may have.
pub(super) fn copies(size: usize, random: &mut Rng) -> usize {
    times(random).min(MAX_BYTES / size.max(1))
}
