//! A message inside of a span, resource or scope. What breaks off costs what stands behind the break.

use super::wire::{Reader, Wire};
use crate::mend::Mend;
use crate::mending::Mending;

/// Reads a message field by field. False, and noted, where it breaks off.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    mending: &mut Mending<'_>,
    mut field: impl FnMut(u32, Wire<'a>, &mut Mending<'_>),
) -> bool {
    let mut reader = Reader::new(bytes);
    loop {
        match reader.field() {
            Ok(Some((number, wire))) => field(number, wire, mending),
            Ok(None) => return true,
            Err(_) => {
                mending.note(Mend::BreaksOff);
                return false;
            }
        }
    }
}
