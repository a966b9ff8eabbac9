//! One level of gzip or zstd, told by magic bytes, with bounded output.
//!
//! Never by suffix or header: the collector's exporter sets `Content-Encoding`, so that some clients
//! hand back the plain text of a `.json.gz`. Both formats allow several members (frames) one after
//! another, and zstd skippable frames; all are read. The bytes that come out are what the content
//! hash is made of.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::error::{Compression, DecodeError};
use crate::limits::Limits;

/// Returns the compression of bytes, by their first ones; `None` for plain bytes.
pub fn compression(bytes: &[u8]) -> Option<Compression> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A zstd frame, or a skippable one before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// The bytes themselves, or what they hold compressed.
///
/// # Errors
///
/// [`DecodeError::TooLarge`], [`CutOff`](DecodeError::CutOff), [`Damaged`](DecodeError::Damaged), and
/// [`CompressedTwice`](DecodeError::CompressedTwice) where compressed bytes come out.
pub fn decompress<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, DecodeError> {
    decompress_within(bytes, limits.max_bytes)
}

/// [`decompress`] with at most `limit` bytes of output.
pub(crate) fn decompress_within(bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, DecodeError> {
    let Some(compression) = compression(bytes) else {
        return if exceeds(bytes.len(), limit) {
            Err(DecodeError::TooLarge { limit })
        } else {
            Ok(Cow::Borrowed(bytes))
        };
    };
    let announced = match compression {
        Compression::Gzip => gzip_announces(bytes),
        Compression::Zstd => zstd_announces(bytes),
    };
    if announced > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    let output = match compression {
        Compression::Gzip => read_within(flate2::bufread::MultiGzDecoder::new(bytes), announced, limit),
        Compression::Zstd => zstd::stream::read::Decoder::with_buffer(bytes)
            .and_then(|decoder| read_within(decoder, announced, limit)),
    };
    let output = output.map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => DecodeError::CutOff { compression },
        _ => DecodeError::Damaged { compression, source },
    })?;
    let Some(output) = output else {
        return Err(DecodeError::TooLarge { limit });
    };
    match self::compression(&output) {
        Some(inner) => Err(DecodeError::CompressedTwice { outer: compression, inner }),
        None => Ok(Cow::Owned(output)),
    }
}

fn exceeds(length: usize, limit: u64) -> bool {
    u64::try_from(length).map_or(true, |length| length > limit)
}

/// Everything the reader yields, or `None` if that is more than `limit` bytes.
fn read_within(reader: impl Read, announced: u64, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // An announcement is a hint of strangers: it saves growing, up to a size that costs nothing.
    const LARGEST_HINT: u64 = 16 << 20;
    let mut output = Vec::with_capacity(usize::try_from(announced.min(LARGEST_HINT)).unwrap_or(0));
    reader.take(limit.saturating_add(1)).read_to_end(&mut output)?;
    Ok(if exceeds(output.len(), limit) { None } else { Some(output) })
}

/// Returns what the last four bytes of a gzip stream say: the length of its last member, modulo 2³². A stream that is
/// cut off says something else, so this is for bounds only.
fn gzip_announces(bytes: &[u8]) -> u64 {
    // DEFLATE cannot expand more than 1032-fold: a larger claim is no length but arbitrary bytes.
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(1032);
    match bytes.last_chunk::<4>() {
        Some(length) => Some(u64::from(u32::from_le_bytes(*length))).filter(|length| *length <= most),
        None => None,
    }
    .unwrap_or(0)
}

/// Returns what the first zstd frame says about its content; 0 where it does not.
fn zstd_announces(bytes: &[u8]) -> u64 {
    zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().unwrap_or(0)
}
