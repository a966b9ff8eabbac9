//! How much of something there is in a changed input.

use fastrand::Rng;

/// The longest input, in bytes: more than a rule file may have.
pub(super) const MAX_BYTES: usize = 2 << 20;

/// How often something is repeated at most.
const MOST_REPEATED: usize = 40_000;

/// How deep something is nested, or how long a chain is: seldom a lot.
pub(super) fn times(random: &mut Rng) -> usize {
    match random.u8(..8) {
        0 => random.usize(..MOST_REPEATED),
        1 => random.usize(..300),
        _ => random.usize(..8),
    }
}

/// How many copies of something of `size` bytes are made: as [`times`], within what an input may have.
pub(super) fn copies(size: usize, random: &mut Rng) -> usize {
    times(random).min(MAX_BYTES / size.max(1))
}
