//! An object of the raw prefix, whatever its encoding, to spans.
//!
//! ```text
//! bytes ─ decompress ─ detect ─┬─ JSON documents ──────────────┐
//!                              ├─ one protobuf request ────────┼─ drafts ─ assembly ─▶ Decoded
//!                              └─ frames ─ each of the above ──┘
//! ```
//!
//! Two sizes of failure. What has a boundary of its own (a span; a line, frame or array element among
//! others) is set aside and counted, and its neighbours are kept. What breaks the boundaries themselves
//! (a compressed stream, a lone document's syntax, lengths above the spans) is a [`DecodeError`], and
//! nothing of the object counts.

use crate::assembly::Assembly;
use crate::decompress::{decompress, decompress_within};
use crate::detect::{Encoding, detect};
use crate::error::DecodeError;
use crate::framing::Frames;
use crate::set_aside::{Reason, SetAside};
use crate::span::Span;
use crate::{json, protobuf};

/// The version of what [`decode`] makes of an object. It is part of data files' names: raise it when the same bytes
/// decode to other spans.
pub const DECODER_VERSION: u32 = 1;

/// Bounds that keep a hostile object from taking the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that an object may decompress to, over all frames. Default 256 MiB.
    pub max_bytes: u64,
    /// How deep arrays and maps may nest in an attribute's value. Default 64; values above 100 count as
    /// 100, which is what [`text::array`](crate::text::array) is sure to read back.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_depth: 64 }
    }
}

impl Limits {
    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(100)
    }
}

/// What an object held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Its spans, in the order received.
    pub spans: Vec<Span>,
    /// What could not be made a span of.
    pub set_aside: SetAside,
}

impl Decoded {
    /// Sets aside spans that end more than `max_future_ns` after `ingested_at_ns`, the moment at which
    /// the object was written (nanoseconds since the Unix epoch): a clock that is that wrong would put
    /// them before every watermark.
    pub fn set_aside_future(&mut self, ingested_at_ns: i64, max_future_ns: i64) {
        let latest = ingested_at_ns.saturating_add(max_future_ns);
        let before = self.spans.len();
        self.spans.retain(|span| span.end_ns <= latest);
        let count = before - self.spans.len();
        self.set_aside.add(Reason::EndInFuture, u64::try_from(count).unwrap_or(u64::MAX));
    }
}

/// Decodes an object as it lies in the bucket.
///
/// # Errors
///
/// See [`DecodeError`]; all are permanent.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    decode_decompressed(&decompress(bytes, limits)?, limits)
}

/// Decodes what [`decompress`] returned.
///
/// # Errors
///
/// See [`DecodeError`]; all are permanent.
pub fn decode_decompressed(bytes: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut assembly = Assembly::default();
    match detect(bytes) {
        Encoding::Json => json::read(bytes, &mut assembly, limits),
        Encoding::Protobuf => protobuf::read(bytes, &mut assembly, limits),
        Encoding::LengthPrefixed => {
            // One allowance for all frames, so that many small bombs are not a way around it.
            let mut left = limits.max_bytes;
            for frame in Frames::new(bytes) {
                match frame.and_then(|frame| decompress_within(frame, left)) {
                    Ok(message) => {
                        left = left.saturating_sub(u64::try_from(message.len()).unwrap_or(u64::MAX));
                        match detect(&message) {
                            Encoding::Json => json::read(&message, &mut assembly, limits),
                            // Frames do not nest: lengths in a frame are a broken message.
                            Encoding::Protobuf | Encoding::LengthPrefixed => {
                                protobuf::read(&message, &mut assembly, limits);
                            }
                        }
                    }
                    Err(DecodeError::TooLarge { .. }) => {
                        return Err(DecodeError::TooLarge { limit: limits.max_bytes });
                    }
                    Err(error) => assembly.document_failed(error),
                }
            }
        }
    }
    let (spans, set_aside) = assembly.finish()?;
    Ok(Decoded { spans, set_aside })
}
