//! Ids of traces and spans as they came: what they are read from, and whether they can be what must stand there.

use crate::received::{Received, from_base64};
use crate::set_aside::Reason;

/// An id as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Id<const N: usize> {
    /// Not there, or empty.
    #[default]
    Missing,
    /// There, but not `N` bytes.
    Malformed,
    /// All `N` bytes, perhaps all zero.
    Bytes([u8; N]),
}

impl<const N: usize> Id<N> {
    /// An id in text: hex of either case, or base64 as SDKs write it that print protobuf's own JSON. Their lengths
    /// differ, so neither is taken for the other.
    pub(crate) fn of_text(received: Received<'_>) -> Self {
        let Received::Text(text) = received else {
            return if received == Received::Nothing { Self::Missing } else { Self::Malformed };
        };
        let word = text.word();
        if text.raw().is_empty() {
            Self::Missing
        } else if word.len() == 2 * N {
            let mut id = [0; N];
            hex::decode_to_slice(word.as_bytes(), &mut id).map_or(Self::Malformed, |()| Self::Bytes(id))
        } else {
            from_base64(&word).and_then(|id| id.try_into().ok()).map_or(Self::Malformed, Self::Bytes)
        }
    }

    /// An id in a table, where nothing says whether it is in bytes or in text.
    pub(crate) fn of_table(received: Received<'_>) -> Self {
        match received {
            // Digits alone are text of half the length that it should have. Three of 10⁹ span ids in bytes look like that.
            Received::Text(bytes) if !bytes.raw().iter().all(u8::is_ascii_hexdigit) => {
                <[u8; N]>::try_from(bytes.raw()).map_or_else(|_| Self::of_text(received), Self::Bytes)
            }
            _ => Self::of_text(received),
        }
    }

    /// Returns the id, or why there is none where one must be.
    pub(crate) fn required(
        self,
        missing: Reason,
        malformed: Reason,
        zero: Reason,
    ) -> Result<[u8; N], Reason> {
        match self {
            Self::Missing => Err(missing),
            Self::Malformed => Err(malformed),
            Self::Bytes(id) if id == [0; N] => Err(zero),
            Self::Bytes(id) => Ok(id),
        }
    }

    /// The id of a link, of which zeros stand for one that is missing; none where it is malformed.
    pub(crate) fn optional(self) -> Option<[u8; N]> {
        match self {
            Self::Missing => Some([0; N]),
            Self::Malformed => None,
            Self::Bytes(id) => Some(id),
        }
    }
}
