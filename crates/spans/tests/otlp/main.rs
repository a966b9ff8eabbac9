//! The decoder from outside: real payloads, everything that is met in the wild as a named case, and
//! laws that hold for any bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod documents;
mod json_spans;
mod json_values;
mod limits;
mod mended;
mod objects;
mod properties;
mod protobuf_spans;
mod requests;
mod samples;
mod wire;

use fluo_spans::{Decoded, Limits, Reasoned as _};

/// Decodes what must decode.
fn decode(bytes: &[u8]) -> Decoded {
    fluo_spans::decode(bytes, &Limits::default()).unwrap()
}

/// Returns why bytes do not decode, in full.
fn refusal(bytes: &[u8]) -> String {
    let error = fluo_spans::decode(bytes, &Limits::default()).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The names of decoded spans.
fn names(decoded: &Decoded) -> Vec<&str> {
    decoded.spans.iter().map(|span| span.name.as_str()).collect()
}

/// Returns the faults that were mended, as users see them.
fn mended(decoded: &Decoded) -> Vec<(&'static str, u64)> {
    decoded.mended.counts().reasons.iter().map(|(reason, count)| (reason.as_str(), count)).collect()
}

/// Returns what was set aside, as users see it.
fn set_aside(decoded: &Decoded) -> Vec<(&'static str, u64)> {
    decoded.set_aside.iter().map(|(reason, count)| (reason.as_str(), count)).collect()
}
