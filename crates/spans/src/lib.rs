//! OTLP in all its encodings, as decoded spans, as Arrow: the one span schema and its names.
//!
//! Pure: bytes in, values out; no clock, no environment, no storage.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`mod@decompress`] | an object's bytes → what was compressed |
//! | [`mod@detect`] | bytes → which encoding they are in |
//! | [`framing`] | a length-prefixed file → its messages |
//! | `json`, `protobuf` | one message → drafts of spans |
//! | `received`, `mending` | a value as it came → what its field makes of it, and what was [mended](mend) |
//! | `draft`, `assembly` | drafts → [`span::Span`]s, and what was [set aside](set_aside) |
//! | [`mod@decode`] | all of the above |
//! | [`flat`] | rows of others' span tables → drafts, and all that follows |
//! | [`identity`] | spans → which of them are one |
//! | [`schema`], [`layout`], [`batch`] | spans → Arrow record batches, and back |
//! | [`sampling`] | a trace state → the number of spans that a sampled one stands for |
//! | [`semconv`] | an attribute's name → its older and newer ones |
//! | [`text`] | an attribute's value → its canonical text, on which all matching is defined |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod assembly;
mod attributes;
pub mod batch;
pub mod counts;
pub mod decode;
pub mod decompress;
pub mod detect;
mod draft;
pub mod error;
pub mod flat;
pub mod framing;
mod id;
pub mod identity;
mod json;
pub mod layout;
pub mod limits;
pub mod mend;
mod mending;
mod protobuf;
mod received;
pub mod sampling;
pub mod schema;
pub mod semconv;
pub mod set_aside;
pub mod span;
pub mod text;

pub use assembly::Batch;
pub use counts::{Counts, Reasoned};
pub use decode::{Decoded, Rest, decode, decode_batches};
pub use decompress::decompress;
pub use error::DecodeError;
pub use flat::{SpanTable, decode_rows};
pub use limits::Limits;
pub use mend::{Mend, Mended, MendedSpans};
pub use set_aside::{Reason, SetAside};
