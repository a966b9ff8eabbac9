//! An object of the raw prefix, whatever its encoding, to spans.
//!
//! ```text
//! bytes ─ decompress ─ detect ─┬─ JSON documents ──────────────┐
//!                              ├─ one protobuf request ────────┼─ drafts ─ assembly ─▶ batches of spans
//!                              └─ frames ─ each of the above ──┘
//! ```
//!
//! Three sizes of what can be wrong. A value is [mended](crate::mend), and its span counts. What has a boundary of its
//! own and cannot be placed (a span; a part of a request; a line, frame or array element among others) is [set
//! aside](crate::set_aside) and counted, and its neighbours are kept. What breaks the boundaries themselves (a
//! compressed stream, a lone document's syntax, the outermost lengths) is a [`DecodeError`], and nothing of the object
//! counts.

use std::ops::ControlFlow;

use crate::assembly::{Assembly, Batch};
use crate::decompress::{decompress, decompress_within};
use crate::detect::{Encoding, detect};
use crate::error::DecodeError;
use crate::framing::Frames;
use crate::limits::Limits;
use crate::mend::MendedSpans;
use crate::set_aside::SetAside;
use crate::span::Span;
use crate::{json, protobuf};

/// The version of what [`decode`] makes of an object. It is part of data files' names: raise it when the same bytes
/// decode to other spans.
pub const DECODER_VERSION: u32 = 2;

/// The counts of an object beside its spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest {
    /// The spans that could not be placed.
    pub set_aside: SetAside,
    /// Documents (lines, elements, frames) of logs, metrics or profiles.
    pub other_signals: u64,
}

/// The content of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Its spans, in the order received.
    pub spans: Vec<Span>,
    /// Those of them that were mended.
    pub mended: MendedSpans,
    /// The spans that could not be placed.
    pub set_aside: SetAside,
    /// Documents (lines, elements, frames) of logs, metrics or profiles.
    pub other_signals: u64,
}

/// Decodes an object as it lies in the bucket. All its spans are then in memory: [`decode_batches`] is for what
/// strangers send.
///
/// # Errors
///
/// See [`DecodeError`]; all are permanent.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut all = Batch::default();
    let rest = decode_batches(&decompress(bytes, limits)?, limits, &mut |batch| {
        all.spans.extend(batch.spans);
        all.mended.merge(batch.mended);
        ControlFlow::Continue(())
    })?;
    let Rest { set_aside, other_signals } = rest;
    Ok(Decoded { spans: all.spans, mended: all.mended, set_aside, other_signals })
}

/// Decodes what [`decompress`] returned, and hands its spans to `sink` in small batches, until it wants no more.
///
/// # Errors
///
/// See [`DecodeError`]; all are permanent. What was handed over does not count then.
pub fn decode_batches(
    bytes: &[u8],
    limits: &Limits,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<Rest, DecodeError> {
    let mut assembly = Assembly::new(limits, sink);
    match detect(bytes) {
        Encoding::Json => json::read(bytes, &mut assembly),
        Encoding::Protobuf => protobuf::read(bytes, &mut assembly),
        Encoding::LengthPrefixed => {
            // One allowance for all frames, so that many small bombs are not a way around it.
            let mut left = limits.max_bytes;
            for frame in Frames::new(bytes) {
                if assembly.is_stopped() {
                    break;
                }
                match frame.and_then(|frame| decompress_within(frame, left)) {
                    Ok(message) => {
                        left = left.saturating_sub(u64::try_from(message.len()).unwrap_or(u64::MAX));
                        match detect(&message) {
                            Encoding::Json => json::read(&message, &mut assembly),
                            // Frames do not nest: lengths in a frame are a broken message.
                            Encoding::Protobuf | Encoding::LengthPrefixed => {
                                protobuf::read(&message, &mut assembly);
                            }
                        }
                    }
                    Err(DecodeError::TooLarge { .. }) => {
                        return Err(DecodeError::TooLarge { limit: limits.max_bytes });
                    }
                    Err(error) => {
                        assembly.begin_document();
                        assembly.document_failed(error);
                    }
                }
            }
        }
    }
    let (set_aside, other_signals) = assembly.finish()?;
    Ok(Rest { set_aside, other_signals })
}
