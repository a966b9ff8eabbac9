//! Changes that know nothing of a form.

use std::ops::Range;

use fastrand::Rng;

use super::amount::copies;

/// `input` with one change.
pub(super) fn change(input: &[u8], other: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut changed = input.to_vec();
    if changed.is_empty() {
        return other.to_vec();
    }
    let place = random.usize(..changed.len());
    match random.u8(..8) {
        0 => changed[place] ^= 1 << random.u8(..8),
        1 => changed[place] = random.choice([0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\n']).unwrap_or_default(),
        2 => drop(changed.drain(range(changed.len(), random))),
        3 => changed.truncate(place),
        4 => {
            let piece = other.get(range(other.len(), random)).unwrap_or_default();
            drop(changed.splice(place..place, piece.iter().copied()));
        }
        5 => {
            let piece = changed[range(changed.len(), random)].to_vec();
            let repeated = piece.repeat(copies(piece.len(), random));
            drop(changed.splice(place..place, repeated));
        }
        6 => {
            let bytes: Vec<u8> = (0..random.usize(1..9)).map(|_| random.u8(..)).collect();
            drop(changed.splice(place..place, bytes));
        }
        _ => {
            changed.truncate(place);
            changed.extend_from_slice(other.get(range(other.len(), random)).unwrap_or_default());
        }
    }
    changed
}

/// A short piece of a whole of this length.
fn range(length: usize, random: &mut Rng) -> Range<usize> {
    let from = random.usize(..=length);
    let most = if random.u8(..4) == 0 { length - from } else { (length - from).min(32) };
    from..from + random.usize(..=most)
}
